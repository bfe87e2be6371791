//! What happens in two years beside Steward: people, RDS, and trouble. All of it by chance, from one seed.

use jiff::{SignedDuration, Timestamp};
use lab::rds::{Course, Kind};
use serde_json::json;

use super::scene::{HERE, Key, Scene, Weather};

/// Policies of the databases.
pub(crate) const POLICIES: [&str; 10] = [
    "daily:7 weekly:4 monthly:12",
    "daily:14",
    "weekly:8 yearly:2",
    "monthly:24",
    "daily:3 monthly:6 yearly:1",
    "daily:7 weekly:2",
    "on-request",
    "weekly:4 monthly:3",
    "yearly:3",
    "daily:5",
];
/// A policy for the days around a change of the clock, when looks are close enough for it.
pub(crate) const HOURLY: &str = "hourly:12 daily:7 monthly:3";

/// What ends by itself, later.
#[derive(Clone, Debug)]
pub(crate) enum Later {
    /// The database with this resource id is available again.
    Available(String),
    /// Or is started.
    Started(String),
    /// It opts in again, so.
    OptsIn(String, String),
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

impl Scene {
    /// Thirty databases of all kinds.
    pub(crate) fn populate(&mut self) {
        for number in 0..30 {
            let id = format!("db{number:02}");
            let kind = match number % 4 {
                0 | 1 => Kind::Instance,
                _ => Kind::Cluster,
            };
            let policy = POLICIES[number % POLICIES.len()];
            let copied = number % 5 == 0 && policy != "on-request";
            self.create(&id, kind, number % 4 == 3, policy, copied);
        }
        // Nobody has asked for these.
        let rds = self.account.rds();
        rds.instance("untagged").create();
        rds.documentdb("documents").tag("steward:snapshot", "daily:7").create();
        rds.neptune("graph").tag("steward:snapshot", "daily:7").create();
    }

    pub(crate) fn create(&mut self, id: &str, kind: Kind, multi_az: bool, policy: &str, copied: bool) {
        let rds = self.account.rds();
        let setup = match (kind, multi_az) {
            (Kind::Instance, _) => rds.instance(id),
            (Kind::Cluster, false) => rds.aurora(id, 1),
            (Kind::Cluster, true) => rds.multi_az_cluster(id),
        };
        setup.tag("team", "shop").create();
        let place = self.watch(id, kind);
        self.dbs[place].copied = copied;
        self.opt(place, Some(policy));
    }

    fn later(&mut self, after: i64, what: Later) {
        self.number += 1;
        self.later.insert((self.now() + hours(after), self.number), what);
    }

    fn chance(&mut self, of: f64) -> bool {
        self.rng.f64() < of
    }

    /// One of the function's own snapshots of the account's region.
    fn any_of_steward(&mut self) -> Option<Key> {
        let own: Vec<&Key> = self.made.keys().filter(|key| key.0 == HERE).collect();
        let own: Vec<Key> =
            own.into_iter().filter(|key| self.account.rds().snapshot(&key.2).is_some()).cloned().collect();
        (!own.is_empty()).then(|| own[self.rng.usize(..own.len())].clone())
    }

    /// What happens between two ticks so many hours apart.
    pub(crate) async fn live(&mut self, passed: f64) {
        let now = self.now();
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let what = entry.remove();
            self.end(&what);
        }
        let share = passed / 4.0;
        if self.chance(0.3) {
            self.end_what_hangs(now);
        }
        for place in 0..self.dbs.len() {
            if self.dbs[place].gone {
                continue;
            }
            self.trouble_of(place, share);
            self.people_change(place, share).await;
        }
        if self.chance(0.05 * share) {
            self.people_and_snapshots(now);
        }
        if self.chance(0.007 * share) {
            self.number += 1;
            let (id, policy) = (format!("new{}", self.number), POLICIES[self.rng.usize(..POLICIES.len())]);
            let kind = if self.rng.bool() { Kind::Instance } else { Kind::Cluster };
            self.create(&id, kind, false, policy, false);
        }
    }

    fn place_of(&self, resource: &str) -> Option<usize> {
        self.dbs.iter().position(|db| db.resource == resource && !db.gone)
    }

    fn end(&mut self, what: &Later) {
        match what {
            Later::Available(resource) | Later::Started(resource) => {
                let Some(place) = self.place_of(resource) else { return };
                let (rds, now, db) = (self.account.rds(), self.account.clock().now(), &mut self.dbs[place]);
                if db.covered.is_some() && rds.status(&db.id).as_deref() == Some("stopped") {
                    db.rest_ended = Some(now);
                }
                // A snapshot may be under way that was asked for just before.
                if rds.status(&self.dbs[place].id).as_deref() != Some("backing-up") {
                    rds.start(&self.dbs[place].id);
                }
            }
            Later::OptsIn(resource, policy) => {
                if let Some(place) = self.place_of(resource) {
                    self.opt(place, Some(policy));
                }
            }
        }
    }

    /// AWS's support ends what hangs, after days.
    fn end_what_hangs(&mut self, now: Timestamp) {
        for ((region, _, id), seen) in self.list() {
            if seen.status == "creating" && now.duration_since(seen.created_at) > hours(50) {
                let fails = self.rng.bool();
                assert!(self.account.rds_in(region).finish(&id, fails));
            }
        }
    }

    fn trouble_of(&mut self, place: usize, share: f64) {
        let rds = self.account.rds();
        let (id, resource) = (self.dbs[place].id.clone(), self.dbs[place].resource.clone());
        if self.chance(0.015 * share) {
            let minutes = self.rng.i64(3..200);
            let course = if self.chance(0.6) {
                Course::FailsAfter(SignedDuration::from_mins(minutes))
            } else {
                Course::Takes(SignedDuration::from_mins(minutes * 2))
            };
            rds.next_snapshot(&id, course);
        }
        if self.chance(0.000_4 * share) {
            rds.next_snapshot(&id, Course::Hangs);
        }
        if self.chance(0.000_4 * share) {
            let course = if self.rng.bool() { Course::Hangs } else { Course::FailsAfter(hours(1)) };
            self.account.rds_in(super::scene::FAR).next_copy(course);
        }
        if rds.status(&id).as_deref() != Some("available") {
            return;
        }
        if self.chance(0.006 * share) {
            let states =
                ["modifying", "maintenance", "storage-optimization", "upgrading", "a-new-word", "storage-full"];
            rds.set_status(&id, states[self.rng.usize(..states.len())]);
            let hours = self.rng.i64(1..60);
            self.later(hours, Later::Available(resource));
        } else if self.chance(0.001 * share) {
            rds.stop(&id);
            self.dbs[place].stopped = Some(self.now());
            let hours = self.rng.i64(10..160);
            self.later(hours, Later::Started(resource));
        }
    }

    async fn people_change(&mut self, place: usize, share: f64) {
        let rds = self.account.rds();
        let id = self.dbs[place].id.clone();
        if self.chance(0.000_6 * share) {
            self.number += 1;
            let to = format!("{}-{}", &id[..4.min(id.len())], self.number);
            assert!(rds.rename(&id, &to));
            self.dbs[place].names.insert(to.clone());
            self.dbs[place].id = to;
        } else if self.chance(0.000_2 * share) && place >= 12 {
            assert!(rds.delete(&id));
            self.dbs[place].gone = true;
        } else if self.chance(0.000_5 * share) && place >= 12 {
            let policy = POLICIES[self.rng.usize(..POLICIES.len())];
            if self.chance(0.4) {
                let after = self.rng.i64(30..900);
                self.opt(place, None);
                self.later(after, Later::OptsIn(self.dbs[place].resource.clone(), policy.to_owned()));
            } else if self.dbs[place].policy.is_some() {
                self.opt(place, Some(policy));
            }
        } else if self.chance(0.001 * share) && self.dbs[place].policy.is_some() {
            self.number += 1;
            let detail = json!({ "database": self.dbs[place].id, "request": format!("release-{}", self.number) });
            let event = self.event("steward", "Snapshot Requested", &detail);
            self.wake(event, Weather::Fair).await;
        }
    }

    /// People take snapshots of their own, under every name and with Steward's tags; hold, release and delete Steward's;
    /// and restore databases from them.
    fn people_and_snapshots(&mut self, now: Timestamp) {
        let (rds, what) = (self.account.rds(), self.rng.u8(..6));
        let Some(key) = self.any_of_steward() else { return };
        let Some(seen) = rds.snapshot(&key.2) else { return };
        self.number += 1;
        match what {
            0 => assert!(rds.hold(&key.2, "for the auditors")),
            1 => assert!(rds.tag_snapshot(&key.2, "steward:hold", None)),
            2 if seen.status == "available" => {
                assert!(rds.lose_snapshot(&key.2));
                self.had.remove(&seen.resource_id);
            }
            3 if seen.status == "available" => {
                let id = format!("back{}", self.number);
                rds.restore(&key.2, &id, &[]).unwrap();
                let place = self.watch(&id, seen.kind);
                let policy = POLICIES[self.rng.usize(..POLICIES.len())];
                self.opt(place, Some(policy));
            }
            _ => {
                // It inherits what stood on the snapshot that its database was restored from.
                let tags: Vec<(&str, &str)> =
                    seen.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                let id = format!("{}-{}", if what == 4 { "before-migration" } else { "steward-mine" }, self.number);
                let of: Vec<&str> = self.dbs.iter().filter(|db| !db.gone).map(|db| db.id.as_str()).collect();
                let database = of[self.rng.usize(..of.len())];
                let ago = hours(self.rng.i64(0..2000));
                assert!(rds.put_snapshot(database, &id, now - ago, &tags));
                self.counted.entry("peoples").and_modify(|count| *count += 1).or_insert(1);
            }
        }
    }
}
