//! What is seen, in own plain types.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use shared::arn::{DatabaseArn, Region};
use shared::failure::CallFailure;
use shared::state::Versioned;
use shared::tags::{DatabaseTags, TagProblem};

use crate::memory::Memory;
use crate::own::Claim;

/// Tags as they could be read.
pub(crate) type ReadTags = Result<DatabaseTags, Vec<TagProblem>>;

/// A DB instance or a DB cluster.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Database {
    /// Its ARN.
    pub(crate) arn: DatabaseArn,
    /// `DbiResourceId` or `DbClusterResourceId`: stays when the database is renamed, and is never given again.
    pub(crate) resource: String,
    /// `aurora-postgresql`, `mysql`, `docdb`.
    pub(crate) engine: String,
    /// As RDS says it.
    pub(crate) status: String,
    /// Its tags.
    pub(crate) tags: Vec<(String, String)>,
    /// The cluster that an instance is a member of.
    pub(crate) member_of: Option<String>,
    /// When RDS starts a stopped database by itself: seven days after the stop.
    pub(crate) restarts: Option<Timestamp>,
    /// `hh24:mi-hh24:mi` in UTC.
    pub(crate) backup_window: Option<String>,
    /// `ddd:hh24:mi-ddd:hh24:mi` in UTC.
    pub(crate) maintenance_window: Option<String>,
}

/// What a database's status means for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It can be taken.
    Ready,
    /// Not now: the database is busy, or RDS says something that is not known here.
    Busy,
    /// Not until somebody starts it.
    Stopped,
    /// Not until somebody repairs it.
    Broken,
    /// Never again.
    Deleting,
}

/// What a snapshot's status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// A backup.
    Available,
    /// Not one yet.
    Creating,
    /// Never one.
    Failed,
    /// On its way out, or something that is not known here.
    Other,
}

/// A manual snapshot of a DB instance or DB cluster.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    /// Its identifier.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Resource id of its database, if RDS says it.
    pub(crate) resource: Option<String>,
    /// What its status means.
    pub(crate) status: Status,
    /// The moment that it holds. A copy keeps the moment of its source where RDS tells it.
    pub(crate) created: Option<Timestamp>,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// Whether it is encrypted.
    pub(crate) encrypted: bool,
    /// ARN of the source of a copy.
    pub(crate) source: Option<String>,
}

/// A snapshot that is ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Own {
    /// The snapshot.
    pub(crate) snapshot: Snapshot,
    /// What it was taken for.
    pub(crate) claim: Claim,
}

/// The copies in another region.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Elsewhere {
    /// The region.
    pub(crate) region: Region,
    /// Ours of this database there; the failure when they could not be listed.
    pub(crate) copies: Result<Vec<Own>, CallFailure>,
    /// Copies of ours that are under way there, of all databases.
    pub(crate) under_way: usize,
}

/// All that is seen of one database.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// The database.
    pub(crate) database: Database,
    /// What its tags say.
    pub(crate) tags: ReadTags,
    /// Our snapshots of it in its own region.
    pub(crate) here: Vec<Own>,
    /// Where they are copied to.
    pub(crate) elsewhere: Option<Elsewhere>,
    /// What was told and tried.
    pub(crate) memory: Versioned<Memory>,
}

/// How many manual snapshots there are and may be in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Quota {
    /// There are.
    pub(crate) used: u64,
    /// There may be; 0 when RDS does not say.
    pub(crate) most: u64,
}

/// Quotas of a region, for the two kinds of snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Quotas {
    /// Snapshots of instances.
    pub(crate) instances: Quota,
    /// Snapshots of clusters.
    pub(crate) clusters: Quota,
}

impl Quota {
    /// How much of it is used, in percent.
    pub(crate) fn percent(self) -> u64 {
        (self.used * 100).checked_div(self.most).unwrap_or_default()
    }
}

impl Database {
    /// What its tags say.
    pub(crate) fn read_tags(&self) -> ReadTags {
        DatabaseTags::parse(self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }

    /// Whether its engine is that of Amazon `DocumentDB` or Neptune, which RDS lists with its own.
    pub(crate) fn is_foreign(&self) -> bool {
        self.engine.starts_with("docdb") || self.engine.starts_with("neptune")
    }

    /// What its status means for a snapshot. While storage is optimized a database is in full use.
    pub(crate) fn readiness(&self) -> Readiness {
        match self.status.as_str() {
            "available" | "storage-optimization" => Readiness::Ready,
            "stopped" | "stopping" => Readiness::Stopped,
            "deleting" | "delete-precheck" => Readiness::Deleting,
            "failed"
            | "restore-error"
            | "storage-full"
            | "inaccessible-encryption-credentials"
            | "inaccessible-encryption-credentials-recoverable"
            | "insufficient-capacity"
            | "cloning-failed"
            | "migration-failed" => Readiness::Broken,
            status if status.starts_with("incompatible-") => Readiness::Broken,
            _ => Readiness::Busy,
        }
    }

    /// When it was stopped, for a stopped database of which RDS says when it starts again.
    pub(crate) fn stopped(&self) -> Option<Timestamp> {
        self.restarts.and_then(|restarts| restarts.checked_sub(jiff::SignedDuration::from_hours(7 * 24)).ok())
    }
}

impl Status {
    /// Reads RDS's word.
    pub(crate) fn read(text: &str) -> Self {
        match text {
            "available" => Self::Available,
            "creating" | "copying" | "pending" => Self::Creating,
            "failed" | "incompatible-restore" | "incompatible-parameters" => Self::Failed,
            _ => Self::Other,
        }
    }
}

impl Snapshot {
    /// Why a person holds it.
    pub(crate) fn hold(&self) -> Option<&str> {
        self.tags.get(shared::tags::on_snapshot::HOLD).map(String::as_str)
    }

    /// The moment that it holds, as well as it is known. Of a copied cluster snapshot RDS only tells when it was copied.
    pub(crate) fn moment(&self, claim: &Claim) -> Timestamp {
        let is_copy = self.tags.contains_key(shared::tags::on_snapshot::COPIED_FROM);
        self.created.filter(|_| !is_copy).unwrap_or(claim.started)
    }
}

impl Own {
    /// Whether it is a backup that the schedule has made.
    pub(crate) fn is_scheduled_backup(&self) -> bool {
        self.snapshot.status == Status::Available && self.claim.slot().is_some()
    }

    /// The moment that it holds.
    pub(crate) fn moment(&self) -> Timestamp {
        self.snapshot.moment(&self.claim)
    }
}

/// The newest backup that the schedule has made.
pub(crate) fn newest(snapshots: &[Own]) -> Option<&Own> {
    snapshots.iter().filter(|own| own.is_scheduled_backup()).max_by_key(|own| (own.moment(), &own.snapshot.name))
}
