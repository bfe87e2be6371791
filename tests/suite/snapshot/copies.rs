//! Copies in another region: made when there is a new backup, from a source that stays, judged by what is there.

use jiff::SignedDuration;
use lab::faults::Fault;
use lab::rds::Course;

use super::scene::FAR;
use crate::support::Stack;

fn copied(stack: &Stack, id: &str, policy: &str) {
    stack.rds().instance(id).tag("steward:snapshot", policy).tag("steward:copy", FAR).create();
}

fn under_way(stack: &Stack) -> usize {
    stack.far().snapshots().iter().filter(|copy| copy.status == "creating").count()
}

#[tokio::test]
async fn each_backup_is_copied_under_its_name_with_its_tags() {
    let mut stack = Stack::backups(&[]);
    let setup = stack.rds().instance("orders").tag("steward:snapshot", "daily:7").tag("steward:copy", FAR);
    setup.tag("team", "web").encrypted(None).create();
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:7").tag("steward:copy", FAR).create();
    stack.until("2026-11-22T12:00:00Z").await;
    for database in ["orders", "crm"] {
        let (ours, copies) = (stack.ours(database), stack.copies(database));
        assert_eq!((ours.len(), copies.len()), (3, 3), "{database}");
        for (source, copy) in ours.iter().zip(&copies) {
            assert_eq!((&copy.id, &copy.status, copy.source.as_ref()), (&source.id, &source.status, Some(&source.arn)));
            let mut tags = source.tags.clone();
            tags.insert("steward:copied-from".to_owned(), "eu-west-1".to_owned());
            assert_eq!(copy.tags, tags);
            assert_ne!(copy.key.is_some(), database == "crm");
        }
    }
    assert!(stack.rds_writes("Copy").iter().all(|record| record.call.input.get("CopyTags").is_none()));
    assert_eq!((stack.kinds(), stack.dead_of_snapshot()), (vec![], 0));
}

#[tokio::test]
async fn one_copy_of_a_database_is_under_way_at_a_time_and_the_newest_is_next() {
    let mut stack = Stack::backups(&[]);
    copied(&stack, "orders", "hourly:24");
    stack.far().next_copy(Course::Takes(SignedDuration::from_mins(200)));
    for _ in 0..13 {
        stack.minutes(15).await;
        assert!(under_way(&stack) <= 1);
    }
    assert_eq!((stack.copies("orders").len(), stack.ours("orders").len()), (1, 4));
    stack.until("2026-11-20T14:08:00Z").await;
    let copies = stack.copies("orders");
    assert_eq!((copies.len(), &copies[1].id), (2, &stack.ours("orders")[3].id));
    assert_eq!(stack.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn no_more_than_four_copies_are_under_way_in_a_region() {
    let mut stack = Stack::backups(&[]);
    for number in 0..9 {
        copied(&stack, &format!("orders-{number}"), "daily:7");
    }
    stack.far().copies_go(Course::Takes(SignedDuration::from_mins(40)));
    let mut most = 0;
    for _ in 0..200 {
        stack.minutes(1).await;
        most = most.max(under_way(&stack));
    }
    assert_eq!((stack.far().snapshots().len(), under_way(&stack)), (9, 0));
    assert_eq!(most, 4);
    assert_eq!(stack.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_told_before_anything_is_called_with_it() {
    let mut stack = Stack::new();
    let key = stack.account.key(FAR, &["alias/backups"]);
    stack.update(&[("SnapshotKmsKeyArns", &key)]);
    assert!(stack.world.switch_schedule("SnapshotSweepSchedule", true));
    let setup = stack.rds().instance("orders").tag("steward:snapshot", "daily:7").tag("steward:copy", FAR);
    setup.encrypted(None).create();
    assert!(stack.account.key_state(&key, "Disabled"));
    stack.minutes(90).await;
    assert_eq!((stack.rds_writes("Copy").len(), stack.kinds()), (0, vec!["copy-failed".to_owned()]));
    assert!(stack.told_of_backups()[0].message.contains("Disabled"));
    assert!(stack.account.key_state(&key, "Enabled"));
    stack.minutes(180).await;
    let copies = stack.copies("orders");
    assert_eq!((copies.len(), copies[0].key.as_ref()), (1, Some(&key)));
    assert_eq!(stack.kinds(), ["copy-failed"]);
}

#[tokio::test]
async fn without_a_key_of_its_own_a_copy_uses_that_of_rds_which_may_not_be_there_yet() {
    let mut stack = Stack::backups(&[]);
    stack.account.without_rds_key(FAR);
    let setup = stack.rds().instance("orders").tag("steward:snapshot", "daily:7").tag("steward:copy", FAR);
    setup.encrypted(None).create();
    stack.minutes(90).await;
    assert_eq!((stack.rds_writes("Copy").len(), stack.kinds()), (0, vec!["copy-failed".to_owned()]));
}

#[tokio::test]
async fn a_copy_that_fails_is_told_and_made_again() {
    let mut stack = Stack::backups(&[]);
    copied(&stack, "orders", "daily:7");
    stack.far().next_copy(Course::FailsAfter(SignedDuration::from_mins(5)));
    stack.minutes(60).await;
    assert_eq!(stack.copies("orders")[0].status, "failed");
    assert_eq!(stack.kinds(), ["copy-failed"]);
    // In the first day nothing is deleted, not even this; the next backup is copied all the same.
    stack.days(2).await;
    let copies = stack.copies("orders");
    assert!(copies.len() >= 2 && copies.iter().all(|copy| copy.status == "available"), "{copies:?}");
    assert_eq!(stack.kinds(), ["copy-failed"]);
}

#[tokio::test]
async fn a_copy_that_is_denied_is_told() {
    let mut stack = Stack::backups(&[]);
    copied(&stack, "orders", "daily:7");
    let denied = |call: &lab::wire::Call| call.operation == "CopyDBSnapshot";
    stack.account.inject(Box::new(move |call| if denied(call) { Fault::Denied } else { Fault::Ok }));
    stack.days(1).await;
    assert!(stack.copies("orders").is_empty());
    assert_eq!(stack.kinds(), ["copy-failed"]);
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.days(1).await;
    assert_eq!(stack.copies("orders").last().unwrap().id, stack.ours("orders").last().unwrap().id);
}

#[tokio::test]
async fn what_is_elsewhere_is_kept_by_what_is_there() {
    let mut stack = Stack::backups(&[("SnapshotKeepMinimum", "1")]);
    copied(&stack, "orders", "daily:3");
    stack.until("2026-11-24T12:00:00Z").await;
    assert_eq!([stack.ours("orders").len(), stack.copies("orders").len()], [3, 3]);
    let before: Vec<_> = stack.copies("orders").into_iter().map(|copy| copy.id).collect();
    // For days none arrives there. Here it goes on as usual; there nothing goes.
    let denied = |call: &lab::wire::Call| call.operation == "CopyDBSnapshot";
    stack.account.inject(Box::new(move |call| if denied(call) { Fault::Denied } else { Fault::Ok }));
    stack.until("2026-11-28T12:00:00Z").await;
    assert_eq!(Stack::names(&stack.far()).into_iter().collect::<Vec<_>>(), before);
    let days: Vec<_> = stack.slots("orders").iter().map(|slot| slot[8..10].to_owned()).collect();
    assert_eq!(days, ["26", "27", "28"]);
}

#[tokio::test]
async fn a_copy_that_does_not_end_is_told_once_and_holds_up_no_other() {
    let mut stack = Stack::backups(&[("SnapshotKeepMinimum", "1")]);
    copied(&stack, "orders", "daily:3");
    stack.far().next_copy(Course::Hangs);
    stack.until("2026-11-21T10:00:00Z").await;
    assert_eq!(stack.kinds(), Vec::<String>::new());
    let slow = stack.copies("orders")[0].id.clone();
    stack.until("2026-11-24T12:00:00Z").await;
    assert_eq!(stack.kinds(), ["copy-failed"]);
    assert!(stack.told_of_backups()[0].message.contains(&slow));
    assert_eq!(stack.copies("orders").last().unwrap().id, stack.ours("orders").last().unwrap().id);
    // Its source stays for as long as it is being made.
    assert!(stack.rds().snapshot(&slow).is_some() && stack.far().snapshot(&slow).is_some());
}

#[tokio::test]
async fn while_the_other_region_cannot_be_read_nothing_is_deleted_here() {
    let mut stack = Stack::backups(&[("SnapshotKeepMinimum", "1")]);
    copied(&stack, "orders", "daily:1");
    stack.instance("plain", "daily:1");
    stack.until("2026-11-22T12:00:00Z").await;
    assert_eq!([stack.ours("orders").len(), stack.copies("orders").len()], [1, 1]);
    let before = stack.deleted().len();
    let unreachable = |call: &lab::wire::Call| call.region() == FAR;
    stack.account.inject(Box::new(move |call| if unreachable(call) { Fault::ServerError } else { Fault::Ok }));
    stack.until("2026-11-25T12:00:00Z").await;
    assert_eq!(stack.ours("orders").len(), 4);
    assert_eq!(stack.ours("plain").len(), 1);
    assert!(stack.deleted()[before..].iter().all(|id| id.contains("plain")));
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.minutes(60).await;
    assert_eq!([stack.ours("orders").len(), stack.copies("orders").len()], [1, 1]);
    assert_eq!(stack.copies("orders")[0].id, stack.ours("orders")[0].id);
}

#[tokio::test]
async fn a_database_without_the_tag_has_no_call_in_another_region() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.days(1).await;
    assert!(stack.calls_of_snapshot(0).iter().all(|record| record.call.region() != FAR));
    assert!(stack.far().snapshots().is_empty());
}

#[tokio::test]
async fn copies_of_a_database_that_is_gone_go_by_the_operator_s_rule_and_those_of_one_that_is_copied_no_more_stay() {
    let mut stack = Stack::with(&[("SnapshotOrphanDays", "30")]);
    for id in ["orders", "crm", "lives"] {
        copied(&stack, id, "daily:6");
    }
    stack.until("2026-11-21T02:05:00Z").await;
    for _ in 0..6 {
        stack.daily_ticks(1).await;
        stack.tick().await;
    }
    let before = ["orders", "crm"].map(|id| stack.copies(id).len());
    assert!(before.iter().all(|copies| *copies >= 5), "{before:?}");
    assert!(stack.rds().delete("orders") && stack.rds().tag("crm", "steward:copy", None));
    stack.daily_ticks(20).await;
    assert_eq!(["orders", "crm"].map(|id| stack.copies(id).len()), before);
    let report = stack.report_of_a_dry_run().await;
    let rows = report["snapshots"].as_array().unwrap().iter();
    let why = |of: &str| {
        let of_there = rows.clone().filter(|row| row["region"] == FAR && row["database"] == of);
        of_there.map(|row| row["why"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((why("orders").len(), why("crm").len()), (before[0], before[1]));
    assert!(why("orders").iter().all(|why| why.contains("kept for 30 days")), "{:?}", why("orders"));
    assert!(why("crm").iter().all(|why| why.contains("not copied to this region any more")), "{:?}", why("crm"));
    stack.daily_ticks(30).await;
    assert_eq!(["orders", "crm"].map(|id| stack.copies(id).len()), [2, before[1]]);
    assert_eq!(stack.ours("orders").len(), 2);
}
