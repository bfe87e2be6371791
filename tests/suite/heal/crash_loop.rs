//! Tasks that run and end again and again, long after ECS called the rollout a success: ECS says nothing of it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use jiff::SignedDuration;
use lab::ecs::{Behaviour, StopCause};
use serde_json::Value;

use super::scene::crash;
use crate::support::Stack;

#[tokio::test]
async fn a_crash_loop_that_begins_after_the_rollout_is_told_once_and_again_as_it_grows_and_when_it_is_over() {
    let mut stack = Stack::healing("dry-run");
    stack.well("api", &[("steward:heal", "dry-run")]).await;
    let seen: Rc<RefCell<BTreeSet<String>>> = Rc::default();
    let sink = Rc::clone(&seen);
    stack.world.observe(Box::new(move |_, step| {
        if let lab::world::Step::Event { event, .. } = step {
            let name = event["detail"]["eventName"].as_str().unwrap_or("stopped or changed");
            sink.borrow_mut().insert(format!("{} {name}", event["detail-type"].as_str().unwrap()));
        }
    }));
    stack.account.outage(&[("shop", "api")], crash(1, 2));
    stack.minutes(25).await;
    let titles: Vec<String> = stack.told().into_iter().map(|told| told.title).collect();
    println!("{titles:#?}");
    // ECS says of the service that all is well.
    let seen: Vec<String> = seen.borrow().iter().cloned().collect();
    assert_eq!(seen, ["ECS Service Action SERVICE_STEADY_STATE", "ECS Task State Change stopped or changed"]);
    assert_eq!(stack.told_kinds(), ["crash-loop shop/api"; 2]);
    stack.account.outage_over();
    stack.minutes(30).await;
    assert_eq!(stack.told_kinds(), ["crash-loop shop/api", "crash-loop shop/api", "resolved shop/api"]);
    assert_eq!(stack.watch("api")["incident"], Value::Null);
}

#[tokio::test]
async fn a_slow_loop_that_no_ten_minutes_show_is_told_too() {
    let mut stack = Stack::healing("dry-run");
    stack.well("api", &[("steward:heal", "dry-run")]).await;
    stack
        .account
        .ecs("UpdateService", serde_json::json!({ "cluster": "shop", "service": "api", "desiredCount": 1 }))
        .unwrap();
    stack.minutes(5).await;
    stack.account.outage(&[("shop", "api")], crash(1, 12));
    stack.minutes(58).await;
    assert_eq!(stack.told_kinds(), ["0"; 0], "four stops in an hour are no loop");
    stack.minutes(12).await;
    assert_eq!(stack.told_kinds(), ["crash-loop shop/api"]);
}

#[tokio::test]
async fn one_task_that_ends_is_no_alert_and_is_forgotten() {
    let mut stack = Stack::healing("auto");
    stack.well("api", &[("steward:heal", "auto")]).await;
    stack.account.end_task("shop", "api", StopCause::Exit(1)).unwrap();
    stack.minutes(60).await;
    assert_eq!(stack.told_kinds(), ["0"; 0]);
}

#[tokio::test]
async fn memory_used_up_is_told_as_such_with_any_exit_code_and_a_kill_without_a_word_is_not() {
    for (cause, class) in [
        (StopCause::OutOfMemory { exit_code: 0 }, "out-of-memory"),
        (StopCause::OutOfMemory { exit_code: 1 }, "out-of-memory"),
        (StopCause::OutOfMemory { exit_code: 137 }, "out-of-memory"),
        (StopCause::Exit(137), "sigkill-unknown"),
        (StopCause::Exit(139), "native-crash"),
    ] {
        let mut stack = Stack::healing("dry-run");
        stack.well("api", &[("steward:heal", "dry-run")]).await;
        stack.account.end_task("shop", "api", cause).unwrap();
        stack.minutes(2).await;
        let told = stack.told();
        assert_eq!(stack.told_kinds(), ["task-stopped shop/api"], "{cause:?}");
        assert_eq!(told[0].fact("class"), class, "{cause:?}: {}", told[0].message);
        assert_eq!(told[0].title.contains("ran out of memory"), class == "out-of-memory", "{}", told[0].title);
    }
}

#[tokio::test]
async fn two_causes_that_take_turns_are_one_incident() {
    let mut stack = Stack::healing("dry-run");
    stack.well("api", &[("steward:heal", "dry-run")]).await;
    for turn in 0..12 {
        let cause = if turn % 2 == 0 { StopCause::Exit(1) } else { StopCause::Exit(139) };
        stack.account.end_task("shop", "api", cause).unwrap();
        stack.minutes(2).await;
    }
    let kinds = stack.told_kinds();
    println!("{:#?}", stack.told().iter().map(|told| told.title.clone()).collect::<Vec<_>>());
    assert!(kinds.len() <= 5, "{kinds:?}");
}

#[tokio::test]
async fn a_release_that_crashes_while_it_rolls_is_left_to_the_circuit_breaker_and_told_once() {
    let mut stack = Stack::healing("auto");
    let old = stack.well("api", &[("steward:heal", "auto")]).await;
    stack.release("api", Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(2) }).await;
    stack.minutes(40).await;
    assert_eq!(stack.running("api"), [old]);
    let kinds = stack.told_kinds();
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("rollout-failed")).count(), 1, "{kinds:?}");
    assert_eq!(kinds, ["rollout-failed shop/api", "resolved shop/api"]);
    assert!(stack.inputs("PutEvents").is_empty(), "nothing is asked: ECS rolls back itself");
}
