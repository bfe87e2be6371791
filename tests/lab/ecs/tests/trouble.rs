//! Trouble on request: crash loops, outages, containers that do not end.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::ecs::{Behaviour, PullError, StartFailure, StopCause};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn states<'a>(events: &'a [Value], task: &str) -> Vec<&'a Value> {
    let mine = events.iter().filter(|event| event["detail"]["taskArn"] == task);
    mine.map(|event| &event["detail"]).collect()
}

#[test]
fn an_outage_crashes_several_services_in_turn_until_it_is_over() {
    let account = with_service(2, Some(true));
    account.service("shop", "orders").image("backend:latest").running().unwrap();
    account.service("shop", "bystander").image("backend:latest").running().unwrap();
    account.advance(SignedDuration::from_hours(100));
    account.take_events();
    let crash = Behaviour::CrashAfterRunning { exit_code: 1, after: SignedDuration::from_secs(20) };
    account.outage(&[("shop", "backend"), ("shop", "orders")], crash);
    account.advance(MINUTE * 10);
    let events = account.take_events();
    let of = |group: &str| stops(&events).into_iter().filter(|task| task["group"] == group).count();
    assert!(of("service:backend") > 10 && of("service:orders") > 5, "every replacement crashes too");
    assert_eq!(of("service:bystander"), 0);
    assert_eq!(stops(&events)[2]["group"], "service:orders", "ten seconds after the first service's tasks");
    assert_eq!(deployment_events(&events), []);
    account.outage_over();
    account.advance(MINUTE);
    account.take_events();
    account.advance(MINUTE * 60);
    assert_eq!(stops(&account.take_events()), Vec::<&Value>::new());
    assert!(account.is_steady());
}

#[test]
fn an_outage_of_the_registry_leaves_running_tasks_alone_and_keeps_new_ones_from_starting() {
    let account = with_service(1, None);
    account.outage(&[("shop", "backend")], Behaviour::FailsToStart(StartFailure::CannotPull(PullError::RateLimited)));
    account.advance(MINUTE * 10);
    assert_eq!(stops(&account.take_events()), Vec::<&Value>::new());
    account.end_tasks("shop", "backend", StopCause::Exit(1));
    account.advance(MINUTE * 10);
    let events = account.take_events();
    assert!(stops(&events)[1]["stoppedReason"].as_str().unwrap().contains("toomanyrequests"));
    assert_eq!(describe(&account)["runningCount"], 0);
    account.outage_over();
    assert!(account.settle());
    assert_eq!(describe(&account)["runningCount"], 1);
}

#[test]
fn a_spot_interruption_warns_two_minutes_ahead_and_the_replacement_starts_at_once() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").spot().running().unwrap();
    account.take_events();
    let task = account.end_task("shop", "backend", StopCause::SpotInterruption).unwrap();
    account.advance(MINUTE);
    let events = account.take_events();
    let warning = states(&events, &task)[0];
    assert_eq!((&warning["lastStatus"], &warning["desiredStatus"]), (&json!("RUNNING"), &json!("STOPPED")));
    assert_eq!((&warning["stopCode"], &warning["stoppedAt"]), (&json!("SpotInterruption"), &Value::Null));
    assert_eq!(warning["capacityProviderName"], "FARGATE_SPOT");
    assert_eq!(describe(&account)["runningCount"], 1, "the replacement");
    assert!(stops(&events).is_empty());
    account.advance(MINUTE + SignedDuration::from_secs(10));
    assert_eq!(stops(&account.take_events())[0]["taskArn"], task.as_str());
}

#[test]
fn a_container_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    let account = with_service(2, None);
    let v1 = account.digest("backend", "latest").unwrap();
    account.exit_on_stop(&v1, 137);
    account.ecs("UpdateService", json!({"cluster": "shop", "service": "backend", "desiredCount": 1})).unwrap();
    account.advance(MINUTE / 2);
    assert!(stops(&account.take_events()).is_empty(), "it is given 30 seconds");
    account.advance(MINUTE);
    let events = account.take_events();
    let task = stops(&events)[0];
    assert_eq!(
        (&task["stopCode"], &task["containers"][0]["exitCode"]),
        (&json!("ServiceSchedulerInitiated"), &json!(137))
    );
    let reason = format!("Scaling activity initiated by (deployment {})", task["startedBy"].as_str().unwrap());
    assert_eq!(task["stoppedReason"], reason.as_str());
}

#[test]
fn health_that_fails_after_running_is_no_impaired_start_and_counts_only_in_a_rollout() {
    let account = account();
    let balancer = json!([{"targetGroupArn": "arn:group", "containerName": "backend", "containerPort": 80}]);
    account.service("shop", "backend").image("backend:latest").with("loadBalancers", balancer).running().unwrap();
    account.take_events();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::NeverHealthy);
    roll(&account);
    account.advance(MINUTE * 30);
    let events = account.take_events();
    assert!(stops(&events).len() > 5);
    assert_eq!(stops(&events)[0]["stoppedReason"], "Task failed ELB health checks in (target-group arn:group)");
    assert!(!actions(&events).contains(&"SERVICE_TASK_START_IMPAIRED"), "they reached RUNNING");
    assert!(describe(&account)["deployments"][0]["failedTasks"].as_u64().unwrap() > 5);
    account.script(&v2, Behaviour::Healthy);
    assert!(account.settle());
    for _ in 0..5 {
        account.end_tasks("shop", "backend", StopCause::ElbHealth { exit_code: 0 });
        assert!(account.settle());
    }
    assert_eq!(describe(&account)["deployments"][0]["failedTasks"], 0);
}

#[test]
fn a_task_that_stays_pending_is_neither_started_nor_failed() {
    let account = with_service(1, Some(true));
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::StaysPending);
    roll(&account);
    account.advance(MINUTE * 600);
    let service = describe(&account);
    assert_eq!((&service["pendingCount"], &service["deployments"][0]["failedTasks"]), (&json!(1), &json!(0)));
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(stops(&account.take_events()), Vec::<&Value>::new());
}
