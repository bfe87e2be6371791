//! Slots that get in the way of something else.

use crate::fixtures::{NOW, after, assert_silent, at, attempt, backup, hours, seen, sweep, told};
use crate::observe::model::{Seen, Status};

fn with_windows(policy: &str, backup_window: &str, maintenance: &str) -> Seen {
    let mut seen = seen(policy, vec![backup(0)]);
    seen.database.backup_window = Some(backup_window.to_owned());
    seen.database.maintenance_window = Some(maintenance.to_owned());
    seen
}

#[test]
fn a_window_that_meets_the_first_half_hour_of_a_slot_is_told_once() {
    // Slots begin at two.
    for (backup_window, maintenance, lines) in [
        ("01:45-02:15", "sun:10:00-sun:10:30", 1),
        ("02:00-02:30", "sun:10:00-sun:10:30", 1),
        ("02:29-02:59", "sun:10:00-sun:10:30", 1),
        ("23:30-02:01", "sun:10:00-sun:10:30", 1),
        ("10:00-10:30", "sun:23:45-mon:02:15", 1),
        ("02:00-02:30", "mon:02:00-mon:02:30", 2),
    ] {
        let seen = with_windows("daily:7", backup_window, maintenance);
        let plan = sweep(&seen, at(NOW));
        assert_eq!(told(&plan), ["schedule-conflict"], "{backup_window} {maintenance}");
        let content = &plan.memory.told["schedule-conflict"];
        assert_eq!(content.lines().count(), lines, "{content}");
        assert_silent(&sweep(&after(&seen, &plan), at(NOW) + hours(1)));
    }
}

#[test]
fn windows_that_are_elsewhere_or_cannot_be_read_are_no_news() {
    for (backup_window, maintenance) in [
        ("02:30-03:00", "sun:02:30-sun:03:00"),
        ("01:30-02:00", "sun:01:30-sun:02:00"),
        ("often", "now and then"),
        ("", ""),
        ("25:00-26:00", "sun-mon"),
    ] {
        assert_silent(&sweep(&with_windows("daily:7", backup_window, maintenance), at(NOW)));
    }
}

#[test]
fn hourly_slots_meet_every_window_and_that_is_no_news() {
    let mut seen = with_windows("hourly:24 daily:7", "02:00-02:30", "sun:02:00-sun:02:30");
    seen.here = vec![attempt(at("2026-11-21T02:00:00Z"), 1, Status::Available)];
    assert_silent(&sweep(&seen, at(NOW)));
}

#[test]
fn a_window_that_moved_away_is_forgotten_and_told_anew_if_it_comes_back() {
    let seen = with_windows("daily:7", "02:00-02:30", "sun:10:00-sun:10:30");
    let told_once = after(&seen, &sweep(&seen, at(NOW)));
    let mut moved = told_once.clone();
    moved.database.backup_window = Some("10:00-10:30".to_owned());
    let plan = sweep(&moved, at(NOW));
    assert_silent(&plan);
    let back = Seen { database: told_once.database, ..after(&moved, &plan) };
    assert_eq!(told(&sweep(&back, at(NOW))), ["schedule-conflict"]);
}

#[test]
fn a_database_that_three_slots_in_a_row_found_stopped_is_told_and_ticks_are_not_slots() {
    let mut seen = seen("daily:7", vec![backup(0)]);
    seen.database.status = "stopped".to_owned();
    seen.database.restarts = Some(at("2026-11-27T20:00:00Z"));
    let mut days = Vec::new();
    for tick in 24..24 * 5 {
        let plan = sweep(&seen, at(NOW) + hours(tick));
        if told(&plan).contains(&"schedule-conflict") {
            days.push(tick / 24);
        }
        seen = after(&seen, &plan);
    }
    assert_eq!(days, [3]);
}
