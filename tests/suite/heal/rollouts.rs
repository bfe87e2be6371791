//! Rollouts that fail: the circuit breaker has the first word, and people hear of one failure once.

use jiff::SignedDuration;
use lab::bus::Mishap;
use lab::ecs::{Behaviour, StartFailure};
use serde_json::{Value, json};

use crate::support::{HOST, Stack};

const BAD: Behaviour = Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(2) };

#[tokio::test]
async fn a_rollout_without_a_circuit_breaker_is_stopped_and_rolled_back_by_ecs() {
    let mut stack = Stack::healing("auto");
    let old = stack.account.push("api", &["1.0.0"], "api 1").unwrap();
    let service = stack.account.service("shop", "api").image("api:1.0.0").desired(2).tag("steward:heal", "auto");
    service.running().unwrap();
    stack.minutes(20).await;
    let bad = stack.account.push("api", &["1.1.0"], "api 2").unwrap();
    stack.account.script(&bad, BAD);
    let image = format!("{HOST}/api:1.1.0");
    stack
        .account
        .revise("shop", "api", |revision| revision["containerDefinitions"][0]["image"] = json!(image))
        .unwrap();
    stack.minutes(60).await;
    println!("{:?}", stack.told_kinds());
    assert_eq!((stack.inputs("StopServiceDeployment").len(), stack.inputs("UpdateService").len()), (1, 0));
    assert_eq!(stack.inputs("StopServiceDeployment")[0]["stopType"], "ROLLBACK");
    assert_eq!(stack.running("api"), [old]);
    assert_eq!(stack.told_kinds(), ["rollback-asked shop/api", "healed shop/api"]);
}

#[tokio::test]
async fn a_rollout_that_the_breaker_rolls_back_is_not_touched_whatever_the_tag_says() {
    for behaviour in [BAD, Behaviour::CannotPull, Behaviour::FailsToStart(StartFailure::CommandNotFound)] {
        let mut stack = Stack::healing("auto");
        let old = stack.well("api", &[("steward:heal", "auto")]).await;
        stack.release("api", behaviour).await;
        stack.minutes(60).await;
        assert_eq!((stack.running("api"), stack.writes(), stack.inputs("PutEvents").len()), (vec![old], 0, 0));
        assert_eq!(stack.told_kinds(), ["rollout-failed shop/api", "resolved shop/api"], "{behaviour:?}");
    }
}

fn name(event: &Value) -> &str {
    match event["detail-type"].as_str() {
        Some("Rollout Failed") => "told by deploy",
        _ if event["detail"]["eventName"] == "SERVICE_DEPLOYMENT_FAILED" => "told by ecs",
        _ => "",
    }
}

#[tokio::test]
async fn a_rollout_that_failed_is_told_once_whichever_event_comes_first_twice_late_or_never() {
    let late = Mishap::HeldBack(SignedDuration::from_mins(3));
    let twice = Mishap::Duplicated { after: SignedDuration::from_mins(6), same_id: false };
    for (which, mishap) in [
        ("neither", Mishap::None),
        ("told by deploy", late),
        ("told by deploy", twice),
        ("told by deploy", Mishap::Lost),
        ("told by ecs", late),
        ("told by ecs", twice),
        ("told by ecs", Mishap::Lost),
    ] {
        let mut stack = Stack::healing("auto");
        let old = stack.backend("follow", "latest", &[]).await;
        stack.world.bus().disturb(Box::new(move |event| if name(event) == which { mishap } else { Mishap::None }));
        let bad = stack.push(&["latest"], "bad");
        stack.account.script(&bad, BAD);
        stack.settle().await;
        stack.sweep().await;
        stack.sweep().await;
        assert_eq!(stack.running("backend"), [old]);
        let told = stack.alerts_of("rollout-failed");
        assert_eq!(told.len(), 1, "{which} {mishap:?}: {:?}", stack.told_kinds());
        let others: Vec<_> = stack.alerts_by("deploy").into_iter().map(|alert| alert.subject).collect();
        assert!(others.is_empty(), "{which} {mishap:?}: {others:?}");
    }
}

#[tokio::test]
async fn why_its_tasks_ended_is_in_the_alert_of_the_rollout_even_if_no_event_of_a_task_came() {
    for lost in [false, true] {
        let mut stack = Stack::healing("auto");
        stack.backend("follow", "latest", &[]).await;
        assert!(stack.world.bus().switch("HealTaskStoppedRule", !lost));
        let bad = stack.push(&["latest"], "bad");
        stack.account.script(&bad, Behaviour::CannotPull);
        stack.settle().await;
        let told = stack.told().into_iter().find(|told| told.kind == "rollout-failed").unwrap();
        assert_eq!(told.fact("class"), "pull-missing", "events of tasks lost: {lost}: {}", told.message);
    }
}
