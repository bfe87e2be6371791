//! What has to be there after an undisturbed look, and in the end.

use std::collections::BTreeSet;

use lab::rds::{Kind, SnapshotSeen};

use super::judge::{Act, Breach, DAY, MINIMUM, MOST_COPIES, MOST_DELETED, moment, sources_under_way};
use super::scene::{FAR, HERE, Key, Made, Scene, of};

impl Scene {
    /// What an undisturbed sweep leaves behind: the backup of the slot, nothing that is no longer kept, the copy.
    pub(super) fn judge_kept(&mut self, act: &Act, place: usize, gone: &[Key]) {
        let (now, db) = (act.now, &self.dbs[place]);
        let Some((policy, finest)) = db.policy.as_ref().and_then(|policy| Some((policy, policy.finest()?))) else {
            return;
        };
        let mut found = Vec::new();
        let slot = self.days.start(finest, now);
        let status = act.statuses.get(&db.resource).map_or("", String::as_str);
        let of_slot = |(key, made): (&Key, &Made)| {
            let seen = act.after.get(key).filter(|_| made.slot == Some(slot));
            seen.map(|seen| seen.status.as_str())
        };
        let tries: Vec<&str> = self.made_of(HERE, &db.resource).filter_map(of_slot).collect();
        let used = || act.before.iter().filter(|(key, seen)| key.0 == HERE && seen.kind == db.kind).count();
        // A request that was served just now comes first, and keeps an instance busy for some minutes.
        let is_request = |(key, made): (&Key, &Made)| {
            made.slot.is_none() && act.after.contains_key(key) && !act.before.contains_key(key)
        };
        let is_busy = db.kind == Kind::Instance && self.made_of(HERE, &db.resource).any(is_request);
        let is_due =
            status == "available" && !is_busy && tries.len() < 3 && tries.iter().all(|status| *status == "failed");
        if is_due && used() + 50 < self.quota {
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
                    || (region == HERE && *at == slot)
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
            let is_waiting = of(&act.before, FAR, &db.resource).any(|(_, copy)| copy.status != "available");
            let busy = copies.filter(|(_, copy)| copy.status == "creating").count();
            // Others go first when there are many; the turn of this one comes. One that ended meanwhile counts.
            let is_new = |(key, copy): &(&Key, &SnapshotSeen)| {
                key.0 == FAR && copy.status == "creating" && !act.before.contains_key(*key)
            };
            let begun = busy + act.after.iter().filter(is_new).count();
            if !act.after.contains_key(&(FAR, db.resource.clone(), name.clone())) && !is_waiting && begun < MOST_COPIES
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
}
