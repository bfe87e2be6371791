//! What is wrong in a cluster, and in the account: the items `CLUSTERS` / `<cluster arn>` and `HEAL` / `ACCOUNT`.
//!
//! The board lists everything that is open, so that a sweep finds it with one query, and so that many failures at once are
//! seen as one: then it is the cluster, the network or a dependency, and no rollback helps.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::arn::ClusterArn;
use shared::state::Key;

use crate::classify::Class;
use crate::trigger::Subject;
use crate::watch::{Incident, Outgoing};

/// Partition of all boards.
pub(crate) const PARTITION: &str = "CLUSTERS";
/// Stops within this time are one storm.
pub(crate) const STORM_WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// A storm is over when fewer fail at once for so long; until then healing is frozen.
pub(crate) const STORM_QUIET: SignedDuration = SignedDuration::from_mins(15);
/// So many services at once are a storm.
const STORM_SERVICES: usize = 3;
/// So many stops of more than one service are a storm.
const STORM_STOPS: usize = 10;
/// After ECS was throttled, healing waits for so long: it would only add load.
pub(crate) const THROTTLED_FOR: SignedDuration = SignedDuration::from_mins(15);
/// Most recent stops that are kept of one service; more would say nothing new.
const RECENT_LIMIT: usize = 12;
/// Most subjects that are listed of one cluster: an item of DynamoDB holds 400 KB, and a subject takes 300 bytes. Of more
/// than a thousand that fail at once people hear by the storm; each one's own item is kept as ever.
const LISTED: usize = 1000;
/// Where so many fail at once, one stop of each says enough.
const CROWD: usize = 100;

/// The board of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Board {
    /// The cluster.
    pub cluster: Option<ClusterArn>,
    /// What is open, or has messages to send.
    pub open: BTreeMap<String, Entry>,
    /// The abnormal stops of the last minutes, by subject.
    pub recent: BTreeMap<String, Vec<Timestamp>>,
    /// Many failures at once.
    pub storm: Option<Storm>,
    /// When ECS said last that it was throttled.
    pub throttled: Option<Timestamp>,
    /// Messages that are not sent yet.
    pub outbox: Vec<Outgoing>,
}

/// One open incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The subject: the ARN of a service, or `JOB` with cluster and group.
    pub subject: SubjectKey,
    /// What is wrong; `None` when only messages wait.
    pub class: Option<Class>,
    /// Whether it is a loop.
    pub looping: bool,
    /// Whether people were told.
    pub told: bool,
}

/// A subject as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SubjectKey {
    /// A service.
    Service(shared::arn::ServiceArn),
    /// A job.
    Job(ClusterArn, String),
}

/// Many failures at once in one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Storm {
    /// When it was noticed.
    pub since: Timestamp,
    /// When so many failed at once last.
    pub last: Timestamp,
    /// Who was concerned, and by what.
    pub subjects: BTreeMap<String, Class>,
    /// How many were concerned when people were told last.
    pub told: usize,
}

impl From<&Subject> for SubjectKey {
    fn from(subject: &Subject) -> Self {
        match subject {
            Subject::Service(service) => Self::Service(service.clone()),
            Subject::Job(cluster, group) => Self::Job(cluster.clone(), group.clone()),
        }
    }
}

impl From<SubjectKey> for Subject {
    fn from(key: SubjectKey) -> Self {
        match key {
            SubjectKey::Service(service) => Self::Service(service),
            SubjectKey::Job(cluster, group) => Self::Job(cluster, group),
        }
    }
}

impl Board {
    /// Key of the item for a cluster.
    pub(crate) fn key(cluster: &ClusterArn) -> Key {
        Key::new(PARTITION, cluster.as_str())
    }

    /// Lists a subject, or brings its entry up to date. A subject is taken off by the sweep only, when its own item says
    /// that nothing is open and nothing waits: so none is lost between two writes.
    pub(crate) fn list(&mut self, subject: &Subject, incident: Option<&Incident>) {
        let entry = Entry {
            subject: subject.into(),
            class: incident.map(|incident| incident.class),
            looping: incident.is_some_and(|incident| incident.looping),
            told: incident.is_some_and(|incident| incident.told.is_some()),
        };
        let has_room = self.open.len() < LISTED;
        if incident.is_some() && has_room || self.open.contains_key(&subject.short()) {
            self.cluster = Some(subject.cluster());
            self.open.insert(subject.short(), entry);
        }
    }

    /// Takes an abnormal stop in, and notices a storm.
    pub(crate) fn note_stop(&mut self, subject: &Subject, class: Class, at: Timestamp, now: Timestamp) {
        self.forget(now);
        let kept = if self.recent.len() > CROWD { 1 } else { RECENT_LIMIT };
        if self.recent.len() < LISTED || self.recent.contains_key(&subject.short()) {
            let stops = self.recent.entry(subject.short()).or_default();
            stops.push(at);
            let surplus = stops.len().saturating_sub(kept);
            stops.drain(..surplus);
        }
        let stops: usize = self.recent.values().map(Vec::len).sum();
        let is_storm = self.recent.len() >= STORM_SERVICES || self.recent.len() > 1 && stops >= STORM_STOPS;
        if is_storm && self.storm.is_none() {
            self.storm = Some(Storm { since: now, last: now, subjects: BTreeMap::new(), told: 0 });
        }
        let concerned: BTreeSet<String> = self.recent.keys().cloned().collect();
        let open = &self.open;
        if let Some(storm) = &mut self.storm {
            // One that fails on alone is no storm, and must not hold back the alerts of all others.
            if is_storm {
                storm.last = storm.last.max(now);
            }
            for other in concerned {
                if let Some(class) = open.get(&other).and_then(|entry| entry.class)
                    && storm.subjects.len() < LISTED
                {
                    storm.subjects.entry(other).or_insert(class);
                }
            }
            if storm.subjects.len() < LISTED || storm.subjects.contains_key(&subject.short()) {
                storm.subjects.insert(subject.short(), class);
            }
        }
    }

    fn forget(&mut self, now: Timestamp) {
        for stops in self.recent.values_mut() {
            stops.retain(|at| now.duration_since(*at) <= STORM_WINDOW);
        }
        self.recent.retain(|_, stops| !stops.is_empty());
    }

    /// The storm that is not over yet.
    pub(crate) fn storm(&self, now: Timestamp) -> Option<&Storm> {
        self.storm.as_ref().filter(|storm| now.duration_since(storm.last) < STORM_QUIET)
    }

    /// Others in the cluster that loop by the same.
    pub(crate) fn others_with(&self, class: Class, subject: &Subject) -> Vec<&str> {
        let own = subject.short();
        let others =
            self.open.iter().filter(|(name, entry)| **name != own && entry.looping && entry.class == Some(class));
        others.map(|(name, _)| name.as_str()).collect()
    }
}

/// What was asked in the account: budgets, and the breaker over all healing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ledger {
    /// Requests of the last day, by incident.
    pub asked: BTreeMap<String, Timestamp>,
    /// Heals of the last day that failed, by incident.
    pub failed: BTreeMap<String, Timestamp>,
}

impl Ledger {
    /// Key of the item.
    pub(crate) fn key() -> Key {
        Key::new("HEAL", "ACCOUNT")
    }

    /// Forgets what is older than a day.
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        let is_kept = |_: &String, at: &mut Timestamp| now.duration_since(*at) <= SignedDuration::from_hours(24);
        self.asked.retain(is_kept);
        self.failed.retain(is_kept);
    }
}

#[cfg(test)]
mod tests;
