//! Registries that are not ECR: what a pipeline announces, in any order and as often as it comes.

use serde_json::{Value, json};

use crate::support::{Stack, event};

fn digest(n: u32) -> String {
    format!("sha256:{n:064x}")
}

/// `Image Pushed` at a second of the 20th of November, a morning in that account.
fn announced(tag: &str, n: u32, second: u32) -> Value {
    let detail = json!({ "repository": "ghcr.io/acme/api", "tag": tag, "digest": digest(n) });
    let mut event = event("steward", "Image Pushed", &detail);
    event["time"] = format!("2026-11-20T09:{:02}:{:02}Z", second / 60, second % 60).into();
    event
}

/// A service `api` that runs `ghcr.io/acme/api:TAG`.
async fn api(policy: &str, tag: &str) -> Stack {
    let mut stack = Stack::new();
    let service = stack.account.service("shop", "api").image(&format!("ghcr.io/acme/api:{tag}"));
    service.tag("steward:deploy", policy).running().unwrap();
    stack.settle().await;
    stack
}

fn image(stack: &Stack) -> Value {
    stack.definition("api")["taskDefinition"]["containerDefinitions"][0]["image"].clone()
}

#[tokio::test]
async fn an_announced_image_is_not_deployed_by_a_tag_that_may_have_moved() {
    let mut stack = api("follow", "main").await;
    stack.world.emit(&announced("main", 2, 10));
    stack.settle().await;
    assert_eq!(image(&stack), format!("ghcr.io/acme/api@{}", digest(2)));
    assert_eq!(stack.alerts_of("rolled-out").len(), 1);
}

#[tokio::test]
async fn announcements_out_of_order_do_not_end_on_the_older_image() {
    let mut stack = api("follow", "main").await;
    for (n, second) in [(3, 30), (2, 20), (3, 30)] {
        stack.direct(&announced("main", n, second)).await;
        stack.settle().await;
    }
    assert_eq!(image(&stack), format!("ghcr.io/acme/api@{}", digest(3)));
    assert_eq!(stack.deployments("api"), 2);
}

#[tokio::test]
async fn the_policy_is_not_passed_over_for_an_announcement() {
    let mut stack = api("semver:minor", "1.0.0").await;
    stack.direct(&announced("1.0.0", 1, 1)).await;
    for (tag, n) in [("nightly", 7), ("2.0.0", 8), ("1.1.0-rc.1", 9), ("0.9.0", 10)] {
        stack.direct(&announced(tag, n, n)).await;
        stack.settle().await;
        assert_eq!(stack.deployments("api"), 1, "{tag}");
    }
    stack.direct(&announced("1.1.0", 11, 40)).await;
    stack.settle().await;
    assert_eq!(image(&stack), format!("ghcr.io/acme/api@{}", digest(11)));
}

#[tokio::test]
async fn an_announcement_does_not_wake_services_of_other_repositories() {
    let mut stack = api("any", "1").await;
    for host in ["ghcr.io/acme/api-admin", "ghcr.io/acm/api", "docker.io/acme/api", "ghcr.io/acme/api/sub"] {
        let detail = json!({ "repository": host, "tag": "2", "digest": digest(5) });
        stack.direct(&event("steward", "Image Pushed", &detail)).await;
    }
    stack.settle().await;
    assert_eq!(stack.writes(), 0);
}

#[tokio::test]
async fn an_announcement_of_an_ecr_image_is_not_believed() {
    let (mut stack, _) = Stack::with_backend().await;
    let detail =
        json!({ "repository": format!("{}/backend", crate::support::HOST), "tag": "latest", "digest": digest(5) });
    stack.direct(&event("steward", "Image Pushed", &detail)).await;
    stack.settle().await;
    assert_eq!((stack.writes(), stack.dead().len()), (0, 1));
}

#[tokio::test]
async fn an_announcement_whose_rollout_was_lost_is_not_forgotten() {
    let mut stack = api("follow", "main").await;
    // The function dies right after it has heard of it.
    stack
        .account
        .inject(lab::faults::Plan::default().always("GetResources", lab::faults::Fault::CrashBefore).chooser());
    stack.direct(&announced("main", 2, 10)).await;
    stack.settle().await;
    stack.account.inject(Box::new(|_| lab::faults::Fault::Ok));
    assert_eq!((stack.writes(), stack.dead().len()), (0, 1));
    // The sweep knows of it, though it cannot tell what runs: a person is told, or the next announcement rolls.
    stack.direct(&announced("main", 3, 20)).await;
    stack.settle().await;
    assert_eq!(image(&stack), format!("ghcr.io/acme/api@{}", digest(3)));
}
