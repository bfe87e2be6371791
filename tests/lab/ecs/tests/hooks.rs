//! Deployments that wait at lifecycle hooks.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::ecs::StopCause;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A service of two tasks that runs the build `v1`, whose further deployments wait at `PRE_SCALE_UP`.
fn with_pause(timeout: Option<(i64, &str)>) -> Account {
    let account = account();
    let setup = account.service("shop", "backend").image("backend:latest").desired(2);
    setup.pause("PRE_SCALE_UP", timeout).create().unwrap();
    answer(&account, "CONTINUE");
    assert!(account.settle());
    account.take_events();
    account
}

fn answer(account: &Account, action: &str) {
    let paused = account.paused("shop", "backend").pop().unwrap();
    let input = json!({"serviceDeploymentArn": paused.deployment, "hookId": paused.hook, "action": action});
    let reply = account.ecs("ContinueServiceDeployment", input).unwrap();
    assert_eq!(reply, json!({"serviceDeploymentArn": paused.deployment}));
}

/// Begins to roll out the build `v2`; answers the ARN of the service deployment.
fn roll_v2(account: &Account) -> Value {
    account.push("backend", &["latest"], "v2").unwrap();
    roll(account)["currentServiceDeployment"].clone()
}

fn record(account: &Account, arn: &Value) -> Value {
    let described = account.ecs("DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]})).unwrap();
    described["serviceDeployments"][0].clone()
}

fn hook_events(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["detail-type"] == "ECS Hook State Change").collect()
}

fn hook_names(events: &[Value]) -> Vec<&str> {
    hook_events(events).iter().map(|event| event["detail"]["eventName"].as_str().unwrap()).collect()
}

fn started(events: &[Value]) -> usize {
    let wanted = events.iter().filter(|event| event["detail-type"] == "ECS Task State Change");
    wanted.filter(|event| event["detail"]["lastStatus"] == "PROVISIONING").count()
}

#[test]
fn a_deployment_waits_before_any_new_task_and_tells_who_may_answer() {
    let account = with_pause(None);
    let v1 = account.digest("backend", "latest").unwrap();
    let arn = roll_v2(&account);
    account.advance(MINUTE * 60);
    assert_eq!(account.running("shop", "backend"), [v1]);
    let events = account.take_events();
    assert_eq!((started(&events), names(&deployment_events(&events))), (0, vec!["IN_PROGRESS"]));
    let shown = record(&account, &arn);
    let told = hook_events(&events);
    assert_eq!(told.len(), 1);
    let event = told[0];
    let hook = &shown["lifecycleHookDetails"][0];
    assert_eq!((&shown["status"], &shown["lifecycleStage"]), (&json!("IN_PROGRESS"), &json!("PRE_SCALE_UP")));
    assert_eq!((&hook["status"], &hook["targetType"]), (&json!("AWAITING_ACTION"), &json!("PAUSE")));
    assert_eq!(hook["timeoutAction"], "ROLLBACK");
    let paused = account.paused("shop", "backend").pop().unwrap();
    assert_eq!(paused.expires_at.duration_since(account.clock().now()), MINUTE * 60 * 23);
    assert_eq!(hook["expiresAt"], crate::context::epoch(paused.expires_at));
    assert_eq!(event["resources"], json!([arn]));
    let detail = &event["detail"];
    assert_eq!((&detail["eventName"], &detail["eventType"]), (&json!("HOOK_AWAITING_ACTION"), &json!("INFO")));
    assert_eq!((&detail["hookId"], &detail["serviceDeploymentArn"]), (&hook["hookId"], &arn));
    assert_eq!((&detail["hookType"], &detail["lifecycleStage"]), (&json!("PAUSE"), &json!("PRE_SCALE_UP")));
    assert_eq!(detail["serviceArn"], "arn:aws:ecs:eu-west-1:123456789012:service/shop/backend");
    assert!(hook["hookId"].as_str().unwrap().starts_with("ecs-pause-"));
    assert!(!account.is_steady());
}

#[test]
fn continued_it_goes_on_and_cannot_be_answered_again() {
    let account = with_pause(None);
    let arn = roll_v2(&account);
    account.advance(MINUTE);
    let paused = account.paused("shop", "backend").pop().unwrap();
    assert_eq!((json!(paused.deployment), paused.stage), (arn.clone(), "PRE_SCALE_UP"));
    answer(&account, "CONTINUE");
    assert_eq!(record(&account, &arn)["lifecycleStage"], "SCALE_UP");
    assert!(account.settle());
    assert_eq!(account.running("shop", "backend"), [account.digest("backend", "latest").unwrap()]);
    let shown = record(&account, &arn);
    assert_eq!(
        (&shown["status"], &shown["lifecycleHookDetails"][0]["status"]),
        (&json!("SUCCESSFUL"), &json!("SUCCEEDED"))
    );
    assert_eq!(hook_names(&account.take_events()), ["HOOK_AWAITING_ACTION", "HOOK_SUCCEEDED"]);
    let again = json!({"serviceDeploymentArn": arn, "hookId": paused.hook, "action": "ROLLBACK"});
    assert_eq!(account.ecs("ContinueServiceDeployment", again).unwrap_err().code, "InvalidParameterException");
    account.advance(SignedDuration::from_hours(48));
    assert_eq!(hook_names(&account.take_events()), [""; 0], "its time does not run out any more");
}

#[track_caller]
fn check_back(account: &Account, arn: &Value, hook: &str, event: &str) {
    let v1 = account.running("shop", "backend");
    assert!(account.settle());
    let events = account.take_events();
    assert_eq!((started(&events), stops(&events).len()), (0, 0), "what served goes on serving");
    assert_eq!(account.running("shop", "backend"), v1);
    assert_eq!(names(&deployment_events(&events)), ["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]);
    assert_eq!(hook_names(&events), ["HOOK_AWAITING_ACTION", event]);
    let shown = record(account, arn);
    assert_eq!(
        (&shown["status"], &shown["lifecycleHookDetails"][0]["status"]),
        (&json!("ROLLBACK_SUCCESSFUL"), &json!(hook))
    );
    let service = describe(account);
    assert_eq!((&service["runningCount"], service["deployments"].as_array().unwrap().len()), (&json!(2), 1));
    account.end_task("shop", "backend", StopCause::Exit(1)).unwrap();
    assert!(account.settle());
    assert_eq!((describe(account)["runningCount"].as_u64(), account.running("shop", "backend")), (Some(2), v1));
}

#[test]
fn rolled_back_it_leaves_the_tasks_that_run_as_they_are() {
    let account = with_pause(None);
    let arn = roll_v2(&account);
    account.advance(MINUTE);
    answer(&account, "ROLLBACK");
    check_back(&account, &arn, "FAILED", "HOOK_FAILED");
}

#[test]
fn without_an_answer_it_goes_back_when_its_time_is_over() {
    let account = with_pause(Some((30, "ROLLBACK")));
    let arn = roll_v2(&account);
    account.advance(MINUTE * 29);
    assert_eq!(account.paused("shop", "backend").len(), 1);
    account.advance(MINUTE);
    check_back(&account, &arn, "TIMED_OUT", "HOOK_TIMED_OUT");
}

#[test]
fn without_an_answer_it_goes_on_if_it_was_told_to() {
    let account = with_pause(Some((30, "CONTINUE")));
    roll_v2(&account);
    account.advance(MINUTE * 31);
    assert!(account.settle());
    assert_eq!(account.running("shop", "backend"), [account.digest("backend", "latest").unwrap()]);
    assert_eq!(hook_names(&account.take_events()), ["HOOK_AWAITING_ACTION", "HOOK_TIMED_OUT"]);
}

#[test]
fn while_it_waits_the_former_tasks_are_kept_replaced_and_scaled() {
    let account = with_pause(None);
    let v1 = account.running("shop", "backend");
    roll_v2(&account);
    account.end_tasks("shop", "backend", StopCause::Exit(1));
    account.advance(MINUTE * 5);
    assert_eq!(
        (describe(&account)["runningCount"].as_u64(), account.running("shop", "backend")),
        (Some(2), v1.clone())
    );
    for desired in [3, 1] {
        account
            .ecs("UpdateService", json!({"cluster": "shop", "service": "backend", "desiredCount": desired}))
            .unwrap();
        account.advance(MINUTE * 5);
        assert_eq!(
            (describe(&account)["runningCount"].as_u64(), account.running("shop", "backend")),
            (Some(desired), v1.clone())
        );
    }
    assert_eq!(account.paused("shop", "backend").len(), 1);
    answer(&account, "CONTINUE");
    assert!(account.settle());
    assert_ne!(account.running("shop", "backend"), v1);
    assert_eq!(describe(&account)["runningCount"], 1);
}

#[test]
fn a_newer_deployment_takes_the_place_of_one_that_waits_and_waits_itself() {
    let account = with_pause(None);
    let first = roll_v2(&account);
    let hook = record(&account, &first)["lifecycleHookDetails"][0]["hookId"].clone();
    account.advance(MINUTE);
    account.push("backend", &["latest"], "v3").unwrap();
    let second = roll(&account)["currentServiceDeployment"].clone();
    let former = record(&account, &first);
    assert_eq!(
        (&former["status"], &former["lifecycleHookDetails"][0]["status"]),
        (&json!("STOPPED"), &json!("FAILED"))
    );
    let late = json!({"serviceDeploymentArn": first, "hookId": hook, "action": "CONTINUE"});
    assert_eq!(account.ecs("ContinueServiceDeployment", late).unwrap_err().code, "InvalidParameterException");
    account.advance(MINUTE);
    let paused = account.paused("shop", "backend");
    assert_eq!(paused.iter().map(|it| json!(it.deployment)).collect::<Vec<_>>(), [second]);
    answer(&account, "CONTINUE");
    assert!(account.settle());
    assert_eq!(account.running("shop", "backend"), [account.digest("backend", "latest").unwrap()]);
}

#[test]
fn a_deployment_that_waits_can_be_stopped_like_any_other() {
    let account = with_pause(None);
    let arn = roll_v2(&account);
    account.advance(MINUTE);
    account.ecs("StopServiceDeployment", json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"})).unwrap();
    assert!(account.paused("shop", "backend").is_empty());
    assert!(account.settle());
    assert_eq!(record(&account, &arn)["status"], "ROLLBACK_SUCCESSFUL");
}

#[test]
fn the_first_deployment_waits_too_and_has_nothing_to_go_back_to() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").pause("PRE_SCALE_UP", None).create().unwrap();
    account.advance(MINUTE * 10);
    assert_eq!((account.running("shop", "backend").len(), account.paused("shop", "backend").len()), (0, 1));
    answer(&account, "ROLLBACK");
    account.advance(MINUTE * 10);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["ROLLBACK_FAILED"]);
    assert_eq!(account.running("shop", "backend").len(), 0);
}

#[test]
fn two_hooks_of_a_stage_are_both_to_be_answered_and_those_of_other_stages_in_turn() {
    let account = account();
    let setup = account.service("shop", "backend").image("backend:latest").strategy("BLUE_GREEN");
    let setup = setup.pause("PRE_SCALE_UP", None).pause("PRE_SCALE_UP", Some((60, "CONTINUE")));
    setup.pause("POST_SCALE_UP", None).create().unwrap();
    let stages = || account.paused("shop", "backend").iter().map(|it| it.stage).collect::<Vec<_>>();
    assert_eq!(stages(), ["PRE_SCALE_UP"; 2]);
    answer(&account, "CONTINUE");
    account.advance(MINUTE * 5);
    assert_eq!((stages(), account.running("shop", "backend").len()), (vec!["PRE_SCALE_UP"], 0));
    answer(&account, "CONTINUE");
    account.advance(MINUTE * 5);
    assert_eq!((stages(), account.running("shop", "backend").len()), (vec!["POST_SCALE_UP"], 1));
    assert_eq!(account.deployment_statuses("shop", "backend"), ["IN_PROGRESS"]);
    answer(&account, "CONTINUE");
    assert!(account.settle());
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL"]);
}

#[track_caller]
fn check_refused(hook: &Value) {
    let account = account();
    let hooks = json!({"lifecycleHooks": [hook]});
    let refused = account.service("shop", "backend").with("deploymentConfiguration", hooks.clone()).create();
    assert_eq!(refused.unwrap_err().code, "InvalidParameterException");
    account.service("shop", "backend").running().unwrap();
    let update = json!({"cluster": "shop", "service": "backend", "deploymentConfiguration": hooks});
    assert_eq!(account.ecs("UpdateService", update).unwrap_err().code, "InvalidParameterException");
}

#[test]
fn hooks_that_aws_refuses_are_refused() {
    check_refused(&json!({"targetType": "PAUSE"}));
    for stage in ["TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "SCALE_UP", "NONESUCH"] {
        check_refused(&json!({"targetType": "PAUSE", "lifecycleStages": [stage]}));
    }
    for timeout in [json!({"timeoutInMinutes": 0}), json!({"timeoutInMinutes": 20_161}), json!({"action": "STOP"})] {
        check_refused(
            &json!({"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": timeout}),
        );
    }
}

#[test]
fn what_does_not_wait_cannot_be_continued() {
    let account = with_pause(None);
    let arn = roll_v2(&account);
    let refused = |input: Value| account.ecs("ContinueServiceDeployment", input).unwrap_err().code;
    assert_eq!(refused(json!({"serviceDeploymentArn": arn, "hookId": "none"})), "InvalidParameterException");
    assert_eq!(refused(json!({"serviceDeploymentArn": arn})), "InvalidParameterException");
    assert_eq!(
        refused(json!({"serviceDeploymentArn": "none", "hookId": "none"})),
        "ServiceDeploymentNotFoundException"
    );
    let hook = account.paused("shop", "backend").pop().unwrap().hook;
    let wrong = json!({"serviceDeploymentArn": arn, "hookId": hook, "action": "WAIT"});
    assert_eq!(refused(wrong), "InvalidParameterException");
}

#[test]
fn a_service_revision_shows_where_and_how_its_tasks_run() {
    let account = account();
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}});
    account.service("shop", "backend").with("networkConfiguration", network.clone()).running().unwrap();
    let revision = describe(&account)["currentServiceRevisions"][0]["arn"].clone();
    let shown = account.ecs("DescribeServiceRevisions", json!({"serviceRevisionArns": [revision]})).unwrap();
    let shown = &shown["serviceRevisions"][0];
    assert_eq!((&shown["networkConfiguration"], &shown["launchType"]), (&network, &json!("FARGATE")));
}
