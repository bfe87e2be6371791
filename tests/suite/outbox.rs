//! Alerts that SNS does not take at once.

use lab::faults::Fault;

use crate::support::{HOST, Stack};

#[tokio::test]
async fn an_alert_that_sns_refused_is_told_by_the_next_sweep_although_nothing_else_changed() {
    let mut stack = Stack::new();
    stack.account.push("backend", &["latest"], "1").unwrap();
    let service = stack.account.service("shop", "backend").image(&format!("{HOST}/backend:latest"));
    service.desired(1).tag("steward:deploy", "follow").tag("steward:hold", "audit").running().unwrap();
    stack.settle().await;
    let refuse = |call: &lab::wire::Call| if call.operation == "Publish" { Fault::Denied } else { Fault::Ok };
    stack.account.inject(Box::new(refuse));
    stack.account.push("backend", &["latest"], "2").unwrap();
    stack.settle().await;
    assert!(stack.alerts().is_empty());
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.sweep().await;
    assert_eq!(stack.alerts_of("held").len(), 1);
    stack.sweep().await;
    assert_eq!(stack.alerts().len(), 1, "told once");
}
