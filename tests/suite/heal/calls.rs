//! What each trigger costs `heal` in AWS calls: of the control planes and logs, and to the stack's own table, topic and bus.

use lab::ecs::StopCause;
use lab::steward::HEAL;
use serde_json::json;

use super::scene::crash;
use crate::support::{Stack, arn};

/// What one step costs, all its invocations together.
async fn cost(stack: &mut Stack, what: &str, minutes: i64, step: impl FnOnce(&mut Stack)) -> (usize, usize) {
    let before = stack.calls().len();
    step(stack);
    stack.minutes(minutes).await;
    assert_eq!(stack.dead_of_heal(), 0, "{what}");
    let calls = stack.calls_of(HEAL, before);
    let own = |service: &str| matches!(service, "dynamodb" | "sns" | "sqs" | "events" | "scheduler");
    let (own, control): (Vec<_>, Vec<_>) = calls.iter().partition(|record| own(&record.call.service));
    (control.len(), own.len())
}

fn end(stack: &mut Stack, cause: StopCause) {
    stack.account.end_task("shop", "api", cause).unwrap();
}

#[tokio::test]
async fn each_trigger_costs_what_its_table_says() {
    let mut stack = Stack::healing("auto");
    stack.well("free", &[]).await;
    stack.world.stop_schedules();
    let stop = |stack: &mut Stack| {
        stack.account.end_task("shop", "free", StopCause::Exit(1)).unwrap();
    };
    assert_eq!(cost(&mut stack, "a stop of a service without a tag", 2, stop).await, (1, 0));

    let mut stack = Stack::healing("auto");
    stack.well("api", &[("steward:heal", "auto")]).await;
    stack.release("api", crash(1, 600)).await;
    stack.minutes(30).await;
    stack.world.stop_schedules();
    let scale_in = |stack: &mut Stack| {
        stack.account.ecs("UpdateService", json!({ "cluster": "shop", "service": "api", "desiredCount": 1 })).unwrap();
    };
    assert_eq!(cost(&mut stack, "a task that is scaled in", 2, scale_in).await, (0, 0));
    stack.account.ecs("UpdateService", json!({ "cluster": "shop", "service": "api", "desiredCount": 2 })).unwrap();
    stack.minutes(2).await;
    let sweep = |stack: &mut Stack| stack.send_heal(include_str!("../../../events/sweep.json"));
    assert_eq!(cost(&mut stack, "a sweep with nothing open", 1, sweep).await, (0, 2));
    let first =
        cost(&mut stack, "a stop that is counted and not told", 1, |stack| end(stack, StopCause::Exit(1))).await;
    assert_eq!(first, (1, 3));
    let second = cost(&mut stack, "the same again", 1, |stack| end(stack, StopCause::Exit(1))).await;
    assert_eq!(second, (1, 3));
    let third = cost(&mut stack, "the stop that makes it a loop, told, and deploy asked", 1, |stack| {
        end(stack, StopCause::Exit(1));
    })
    .await;
    // Nothing is in the log, so that it is asked twice.
    assert!(third.0 <= 10 && third.1 <= 12, "{third:?}");
    let looks = cost(&mut stack, "both verifications, and that it is healed", 20, |_| {}).await;
    assert!(looks.0 <= 3 && looks.1 <= 10, "{looks:?}");
    assert_eq!(stack.told_kinds(), ["rollback-asked shop/api", "healed shop/api"]);

    let mut stack = Stack::healing("dry-run");
    stack.well("api", &[("steward:heal", "dry-run")]).await;
    stack.release("api", crash(1, 600)).await;
    stack.minutes(30).await;
    stack.world.stop_schedules();
    let single = cost(&mut stack, "a stop that is told at once", 1, |stack| end(stack, StopCause::Exit(139))).await;
    assert!(single.0 <= 8 && single.1 <= 5, "{single:?}");
    let sweep = |stack: &mut Stack| stack.send_heal(include_str!("../../../events/sweep.json"));
    let open = cost(&mut stack, "a sweep with one thing open", 1, sweep).await;
    assert!(open.0 <= 1 && open.1 <= 5, "{open:?}");
    let mute =
        |stack: &mut Stack| stack.say("Mute Requested", &json!({ "service": arn("api"), "minutes": 5, "why": "test" }));
    assert_eq!(cost(&mut stack, "a mute", 1, mute).await, (0, 2));
}
