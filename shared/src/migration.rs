//! What `deploy` and `migrate` must mean alike of a migration: the name of its run, what `deploy` waits for, how a run
//! stands, and what the schema of a database went through. Both read it from the state table; events only say when.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::arn::{IdentifierError, ServiceArn, TaskDefinitionArn, text_type};
use crate::image::Digest;
use crate::state::Key;
use crate::tags::MigrateTags;

/// Length of a run's name: 104 bits, so that no two runs ever share one.
const ID: usize = 26;
/// Most entries that a ledger keeps; the oldest go first.
const ENTRIES: usize = 100;

/// Docker label with the command that migrates.
pub const COMMAND: &str = "steward.migrate";
/// Docker label with the command that says whether something is pending.
pub const PLAN: &str = "steward.migrate-plan";
/// Docker label with the longest time that a migration may take, in minutes.
pub const TIMEOUT: &str = "steward.migrate-timeout";
/// Docker label that says whether the release before can live with the new schema.
pub const COMPATIBLE: &str = "steward.migrate-compatible";

/// The name of one run: it follows from what it is for, so that what is asked for twice is one run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl FromStr for RunId {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == ID && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentifierError::new(text, "the name of a migration run (26 small hexadecimal digits)"))
        }
    }
}

text_type!(RunId => 0);

impl RunId {
    /// The run before a rollout of `service` to this digest, from this revision.
    pub fn of_rollout(service: &ServiceArn, digest: &Digest, base: &TaskDefinitionArn) -> Self {
        Self::of(&["rollout", service.as_str(), digest.as_str(), base.as_str()])
    }

    /// The run that somebody asked for under a name of their own.
    pub fn of_request(service: &ServiceArn, name: &str, at: Option<Timestamp>) -> Self {
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        Self::of(&["request", service.as_str(), name, &at])
    }

    /// The run that a rollout of anybody's waits for at a lifecycle hook.
    pub fn of_hook(service_deployment: &str, hook: &str) -> Self {
        Self::of(&["hook", service_deployment, hook])
    }

    fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Self(hex.chars().take(ID).collect())
    }

    /// Key of the item that holds it.
    pub fn key(&self) -> Key {
        Key::new(format!("RUN#{self}"), "META")
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It waits until nobody else migrates the database.
    Waiting,
    /// A task finds out whether something is pending.
    Planning,
    /// The plan destroys something: a person has to approve.
    Approval,
    /// What could be gone back to is being made.
    RestorePoint,
    /// The migration's task runs.
    Migrating,
    /// A task finds out whether something is pending still.
    Verifying,
    /// The task was told to stop, and has not stopped yet.
    Stopping,
    /// Done, and proven.
    Migrated,
    /// It did not come to its end, or never began.
    Failed,
    /// Nobody can say what it did: a person decides.
    Unknown,
    /// A newer image took its place before it began.
    Superseded,
}

impl RunState {
    /// Whether nothing is left to do for it without a person.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Migrated | Self::Failed | Self::Unknown | Self::Superseded)
    }

    /// The word in records and alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Planning => "planning",
            Self::Approval => "approval",
            Self::RestorePoint => "restore-point",
            Self::Migrating => "migrating",
            Self::Verifying => "verifying",
            Self::Stopping => "stopping",
            Self::Migrated => "migrated",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Superseded => "superseded",
        }
    }
}

/// Of a run's item, what `deploy` reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunHead {
    /// How it stands; absent when there is no such run yet.
    #[serde(default)]
    pub state: Option<RunState>,
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
    /// The asking that it is an answer to: [`Awaited::since`] of then.
    #[serde(default)]
    pub asked: Option<Timestamp>,
}

/// What `deploy` waits for before it rolls a service. It is written into the service's item before `migrate` is asked, and
/// `migrate` takes image and revision from there: an event names neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The run.
    pub run: RunId,
    /// The container that migrates.
    pub container: String,
    /// Its image, named by digest.
    pub reference: String,
    /// The digest.
    pub digest: Digest,
    /// The revision that the rollout starts from.
    pub base: TaskDefinitionArn,
    /// When it was first asked for. A proof is good for the one rollout that it was asked for: when the same image is to be
    /// rolled another time, the database may have been restored in between.
    pub since: Timestamp,
}

/// Of a service's item `ROLLOUT`, what `migrate` reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RolloutHead {
    /// What `deploy` waits for.
    #[serde(default)]
    pub awaits: Option<Awaited>,
}

/// Key of the item in which `deploy` remembers a service.
pub fn rollout_key(service: &ServiceArn) -> Key {
    Key::new(format!("SERVICE#{service}"), "ROLLOUT")
}

/// What is migrated by one at a time: the database that the tags name, else the service's own, whatever it is.
pub fn database(tags: &MigrateTags, service: &ServiceArn) -> String {
    tags.database.clone().unwrap_or_else(|| service.to_string())
}

/// Key of a database's ledger.
pub fn ledger_key(database: &str) -> Key {
    Key::new(format!("DATABASE#{database}"), "LEDGER")
}

/// What the schema of a database went through, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Migrations that began, whatever came of them.
    pub entries: Vec<Entry>,
    /// The lock under which the last of them was written. An older one cannot write any more.
    pub fence: u64,
}

/// One migration in a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The run.
    pub run: RunId,
    /// The service whose image it ran.
    pub service: ServiceArn,
    /// The image.
    pub reference: String,
    /// Its digest.
    pub digest: Digest,
    /// When it ended.
    pub at: Timestamp,
    /// What came of it.
    pub state: RunState,
    /// Whether the image says that the release before can live with the new schema.
    pub compatible: bool,
    /// What can be gone back to, in words.
    pub restore_point: Option<String>,
}

impl Ledger {
    /// Adds or renews the entry of a run, unless a later lock has written since.
    pub fn note(&mut self, entry: Entry, fence: u64) {
        if fence < self.fence {
            return;
        }
        self.fence = fence;
        self.entries.retain(|known| known.run != entry.run);
        self.entries.push(entry);
        let surplus = self.entries.len().saturating_sub(ENTRIES);
        self.entries.drain(..surplus);
    }

    /// The first migration later than a release that was begun at `since` and ran these digests, that it was not declared
    /// able to live with. Where its own migration stands in the ledger, what comes after that is later, whatever the
    /// clocks say; where nobody knows when it was begun, every migration counts.
    pub fn in_the_way(&self, since: Option<Timestamp>, ran: &[&Digest]) -> Option<&Entry> {
        let own = self.entries.iter().rposition(|entry| ran.contains(&&entry.digest));
        let is_later = |(at, entry): &(usize, &Entry)| match own {
            Some(own) => *at > own,
            None => since.is_none_or(|since| entry.at > since),
        };
        self.entries.iter().enumerate().filter(is_later).map(|(_, entry)| entry).find(|entry| !entry.compatible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> ServiceArn {
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/api".parse().unwrap()
    }

    /// The digest of the image that migrates as `name`, one letter.
    fn digest(name: &str) -> Digest {
        format!("sha256:{}", name.repeat(64)).parse().unwrap()
    }

    fn entry(name: &str, at: &str, compatible: bool) -> Entry {
        Entry {
            run: RunId::of_request(&service(), name, None),
            service: service(),
            reference: "shop@sha256:0f".to_owned(),
            digest: digest(name),
            at: at.parse().unwrap(),
            state: RunState::Migrated,
            compatible,
            restore_point: None,
        }
    }

    #[test]
    fn a_run_is_named_after_what_it_is_for_and_after_nothing_else() {
        let digest: Digest = format!("sha256:{}", "0f".repeat(32)).parse().unwrap();
        let base: TaskDefinitionArn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7".parse().unwrap();
        let run = RunId::of_rollout(&service(), &digest, &base);
        assert_eq!(run, RunId::of_rollout(&service(), &digest, &base));
        assert_eq!(run.as_str().parse(), Ok(run.clone()));
        let (first, second) = ("2026-11-21T02:00:00Z".parse().ok(), "2026-11-22T02:00:00Z".parse().ok());
        let nightly = RunId::of_request(&service(), "nightly", first);
        assert_ne!(nightly, RunId::of_request(&service(), "nightly", second), "each night is a run of its own");
        assert_ne!(nightly, run);
    }

    #[test]
    fn a_way_back_is_closed_by_what_came_later_and_was_not_declared_compatible() {
        let mut ledger = Ledger::default();
        ledger.note(entry("a", "2026-11-20T10:00:00Z", false), 1);
        ledger.note(entry("b", "2026-11-21T10:00:00Z", true), 2);
        let at = |text: &str| text.parse().ok();
        assert!(ledger.in_the_way(at("2026-11-20T09:00:00Z"), &[]).is_some());
        assert_eq!(ledger.in_the_way(at("2026-11-20T10:05:00Z"), &[]), None, "it was rolled out after that migration");
        assert!(ledger.in_the_way(None, &[]).is_some(), "nobody knows when: it counts");
    }

    #[test]
    fn a_release_that_was_begun_before_its_own_migration_ended_is_not_closed_by_it() {
        let mut ledger = Ledger::default();
        ledger.note(entry("a", "2026-11-20T10:00:00Z", false), 1);
        let begun = "2026-11-20T09:50:00Z".parse().ok();
        let own = digest("a");
        assert_eq!(ledger.in_the_way(begun, &[&own]), None, "it waited at a hook for it");
        ledger.note(entry("b", "2026-11-21T10:00:00Z", false), 2);
        assert_eq!(ledger.in_the_way(begun, &[&own]).map(|entry| &entry.digest), Some(&digest("b")));
    }

    #[test]
    fn a_run_stands_once_in_the_ledger_and_an_older_lock_writes_no_more() {
        let mut ledger = Ledger::default();
        ledger.note(entry("a", "2026-11-20T10:00:00Z", false), 2);
        ledger.note(entry("a", "2026-11-20T11:00:00Z", false), 2);
        assert_eq!(ledger.entries.len(), 1);
        ledger.note(entry("b", "2026-11-20T12:00:00Z", false), 1);
        assert_eq!((ledger.entries.len(), ledger.fence), (1, 2));
    }

    #[test]
    fn the_head_of_an_item_is_read_whatever_else_stands_in_it() {
        let head: RunHead = serde_json::from_str(r#"{"state":"migrated","reason":"proven","attempt":3}"#).unwrap();
        assert_eq!(head.state, Some(RunState::Migrated));
        let head: RolloutHead = serde_json::from_str(r#"{"attempt":null,"bad":[]}"#).unwrap();
        assert_eq!(head.awaits, None);
    }
}
