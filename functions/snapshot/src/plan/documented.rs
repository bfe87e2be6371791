//! The examples of retention in the documentation are what the code keeps.

use std::collections::BTreeMap;

use jiff::civil::{Date, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shared::tags::Buckets;

use super::retain::kept;
use crate::slot::Calendar;

const PAGE: &str = include_str!("../../../../docs/snapshot.md");

/// The slots of all nights from one date until another.
fn nights(first: Date, last: Date) -> Vec<Timestamp> {
    let slot = |date: Date| date.at(2, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
    let next = |slot: &Timestamp| slot.checked_add(SignedDuration::from_hours(24)).ok();
    std::iter::successors(Some(slot(first)), next).take_while(|night| *night <= slot(last)).collect()
}

/// What a policy keeps of these slots, by date, as the documentation writes it.
fn documented(policy: &str, slots: &[Timestamp]) -> BTreeMap<String, String> {
    let buckets: Buckets = policy.parse().unwrap();
    let calendar = Calendar::new(TimeZone::UTC, time(2, 0, 0, 0));
    let kept = kept(&buckets, &calendar, slots).into_iter();
    kept.map(|(slot, why)| (slot.strftime("%Y-%m-%d").to_string(), why.join(", "))).collect()
}

#[test]
fn the_example_of_retention_is_what_is_kept() {
    let slots = nights(date(2026, 8, 1), date(2026, 11, 20));
    let kept = documented("daily:7 weekly:4 monthly:3", &slots);
    let table = PAGE.split("| slot | kept as |\n| --- | --- |\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows = table.lines().map(|line| {
        let mut cells = line.trim_matches(['|', ' ']).split(" | ");
        (cells.next().unwrap().to_owned(), cells.next().unwrap().to_owned())
    });
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), kept);
    assert_eq!((slots.len(), kept.len()), (112, 11));
    assert!(PAGE.contains("`daily:7 weekly:4 monthly:3`") && PAGE.contains("Eleven of 112 stay"));
}

#[test]
fn the_example_of_a_young_policy_is_what_is_kept() {
    let kept = documented("daily:7 monthly:12", &nights(date(2026, 11, 1), date(2026, 11, 20)));
    assert_eq!(kept.len(), 8);
    let why = kept.get("2026-11-01").unwrap();
    assert!(PAGE.contains(&format!("`daily:7 monthly:12`: the last seven, and 2026-11-01 as \"{why}\"")), "{why}");
}
