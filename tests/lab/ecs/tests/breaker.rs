//! The circuit breaker and its rollbacks.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::ecr::Build;
use crate::ecs::Behaviour;
use crate::ecs::model::Rollout;

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
