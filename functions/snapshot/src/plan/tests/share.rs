//! Sharing with other accounts.

use shared::arn::AccountId;

use crate::fixtures::{NOW, after, assert_silent, at, attempt, backup, requested, seen, settings, sweep};
use crate::observe::model::{Seen, Status};
use crate::plan::{Plan, Settings, plan};

const AUDIT: &str = "210987654321";
const VAULT: &str = "345678901234";

fn with(accounts: &[&str]) -> Settings {
    Settings { share_with: accounts.iter().map(|account| account.parse().unwrap()).collect(), ..settings() }
}

/// What is seen when all that a plan orders is done.
fn done(settings: &Settings, seen: &Seen, plan: &Plan) -> Seen {
    let mut seen = after(seen, plan);
    for share in &plan.shares {
        seen.memory.item.shared.insert(share.name.clone(), settings.share_with.clone());
    }
    seen
}

#[test]
fn without_the_parameter_nothing_is_shared() {
    assert_silent(&sweep(&seen("daily:7", vec![backup(0), backup(1)]), at(NOW)));
}

#[test]
fn every_backup_is_shared_once_and_what_is_none_is_not() {
    let settings = with(&[AUDIT]);
    let mut here = vec![backup(0), backup(1), requested("r", 1, Status::Available)];
    here.push(attempt(at("2026-11-19T02:00:00Z"), 1, Status::Creating));
    let mut seen = seen("daily:7", here);
    let stuck = format!("{}/stuck", seen.here[3].snapshot.name);
    seen.memory.item.told_of.insert(stuck);
    let first = plan(&settings, &seen, None, true, at(NOW));
    let names: Vec<&str> = first.shares.iter().map(|share| share.name.as_str()).collect();
    assert_eq!(names, [&backup(0).snapshot.name, &backup(1).snapshot.name]);
    assert_silent(&plan(&settings, &done(&settings, &seen, &first), None, true, at(NOW)));
}

#[test]
fn a_parameter_that_changes_adds_and_takes_back() {
    let (before, now) = (with(&[AUDIT]), with(&[VAULT]));
    let seen = seen("daily:7", vec![backup(0)]);
    let shared = done(&before, &seen, &plan(&before, &seen, None, true, at(NOW)));
    let changed = plan(&now, &shared, None, true, at(NOW));
    let account = |text: &str| -> Vec<AccountId> { vec![text.parse().unwrap()] };
    assert_eq!((&changed.shares[0].add, &changed.shares[0].remove), (&account(VAULT), &account(AUDIT)));
    let taken_back = plan(&with(&[]), &shared, None, true, at(NOW));
    // Without the parameter the role may not change sharing: a person is asked to.
    assert_eq!((taken_back.shares.len(), crate::fixtures::told(&taken_back)), (0, vec!["share-failed"]));
}

#[test]
fn at_most_ten_are_changed_in_a_tick_and_the_rest_in_the_next() {
    let settings = with(&[AUDIT]);
    let seen = seen("daily:30", (0..15).map(backup).collect());
    let first = plan(&settings, &seen, None, true, at(NOW));
    assert_eq!(first.shares.len(), 10);
    assert_eq!(plan(&settings, &done(&settings, &seen, &first), None, true, at(NOW)).shares.len(), 5);
}

#[test]
fn what_is_gone_is_forgotten_by_a_sweep_alone() {
    let settings = with(&[AUDIT]);
    let seen = seen("daily:7", vec![backup(0), backup(1)]);
    let mut shared = done(&settings, &seen, &plan(&settings, &seen, None, true, at(NOW)));
    shared.here.pop();
    assert_eq!(plan(&settings, &shared, None, false, at(NOW)).memory.shared.len(), 2);
    assert_eq!(plan(&settings, &shared, None, true, at(NOW)).memory.shared.len(), 1);
}
