//! The ways in which backups are lost, one test for each, named after the loss that does not happen.

use jiff::SignedDuration;
use lab::faults::Fault;
use lab::rds::Course;
use serde_json::json;

use super::scene::FAR;
use crate::support::Stack;

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// The tightest policy: what may go goes at once.
fn tight() -> Stack {
    Stack::backups(&[("SnapshotKeepMinimum", "1")])
}

#[tokio::test]
async fn old_backups_are_deleted_while_no_new_ones_come() {
    let mut stack = Stack::with(&[("SnapshotKeepMinimum", "1")]);
    stack.instance("orders", "daily:3");
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:3").create();
    stack.until("2026-11-21T02:05:00Z").await;
    stack.daily_ticks(6).await;
    stack.tick().await;
    stack.minutes(10).await;
    stack.tick().await;
    let before = [stack.slots("orders"), stack.slots("crm")];
    assert_eq!(before.each_ref().map(Vec::len), [3, 3]);
    for database in ["orders", "crm"] {
        assert!(stack.rds().snapshots_go(database, Course::FailsAfter(minutes(4))));
    }
    stack.minutes(24 * 60 - 10).await;
    stack.daily_ticks(12).await;
    for (database, before) in ["orders", "crm"].into_iter().zip(before) {
        let good =
            |slots: Vec<String>| slots.into_iter().filter(|slot| slot.ends_with("available")).collect::<Vec<_>>();
        assert_eq!(good(stack.slots(database)), before, "{database}");
    }
    let stale = stack.kinds().into_iter().filter(|kind| kind == "backup-stale").count();
    assert_eq!(stale, 2);
}

#[tokio::test]
async fn snapshots_of_others_are_deleted() {
    let mut stack = tight();
    stack.instance("orders", "daily:1");
    stack.minutes(60).await;
    let (rds, ours) = (stack.rds(), stack.ours("orders")[0].clone());
    let tags: Vec<(&str, &str)> = ours.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let other_owner: Vec<(&str, &str)> =
        tags.iter().map(|&(key, value)| (key, if key == "steward:owner" { "another" } else { value })).collect();
    let old = "2026-01-05T02:00:00Z".parse().unwrap();
    for (id, tags) in [
        ("before-upgrade", vec![]),
        ("rds:orders-2026-01-05-03-07", vec![]),
        ("steward-orders-by-hand", tags.clone()),
        ("steward-orders-20260105t0200-00000000", tags.clone()),
        ("steward-orders-20260105t0200-0badf00d", other_owner),
    ] {
        assert!(rds.put_snapshot("orders", id, old, &tags));
    }
    let others: Vec<_> = Stack::names(&rds).into_iter().filter(|id| *id != ours.id).collect();
    assert_eq!(others.len(), 5);
    stack.days(5).await;
    let left = Stack::names(&stack.rds());
    assert!(others.iter().all(|id| left.contains(id)), "{left:?}");
    let deleted = stack.deleted();
    assert!(deleted.contains(&ours.id) && deleted.len() == 5, "{deleted:?}");
}

#[tokio::test]
async fn the_source_of_a_copy_is_deleted_under_it() {
    let mut stack = tight();
    stack.rds().instance("orders").tag("steward:snapshot", "daily:1").tag("steward:copy", FAR).create();
    stack.far().next_copy(Course::Takes(SignedDuration::from_hours(72)));
    stack.minutes(60).await;
    let first = stack.ours("orders")[0].id.clone();
    assert_eq!(stack.copies("orders")[0].status, "creating");
    stack.days(2).await;
    assert!(stack.rds().snapshot(&first).is_some() && stack.ours("orders").len() == 2);
    stack.until("2026-11-23T10:29:00Z").await;
    // Late is told, and the next does not wait for it; but its source stays.
    assert!(stack.copies("orders").iter().any(|copy| copy.id == first && copy.status == "creating"));
    assert!(stack.rds().snapshot(&first).is_some());
    stack.until("2026-11-23T10:32:00Z").await;
    // Had its source gone, the copy would have failed. By now it is only late, and newer ones are there.
    assert_ne!(stack.far().snapshot(&first).map(|copy| copy.status), Some("failed".to_owned()));
    // The copy is whole: now its source may go, and the next is copied.
    stack.days(2).await;
    assert!(stack.rds().snapshot(&first).is_none());
    assert_eq!(stack.copies("orders").last().unwrap().id, stack.ours("orders").last().unwrap().id);
    assert_eq!(stack.kinds(), ["copy-failed"]);
}

#[tokio::test]
async fn a_failed_snapshot_is_counted_as_a_backup() {
    let mut stack = tight();
    stack.instance("orders", "daily:1");
    stack.days(3).await;
    let good = stack.ours("orders")[0].id.clone();
    assert!(stack.rds().next_snapshot("orders", Course::FailsAfter(minutes(5))));
    stack.until("2026-11-24T02:12:00Z").await;
    assert_eq!(stack.slots("orders"), ["2026-11-23T02:00:00Z available", "2026-11-24T02:00:00Z failed"]);
    assert!(stack.rds().snapshot(&good).is_some());
    // Another is taken at once, and only that one takes the place of the last good one.
    stack.until("2026-11-24T03:00:00Z").await;
    assert_eq!(stack.slots("orders"), ["2026-11-24T02:00:00Z failed", "2026-11-24T02:00:00Z available"]);
    assert!(stack.ours("orders")[1].id.ends_with("-2"));
    stack.until("2026-11-25T12:00:00Z").await;
    assert_eq!(stack.slots("orders"), ["2026-11-25T02:00:00Z available"]);
    assert_eq!(stack.kinds(), ["snapshot-failed"]);
}

#[tokio::test]
async fn a_second_snapshot_is_begun_while_the_first_is_being_made() {
    let mut stack = tight();
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:1").create();
    assert!(stack.rds().next_snapshot("crm", Course::Takes(SignedDuration::from_hours(15))));
    stack.until("2026-11-21T01:00:00Z").await;
    assert_eq!(stack.slots("crm"), ["2026-11-20T02:00:00Z creating"]);
    assert_eq!(stack.rds_writes("Create").len(), 1);
}

#[tokio::test]
async fn a_person_s_snapshot_that_inherited_the_owner_s_tag_is_deleted() {
    let mut stack = tight();
    stack.instance("orders", "daily:1");
    stack.minutes(60).await;
    // The database was restored from one of ours and hands down all that it inherited.
    let ours = stack.ours("orders")[0].clone();
    for (key, value) in &ours.tags {
        assert!(stack.rds().tag("orders", key, Some(value)));
    }
    stack.rds().instance("orders-2").tag("steward:snapshot", "daily:1").copies_tags().create();
    for (key, value) in &ours.tags {
        assert!(stack.rds().tag("orders-2", key, Some(value)));
    }
    for (database, id) in [("orders", "by-ana"), ("orders-2", "by-ben"), ("orders-2", "steward-by-ben")] {
        let form = json!({ "DBInstanceIdentifier": database, "DBSnapshotIdentifier": id });
        stack.rds().call("CreateDBSnapshot", form).unwrap();
        stack.minutes(30).await;
    }
    assert_eq!(stack.rds().snapshot("by-ben").unwrap().tags["steward:owner"], ours.tags["steward:owner"]);
    stack.days(5).await;
    let left = Stack::names(&stack.rds());
    assert!(["by-ana", "by-ben", "steward-by-ben"].iter().all(|id| left.contains(*id)), "{left:?}");
    assert!(left.len() == 5 && stack.deleted().len() >= 8, "{left:?} {:?}", stack.deleted());
}

#[tokio::test]
async fn a_restored_database_opts_in_by_what_it_inherited() {
    let mut stack = tight();
    stack.instance("orders", "daily:2");
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:2").create();
    stack.minutes(60).await;
    let (rds, taken) = (stack.rds(), [stack.ours("orders")[0].id.clone(), stack.ours("crm")[0].id.clone()]);
    rds.restore(&taken[0], "orders-test", &[]).unwrap();
    rds.restore(&taken[1], "crm-test", &[]).unwrap();
    stack.days(4).await;
    assert!(stack.rds().snapshots().iter().all(|seen| !seen.database.ends_with("-test")));
    assert_eq!([stack.ours("orders").len(), stack.ours("crm").len()], [2, 2]);
    assert_eq!(stack.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn a_restored_database_that_opts_in_takes_the_snapshots_of_its_source_for_its_own() {
    let mut stack = tight();
    stack.instance("orders", "daily:1");
    stack.minutes(60).await;
    let taken = stack.ours("orders")[0].clone();
    let (policy, owner) = (("steward:snapshot", "daily:1"), taken.tags["steward:owner"].as_str());
    let resource = taken.resource_id.as_str();
    let tags = [policy, ("steward:owner", owner), ("steward:resource", resource), ("steward:database", "orders")];
    stack.rds().restore(&taken.id, "orders-test", &tags).unwrap();
    // The source is gone: its last backup is all that is left of it.
    assert!(stack.rds().delete("orders"));
    stack.days(6).await;
    assert_eq!(stack.rds().snapshot(&taken.id).map(|seen| seen.status), Some("available".to_owned()));
    assert!(!stack.deleted().contains(&taken.id) && stack.ours("orders-test").len() == 1);
}

#[tokio::test]
async fn the_last_snapshots_of_a_deleted_database_are_collected_as_garbage() {
    let mut stack = Stack::new();
    stack.instance("orders", "daily:3");
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:3").create();
    stack.instance("lives", "daily:3");
    stack.until("2026-11-21T02:05:00Z").await;
    stack.daily_ticks(5).await;
    let last = Stack::names(&stack.rds());
    assert!(stack.rds().delete("orders") && stack.rds().delete("crm"));
    stack.daily_ticks(60).await;
    let left = Stack::names(&stack.rds());
    let gone: Vec<_> = last.difference(&left).filter(|id| !id.contains("lives")).collect();
    assert!(gone.is_empty(), "{gone:?}");
    assert_eq!([stack.ours("orders").len(), stack.ours("crm").len()], [4, 4]);
}

#[tokio::test]
async fn a_day_is_left_out_or_doubled_when_the_clocks_change() {
    let mut stack = Stack::with(&[("SnapshotTimeZone", "Europe/Berlin"), ("SnapshotTime", "02:30")]);
    stack.instance("orders", "daily:20");
    stack.until("2027-03-26T12:00:00Z").await;
    assert!(stack.world.switch_schedule("SnapshotSweepSchedule", true));
    stack.until("2027-03-30T12:00:00Z").await;
    let slots = ["26T01:30", "27T01:30", "28T01:30", "29T00:30", "30T00:30"];
    assert_eq!(stack.slots("orders"), slots.map(|slot| format!("2027-03-{slot}:00Z available")));
    stack.world.stop_schedules();
    stack.until("2027-10-30T12:00:00Z").await;
    assert!(stack.world.switch_schedule("SnapshotSweepSchedule", true));
    stack.until("2027-11-02T12:00:00Z").await;
    let slots = ["10-30T00:30", "10-31T00:30", "11-01T01:30", "11-02T01:30"];
    assert_eq!(stack.slots("orders")[5..], slots.map(|slot| format!("2027-{slot}:00Z available")));
}

#[tokio::test]
async fn no_backup_is_taken_because_the_state_table_cannot_be_read() {
    let mut stack = tight();
    stack.instance("orders", "daily:1");
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:1").create();
    stack.until("2026-11-23T12:00:00Z").await;
    let deleted = stack.deleted().len();
    assert!(deleted > 2);
    stack.account.inject(Box::new(|call| if call.service == "dynamodb" { Fault::ServerError } else { Fault::Ok }));
    stack.until("2026-11-26T12:00:00Z").await;
    for database in ["orders", "crm"] {
        let expected = [23, 24, 25, 26].map(|day| format!("2026-11-{day}T02:00:00Z available"));
        assert_eq!(stack.slots(database), expected, "{database}");
    }
    assert_eq!((stack.deleted().len(), stack.kinds()), (deleted, vec![]));
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.minutes(60).await;
    assert_eq!((stack.deleted().len(), stack.kinds()), (deleted + 6, vec![]));
}

#[tokio::test]
async fn writes_pause_at_the_peak_because_a_snapshot_begins_at_any_time_of_day() {
    let mut stack = Stack::backups(&[("SnapshotTime", "03:40")]);
    stack.instance("orders", "daily:7");
    stack.days(6).await;
    let begun: Vec<_> = stack.ours("orders").iter().map(|taken| taken.tags["steward:started"].clone()).collect();
    // Only the first came when the database opted in.
    assert!(begun.len() == 7 && begun[1..].iter().all(|at| at.ends_with("T03:45:00Z")), "{begun:?}");
}
