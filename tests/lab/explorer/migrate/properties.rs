//! What must hold of every schedule of the chain, judged by what ECS, the schema, SNS, the bus and the queues remember.
//! Nothing here shares a line with `migrate` or `deploy`; of the state table only who holds the lock and which runs there
//! are is read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::heal::properties::Alert;
use super::super::properties::{Property, Violation, messages, reaches};
use super::super::repeats::{are_excused, writes_down};
use super::super::scene::{CLUSTER, digest};
use super::super::schedule::Played;
use super::scene::{Expected, Scene};
use super::schedule::Seen;
use crate::account::CallRecord;
use crate::steward;

/// Kinds of alerts by which a person is asked to decide: nothing is rolled before.
const GIVEN_UP: [&str; 2] = ["migration-failed", "migration-unknown"];
/// All that may stand in the override of a container: its environment is sent in clear with every event of the task.
const IN_OVERRIDES: [&str; 2] = ["name", "command"];

/// Everything that did not hold in a schedule.
pub fn check(scene: &Scene, played: &Played, seen: &Seen) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut violated = |property, text: String| found.push(Violation { property, text });
    let published = played.calls.iter().enumerate().filter(|(_, record)| is_publish(record));
    let alerts: Vec<(Alert, &str)> = published
        .filter_map(|(place, record)| {
            let text = record.call.input["Message"].as_str()?;
            Some((Alert::read(place, text)?, text))
        })
        .collect();
    for expected in scene.expected {
        // Nothing but its event tells of a rollout that waits. In the dead-letter queue it has its alarm, and a person sends it
        // on, or ECS gives the rollout up.
        if played.dead.iter().any(|body| body.contains("ECS Hook State Change")) {
            continue;
        }
        let mine: Vec<(&Alert, &str)> = alerts
            .iter()
            .filter(|(alert, _)| alert.is_about(expected.service))
            .map(|(alert, text)| (alert, *text))
            .collect();
        // A person was asked to decide about what should run, which is no end where nothing went wrong.
        let is_calm = played.choices.faults() + played.choices.mishaps() == 0;
        let gave_up = !is_calm
            && mine.iter().any(|(alert, text)| {
                let is_meant = |content: &&str| text.contains(&digest(content));
                GIVEN_UP.contains(&alert.kind.as_str()) && expected.runs.iter().any(is_meant)
            });
        let running = played.account.running(CLUSTER, expected.service);
        if !expected.runs.iter().any(|content| running == [digest(content)]) && !gave_up {
            let runs = expected.runs.join(" or ");
            violated(Property::Converges, format!("{} does not run {runs}, and nobody was told so", expected.service));
        }
        let mine: Vec<&Alert> = mine.into_iter().map(|(alert, _)| alert).collect();
        told(played, expected, (&mine, gave_up), &mut violated);
        unproven(scene, played, seen, expected.service, &mut violated);
    }
    tasks(seen, &mut violated);
    ends(played, seen, &alerts, &mut violated);
    messages(played, &mut violated);
    found
}

fn is_publish(record: &CallRecord) -> bool {
    record.call.operation == "Publish" && reaches(record)
}

/// What `migrate` tells of a service; where it `gave_up` what should run, or AWS denied it, nothing else is owed.
fn told(
    played: &Played,
    expected: &Expected,
    (alerts, gave_up): (&[&Alert], bool),
    violated: &mut impl FnMut(Property, String),
) {
    let service = expected.service;
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| is_of_migrate(played, alert.place)) {
        places.entry(&alert.kind).or_default().push(alert.place);
    }
    let is_note = |record: &CallRecord| {
        writes_down(record) && record.call.input["Item"]["pk"]["S"].as_str().is_some_and(|key| key.starts_with("RUN#"))
    };
    let was_denied = was_denied(played);
    for (kind, places) in &places {
        if !expected.freely.contains(kind) && !are_excused(played, places, is_note) {
            violated(Property::ToldAgain, format!("{kind} of {service} was told {} times", places.len()));
        }
        let is_owed = expected.told.contains(kind) || expected.freely.contains(kind);
        // What AWS denies cannot be run, and that is told.
        let is_refusal = was_denied && GIVEN_UP.contains(kind);
        if !is_owed && !is_refusal {
            violated(Property::Groundless, format!("{kind} of {service}"));
        }
    }
    for kind in expected.told.iter().filter(|kind| !places.contains_key(**kind)) {
        if !gave_up && !was_denied {
            violated(Property::Told, format!("no alert says {kind} of {service}"));
        }
    }
}

fn is_of_migrate(played: &Played, place: usize) -> bool {
    played.calls.get(place).is_some_and(|record| record.call.caller.contains(steward::MIGRATE))
}

/// Whether a call was denied without which no task can run, or no snapshot be taken.
fn was_denied(played: &Played) -> bool {
    played.calls.iter().any(|record| {
        let is_needed = matches!(
            record.call.operation.as_str(),
            "RunTask"
                | "RegisterTaskDefinition"
                | "DescribeTaskDefinition"
                | "CreateDBSnapshot"
                | "CreateDBClusterSnapshot"
        );
        let is_denied = record.error.as_deref().is_some_and(|error| error.starts_with("AccessDenied"));
        is_needed && is_denied
    })
}

/// A digest is rolled out only after a task in the very same image has migrated, and ended with 0. A rollout that waits at a
/// hook begins when it is let go on.
fn unproven(scene: &Scene, played: &Played, seen: &Seen, service: &str, violated: &mut impl FnMut(Property, String)) {
    let waits = scene.services.iter().any(|each| each.name == service && each.waits);
    let let_go_on = played.calls.iter().find(|record| {
        let is_go = record.call.operation == "ContinueServiceDeployment" && record.call.input["action"] == "CONTINUE";
        is_go && reaches(record)
    });
    let former = digest("1");
    let proven = seen.schema.migrations();
    let rollouts = played.rollouts.get(service).map(Vec::as_slice).unwrap_or_default();
    for rollout in rollouts {
        let begins = match let_go_on {
            Some(record) if waits => record.call.at,
            None if waits => continue,
            _ => rollout.created_at,
        };
        let Some(digest) = rollout.digest.as_ref().filter(|digest| **digest != former) else { continue };
        let is_proof = |migration: &crate::ecs::Migration| {
            let is_over = migration.ended_at.is_some_and(|at| at <= begins);
            migration.digest == *digest && migration.exit_code == Some(0) && migration.committed && is_over
        };
        if !proven.iter().any(is_proof) {
            violated(Property::Unproven, format!("{service} was rolled to {digest}, whose migration is not proven"));
        }
    }
}

/// Each number of a run is one task; one at a time, and never without the lock; and nothing secret is said of it.
fn tasks(seen: &Seen, violated: &mut impl FnMut(Property, String)) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in seen.watched.tasks.values() {
        *counts.entry(&task.started_by).or_default() += 1;
    }
    for (started_by, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
        violated(Property::TaskTwice, format!("{started_by} was started {count} times"));
    }
    if seen.watched.most_at_once > 1 || !seen.schema.overlaps().is_empty() {
        let overlaps = seen.schema.overlaps();
        violated(Property::Overlap, format!("{} tasks at once: {overlaps:?}", seen.watched.most_at_once));
    }
    for (task, holder) in &seen.watched.unlocked {
        violated(Property::Unlocked, format!("{task} lived while {holder} held the lock"));
    }
    for task in seen.watched.tasks.values() {
        let overridden = task.overrides["containerOverrides"].as_array().into_iter().flatten();
        let members = overridden.filter_map(Value::as_object).flat_map(serde_json::Map::keys);
        let others: BTreeSet<&str> =
            members.map(String::as_str).filter(|member| !IN_OVERRIDES.contains(member)).collect();
        if !others.is_empty() {
            violated(Property::Secret, format!("{} shows {others:?} in its overrides", task.started_by));
        }
    }
}

/// Every run that was written down ends, or a person is told of it; and in the end nobody holds the lock but a run of which
/// nobody knows what it did.
fn ends(played: &Played, seen: &Seen, alerts: &[(Alert, &str)], violated: &mut impl FnMut(Property, String)) {
    let is_told = |run: &str, kinds: &[&str]| {
        alerts.iter().any(|(alert, text)| kinds.contains(&alert.kind.as_str()) && text.contains(run))
    };
    let ended = played.calls.iter().filter(|record| record.call.operation == "PutEvents" && reaches(record));
    let ended: Vec<&Value> = ended
        .map(|record| &record.call.input["Entries"][0])
        .filter(|entry| entry["DetailType"] == "Migration Succeeded" || entry["DetailType"] == "Migration Failed")
        .collect();
    for run in &seen.watched.runs {
        let is_answered = ended.iter().any(|entry| entry["Detail"].as_str().is_some_and(|detail| detail.contains(run)));
        if !is_answered && !is_told(run, &GIVEN_UP) {
            violated(Property::Ends, format!("run {run} has no end, and nobody was told of it"));
        }
    }
    if let Some(holder) = &seen.watched.holder
        && !is_told(holder, &["migration-unknown"])
    {
        violated(Property::Ends, format!("run {holder} still holds the lock, and nobody was told to decide"));
    }
    for task in seen.watched.tasks.values().filter(|task| !task.is_stopped) {
        violated(Property::Ends, format!("{} still runs", task.started_by));
    }
}
