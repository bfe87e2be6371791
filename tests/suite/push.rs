//! A push to ECR.

use crate::support::{HOST, Stack};

#[tokio::test]
async fn a_moved_tag_rolls_the_service_that_names_it() {
    let mut stack = Stack::new();
    let old = stack.account.push("backend", &["latest"], "1").unwrap();
    stack.account.service("shop", "backend").image(&format!("{HOST}/backend:latest")).desired(2).breaker(true).tag("steward:deploy", "follow").running().unwrap();
    stack.settle().await;
    assert_eq!(stack.running("backend"), [old.clone(), old]);
    let new = stack.account.push("backend", &["latest"], "2").unwrap();
    stack.settle().await;
    for i in stack.world.invoked() { eprintln!("{:?} {:?}", i.result, i.failed); }
    for c in stack.account.calls() { eprintln!("{:?}", c); }
    for a in stack.alerts() { eprintln!("{} \n{}", a.subject.unwrap(), a.message); }
    assert_eq!(stack.running("backend"), [new.clone(), new]);
    assert_eq!(stack.deployments("backend"), 1);
}
