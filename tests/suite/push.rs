//! A push to ECR.

use crate::support::{HOST, Stack};

#[tokio::test]
async fn a_moved_tag_rolls_the_service_that_names_it_and_the_outcome_is_told() {
    let mut stack = Stack::new();
    let old = stack.account.push("backend", &["latest"], "1").unwrap();
    let service = stack.account.service("shop", "backend").image(&format!("{HOST}/backend:latest"));
    service.desired(2).breaker(true).tag("steward:deploy", "follow").running().unwrap();
    stack.settle().await;
    assert_eq!(stack.running("backend"), [old]);
    let new = stack.account.push("backend", &["latest"], "2").unwrap();
    stack.settle().await;
    assert_eq!(stack.running("backend"), [new]);
    assert_eq!(stack.deployments("backend"), 2);
    assert_eq!(stack.alerts_of("rolled-out").len(), 1, "{:?}", stack.alerts());
    assert_eq!(stack.alerts().len(), 1);
}
