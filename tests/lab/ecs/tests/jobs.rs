//! Tasks of no service.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::ecs::{Behaviour, StopCause};
use crate::wire::ApiError;

pub(super) const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// An account with a task definition `migrate` of the image `backend:latest`, with a sidecar that is not essential.
pub(super) fn with_job() -> Account {
    let account = account();
    account.cluster("shop");
    let image = format!("{}/backend:latest", crate::context::REGISTRY);
    let containers = json!([
        {"name": "migrate", "image": image, "essential": true},
        {"name": "proxy", "image": "example.com/proxy:1", "essential": false},
    ]);
    let definition = json!({"family": "migrate", "networkMode": "awsvpc", "containerDefinitions": containers});
    account.ecs("RegisterTaskDefinition", definition).unwrap();
    account.take_events();
    account
}

fn request(more: Value) -> Value {
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    let mut request = json!({"cluster": "shop", "taskDefinition": "migrate", "launchType": "FARGATE", "networkConfiguration": network});
    if let (Some(request), Value::Object(more)) = (request.as_object_mut(), more) {
        request.extend(more);
    }
    request
}

pub(super) fn run(account: &Account, more: Value) -> Result<Value, ApiError> {
    account.ecs("RunTask", request(more))
}

pub(super) fn job(account: &Account, task: &Value, include: &[&str]) -> Value {
    let input = json!({"cluster": "shop", "tasks": [task], "include": include});
    account.ecs("DescribeTasks", input).unwrap()["tasks"][0].clone()
}

#[test]
fn a_job_runs_ends_and_is_shown_for_an_hour() {
    let account = with_job();
    let v1 = account.digest("backend", "latest").unwrap();
    account.script(&v1, Behaviour::CrashAfterRunning { exit_code: 0, after: MINUTE });
    let overrides = json!({"containerOverrides": [{"name": "migrate", "command": ["up"]}]});
    let tags = json!([{"key": "team", "value": "shop"}]);
    let reply = run(&account, json!({"startedBy": "steward/m/1", "tags": tags, "overrides": overrides})).unwrap();
    assert_eq!((&reply["tasks"][0]["lastStatus"], &reply["failures"]), (&json!("PROVISIONING"), &json!([])));
    account.advance(MINUTE * 3);
    let events = account.take_events();
    let task = stops(&events)[0];
    assert_eq!((&task["group"], &task["startedBy"]), (&json!("family:migrate"), &json!("steward/m/1")));
    assert_eq!((&task["stopCode"], &task["overrides"]), (&json!("EssentialContainerExited"), &overrides));
    assert_eq!((&task["containers"][0]["exitCode"], &task["containers"][0]["imageDigest"]), (&json!(0), &json!(v1)));
    let seen: Vec<_> = events.iter().map(|event| event["detail"]["lastStatus"].as_str().unwrap()).collect();
    let all = ["PROVISIONING", "PENDING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"];
    assert_eq!(seen, all);
    assert_eq!(job(&account, &task["taskArn"], &["TAGS"])["tags"], tags);
    assert_eq!(job(&account, &task["taskArn"], &[])["tags"], Value::Null);
    let listed = |status: &str| account.ecs("ListTasks", json!({"cluster": "shop", "desiredStatus": status})).unwrap();
    assert_eq!(listed("STOPPED")["taskArns"], json!([task["taskArn"]]));
    assert_eq!(listed("RUNNING")["taskArns"], json!([]));
    let of_family = json!({"cluster": "shop", "family": "migrate", "desiredStatus": "STOPPED"});
    assert_eq!(account.ecs("ListTasks", of_family).unwrap()["taskArns"], json!([task["taskArn"]]));
    account.advance(MINUTE * 61);
    let gone = account.ecs("DescribeTasks", json!({"cluster": "shop", "tasks": [task["taskArn"]]})).unwrap();
    assert_eq!(gone, json!({"tasks": [], "failures": [{"arn": task["taskArn"], "reason": "MISSING"}]}));
}

#[test]
fn each_container_of_a_job_ends_as_its_image_does_and_only_an_essential_one_takes_the_task_along() {
    let account = with_job();
    let v1 = account.digest("backend", "latest").unwrap();
    account.script(&v1, Behaviour::CrashAfterRunning { exit_code: 3, after: MINUTE * 5 });
    let proxy = Behaviour::Ends { cause: StopCause::OutOfMemory { exit_code: 137 }, after: MINUTE };
    account.script(&crate::ecs::elsewhere("example.com/proxy:1"), proxy);
    let arn = run(&account, json!({})).unwrap()["tasks"][0]["taskArn"].clone();
    account.advance(MINUTE * 3);
    let task = job(&account, &arn, &[]);
    assert_eq!((&task["lastStatus"], &task["containers"][0]["lastStatus"]), (&json!("RUNNING"), &json!("RUNNING")));
    assert_eq!(
        (&task["containers"][1]["exitCode"], &task["containers"][1]["lastStatus"]),
        (&json!(137), &json!("STOPPED"))
    );
    account.advance(MINUTE * 5);
    let task = job(&account, &arn, &[]);
    assert_eq!((&task["lastStatus"], &task["containers"][0]["exitCode"]), (&json!("STOPPED"), &json!(3)));
}

#[test]
fn a_job_without_a_script_hangs_until_somebody_stops_it() {
    let account = with_job();
    let arn = run(&account, json!({"group": "nightly"})).unwrap()["tasks"][0]["taskArn"].clone();
    account.advance(SignedDuration::from_hours(20));
    assert_eq!(job(&account, &arn, &[])["lastStatus"], "RUNNING");
    account.ecs("StopTask", json!({"cluster": "shop", "task": arn, "reason": "too long"})).unwrap();
    account.advance(MINUTE);
    let events = account.take_events();
    let task = stops(&events)[0];
    assert_eq!((&task["group"], &task["stoppedReason"]), (&json!("nightly"), &json!("too long")));
    assert_eq!(task["startedBy"], Value::Null);
}

#[test]
fn a_client_token_runs_a_job_once_until_it_is_forgotten() {
    let account = with_job();
    let v1 = account.digest("backend", "latest").unwrap();
    account.script(&v1, Behaviour::CrashAfterRunning { exit_code: 0, after: MINUTE });
    let token = json!({"clientToken": "one", "startedBy": "a"});
    let first = run(&account, token.clone()).unwrap()["tasks"][0]["taskArn"].clone();
    assert_eq!(run(&account, token.clone()).unwrap()["tasks"][0]["taskArn"], first);
    let conflict = run(&account, json!({"clientToken": "one", "startedBy": "b"})).unwrap_err();
    assert_eq!((conflict.code.as_str(), &conflict.extra["resourceIds"]), ("ConflictException", &json!([first])));
    account.advance(MINUTE * 5);
    let again = run(&account, token.clone()).unwrap()["tasks"][0].clone();
    assert_eq!(again, json!({"taskArn": first, "lastStatus": "STOPPED", "desiredStatus": "STOPPED"}));
    account.advance(MINUTE * 60);
    assert_ne!(run(&account, token).unwrap()["tasks"][0]["taskArn"], first, "an hour later it means nothing any more");
}

#[test]
fn a_job_that_finds_no_place_is_a_failure_in_a_good_answer_and_its_token_keeps_it() {
    let account = with_job();
    account.fail_run_task("RESOURCE:MEMORY");
    let reply = run(&account, json!({"clientToken": "one", "count": 2})).unwrap();
    assert_eq!(reply["tasks"], json!([]));
    assert_eq!(reply["failures"], json!([{"reason": "RESOURCE:MEMORY"}, {"reason": "RESOURCE:MEMORY"}]));
    assert_eq!(run(&account, json!({"clientToken": "one", "count": 2})).unwrap(), reply);
    assert_eq!(run(&account, json!({"count": 2})).unwrap()["tasks"].as_array().unwrap().len(), 2);
}

#[track_caller]
fn check_refused(more: Value, code: &str) {
    assert_eq!(run(&with_job(), more).unwrap_err().code, code);
}

#[test]
fn what_aws_refuses_of_run_task_is_refused() {
    check_refused(json!({"networkConfiguration": null}), "InvalidParameterException");
    check_refused(
        json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}),
        "InvalidParameterException",
    );
    let unknown = json!({"containerOverrides": [{"name": "none"}]});
    check_refused(json!({"overrides": unknown}), "InvalidParameterException");
    check_refused(json!({"count": 11}), "InvalidParameterException");
    check_refused(json!({"taskDefinition": "none"}), "ClientException");
    check_refused(json!({"cluster": "none"}), "ClusterNotFoundException");
    check_refused(json!({"startedBy": "x".repeat(129)}), "InvalidParameterException");
    for outside in ["a:b", "a.b", "a b", "a#b", "a@b", "ä"] {
        check_refused(json!({"startedBy": outside}), "InvalidParameterException");
    }
    check_refused(json!({"propagateTags": "SERVICE"}), "InvalidParameterException");
    check_refused(json!({"volumeConfigurations": [{"name": "none"}]}), "InvalidParameterException");
    let account = with_job();
    account.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "migrate:1"})).unwrap();
    assert_eq!(run(&account, json!({"taskDefinition": "migrate:1"})).unwrap_err().code, "ClientException");
}

#[test]
fn overrides_are_taken_up_to_8192_characters() {
    let account = with_job();
    let of_length = |length: usize| {
        let empty = json!({"containerOverrides": [{"name": "migrate", "command": [""]}]}).to_string().len();
        json!({"containerOverrides": [{"name": "migrate", "command": ["x".repeat(length - empty)]}]})
    };
    assert_eq!(of_length(8192).to_string().len(), 8192);
    run(&account, json!({"overrides": of_length(8192)})).unwrap();
    let refused = run(&account, json!({"overrides": of_length(8193)})).unwrap_err();
    assert_eq!(refused.code, "InvalidParameterException");
}

#[test]
fn a_volume_that_is_configured_at_launch_needs_its_configuration() {
    let account = with_job();
    let volumes = json!([{"name": "scratch", "configuredAtLaunch": true}, {"name": "other"}]);
    let container = json!({"name": "migrate", "image": "example.com/migrate:1"});
    let definition = json!({
        "family": "scratched", "networkMode": "awsvpc", "containerDefinitions": [container], "volumes": volumes,
    });
    account.ecs("RegisterTaskDefinition", definition).unwrap();
    let refused = run(&account, json!({"taskDefinition": "scratched"})).unwrap_err();
    assert_eq!(refused.code, "InvalidParameterException");
    let ebs = json!({"sizeInGiB": 10, "roleArn": "arn:aws:iam::123456789012:role/volumes"});
    let configured = json!([{"name": "scratch", "managedEBSVolume": ebs}]);
    run(&account, json!({"taskDefinition": "scratched", "volumeConfigurations": configured})).unwrap();
    let other = json!([{"name": "scratch", "managedEBSVolume": ebs}, {"name": "other"}]);
    run(&account, json!({"taskDefinition": "scratched", "volumeConfigurations": other})).unwrap_err();
}

#[test]
fn a_network_belongs_to_awsvpc_only() {
    let account = with_job();
    let definition = json!({"family": "bridged", "containerDefinitions": [{"name": "a", "image": "example.com/a:1"}]});
    account.ecs("RegisterTaskDefinition", definition).unwrap();
    assert_eq!(run(&account, json!({"taskDefinition": "bridged"})).unwrap_err().code, "InvalidParameterException");
    run(&account, json!({"taskDefinition": "bridged", "networkConfiguration": null, "launchType": "EC2"})).unwrap();
}

#[test]
fn who_started_a_task_is_a_filter_that_suffers_no_other() {
    let account = with_job();
    let arn = run(&account, json!({"startedBy": "steward/m/a_b-1"})).unwrap()["tasks"][0]["taskArn"].clone();
    run(&account, json!({"startedBy": "steward/m/other"})).unwrap();
    let list = |more: Value| {
        let mut input = json!({"cluster": "shop", "startedBy": "steward/m/a_b-1"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        account.ecs("ListTasks", input)
    };
    assert_eq!(list(json!({})).unwrap()["taskArns"], json!([arn]));
    for other in [json!({"family": "migrate"}), json!({"desiredStatus": "STOPPED"}), json!({"serviceName": "backend"})]
    {
        assert_eq!(list(other).unwrap_err().code, "InvalidParameterException");
    }
    account.ecs("StopTask", json!({"cluster": "shop", "task": arn})).unwrap();
    assert_eq!(list(json!({})).unwrap()["taskArns"], json!([]), "what stops is not listed by it any more");
}

#[test]
fn a_new_task_may_be_missing_for_a_while() {
    let account = with_job();
    account.task_read_lag(SignedDuration::from_secs(5));
    let arn = run(&account, json!({"startedBy": "a"})).unwrap()["tasks"][0]["taskArn"].clone();
    let seen = || {
        let described = account.ecs("DescribeTasks", json!({"cluster": "shop", "tasks": [arn]})).unwrap();
        let listed = account.ecs("ListTasks", json!({"cluster": "shop", "startedBy": "a"})).unwrap();
        (described["failures"][0]["reason"].clone(), listed["taskArns"].as_array().unwrap().len())
    };
    assert_eq!(seen(), (json!("MISSING"), 0));
    account.advance(SignedDuration::from_secs(5));
    assert_eq!(seen(), (Value::Null, 1));
}

#[track_caller]
fn check_unregistered(family: &str, containers: &Value) {
    let input = json!({"family": family, "containerDefinitions": containers});
    assert_eq!(account().ecs("RegisterTaskDefinition", input).unwrap_err().code, "ClientException");
}

#[test]
fn a_task_definition_needs_a_good_name_and_an_essential_container() {
    let container = |essential: bool| json!([{"name": "a", "image": "a", "essential": essential}]);
    check_unregistered("steward/migrate", &container(true));
    check_unregistered(&"x".repeat(256), &container(true));
    check_unregistered("steward-migrate-shop", &container(false));
}
