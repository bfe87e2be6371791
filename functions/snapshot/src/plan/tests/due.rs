//! The slot that is now.

use jiff::Timestamp;

use crate::fixtures::{
    NOW, OWNER, TODAY, after, assert_silent, at, attempt, backup, database, hours, minutes, request, seen, seen_with,
    settings, sweep, told,
};
use crate::observe::model::{Own, Seen, Status};
use crate::own::Claim;
use crate::plan::{Plan, plan};

fn in_status(policy: &str, status: &str, here: Vec<Own>) -> Seen {
    let mut seen = seen(policy, here);
    seen.database.status = status.to_owned();
    seen
}

/// Goes through ticks, each on the memory of the one before: minutes into the slot, and what is decided there.
fn ticks(seen: &Seen, from: Timestamp, minutes_between: i64, count: i64) -> Vec<(i64, Plan)> {
    let mut seen = seen.clone();
    let mut plans = Vec::new();
    for tick in 0..count {
        let plan = sweep(&seen, from + minutes(tick * minutes_between));
        seen = after(&seen, &plan);
        plans.push((tick * minutes_between, plan));
    }
    plans
}

#[test]
fn a_slot_without_a_snapshot_gets_one_that_is_ours() {
    let seen = seen("daily:7", vec![backup(1)]);
    let plan = sweep(&seen, at(NOW));
    let [create] = plan.creates.as_slice() else { panic!("{:?}", plan.creates) };
    assert_eq!(plan.word, "take");
    let mut made = backup(0).snapshot;
    assert_eq!(create.name, made.name);
    made.tags = create.tags.iter().cloned().collect();
    let claim = Claim::of(OWNER, &made).unwrap();
    assert_eq!((claim.slot(), claim.started), (Some(at(TODAY)), at(NOW)));
    assert_eq!(made.tags["steward:policy"], "daily:7");
}

#[test]
fn a_slot_with_its_snapshot_is_left_in_silence_whatever_wakes_us() {
    for status in [Status::Available, Status::Creating, Status::Other] {
        let seen = seen("daily:7", vec![backup(1), attempt(at(TODAY), 1, status)]);
        let first = sweep(&seen, at(NOW));
        assert_silent(&first);
        assert_silent(&plan(&settings(), &after(&seen, &first), None, false, at(NOW) + minutes(1)));
    }
}

#[test]
fn slots_that_have_passed_are_not_made_up_for() {
    let plan = sweep(&seen("daily:7", vec![backup(6)]), at(NOW));
    assert_eq!(plan.creates.len(), 1);
    assert_eq!(plan.creates[0].name, backup(0).snapshot.name);
}

#[test]
fn a_snapshot_that_was_requested_is_none_of_the_slot() {
    let asked = crate::fixtures::requested("r", 0, Status::Available);
    assert_eq!(sweep(&seen("daily:7", vec![backup(1), asked]), at(NOW)).word, "take");
}

#[test]
fn a_failed_one_is_tried_again_under_another_name_and_given_up_after_the_third() {
    let mut here = vec![backup(1)];
    for number in 1..=3 {
        let plan = sweep(&seen("daily:7", here.clone()), at(NOW));
        let next = attempt(at(TODAY), number, Status::Failed);
        assert_eq!(plan.creates[0].name, next.snapshot.name);
        here.push(next);
    }
    let seen = seen("daily:7", here);
    let plan = sweep(&seen, at(NOW));
    assert_eq!((plan.word, plan.creates.len()), ("given-up", 0));
    assert_eq!(told(&plan), ["snapshot-failed"; 3]);
    assert_silent(&sweep(&after(&seen, &plan), at(NOW) + minutes(15)));
    let next_slot = sweep(&after(&seen, &plan), at(NOW) + hours(24));
    assert!(next_slot.creates[0].name.contains("20261122t0200"), "the next slot is tried again");
}

#[test]
fn a_failed_first_try_does_not_hide_a_second_that_is_there_or_under_way() {
    for status in [Status::Available, Status::Creating] {
        let here = vec![backup(1), attempt(at(TODAY), 1, Status::Failed), attempt(at(TODAY), 2, status)];
        assert_eq!(sweep(&seen("daily:7", here), at(NOW)).creates, []);
    }
}

#[test]
fn a_busy_database_is_looked_at_again_after_5_10_20_40_60_and_60_minutes() {
    let seen = in_status("daily:7", "modifying", vec![backup(1)]);
    let start = at(TODAY);
    let plans = ticks(&seen, start, 5, 60);
    let waits: Vec<(i64, i64)> =
        plans.iter().filter_map(|(minute, plan)| Some((*minute, plan.wait?.duration_since(start).as_mins()))).collect();
    assert_eq!(waits, [(0, 5), (5, 15), (15, 35), (35, 75), (75, 135), (135, 195), (195, 255), (255, 315)]);
    assert!(plans.iter().all(|(_, plan)| plan.creates.is_empty() && plan.word == "waiting"));
    assert!(plans.iter().all(|(_, plan)| told(plan).is_empty()), "five hours are no trouble yet");
}

#[test]
fn nothing_is_set_for_after_the_slot() {
    let seen = in_status("hourly:24", "backing-up", vec![]);
    let plans = ticks(&seen, at(TODAY), 5, 12);
    let waits: Vec<Timestamp> = plans.iter().filter_map(|(_, plan)| plan.wait).collect();
    assert_eq!(waits.len(), 3, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait < at("2026-11-21T03:00:00Z")), "{waits:?}");
}

#[test]
fn people_are_told_once_of_a_day_that_waits_for_six_hours_and_of_an_hour_that_waits_for_a_quarter() {
    for (policy, slot_before, between, told_at) in [("daily:7", 24, 30, 360), ("hourly:24", 1, 5, 15)] {
        let last = attempt(at(TODAY) - hours(slot_before), 1, Status::Available);
        let seen = in_status(policy, "upgrading", vec![last]);
        let plans = ticks(&seen, at(TODAY), between, if slot_before == 1 { 6 } else { 18 });
        let told: Vec<(i64, &str)> =
            plans.iter().flat_map(|(minute, plan)| told(plan).into_iter().map(|kind| (*minute, kind))).collect();
        assert_eq!(told, [(told_at, "snapshot-missed")], "{policy}");
    }
}

#[test]
fn a_database_that_is_back_is_snapshotted_and_the_wait_is_forgotten_with_the_next_slot() {
    let busy = in_status("daily:7", "rebooting", vec![backup(1)]);
    let waiting = sweep(&busy, at(NOW));
    let mut back = after(&busy, &waiting);
    back.database.status = "available".to_owned();
    assert_eq!(sweep(&back, at(NOW) + minutes(2)).creates.len(), 1);
    let next = sweep(&after(&busy, &waiting), at(NOW) + hours(24));
    assert_eq!(next.memory.wait.unwrap().since, at(NOW) + hours(24));
}

#[test]
fn a_broken_database_is_told_at_once_and_once_in_a_slot() {
    for status in ["failed", "storage-full", "incompatible-network", "inaccessible-encryption-credentials"] {
        let seen = in_status("daily:7", status, vec![backup(1)]);
        let plan = sweep(&seen, at(NOW));
        assert_eq!((plan.word, told(&plan)), ("broken", vec!["snapshot-missed"]), "{status}");
        assert_silent(&sweep(&after(&seen, &plan), at(NOW) + minutes(15)));
    }
}

#[test]
fn what_rds_says_of_a_database_is_taken_for_busy_unless_it_is_known_to_be_ready() {
    for (status, word) in [
        ("available", "take"),
        ("storage-optimization", "take"),
        ("backing-up", "waiting"),
        ("something-new", "waiting"),
        ("", "waiting"),
    ] {
        assert_eq!(sweep(&in_status("daily:7", status, vec![backup(1)]), at(NOW)).word, word, "{status}");
    }
}

#[test]
fn a_stopped_database_with_a_backup_since_is_left_in_silence_for_days() {
    let mut seen = in_status("daily:7", "stopped", vec![backup(3), backup(2)]);
    // Stopped an hour before its newest backup was: RDS says when it starts by itself.
    seen.database.restarts = Some(at(TODAY) - hours(48 + 1) + hours(7 * 24));
    for day in 0..2 {
        let plan = sweep(&seen, at(NOW) + hours(24 * day));
        assert_eq!(plan.word, "stopped");
        assert_silent(&plan);
        assert!(!plan.age.unwrap().stale && plan.age.unwrap().ratio == 0.0);
        seen = after(&seen, &plan);
    }
}

#[test]
fn a_stopped_database_that_had_no_fresh_backup_waits_and_is_told() {
    let mut seen = in_status("daily:7", "stopped", vec![backup(4)]);
    for restarts in [None, Some(at(TODAY) - hours(20) + hours(7 * 24))] {
        seen.database.restarts = restarts;
        let plans = ticks(&seen, at(TODAY), 60, 8);
        assert!(plans.iter().all(|(_, plan)| plan.creates.is_empty()));
        assert_eq!(told(&plans[6].1), ["snapshot-missed"]);
    }
}

#[test]
fn a_database_that_is_being_deleted_keeps_its_snapshots_and_makes_none() {
    let many: Vec<Own> = (0..30).map(backup).collect();
    for status in ["deleting", "delete-precheck"] {
        let plan = sweep(&in_status("daily:1", status, many.clone()), at(NOW));
        assert_eq!((plan.word, plan.rows.len()), ("deleting", 0));
        assert_silent(&plan);
    }
}

#[test]
fn tags_that_cannot_be_read_are_told_once_and_nothing_is_done() {
    let many: Vec<Own> = (0..30).map(backup).collect();
    for tags in [
        &[("steward:snapshot", "dayly:7")][..],
        &[("steward:snapshot", "daily:7"), ("steward:copy", "eu-west-1")],
        &[("steward:snapshot", "on-request"), ("steward:copy", "eu-central-1")],
        &[("steward:copy", "eu-central-1")],
    ] {
        let seen = seen_with(database(tags), many.clone());
        let plan = sweep(&seen, at(NOW));
        assert_eq!((plan.word, told(&plan)), ("tags", vec!["tags"]), "{tags:?}");
        assert_eq!((plan.creates.len(), plan.rows.len()), (0, 0), "{tags:?}");
        assert_silent(&sweep(&after(&seen, &plan), at(NOW) + minutes(15)));
        let corrected = seen_with(database(&[("steward:snapshot", "daily:7")]), vec![]);
        let memory = after(&seen, &plan).memory;
        let plan = sweep(&Seen { memory, ..corrected }, at(NOW));
        assert!(!plan.memory.told.contains_key("tags"), "another mistake is told anew");
    }
}

#[test]
fn tags_that_cannot_be_read_and_a_deletion_answer_open_requests() {
    let unreadable = seen_with(database(&[("steward:snapshot", "often")]), vec![]);
    for seen in [unreadable, in_status("daily:7", "deleting", vec![])] {
        let plan = plan(&settings(), &seen, Some(&request("r-1")), false, at(NOW));
        assert_eq!((plan.memory.unsent.len(), plan.creates.len()), (1, 0), "{}", plan.reason);
    }
}

#[test]
fn a_database_on_request_gets_no_snapshot_by_itself_and_loses_none_of_its_slots() {
    let many: Vec<Own> = (10..40).map(backup).collect();
    let plan = sweep(&seen("on-request", many), at(NOW));
    assert_eq!((plan.word, plan.age), ("on-request", None));
    assert_silent(&plan);
}
