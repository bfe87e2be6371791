//! Databases that cannot be snapshotted at the moment: waited for, told of in time, once, and taken as soon as it is possible.

use crate::support::Stack;

/// A daily policy with its first backup, five minutes before the next slot. Schedules are off.
async fn before_the_slot(parameters: &[(&str, &str)]) -> Stack {
    let mut stack = Stack::with(parameters);
    stack.instance("orders", "daily:7");
    stack.tick().await;
    stack.until("2026-11-21T01:55:00Z").await;
    assert_eq!(stack.slots("orders"), ["2026-11-20T02:00:00Z available"]);
    stack
}

#[tokio::test]
async fn a_busy_database_is_looked_at_again_after_growing_pauses_without_any_sweep() {
    for status in ["backing-up", "modifying", "maintenance", "quantum-resizing"] {
        let mut stack = before_the_slot(&[]).await;
        assert!(stack.rds().set_status("orders", status));
        stack.until("2026-11-21T02:00:00Z").await;
        let before = stack.woken().len();
        stack.tick().await;
        stack.until("2026-11-21T07:55:00Z").await;
        let woken = stack.woken()[before..].to_vec();
        let pauses: Vec<_> = woken.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60, 60], "{status}");
        assert_eq!(stack.kinds(), Vec::<String>::new(), "{status}");
        // Nothing was asked of RDS that it would have refused.
        assert_eq!(stack.rds_writes("Create").len(), 1, "{status}");
        stack.until("2026-11-21T09:00:00Z").await;
        assert_eq!(stack.kinds(), ["snapshot-missed"], "{status}");
        let told = &stack.told_of_backups()[0];
        assert!(told.message.contains(status) && told.severity == "warning", "{told:?}");
        assert!(stack.rds().start("orders"));
        stack.until("2026-11-21T12:00:00Z").await;
        assert_eq!(stack.slots("orders").last().unwrap(), "2026-11-21T02:00:00Z available", "{status}");
        assert_eq!(stack.kinds(), ["snapshot-missed", "backup-resumed"], "{status}");
    }
}

#[tokio::test]
async fn storage_optimization_is_no_hindrance() {
    let mut stack = before_the_slot(&[]).await;
    assert!(stack.rds().set_status("orders", "storage-optimization"));
    stack.until("2026-11-21T02:00:00Z").await;
    stack.tick().await;
    assert_eq!(stack.slots("orders").len(), 2);
}

#[tokio::test]
async fn a_stopped_database_whose_backup_is_newer_than_the_stop_needs_no_other() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.until("2026-11-21T02:00:00Z").await;
    assert_eq!(stack.slots("orders").last().unwrap(), "2026-11-21T02:00:00Z creating");
    assert!(stack.rds().stop("orders"));
    stack.until("2026-11-23T12:00:00Z").await;
    assert_eq!(stack.slots("orders").len(), 2);
    assert_eq!(stack.kinds(), Vec::<String>::new());
    // A habit of it is told, once: it is nothing that repairs itself.
    stack.until("2026-11-27T12:00:00Z").await;
    assert_eq!(stack.kinds(), ["schedule-conflict"]);
}

#[tokio::test]
async fn a_database_that_starts_after_days_is_snapshotted_and_not_called_stale() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.until("2026-11-21T02:00:00Z").await;
    assert!(stack.rds().stop("orders"));
    stack.until("2026-11-23T12:00:00Z").await;
    assert!(stack.rds().start("orders"));
    stack.minutes(60).await;
    assert_eq!(stack.slots("orders").last().unwrap(), "2026-11-23T02:00:00Z available");
    assert_eq!(stack.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn a_stopped_database_without_a_fresh_backup_is_told_of_once_a_day() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    assert!(stack.rds().stop("orders"));
    stack.until("2026-11-20T16:00:00Z").await;
    assert_eq!(stack.kinds(), Vec::<String>::new());
    stack.until("2026-11-21T07:50:00Z").await;
    assert_eq!(stack.kinds(), ["snapshot-missed"]);
    assert!(stack.told_of_backups()[0].message.contains("stopped"));
    stack.until("2026-11-21T23:00:00Z").await;
    assert_eq!(stack.kinds(), ["snapshot-missed", "snapshot-missed", "backup-stale"]);
    assert!(stack.rds().start("orders"));
    stack.until("2026-11-22T00:30:00Z").await;
    assert_eq!(stack.slots("orders"), ["2026-11-21T02:00:00Z available"]);
    assert_eq!(stack.kinds().last().unwrap(), "backup-resumed");
}

#[tokio::test]
async fn a_broken_database_is_told_of_at_once() {
    for status in ["storage-full", "inaccessible-encryption-credentials", "incompatible-parameters"] {
        let mut stack = Stack::backups(&[]);
        stack.instance("orders", "daily:7");
        stack.until("2026-11-21T01:50:00Z").await;
        assert!(stack.rds().set_status("orders", status));
        stack.until("2026-11-21T12:00:00Z").await;
        assert_eq!(stack.kinds(), ["snapshot-missed"], "{status}");
        let told = &stack.told_of_backups()[0];
        assert!(told.message.contains(status) && told.severity == "critical", "{told:?}");
        assert!(stack.rds().start("orders"));
        stack.minutes(40).await;
        assert_eq!(stack.kinds(), ["snapshot-missed", "backup-resumed"], "{status}");
        assert_eq!(stack.slots("orders").len(), 2, "{status}");
    }
}

#[tokio::test]
async fn a_database_that_is_being_deleted_is_left_alone() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:1");
    stack.until("2026-11-22T01:50:00Z").await;
    let before = stack.rds().snapshots();
    assert!(stack.rds().set_status("orders", "deleting"));
    stack.until("2026-11-22T12:00:00Z").await;
    assert_eq!(stack.rds().snapshots(), before);
    assert_eq!(stack.kinds(), Vec::<String>::new());
}
