//! What was rolled back stays rolled back, and is told as what it is.

use jiff::SignedDuration;
use lab::ecs::Behaviour;
use serde_json::json;

use crate::support::{Stack, arn, requested};

const CRASH: Behaviour = Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(2) };

/// `backend`, back on its first image after a bad one; answers both digests.
async fn rolled_back(policy: &str, first: &str, second: &str) -> (Stack, String, String) {
    let mut stack = Stack::new();
    let good = stack.backend(policy, first, &[]).await;
    let bad = stack.push(&[second], "bad");
    stack.account.script(&bad, CRASH);
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![good.clone()], 2));
    (stack, good, bad)
}

const POLICIES: [(&str, &str, &str); 4] = [
    ("follow", "latest", "latest"),
    ("semver:minor", "1.0.0", "1.1.0"),
    ("prefix:r-", "r-1", "r-2"),
    ("any", "a", "b"),
];

#[tokio::test]
async fn a_rollback_is_not_deployed_again_by_sweep_redelivery_or_a_new_tag() {
    for (policy, first, second) in POLICIES {
        let (mut stack, good, _) = rolled_back(policy, first, second).await;
        stack.sweep().await;
        stack.sweep().await;
        stack.direct(&crate::support::pushed(second)).await;
        stack.push(&["1.2.0", "r-3", "another"], "bad");
        stack.settle().await;
        stack.sweep().await;
        assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![good], 2), "{policy}");
        assert_eq!(stack.alerts_of("rollout-failed").len(), 1, "{policy}: {:?}", stack.alerts());
    }
}

#[tokio::test]
async fn a_rollback_is_not_told_as_a_success() {
    for (policy, first, second) in POLICIES {
        let (stack, ..) = rolled_back(policy, first, second).await;
        assert!(stack.alerts_of("rolled-out").is_empty(), "{policy}: {:?}", stack.alerts());
        assert_eq!(stack.alerts_of("rollout-failed").len(), 1, "{policy}");
    }
}

#[tokio::test]
async fn the_fix_after_a_rollback_is_not_held_back() {
    for (policy, first, second) in POLICIES {
        let (mut stack, ..) = rolled_back(policy, first, second).await;
        let third = ["latest", "1.2.0", "r-3", "c"][POLICIES.iter().position(|one| one.0 == policy).unwrap()];
        let fix = stack.push(&[third], "fix");
        stack.settle().await;
        assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![fix], 3), "{policy}");
        assert_eq!(stack.alerts_of("rolled-out").len(), 1, "{policy}: {:?}", stack.alerts());
    }
}

#[tokio::test]
async fn a_bad_digest_that_a_person_asks_for_is_not_refused() {
    let (mut stack, _, bad) = rolled_back("semver:minor", "1.0.0", "1.1.0").await;
    stack.account.script(&bad, Behaviour::Healthy);
    stack.direct(&requested(&json!({ "service": arn("backend"), "digest": bad, "requested-by": "ana" }))).await;
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![bad], 3));
}

#[tokio::test]
async fn a_rollback_that_no_event_told_of_is_not_missed_by_the_sweep() {
    let (mut stack, good) = Stack::with_backend().await;
    let bad = stack.push(&["latest"], "bad");
    stack.account.script(&bad, CRASH);
    stack.world.come_to_rest().await.unwrap();
    for rule in ["DeployDeploymentChangedRule", "HealServiceChangedRule"] {
        assert!(stack.world.bus().switch(rule, false));
    }
    stack.settle().await;
    assert!(stack.alerts().is_empty());
    stack.sweep().await;
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![good], 2));
    assert_eq!(stack.alerts_of("rollout-failed").len(), 1);
}

#[tokio::test]
async fn a_rollout_that_somebody_superseded_is_not_told_as_a_success() {
    let (mut stack, _) = Stack::with_backend().await;
    stack.push(&["latest"], "2");
    stack.world.run_for(SignedDuration::from_secs(5)).await.unwrap();
    assert_eq!(stack.deployments("backend"), 2);
    stack.meddle("backend", &json!({ "forceNewDeployment": true }));
    stack.settle().await;
    stack.sweep().await;
    assert_eq!(stack.account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
    assert!(stack.alerts_of("rolled-out").is_empty(), "{:?}", stack.alerts());
}

#[tokio::test]
async fn the_end_of_somebody_elses_deployment_is_not_told_at_all() {
    let (mut stack, _) = Stack::with_backend().await;
    stack.meddle("backend", &json!({ "forceNewDeployment": true }));
    stack.settle().await;
    assert_eq!((stack.deployments("backend"), stack.alerts().len()), (2, 0));
}

#[tokio::test]
async fn a_rollout_without_a_breaker_does_not_fail_in_silence() {
    let mut stack = Stack::new();
    stack.push(&["latest"], "1");
    let service = stack.account.service("shop", "backend").image("backend:latest").tag("steward:deploy", "follow");
    service.running().unwrap();
    let bad = stack.push(&["latest"], "bad");
    stack.account.script(&bad, CRASH);
    stack.world.run_for(SignedDuration::from_mins(59)).await.unwrap();
    stack.sweep().await;
    assert_eq!(stack.alerts_by("deploy").len(), 0);
    for _ in 0..3 {
        stack.sweep().await;
    }
    let told = stack.alerts_by("deploy");
    assert_eq!((told.len(), stack.alerts_of("never-finished").len()), (1, 1), "{told:?}");
    assert!(!stack.alerts_of("crash-loop").is_empty(), "heal says why");
    // The fix is not held up by what does not end.
    let fix = stack.push(&["latest"], "fix");
    stack.settle().await;
    assert_eq!(stack.running("backend"), [fix]);
}

#[tokio::test]
async fn a_service_scaled_to_zero_is_not_said_to_run_the_image() {
    let (mut stack, _) = Stack::with_backend().await;
    stack.meddle("backend", &json!({ "desiredCount": 0 }));
    stack.settle().await;
    stack.push(&["latest"], "2");
    stack.settle().await;
    stack.sweep().await;
    let told = stack.alerts();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].message.contains("wants no task"), "{}", told[0].message);
    assert_eq!((stack.service("backend")["desiredCount"].clone(), stack.deployments("backend")), (json!(0), 2));
}

#[tokio::test]
async fn a_desired_count_is_never_sent() {
    let (stack, ..) = rolled_back("semver:minor", "1.0.0", "1.1.0").await;
    let (follow, ..) = rolled_back("follow", "latest", "latest").await;
    let updates: Vec<_> = stack.inputs("UpdateService").into_iter().chain(follow.inputs("UpdateService")).collect();
    assert_eq!(updates.len(), 2);
    let allowed = ["cluster", "service", "taskDefinition", "forceNewDeployment"];
    for update in updates {
        assert!(update.as_object().unwrap().keys().all(|key| allowed.contains(&key.as_str())), "{update}");
    }
}

#[tokio::test]
async fn a_failure_that_the_breaker_leaves_in_place_is_told_as_that_and_not_tried_again() {
    let mut stack = Stack::new();
    stack.push(&["latest"], "1");
    let service = stack.account.service("shop", "backend").image("backend:latest").desired(2);
    service.breaker(false).tag("steward:deploy", "follow").running().unwrap();
    stack.settle().await;
    let bad = stack.push(&["latest"], "bad");
    stack.account.script(&bad, CRASH);
    stack.settle().await;
    stack.sweep().await;
    stack.settle().await;
    let told = stack.alerts_of("rollout-failed");
    assert_eq!(told.len(), 1, "{:?}", stack.alerts());
    assert!(told[0].contains("left in place"), "{told:?}");
    let fix = stack.push(&["latest"], "fix");
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![fix], 3));
}
