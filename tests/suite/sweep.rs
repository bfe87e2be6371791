//! A sweep over more than one invocation can do: it stops well before its timeout, and the next goes on from there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{HOST, Stack, text};

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

#[tokio::test]
async fn a_sweep_that_runs_out_of_time_does_not_time_out_nor_forget_a_service() {
    let mut stack = fleet().await;
    stack.push_unheard(&["1.1.0"], "2");
    // Half of five updates a second: 500 take 190 s, and an invocation has 120.
    let mut rounds = 0;
    let mut updated = 0;
    println!("sweep  seconds  services rolled");
    while updated < SERVICES {
        let invoked = stack.world.invoked().len();
        stack.sweep().await;
        let sweep = stack.world.invoked()[invoked].clone();
        assert!(sweep.result.is_ok() && sweep.failed.is_empty(), "{:?}", sweep.result);
        assert!(sweep.took.as_secs() < 110, "{:?}", sweep.took);
        updated = stack.inputs("UpdateService").len();
        rounds += 1;
        println!("{rounds:>5}  {:>7.1}  {updated:>15}", sweep.took.as_secs_f64());
        assert!(rounds < 6, "the sweep does not get on: {updated}");
    }
    assert!(rounds > 1, "one sweep was enough, so that the cursor is not tried");
    let seen: BTreeSet<String> =
        stack.inputs("UpdateService").iter().map(|input| text(&input["service"]).to_owned()).collect();
    assert_eq!((seen.len(), updated), (SERVICES, SERVICES));
    assert_eq!(stack.inputs("RegisterTaskDefinition").len(), rounds.min(2));
    // And from the end it begins anew.
    stack.push_unheard(&["1.2.0"], "3");
    stack.sweep().await;
    let first = |input: &&Value| text(&input["service"]).ends_with("service-000");
    assert_eq!(stack.inputs("UpdateService").iter().filter(first).count(), 2);
}

#[tokio::test]
async fn a_push_to_more_services_than_there_is_time_for_does_not_leave_any_behind() {
    let mut stack = fleet().await;
    stack.push(&["1.1.0"], "2");
    stack.settle().await;
    let by_push = stack.inputs("UpdateService").len();
    assert!(by_push < SERVICES && stack.dead().is_empty() && stack.waiting() == 0, "{by_push}");
    for _ in 0..3 {
        stack.sweep().await;
    }
    assert_eq!(stack.inputs("UpdateService").len(), SERVICES);
    assert!(stack.world.invoked().iter().all(|invoked| invoked.result.is_ok()));
}
