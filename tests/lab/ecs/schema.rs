//! The schema of a database that jobs plan and migrate, and who did so when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// The schema of one database. Clones are the same schema.
///
/// It has a version, and each image needs one. What lies between is pending.
#[derive(Clone, Debug, Default)]
pub struct SimulatedSchema(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    version: u32,
    /// Version that the code in an image needs, by digest.
    images: BTreeMap<String, u32>,
    /// Versions that destroy something on the way there.
    destructive: BTreeSet<u32>,
    migrations: Vec<Migration>,
    most_at_once: usize,
    overlaps: Vec<(Option<String>, Option<String>)>,
}

/// The run of a task that migrates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// ARN of the task.
    pub task: String,
    /// `startedBy` of the task.
    pub started_by: Option<String>,
    /// Digest of the image.
    pub digest: String,
    /// When its task was RUNNING.
    pub began_at: Timestamp,
    /// When its container ended.
    pub ended_at: Option<Timestamp>,
    /// Exit code of the container.
    pub exit_code: Option<i64>,
    /// Whether the schema is as it wanted it.
    pub committed: bool,
}

impl SimulatedSchema {
    /// A schema at a version. An image of which nothing is said needs version 0.
    pub fn at(version: u32) -> Self {
        let schema = Self::default();
        schema.lock().version = version;
        schema
    }

    /// The image with this digest needs this version.
    pub fn needs(&self, digest: &str, version: u32) {
        self.lock().images.insert(digest.to_owned(), version);
    }

    /// On the way to this version something is destroyed: a plan of it ends with 20.
    pub fn destroys(&self, version: u32) {
        self.lock().destructive.insert(version);
    }

    /// The version that it has.
    pub fn version(&self) -> u32 {
        self.lock().version
    }

    /// Whether the code in the image finds what it needs.
    pub fn satisfies(&self, digest: &str) -> bool {
        let inner = self.lock();
        inner.version >= inner.needed(digest)
    }

    /// Every task that began to migrate it, oldest first.
    pub fn migrations(&self) -> Vec<Migration> {
        self.lock().migrations.clone()
    }

    /// How many tasks migrated it at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.lock().most_at_once
    }

    /// Who began to migrate it while somebody else was at it: `startedBy` of the one that ran, and of the one that began.
    pub fn overlaps(&self) -> Vec<(Option<String>, Option<String>)> {
        self.lock().overlaps.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Exit code of a plan.
    pub(super) fn plan(&self, digest: &str) -> i64 {
        let inner = self.lock();
        let mut pending = inner.version + 1..=inner.needed(digest);
        if pending.is_empty() {
            return 0;
        }
        if pending.any(|version| inner.destructive.contains(&version)) { 20 } else { 10 }
    }

    pub(super) fn begin(&self, now: Timestamp, task: &str, started_by: Option<&str>, digest: &str, commits: bool) {
        let mut inner = self.lock();
        let under_way = inner.migrations.iter().filter(|other| other.ended_at.is_none());
        let others: Vec<_> = under_way.map(|other| other.started_by.clone()).collect();
        inner.most_at_once = inner.most_at_once.max(others.len() + 1);
        let by = started_by.map(str::to_owned);
        inner.overlaps.extend(others.into_iter().map(|other| (other, by.clone())));
        inner.migrations.push(Migration {
            task: task.to_owned(),
            started_by: by,
            digest: digest.to_owned(),
            began_at: now,
            ended_at: None,
            exit_code: None,
            committed: false,
        });
        if commits {
            inner.commit(task);
        }
    }

    /// The container of a migration has ended; only the first word of it counts.
    pub(super) fn end(&self, now: Timestamp, task: &str, exit_code: Option<i64>, commits: bool) {
        let mut inner = self.lock();
        let Some(migration) = inner.migrations.iter_mut().find(|it| it.task == task && it.ended_at.is_none()) else {
            return;
        };
        (migration.ended_at, migration.exit_code) = (Some(now), exit_code);
        if commits {
            inner.commit(task);
        }
    }
}

impl Inner {
    fn needed(&self, digest: &str) -> u32 {
        self.images.get(digest).copied().unwrap_or(0)
    }

    fn commit(&mut self, task: &str) {
        let Some(migration) = self.migrations.iter_mut().rev().find(|migration| migration.task == task) else { return };
        migration.committed = true;
        let digest = migration.digest.clone();
        self.version = self.version.max(self.needed(&digest));
    }
}
