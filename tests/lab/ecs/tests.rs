//! Scheduler scenarios, told by what an observer sees: what runs, which events came, how the rollouts ended.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Behaviour;
use super::model::Rollout;
use crate::account::Account;
use crate::clock::VirtualClock;
use crate::ecr::Build;

/// An account with a repository `backend`, whose tag `latest` is the build `v1`, and a way to see its events.
fn account() -> Account {
    let account = Account::new(VirtualClock::starting_at("2026-01-05T09:00:00Z".parse().unwrap()));
    account.push("backend", &["latest"], "v1").unwrap();
    account
}

fn with_service(desired: usize, breaker: Option<bool>) -> Account {
    let account = account();
    let mut setup = account.service("shop", "backend").image("backend:latest").desired(desired);
    if let Some(rollback) = breaker {
        setup = setup.breaker(rollback);
    }
    setup.running().unwrap();
    account.take_events();
    account
}

fn roll(account: &Account) -> Value {
    let request = json!({"cluster": "shop", "service": "backend", "forceNewDeployment": true});
    account.ecs("UpdateService", request).unwrap()["service"].clone()
}

/// Names of the deployment events since the last look, with the id that each is about.
fn deployment_events(events: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let wanted = events.iter().filter(|event| event["detail-type"] == "ECS Deployment State Change");
    wanted
        .map(|e| {
            (text(&e["detail"]["eventName"]).replace("SERVICE_DEPLOYMENT_", ""), text(&e["detail"]["deploymentId"]))
        })
        .collect()
}

fn names(events: &[(String, String)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

fn stops(events: &[Value]) -> Vec<&Value> {
    let mut stops: Vec<_> = events.iter().filter(|event| event["detail-type"] == "ECS Task State Change").collect();
    stops.retain(|event| event["detail"]["lastStatus"] == "STOPPED");
    stops.iter().map(|event| &event["detail"]).collect()
}

fn describe(account: &Account) -> Value {
    let request = json!({"cluster": "shop", "services": ["backend"], "include": ["TAGS"]});
    account.ecs("DescribeServices", request).unwrap()["services"][0].clone()
}

#[test]
fn a_first_rollout_brings_up_what_is_desired_and_completes() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").desired(3).create().unwrap();
    assert_eq!(describe(&account)["pendingCount"], 3);
    assert!(account.settle());
    let service = describe(&account);
    assert_eq!(
        (&service["runningCount"], &service["deployments"][0]["rolloutState"]),
        (&json!(3), &json!("COMPLETED"))
    );
    assert_eq!(names(&deployment_events(&account.take_events())), ["IN_PROGRESS", "COMPLETED"]);
    assert_eq!(account.running("shop", "backend"), [Build::from("v1").digest()]);
}

#[test]
fn a_rolling_update_replaces_every_task_and_never_falls_below_the_minimum() {
    let account = with_service(4, None);
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    let reply = roll(&account);
    let id = reply["deployments"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(reply["deployments"].as_array().unwrap().len(), 2);
    while !account.is_steady() {
        account.advance_to(account.next_due().unwrap());
        let service = describe(&account);
        assert!(service["runningCount"].as_u64().unwrap() >= 4, "{service}");
        let places = service["runningCount"].as_u64().unwrap() + service["pendingCount"].as_u64().unwrap();
        assert!(places <= 8, "{service}");
    }
    let events = account.take_events();
    assert_eq!(deployment_events(&events), [("IN_PROGRESS".to_owned(), id.clone()), ("COMPLETED".to_owned(), id)]);
    assert!(stops(&events).iter().all(|task| task["stoppedReason"].as_str().unwrap().starts_with("Scaling activity")));
    assert_eq!(account.running("shop", "backend"), [v2]);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "SUCCESSFUL"]);
}

#[test]
fn a_rolling_update_without_room_above_stops_old_tasks_first() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").desired(2).percent(50, 100).running().unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    roll(&account);
    while !account.is_steady() {
        account.advance_to(account.next_due().unwrap());
        let service = describe(&account);
        let running = service["runningCount"].as_u64().unwrap();
        assert!(running >= 1 && running + service["pendingCount"].as_u64().unwrap() <= 2, "{service}");
    }
    assert_eq!(account.running("shop", "backend"), [v2]);
}

#[test]
fn a_bad_image_trips_the_breaker_at_three_failures_and_rolls_back_to_the_digest_before() {
    let account = with_service(2, Some(true));
    let v1 = account.digest("backend", "latest").unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(2) });
    let failed = roll(&account)["deployments"][0]["id"].as_str().unwrap().to_owned();
    assert!(account.settle());
    let events = account.take_events();
    let rollout = deployment_events(&events);
    assert_eq!(names(&rollout), ["IN_PROGRESS", "FAILED", "IN_PROGRESS", "COMPLETED"]);
    assert!(rollout[0].1 == failed && rollout[1].1 == failed && rollout[2].1 != failed && rollout[2].1 == rollout[3].1);
    let crashed = stops(&events).iter().filter(|task| task["containers"][0]["exitCode"] == 1).count();
    assert!((3..=4).contains(&crashed), "{crashed}");
    assert_eq!(account.running("shop", "backend"), [v1]);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL"]);
    assert_eq!(account.digest("backend", "latest"), Some(v2), "the tag still points at the bad image");
}

#[test]
fn the_breaker_without_rollback_fails_the_rollout_and_starts_no_more_tasks() {
    let account = with_service(1, Some(false));
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::CannotPull);
    roll(&account);
    account.advance(SignedDuration::from_hours(2));
    let events = account.take_events();
    assert_eq!(names(&deployment_events(&events)), ["IN_PROGRESS", "FAILED"]);
    assert_eq!(stops(&events).len(), 3);
    assert_eq!(stops(&events)[0]["stopCode"], "TaskFailedToStart");
    assert!(stops(&events)[0]["stoppedReason"].as_str().unwrap().starts_with("CannotPullContainerError: "));
    assert_eq!(account.running("shop", "backend"), [Build::from("v1").digest()]);
    assert_eq!(describe(&account)["deployments"][0]["rolloutState"], "FAILED");
}

#[test]
fn without_a_breaker_a_bad_image_is_tried_for_ever_and_nothing_says_failed() {
    let account = with_service(1, None);
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::CrashAtStart { exit_code: 127, after: SignedDuration::ZERO });
    roll(&account);
    account.advance(SignedDuration::from_hours(24));
    let events = account.take_events();
    assert_eq!(names(&deployment_events(&events)), ["IN_PROGRESS"]);
    let tried = stops(&events).len();
    assert!((40..=80).contains(&tried), "tried {tried} times: the scheduler slows down, and never gives up");
    assert!(events.iter().any(|event| event["detail"]["eventName"] == "SERVICE_TASK_START_IMPAIRED"));
    assert_eq!(account.running("shop", "backend"), [Build::from("v1").digest()]);
}

#[test]
fn a_crash_after_running_restarts_for_ever_without_a_deployment_event() {
    let account = with_service(1, Some(true));
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::OutOfMemory { after: SignedDuration::from_mins(1) });
    roll(&account);
    account.advance(SignedDuration::from_hours(1));
    let events = account.take_events();
    assert_eq!(names(&deployment_events(&events)), ["IN_PROGRESS", "COMPLETED"]);
    let crashes: Vec<_> =
        stops(&events).into_iter().filter(|task| task["stopCode"] == "EssentialContainerExited").collect();
    assert!(crashes.len() > 30, "{}", crashes.len());
    for task in crashes {
        assert_eq!(task["containers"][0]["exitCode"], 137);
        assert!(task["containers"][0]["reason"].as_str().unwrap().starts_with("OutOfMemoryError"));
        assert!(task["startedAt"].is_string());
    }
    assert_eq!(describe(&account)["deployments"][0]["failedTasks"], 0);
}

#[test]
fn a_task_that_never_becomes_healthy_counts_for_the_breaker() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").health_check().breaker(true).running().unwrap();
    account.take_events();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::NeverHealthy);
    roll(&account);
    assert!(account.settle());
    let events = account.take_events();
    assert_eq!(names(&deployment_events(&events)), ["IN_PROGRESS", "FAILED", "IN_PROGRESS", "COMPLETED"]);
    assert_eq!(stops(&events)[0]["stoppedReason"], "Task failed container health checks");
}

#[test]
fn a_newer_update_supersedes_the_one_under_way() {
    let account = with_service(2, Some(true));
    account.push("backend", &["latest"], "v2").unwrap();
    roll(&account);
    account.advance(SignedDuration::from_secs(10));
    let v3 = account.push("backend", &["latest"], "v3").unwrap();
    roll(&account);
    assert!(account.settle());
    assert_eq!(names(&deployment_events(&account.take_events())), ["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]);
    assert_eq!(account.running("shop", "backend"), [v3]);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
}

#[test]
fn a_tag_that_moves_during_a_rollout_does_not_mix_digests() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").desired(3).percent(0, 100).running().unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    roll(&account);
    account.advance(SignedDuration::from_secs(10));
    account.push("backend", &["latest"], "v3").unwrap();
    assert!(account.settle());
    account.ecs("UpdateService", json!({"cluster": "shop", "service": "backend", "desiredCount": 5})).unwrap();
    assert!(account.settle());
    assert_eq!(account.running("shop", "backend"), [v2]);
    assert_eq!(describe(&account)["runningCount"], 5);
}

#[test]
fn a_digest_that_was_deleted_cannot_be_pulled_again() {
    let account = with_service(1, None);
    let v1 = account.digest("backend", "latest").unwrap();
    account.push("backend", &["latest"], "v2").unwrap();
    account.delete_image("backend", &v1);
    account.ecs("UpdateService", json!({"cluster": "shop", "service": "backend", "desiredCount": 2})).unwrap();
    account.advance(SignedDuration::from_mins(5));
    let events = account.take_events();
    let reason = stops(&events)[0]["stoppedReason"].as_str().unwrap().to_owned();
    assert!(reason.contains(&format!("backend@{v1}: not found")), "{reason}");
    assert_eq!(account.running("shop", "backend"), [v1]);
}

#[test]
fn a_stopped_service_deployment_rolls_back_without_a_breaker() {
    let account = with_service(1, None);
    let v1 = account.digest("backend", "latest").unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::CannotPull);
    let record = roll(&account)["currentServiceDeployment"].clone();
    account.advance(SignedDuration::from_mins(2));
    account.ecs("StopServiceDeployment", json!({"serviceDeploymentArn": record, "stopType": "ROLLBACK"})).unwrap();
    assert!(account.settle());
    assert_eq!(account.running("shop", "backend"), [v1]);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL"]);
    let again = account.ecs("StopServiceDeployment", json!({"serviceDeploymentArn": record}));
    assert_eq!(again.unwrap_err().code, "ConflictException");
}

#[test]
fn nothing_to_run_completes_at_once() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").desired(0).create().unwrap();
    assert_eq!(names(&deployment_events(&account.take_events())), ["IN_PROGRESS", "COMPLETED"]);
    assert_eq!(account.next_due(), None);
}

#[test]
fn task_events_count_their_version_up_and_end_with_stopped() {
    let account = with_service(1, None);
    roll(&account);
    account.settle();
    let events = account.take_events();
    let old = stops(&events)[0]["taskArn"].clone();
    let seen: Vec<_> = events
        .iter()
        .filter(|event| event["detail"]["taskArn"] == old)
        .map(|event| (event["detail"]["lastStatus"].as_str().unwrap(), event["detail"]["version"].as_u64().unwrap()))
        .collect();
    assert_eq!(seen, [("DEACTIVATING", 4), ("STOPPED", 5)]);
    let new = events.iter().filter(|event| event["detail"]["taskArn"].is_string() && event["detail"]["taskArn"] != old);
    let new: Vec<_> = new.map(|event| event["detail"]["lastStatus"].as_str().unwrap()).collect();
    assert_eq!(new, ["PROVISIONING", "PENDING", "RUNNING"]);
}

#[test]
fn a_lagging_read_shows_the_service_before_the_write_and_then_after_it() {
    let account = with_service(1, None);
    account.read_lag(SignedDuration::from_secs(3));
    let before = describe(&account)["deployments"][0]["id"].clone();
    let after = roll(&account)["deployments"][0]["id"].clone();
    assert_eq!(describe(&account)["deployments"][0]["id"], before);
    account.advance(SignedDuration::from_secs(4));
    assert_eq!(describe(&account)["deployments"][0]["id"], after);
}

#[test]
fn a_deleted_service_drains_and_becomes_inactive() {
    let account = with_service(2, None);
    let request = json!({"cluster": "shop", "service": "backend"});
    assert_eq!(account.ecs("DeleteService", request.clone()).unwrap_err().code, "InvalidParameterException");
    account.ecs("DeleteService", json!({"cluster": "shop", "service": "backend", "force": true})).unwrap();
    assert_eq!(describe(&account)["status"], "DRAINING");
    account.advance(SignedDuration::from_mins(1));
    assert_eq!(describe(&account)["status"], "INACTIVE");
    assert_eq!(account.ecs("UpdateService", request).unwrap_err().code, "ServiceNotActiveException");
}

#[test]
fn two_accounts_that_live_through_the_same_send_the_same_events() {
    let live = || {
        let account = with_service(3, Some(true));
        let v2 = account.push("backend", &["latest"], Build::from("v2").multi_arch()).unwrap();
        account.script(&v2, Behaviour::CannotPull);
        roll(&account);
        account.settle();
        account.take_events()
    };
    assert_eq!(live(), live());
}

#[test]
fn a_rollback_is_a_deployment_of_the_former_service_revision() {
    let account = with_service(1, Some(true));
    let revision = account.inspect("shop", "backend", |service| service.deployments[0].revision.clone());
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::CannotPull);
    roll(&account);
    account.settle();
    assert_eq!(account.inspect("shop", "backend", |service| service.deployments[0].revision.clone()), revision);
    assert_eq!(account.inspect("shop", "backend", |service| service.deployments[0].state), Some(Rollout::Completed));
    let request = json!({"serviceRevisionArns": [revision]});
    let described = account.ecs("DescribeServiceRevisions", request).unwrap();
    assert_eq!(described["serviceRevisions"][0]["containerImages"][0]["imageDigest"], Build::from("v1").digest());
}

#[test]
fn a_rollback_to_a_digest_that_is_gone_fails_too_and_leaves_the_old_tasks_alone() {
    let account = with_service(1, Some(true));
    let v1 = account.digest("backend", "latest").unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.delete_image("backend", &v1);
    account.script(&v2, Behaviour::CannotPull);
    roll(&account);
    account.advance(SignedDuration::from_hours(1));
    let events = account.take_events();
    assert_eq!(names(&deployment_events(&events)), ["IN_PROGRESS", "FAILED", "IN_PROGRESS", "FAILED"]);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "ROLLBACK_FAILED"]);
    assert_eq!(account.running("shop", "backend"), [v1]);
}

#[test]
fn a_person_who_stops_a_task_gets_another_one() {
    let account = with_service(1, Some(true));
    let task = account.ecs("ListTasks", json!({"cluster": "shop"})).unwrap()["taskArns"][0].clone();
    account.ecs("StopTask", json!({"cluster": "shop", "task": task, "reason": "why not"})).unwrap();
    account.settle();
    let events = account.take_events();
    assert_eq!(
        (&stops(&events)[0]["stopCode"], &stops(&events)[0]["stoppedReason"]),
        (&json!("UserInitiated"), &json!("why not"))
    );
    assert_eq!(deployment_events(&events), []);
    assert_eq!(describe(&account)["runningCount"], 1);
}

/// Rolls out an image two tasks at a time, of which the first two and the third two fail; tells how the rollout ended.
fn limp(reset_on_healthy_task: bool) -> &'static str {
    let account = account();
    let breaker = json!({"enable": true, "rollback": true, "resetOnHealthyTask": reset_on_healthy_task});
    let configuration =
        json!({"deploymentCircuitBreaker": breaker, "minimumHealthyPercent": 100, "maximumPercent": 150});
    let setup = account.service("shop", "backend").image("backend:latest").desired(4);
    setup.with("deploymentConfiguration", configuration).running().unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    roll(&account);
    for behaviour in [Behaviour::CannotPull, Behaviour::Healthy, Behaviour::CannotPull, Behaviour::Healthy] {
        account.script(&v2, behaviour);
        account.advance(SignedDuration::from_secs(22));
    }
    assert!(account.settle());
    account.deployment_statuses("shop", "backend")[1]
}

#[test]
fn a_healthy_task_sets_the_breakers_count_back_unless_it_is_told_not_to() {
    assert_eq!(limp(true), "SUCCESSFUL");
    assert_eq!(limp(false), "ROLLBACK_SUCCESSFUL");
}

#[test]
fn the_record_of_a_rollback_says_what_tripped_the_breaker() {
    let account = with_service(4, Some(true));
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::CannotPull);
    let record = roll(&account)["currentServiceDeployment"].clone();
    account.settle();
    let described = account.ecs("DescribeServiceDeployments", json!({"serviceDeploymentArns": [record]})).unwrap();
    let breaker = &described["serviceDeployments"][0]["deploymentCircuitBreaker"];
    assert_eq!(*breaker, json!({"status": "TRIGGERED", "failureCount": 3, "threshold": 3}));
}
