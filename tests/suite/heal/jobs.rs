//! Tasks that were run without a service.

use jiff::SignedDuration;
use lab::ecs::{Behaviour, StopCause};
use serde_json::{Value, json};

use crate::support::{HOST, Stack};

/// A stack with a job that ends so.
fn stack(cause: StopCause) -> Stack {
    let stack = Stack::healing("auto");
    let digest = stack.account.push("nightly", &["1"], "1").unwrap();
    stack.account.script(&digest, Behaviour::Ends { cause, after: SignedDuration::from_secs(30) });
    let container = json!({ "name": "nightly", "image": format!("{HOST}/nightly:1"), "essential": true });
    let definition = json!({ "family": "nightly", "containerDefinitions": [container] });
    stack.account.ecs("RegisterTaskDefinition", definition).unwrap();
    stack
}

fn run(stack: &Stack, tags: &Value) {
    let input = json!({ "cluster": "shop", "taskDefinition": "nightly", "tags": tags });
    stack.account.ecs("RunTask", input).unwrap();
}

#[tokio::test]
async fn a_job_that_fails_is_told_if_its_task_carries_the_tag_and_never_healed() {
    let mut stack = stack(StopCause::Exit(3));
    run(&stack, &json!([{ "key": "steward:heal", "value": "auto" }]));
    stack.minutes(10).await;
    assert_eq!(stack.told_kinds(), ["job-failed shop/family:nightly"]);
    let told = stack.told().remove(0);
    assert!(told.message.contains("container nightly ended with exit code 3"), "{}", told.message);
    assert!(stack.inputs("PutEvents").is_empty() && stack.writes() == 0);
}

#[tokio::test]
async fn a_job_without_a_tag_costs_one_call_and_one_that_ends_well_none() {
    let mut stack = stack(StopCause::Exit(3));
    stack.world.stop_schedules();
    run(&stack, &json!([]));
    stack.minutes(10).await;
    let calls: Vec<String> = stack.calls_of_heal(0).into_iter().map(|record| record.call.operation).collect();
    assert_eq!((calls.as_slice(), stack.told().len()), (&["DescribeTasks".to_owned()][..], 0));

    let mut stack = self::stack(StopCause::Exit(0));
    stack.world.stop_schedules();
    run(&stack, &json!([{ "key": "steward:heal", "value": "auto" }]));
    stack.minutes(10).await;
    assert_eq!((stack.calls_of_heal(0).len(), stack.told().len()), (0, 0));
}

#[tokio::test]
async fn a_job_that_fails_every_quarter_of_an_hour_is_told_as_it_grows_and_forgotten_after_a_day() {
    let mut stack = stack(StopCause::Exit(3));
    for _ in 0..12 {
        run(&stack, &json!([{ "key": "steward:heal", "value": "dry-run" }]));
        stack.minutes(15).await;
    }
    let titles: Vec<String> = stack.told().into_iter().map(|told| told.title).collect();
    assert_eq!(titles.len(), 3, "at 1, 3 and 10: {titles:?}");
    stack.minutes(25 * 60).await;
    let cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/shop";
    assert!(stack.kept("CLUSTERS", cluster).to_string().len() > 10);
    assert!(!stack.kept("CLUSTERS", cluster).to_string().contains("nightly"), "{}", stack.kept("CLUSTERS", cluster));
}
