//! Copies in another region.

use shared::failure::{CallFailure, FailureKind};

use crate::fixtures::{
    NOW, after, assert_silent, at, backup, copied, database, hours, minutes, seen_copied, seen_with, settings, sweep,
    told,
};
use crate::observe::model::{Own, Seen, Status};
use crate::plan::{CopyOrder, Plan, copy_refused, plan};

fn here() -> Vec<Own> {
    (0..3).map(backup).collect()
}

fn order(plan: &Plan) -> Option<&str> {
    plan.copy.as_ref().map(|order| order.name.as_str())
}

fn denied() -> CallFailure {
    CallFailure {
        operation: "rds:CopyDBSnapshot",
        resource: "steward-shop".to_owned(),
        kind: FailureKind::Denied,
        code: "KMSKeyNotAccessibleFault".to_owned(),
        message: "no".to_owned(),
    }
}

/// What is seen when the copy that was due has been refused at `now`.
fn refused(seen: &Seen, plan: &Plan, is_later: bool) -> (Seen, Vec<String>) {
    let mut memory = plan.memory.clone();
    let order = CopyOrder { tags: Vec::new(), ..plan.copy.clone().unwrap() };
    copy_refused(&mut memory, &seen.database, &order, &denied(), is_later, at(NOW));
    let told = memory.untold.iter().map(|alert| alert.kind.clone()).collect();
    memory.untold.clear();
    let mut seen = seen.clone();
    seen.memory.item = memory;
    (seen, told)
}

#[test]
fn the_newest_backup_is_copied_with_its_tags_and_where_it_comes_from() {
    let seen = seen_copied("daily:7", here(), vec![copied(&backup(2), Status::Available)]);
    let plan = sweep(&seen, at(NOW));
    let copy = plan.copy.unwrap();
    assert_eq!((copy.name, copy.source), (backup(0).snapshot.name, backup(0).snapshot.arn));
    assert_eq!((copy.region.as_str(), copy.encrypted), ("eu-central-1", false));
    assert!(copy.tags.contains(&("steward:copied-from".to_owned(), "eu-west-1".to_owned())));
    assert!(copy.tags.contains(&("team".to_owned(), "web".to_owned())));
}

#[test]
fn what_is_there_or_on_its_way_is_not_copied_again() {
    for status in [Status::Available, Status::Creating, Status::Other] {
        let plan = sweep(&seen_copied("daily:7", here(), vec![copied(&backup(0), status)]), at(NOW));
        assert_silent(&plan);
    }
}

#[test]
fn one_copy_at_a_time_for_a_database_and_four_in_a_region() {
    let waiting = seen_copied("daily:7", here(), vec![copied(&backup(1), Status::Creating)]);
    assert_eq!(order(&sweep(&waiting, at(NOW) - minutes(20))), None);
    let mut crowded = seen_copied("daily:7", here(), vec![]);
    for (under_way, is_ordered) in [(0, true), (3, true), (4, false), (20, false)] {
        crowded.elsewhere.as_mut().unwrap().under_way = under_way;
        assert_eq!(order(&sweep(&crowded, at(NOW))).is_some(), is_ordered, "{under_way}");
    }
}

#[test]
fn only_a_sweep_copies_and_only_what_is_a_backup() {
    let seen = seen_copied("daily:7", here(), vec![]);
    assert_eq!(plan(&settings(), &seen, None, false, at(NOW)).copy, None);
    let asked = crate::fixtures::requested("r", 1, Status::Available);
    let creating = crate::fixtures::attempt(at(NOW), 1, Status::Creating);
    assert_eq!(order(&sweep(&seen_copied("daily:7", vec![asked, creating], vec![]), at(NOW))), None);
}

#[test]
fn without_the_tag_or_where_the_region_cannot_be_seen_nothing_is_copied() {
    let mut blind = seen_copied("daily:7", here(), vec![]);
    blind.elsewhere.as_mut().unwrap().copies = Err(denied());
    assert_silent(&sweep(&blind, at(NOW)));
    let without = seen_with(database(&[("steward:snapshot", "daily:7")]), here());
    assert_eq!(order(&sweep(&without, at(NOW))), None);
}

#[test]
fn a_refused_copy_is_told_once_tried_again_after_longer_and_longer_and_given_up_after_five() {
    let mut seen = seen_copied("daily:7", here(), vec![]);
    let mut kinds = Vec::new();
    let mut pauses = Vec::new();
    for number in 0..5 {
        let mut ready = seen.clone();
        // As if the pause were over.
        if let Some(tries) = &mut ready.memory.item.copy {
            tries.at = at(NOW);
        }
        let plan = sweep(&ready, at(NOW));
        assert!(plan.copy.is_some(), "try {number}");
        let (refused, told) = refused(&ready, &plan, false);
        assert_eq!(sweep(&refused, at(NOW) + minutes(14)).copy, None, "it pauses");
        let at_next = refused.memory.item.copy.as_ref().unwrap().at;
        pauses.push(at_next.duration_since(at(NOW)).as_mins());
        kinds.extend(told);
        seen = refused;
    }
    assert_eq!((kinds, pauses), (vec!["copy-failed".to_owned()], vec![15, 30, 60, 120, 240]));
    let given_up = sweep(&seen, at(NOW) + hours(20));
    assert_eq!((order(&given_up), told(&given_up)), (None, vec![]));
    // The next backup is a new start.
    seen.here.push(crate::fixtures::attempt(at("2026-11-22T02:00:00Z"), 1, Status::Available));
    assert!(sweep(&seen, at("2026-11-22T02:20:00Z")).copy.is_some());
}

#[test]
fn what_is_only_a_matter_of_time_costs_no_try_and_is_not_told() {
    let mut seen = seen_copied("daily:7", here(), vec![]);
    for _ in 0..8 {
        let mut ready = seen.clone();
        ready.memory.item.copy = ready.memory.item.copy.map(|tries| crate::memory::CopyTries { at: at(NOW), ..tries });
        let plan = sweep(&ready, at(NOW));
        let (after, told) = refused(&ready, &plan, true);
        assert_eq!(told, [""; 0]);
        seen = after;
    }
    assert_eq!(seen.memory.item.copy.unwrap().tries, 0);
}

#[test]
fn a_copy_that_has_failed_is_counted_once_told_once_and_made_again_when_it_is_gone() {
    let failed = vec![copied(&backup(0), Status::Failed), copied(&backup(1), Status::Available)];
    let seen = seen_copied("daily:7", here(), failed);
    let first = sweep(&seen, at(NOW));
    assert_eq!((order(&first), told(&first)), (None, vec!["copy-failed"]));
    let second = sweep(&after(&seen, &first), at(NOW) + minutes(15));
    assert_eq!((told(&second).len(), second.memory.copy.as_ref().unwrap().tries), (0, 1));
    let mut gone = after(&seen, &second);
    gone.elsewhere.as_mut().unwrap().copies.as_mut().unwrap().remove(0);
    assert_eq!(order(&sweep(&gone, at(NOW) + minutes(30))), Some(backup(0).snapshot.name.as_str()));
}

#[test]
fn when_the_newest_is_there_tries_and_trouble_are_forgotten() {
    let seen = seen_copied("daily:7", here(), vec![]);
    let (mut seen, _) = refused(&seen, &sweep(&seen, at(NOW)), false);
    seen.elsewhere.as_mut().unwrap().copies = Ok(vec![copied(&backup(0), Status::Available)]);
    let plan = sweep(&seen, at(NOW) + minutes(15));
    assert!(plan.memory.copy.is_none() && !plan.memory.told.contains_key("copy-failed"));
    assert_silent(&plan);
}
