//! Retention against a second implementation, which asks of each snapshot alone what the documentation promises of it.

use std::collections::BTreeSet;

use jiff::civil::time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use shared::tags::Buckets;

use crate::fixtures::{at, hours, settings};
use crate::plan::retain::kept;
use crate::slot::Calendar;

/// The names of the periods that an instant is in, by the clock and the calendar alone: hour, day, week, month, year.
fn periods(instant: Timestamp, begins: i64) -> [String; 5] {
    let local = (instant - hours(begins)).to_zoned(TimeZone::UTC);
    let week = local.date().iso_week_date();
    [
        instant.strftime("%Y-%m-%d %H").to_string(),
        local.strftime("%Y-%m-%d").to_string(),
        format!("{:05} week {:02}", week.year(), week.week()),
        local.strftime("%Y-%m").to_string(),
        local.strftime("%Y").to_string(),
    ]
}

/// Whether the documentation promises to keep `slot`, of all that there are.
fn is_promised(buckets: &Buckets, begins: i64, all: &[Timestamp], slot: Timestamp) -> bool {
    let counts = [buckets.hourly, buckets.daily, buckets.weekly, buckets.monthly, buckets.yearly];
    counts.iter().enumerate().filter(|(_, count)| **count > 0).any(|(kind, count)| {
        let count = usize::from(*count);
        let mine = &periods(slot, begins)[kind];
        let is_newest_of_its_period = all.iter().all(|other| *other <= slot || periods(*other, begins)[kind] != *mine);
        let names: BTreeSet<String> = all.iter().map(|other| periods(*other, begins)[kind].clone()).collect();
        let later = names.iter().filter(|name| *name > mine).count();
        let is_oldest = all.iter().all(|other| *other >= slot);
        (is_newest_of_its_period && later < count) || (is_oldest && names.len() < count)
    })
}

fn calendar(begins: i64) -> Calendar {
    Calendar::new(TimeZone::UTC, time(i8::try_from(begins).unwrap(), 0, 0, 0))
}

fn kept_slots(buckets: &Buckets, begins: i64, all: &[Timestamp]) -> Vec<Timestamp> {
    kept(buckets, &calendar(begins), all).into_keys().collect()
}

fn days(policy: &str, count: i64) -> Vec<String> {
    let all: Vec<Timestamp> = (0..count).map(|day| at("2026-11-21T02:00:00Z") - hours(24 * day)).collect();
    let kept = kept(&policy.parse().unwrap(), &settings().calendar, &all);
    kept.keys().map(|slot| slot.strftime("%m-%d").to_string()).collect()
}

#[test]
fn days_weeks_and_months_are_kept_as_the_documentation_shows() {
    assert_eq!(days("daily:3", 30), ["11-19", "11-20", "11-21"]);
    // 21 November 2026 is a Saturday: the newest of its week so far, and then Sundays.
    assert_eq!(days("daily:2 weekly:3", 60), ["11-08", "11-15", "11-20", "11-21"]);
    assert_eq!(days("monthly:3", 100), ["09-30", "10-31", "11-21"]);
}

#[test]
fn while_a_kind_has_too_few_the_oldest_of_all_is_kept_with_it() {
    assert_eq!(days("daily:2 yearly:2", 10), ["11-12", "11-20", "11-21"]);
    assert_eq!(days("daily:2 monthly:2", 30), ["10-31", "11-20", "11-21"], "two months are there: the oldest may go");
    assert_eq!(days("daily:7", 3), ["11-19", "11-20", "11-21"]);
}

#[test]
fn an_outage_uses_up_nothing() {
    let all: Vec<Timestamp> = [0, 1, 2, 40, 41, 42, 43].map(|day| at("2026-11-21T02:00:00Z") - hours(24 * day)).into();
    let kept = kept(&"daily:5".parse().unwrap(), &settings().calendar, &all);
    let oldest = kept.keys().next().unwrap();
    assert_eq!((kept.len(), *oldest), (5, at("2026-11-21T02:00:00Z") - hours(24 * 41)));
}

#[test]
fn the_reasons_say_which_of_how_many() {
    let all = [at("2026-11-21T02:00:00Z"), at("2026-11-20T02:00:00Z")];
    let kept = kept(&"daily:1 weekly:2".parse().unwrap(), &settings().calendar, &all);
    assert_eq!(kept[&all[0]], ["daily 1 of 1", "weekly 1 of 2"]);
    assert_eq!(kept[&all[1]], ["oldest of all, as weekly has 1 of 2"]);
}

fn any_buckets() -> impl Strategy<Value = Buckets> {
    let few = || prop_oneof![2 => Just(0_u16), 3 => 1_u16..8];
    (few(), few(), few(), few(), few()).prop_map(|(hourly, daily, weekly, monthly, yearly)| Buckets {
        hourly,
        daily,
        weekly,
        monthly,
        yearly,
    })
}

/// Slots of hours, crowded or far apart, over years.
fn any_slots() -> impl Strategy<Value = Vec<Timestamp>> {
    prop_oneof![200_i64..400, Just(3_000), Just(40_000)].prop_flat_map(|span| {
        let slot = (0..span).prop_map(|hour| at("2024-12-20T00:00:00Z") + SignedDuration::from_hours(hour));
        prop::collection::vec(slot, 0..40)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn what_is_kept_is_what_is_promised_and_nothing_else(
        buckets in any_buckets(),
        begins in 0_i64..24,
        slots in any_slots(),
    ) {
        let all: BTreeSet<Timestamp> = slots.iter().copied().collect();
        let all: Vec<Timestamp> = all.into_iter().collect();
        let promised: Vec<Timestamp> =
            all.iter().copied().filter(|slot| is_promised(&buckets, begins, &all, *slot)).collect();
        prop_assert_eq!(kept_slots(&buckets, begins, &slots), promised);
    }

    #[test]
    fn the_order_does_not_matter_and_what_was_kept_is_kept_again(
        buckets in any_buckets(),
        begins in 0_i64..24,
        slots in any_slots(),
        seed in any::<u64>(),
    ) {
        let once = kept_slots(&buckets, begins, &slots);
        let mut shuffled = slots;
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        prop_assert_eq!(&kept_slots(&buckets, begins, &shuffled), &once);
        prop_assert_eq!(&kept_slots(&buckets, begins, &once), &once);
    }
}
