//! Databases to begin with, in one line each.

use std::sync::OnceLock;

use jiff::Timestamp;

use super::edits::RdsRegion;
use super::kind::Kind;
use super::model::{Database, Tags};
use crate::kms::Kms;

/// A database to be created.
#[derive(Clone, Debug)]
#[must_use = "nothing exists before `create`"]
pub struct DatabaseSetup {
    region: RdsRegion,
    kind: Kind,
    id: String,
    engine: &'static str,
    tags: Tags,
    members: usize,
    multi_az: bool,
    backup_window: String,
    maintenance_window: String,
    copies_tags: bool,
    key: Option<String>,
    created_at: Option<Timestamp>,
    retention: u32,
}

impl RdsRegion {
    /// A DB instance, Postgres if nothing else is said.
    pub fn instance(&self, id: &str) -> DatabaseSetup {
        self.database(Kind::Instance, id, "postgres", 0)
    }

    /// An Aurora cluster with this many members.
    pub fn aurora(&self, id: &str, members: usize) -> DatabaseSetup {
        self.database(Kind::Cluster, id, "aurora-postgresql", members)
    }

    /// A Multi-AZ DB cluster, with its three members.
    pub fn multi_az_cluster(&self, id: &str) -> DatabaseSetup {
        DatabaseSetup { multi_az: true, ..self.database(Kind::Cluster, id, "postgres", 3) }
    }

    /// A `DocumentDB` cluster with one member: RDS shows it among its own.
    pub fn documentdb(&self, id: &str) -> DatabaseSetup {
        self.database(Kind::Cluster, id, "docdb", 1)
    }

    /// A Neptune cluster with one member: RDS shows it among its own.
    pub fn neptune(&self, id: &str) -> DatabaseSetup {
        self.database(Kind::Cluster, id, "neptune", 1)
    }

    fn database(&self, kind: Kind, id: &str, engine: &'static str, members: usize) -> DatabaseSetup {
        DatabaseSetup {
            region: self.clone(),
            kind,
            id: id.to_ascii_lowercase(),
            engine,
            tags: Tags::new(),
            members,
            multi_az: false,
            backup_window: "03:00-03:30".to_owned(),
            maintenance_window: "sun:04:00-sun:04:30".to_owned(),
            copies_tags: false,
            key: None,
            created_at: None,
            retention: 7,
        }
    }
}

impl DatabaseSetup {
    /// Adds a tag, also one of AWS's own.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Another engine.
    pub fn engine(mut self, engine: &'static str) -> Self {
        self.engine = engine;
        self
    }

    /// `PreferredBackupWindow` (`03:00-03:30`) and `PreferredMaintenanceWindow` (`sun:04:00-sun:04:30`), UTC.
    pub fn windows(mut self, backup: &str, maintenance: &str) -> Self {
        backup.clone_into(&mut self.backup_window);
        maintenance.clone_into(&mut self.maintenance_window);
        self
    }

    /// Hands its tags down to snapshots that are given none.
    pub fn copies_tags(mut self) -> Self {
        self.copies_tags = true;
        self
    }

    /// Encrypted with this key; with the AWS managed key of RDS when there is none.
    pub fn encrypted(mut self, key: Option<&str>) -> Self {
        self.key = Some(key.map_or_else(|| Kms::of_rds(self.region.name()), str::to_owned));
        self
    }

    /// `BackupRetentionPeriod`: automated backups are kept for so many days, 7 when nothing is said. With 0 there are none,
    /// and no point in time to restore to.
    pub fn retention(mut self, days: u32) -> Self {
        self.retention = days;
        self
    }

    /// Created at another time than now.
    pub fn created_at(mut self, at: Timestamp) -> Self {
        self.created_at = Some(at);
        self
    }

    /// Creates it, available, with the instances that are its members. Answers its ARN. One of the same kind and name
    /// is replaced.
    pub fn create(self) -> String {
        let account = self.region.account().clone();
        let mut state = account.lock();
        let state = &mut *state;
        let (now, region, lag) = (state.context.now, self.region.name(), state.rds.lag);
        let members: Vec<String> = (1..=self.members).map(|number| format!("{}-instance-{number}", self.id)).collect();
        let mut made = |kind: Kind, id: &str, cluster: Option<&str>, members: Vec<String>| {
            let unique = state.context.ids.hex().to_ascii_uppercase();
            let prefix = if kind == Kind::Instance { "db" } else { "cluster" };
            Database {
                kind,
                id: id.to_owned(),
                arn: kind.database_arn(region, id),
                resource_id: format!("{prefix}-{}", unique.get(..26).unwrap_or_default()),
                engine: self.engine.to_owned(),
                status: "available".to_owned(),
                tags: if cluster.is_some() { Tags::new() } else { self.tags.clone() },
                cluster: cluster.map(str::to_owned),
                members,
                multi_az: self.multi_az,
                backup_window: self.backup_window.clone(),
                maintenance_window: self.maintenance_window.clone(),
                copies_tags: self.copies_tags,
                key: self.key.clone(),
                created_at: self.created_at.unwrap_or(now),
                retention: self.retention,
                restorable_to: None,
                restart_at: None,
                xml: OnceLock::new(),
            }
        };
        let database = made(self.kind, &self.id, None, members.clone());
        let instances: Vec<_> = members.iter().map(|id| made(Kind::Instance, id, Some(&self.id), Vec::new())).collect();
        let (arn, stands) = (database.arn.clone(), state.rds.region(region));
        for made in std::iter::once(database).chain(instances) {
            stands.databases_mut(made.kind).insert(now, lag, made.id.clone(), made);
        }
        arn
    }
}
