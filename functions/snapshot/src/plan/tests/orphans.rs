//! Snapshots of databases that are gone.

use std::collections::BTreeMap;

use crate::fixtures::{NOW, TODAY, at, attempt, backup, held, hours, requested, settings};
use crate::observe::model::{Own, Status};
use crate::plan::{Settings, Verdict, orphans};

fn deleted(orphan_days: u16, all: Vec<Own>, is_sweep: bool) -> Vec<String> {
    let settings = Settings { orphan_days, ..settings() };
    let rows = orphans(&settings, &BTreeMap::from([("db-SHOP".to_owned(), all)]), is_sweep, at(NOW));
    rows.into_iter().filter(|row| row.verdict == Verdict::Delete).map(|row| row.snapshot).collect()
}

fn old(count: i64) -> Vec<Own> {
    (100..100 + count).map(backup).collect()
}

#[test]
fn they_are_kept_for_ever_unless_the_operator_says_for_how_long() {
    assert_eq!(deleted(0, old(30), true), [""; 0]);
    assert_eq!(deleted(90, old(5), true).len(), 3);
    assert_eq!(deleted(103, old(5), true).len(), 2, "two are older than that");
}

#[test]
fn the_oldest_go_first_ten_at_a_time_and_only_in_a_sweep() {
    let gone = deleted(30, old(30), true);
    assert_eq!((gone.len(), &gone[0]), (10, &backup(129).snapshot.name));
    assert_eq!(deleted(30, old(30), false), [""; 0]);
}

#[test]
fn the_last_ones_stay_even_then() {
    assert_eq!(deleted(1, old(2), true), [""; 0]);
    assert_eq!(deleted(1, old(3), true), [backup(102).snapshot.name]);
}

#[test]
fn what_is_held_what_was_requested_and_what_is_no_backup_stays() {
    let mut all = vec![backup(100), backup(101), held(backup(300)), requested("last", 24 * 400, Status::Available)];
    all.push(attempt(at(TODAY) - hours(24 * 500), 1, Status::Failed));
    all.push(attempt(at(TODAY) - hours(24 * 600), 1, Status::Other));
    // The held one is a backup too, so that one more may go, and only that.
    assert_eq!(deleted(30, all, true), [backup(101).snapshot.name]);
}

#[test]
fn each_database_that_is_gone_is_counted_for_itself() {
    let settings = Settings { orphan_days: 30, ..settings() };
    let all = BTreeMap::from([("db-A".to_owned(), old(2)), ("db-B".to_owned(), old(2))]);
    let rows = orphans(&settings, &all, true, at(NOW));
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.verdict == Verdict::Keep && row.database == "shop"), "{rows:?}");
}
