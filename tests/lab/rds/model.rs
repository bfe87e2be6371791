//! The things that RDS keeps, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};

use super::kind::Kind;
use super::table::{Kept, Table};

/// Tags of something.
pub(super) type Tags = BTreeMap<String, String>;

/// A DB instance or a DB cluster.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) arn: String,
    /// `db-...` or `cluster-...`; a new name does not change it, a restore gives another.
    pub(super) resource_id: String,
    pub(super) engine: String,
    pub(super) status: String,
    pub(super) tags: Tags,
    /// The cluster of which the instance is a member.
    pub(super) cluster: Option<String>,
    /// Members of a cluster; the writer first.
    pub(super) members: Vec<String>,
    pub(super) multi_az: bool,
    pub(super) backup_window: String,
    pub(super) maintenance_window: String,
    /// `CopyTagsToSnapshot`.
    pub(super) copies_tags: bool,
    /// ARN of the key that it is encrypted with.
    pub(super) key: Option<String>,
    pub(super) created_at: Timestamp,
    /// `BackupRetentionPeriod`, in days.
    pub(super) retention: u32,
    /// Nothing after this time can be restored, until this is taken away.
    pub(super) restorable_to: Option<Timestamp>,
    /// When it starts by itself, while it is stopped.
    pub(super) restart_at: Option<Timestamp>,
    pub(super) xml: OnceLock<String>,
}

/// A snapshot of a database.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) arn: String,
    /// Tells it from a later snapshot of the same name.
    pub(super) number: u64,
    /// Identifier of the database, as it was called when the snapshot was taken.
    pub(super) database: String,
    pub(super) resource_id: String,
    pub(super) engine: String,
    pub(super) backup_window: String,
    pub(super) database_created_at: Timestamp,
    /// `manual`, `automated` or `awsbackup`.
    pub(super) taken_by: &'static str,
    /// `creating`, `available` or `failed`.
    pub(super) status: String,
    pub(super) tags: Tags,
    pub(super) key: Option<String>,
    /// When the call came that made it.
    pub(super) begun_at: Timestamp,
    /// When it will be done, if it ever will.
    pub(super) until: Option<Timestamp>,
    /// When the database was in the state that it holds.
    pub(super) original_at: Timestamp,
    /// ARN of the snapshot that it is a copy of.
    pub(super) source: Option<String>,
    /// Region of that snapshot, if it is another.
    pub(super) source_region: Option<String>,
    /// Accounts that may restore it.
    pub(super) shared_with: BTreeSet<String>,
    pub(super) xml: OnceLock<String>,
}

/// Logs are shipped at the full five minutes.
const SHIPPED: i64 = 300;

impl Database {
    /// `LatestRestorableTime`: to which moment it can be restored. A member of a cluster has none of its own, nor has a
    /// database without automated backups.
    pub(super) fn latest_restorable(&self, now: Timestamp) -> Option<Timestamp> {
        let now = self.restorable_to.unwrap_or(now);
        let shipped = Timestamp::from_second(now.as_second().div_euclid(SHIPPED) * SHIPPED).ok()?;
        Some(shipped).filter(|at| self.retention > 0 && self.cluster.is_none() && *at >= self.created_at)
    }
}

impl Kept for Database {
    fn touched(&mut self) {
        self.xml = OnceLock::new();
    }
}

impl Kept for Snapshot {
    fn touched(&mut self) {
        self.xml = OnceLock::new();
    }
}

/// What stands in one region.
#[derive(Debug, Default)]
pub(super) struct Region {
    instances: Table<Database>,
    clusters: Table<Database>,
    snapshots: Table<Snapshot>,
    cluster_snapshots: Table<Snapshot>,
    /// Identifiers of snapshots, by kind and identifier of the database.
    of_database: BTreeMap<(Kind, String), BTreeSet<String>>,
    /// How many manual snapshots there may be of a kind, where that is not the default.
    pub(super) quotas: BTreeMap<Kind, usize>,
}

impl Region {
    pub(super) fn databases(&self, kind: Kind) -> &Table<Database> {
        match kind {
            Kind::Instance => &self.instances,
            Kind::Cluster => &self.clusters,
        }
    }

    pub(super) fn databases_mut(&mut self, kind: Kind) -> &mut Table<Database> {
        match kind {
            Kind::Instance => &mut self.instances,
            Kind::Cluster => &mut self.clusters,
        }
    }

    pub(super) fn snapshots(&self, kind: Kind) -> &Table<Snapshot> {
        match kind {
            Kind::Instance => &self.snapshots,
            Kind::Cluster => &self.cluster_snapshots,
        }
    }

    pub(super) fn snapshots_mut(&mut self, kind: Kind) -> &mut Table<Snapshot> {
        match kind {
            Kind::Instance => &mut self.snapshots,
            Kind::Cluster => &mut self.cluster_snapshots,
        }
    }

    /// Identifiers of the snapshots of a database.
    pub(super) fn snapshots_of(&self, kind: Kind, database: &str) -> Option<&BTreeSet<String>> {
        self.of_database.get(&(kind, database.to_owned()))
    }

    pub(super) fn add_snapshot(&mut self, now: Timestamp, lag: SignedDuration, snapshot: Snapshot) {
        let key = (snapshot.kind, snapshot.database.clone());
        self.of_database.entry(key).or_default().insert(snapshot.id.clone());
        let id = snapshot.id.clone();
        self.snapshots_mut(snapshot.kind).insert(now, lag, id, snapshot);
    }

    pub(super) fn drop_snapshot(
        &mut self,
        now: Timestamp,
        lag: SignedDuration,
        kind: Kind,
        id: &str,
    ) -> Option<Snapshot> {
        let gone = self.snapshots_mut(kind).remove(now, lag, id)?;
        let key = (kind, gone.database.clone());
        if let Some(of_database) = self.of_database.get_mut(&key) {
            of_database.remove(id);
            if of_database.is_empty() {
                self.of_database.remove(&key);
            }
        }
        Some(gone)
    }
}
