//! What is kept and what goes, from the first tick to the last rail.

use crate::support::Stack;

/// A tick each day, five minutes into the slot, for so many days.
async fn with_daily_ticks(parameters: &[(&str, &str)], policy: &str, days: usize) -> Stack {
    let mut stack = Stack::with(parameters);
    stack.instance("orders", policy);
    stack.until("2026-11-21T02:05:00Z").await;
    stack.daily_ticks(days).await;
    stack
}

/// Days (`mm-dd`) of the slots that have a snapshot.
fn days(stack: &Stack) -> Vec<String> {
    stack.slots("orders").iter().map(|slot| slot[5..10].to_owned()).collect()
}

#[tokio::test]
async fn of_each_kind_the_newest_of_its_last_periods_is_kept() {
    let mut stack = with_daily_ticks(&[], "daily:3 weekly:2 monthly:2", 92).await;
    stack.tick().await;
    stack.minutes(30).await;
    stack.tick().await;
    assert_eq!(days(&stack), ["01-31", "02-14", "02-19", "02-20", "02-21"]);
    assert_eq!(stack.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn a_changed_policy_deletes_nothing_for_a_day_and_says_what_it_will() {
    let mut stack = with_daily_ticks(&[], "daily:5", 6).await;
    let before = days(&stack);
    assert_eq!(before.len(), 6);
    assert!(stack.rds().tag("orders", "steward:snapshot", Some("daily:2")));
    stack.tick().await;
    assert_eq!(stack.kinds(), ["policy-changed"]);
    let told = stack.told_of_backups().remove(0);
    assert!(told.message.contains("daily:2") && told.message.contains("daily:5"), "{}", told.message);
    let gone = stack.ours("orders")[0].id.clone();
    assert!(told.message.contains(&gone), "{}", told.message);
    let deleted = stack.deleted().len();
    stack.minutes(23 * 60).await;
    stack.tick().await;
    assert_eq!(stack.deleted().len(), deleted);
    stack.minutes(2 * 60).await;
    stack.tick().await;
    assert_eq!(days(&stack).len(), 3, "{:?}", days(&stack));
    assert!(stack.deleted().contains(&gone));
    assert_eq!(stack.kinds(), ["policy-changed"]);
}

#[tokio::test]
async fn a_policy_that_is_mended_within_the_day_has_deleted_nothing() {
    let mut stack = with_daily_ticks(&[], "daily:9", 8).await;
    for policy in ["daily:1", "on-request", "dayly:9", "daily:9"] {
        assert!(stack.rds().tag("orders", "steward:snapshot", Some(policy)));
        stack.tick().await;
        stack.minutes(60).await;
        stack.tick().await;
    }
    stack.daily_ticks(1).await;
    assert!(stack.deleted().is_empty());
    assert_eq!(days(&stack).len(), 9);
}

#[tokio::test]
async fn at_most_ten_go_at_a_tick() {
    let mut stack = Stack::new();
    stack.instance("orders", "hourly:30");
    for _ in 0..30 {
        stack.tick().await;
        stack.minutes(60).await;
    }
    assert!(stack.rds().tag("orders", "steward:snapshot", Some("hourly:2")));
    stack.tick().await;
    assert_eq!(stack.deleted().len(), 0);
    stack.minutes(25 * 60).await;
    // First there has to be a new one: the last is too old to delete anything.
    stack.tick().await;
    stack.minutes(10).await;
    let mut gone = Vec::new();
    for _ in 0..4 {
        let before = stack.deleted().len();
        stack.tick().await;
        gone.push(stack.deleted().len() - before);
        stack.minutes(1).await;
    }
    assert_eq!(gone, [10, 10, 10, 0]);
    assert_eq!(stack.ours("orders").len(), 2);
}

#[tokio::test]
async fn a_held_snapshot_stays_until_it_is_let_go() {
    let mut stack = with_daily_ticks(&[("SnapshotKeepMinimum", "1")], "daily:1", 2).await;
    let held = stack.ours("orders")[0].id.clone();
    assert!(stack.rds().hold(&held, "audit 2026"));
    stack.daily_ticks(10).await;
    assert!(stack.rds().snapshot(&held).is_some());
    assert!(stack.rds().tag_snapshot(&held, "steward:hold", None));
    stack.daily_ticks(1).await;
    assert!(stack.rds().snapshot(&held).is_none());
}

#[tokio::test]
async fn the_minimum_is_kept_whatever_the_policy_says() {
    let stack = with_daily_ticks(&[("SnapshotKeepMinimum", "4")], "daily:1", 12).await;
    // One more was made than there may be after the last look.
    assert_eq!(stack.ours("orders").len(), 5);
}

#[tokio::test]
async fn a_database_that_opts_out_keeps_all_that_it_has() {
    let mut stack = with_daily_ticks(&[("SnapshotKeepMinimum", "1")], "daily:4", 6).await;
    let before = Stack::names(&stack.rds());
    assert!(stack.rds().tag("orders", "steward:snapshot", None));
    stack.daily_ticks(20).await;
    assert_eq!(Stack::names(&stack.rds()), before);
    // Back again, its policy counts anew: a day of grace, and a new backup first.
    assert!(stack.rds().tag("orders", "steward:snapshot", Some("daily:4")));
    for _ in 0..5 {
        stack.tick().await;
        stack.minutes(60).await;
    }
    assert_eq!((stack.deleted().len(), stack.kinds()), (1, vec!["policy-changed".to_owned()]));
    stack.daily_ticks(2).await;
    assert_eq!(stack.deleted().len(), 3);
}

#[tokio::test]
async fn of_a_database_that_is_gone_the_operator_may_let_old_ones_go_down_to_the_last() {
    let mut stack = with_daily_ticks(&[("SnapshotOrphanDays", "30")], "daily:6", 6).await;
    let all: Vec<_> = stack.ours("orders").into_iter().map(|ours| ours.id).collect();
    assert!(stack.rds().hold(&all[0], "audit") && stack.rds().delete("orders"));
    stack.daily_ticks(20).await;
    assert_eq!(stack.ours("orders").len(), 6);
    stack.daily_ticks(30).await;
    let left: Vec<_> = stack.ours("orders").into_iter().map(|ours| ours.id).collect();
    // The held one counts as a backup.
    assert_eq!(left, [all[0].clone(), all[5].clone()]);
}

#[tokio::test]
async fn failed_snapshots_do_not_pile_up_until_the_quota_is_reached() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:3");
    stack.days(2).await;
    assert!(stack.rds().snapshots_go("orders", lab::rds::Course::FailsAfter(jiff::SignedDuration::from_mins(4))));
    stack.days(5).await;
    let failed = stack.slots("orders").into_iter().filter(|slot| slot.ends_with("failed")).count();
    assert!((1..=6).contains(&failed), "{failed}");
}
