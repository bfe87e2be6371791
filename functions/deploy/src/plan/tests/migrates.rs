//! A service that migrates first: nothing rolls without the proof.

use shared::event::steward::OwnEvent;
use shared::migration::{RunId, RunState};

use super::*;
use crate::rollout::Awaiting;

/// Image 2 is due, and container `api` migrates.
fn scene() -> Scene {
    let mut scene = Scene::new("follow", ":latest", TWO).runs(1).tag("migrate", "api");
    scene.observed.containers[0].migrates = true;
    scene
}

/// The same a while after the migration was asked for, which stands as `state` says.
fn asked(state: Option<RunState>) -> Scene {
    let memory = scene().plan().memory.unwrap();
    let mut scene = scene().remembers(|known| *known = Rollout { unsent: Vec::new(), ..memory });
    let asked = scene.observed.memory.item.awaits.as_ref().map(|awaits| awaits.what.since);
    scene.observed.migration = RunHead { state, reason: "so it is".to_owned(), asked };
    scene.now = at(10_060);
    scene
}

fn asks(memory: &Rollout) -> Option<&Awaiting> {
    let is_asked = memory.unsent.iter().any(|event| matches!(event, OwnEvent::MigrationRequested(_)));
    memory.awaits.as_ref().filter(|_| is_asked)
}

#[test]
fn a_roll_waits_for_its_migration_in_the_very_image_that_is_rolled() {
    let memory = scene().is_left("has to be done first").unwrap();
    let awaits = asks(&memory).unwrap();
    assert_eq!((&awaits.what.digest, awaits.by_request), (&digest(2), false));
    assert_eq!(awaits.what.reference, format!("{REPOSITORY}@{}", digest(2)));
    assert_eq!(awaits.what.run, RunId::of_rollout(&arn(), &digest(2), &revision(7)));
    assert_eq!(memory.attempt, None);
}

#[test]
fn while_it_is_under_way_nothing_is_written_and_nobody_asked_again() {
    for state in [None, Some(RunState::Waiting), Some(RunState::Migrating), Some(RunState::Approval)] {
        assert_eq!(asked(state).is_left("has to be done first"), None, "{state:?}");
    }
}

#[test]
fn what_left_no_trace_is_asked_for_again_after_a_while() {
    for state in [None, Some(RunState::Superseded)] {
        let mut scene = asked(state);
        scene.now = at(10_000 + 600);
        assert!(asks(&scene.is_left("has to be done first").unwrap()).is_some(), "{state:?}");
    }
    let mut scene = asked(Some(RunState::Migrating));
    scene.now = at(90_000);
    assert_eq!(scene.is_left("has to be done first"), None);
}

#[test]
fn with_the_proof_it_is_rolled_to_the_same_digest() {
    let memory = asked(Some(RunState::Migrated)).rolls(By::Pin, 2);
    assert_eq!(memory.attempt.unwrap().images["api"].reference, format!("{REPOSITORY}@{}", digest(2)));
}

#[test]
fn the_proof_of_another_image_is_no_proof() {
    let three: &[(u8, &[&str])] = &[(1, &[]), (2, &[]), (3, &["latest"])];
    let mut moved = asked(Some(RunState::Migrated));
    moved.catalogs = Scene::new("follow", ":latest", three).catalogs;
    let memory = moved.is_left("has to be done first").unwrap();
    assert_eq!(asks(&memory).unwrap().what.digest, digest(3));
}

#[test]
fn a_proof_is_good_for_the_rollout_that_it_was_asked_for_and_for_no_later_one() {
    let mut again = asked(Some(RunState::Migrated));
    let memory = again.plan().memory.unwrap();
    let (mut rolled, images) = (memory.clone(), memory.attempt.unwrap().images);
    rolled.use_up_proof(&images);
    assert_eq!(rolled.awaits, None, "it has begun");
    again = again.remembers(|known| *known = Rollout { attempt: None, ..rolled });
    again.now = at(20_000);
    let memory = again.is_left("has to be done first").unwrap();
    assert_eq!(asks(&memory).unwrap().what.since, at(20_000));
    let mut later = again.remembers(|known| *known = Rollout { unsent: Vec::new(), ..memory });
    later.now = at(20_060);
    later.is_left("has to be done first");
    later.observed.migration.asked = Some(at(20_000));
    later.rolls(By::Pin, 2);
}

#[test]
fn what_is_not_wanted_any_more_is_not_waited_for_any_more() {
    let back = asked(Some(RunState::Waiting)).runs(2);
    assert_eq!(back.is(&Decision::UpToDate).unwrap().awaits, None);
    let other = Trigger::Pushed { repository: "ghcr.io/acme/other".parse().unwrap(), tag: ImageTag::latest() };
    assert!(asked(Some(RunState::Waiting)).runs(2).by(other).plan().memory.is_none(), "it says nothing of this image");
}

#[test]
fn without_the_proof_the_service_stays_as_it_is_and_nobody_is_asked_again() {
    for state in [RunState::Failed, RunState::Unknown] {
        assert_eq!(asked(Some(state)).is_left("so it is"), None);
    }
}

#[test]
fn a_tag_without_its_label_is_told_and_nothing_rolls() {
    let mut bare = scene();
    bare.observed.containers[0].migrates = false;
    let memory = bare.is_left("docker label steward.migrate").unwrap();
    assert_eq!((kinds(&memory), &memory.awaits), (vec!["blocked"], &None));
    let other = Scene::new("follow", ":latest", TWO).runs(1).tag("migrate", "worker");
    other.is_left("container worker");
}

#[test]
fn what_is_up_to_date_held_or_only_planned_asks_for_nothing() {
    scene().runs(2).is(&Decision::UpToDate);
    let held = scene().tag("hold", "audit").is_left("audit").unwrap();
    assert_eq!(held.awaits, None);
    let mut dry = scene();
    dry.settings.dry_run = true;
    let plan = dry.plan();
    assert!(matches!(plan.decision, Decision::WouldRoll(_)) && plan.memory.is_none());
    let planned = scene().tag("mode", "plan").plan();
    assert!(matches!(planned.decision, Decision::WouldRoll(_)));
    assert_eq!(planned.memory.unwrap().awaits, None);
}

#[test]
fn what_a_person_asked_for_against_the_policy_is_taken_up_again_after_its_migration() {
    let request = json!({ "service": arn(), "digest": digest(1) });
    let first = scene().runs(2).asks(request);
    let memory = first.is_left("has to be done first").unwrap();
    assert!(asks(&memory).unwrap().by_request && memory.pin.is_some());
    let mut later = scene().runs(2).remembers(|known| *known = Rollout { unsent: Vec::new(), ..memory.clone() });
    later.now = at(10_060);
    let ended = Trigger::MigrationEnded { service: arn(), run: RunId::of_rollout(&arn(), &digest(1), &revision(7)) };
    later = later.by(ended);
    later.is_left("has to be done first");
    let asked = later.observed.memory.item.awaits.as_ref().map(|awaits| awaits.what.since);
    later.observed.migration = RunHead { state: Some(RunState::Migrated), reason: String::new(), asked };
    later.rolls(By::Pin, 1);
    later.clone().tag("hold", "audit").is_left("audit");
    let changed = later.service(|service| service.task_definition = Some(revision(8)));
    changed.is_left("pinned");
}

#[test]
fn a_container_that_keeps_its_image_needs_no_migration() {
    let mut scene =
        Scene::new("follow", ":latest", TWO).names("job", "ghcr.io/acme/job:1").runs(1).tag("migrate", "job");
    scene.observed.containers.iter_mut().for_each(|container| container.migrates = true);
    scene.rolls(By::Pin, 2);
}
