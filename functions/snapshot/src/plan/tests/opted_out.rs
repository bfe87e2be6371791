//! Databases whose tag is taken away, and those whose tag comes back.

use shared::event::steward::OwnEvent;

use crate::fixtures::{
    NOW, after, assert_silent, at, backup, database, deleted, hours, request, seen, settings, sweep, told,
};
use crate::observe::model::Seen;
use crate::plan::{Plan, Verdict, opted_out, plan};

/// A database, and what is decided when its tag is gone.
fn gone(was: &Seen) -> Plan {
    let database = database(&[]);
    let tags = database.read_tags();
    opted_out(&settings(), &Seen { database, tags, ..was.clone() })
}

/// A database whose tag was gone for some sweeps, and is back.
fn back(was: &Seen) -> Seen {
    after(was, &gone(was))
}

#[test]
fn nothing_is_done_when_a_tag_is_taken_away_and_every_snapshot_stays() {
    let plan = gone(&seen("daily:3", (0..9).map(backup).collect()));
    assert_silent(&plan);
    assert_eq!((plan.word, plan.rows.len()), ("opted-out", 9));
    assert!(plan.rows.iter().all(|row| row.verdict == Verdict::Keep), "{:?}", plan.rows);
}

#[test]
fn a_tag_that_comes_back_is_a_new_policy_that_deletes_nothing_for_a_day() {
    let was = seen("daily:3", (0..9).map(backup).collect());
    assert_eq!(deleted(&sweep(&was, at(NOW))).len(), 6);
    let first = sweep(&back(&was), at(NOW));
    assert_eq!((deleted(&first).len(), told(&first)), (0, vec!["policy-changed"]));
    let later = after(&was, &first);
    assert_eq!(deleted(&sweep(&later, at(NOW) + hours(23))).len(), 0);
    assert_eq!(deleted(&sweep(&later, at(NOW) + hours(24))).len(), 6);
}

#[test]
fn backups_are_stale_again_only_when_they_were_due_again_and_then_it_is_told() {
    let was = seen("daily:7", vec![backup(30)]);
    let stale = sweep(&was, at(NOW));
    assert_eq!(told(&stale), ["backup-stale"]);
    let mut back = back(&after(&was, &stale));
    back.database.status = "modifying".to_owned();
    let first = sweep(&back, at(NOW));
    assert!(!first.age.unwrap().stale && !told(&first).contains(&"backup-stale"), "{:?}", told(&first));
    let later = after(&back, &first);
    assert!(!sweep(&later, at(NOW) + hours(36)).age.unwrap().stale);
    assert!(told(&sweep(&later, at(NOW) + hours(37))).contains(&"backup-stale"));
}

#[test]
fn a_request_that_is_open_then_is_answered() {
    let mut was = seen("on-request", vec![]);
    was.database.status = "modifying".to_owned();
    let asked = plan(&settings(), &was, Some(&request("r-1")), false, at(NOW));
    let plan = gone(&after(&was, &asked));
    assert!(matches!(plan.memory.unsent.as_slice(), [OwnEvent::SnapshotFailed(_)]), "{:?}", plan.memory.unsent);
    assert_eq!(plan.memory.open_requests().count(), 0);
}
