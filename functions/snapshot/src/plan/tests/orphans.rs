//! Snapshots of databases that are gone.

use std::collections::BTreeMap;

use shared::arn::Region;

use crate::fixtures::{NOW, TODAY, at, attempt, backup, copied, held, hours, requested, settings};
use crate::observe::model::{Own, Status};
use crate::plan::{Settings, Verdict, orphans, stranded};

fn key(region: &str, resource: &str) -> (Region, String) {
    (region.parse().unwrap(), resource.to_owned())
}

fn deleted(orphan_days: u16, all: Vec<Own>) -> Vec<String> {
    let settings = Settings { orphan_days, ..settings() };
    let rows = orphans(&settings, &BTreeMap::from([(key("eu-west-1", "db-SHOP"), all)]), at(NOW));
    rows.into_iter().filter(|row| row.verdict == Verdict::Delete).map(|row| row.snapshot).collect()
}

fn old(count: i64) -> Vec<Own> {
    (100..100 + count).map(backup).collect()
}

#[test]
fn they_are_kept_for_ever_unless_the_operator_says_for_how_long() {
    assert_eq!(deleted(0, old(30)), [""; 0]);
    assert_eq!(deleted(90, old(5)).len(), 3);
    assert_eq!(deleted(103, old(5)).len(), 2, "two are older than that");
}

#[test]
fn the_oldest_go_first_ten_at_a_time() {
    let gone = deleted(30, old(30));
    assert_eq!((gone.len(), &gone[0]), (10, &backup(129).snapshot.name));
}

#[test]
fn the_last_ones_stay_even_then() {
    assert_eq!(deleted(1, old(2)), [""; 0]);
    assert_eq!(deleted(1, old(3)), [backup(102).snapshot.name]);
}

#[test]
fn what_is_held_what_was_requested_and_what_is_no_backup_stays() {
    let mut all = vec![backup(100), backup(101), held(backup(300)), requested("last", 24 * 400, Status::Available)];
    all.push(attempt(at(TODAY) - hours(24 * 500), 1, Status::Failed));
    all.push(attempt(at(TODAY) - hours(24 * 600), 1, Status::Other));
    // The held one is a backup too, so that one more may go, and only that.
    assert_eq!(deleted(30, all), [backup(101).snapshot.name]);
}

#[test]
fn each_database_that_is_gone_is_counted_for_itself() {
    let settings = Settings { orphan_days: 30, ..settings() };
    let all = BTreeMap::from([(key("eu-west-1", "db-A"), old(2)), (key("eu-west-1", "db-B"), old(2))]);
    let rows = orphans(&settings, &all, at(NOW));
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.verdict == Verdict::Keep && row.database == "shop"), "{rows:?}");
}

#[test]
fn copies_go_by_the_same_rule_each_region_for_itself() {
    let settings = Settings { orphan_days: 30, ..settings() };
    let copies: Vec<Own> = old(5).iter().map(|own| copied(own, Status::Available)).collect();
    let (here, there) = (key("eu-west-1", "db-SHOP"), key("eu-central-1", "db-SHOP"));
    let rows = orphans(&settings, &BTreeMap::from([(here, old(3)), (there, copies)]), at(NOW));
    let gone = |region| rows.iter().filter(|row| row.verdict == Verdict::Delete && row.region == region).count();
    assert_eq!((gone("eu-west-1"), gone("eu-central-1"), rows.len()), (1, 3, 8));
}

#[test]
fn copies_of_a_database_that_is_not_copied_there_any_more_stay_and_are_listed() {
    let copies: Vec<_> =
        old(30).iter().map(|own| (key("eu-central-1", "").0, copied(own, Status::Available))).collect();
    let rows = stranded(&copies);
    assert_eq!(rows.len(), 30);
    assert!(rows.iter().all(|row| row.verdict == Verdict::Keep && row.region == "eu-central-1"), "{rows:?}");
}
