//! How a snapshot ends: available, by an event or without one; failed; or not at all.

use jiff::SignedDuration;
use lab::bus::Mishap;
use lab::rds::Course;
use serde_json::{Value, json};

use super::scene::FAR;
use crate::support::Stack;

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn the_event_tells_of_a_new_backup_without_any_sweep() {
    let mut stack = Stack::new();
    stack.instance("orders", "daily:7");
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:7").create();
    stack.tick().await;
    for database in ["orders", "crm"] {
        assert_eq!(stack.memory(database)["newest"], Value::Null, "{database}");
    }
    stack.minutes(9).await;
    for database in ["orders", "crm"] {
        assert_eq!(stack.memory(database)["newest"], json!(stack.ours(database)[0].id), "{database}");
    }
    assert_eq!(stack.woken().len(), 3);
}

#[tokio::test]
async fn an_event_that_is_lost_or_comes_twice_changes_nothing_in_the_end() {
    let mut ends = Vec::new();
    for mishap in [Mishap::None, Mishap::Lost, Mishap::Duplicated { after: minutes(40), same_id: false }] {
        let mut stack = Stack::backups(&[]);
        stack.world.bus().disturb(Box::new(
            move |event| {
                if event["source"] == "aws.rds" { mishap } else { Mishap::None }
            },
        ));
        stack.instance("orders", "daily:2");
        stack.days(4).await;
        let memory = stack.memory("orders");
        assert_eq!(stack.kinds(), Vec::<String>::new(), "{mishap:?}");
        ends.push((Stack::names(&stack.rds()).len(), stack.slots("orders"), memory["newest"].is_string()));
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[0], ends[2]);
}

#[tokio::test]
async fn events_of_snapshots_that_are_not_ours_wake_nobody_and_nothing_comes_of_a_false_one() {
    let mut stack = Stack::new();
    stack.instance("orders", "daily:7");
    stack.tick().await;
    stack.minutes(20).await;
    let (before, woken) = (stack.calls().len(), stack.woken().len());
    for id in ["by-ana", "rds:orders-2026-11-20"] {
        let form = json!({ "DBInstanceIdentifier": "orders", "DBSnapshotIdentifier": id.replace(':', "-") });
        stack.rds().call("CreateDBSnapshot", form).unwrap();
        stack.minutes(20).await;
    }
    assert_eq!((stack.woken().len(), stack.calls_of_snapshot(before).len()), (woken, 0));
    // A person's snapshot with such a name is looked at, and left.
    let form = json!({ "DBInstanceIdentifier": "orders", "DBSnapshotIdentifier": "steward-by-ana" });
    stack.rds().call("CreateDBSnapshot", form).unwrap();
    stack.minutes(20).await;
    let calls: Vec<_> = stack.calls_of_snapshot(before).into_iter().map(|record| record.call.operation).collect();
    assert_eq!(calls, ["DescribeDBSnapshots"]);
}

#[tokio::test]
async fn a_slot_is_tried_three_times_and_the_next_one_anew() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.until("2026-11-21T01:50:00Z").await;
    for _ in 0..3 {
        assert!(stack.rds().next_snapshot("orders", Course::FailsAfter(minutes(5))));
    }
    stack.until("2026-11-22T01:50:00Z").await;
    let failed = "2026-11-21T02:00:00Z failed";
    assert_eq!(stack.slots("orders"), ["2026-11-20T02:00:00Z available", failed, failed, failed]);
    let failed = "snapshot-failed";
    assert_eq!(stack.kinds(), [failed, failed, failed, "backup-stale"]);
    stack.until("2026-11-22T12:00:00Z").await;
    assert_eq!(stack.slots("orders").last().unwrap(), "2026-11-22T02:00:00Z available");
    stack.until("2026-11-23T12:00:00Z").await;
    // Failed ones go when their slot is over and a good one is there.
    assert!(stack.slots("orders").iter().all(|slot| slot.ends_with("available")), "{:?}", stack.slots("orders"));
    assert_eq!(stack.kinds(), [failed, failed, failed, "backup-stale", "backup-resumed"]);
}

#[tokio::test]
async fn a_snapshot_that_does_not_end_is_told_once_and_blocks_no_other_database() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.instance("other", "daily:7");
    stack.days(1).await;
    assert!(stack.rds().next_snapshot("orders", Course::Hangs));
    stack.until("2026-11-22T03:50:00Z").await;
    assert_eq!(stack.kinds(), Vec::<String>::new());
    stack.until("2026-11-22T12:00:00Z").await;
    assert_eq!(stack.kinds(), ["snapshot-stuck"]);
    assert_eq!([stack.ours("orders").len(), stack.ours("other").len()], [3, 3]);
    let stuck = stack.ours("orders")[2].id.clone();
    assert!(stack.rds().finish(&stuck, false));
    stack.until("2026-11-23T12:00:00Z").await;
    assert_eq!(stack.kinds(), ["snapshot-stuck"]);
    assert_eq!([stack.ours("orders").len(), stack.ours("other").len()], [4, 4]);
}

#[tokio::test]
async fn the_end_of_a_copy_in_the_other_region_needs_no_event() {
    let mut stack = Stack::backups(&[]);
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:7").tag("steward:copy", FAR).create();
    stack.minutes(60).await;
    assert_eq!(stack.copies("crm")[0].status, "available");
}
