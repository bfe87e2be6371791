//! Events come twice, late, out of order or not at all, and calls fail: each stop counts once, and each alert goes out.

use jiff::SignedDuration;
use lab::bus::Mishap;
use lab::ecs::StopCause;
use lab::faults::{Fault, Plan};
use serde_json::{Value, json};

use super::scene::crash;
use crate::support::Stack;

async fn api() -> Stack {
    let mut stack = Stack::healing("dry-run");
    stack.well("api", &[("steward:heal", "dry-run")]).await;
    stack
}

fn count(stack: &Stack) -> u64 {
    stack.watch("api")["incident"]["count"].as_u64().unwrap_or_default()
}

fn is_stop(event: &Value) -> bool {
    event["detail"]["lastStatus"] == "STOPPED"
}

#[tokio::test]
async fn a_stop_that_is_told_twice_with_or_without_the_same_id_counts_once() {
    for same_id in [true, false] {
        let mut stack = api().await;
        let twice = Mishap::Duplicated { after: SignedDuration::from_mins(6), same_id };
        stack.world.bus().disturb(Box::new(move |event| if is_stop(event) { twice } else { Mishap::None }));
        for _ in 0..2 {
            stack.account.end_task("shop", "api", StopCause::OutOfMemory { exit_code: 137 }).unwrap();
            stack.minutes(1).await;
        }
        stack.minutes(8).await;
        assert_eq!(count(&stack), 2, "same id: {same_id}");
        assert_eq!(stack.told_kinds(), ["task-stopped shop/api"]);
    }
}

#[tokio::test]
async fn stops_that_come_in_another_order_are_the_same_loop() {
    let mut stack = api().await;
    let mut turn = 0;
    stack.world.bus().disturb(Box::new(move |event| {
        turn += usize::from(is_stop(event));
        if is_stop(event) && turn % 2 == 1 { Mishap::HeldBack(SignedDuration::from_mins(3)) } else { Mishap::None }
    }));
    for _ in 0..4 {
        stack.account.end_task("shop", "api", StopCause::Exit(1)).unwrap();
        stack.minutes(1).await;
    }
    stack.minutes(4).await;
    assert_eq!((count(&stack), stack.told_kinds()), (4, vec!["crash-loop shop/api".to_owned()]));
}

#[tokio::test]
async fn stops_that_come_after_the_incident_is_over_do_not_open_it_again() {
    let mut stack = api().await;
    let late = Mishap::Duplicated { after: SignedDuration::from_mins(50), same_id: false };
    stack.world.bus().disturb(Box::new(move |event| if is_stop(event) { late } else { Mishap::None }));
    stack.account.outage(&[("shop", "api")], crash(1, 1));
    stack.minutes(8).await;
    stack.account.outage_over();
    stack.minutes(90).await;
    let told = stack.told_kinds();
    assert_eq!((told.len(), told.last().unwrap().as_str()), (3, "resolved shop/api"), "{told:?}");
}

#[tokio::test]
async fn an_alert_that_sns_refuses_is_told_once_when_sns_is_back() {
    let mut stack = api().await;
    stack.account.inject(Plan::default().always("Publish", Fault::ServerError).chooser());
    stack.account.end_task("shop", "api", StopCause::OutOfMemory { exit_code: 137 }).unwrap();
    stack.minutes(4).await;
    assert_eq!(stack.told().len(), 0);
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.minutes(8).await;
    assert_eq!(stack.told_kinds(), ["task-stopped shop/api"]);
    stack.minutes(30).await;
    assert_eq!(stack.told_kinds(), ["task-stopped shop/api", "resolved shop/api"]);
}

#[tokio::test]
async fn a_stop_is_not_lost_when_ecs_throttles_the_look_at_its_service() {
    let mut stack = api().await;
    stack.account.inject(Plan::default().on("DescribeServices", 1, Fault::Throttled).chooser());
    stack.account.end_task("shop", "api", StopCause::OutOfMemory { exit_code: 137 }).unwrap();
    stack.minutes(6).await;
    assert_eq!((stack.told_kinds(), stack.dead_of_heal()), (vec!["task-stopped shop/api".to_owned()], 0));
    assert_eq!(count(&stack), 1);
}

/// Each call of the handling of one stop, killed before or after its effect: the alert goes out, once.
#[tokio::test]
async fn a_function_that_dies_at_any_call_of_a_stop_tells_it_all_the_same() {
    let mut stack = api().await;
    let before = stack.calls().len();
    stack.account.end_task("shop", "api", StopCause::OutOfMemory { exit_code: 137 }).unwrap();
    stack.minutes(4).await;
    let operations: Vec<String> = stack.calls_of_heal(before).into_iter().map(|record| record.call.operation).collect();
    println!("{operations:?}");
    assert!(operations.len() >= 5, "{operations:?}");
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for operation in &operations {
            let mut stack = api().await;
            let once = Plan::default().on(operation, 1, fault).chooser();
            stack.account.inject(once);
            stack.account.end_task("shop", "api", StopCause::OutOfMemory { exit_code: 137 }).unwrap();
            stack.minutes(12).await;
            let told = stack.told_kinds();
            // The alert may go out twice where nobody can know that it went out: it was taken, and the answer was not heard.
            let most = if operation == "Publish" || operation == "PutItem" { 2 } else { 1 };
            assert!((1..=most).contains(&told.len()), "{fault:?} at {operation}: {told:?}");
            assert_eq!((count(&stack), stack.dead_of_heal()), (1, 0), "{fault:?} at {operation}");
        }
    }
}

#[tokio::test]
async fn an_event_that_nobody_knows_is_recorded_and_the_queue_goes_on() {
    let mut stack = api().await;
    stack.account.ecs_event("shop", "api", "ECS Hook State Change", &json!({ "eventName": "HOOK_AWAITING_ACTION" }));
    stack.account.service_action("shop", "api", "SERVICE_INVENTED_TOMORROW", None);
    let cause = StopCause::Other { stop_code: Some("InventedTomorrow"), reason: "Nobody knows yet." };
    stack.send_heal("{ not json");
    stack.account.end_task("shop", "api", cause).unwrap();
    stack.minutes(3).await;
    assert_eq!((stack.told_kinds(), stack.dead_of_heal()), (vec!["task-stopped shop/api".to_owned()], 1));
    assert!(stack.told()[0].message.contains("Nobody knows yet."), "{}", stack.told()[0].message);
}
