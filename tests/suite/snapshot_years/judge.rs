//! Compares what an invocation did with what is promised. Nothing here asks the function, its tags' meaning, or its names:
//! a snapshot is Steward's because it came into being while Steward was at work.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lab::rds::{Kind, SnapshotSeen};

use super::model::{Period, Policy};
use super::scene::{Db, FAR, HERE, Key, Listed, Made, Scene, Weather};

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

const MINIMUM: usize = 2;
const MOST_DELETED: usize = 10;
const MOST_COPIES: usize = 4;
/// Clocks are compared with so much care, and no more.
const A_MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The scheduled snapshots of a database in a region that are available, by slot.
type Backups<'a> = BTreeMap<Timestamp, (&'a Key, &'a SnapshotSeen)>;

impl Scene {
    fn breach(&mut self, now: Timestamp, breach: Breach, what: impl Into<String>) {
        self.breaches.push((now, breach, what.into()));
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
            let source = (HERE, key.1, name.clone());
            let slot = self.made.get(&source).and_then(|made| made.slot);
            self.made.insert(key.clone(), Made { resource: seen.resource_id.clone(), slot });
            let of = |seen: &&SnapshotSeen| seen.status == "creating";
            let under_way = act.after.range((FAR, Kind::Instance, String::new())..).map(|(_, seen)| seen).filter(of);
            let under_way = under_way.filter(|seen| seen.source.is_some()).count();
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
            self.made.insert(key.clone(), Made { resource: seen.resource_id.clone(), slot: None });
            *self.counted.entry("requested").or_default() += 1;
            return;
        }
        let Some(finest) = finest else {
            self.made.insert(key.clone(), Made { resource: seen.resource_id.clone(), slot: None });
            return self.breach(act.now, Breach::NotAsked, name);
        };
        let slot = self.days.start(finest, seen.original_at);
        let said = seen.tags.get("steward:slot").and_then(|text| text.parse::<Timestamp>().ok());
        if said.is_some_and(|said| said != slot) {
            self.breach(act.now, Breach::WrongSlot, format!("{name}: {slot}"));
        }
        let is_other = |other: &(&Key, &Made)| {
            other.1.resource == seen.resource_id && other.1.slot == Some(slot) && other.0.0 == HERE
        };
        let others: Vec<Key> = self.made.iter().filter(is_other).map(|(key, _)| key.clone()).collect();
        if let Some(other) =
            others.iter().find(|other| act.after.get(other).is_some_and(|seen| seen.status != "failed"))
        {
            self.breach(act.now, Breach::SecondForSlot, format!("{name} beside {}", other.2));
        }
        self.made.insert(key.clone(), Made { resource: seen.resource_id.clone(), slot: Some(slot) });
        *self.counted.entry("taken").or_default() += 1;
    }

    fn backups<'a>(&self, listed: &'a Listed, region: &'static str, db: &Db) -> Backups<'a> {
        let of =
            listed.range((region, db.kind, String::new())..).take_while(|(key, _)| (key.0, key.1) == (region, db.kind));
        let of = of.filter(|(_, seen)| seen.resource_id == db.resource && seen.status == "available");
        of.filter_map(|(key, seen)| Some((self.made.get(key)?.slot?, (key, seen)))).collect()
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

    /// What an undisturbed sweep leaves behind: the backup of the slot, nothing that is no longer kept, the copy.
    fn judge_kept(&mut self, act: &Act, place: usize, gone: &[Key]) {
        let (now, db) = (act.now, &self.dbs[place]);
        let Some((policy, finest)) = db.policy.as_ref().and_then(|policy| Some((policy, policy.finest()?))) else {
            return;
        };
        let mut found = Vec::new();
        let slot = self.days.start(finest, now);
        let status = act.statuses.get(&db.resource).map_or("", String::as_str);
        let of_slot = |(key, made): (&Key, &Made)| {
            (made.resource == db.resource && made.slot == Some(slot) && key.0 == HERE)
                .then(|| act.after.get(key).map(|seen| seen.status.as_str()))
                .flatten()
        };
        let tries: Vec<&str> = self.made.iter().filter_map(of_slot).collect();
        let used = act.before.keys().filter(|key| (key.0, key.1) == (HERE, db.kind)).count();
        let has_room = used + 50 < self.quota;
        if status == "available" && has_room && tries.len() < 3 && tries.iter().all(|status| *status == "failed") {
            found.push((Breach::NoBackup, format!("{} has none of {slot}: {tries:?}", db.id)));
        }
        let here = self.backups(&act.before, HERE, db);
        let (had, copied) = (here.keys().copied().collect::<Vec<_>>(), sources_under_way(&act.before));
        for region in [HERE, FAR] {
            let backups = self.backups(&act.before, region, db);
            let newest = backups.values().map(|(key, seen)| (moment(seen), *key)).max();
            let is_fresh = newest.is_some_and(|(at, _)| now.duration_since(at) < finest.length() * 29 / 20);
            let is_old = db.noticed.is_some_and(|noticed| now.duration_since(noticed) >= DAY);
            let deleted = gone.iter().filter(|key| act.before[*key].resource_id == db.resource).count();
            if !is_fresh || !is_old || deleted >= MOST_DELETED || (region == FAR && !db.copied) {
                continue;
            }
            let promised = policy.promised(&self.days, &backups.keys().copied().collect());
            let mut left = backups.iter().filter(|(_, (key, _))| act.after.contains_key(key)).count();
            for (at, (key, seen)) in &backups {
                let is_needed = promised.contains(at)
                    || seen.tags.contains_key("steward:hold")
                    || newest.is_some_and(|(_, newest)| newest == *key)
                    || copied.contains(seen.arn.as_str());
                if act.after.contains_key(key) && !is_needed && left > MINIMUM {
                    found.push((Breach::Surplus, format!("{} in {region}", key.2)));
                    left -= 1;
                }
            }
        }
        let newest = here.values().map(|(key, seen)| (moment(seen), &key.2)).max();
        if let Some((_, name)) = newest
            && db.copied
            && now.duration_since(self.last_trouble) > DAY
        {
            let copies = act.before.iter().filter(|(key, _)| key.0 == FAR);
            let is_waiting =
                |(_, copy): (&Key, &SnapshotSeen)| copy.resource_id == db.resource && copy.status != "available";
            let busy = copies.clone().filter(|(_, copy)| copy.status == "creating").count();
            // Others go first when there are many; the turn of this one comes.
            let begun = act.after.iter().filter(|(key, copy)| key.0 == FAR && copy.status == "creating").count();
            if !act.after.contains_key(&(FAR, db.kind, name.clone()))
                && !copies.clone().any(is_waiting)
                && busy < MOST_COPIES
                && begun < MOST_COPIES
            {
                found.push((Breach::NotCopied, name.clone()));
            }
        }
        let resource = db.resource.clone();
        self.had.entry(resource).or_default().extend(had);
        for (breach, what) in found {
            self.breach(now, breach, what);
        }
    }

    /// In the end: of the last periods that ever had a backup under the policy in force, each has one.
    pub(crate) fn judge_end(&mut self) {
        let (now, listed, mut lost) = (self.now(), self.list(), Vec::new());
        for db in self.dbs.iter().filter(|db| !db.gone) {
            let (Some(policy), Some(had)) = (&db.policy, self.had.get(&db.resource)) else { continue };
            let backups = self.backups(&listed, HERE, db);
            for (period, count) in policy.parts() {
                let labels: BTreeSet<i64> = had.iter().map(|slot| self.days.label(*period, *slot)).collect();
                let kept: BTreeSet<i64> = backups.keys().map(|slot| self.days.label(*period, *slot)).collect();
                let gone = labels.iter().rev().take(*count).filter(|label| !kept.contains(label));
                lost.extend(gone.map(|label| format!("{period:?} {label} of {} under {}", db.id, db.text)));
            }
        }
        for what in lost {
            self.breach(now, Breach::PeriodLost, what);
        }
    }

    /// People know when backups have stopped and when they come again, and are not alarmed for nothing.
    fn judge_told(&mut self, act: &Act, place: usize) {
        let (now, db) = (act.now, &self.dbs[place]);
        let told = |kind: &str| act.told.iter().any(|(told, about)| told == kind && db.names.contains(about));
        let (stale, resumed) = (told("backup-stale"), told("backup-resumed"));
        let mut knows = (db.told_stale || stale) && !resumed;
        let mut found = None;
        if let Some(finest) = db.policy.as_ref().and_then(Policy::finest) {
            let backups = self.backups(&act.before, HERE, db);
            let newest = backups.values().map(|(_, seen)| moment(seen)).max();
            let is_stopped = act.statuses.get(&db.resource).is_some_and(|status| status == "stopped");
            let covered = is_stopped && db.stopped.zip(newest).is_some_and(|(stopped, newest)| newest >= stopped);
            let is_old = |since: Timestamp, give: SignedDuration| {
                let start = newest.map_or(since, |newest| newest.max(since));
                !covered && now.duration_since(start) + give > finest.length() * 3 / 2
            };
            let is_fair = act.weather == Weather::Fair && act.is_sweep;
            let slot = self.days.start(finest, now);
            if is_fair && !knows && db.noticed.is_some_and(|noticed| is_old(noticed, SignedDuration::ZERO)) {
                found = Some((Breach::StaleUntold, format!("{}, newest {newest:?}", db.id)));
            }
            if stale && !is_old(db.changed, A_MINUTE) && now.duration_since(self.last_trouble) > DAY {
                found = Some((Breach::StaleForNothing, format!("{}, newest {newest:?}", db.id)));
            }
            if is_fair && knows && !is_old(db.changed, SignedDuration::ZERO) && (covered || backups.contains_key(&slot))
            {
                found = Some((Breach::ResumedUntold, format!("{}, newest {newest:?}", db.id)));
                knows = false;
            }
        }
        if stale {
            *self.counted.entry("stale").or_default() += 1;
        }
        self.dbs[place].told_stale = knows;
        if let Some((breach, what)) = found {
            self.breach(now, breach, what);
        }
    }
}

/// Sources of copies that are being made.
fn sources_under_way(listed: &Listed) -> BTreeSet<&str> {
    let creating = listed.values().filter(|seen| seen.status == "creating");
    creating.filter_map(|seen| seen.source.as_deref()).collect()
}

fn moment(seen: &SnapshotSeen) -> Timestamp {
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
    let mut requested: Vec<(Timestamp, &Key)> = act
        .before
        .iter()
        .filter(|(key, seen)| seen.resource_id == db.resource && seen.status == "available" && key.0 == HERE)
        .filter(|(key, _)| scene.made.get(*key).is_some_and(|made| made.slot.is_none()))
        .map(|(key, seen)| (moment(seen), key))
        .collect();
    requested.sort();
    let last: Vec<&Key> = requested.iter().rev().take(3).map(|(_, key)| *key).collect();
    let mut found = Vec::new();
    for key in keys {
        let seen = &act.before[*key];
        let (slot, age) = (scene.made[*key].slot, act.now.duration_since(moment(seen)));
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
