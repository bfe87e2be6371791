//! The calendar: changes of the clock, weeks over new year, ends of months, and slots that tile time in every zone.

use jiff::civil::time;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{at, hours, minutes};

fn calendar(zone: &str, hour: i8, minute: i8) -> Calendar {
    Calendar::new(TimeZone::get(zone).unwrap(), time(hour, minute, 0, 0))
}

/// Beginning and length in minutes of the slot that an instant falls in.
fn slot(calendar: &Calendar, interval: Interval, instant: &str) -> (String, i64) {
    let slot = calendar.slot(interval, at(instant));
    (slot.start.to_string(), slot.end.duration_since(slot.start).as_mins())
}

#[track_caller]
fn check(calendar: &Calendar, interval: Interval, instant: &str, start: &str, minutes: i64) {
    assert_eq!(slot(calendar, interval, instant), (start.to_owned(), minutes), "{instant}");
}

#[test]
fn before_the_beginning_of_a_day_it_is_still_the_day_before() {
    let utc = calendar("UTC", 2, 0);
    check(&utc, Interval::Daily, "2026-11-21T01:59:59.999999999Z", "2026-11-20T02:00:00Z", 1440);
    check(&utc, Interval::Daily, "2026-11-21T02:00:00Z", "2026-11-21T02:00:00Z", 1440);
}

#[test]
fn a_day_has_23_or_25_hours_when_the_clock_changes_within_it() {
    let berlin = calendar("Europe/Berlin", 2, 0);
    // 02:00 is left out on 29 March 2026: that day begins at 03:00 by the clock, and the one before has lasted 24 hours.
    check(&berlin, Interval::Daily, "2026-03-28T12:00:00Z", "2026-03-28T01:00:00Z", 24 * 60);
    check(&berlin, Interval::Daily, "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z", 23 * 60);
    // On 25 October 2026 02:00 comes twice: the first begins the day.
    check(&berlin, Interval::Daily, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", 25 * 60);
    check(&berlin, Interval::Daily, "2026-10-25T01:30:00Z", "2026-10-25T00:00:00Z", 25 * 60);
    let york = calendar("America/New_York", 1, 0);
    check(&york, Interval::Daily, "2026-03-08T12:00:00Z", "2026-03-08T06:00:00Z", 23 * 60);
    check(&york, Interval::Daily, "2026-11-01T12:00:00Z", "2026-11-01T05:00:00Z", 25 * 60);
}

#[test]
fn a_beginning_that_the_clock_leaves_out_comes_as_much_later_as_the_clock_jumps() {
    let berlin = calendar("Europe/Berlin", 2, 30);
    check(&berlin, Interval::Daily, "2026-03-29T01:29:59Z", "2026-03-28T01:30:00Z", 24 * 60);
    check(&berlin, Interval::Daily, "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z", 23 * 60);
}

#[test]
fn a_change_of_half_an_hour_is_a_change() {
    let island = calendar("Australia/Lord_Howe", 2, 0);
    // From +11:00 back to +10:30 on 5 April 2026 at two, and forth again on 4 October.
    check(&island, Interval::Daily, "2026-04-04T12:00:00Z", "2026-04-03T15:00:00Z", 24 * 60 + 30);
    check(&island, Interval::Daily, "2026-10-03T15:29:00Z", "2026-10-02T15:30:00Z", 24 * 60);
    check(&island, Interval::Daily, "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z", 23 * 60 + 30);
}

#[test]
fn a_day_without_midnight_begins_with_its_first_minute() {
    let cairo = calendar("Africa/Cairo", 0, 0);
    // At midnight of 24 April 2026 the clock jumps to one.
    check(&cairo, Interval::Daily, "2026-04-23T21:59:59Z", "2026-04-22T22:00:00Z", 24 * 60);
    check(&cairo, Interval::Daily, "2026-04-23T22:00:00Z", "2026-04-23T22:00:00Z", 23 * 60);
}

#[test]
fn a_beginning_that_the_clock_jumps_over_midnight_with_is_on_the_next_date() {
    // In Nuuk the clock jumps from 23:00 on 28 March 2026 to midnight: the day's 23:30 is 00:30 of the 29th.
    let nuuk = calendar("America/Nuuk", 23, 30);
    check(&nuuk, Interval::Daily, "2026-03-29T01:10:00Z", "2026-03-28T01:30:00Z", 24 * 60);
    check(&nuuk, Interval::Daily, "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z", 23 * 60);
}

#[test]
fn weeks_are_those_of_iso_8601_over_new_year() {
    let utc = calendar("UTC", 2, 0);
    // 1 January 2027 is a Friday of the last week of 2026, 1 January 2024 a Monday.
    check(&utc, Interval::Weekly, "2027-01-01T12:00:00Z", "2026-12-28T02:00:00Z", 7 * 1440);
    check(&utc, Interval::Weekly, "2024-01-01T01:00:00Z", "2023-12-25T02:00:00Z", 7 * 1440);
    check(&utc, Interval::Weekly, "2024-01-01T02:00:00Z", "2024-01-01T02:00:00Z", 7 * 1440);
    let berlin = calendar("Europe/Berlin", 2, 0);
    check(&berlin, Interval::Weekly, "2026-10-25T12:00:00Z", "2026-10-19T00:00:00Z", 7 * 1440 + 60);
}

#[test]
fn months_and_years_have_the_days_that_they_have() {
    let utc = calendar("UTC", 2, 0);
    check(&utc, Interval::Monthly, "2028-02-29T12:00:00Z", "2028-02-01T02:00:00Z", 29 * 1440);
    check(&utc, Interval::Monthly, "2027-03-01T01:59:00Z", "2027-02-01T02:00:00Z", 28 * 1440);
    check(&utc, Interval::Monthly, "2026-12-31T23:59:59Z", "2026-12-01T02:00:00Z", 31 * 1440);
    check(&utc, Interval::Yearly, "2027-01-01T01:59:59Z", "2026-01-01T02:00:00Z", 365 * 1440);
    check(&utc, Interval::Yearly, "2028-06-01T00:00:00Z", "2028-01-01T02:00:00Z", 366 * 1440);
}

#[test]
fn hours_are_those_of_utc_wherever_the_clock_stands_at_half_past() {
    let india = calendar("Asia/Kolkata", 2, 0);
    check(&india, Interval::Hourly, "2026-11-21T02:59:59Z", "2026-11-21T02:00:00Z", 60);
    check(&india, Interval::Hourly, "1969-12-31T23:30:00Z", "1969-12-31T23:00:00Z", 60);
}

#[test]
fn the_shortest_kind_of_a_policy_sets_the_pace() {
    let shortest = |policy: &str| Interval::shortest(&policy.parse().unwrap()).map(Interval::word);
    assert_eq!(shortest("yearly:1 daily:7 monthly:2"), Some("daily"));
    assert_eq!(shortest("hourly:24 daily:7"), Some("hourly"));
    assert_eq!(shortest("weekly:4"), Some("weekly"));
    assert_eq!(shortest("on-request"), None);
}

#[test]
fn times_are_told_by_the_clock_of_the_zone() {
    assert_eq!(calendar("Europe/Berlin", 2, 0).local(at("2026-07-01T00:00:00Z")), "2026-07-01 02:00 CEST");
}

const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Santiago",
    "America/Havana",
    "America/Nuuk",
    "Pacific/Chatham",
    "Antarctica/Troll",
    "Asia/Kathmandu",
];
const INTERVALS: [Interval; 5] =
    [Interval::Hourly, Interval::Daily, Interval::Weekly, Interval::Monthly, Interval::Yearly];

/// An instant that is often close to a change of the clock.
fn instant(zone: &TimeZone, second: i64, near: Option<i64>) -> Timestamp {
    let instant = Timestamp::from_second(second).unwrap();
    let change = near.and_then(|_| zone.following(instant).next());
    change.zip(near).map_or(instant, |(change, near)| change.timestamp() + minutes(near))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn slots_tile_time_without_a_gap_and_without_overlap(
        zone in prop::sample::select(&ZONES[..]),
        interval in prop::sample::select(&INTERVALS[..]),
        begins in 0_i8..24,
        half in any::<bool>(),
        second in 1_770_000_000_i64..2_900_000_000,
        near in prop::option::of(-1_600_i64..1_600),
    ) {
        let calendar = calendar(zone, begins, if half { 30 } else { 0 });
        let instant = instant(&calendar.zone, second, near);
        let slot = calendar.slot(interval, instant);
        prop_assert!(slot.start <= instant && instant < slot.end, "{instant} is not in {slot:?}");
        // Any slot's start falls in that slot, and so does its last second; the next one begins where it ends.
        prop_assert_eq!(calendar.slot(interval, slot.start), slot);
        prop_assert_eq!(calendar.slot(interval, slot.end - SignedDuration::from_secs(1)), slot);
        prop_assert_eq!(calendar.slot(interval, slot.end).start, slot.end);
        let length = slot.end.duration_since(slot.start);
        prop_assert!(length <= interval.length() + hours(2), "{slot:?} lasts {length}");
    }

    #[test]
    fn a_slot_of_a_day_lies_in_one_week_and_one_month_and_one_year(
        zone in prop::sample::select(&ZONES[..]),
        begins in 0_i8..24,
        second in 1_770_000_000_i64..2_900_000_000,
    ) {
        let calendar = calendar(zone, begins, 0);
        let day = calendar.slot(Interval::Daily, Timestamp::from_second(second).unwrap());
        for longer in [Interval::Weekly, Interval::Monthly, Interval::Yearly] {
            let slot = calendar.slot(longer, day.start);
            prop_assert!(slot.start <= day.start && day.end <= slot.end, "{day:?} in {slot:?}");
        }
    }
}
