//! Backups that failed, do not end, or have stopped coming.

use jiff::SignedDuration;

use crate::fixtures::{
    NOW, TODAY, after, assert_silent, at, attempt, backup, database, hours, minutes, seen, seen_with, sweep, told,
};
use crate::observe::model::{Own, Seen, Status};
use crate::plan::Plan;

/// A database that cannot be snapshotted, seen so long after its only backup.
fn later(age: SignedDuration) -> (Seen, Plan) {
    let mut seen = seen("daily:7", vec![backup(0)]);
    seen.database.status = "modifying".to_owned();
    let plan = sweep(&seen, at(TODAY) + minutes(3) + age);
    (seen, plan)
}

#[test]
fn backups_are_stale_after_one_and_a_half_intervals_and_not_a_second_before() {
    let (_, plan) = later(hours(36));
    assert!(!plan.age.unwrap().stale && !told(&plan).contains(&"backup-stale"));
    let (_, plan) = later(hours(36) + SignedDuration::from_secs(1));
    assert!(plan.age.unwrap().stale && told(&plan).contains(&"backup-stale"));
    assert_eq!(plan.age.unwrap().seconds, 36 * 3600 + 1);
    assert!((plan.age.unwrap().ratio - 1.5).abs() < 0.001);
}

#[test]
fn stale_backups_are_told_once_for_days_and_so_is_that_they_come_again() {
    let (seen, plan) = later(hours(48));
    let mut stale = after(&seen, &plan);
    for tick in 1..20 {
        let plan = sweep(&stale, at(TODAY) + hours(48 + tick));
        assert!(!told(&plan).contains(&"backup-stale"), "tick {tick}");
        stale = after(&stale, &plan);
    }
    stale.database.status = "available".to_owned();
    let now = at("2026-11-24T02:30:00Z");
    stale.here.push(attempt(at("2026-11-24T02:00:00Z"), 1, Status::Available));
    let plan = sweep(&stale, now);
    assert_eq!(told(&plan), ["backup-resumed"]);
    assert!(plan.arrived);
    let well = after(&stale, &plan);
    assert_silent(&sweep(&well, now + minutes(15)));
    // A second outage is told as the first was.
    let mut again = well;
    again.database.status = "modifying".to_owned();
    assert!(told(&sweep(&again, now + hours(48))).contains(&"backup-stale"));
}

#[test]
fn a_database_without_any_backup_is_judged_from_when_its_policy_was_first_seen() {
    let mut seen = seen_with(database(&[("steward:snapshot", "daily:7")]), vec![]);
    seen.database.status = "modifying".to_owned();
    let first = sweep(&seen, at(NOW));
    let seen = after(&seen, &first);
    assert!(!told(&first).contains(&"backup-stale"));
    assert!(!told(&sweep(&seen, at(NOW) + hours(36))).contains(&"backup-stale"));
    assert!(told(&sweep(&seen, at(NOW) + hours(37))).contains(&"backup-stale"));
}

#[test]
fn a_policy_that_asks_for_more_is_not_stale_at_once() {
    let seen = seen("weekly:4", vec![backup(5)]);
    let mut hourly = seen_with(database(&[("steward:snapshot", "hourly:24")]), seen.here.clone());
    hourly.memory = seen.memory;
    let plan = sweep(&hourly, at(NOW));
    assert!(!plan.age.unwrap().stale && !told(&plan).contains(&"backup-stale"));
    assert!(plan.age.unwrap().seconds > 4 * 24 * 3600, "its age is what it is");
}

#[test]
fn what_failed_or_is_not_there_yet_is_no_backup() {
    let here = vec![attempt(at(TODAY), 1, Status::Failed), attempt(at(TODAY), 2, Status::Creating), backup(3)];
    let plan = sweep(&seen("daily:7", here), at(NOW));
    assert!(plan.age.unwrap().stale);
    assert_eq!(plan.memory.newest, Some(backup(3).snapshot.name));
}

#[test]
fn a_snapshot_that_does_not_end_is_told_once_after_two_hours() {
    let seen = seen("daily:7", vec![backup(1), attempt(at(TODAY), 1, Status::Creating)]);
    assert!(told(&sweep(&seen, at(TODAY) + hours(2))).is_empty());
    let plan = sweep(&seen, at(TODAY) + hours(2) + minutes(2));
    assert_eq!(told(&plan), ["snapshot-stuck"]);
    assert_silent(&sweep(&after(&seen, &plan), at(TODAY) + hours(3)));
}

#[test]
fn a_large_database_may_take_three_times_as_long_as_usual() {
    let mut seen = seen("daily:7", vec![backup(1), attempt(at(TODAY), 1, Status::Creating)]);
    seen.memory.item.durations = vec![60, 3 * 3600, 3 * 3600, 3 * 3600, 9];
    assert!(told(&sweep(&seen, at(TODAY) + hours(9))).is_empty());
    assert_eq!(told(&sweep(&seen, at(TODAY) + hours(9) + minutes(2))), ["snapshot-stuck"]);
}

#[test]
fn how_long_one_took_is_learned_when_it_is_seen_in_time() {
    let before = seen("daily:7", vec![backup(1)]);
    let mut seen = after(&before, &sweep(&before, at(TODAY) - hours(1)));
    assert_eq!(seen.memory.item.durations, [0; 0], "the first one may be old");
    seen.here.push(backup(0));
    let plan = sweep(&seen, at(TODAY) + minutes(11));
    assert_eq!(plan.memory.durations, [600]);
    assert!(plan.arrived);
    assert!(!sweep(&after(&seen, &plan), at(TODAY) + minutes(20)).arrived);
    let late = sweep(&seen, at(TODAY) + hours(30));
    assert_eq!(late.memory.durations, [0; 0], "a day later nothing is learned");
}

#[test]
fn of_what_is_gone_nothing_is_remembered_but_only_a_sweep_knows_that_it_is_gone() {
    let with = seen("daily:7", vec![backup(0), attempt(at(TODAY) - hours(24), 1, Status::Failed)]);
    let plan = sweep(&with, at(NOW));
    assert_eq!((told(&plan), plan.failed), (vec!["snapshot-failed"], 1));
    let mut without = after(&with, &plan);
    without.here.truncate(1);
    let glance = crate::plan::plan(&crate::fixtures::settings(), &without, None, false, at(NOW));
    assert_eq!(glance.memory.told_of.len(), 1);
    assert_eq!(sweep(&without, at(NOW)).memory.told_of.len(), 0);
}

#[test]
fn a_healthy_database_is_silent_tick_after_tick() {
    let here: Vec<Own> = (0..7).map(backup).collect();
    let mut seen = seen("daily:7", here);
    for tick in 0..90 {
        let plan = sweep(&seen, at(NOW) + minutes(15 * tick));
        assert_silent(&plan);
        seen = after(&seen, &plan);
    }
}
