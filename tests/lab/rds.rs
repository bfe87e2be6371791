//! The simulated database service (RDS): its databases and snapshots, region by region, and their events.
//!
//! Databases do not run here. What there is of them is what the API shows; snapshots take time, may fail, may hang.

mod attributes;
mod copy;
mod create;
mod delete;
mod describe;
mod edits;
mod form;
mod kind;
mod life;
mod model;
mod notices;
mod quota;
mod script;
mod setup;
mod table;
mod tags;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::kms::Kms;
use crate::service::unknown_operation;
use crate::wire::{Call, Outcome, Reply};

pub use edits::{RdsRegion, SnapshotSeen};
pub use kind::Kind;
use life::Step;
use model::Region;
pub use script::Course;
use script::Scripts;
pub use setup::DatabaseSetup;

/// Everything that RDS knows about the account.
#[derive(Debug, Default)]
pub(crate) struct Rds {
    regions: BTreeMap<String, Region>,
    timers: BTreeMap<(Timestamp, u64), Step>,
    /// Counts timers and snapshots.
    counted: u64,
    scripts: Scripts,
    /// How long reads lag behind writes.
    lag: SignedDuration,
    /// `DeleteDBSnapshot` of a snapshot that failed is refused.
    keeps_failed: bool,
}

/// What an operation needs beside RDS itself.
struct Asked<'a> {
    context: &'a mut Context,
    kms: &'a Kms,
    call: &'a Call,
    stale: bool,
}

impl Rds {
    /// Answers one call. With `stale`, a list is read as it was before its last write.
    pub(crate) fn call(&mut self, context: &mut Context, kms: &Kms, call: &Call, stale: bool) -> Outcome {
        use Kind::{Cluster, Instance};
        let asked = &mut Asked { context, kms, call, stale };
        let body = match call.operation.as_str() {
            "DescribeDBInstances" => self.describe_databases(asked, Instance),
            "DescribeDBClusters" => self.describe_databases(asked, Cluster),
            "DescribeDBSnapshots" => self.describe_snapshots(asked, Instance),
            "DescribeDBClusterSnapshots" => self.describe_snapshots(asked, Cluster),
            "CreateDBSnapshot" => self.create_snapshot(asked, Instance),
            "CreateDBClusterSnapshot" => self.create_snapshot(asked, Cluster),
            "DeleteDBSnapshot" => self.delete_snapshot(asked, Instance),
            "DeleteDBClusterSnapshot" => self.delete_snapshot(asked, Cluster),
            "CopyDBSnapshot" => self.copy_snapshot(asked, Instance),
            "CopyDBClusterSnapshot" => self.copy_snapshot(asked, Cluster),
            "ModifyDBSnapshotAttribute" => self.modify_attribute(asked, Instance),
            "ModifyDBClusterSnapshotAttribute" => self.modify_attribute(asked, Cluster),
            "DescribeDBSnapshotAttributes" => self.describe_attributes(asked, Instance),
            "DescribeDBClusterSnapshotAttributes" => self.describe_attributes(asked, Cluster),
            "DescribeAccountAttributes" => Ok(self.account_attributes(call.region())),
            "ListTagsForResource" => self.list_tags(asked),
            "AddTagsToResource" => self.add_tags(asked),
            "RemoveTagsFromResource" => self.remove_tags(asked),
            _ => return unknown_operation(call),
        };
        body.map(|body| Reply::Xml(view::answer(&call.operation, &body)))
    }

    /// When the next step is due by itself.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes every step that is due by now, in order.
    pub(crate) fn run_due(&mut self, context: &mut Context) {
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= context.now) {
            let step = entry.remove();
            self.take_step(context, step);
        }
    }

    fn set_timer(&mut self, at: Timestamp, step: Step) {
        let number = self.count();
        self.timers.insert((at, number), step);
    }

    fn count(&mut self) -> u64 {
        self.counted += 1;
        self.counted
    }

    /// The region, empty when nothing was ever put there.
    fn region(&mut self, name: &str) -> &mut Region {
        if !self.regions.contains_key(name) {
            self.regions.insert(name.to_owned(), Region::default());
        }
        self.regions.entry(name.to_owned()).or_default()
    }
}
