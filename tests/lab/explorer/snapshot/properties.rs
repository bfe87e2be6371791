//! What must hold of every schedule of `snapshot`, judged by what RDS, SNS, the bus and the queues remember. Nothing here
//! shares a line with `snapshot`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::heal::properties::Alert;
use super::super::properties::{Property, Violation, messages, reaches};
use super::super::repeats::{are_excused, is_unknown, writes_down};
use super::super::schedule::Played;
use super::scene::{Expected, PARTNER, Scene};
use super::watch::{Look, Watched, date, is_requested};
use crate::account::CallRecord;
use crate::rds::SnapshotSeen;

/// Alerts that say that a call was refused, and the calls that they are about.
const REFUSALS: [(&str, &[&str]); 3] =
    [("snapshot-refused", &["CreateDB"]), ("copy-failed", &["CopyDB", "DescribeKey"]), ("share-failed", &["ModifyDB"])];

/// Everything that did not hold in a schedule.
pub fn check(scene: &Scene, played: &Played, watched: &Watched) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut violated = |property, text: String| found.push(Violation { property, text });
    let mut alerts = Vec::new();
    for (place, record) in played.calls.iter().enumerate().filter(|(_, record)| record.call.operation == "Publish") {
        if let Some(text) = record.call.input["Message"].as_str().filter(|_| reaches(record)) {
            alerts.extend(Alert::read(place, text));
        }
    }
    for expected in scene.expected {
        slots(expected, watched, &mut violated);
        old(expected, watched, &mut violated);
        copies(scene, expected, watched, &mut violated);
        shared(scene, expected, watched, &mut violated);
        requests(scene, expected, played, watched, &mut violated);
        let mine: Vec<&Alert> = alerts.iter().filter(|alert| alert.is_of(expected.database)).collect();
        told(scene, expected, played, watched, &mine, &mut violated);
    }
    unowned(watched, &mut violated);
    if let Some(last) = watched.looks.last() {
        for held in watched.held.iter().filter(|held| !last.here.iter().any(|seen| seen.id == **held)) {
            violated(Property::Lost, format!("{held} is gone, which a person holds or took"));
        }
    }
    messages(played, &mut violated);
    found
}

/// What the schedule has taken of a database.
fn scheduled<'a>(watched: &'a Watched, look: &'a Look, database: &'a str) -> impl Iterator<Item = &'a SnapshotSeen> {
    let of_it = look.here.iter().filter(move |seen| seen.database == database && !is_requested(seen));
    of_it.filter(|seen| !watched.held.contains(&seen.id) || seen.tags.contains_key("steward:hold"))
}

fn is_there(watched: &Watched, look: &Look, database: &str, slot: &str) -> bool {
    scheduled(watched, look, database).any(|seen| seen.status == "available" && date(seen) == slot)
}

/// At no time has a slot two snapshots that have not failed; in the end each that was due has one.
fn slots(expected: &Expected, watched: &Watched, violated: &mut impl FnMut(Property, String)) {
    let database = expected.database;
    let mut twice: BTreeSet<(String, usize)> = BTreeSet::new();
    for look in &watched.looks {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for seen in scheduled(watched, look, database).filter(|seen| seen.status != "failed") {
            *counts.entry(date(seen)).or_default() += 1;
        }
        twice.extend(counts.into_iter().filter(|(_, count)| *count > 1));
    }
    for (slot, count) in twice {
        violated(Property::OneEach, format!("{database} has {count} snapshots of {slot}"));
    }
    let Some(last) = watched.looks.last() else { return };
    for slot in expected.due.iter().filter(|slot| !is_there(watched, last, database, slot)) {
        violated(Property::OneEach, format!("{database} has no backup of {slot}"));
    }
}

/// What stays, and what goes, and not before what is to take its place.
fn old(expected: &Expected, watched: &Watched, violated: &mut impl FnMut(Property, String)) {
    let database = expected.database;
    let is_kept = |look: &Look, slot: &str| is_there(watched, look, database, slot);
    let Some(last) = watched.looks.last() else { return };
    for slot in expected.stays.iter().filter(|slot| !is_kept(last, slot)) {
        violated(Property::Lost, format!("{database} has lost its backup of {slot}"));
    }
    for slot in expected.goes {
        if is_kept(last, slot) {
            violated(Property::Surplus, format!("{database} still has its backup of {slot}"));
        }
        let is_early = |look: &&Look| !is_kept(look, slot) && expected.due.iter().any(|due| !is_kept(look, due));
        if watched.looks.iter().any(|look| is_early(&look)) {
            violated(Property::TooSoon, format!("{database} lost {slot} before its next backup was there"));
        }
    }
    for seen in scheduled(watched, last, database).filter(|seen| seen.status == "failed") {
        if !expected.due.contains(&date(seen).as_str()) {
            violated(Property::Surplus, format!("{database} still has {}, which failed", seen.id));
        }
    }
    let good = scheduled(watched, last, database).filter(|seen| seen.status == "available");
    let months: BTreeSet<String> = good.map(|seen| date(seen).chars().take(7).collect()).collect();
    if months.len() < expected.months {
        violated(Property::Lost, format!("{database} has backups of {months:?} only"));
    }
}

/// In the end the backups that were due are in the other region as well.
fn copies(scene: &Scene, expected: &Expected, watched: &Watched, violated: &mut impl FnMut(Property, String)) {
    let is_copied = scene.databases.iter().any(|database| database.id == expected.database && database.copied);
    let Some(last) = watched.looks.last().filter(|_| is_copied) else { return };
    for slot in expected.due {
        let is_it = |seen: &&SnapshotSeen| seen.database == expected.database && date(seen) == *slot;
        let count = last.far.iter().filter(is_it).filter(|seen| seen.status == "available").count();
        if count != 1 {
            violated(Property::OneEach, format!("{} has {count} copies of {slot}", expected.database));
        }
    }
}

/// At no time may anybody restore a backup but whom the operator named; in the end they may.
fn shared(scene: &Scene, expected: &Expected, watched: &Watched, violated: &mut impl FnMut(Property, String)) {
    let partners: Vec<&str> =
        scene.environment.iter().filter(|(_, value)| *value == PARTNER).map(|(_, it)| *it).collect();
    for look in &watched.looks {
        let is_last = watched.looks.last() == Some(look);
        for seen in look.here.iter().filter(|seen| seen.database == expected.database) {
            let others = seen.shared_with.iter().any(|with| !partners.contains(&with.as_str()));
            let is_missing = is_last && seen.status == "available" && seen.shared_with.len() < partners.len();
            if others || is_missing {
                violated(Property::Shared, format!("{} is shared with {:?}", seen.id, seen.shared_with));
            }
        }
    }
}

/// At every time, what was taken says whose it is and of which database.
fn unowned(watched: &Watched, violated: &mut impl FnMut(Property, String)) {
    let all = watched.looks.iter().flat_map(|look| look.here.iter().chain(&look.far));
    let is_said = |seen: &SnapshotSeen| {
        let says = |key: &str| seen.tags.get(key).is_some_and(|value| !value.is_empty());
        let of = seen.tags.get("steward:resource");
        says("steward:owner") && of.is_some_and(|of| *of == seen.resource_id || seen.source.is_some())
    };
    let unowned: BTreeSet<&str> = all.filter(|seen| !is_said(seen)).map(|seen| seen.id.as_str()).collect();
    for id in unowned.into_iter().filter(|id| !watched.held.contains(*id)) {
        violated(Property::Unowned, format!("{id} does not say whose it is"));
    }
}

fn told(
    scene: &Scene,
    expected: &Expected,
    played: &Played,
    watched: &Watched,
    alerts: &[&Alert],
    violated: &mut impl FnMut(Property, String),
) {
    let database = expected.database;
    let resource = watched.resources.get(database).map(String::as_str).unwrap_or_default();
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for alert in alerts {
        places.entry(&alert.kind).or_default().push(alert.place);
    }
    let is_note = |record: &CallRecord| {
        writes_down(record) && record.call.input["Item"]["pk"]["S"].as_str() == Some(&format!("DATABASE#{resource}"))
    };
    for (kind, places) in &places {
        let is_free = expected.freely.contains(kind);
        let is_resumed = *kind == "backup-resumed" && alerts.len() > places.len();
        // Each trouble that is over is told as over.
        let may_repeat = is_free || is_resumed && !expected.freely.is_empty();
        if !may_repeat && !are_excused(played, places, is_note) {
            violated(Property::ToldAgain, format!("{kind} of {database} was told {} times", places.len()));
        }
        if !is_free && !expected.told.contains(kind) && !is_resumed && !is_refused(scene, played, kind, database) {
            violated(Property::Groundless, format!("{kind} of {database}"));
        }
    }
    for kind in expected.told.iter().filter(|kind| !places.contains_key(**kind)) {
        violated(Property::Told, format!("no alert says {kind} of {database}"));
    }
    // Whoever is killed before it could write down what it was denied finds it granted the next time.
    if played.choices.faults() == 1 && !expected.due.is_empty() {
        for (kind, _) in REFUSALS.iter().filter(|(kind, _)| is_refused(scene, played, kind, database)) {
            if !places.contains_key(kind) {
                violated(Property::Told, format!("no alert says {kind} of {database}, though AWS denied it"));
            }
        }
    }
}

/// Whether a call of which an alert tells was denied for a database.
fn is_refused(scene: &Scene, played: &Played, kind: &str, database: &str) -> bool {
    let is_encrypted = scene.databases.iter().any(|each| each.id == database && each.encrypted);
    let calls = REFUSALS.iter().find(|(of, _)| *of == kind).map(|(_, calls)| *calls).unwrap_or_default();
    played.calls.iter().any(|record| {
        let (operation, input) = (&record.call.operation, &record.call.input);
        let is_denied = record.error.as_deref().is_some_and(|error| error.starts_with("AccessDenied"));
        let is_about = if operation == "DescribeKey" { is_encrypted } else { input.to_string().contains(database) };
        is_denied && is_about && calls.iter().any(|call| operation.starts_with(call))
    })
}

/// A request that arrived is answered, once for each time that it arrived, by one snapshot.
fn requests(
    scene: &Scene,
    expected: &Expected,
    played: &Played,
    watched: &Watched,
    violated: &mut impl FnMut(Property, String),
) {
    for request in expected.requests {
        let is_meant = |text: &str| text.contains(&format!("\"{request}\""));
        let messages = played.invoked.iter().flat_map(|invoked| &invoked.messages);
        let asked = messages.filter(|message| message.body.contains("Snapshot Requested") && is_meant(&message.body));
        // A message that failed for another reason comes again, and is answered again.
        let is_alone = played.choices.faults() < 2;
        let asked: BTreeSet<(&str, u32)> =
            asked.map(|message| (message.id.as_str(), if is_alone { 0 } else { message.receives })).collect();
        let answers: Vec<(usize, &Value)> = played
            .calls
            .iter()
            .enumerate()
            .filter(|(_, record)| record.call.operation == "PutEvents" && reaches(record))
            .map(|(place, record)| (place, &record.call.input["Entries"][0]))
            .filter(|(_, entry)| entry["Detail"].as_str().is_some_and(is_meant))
            .collect();
        if answers.is_empty() && !asked.is_empty() && !played.dead.iter().any(|body| is_meant(body)) {
            violated(Property::Answered, format!("{request} was not answered"));
        }
        let surplus = answers.len().saturating_sub(asked.len());
        let is_again = |(place, _): &&(usize, &Value)| !is_unknown(played, *place, writes_down);
        let known = answers.iter().rev().skip(asked.len()).filter(is_again).count();
        if known > 0 {
            violated(Property::Answered, format!("{request} was answered {surplus} times too often"));
        }
        let is_of_it = |seen: &&SnapshotSeen| seen.tags.get("steward:request").is_some_and(|of| of == request);
        for look in &watched.looks {
            if look.here.iter().filter(is_of_it).filter(|seen| seen.status != "failed").count() > 1 {
                violated(Property::OneEach, format!("{request} has more than one snapshot"));
                break;
            }
        }
        let was_denied = is_refused(scene, played, "snapshot-refused", expected.database);
        for (_, entry) in answers {
            let is_good = entry["DetailType"] == "Snapshot Available";
            let is_there = watched
                .looks
                .last()
                .is_some_and(|look| look.here.iter().filter(is_of_it).any(|seen| seen.status == "available"));
            if is_good && !is_there {
                violated(Property::Lost, format!("{request} was answered, and its snapshot is not there"));
            } else if !is_good && !was_denied {
                violated(Property::Groundless, format!("{request} was answered with {}", entry["Detail"]));
            }
        }
    }
}
