//! Slots: each has one snapshot, whatever woke the function and how often; what is not opted in is not touched.

use jiff::SignedDuration;

use super::scene::FAR;
use crate::support::Stack;

#[tokio::test]
async fn an_instance_an_aurora_cluster_and_a_multi_az_cluster_get_one_snapshot_a_day() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.rds().aurora("crm", 2).tag("steward:snapshot", "daily:7").create();
    stack.rds().multi_az_cluster("ledger").tag("steward:snapshot", "daily:7").create();
    stack.until("2026-11-22T12:00:00Z").await;
    let daily = ["20T02:00:00Z", "21T02:00:00Z", "22T02:00:00Z"].map(|slot| format!("2026-11-{slot} available"));
    for database in ["orders", "crm", "ledger"] {
        assert_eq!(stack.slots(database), daily, "{database}");
    }
    assert_eq!(stack.rds().snapshots().len(), 9);
    assert_eq!(stack.rds_writes("Create").len(), 9);
    assert_eq!((stack.kinds(), stack.dead_of_snapshot()), (vec![], 0));
}

#[tokio::test]
async fn members_other_services_and_databases_without_a_tag_are_left_in_silence() {
    let mut stack = Stack::backups(&[]);
    stack.rds().aurora("crm", 2).create();
    assert!(stack.rds().tag("crm-instance-1", "steward:snapshot", Some("daily:7")));
    stack.rds().documentdb("papers").tag("steward:snapshot", "daily:7").create();
    stack.rds().neptune("friends").tag("steward:snapshot", "daily:7").create();
    stack.rds().instance("free").tag("team", "web").create();
    stack.until("2026-11-22T12:00:00Z").await;
    assert!(stack.rds().snapshots().is_empty());
    let calls = stack.calls_of_snapshot(0);
    assert!(calls.len() > 4 * 96, "{}", calls.len());
    // Whether one of them had opted in before is read too.
    let silent = |operation: &str| operation.starts_with("DescribeDB") || operation == "BatchGetItem";
    assert!(calls.iter().all(|record| silent(&record.call.operation) && record.call.region() != FAR));
    assert_eq!((stack.kinds(), stack.dead_of_snapshot()), (vec![], 0));
    // The control: what keeps them out is what they are.
    assert!(stack.rds().tag("free", "steward:snapshot", Some("daily:7")));
    stack.minutes(30).await;
    assert_eq!(stack.rds().snapshots().len(), 1);
}

#[tokio::test]
async fn ticks_that_come_twice_and_lists_that_lag_make_no_second_snapshot() {
    let mut stack = Stack::new();
    stack.instance("orders", "daily:7");
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "hourly:5").create();
    stack.account.rds_read_lag(SignedDuration::from_mins(5));
    stack.minutes(10).await;
    stack.tick().await;
    stack.tick().await;
    stack.minutes(2).await;
    stack.tick().await;
    for database in ["orders", "crm"] {
        assert_eq!(stack.ours(database).len(), 1, "{database}");
    }
    // It was tried again, as the list did not show it yet, and the name stood in the way.
    let tried: Vec<_> = stack.rds_writes("CreateDBSnapshot").into_iter().map(|record| record.error).collect();
    let exists = Some("DBSnapshotAlreadyExists".to_owned());
    assert_eq!(tried, [None, exists.clone(), exists]);
    stack.minutes(20).await;
    stack.tick().await;
    assert_eq!(stack.slots("orders"), ["2026-11-20T02:00:00Z available"]);
    assert_eq!((stack.kinds(), stack.dead_of_snapshot()), (vec![], 0));
}

#[tokio::test]
async fn an_hourly_policy_has_a_snapshot_of_each_hour() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "hourly:24 daily:7");
    stack.until("2026-11-20T15:59:00Z").await;
    let hours: Vec<_> = (10..=15).map(|hour| format!("2026-11-20T{hour}:00:00Z available")).collect();
    assert_eq!(stack.slots("orders"), hours);
    assert_eq!(stack.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn after_an_outage_one_snapshot_is_taken_and_nothing_is_made_up() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.until("2026-11-20T12:00:00Z").await;
    stack.world.stop_schedules();
    stack.until("2026-11-24T15:01:00Z").await;
    assert!(stack.world.switch_schedule("SnapshotSweepSchedule", true));
    stack.until("2026-11-25T12:00:00Z").await;
    let slots = ["20", "24", "25"].map(|day| format!("2026-11-{day}T02:00:00Z available"));
    assert_eq!(stack.slots("orders"), slots);
    assert_eq!(stack.kinds(), ["backup-stale", "backup-resumed"]);
}

#[tokio::test]
async fn a_database_that_opts_out_is_not_called_about_again() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.minutes(40).await;
    assert!(stack.rds().tag("orders", "steward:snapshot", None));
    stack.days(4).await;
    assert_eq!(stack.slots("orders"), ["2026-11-20T02:00:00Z available"]);
    assert_eq!(stack.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn a_night_of_more_databases_than_one_invocation_can_do_goes_on_within_minutes() {
    const DATABASES: usize = 600;
    let mut stack = Stack::backups(&[]);
    stack.rds().quota(lab::rds::Kind::Instance, 5_000);
    for number in 0..DATABASES {
        stack.instance(&format!("db-{number:03}"), "daily:7");
    }
    stack.account.calls_take(lab::scale::latency::usual);
    let before = stack.world.now();
    stack.world.run_for(SignedDuration::from_mins(25)).await.unwrap();
    let taken = stack.rds_writes("Create");
    let names: std::collections::BTreeSet<String> =
        taken.iter().map(|record| record.call.input["DBSnapshotIdentifier"].to_string()).collect();
    assert_eq!((taken.len(), names.len()), (DATABASES, DATABASES));
    let last = taken.iter().map(|record| record.call.at).max().unwrap();
    let first = taken.iter().map(|record| record.call.at).min().unwrap();
    // Three turns of under two minutes, and a minute between them. The schedule alone would need half an hour.
    assert!(last.duration_since(first) < SignedDuration::from_mins(10), "{first} to {last}, from {before}");
    // A sweep that got through asks for no other.
    let asked = stack.calls_of_snapshot(0).into_iter().filter(|record| record.call.operation == "CreateSchedule");
    let asked = asked.filter(|record| record.call.input.to_string().contains("Sweep"));
    assert_eq!(asked.count(), 2);
}
