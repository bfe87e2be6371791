//! What people and time do to databases and snapshots, beside the API: no fault, no throttle, no record, no event unless
//! RDS sends one by itself.

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::Value;

use super::create::taken;
use super::kind::Kind;
use super::life::Step;
use super::model::{Database, Snapshot, Tags};
use super::script::Course;
use super::{Rds, form};
use crate::account::Account;
use crate::context::REGION;
use crate::wire::{ApiError, Call, Reply};

/// RDS of one region, for whoever sets a scene. A database or snapshot is named by its identifier or ARN; where an
/// instance and a cluster have the same identifier, it is the instance.
#[derive(Clone, Debug)]
pub struct RdsRegion {
    account: Account,
    name: String,
}

/// A snapshot as it is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSeen {
    /// Whether it is one of an instance or of a cluster.
    pub kind: Kind,
    /// Identifier.
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Identifier of the database, as it was then.
    pub database: String,
    /// Resource id of the database.
    pub resource_id: String,
    /// `manual`, `automated` or `awsbackup`.
    pub taken_by: &'static str,
    /// `creating`, `available` or `failed`.
    pub status: String,
    /// Tags.
    pub tags: Tags,
    /// When it was taken or copied.
    pub created_at: Timestamp,
    /// When the original of a copy was taken; else as `created_at`.
    pub original_at: Timestamp,
    /// ARN of the snapshot that it is a copy of.
    pub source: Option<String>,
    /// ARN of its key.
    pub key: Option<String>,
    /// Accounts that may restore it.
    pub shared_with: Vec<String>,
}

impl Account {
    /// RDS of the account's own region.
    pub fn rds(&self) -> RdsRegion {
        self.rds_in(REGION)
    }

    /// RDS of any region.
    pub fn rds_in(&self, region: &str) -> RdsRegion {
        RdsRegion { account: self.clone(), name: region.to_owned() }
    }

    /// Lets the lists of RDS lag this much behind writes, in all regions.
    pub fn rds_read_lag(&self, lag: SignedDuration) {
        self.lock().rds.lag = lag;
    }

    /// Whether a snapshot that failed can be deleted (the default), in all regions. AWS does not say.
    pub fn failed_snapshots_can_be_deleted(&self, they_can: bool) {
        self.lock().rds.keeps_failed = !they_can;
    }
}

impl RdsRegion {
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn with<T>(&self, work: impl FnOnce(&mut Rds, Timestamp) -> T) -> T {
        let mut state = self.account.lock();
        let now = state.context.now;
        work(&mut state.rds, now)
    }

    /// Performs a call beside the API; the answer is its XML. The input is a flat form, as the Query protocol has it.
    pub fn call(&self, operation: &str, input: Value) -> Result<String, ApiError> {
        let mut state = self.account.lock();
        let state = &mut *state;
        let call = Call {
            service: "rds".to_owned(),
            region: self.name.clone(),
            operation: operation.to_owned(),
            input,
            caller: String::new(),
            attempt: 1,
            invocation: String::new(),
            at: state.context.now,
        };
        match state.rds.call(&mut state.context, &state.kms, &call, false)? {
            Reply::Xml(xml) => Ok(xml),
            Reply::Json(value) => Ok(value.to_string()),
        }
    }

    /// Status of a database, if there is such a one.
    pub fn status(&self, database: &str) -> Option<String> {
        self.with(|rds, _| rds.named(&self.name, database).map(|database| database.status.clone()))
    }

    /// Sets the status of a database: `maintenance`, `storage-optimization`, `failed`, `modifying`...
    pub fn set_status(&self, database: &str, to: &str) -> bool {
        self.with(|rds, now| {
            let Some(Database { kind, id, .. }) = rds.named(&self.name, database).cloned() else { return false };
            rds.change_status(now, &self.name, kind, &id, to)
        })
    }

    /// Stops a database; after seven days it starts by itself.
    pub fn stop(&self, database: &str) -> bool {
        self.with(|rds, now| {
            let Some(Database { kind, id, .. }) = rds.named(&self.name, database).cloned() else { return false };
            let (at, lag) = (now + 168.hours(), rds.lag);
            rds.change_status(now, &self.name, kind, &id, "stopped");
            rds.region(&self.name).databases_mut(kind).edit(now, lag, &id, |it| {
                (it.restart_at, it.restorable_to) = (Some(at), Some(now));
            });
            rds.set_timer(at, Step::Restart { region: self.name.clone(), kind, id, at });
            true
        })
    }

    /// Starts a database.
    pub fn start(&self, database: &str) -> bool {
        self.set_status(database, "available")
    }

    /// `LatestRestorableTime` of a database stands still, as when its logs do not get away, or goes on again.
    pub fn logs_stand_still(&self, database: &str, they_do: bool) -> bool {
        self.with(|rds, now| {
            let lag = rds.lag;
            let Some(Database { kind, id, .. }) = rds.named(&self.name, database).cloned() else { return false };
            let databases = rds.region(&self.name).databases_mut(kind);
            databases.edit(now, lag, &id, |it| it.restorable_to = they_do.then_some(now)).is_some()
        })
    }

    /// Gives a database another identifier; its resource id stays, its snapshots keep the old one.
    pub fn rename(&self, database: &str, to: &str) -> bool {
        self.with(|rds, now| {
            let lag = rds.lag;
            let Some(Database { kind, id, .. }) = rds.named(&self.name, database).cloned() else { return false };
            let databases = rds.region(&self.name).databases_mut(kind);
            let Some(mut renamed) = databases.remove(now, lag, &id) else { return false };
            renamed.id = to.to_ascii_lowercase();
            renamed.arn = kind.database_arn(&self.name, &renamed.id);
            renamed.xml = std::sync::OnceLock::new();
            databases.insert(now, lag, renamed.id.clone(), renamed);
            true
        })
    }

    /// Deletes a database, a cluster with its members. Its manual snapshots stay, its automated ones go.
    pub fn delete(&self, database: &str) -> bool {
        self.with(|rds, now| {
            let lag = rds.lag;
            let Some(gone) = rds.named(&self.name, database).cloned() else { return false };
            let region = rds.region(&self.name);
            for member in &gone.members {
                region.databases_mut(Kind::Instance).remove(now, lag, member);
            }
            region.databases_mut(gone.kind).remove(now, lag, &gone.id);
            let of_it = |it: &&Snapshot| it.resource_id == gone.resource_id && it.taken_by == "automated";
            let automated: Vec<_> =
                region.snapshots(gone.kind).values().filter(of_it).map(|it| it.id.clone()).collect();
            for id in automated {
                region.drop_snapshot(now, lag, gone.kind, &id);
            }
            true
        })
    }

    /// Sets a tag of a database, or takes it away.
    pub fn tag(&self, database: &str, key: &str, value: Option<&str>) -> bool {
        self.with(|rds, now| {
            let Some(arn) = rds.named(&self.name, database).map(|it| it.arn.clone()) else { return false };
            rds.set_tag(now, &arn, key, value)
        })
    }

    /// Sets a tag of a snapshot, or takes it away.
    pub fn tag_snapshot(&self, snapshot: &str, key: &str, value: Option<&str>) -> bool {
        self.with(|rds, now| {
            let Some(arn) = rds.snapshot_named(&self.name, snapshot).map(|it| it.arn.clone()) else { return false };
            rds.set_tag(now, &arn, key, value)
        })
    }

    /// Tags a snapshot with `steward:hold`.
    pub fn hold(&self, snapshot: &str, why: &str) -> bool {
        self.tag_snapshot(snapshot, "steward:hold", Some(why))
    }

    /// The course of the next snapshot of a database; several are taken in turn.
    pub fn next_snapshot(&self, database: &str, course: Course) -> bool {
        self.with(|rds, _| {
            let arn = rds.named(&self.name, database).map(|it| it.arn.clone());
            arn.map(|arn| rds.scripts.next(&arn, course)).is_some()
        })
    }

    /// The course of all further snapshots of a database.
    pub fn snapshots_go(&self, database: &str, course: Course) -> bool {
        self.with(|rds, _| {
            let arn = rds.named(&self.name, database).map(|it| it.arn.clone());
            arn.map(|arn| rds.scripts.always(&arn, course)).is_some()
        })
    }

    /// The course of the next copy into this region.
    pub fn next_copy(&self, course: Course) {
        self.with(|rds, _| rds.scripts.next(&self.name, course));
    }

    /// The course of all further copies into this region.
    pub fn copies_go(&self, course: Course) {
        self.with(|rds, _| rds.scripts.always(&self.name, course));
    }

    /// How many manual snapshots of a kind there may be.
    pub fn quota(&self, kind: Kind, most: usize) {
        self.with(|rds, _| rds.region(&self.name).quotas.insert(kind, most));
    }

    /// Puts a snapshot there that was taken at `at`, available: a person's, with the tags that they gave it, or one that
    /// RDS took by itself when its identifier begins with `rds:`.
    pub fn put_snapshot(&self, database: &str, id: &str, at: Timestamp, tags: &[(&str, &str)]) -> bool {
        self.with(|rds, now| {
            let Some(database) = rds.named(&self.name, database).cloned() else { return false };
            let (number, lag) = (rds.count(), rds.lag);
            let mut snapshot = taken(&database, id.to_ascii_lowercase(), number, &self.name, at);
            "available".clone_into(&mut snapshot.status);
            snapshot.taken_by = if id.starts_with("rds:") { "automated" } else { "manual" };
            snapshot.tags = tags.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            rds.region(&self.name).add_snapshot(now, lag, snapshot);
            true
        })
    }

    /// Ends the making of a snapshot now, one way or the other, with the event that belongs to it.
    pub fn finish(&self, snapshot: &str, fails: bool) -> bool {
        let mut state = self.account.lock();
        let state = &mut *state;
        let creating = state.rds.snapshot_named(&self.name, snapshot).filter(|it| it.status == "creating");
        let Some(Snapshot { kind, id, .. }) = creating.cloned() else { return false };
        state.rds.settle(&mut state.context, &self.name, kind, &id, fails);
        true
    }

    /// Makes a snapshot go away, without an event: a person's doing in the console, told to nobody.
    pub fn lose_snapshot(&self, snapshot: &str) -> bool {
        self.with(|rds, now| {
            let lag = rds.lag;
            let Some(Snapshot { kind, id, .. }) = rds.snapshot_named(&self.name, snapshot).cloned() else {
                return false;
            };
            rds.region(&self.name).drop_snapshot(now, lag, kind, &id).is_some()
        })
    }

    /// Restores a database from a snapshot. It inherits the snapshot's tags unless it is given some; its resource id is
    /// new. Answers its ARN.
    pub fn restore(&self, snapshot: &str, to: &str, tags: &[(&str, &str)]) -> Option<String> {
        let from = self.with(|rds, _| rds.snapshot_named(&self.name, snapshot).cloned())?;
        let setup = match from.kind {
            Kind::Instance => self.instance(to),
            Kind::Cluster => self.aurora(to, 1),
        };
        let inherited = from.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let tags: Vec<_> = if tags.is_empty() { inherited.collect() } else { tags.to_vec() };
        let mut setup = tags.into_iter().fold(setup, |setup, (key, value)| setup.tag(key, value));
        if let Some(key) = &from.key {
            setup = setup.encrypted(Some(key));
        }
        let arn = setup.create();
        self.with(|rds, now| {
            let (lag, id) = (rds.lag, form::identifier(&arn));
            rds.region(&self.name).databases_mut(from.kind).edit(now, lag, id, |it| it.engine.clone_from(&from.engine));
        });
        Some(arn)
    }

    /// All snapshots, those of instances first, by identifier.
    pub fn snapshots(&self) -> Vec<SnapshotSeen> {
        self.with(|rds, _| {
            let region = rds.region(&self.name);
            let both = region.snapshots(Kind::Instance).values().chain(region.snapshots(Kind::Cluster).values());
            both.map(SnapshotSeen::of).collect()
        })
    }

    /// One snapshot.
    pub fn snapshot(&self, snapshot: &str) -> Option<SnapshotSeen> {
        self.with(|rds, _| rds.snapshot_named(&self.name, snapshot).map(SnapshotSeen::of))
    }

    /// Identifiers of all databases, instances first.
    pub fn databases(&self) -> Vec<String> {
        self.with(|rds, _| {
            let region = rds.region(&self.name);
            let both = region.databases(Kind::Instance).values().chain(region.databases(Kind::Cluster).values());
            both.map(|database| database.id.clone()).collect()
        })
    }
}

impl Rds {
    fn named(&mut self, region: &str, name: &str) -> Option<&Database> {
        let (id, region) = (form::identifier(name).to_ascii_lowercase(), self.region(region));
        let fits = |it: &&Database| !name.starts_with("arn:") || it.arn == name;
        let of = |kind| region.databases(kind).get(&id).filter(fits);
        of(Kind::Instance).or_else(|| of(Kind::Cluster))
    }

    fn snapshot_named(&mut self, region: &str, name: &str) -> Option<&Snapshot> {
        let (id, region) = (form::identifier(name).to_ascii_lowercase(), self.region(region));
        let fits = |it: &&Snapshot| !name.starts_with("arn:") || it.arn == name;
        let of = |kind| region.snapshots(kind).get(&id).filter(fits);
        of(Kind::Instance).or_else(|| of(Kind::Cluster))
    }
}

impl SnapshotSeen {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            kind: snapshot.kind,
            id: snapshot.id.clone(),
            arn: snapshot.arn.clone(),
            database: snapshot.database.clone(),
            resource_id: snapshot.resource_id.clone(),
            taken_by: snapshot.taken_by,
            status: snapshot.status.clone(),
            tags: snapshot.tags.clone(),
            created_at: snapshot.begun_at,
            original_at: snapshot.original_at,
            source: snapshot.source.clone(),
            key: snapshot.key.clone(),
            shared_with: snapshot.shared_with.iter().cloned().collect(),
        }
    }
}
