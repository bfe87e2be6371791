//! Quotas of manual snapshots: told before they are reached, and what is done when they are.

use lab::rds::Kind;

use crate::support::Stack;

fn fill(stack: &Stack, many: usize) {
    for number in 0..many {
        let old = "2026-01-05T02:00:00Z".parse().unwrap();
        assert!(stack.rds().put_snapshot("orders", &format!("by-hand-{number}"), old, &[]));
    }
}

#[tokio::test]
async fn a_quota_that_is_nearly_used_up_is_told_once_with_the_figures() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.rds().quota(Kind::Instance, 10);
    fill(&stack, 6);
    stack.minutes(60).await;
    assert_eq!(stack.kinds(), Vec::<String>::new());
    fill(&stack, 7);
    stack.minutes(120).await;
    let told = stack.told_of_backups();
    assert_eq!(stack.kinds(), ["quota-near"]);
    assert!(told[0].title.contains("8 of 10") && told[0].message.contains("14"), "{:?}", told[0]);
    for number in 0..3 {
        assert!(stack.rds().lose_snapshot(&format!("by-hand-{number}")));
    }
    stack.minutes(30).await;
    fill(&stack, 7);
    stack.minutes(30).await;
    assert_eq!(stack.kinds(), ["quota-near", "quota-near"]);
}

#[tokio::test]
async fn at_the_quota_what_may_go_goes_first_and_it_is_tried_once_more() {
    let mut stack = Stack::with(&[("SnapshotKeepMinimum", "1")]);
    stack.instance("orders", "daily:2");
    stack.rds().quota(Kind::Instance, 6);
    fill(&stack, 3);
    stack.until("2026-11-21T02:05:00Z").await;
    stack.daily_ticks(6).await;
    // Two are kept and one is new: there is always room for one only when one has gone.
    let tries: Vec<_> = stack.rds_writes("Create").into_iter().map(|record| record.error.is_none()).collect();
    assert_eq!(tries, [true, true, true, false, true, false, true, false, true]);
    assert_eq!(stack.ours("orders").len(), 3);
    assert_eq!(stack.kinds(), ["quota-near"]);
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_once_with_what_aws_says_and_settles_by_itself() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.rds().quota(Kind::Instance, 5);
    fill(&stack, 5);
    stack.minutes(180).await;
    let mut kinds = stack.kinds();
    kinds.sort();
    assert_eq!(kinds, ["quota-near", "snapshot-refused"]);
    let told = stack.told_of_backups().into_iter().find(|told| told.kind == "snapshot-refused").unwrap();
    assert_eq!(told.severity, "critical");
    assert!(told.message.contains("5 manual snapshots") && told.message.contains("Service Quotas"), "{}", told.message);
    assert!(stack.rds().lose_snapshot("by-hand-0"));
    stack.minutes(60).await;
    assert_eq!(stack.slots("orders"), ["2026-11-20T02:00:00Z available"]);
    assert_eq!(stack.kinds().last().unwrap(), "backup-resumed");
    assert_eq!(stack.dead_of_snapshot(), 0);
}
