//! A registry that many accounts share: ECR in an account that is not ours.

use serde_json::json;

use crate::support::{HOST, Stack};

const CENTRAL: &str = "210987654321.dkr.ecr.eu-west-1.amazonaws.com";

fn announce(stack: &mut Stack, repository: &str, digest: &str) {
    let detail = json!({ "repository": repository, "tag": "1.1.0", "digest": digest });
    stack.world.emit(&json!({
        "version": "0", "id": "ci-1", "detail-type": "Image Pushed", "source": "steward", "account": "123456789012",
        "time": "2026-11-20T10:20:00Z", "region": "eu-west-1", "resources": [], "detail": detail,
    }));
}

#[tokio::test]
async fn an_image_in_the_ecr_of_another_account_is_announced_and_pinned_by_its_digest() {
    let mut stack = Stack::new();
    // The lab knows one registry: what counts here is the reference that the service is set to.
    stack.account.push("backend", &["1.0.0"], "1").unwrap();
    let digest = stack.account.push("backend", &["1.1.0"], "2").unwrap();
    let service = stack.account.service("shop", "backend").image(&format!("{CENTRAL}/backend:1.0.0"));
    service.desired(0).tag("steward:deploy", "semver:minor").create().unwrap();
    stack.settle().await;
    announce(&mut stack, &format!("{CENTRAL}/backend"), &digest);
    stack.settle().await;
    assert_eq!(stack.deployments("backend"), 2);
    let registered = stack.account.calls().into_iter().find(|call| call.call.operation == "RegisterTaskDefinition");
    let registered = serde_json::to_string(&registered.unwrap().call.input).unwrap();
    assert!(registered.contains(&format!("{CENTRAL}/backend@{digest}")), "{registered}");
}

#[tokio::test]
async fn an_announcement_of_the_own_registry_is_not_believed() {
    let mut stack = Stack::new();
    let digest = stack.account.push("backend", &["1.0.0"], "1").unwrap();
    stack.settle().await;
    announce(&mut stack, &format!("{HOST}/backend"), &digest);
    stack.settle().await;
    let dead = stack.world.queue("DeployDeadLetterQueue").unwrap().name.clone();
    assert_eq!(stack.world.queues().with(&dead, |queue| queue.messages().len()), Some(1));
}
