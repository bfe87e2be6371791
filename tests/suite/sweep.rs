//! More services than fit into one turn: every roll comes about at the pace that the budget allows, nobody else has to wait
//! for it, and no service is forgotten or rolled twice.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{HOST, Stack, requested, text};

const SERVICES: usize = 500;

/// `SERVICES` services that share one task definition, on `backend:1.0.0`.
async fn fleet() -> Stack {
    let mut stack = Stack::new();
    stack.push(&["1.0.0"], "1");
    let container = json!({ "name": "backend", "image": format!("{HOST}/backend:1.0.0"), "essential": true });
    let definition = json!({ "family": "backend", "containerDefinitions": [container] });
    stack.account.ecs("RegisterTaskDefinition", definition).unwrap();
    for number in 0..SERVICES {
        let tags = json!([{ "key": "steward:deploy", "value": "semver:minor" }]);
        let service = json!({
            "cluster": "shop", "serviceName": format!("service-{number:03}"), "desiredCount": 0,
            "taskDefinition": "backend:1", "tags": tags,
        });
        stack.account.ecs("CreateService", service).unwrap();
    }
    stack.settle().await;
    stack
}

/// The services that were rolled, in order.
fn rolled(stack: &Stack) -> Vec<String> {
    stack.inputs("UpdateService").iter().map(|input| text(&input["service"]).to_owned()).collect()
}

/// Half of a bucket of 50 and five a second: 25 at once, then one every 400 ms.
fn bound(rolls: usize) -> f64 {
    f64::from(u32::try_from(rolls - 25).unwrap()) / 2.5
}

#[tokio::test]
async fn a_push_to_more_services_than_one_turn_is_enough_for_rolls_all_of_them_at_the_budgets_pace() {
    let mut stack = fleet().await;
    let before = stack.world.invoked().len();
    stack.push(&["1.1.0"], "2");
    stack.settle().await;
    let rolled = rolled(&stack);
    assert_eq!((rolled.len(), rolled.iter().collect::<BTreeSet<_>>().len()), (SERVICES, SERVICES));
    assert_eq!(stack.inputs("RegisterTaskDefinition").len(), 1 + 1, "the turns share what one of them registered");
    let turns = stack.world.invoked().split_off(before);
    assert!(turns.iter().all(|turn| turn.result.is_ok() && turn.took.as_secs() < 15), "a turn is short");
    assert!(turns.len() > SERVICES / 25, "{}", turns.len());
    assert!(stack.dead().is_empty() && stack.waiting() == 0);
    let calls = stack.calls();
    let mut times = calls.iter().filter(|call| call.call.operation == "UpdateService").map(|call| call.call.at);
    let (first, last) = (times.next().unwrap(), times.next_back().unwrap());
    let took = last.duration_since(first).as_secs_f64();
    assert!(took <= bound(SERVICES) * 1.05, "{took} s, and the budget allows {} s", bound(SERVICES));
}

#[tokio::test]
async fn a_sweep_of_more_than_one_turn_goes_on_by_itself_and_the_schedule_leaves_it_alone() {
    let mut stack = fleet().await;
    stack.push_unheard(&["1.1.0"], "2");
    stack.sweep().await;
    assert_eq!(rolled(&stack).len(), SERVICES);
    // And from the end it begins anew.
    stack.push_unheard(&["1.2.0"], "3");
    stack.sweep().await;
    let first = |service: &&String| service.ends_with("service-000");
    assert_eq!(rolled(&stack).iter().filter(first).count(), 2);
}

#[tokio::test]
async fn what_a_person_asks_for_of_many_services_is_done_for_all_of_them() {
    let mut stack = fleet().await;
    stack.push_unheard(&["1.1.0"], "2");
    stack.sweep().await;
    let rolls = rolled(&stack).len();
    // Back to what no policy would choose.
    let detail = json!({ "repository": format!("{HOST}/backend"), "tag": "1.0.0", "requested-by": "ana" });
    stack.direct(&requested(&detail)).await;
    stack.settle().await;
    let back: BTreeSet<String> = rolled(&stack).split_off(rolls).into_iter().collect();
    assert_eq!(back.len(), SERVICES);
}
