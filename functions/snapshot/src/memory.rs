//! What is remembered of a database: what was told and tried. What exists is never read from here, only from RDS.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::alert::Alert;
use shared::arn::AccountId;
use shared::event::steward::{OwnEvent, RequestName};
use shared::state::Key;

use crate::slot::Interval;

/// Most durations that the usual one is taken from.
const MOST_DURATIONS: usize = 9;
/// Most answered requests that are remembered, to be answered again.
const MOST_ANSWERED: usize = 20;

/// The item `DATABASE#<resource id>` / `SNAPSHOTS`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Memory {
    /// The policy as it was last seen.
    pub(crate) policy: Option<PolicySeen>,
    /// A slot whose snapshot could not be taken yet.
    pub(crate) wait: Option<Wait>,
    /// What people were told, by kind: an alert is repeated only when its content changes.
    pub(crate) told: BTreeMap<String, String>,
    /// Snapshots of which people were told that they failed or do not end.
    pub(crate) told_of: BTreeSet<String>,
    /// How long the last snapshots took, in seconds.
    pub(crate) durations: Vec<u32>,
    /// The newest backup that was seen.
    pub(crate) newest: Option<String>,
    /// Which snapshots are shared, and with whom.
    pub(crate) shared: BTreeMap<String, Vec<AccountId>>,
    /// A copy that could not be made yet.
    pub(crate) copy: Option<CopyTries>,
    /// When it was last seen stopped, with a backup that was fresh when it stopped: until then it has not aged.
    pub(crate) rested: Option<Timestamp>,
    /// Slots in a row that found the database stopped.
    pub(crate) stopped_slots: u8,
    /// The last slot that was counted for it.
    pub(crate) stopped_slot: Option<Timestamp>,
    /// What was asked for.
    pub(crate) requests: Vec<Asked>,
    /// Alerts that SNS has not taken yet.
    pub(crate) untold: Vec<Alert>,
    /// Answers that the bus has not taken yet.
    pub(crate) unsent: Vec<OwnEvent>,
}

/// A policy, and since when it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PolicySeen {
    /// Everything that retention depends on, as text.
    pub(crate) text: String,
    /// When it was first seen so.
    pub(crate) since: Timestamp,
    /// How often it asks for a snapshot; `None` when only on request.
    #[serde(default)]
    pub(crate) interval: Option<Interval>,
    /// Since when it asks that often.
    pub(crate) paced: Timestamp,
}

/// A slot whose snapshot could not be taken yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Wait {
    /// Beginning of the slot.
    pub(crate) slot: Timestamp,
    /// How often it was put off.
    pub(crate) tries: u32,
    /// Since when.
    pub(crate) since: Timestamp,
    /// When it is tried again; a one-time schedule sees to that.
    pub(crate) at: Timestamp,
}

/// A copy that could not be made yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CopyTries {
    /// The snapshot.
    pub(crate) name: String,
    /// How often it was refused or failed.
    pub(crate) tries: u32,
    /// When it is tried again.
    pub(crate) at: Timestamp,
    /// Whether the copy is there and has failed, which is counted already.
    #[serde(default)]
    pub(crate) has_failed: bool,
}

/// A request for a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Asked {
    /// Its name.
    pub(crate) request: RequestName,
    /// Who asked.
    pub(crate) by: Option<String>,
    /// When.
    pub(crate) at: Timestamp,
    /// What was answered; `None` while it is open.
    pub(crate) answer: Option<OwnEvent>,
}

impl Memory {
    /// Key of the item.
    pub(crate) fn key(resource: &str) -> Key {
        Key::new(format!("DATABASE#{resource}"), "SNAPSHOTS")
    }

    /// How long a snapshot of this database usually takes, in seconds: the median.
    pub(crate) fn usual_duration(&self) -> Option<u32> {
        let mut sorted = self.durations.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// Remembers how long one took.
    pub(crate) fn took(&mut self, seconds: u32) {
        self.durations.push(seconds);
        let surplus = self.durations.len().saturating_sub(MOST_DURATIONS);
        self.durations.drain(..surplus);
    }

    /// Tells people something, unless they were told just that already.
    pub(crate) fn tell(&mut self, content: &str, alert: Alert) {
        if self.told.get(&alert.kind).is_none_or(|told| told != content) {
            self.told.insert(alert.kind.clone(), content.to_owned());
            self.untold.push(alert);
        }
    }

    /// The requests that are not answered yet.
    pub(crate) fn open_requests(&self) -> impl Iterator<Item = &Asked> {
        self.requests.iter().filter(|asked| asked.answer.is_none())
    }

    /// Answers a request, and remembers it for whoever asks again.
    pub(crate) fn answer(&mut self, request: &RequestName, answer: OwnEvent) {
        if let Some(asked) = self.requests.iter_mut().find(|asked| asked.request == *request) {
            asked.answer = Some(answer.clone());
        }
        self.unsent.push(answer);
        let answered = self.requests.iter().filter(|asked| asked.answer.is_some()).count();
        let mut surplus = answered.saturating_sub(MOST_ANSWERED);
        self.requests.retain(|asked| {
            let drop = surplus > 0 && asked.answer.is_some();
            surplus -= usize::from(drop);
            !drop
        });
    }
}

#[cfg(test)]
mod tests;
