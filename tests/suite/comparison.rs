//! The figures in README.md: Steward beside the twenty lines that most accounts run instead, on the same pushes.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lab::account::Account;
use lab::clock::VirtualClock;
use lab::ecr::Build;
use lab::ecs::Behaviour;
use lab::steward::DEPLOY;
use serde_json::json;

use crate::support::{HOST, Stack};

/// What a scene cost: deployments of the service, and calls of the function.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    events: usize,
    deployments: usize,
    calls: usize,
}

fn service(account: &Account) {
    account.cluster("shop");
    account.push("backend", &["latest"], "1").unwrap();
    let service = account.service("shop", "backend").image(&format!("{HOST}/backend:latest"));
    service.desired(2).breaker(true).tag("steward:deploy", "follow").running().unwrap();
    account.take_events();
}

/// The twenty lines: each push event starts a new deployment of the service that the code names.
fn naive(account: &Account) -> Cost {
    let before = account.deployments("shop", "backend");
    let (mut events, mut calls) = (0, 0);
    for event in account.take_events() {
        if event["detail-type"] == "ECR Image Action" && event["detail"]["action-type"] == "PUSH" {
            events += 1;
            let input = json!({ "cluster": "shop", "service": "backend", "forceNewDeployment": true });
            account.ecs("UpdateService", input).unwrap();
            calls += 1;
        }
    }
    account.settle();
    Cost { events, deployments: account.deployments("shop", "backend") - before, calls }
}

async fn steward(stack: &mut Stack, push: impl Fn(&Account)) -> (Cost, BTreeMap<String, usize>) {
    let (deployments, calls, delivered) =
        (stack.deployments("backend"), stack.account.calls().len(), stack.world.invoked().len());
    push(&stack.account);
    stack.settle().await;
    let mut names = BTreeMap::new();
    for record in stack.calls_of(DEPLOY, calls) {
        *names.entry(format!("{}:{}", record.call.service, record.call.operation)).or_default() += 1;
    }
    let cost = Cost {
        events: stack.world.invoked().iter().skip(delivered).filter(|invoked| invoked.function == DEPLOY).count(),
        deployments: stack.deployments("backend") - deployments,
        calls: names.values().sum(),
    };
    (cost, names)
}

fn two_platforms_and_two_tags(account: &Account, content: &str) -> String {
    account.push("backend", &["latest", content], Build::from(content).multi_arch().attested()).unwrap()
}

fn alone() -> Account {
    let account = Account::new(VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap()));
    service(&account);
    account
}

async fn with_steward() -> Stack {
    let mut stack = Stack::new();
    service(&stack.account);
    stack.settle().await;
    stack
}

#[tokio::test]
async fn one_push_of_five_events_is_one_deployment_and_not_five() {
    let account = alone();
    two_platforms_and_two_tags(&account, "2");
    assert_eq!(naive(&account), Cost { events: 5, deployments: 5, calls: 5 });
    let mut stack = with_steward().await;
    let (cost, calls) = steward(&mut stack, |account| {
        two_platforms_and_two_tags(account, "2");
    })
    .await;
    // Of the five events two reach the function, and then the one that says that the deployment ended.
    assert_eq!((cost.events, cost.deployments), (3, 1));
    let of = |service: &str| calls.iter().filter(|(name, _)| name.starts_with(service)).map(|(_, n)| n).sum::<usize>();
    println!("two platforms, two tags: {cost:?} {calls:?}");
    assert_eq!(of("ecs:") + of("ecr:") + of("tagging:"), 13, "{calls:?}");
    assert_eq!((calls["ecs:UpdateService"], calls["sns:Publish"]), (1, 1));
}

#[tokio::test]
async fn a_signature_starts_nothing() {
    let tag = format!("sha256-{}.sig", "0".repeat(64));
    let account = alone();
    account.push("backend", &[&tag], "signature").unwrap();
    assert_eq!(naive(&account).deployments, 1);
    let mut stack = with_steward().await;
    let (cost, _) = steward(&mut stack, |account| {
        account.push("backend", &[&tag], "signature").unwrap();
    })
    .await;
    assert_eq!(cost, Cost { events: 1, deployments: 0, calls: 0 });
}

#[tokio::test]
async fn an_image_that_was_rolled_back_is_not_rolled_again_by_a_further_event() {
    let bad = Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(2) };
    let again = |account: &Account| account.push("backend", &["2.0.1"], "2").unwrap();
    let account = alone();
    let digest = Build::from("2").digest();
    account.script(&digest, bad);
    account.push("backend", &["latest"], "2").unwrap();
    naive(&account);
    again(&account);
    let of_naive = naive(&account);
    let statuses = account.deployment_statuses("shop", "backend");
    assert_eq!(of_naive.deployments, 1);
    assert_eq!(statuses, ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "ROLLBACK_SUCCESSFUL"]);

    let mut stack = with_steward().await;
    stack.account.script(&digest, bad);
    stack.account.push("backend", &["latest"], "2").unwrap();
    stack.settle().await;
    let (cost, calls) = steward(&mut stack, |account| {
        again(account);
    })
    .await;
    println!("a further tag on a bad image: {cost:?} {calls:?}");
    assert_eq!(cost.deployments, 0);
    for _ in 0..12 {
        stack.sweep().await;
    }
    stack.settle().await;
    assert_eq!(stack.alerts_of("rollout-failed").len(), 1);
    assert!(!stack.running("backend").contains(&digest));
}

#[tokio::test]
async fn a_push_whose_events_are_lost_is_rolled_by_the_next_sweep() {
    let account = alone();
    two_platforms_and_two_tags(&account, "2");
    account.take_events();
    assert_eq!(naive(&account).deployments, 0);

    let mut stack = with_steward().await;
    let pushed = two_platforms_and_two_tags(&stack.account, "2");
    stack.account.take_events();
    stack.settle().await;
    assert_eq!(stack.deployments("backend"), 1, "nobody knows of it yet");
    stack.sweep().await;
    stack.settle().await;
    assert_eq!(stack.running("backend"), [pushed]);
}
