//! Compares what an invocation did with what is promised. Nothing here asks the function, its tags' meaning, or its names:
//! a snapshot is Steward's because it came into being while Steward was at work.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lab::rds::SnapshotSeen;
use serde_json::Value;

use super::model::{Period, Policy};
use super::scene::{Db, FAR, HERE, Key, Listed, Made, Scene, Weather, of};

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breach {
    Unowned,
    NotAsked,
    WrongSlot,
    SecondForSlot,
    PeoplesDeleted,
    HeldDeleted,
    PromisedDeleted,
    OfGoneDeleted,
    DeletedTooEarly,
    DeletedWhileStale,
    BelowMinimum,
    TooManyDeleted,
    SourceOfCopyDeleted,
    DeletedBySomethingElse,
    Surplus,
    NoBackup,
    StaleUntold,
    StaleForNothing,
    ResumedUntold,
    NotCopied,
    TooManyCopies,
    PeriodLost,
}

/// One invocation, with what was there before and after it.
pub(crate) struct Act {
    pub(crate) now: Timestamp,
    pub(crate) is_sweep: bool,
    pub(crate) weather: Weather,
    pub(crate) before: Listed,
    pub(crate) after: Listed,
    /// Of databases by resource id, before it.
    pub(crate) statuses: BTreeMap<String, String>,
    pub(crate) told: Vec<(String, String)>,
}

pub(super) const MINIMUM: usize = 2;
pub(super) const MOST_DELETED: usize = 10;
pub(super) const MOST_COPIES: usize = 4;
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The scheduled snapshots of a database in a region that are available, by slot.
pub(super) type Backups<'a> = BTreeMap<Timestamp, (&'a Key, &'a SnapshotSeen)>;

impl Scene {
    pub(super) fn breach(&mut self, now: Timestamp, breach: Breach, what: impl Into<String>) {
        let what = what.into();
        let is_meant = |record: &&Value| record["subject"].as_str().is_some_and(|subject| what.contains(subject));
        let decided = self.said["decisions"].as_array().into_iter().flatten().filter(is_meant);
        let said: Vec<String> = decided.map(|record| format!("{}: {}", record["decision"], record["reason"])).collect();
        self.breaches.push((now, breach, format!("{what}; {}", said.join("; "))));
    }

    /// Judges an invocation.
    pub(crate) fn judge(&mut self, act: &Act) {
        let gone: Vec<Key> = act.before.keys().filter(|key| !act.after.contains_key(key)).cloned().collect();
        self.judge_deleted(act, &gone);
        for (key, seen) in act.after.iter().filter(|(key, _)| !act.before.contains_key(key)) {
            self.judge_made(act, key, seen);
        }
        *self.counted.entry("deleted").or_default() += gone.len();
        let places: Vec<usize> = (0..self.dbs.len()).filter(|place| !self.dbs[*place].gone).collect();
        for place in places {
            self.judge_told(act, place);
            if act.is_sweep && act.weather == Weather::Fair {
                self.judge_kept(act, place, &gone);
                self.dbs[place].noticed.get_or_insert(act.now);
                self.dbs[place].paced_noticed.get_or_insert(act.now);
            }
        }
        if self.made.len() > 2 * act.after.len() {
            self.made.retain(|key, _| act.after.contains_key(key));
        }
    }

    fn judge_made(&mut self, act: &Act, key: &Key, seen: &SnapshotSeen) {
        let name = &key.2;
        let class = seen.tags.get("steward:class").map(String::as_str);
        if !seen.tags.contains_key("steward:owner") || seen.tags.get("steward:resource") != Some(&seen.resource_id) {
            self.breach(act.now, Breach::Unowned, name);
        }
        if key.0 == FAR {
            let source = (HERE, key.1.clone(), name.clone());
            let slot = self.made.get(&source).and_then(|made| made.slot);
            self.made.insert(key.clone(), Made { slot });
            let is_under_way = |(key, seen): &(&Key, &SnapshotSeen)| {
                key.0 == FAR && seen.status == "creating" && seen.source.is_some()
            };
            let under_way = act.after.iter().filter(is_under_way).count();
            if slot.is_none() || !self.dbs.iter().any(|db| db.resource == seen.resource_id && db.copied) {
                self.breach(act.now, Breach::NotAsked, format!("{name} in {FAR}"));
            }
            if under_way > MOST_COPIES {
                self.breach(act.now, Breach::TooManyCopies, format!("{under_way} with {name}"));
            }
            *self.counted.entry("copied").or_default() += 1;
            return;
        }
        let db = self.dbs.iter().find(|db| db.resource == seen.resource_id && !db.gone);
        let finest = db.and_then(|db| db.policy.as_ref()?.finest());
        if class == Some("requested") {
            if db.is_none_or(|db| db.policy.is_none()) {
                self.breach(act.now, Breach::NotAsked, name);
            }
            self.made.insert(key.clone(), Made { slot: None });
            *self.counted.entry("requested").or_default() += 1;
            return;
        }
        let Some(finest) = finest else {
            self.made.insert(key.clone(), Made { slot: None });
            return self.breach(act.now, Breach::NotAsked, name);
        };
        let slot = self.days.start(finest, seen.original_at);
        let said = seen.tags.get("steward:slot").and_then(|text| text.parse::<Timestamp>().ok());
        if said.is_some_and(|said| said != slot) {
            self.breach(act.now, Breach::WrongSlot, format!("{name}: {slot}"));
        }
        // One that a person deleted is taken anew under its name.
        let is_other = |other: &(&Key, &Made)| other.0 != key && other.1.slot == Some(slot);
        let others: Vec<Key> =
            self.made_of(HERE, &seen.resource_id).filter(is_other).map(|(key, _)| key.clone()).collect();
        if let Some(other) =
            others.iter().find(|other| act.after.get(other).is_some_and(|seen| seen.status != "failed"))
        {
            self.breach(act.now, Breach::SecondForSlot, format!("{name} beside {}", other.2));
        }
        self.made.insert(key.clone(), Made { slot: Some(slot) });
        *self.counted.entry("taken").or_default() += 1;
    }

    pub(super) fn backups<'a>(&self, listed: &'a Listed, region: &'static str, db: &Db) -> Backups<'a> {
        let available = of(listed, region, &db.resource).filter(|(_, seen)| seen.status == "available");
        available.filter_map(|(key, seen)| Some((self.made.get(key)?.slot?, (key, seen)))).collect()
    }

    fn judge_deleted(&mut self, act: &Act, gone: &[Key]) {
        let now = act.now;
        let copied = sources_under_way(&act.before);
        let mut by_database: BTreeMap<(&str, String), Vec<&Key>> = BTreeMap::new();
        for key in gone {
            let seen = &act.before[key];
            if self.made.contains_key(key) {
                by_database.entry((key.0, seen.resource_id.clone())).or_default().push(key);
            } else {
                self.breach(now, Breach::PeoplesDeleted, &key.2);
            }
            if seen.tags.contains_key("steward:hold") {
                self.breach(now, Breach::HeldDeleted, &key.2);
            }
            if seen.status == "creating" {
                self.breach(now, Breach::PromisedDeleted, &key.2);
            }
            if !act.is_sweep {
                self.breach(now, Breach::DeletedBySomethingElse, &key.2);
            }
            if copied.contains(seen.arn.as_str()) {
                self.breach(now, Breach::SourceOfCopyDeleted, &key.2);
            }
        }
        for ((region, resource), keys) in by_database {
            let found = self.dbs.iter().find(|db| db.resource == resource && !db.gone);
            let Some((db, policy)) = found.and_then(|db| Some((db, db.policy.clone()?))) else {
                self.breach(now, Breach::OfGoneDeleted, &keys[0].2);
                continue;
            };
            let backups = self.backups(&act.before, if region == HERE { HERE } else { FAR }, db);
            let left = backups.values().filter(|(key, _)| !keys.contains(key)).count();
            let found = forbidden(self, act, db, &policy, &backups, &keys);
            let changed = db.changed;
            for (breach, what) in found {
                self.breach(now, breach, what);
            }
            if now.duration_since(changed) < DAY {
                self.breach(now, Breach::DeletedTooEarly, &keys[0].2);
            }
            if left < MINIMUM.min(backups.len()) {
                self.breach(now, Breach::BelowMinimum, format!("{} of {resource}", keys[0].2));
            }
            let in_all = gone.iter().filter(|key| act.before[*key].resource_id == resource).count();
            if in_all > MOST_DELETED {
                self.breach(now, Breach::TooManyDeleted, format!("{in_all} of {resource}"));
            }
        }
    }
}

/// Sources of copies that are being made.
pub(super) fn sources_under_way(listed: &Listed) -> BTreeSet<&str> {
    let creating = listed.values().filter(|seen| seen.status == "creating");
    creating.filter_map(|seen| seen.source.as_deref()).collect()
}

pub(super) fn moment(seen: &SnapshotSeen) -> Timestamp {
    seen.original_at
}

/// What may not be deleted, of what was.
fn forbidden(
    scene: &Scene,
    act: &Act,
    db: &Db,
    policy: &Policy,
    backups: &Backups<'_>,
    keys: &[&Key],
) -> Vec<(Breach, String)> {
    let slots: BTreeSet<Timestamp> = backups.keys().copied().collect();
    let promised = policy.promised(&scene.days, &slots);
    let newest = backups.values().map(|(_, seen)| moment(seen)).max();
    let mut requested: Vec<(Timestamp, &Key)> = of(&act.before, HERE, &db.resource)
        .filter(|(_, seen)| seen.status == "available")
        .filter(|(key, _)| scene.made.get(*key).is_some_and(|made| made.slot.is_none()))
        .map(|(key, seen)| (moment(seen), key))
        .collect();
    requested.sort();
    let last: Vec<&Key> = requested.iter().rev().take(3).map(|(_, key)| *key).collect();
    let mut found = Vec::new();
    for key in keys {
        let seen = &act.before[*key];
        let (slot, age) = (scene.made[*key].slot, act.now.duration_since(moment(seen)));
        let of_now = policy.finest().map(|finest| scene.days.start(finest, act.now));
        if key.0 == HERE && seen.status == "available" && slot.is_some() && slot == of_now {
            found.push((Breach::PromisedDeleted, format!("{} of the slot that is now", key.2)));
        }
        let is_promised = match (slot, seen.status.as_str(), policy.finest()) {
            (Some(slot), "failed", Some(finest)) => {
                key.0 == HERE && scene.days.start(finest, slot) == scene.days.start(finest, act.now)
            }
            (Some(_), "available", None) => true,
            (Some(slot), "available", Some(_)) => promised.contains(&slot) || newest == Some(moment(seen)),
            (None, "available", _) => last.contains(key) || age < DAY * 7,
            (None, "failed", _) => age < DAY,
            _ => false,
        };
        if is_promised {
            found.push((Breach::PromisedDeleted, format!("{} of {} under {}", key.2, db.id, db.text)));
        }
        let stale = policy.finest().map(Period::length).is_some_and(|length| {
            newest.is_none_or(|newest| act.now.duration_since(newest) > length * 3 / 2 + SignedDuration::from_mins(10))
        });
        if stale && seen.status != "failed" {
            found.push((Breach::DeletedWhileStale, format!("{} of {}", key.2, db.id)));
        }
    }
    found
}
