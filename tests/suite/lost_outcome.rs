//! Rollouts that fail while nobody knows of them.

use jiff::SignedDuration;
use lab::ecs::Behaviour;
use lab::faults::{Fault, Plan};

use crate::support::{HOST, Stack};

async fn api() -> Stack {
    let mut stack = Stack::new();
    stack.account.push("api", &["1.0.0"], "1").unwrap();
    let service = stack.account.service("shop", "api").image(&format!("{HOST}/api:1.0.0")).breaker(true);
    service.desired(1).tag("steward:deploy", "semver:minor").running().unwrap();
    stack.settle().await;
    let behaviour = Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(1) };
    let digest = stack.account.push("elsewhere", &["1"], "bad").unwrap();
    stack.account.script(&digest, behaviour);
    stack
}

/// The call took effect, its outcome was not written down, and ECS rolled back before the next look.
#[tokio::test]
async fn a_bad_image_is_not_rolled_again_when_it_was_rolled_back_before_its_rollout_was_remembered() {
    let mut stack = api().await;
    stack.account.inject(Plan::default().on("UpdateService", 1, Fault::CrashAfter).chooser());
    stack.account.push("api", &["1.1.0"], "bad").unwrap();
    stack.settle().await;
    stack.sweep().await;
    stack.settle().await;
    assert_eq!(stack.deployments("api"), 2, "the bad image was tried once");
    assert_eq!(stack.alerts_of("rollout-failed").len(), 1);
}

/// A newer image could not be rolled, so that the rollout of the older one went on, and failed.
#[tokio::test]
async fn a_rollback_is_told_when_a_roll_that_was_refused_was_decided_on_in_between() {
    let mut stack = api().await;
    stack.account.inject(Plan::default().on("UpdateService", 2, Fault::Throttled).chooser());
    stack.account.push("api", &["1.1.0"], "bad").unwrap();
    stack.world.run_for(SignedDuration::from_secs(5)).await.unwrap();
    stack.account.push("api", &["1.2.0"], "3").unwrap();
    stack.settle().await;
    stack.sweep().await;
    assert_eq!(stack.alerts_of("rollout-failed").len(), 1);
}
