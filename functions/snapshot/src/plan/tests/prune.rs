//! What is deleted, and every rail that keeps more than the policy does.

use jiff::Timestamp;

use crate::fixtures::{
    NOW, TODAY, after, assert_silent, at, attempt, backup, copied, database, deleted, held, hours, minutes, request,
    requested, seen, seen_copied, seen_with, settings, sweep, told,
};
use crate::observe::model::{Own, Seen, Status};
use crate::plan::{Plan, Settings, Verdict, plan};

fn name(own: &Own) -> String {
    own.snapshot.name.clone()
}

/// Today's backup and those of the days before.
fn days(count: i64) -> Vec<Own> {
    (0..count).map(backup).collect()
}

/// Why a snapshot of the plan stays.
fn why<'a>(plan: &'a Plan, own: &Own) -> (Verdict, &'a str) {
    let row = plan.rows.iter().find(|row| row.snapshot == own.snapshot.name && row.region == "eu-west-1");
    row.map(|row| (row.verdict, row.why.as_str())).unwrap()
}

#[test]
fn what_no_slot_keeps_is_deleted_the_oldest_first_and_the_rest_is_explained() {
    let plan = sweep(&seen("daily:3", days(5)), at(NOW));
    assert_eq!(deleted(&plan), [name(&backup(4)), name(&backup(3))]);
    assert_eq!(why(&plan, &backup(2)), (Verdict::Keep, "daily 3 of 3"));
    assert_eq!(plan.rows.len(), 5, "there is a row for each");
}

#[test]
fn a_policy_that_keeps_everything_deletes_nothing() {
    assert_silent(&sweep(&seen("daily:7", days(7)), at(NOW)));
}

#[test]
fn the_snapshot_of_the_slot_that_is_now_stays_when_a_policy_becomes_coarser() {
    // Weeks instead of days, on a Saturday: the slot of the week is Monday's, and newer ones are of the same week.
    let seen = seen("weekly:4", days(7));
    let plan = sweep(&seen, at(NOW));
    assert_eq!(why(&plan, &backup(5)), (Verdict::Spare, "it is the snapshot of the slot that is now"));
    assert_eq!((plan.word, plan.creates.len()), ("up-to-date", 0));
    assert_eq!(deleted(&plan), [name(&backup(4)), name(&backup(3)), name(&backup(2)), name(&backup(1))]);
    let next_week = sweep(&seen, at(NOW) + hours(48));
    assert!(deleted(&next_week).contains(&name(&backup(5)).as_str()), "{:?}", deleted(&next_week));
}

#[test]
fn a_policy_that_is_looked_at_twice_at_the_same_time_has_not_changed() {
    let mut seen = seen("daily:3", days(9));
    seen.memory.item.policy.as_mut().unwrap().since = at(NOW);
    let plan = sweep(&seen, at(NOW));
    assert!(plan.rows.iter().any(|row| row.verdict == Verdict::Spare));
    assert_eq!(told(&plan), [""; 0]);
}

#[test]
fn only_a_sweep_deletes() {
    let seen = seen("daily:3", days(9));
    let glance = plan(&settings(), &seen, None, false, at(NOW));
    assert_silent(&glance);
    assert_eq!(why(&glance, &backup(8)), (Verdict::Spare, "only a sweep deletes"));
}

#[test]
fn at_least_so_many_are_kept_however_few_the_policy_keeps() {
    for keep_minimum in 1..7 {
        let settings = Settings { keep_minimum, ..settings() };
        let mut seen = seen("daily:1", days(6));
        let policy = seen.memory.item.policy.as_mut().unwrap();
        policy.text = policy.text.replace("at least 2", &format!("at least {keep_minimum}"));
        let plan = plan(&settings, &seen, None, true, at(NOW));
        assert_eq!(deleted(&plan).len(), 6 - keep_minimum, "{keep_minimum}");
    }
}

#[test]
fn what_failed_and_what_was_requested_is_not_counted_as_kept() {
    let mut here = vec![backup(0), backup(1), backup(2)];
    here.extend((1..=3).map(|number| attempt(at(TODAY) - hours(72), number, Status::Failed)));
    here.push(requested("r", 1, Status::Available));
    let plan = sweep(&seen("daily:1", here), at(NOW));
    assert_eq!(deleted(&plan).iter().filter(|name| !name.contains("20261118")).count(), 1, "{:?}", deleted(&plan));
}

#[test]
fn the_newest_backup_stays_even_if_its_slot_is_not_wanted() {
    // What RDS says of its moment makes an older slot's snapshot the newest backup.
    let mut late = backup(9);
    late.snapshot.created = Some(at(NOW));
    let here = vec![backup(0), backup(1), backup(2), late.clone()];
    let plan = sweep(&seen("daily:2", here), at(NOW));
    assert_eq!(why(&plan, &late), (Verdict::Spare, "it is the newest backup"));
}

#[test]
fn what_a_person_holds_stays_for_ever() {
    let mut here = days(4);
    here.push(held(backup(300)));
    here.push(held(attempt(at(TODAY) - hours(900), 1, Status::Failed)));
    here.push(held(requested("release", 9_000, Status::Available)));
    here.extend((0..3).map(|number| requested(&format!("r{number}"), 3_000, Status::Available)));
    let plan = sweep(&seen("daily:4", here), at(NOW));
    assert_eq!(deleted(&plan), [""; 0]);
    assert_eq!(why(&plan, &backup(300)), (Verdict::Spare, "a person holds it: audit 2026"));
}

#[test]
fn no_backup_is_deleted_while_the_newest_is_stale() {
    let mut here: Vec<Own> = (2..30).map(backup).collect();
    here.push(attempt(at(TODAY) - hours(24 * 9), 2, Status::Failed));
    here.extend((0..5).map(|number| requested(&format!("r{number}"), 3_000 + number, Status::Available)));
    let stale = seen("daily:3", here.clone());
    assert_eq!(deleted(&sweep(&stale, at(NOW))), [name(&here[28])], "what failed is none");
    here.push(backup(0));
    assert_eq!(deleted(&sweep(&seen("daily:3", here), at(NOW))).len(), 10, "with a new one it goes on");
}

#[test]
fn at_most_ten_are_deleted_at_a_time_and_the_rest_later() {
    let mut seen = seen("daily:3", days(27));
    let mut counts = Vec::new();
    for tick in 0..4 {
        let plan = sweep(&seen, at(NOW) + minutes(15 * tick));
        let gone = deleted(&plan);
        counts.push(gone.len());
        let rest = seen.here.iter().filter(|own| !gone.contains(&own.snapshot.name.as_str())).cloned().collect();
        seen = Seen { here: rest, ..after(&seen, &plan) };
    }
    assert_eq!(counts, [10, 10, 4, 0]);
}

#[test]
fn a_policy_that_is_new_or_another_deletes_nothing_for_a_day_and_tells_what_it_will() {
    let new = seen_with(database(&[("steward:snapshot", "daily:3")]), days(9));
    let mut changed = seen("daily:9", days(9));
    (changed.database, changed.tags) = (new.database.clone(), new.tags.clone());
    for seen in [new, changed] {
        let first = sweep(&seen, at(NOW));
        assert_eq!((deleted(&first).len(), told(&first)), (0, vec!["policy-changed"]));
        let alert = &first.memory.untold[0];
        assert_eq!(alert.sections[0].lines.len(), 6, "{alert:?}");
        let seen = after(&seen, &first);
        assert_silent(&sweep(&seen, at(NOW) + hours(20)));
        // A day later, with the backup of that day.
        let mut seen = seen;
        seen.here.push(attempt(at(TODAY) + hours(24), 1, Status::Available));
        let before = sweep(&seen, at(NOW) + hours(24) - minutes(1));
        assert_eq!(deleted(&before), [""; 0]);
        assert_eq!(deleted(&sweep(&seen, at(NOW) + hours(24))).len(), 7);
    }
}

#[test]
fn a_new_database_of_which_nothing_would_be_lost_is_no_news() {
    let plan = sweep(&seen_with(database(&[("steward:snapshot", "daily:3")]), vec![backup(0)]), at(NOW));
    assert_silent(&plan);
}

#[test]
fn a_policy_that_goes_to_and_fro_waits_a_day_each_time() {
    let mut seen = seen("daily:3", days(9));
    for (hour, tag) in [(0, "daily:4"), (1, "daily:3"), (2, "daily:4")] {
        seen.database = database(&[("steward:snapshot", tag)]);
        seen.tags = seen.database.read_tags();
        let plan = sweep(&seen, at(NOW) + hours(hour));
        assert_eq!((deleted(&plan).len(), told(&plan)), (0, vec!["policy-changed"]), "{tag}");
        seen = after(&seen, &plan);
    }
}

#[test]
fn the_same_tag_in_another_order_is_the_same_policy() {
    let mut seen = seen("daily:3 weekly:1", days(3));
    seen.database = database(&[("steward:snapshot", "weekly:1 daily:3")]);
    seen.tags = seen.database.read_tags();
    assert_silent(&sweep(&seen, at(NOW)));
}

#[test]
fn a_failed_one_stays_while_its_slot_lasts_and_goes_after() {
    let (now, before) = (attempt(at(TODAY), 1, Status::Failed), attempt(at(TODAY) - hours(24), 1, Status::Failed));
    let here = vec![now.clone(), attempt(at(TODAY), 2, Status::Available), before.clone(), backup(2)];
    let plan = sweep(&seen("daily:7", here), at(NOW));
    assert_eq!(deleted(&plan), [name(&before)]);
    assert_eq!(why(&plan, &now).0, Verdict::Keep);
}

#[test]
fn what_is_being_made_or_in_a_state_that_is_not_known_is_left_alone() {
    for status in [Status::Creating, Status::Other] {
        let mut here = days(3);
        here.push(attempt(at(TODAY) - hours(900), 1, status));
        let mut asked = requested("old", 5_000, status);
        asked.snapshot.created = None;
        here.push(asked);
        let mut seen = seen("daily:3", here);
        let names: Vec<String> = seen.here.iter().map(|own| format!("{}/stuck", own.snapshot.name)).collect();
        seen.memory.item.told_of.extend(names);
        assert_silent(&sweep(&seen, at(NOW)));
    }
}

#[test]
fn what_was_requested_stays_for_seven_days_and_the_last_three_for_ever() {
    let mut here = days(2);
    let young: Vec<Own> =
        (0..6).map(|number| requested(&format!("y{number}"), 167 - number, Status::Available)).collect();
    let old: Vec<Own> =
        (0..4).map(|number| requested(&format!("o{number}"), 200 + number, Status::Available)).collect();
    here.extend(young);
    here.extend(old.clone());
    let plan = sweep(&seen("daily:7", here), at(NOW));
    let mut expected: Vec<String> = old.iter().rev().map(name).collect();
    assert_eq!(deleted(&plan), expected);
    // With no younger ones, three of the old stay.
    let mut here = days(2);
    here.extend(old);
    let plan = sweep(&seen("daily:7", here), at(NOW));
    expected.truncate(1);
    assert_eq!(deleted(&plan), expected);
}

#[test]
fn what_was_requested_on_a_database_without_slots_ages_too() {
    let here = (0..5).map(|number| requested(&format!("o{number}"), 200 + number, Status::Available)).collect();
    assert_eq!(deleted(&sweep(&seen("on-request", here), at(NOW))).len(), 2);
}

#[test]
fn what_an_open_request_waits_for_is_not_deleted() {
    let mut here = days(2);
    here.push(requested("mine", 300, Status::Failed));
    let mut seen = seen("daily:7", here);
    assert_eq!(deleted(&sweep(&seen, at(NOW))).len(), 1);
    seen.here[2].snapshot.status = Status::Creating;
    let asked = plan(&settings(), &seen, Some(&request("mine")), false, at(NOW) - hours(299));
    assert_eq!(asked.memory.requests.len(), 1);
    let open = after(&seen, &asked);
    assert_eq!(deleted(&sweep(&open, at(NOW) - hours(299))), [""; 0]);
}

#[test]
fn the_source_of_a_copy_under_way_or_due_stays() {
    let here = days(6);
    let plan = sweep(&seen_copied("daily:2", here.clone(), vec![copied(&here[4], Status::Creating)]), at(NOW));
    assert_eq!(why(&plan, &here[4]), (Verdict::Spare, "it is being copied"));
    assert_eq!(deleted(&plan), [name(&here[5]), name(&here[3]), name(&here[2])]);
}

#[test]
fn nothing_is_deleted_here_while_the_other_region_cannot_be_seen() {
    let mut seen = seen_copied("daily:2", days(6), vec![]);
    let failure = shared::failure::CallFailure {
        operation: "rds:DescribeDBSnapshots",
        resource: "all".to_owned(),
        kind: shared::failure::FailureKind::Unavailable,
        code: String::new(),
        message: "no answer in time".to_owned(),
    };
    seen.elsewhere.as_mut().unwrap().copies = Err(failure);
    assert_silent(&sweep(&seen, at(NOW)));
}

#[test]
fn copies_are_pruned_by_the_same_policy_and_rails_as_what_they_are_copies_of() {
    let here = days(6);
    let mut copies: Vec<Own> = here.iter().map(|own| copied(own, Status::Available)).collect();
    copies[4] = held(copies[4].clone());
    let plan = sweep(&seen_copied("daily:3", here.clone(), copies), at(NOW));
    let of = |region: &str| -> Vec<&str> {
        plan.deletions().filter(|row| row.region == region).map(|row| row.snapshot.as_str()).collect()
    };
    assert_eq!(of("eu-west-1"), [name(&here[5]), name(&here[4]), name(&here[3])]);
    assert_eq!(of("eu-central-1"), [name(&here[5]), name(&here[3])]);
    // Stale copies are frozen by themselves.
    let copies = here[3..].iter().map(|own| copied(own, Status::Available)).collect();
    let plan = sweep(&seen_copied("daily:1", here, copies), at(NOW));
    assert!(plan.deletions().all(|row| row.region == "eu-west-1"));
}

#[test]
fn a_failed_copy_stands_in_the_way_and_goes_at_once() {
    let here = days(2);
    let copies = vec![copied(&here[0], Status::Failed), copied(&here[1], Status::Available)];
    let plan = sweep(&seen_copied("daily:7", here.clone(), copies), at(NOW));
    assert_eq!(deleted(&plan), [name(&here[0])]);
    assert_eq!(plan.rows.iter().find(|row| row.verdict == Verdict::Delete).unwrap().region, "eu-central-1");
}

#[test]
fn the_moment_of_a_copy_is_its_sources_not_when_it_was_copied() {
    let source = backup(5);
    let expected: Timestamp = source.claim.started;
    assert_eq!(copied(&source, Status::Available).moment(), expected);
}
