//! What a push costs `deploy` in AWS calls, counted at the account's door. Reads and writes of the control planes count; the state
//! table and the alert topic are the stack's own and stand beside them.

use jiff::SignedDuration;
use lab::account::CallRecord;
use lab::steward::DEPLOY;
use serde_json::json;

use crate::support::{Stack, pushed};

/// Calls since `from`: of the control planes, and to the stack's own table and topic.
fn counted(stack: &Stack, from: usize) -> (usize, usize) {
    let own = |service: &str| matches!(service, "dynamodb" | "sns" | "sqs" | "events");
    let calls = stack.calls_of(DEPLOY, from);
    let (own, control): (Vec<_>, Vec<_>) = calls.iter().partition(|record| own(&record.call.service));
    (control.len(), own.len())
}

#[tokio::test]
async fn an_event_that_is_filtered_costs_no_call_of_any_kind() {
    let (mut stack, _) = Stack::with_backend().await;
    let before = stack.calls().len();
    // Past the rule, straight into the queue: the function itself calls nothing either.
    for tag in ["", "sha256-4f0c1e2d3b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0.sig"] {
        stack.direct(&pushed(tag)).await;
    }
    assert_eq!(stack.calls().len(), before);
    assert_eq!(stack.waiting() + stack.dead().len(), 0);
}

#[tokio::test]
async fn a_push_that_nobody_opted_in_to_costs_one_call() {
    let mut stack = Stack::new();
    stack.push(&["latest"], "1");
    stack.account.service("shop", "untagged").image("backend:latest").running().unwrap();
    stack.settle().await;
    let before = stack.calls().len();
    stack.push(&["latest"], "2");
    stack.settle().await;
    assert_eq!(stack.calls_of(DEPLOY, before).len(), 1);
    assert_eq!(stack.operations_since(before), ["GetResources"]);
}

#[tokio::test]
async fn a_push_whose_tag_no_policy_wants_costs_one_call() {
    let mut stack = Stack::new();
    stack.backend("semver:minor", "1.0.0", &[]).await;
    let before = stack.calls().len();
    stack.push(&["nightly"], "2");
    stack.settle().await;
    assert_eq!(stack.operations_since(before), ["GetResources"]);
    assert_eq!(stack.calls().len() - before, 1);
}

/// Calls of a first roll by a cold function and of a second one by the same, and those that watching took.
async fn one_service(policy: &str, mode: Option<&str>, tags: [&str; 3]) -> [(usize, usize); 3] {
    let mut stack = Stack::new();
    let mode: Vec<(&str, &str)> = mode.map(|mode| ("steward:mode", mode)).into_iter().collect();
    stack.backend(policy, tags[0], &mode).await;
    stack.update(&[]);
    let mut counts = [(0, 0); 3];
    for (roll, tag) in tags.iter().enumerate().skip(1) {
        let before = stack.calls().len();
        stack.push(&[tag], tag.repeat(roll).as_str());
        stack.world.run_for(SignedDuration::from_secs(1)).await.unwrap();
        counts[roll - 1] = counted(&stack, before);
        let watched = stack.calls().len();
        stack.settle().await;
        counts[2] = counted(&stack, watched);
        assert_eq!(stack.deployments("backend"), roll + 1, "{policy} {mode:?}");
    }
    counts
}

#[tokio::test]
async fn one_service_costs_at_most_six_calls() {
    println!("policy        mode     first roll  second roll  watching   (control planes + own table and topic)");
    for (policy, mode, tags, most) in [
        ("follow", None, ["latest"; 3], 6),
        ("follow", Some("force"), ["latest"; 3], 6),
        // The one exception: the revision that runs is asked for once, because a tag says no digest, and then a revision
        // is registered. From the second roll on the reference itself names the digest.
        ("follow", Some("pin"), ["latest"; 3], 7),
        ("semver:minor", None, ["1.0.0", "1.1.0", "1.2.0"], 6),
        ("prefix:r-", None, ["r-1", "r-2", "r-3"], 6),
        ("any", Some("pin"), ["a", "b", "c"], 6),
    ] {
        let [first, second, watching] = one_service(policy, mode, tags).await;
        let shown = mode.unwrap_or("default");
        let [a, b, c] = [first, second, watching].map(|(control, own)| format!("{control} + {own}"));
        println!("{policy:<13} {shown:<8} {a:>10}  {b:>11}  {c:>8}");
        assert_eq!(first.0, most, "{policy} {mode:?}");
        assert!(second.0 <= 6, "{policy} {mode:?}: {second:?}");
        assert!(watching.0 <= 3, "{policy} {mode:?}: {watching:?}");
    }
}

/// `services` services on `revisions` task definitions in two clusters, on `backend:1.0.0`.
async fn many(services: usize, revisions: usize) -> Stack {
    let mut stack = Stack::new();
    stack.account.cluster("market");
    stack.push(&["1.0.0"], "1");
    for number in 0..revisions {
        let image = format!("{}/backend:1.0.0", crate::support::HOST);
        let container = json!({ "name": "backend", "image": image, "essential": true });
        let definition = json!({ "family": format!("family-{number}"), "containerDefinitions": [container] });
        stack.account.ecs("RegisterTaskDefinition", definition).unwrap();
    }
    for number in 0..services {
        let tags = json!([{ "key": "steward:deploy", "value": "semver:minor" }]);
        let service = json!({
            "cluster": if number % 2 == 0 { "shop" } else { "market" }, "serviceName": format!("service-{number:02}"),
            "desiredCount": 1, "taskDefinition": format!("family-{}:1", number % revisions), "tags": tags,
        });
        stack.account.ecs("CreateService", service).unwrap();
    }
    stack.settle().await;
    stack
}

#[tokio::test]
async fn many_services_cost_no_more_than_the_formula_and_waiting_costs_nothing() {
    println!("services  revisions  calls  formula  own  virtual seconds");
    for (n, f) in [(10, 1), (10, 10), (50, 1), (50, 10), (50, 50)] {
        let mut stack = many(n, f).await;
        // A cold function, which remembers no revision.
        stack.update(&[]);
        // The events of the rollouts are heard of later, so that all that is called is called for the push.
        assert!(stack.world.bus().switch("DeployDeploymentChangedRule", false));
        let (before, invoked) = (stack.calls().len(), stack.world.invoked().len());
        stack.push(&["1.1.0"], "2");
        stack.settle().await;
        let mut pushed = stack.world.invoked()[invoked..].to_vec();
        pushed.retain(|invoked| invoked.function == DEPLOY);
        // Twenty-five rolls a turn, and one event that asks to go on after each but the last. Where registrations are used up
        // there is a turn before, which ends there, and a sweep that passes over who would wait.
        let waits = f > 10;
        assert_eq!(pushed.len(), n.div_ceil(25) + 2 * usize::from(waits));
        let more = pushed.len() - 1;
        let (control, own) = counted(&stack, before);
        let took: f64 = pushed.iter().map(|turn| turn.took.as_secs_f64()).sum();
        // A turn that goes on lists the images and the rest of a batch again, and the first of them who has opted in.
        let formula = n.div_ceil(100) * (1 + more) + 2 * (n / 2).div_ceil(10) + 2 * f + n + 1 + 2 * more;
        println!("{n:>8}  {f:>9}  {control:>5}  {formula:>7}  {own:>3}  {took:>15.1}");
        // The sweep reads what was rolled, ten revisions, and looks at what the turns before had looked at and left: five calls.
        let refused = stack.calls()[before..].iter().filter(|record| record.error.is_some()).count();
        let again = if waits { 15 } else { 0 };
        assert_eq!(control - refused, formula + again, "N = {n}, F = {f}");
        // Half of the account's rates: 10 registrations at once and one each two seconds, 25 updates and one each 400 ms.
        let pace = (f64::from(u32::try_from(f.saturating_sub(10)).unwrap()) * 2.0)
            .max(f64::from(u32::try_from(n.saturating_sub(25)).unwrap()) * 0.4);
        assert!((took - pace).abs() < 1.0, "{took} s, expected {pace} s");
        assert_eq!((stack.inputs("UpdateService").len(), stack.inputs("RegisterTaskDefinition").len()), (n, f));
        // No time passes between calls here, and ECS answers 50 reads at once: those of the new revisions may come too soon.
        let may_fail = |record: &CallRecord| waits && record.call.operation == "DescribeTaskDefinition";
        assert!(stack.calls().iter().all(|record| record.error.is_none() || may_fail(record)));
        stack.sweep().await;
        assert_eq!(stack.alerts_of("rolled-out").len(), n);
    }
}

#[tokio::test]
async fn the_second_tag_of_a_push_costs_no_write() {
    let mut stack = Stack::new();
    stack.backend("any", "a", &[]).await;
    stack.push(&["b", "c", "d"], "2");
    stack.settle().await;
    assert_eq!(stack.writes(), 2);
}
