//! `examples/backend-behind-nlb`: a moving tag, rolled by tag, diagnosed and never rolled back by Steward.

use lab::bus::Mishap;
use lab::ecr::Build;
use lab::ecs::Behaviour;

use super::scene::{Deployed, image};
use crate::heal::scene::crash;
use crate::support::Stack;

async fn deployed() -> (Stack, Deployed, String) {
    let mut stack = Stack::whole(&[]);
    let digest = stack.push_to("shop/backend", &["latest"], "1");
    let deployed = stack.create("backend-behind-nlb", "shop", &[("Image", &image("shop/backend:latest"))]).await;
    assert_eq!(deployed.running(&stack, "backend"), std::slice::from_ref(&digest));
    (stack, deployed, digest)
}

#[tokio::test]
async fn one_push_is_one_deployment_of_the_revision_that_the_stack_has_registered() {
    let (mut stack, deployed, _) = deployed().await;
    let new = stack.push_to("shop/backend", &["latest", "2.4.1"], Build::from("2").multi_arch().attested());
    stack.minutes(30).await;
    assert_eq!((deployed.running(&stack, "backend"), deployed.deployments(&stack, "backend")), (vec![new], 2));
    assert_eq!(deployed.definition(&stack, "backend")["revision"], 1);
    assert_eq!(stack.told_of_all(0), ["deploy rolled-out shop/backend"]);
}

#[tokio::test]
async fn an_image_that_does_not_start_is_told_with_its_cause_and_not_tried_again() {
    let (mut stack, deployed, old) = deployed().await;
    let bad = stack.push_to("shop/backend", &["latest"], "2");
    let after = jiff::SignedDuration::from_secs(2);
    stack.account.script(&bad, Behaviour::CrashAtStart { exit_code: 1, after });
    stack.minutes(120).await;
    assert_eq!((deployed.running(&stack, "backend"), deployed.deployments(&stack, "backend")), (vec![old], 2));
    // The same digest under another tag changes nothing.
    stack.push_to("shop/backend", &["latest", "2.4.1"], "2");
    stack.minutes(60).await;
    assert_eq!(deployed.deployments(&stack, "backend"), 2);
    assert_eq!(stack.told_of_all(0), ["heal rollout-failed shop/backend", "heal resolved shop/backend"]);
    assert!(stack.alerts()[0].message.contains("exit code 1"), "{}", stack.alerts()[0].message);
}

#[tokio::test]
async fn a_crash_after_the_rollout_is_told_once_and_nothing_is_done() {
    let (mut stack, deployed, _) = deployed().await;
    let new = stack.push_to("shop/backend", &["latest"], "2");
    stack.account.script(&new, crash(1, 5));
    stack.minutes(25).await;
    assert_eq!(stack.told_of_all(0), ["deploy rolled-out shop/backend", "heal crash-loop shop/backend"]);
    assert_eq!((deployed.running(&stack, "backend"), deployed.deployments(&stack, "backend")), (vec![new], 2));
    let alert = stack.alerts().pop().unwrap().message;
    assert!(alert.contains("would have been rolled back"), "{alert}");
}

#[tokio::test]
async fn a_push_of_which_no_event_came_is_rolled_by_the_next_sweep() {
    let (mut stack, deployed, _) = deployed().await;
    stack.world.bus().disturb(Box::new(
        |event: &serde_json::Value| {
            if event["source"] == "aws.ecr" { Mishap::Lost } else { Mishap::None }
        },
    ));
    let new = stack.push_to("shop/backend", &["latest"], "2");
    stack.minutes(5).await;
    assert_eq!(deployed.deployments(&stack, "backend"), 2);
    stack.minutes(10).await;
    assert_eq!(deployed.running(&stack, "backend"), [new]);
}

#[tokio::test]
async fn a_stack_update_goes_on_with_the_image_that_was_pushed_last() {
    let (mut stack, mut deployed, _) = deployed().await;
    let new = stack.push_to("shop/backend", &["latest"], "2");
    stack.minutes(30).await;
    let given = [("Image", image("shop/backend:latest")), ("Port", "9090".to_owned())];
    stack.apply(&mut deployed, &given.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    assert_eq!(deployed.definition(&stack, "backend")["revision"], 2);
    assert_eq!(deployed.running(&stack, "backend"), [new]);
    let newer = stack.push_to("shop/backend", &["latest"], "3");
    stack.minutes(30).await;
    assert_eq!(deployed.running(&stack, "backend"), [newer]);
    assert_eq!(stack.told_of_all(0), ["deploy rolled-out shop/backend"; 2]);
}
