//! Many failures at once: one digest, no healing, and no more calls, items or alerts than a storm is worth.

use jiff::SignedDuration;
use serde_json::json;

use super::scene::crash;
use crate::support::{Stack, event};

#[tokio::test]
async fn a_dependency_that_is_away_is_one_digest_and_freezes_healing_until_it_is_quiet() {
    let mut stack = Stack::healing("auto");
    let names = ["api", "web", "jobs"];
    for name in names {
        stack.crash_loop(name, "auto").await;
        // Nothing of the release is wrong.
        stack.account.script(&stack.running(name)[0].clone(), lab::ecs::Behaviour::Healthy);
    }
    stack.minutes(60).await;
    let before = stack.told().len();
    let services: Vec<(&str, &str)> = names.iter().map(|name| ("shop", *name)).collect();
    stack.account.outage(&services, crash(1, 1));
    stack.minutes(30).await;
    let kinds = stack.told_kinds().split_off(before);
    println!("{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "storm shop").count(), 1, "{kinds:?}");
    assert!(kinds.len() <= 4, "{kinds:?}");
    assert_eq!((stack.inputs("PutEvents").len(), stack.writes()), (0, 0));
    stack.account.outage_over();
    stack.minutes(45).await;
    let kinds = stack.told_kinds().split_off(before);
    println!("{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "storm shop").count(), 2, "its end: {kinds:?}");
    assert!(stack.told().last().unwrap().message.len() > 20);
}

/// A task that stopped, as ECS tells it.
fn stopped(service: &str, task: usize, deployment: &str, at: jiff::Timestamp) -> serde_json::Value {
    let moment = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let task = format!("arn:aws:ecs:eu-west-1:123456789012:task/shop/{task:032x}");
    let detail = json!({
        "taskArn": task, "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/shop", "group": format!("service:{service}"),
        "startedBy": deployment, "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stoppedAt": moment, "version": 5,
        "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
        "containers": [{ "name": service, "exitCode": 1, "lastStatus": "STOPPED" }],
    });
    let mut event = event("aws.ecs", "ECS Task State Change", &detail);
    event["id"] = json!(format!("storm-{task}"));
    event["time"] = json!(moment);
    event["resources"] = json!([task]);
    event
}

/// What a storm of so many stops, over so many services, costs: calls, the largest item, alerts, virtual time.
async fn storm(services: usize, stops: usize) -> (usize, usize, usize, SignedDuration) {
    let mut stack = Stack::healing("auto");
    stack.push(&["1"], "1");
    let names: Vec<String> = (0..services).map(|number| format!("s{number:03}")).collect();
    for name in &names {
        let service = stack.account.service("shop", name).image("backend:1").desired(1);
        service.tag("steward:heal", "auto").create().unwrap();
    }
    stack.account.settle();
    stack.minutes(20).await;
    let deployments: Vec<String> =
        names.iter().map(|name| stack.service(name)["deployments"][0]["id"].as_str().unwrap().to_owned()).collect();
    let (before, start) = (stack.calls().len(), stack.world.now());
    for number in 0..stops {
        let service = number % services;
        let event = stopped(&names[service], number, &deployments[service], stack.world.now());
        stack.world.emit(&event);
        if number % 100 == 99 {
            stack.world.run_for(SignedDuration::from_secs(3)).await.unwrap();
        }
    }
    stack.world.run_for(SignedDuration::from_secs(1)).await.unwrap();
    let waiting = stack.world.queues().messages(&stack.world.queue("HealQueue").unwrap().name).len();
    assert_eq!((waiting, stack.dead_of_heal()), (0, 0));
    let table = stack.world.template().tables[0].name.clone();
    let largest = stack.world.dynamodb().items(&table).iter().map(|item| json!(item).to_string().len()).max().unwrap();
    let calls = stack.calls_of_heal(before).len();
    let alerts = stack.told().len();
    let took = stack.world.now().duration_since(start);
    (calls, largest, alerts, took)
}

#[tokio::test]
async fn ten_thousand_stops_of_one_service_are_a_few_alerts_and_a_bounded_item() {
    let (calls, largest, alerts, _) = storm(1, 10_000).await;
    assert!(calls <= 2 * 10_000 + 2_000, "one read and one write a stop, and the board now and then: {calls}");
    assert!(largest < 64 * 1024 && alerts <= 4, "{largest} {alerts}");
}

#[tokio::test]
async fn a_thousand_stops_of_a_hundred_services_are_a_few_digests_and_a_bounded_item() {
    let (calls, largest, alerts, _) = storm(100, 1_000).await;
    assert!(calls <= 1_000 * 6, "{calls}");
    assert!(largest < 128 * 1024 && alerts <= 8, "{largest} {alerts}");
}
