//! What people have to be told of stale backups, and what not.

use jiff::{SignedDuration, Timestamp};

use super::judge::{Act, Breach, DAY, moment};
use super::model::Policy;
use super::scene::{HERE, Scene, Weather};

/// The rest of a stopped database is written down once an hour; clocks are compared with no more care.
const AN_HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Scene {
    /// People know when backups have stopped and when they come again, and are not alarmed for nothing.
    pub(super) fn judge_told(&mut self, act: &Act, place: usize) {
        let (now, db) = (act.now, &self.dbs[place]);
        let told = |kind: &str| act.told.iter().any(|(told, about)| told == kind && db.names.contains(about));
        let (stale, resumed) = (told("backup-stale"), told("backup-resumed"));
        let mut knows = (db.told_stale || stale) && !resumed;
        let is_fair = act.weather == Weather::Fair && act.is_sweep;
        let (mut found, mut covered) = (None, false);
        // Who takes the policy away knows that no backups come.
        knows &= db.policy.is_some() || !is_fair;
        if let Some(finest) = db.policy.as_ref().and_then(Policy::finest) {
            let backups = self.backups(&act.before, HERE, db);
            let newest = backups.values().map(|(_, seen)| moment(seen)).max();
            let is_stopped = act.statuses.get(&db.resource).is_some_and(|status| status == "stopped");
            let most = finest.length() * 3 / 2;
            // What is stopped does not change: a backup that was fresh then is as good until it is started.
            let was_fresh = |(stopped, newest): (Timestamp, Timestamp)| stopped.duration_since(newest) <= most;
            covered = is_stopped && db.stopped.zip(newest).is_some_and(was_fresh);
            // It ages from then on; and from when it was asked for, if that is later.
            let is_old = |since: Timestamp, rested: Option<Timestamp>, give: SignedDuration| {
                let start = newest.into_iter().chain(rested).fold(since, Timestamp::max);
                !covered && now.duration_since(start) + give > most
            };
            let slot = self.days.start(finest, now);
            let noticed = db.paced_noticed.filter(|noticed| is_old(*noticed, db.rest_ended, SignedDuration::ZERO));
            if is_fair && !knows && noticed.is_some() {
                found = Some((Breach::StaleUntold, format!("{}, newest {newest:?}", db.id)));
            }
            let is_for_nothing = !is_old(db.paced, db.rest_seen, AN_HOUR);
            if stale && is_for_nothing && now.duration_since(self.last_trouble) > DAY {
                found = Some((Breach::StaleForNothing, format!("{}, newest {newest:?}", db.id)));
            }
            let is_well = !is_old(db.paced, db.rest_seen, SignedDuration::ZERO);
            if is_fair && knows && is_well && (covered || backups.contains_key(&slot)) {
                found = Some((Breach::ResumedUntold, format!("{}, newest {newest:?}", db.id)));
                knows = false;
            }
        }
        let db = &mut self.dbs[place];
        (db.covered, db.told_stale) = (covered.then_some(now), knows);
        if covered && is_fair {
            db.rest_seen = Some(now);
        }
        if stale {
            *self.counted.entry("stale").or_default() += 1;
        }
        if let Some((breach, what)) = found {
            self.breach(now, breach, what);
        }
    }
}
