//! `CopyDBSnapshot` and `CopyDBClusterSnapshot`, called in the region that the copy is to be in.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::create::new_identifier;
use super::kind::{Kind, refused};
use super::model::{Snapshot, Tags};
use super::notices::{self, Notice};
use super::{Asked, Rds, form, view};
use crate::context::ACCOUNT_ID;
use crate::input::text;
use crate::kms::Kms;
use crate::wire::ApiError;

/// Copies that may be under way into a region from others.
const MOST_AT_ONCE: usize = 20;

impl Rds {
    pub(super) fn copy_snapshot(&mut self, asked: &mut Asked<'_>, kind: Kind) -> Result<String, ApiError> {
        let (region, input, now) = (asked.call.region(), &asked.call.input, asked.context.now);
        let (source, target) = match kind {
            Kind::Instance => ("SourceDBSnapshotIdentifier", "TargetDBSnapshotIdentifier"),
            Kind::Cluster => ("SourceDBClusterSnapshotIdentifier", "TargetDBClusterSnapshotIdentifier"),
        };
        let id = new_identifier(kind, target, text(input, target))?;
        let tags = form::tags(input)?;
        let source = self.source(kind, region, text(input, source).unwrap_or_default())?;
        let stands = self.region(region);
        if stands.snapshots(kind).get(&id).is_some() {
            return Err(kind.snapshot_exists(&id));
        }
        if source.status != "available" {
            return Err(kind.snapshot_state(format!("The source snapshot {} is {}.", source.id, source.status)));
        }
        let from = region_of(&source).filter(|from| *from != region).map(str::to_owned);
        let key = key(asked.kms, region, &source, from.is_some(), text(input, "KmsKeyId"))?;
        stands.check_quota(kind)?;
        let under_way = |it: &&Snapshot| it.status == "creating" && it.source_region.is_some();
        if from.is_some() && stands.snapshots(kind).values().filter(under_way).count() >= MOST_AT_ONCE {
            let message = format!("Cannot copy more than {MOST_AT_ONCE} snapshots across regions at a time.");
            return Err(ApiError::client("SnapshotQuotaExceeded", message));
        }
        let tags = if tags.is_empty() && form::flag(input, "CopyTags") { copied(&source)? } else { tags };
        let copy = Snapshot {
            arn: kind.snapshot_arn(region, &id),
            id,
            number: self.count(),
            taken_by: "manual",
            status: "creating".to_owned(),
            tags,
            key,
            begun_at: now,
            until: None,
            source: Some(source.arn.clone()),
            source_region: from,
            shared_with: BTreeSet::new(),
            xml: OnceLock::new(),
            ..source
        };
        notices::send(asked.context, region, &copy, Notice::Copying);
        let mut xml = String::new();
        view::snapshot(&mut xml, &copy, now);
        let course = self.scripts.take(region);
        self.begin(region, copy, course);
        Ok(xml)
    }

    /// The snapshot that a call names: an ARN may lead into another region, an identifier does not.
    fn source(&mut self, kind: Kind, region: &str, name: &str) -> Result<Snapshot, ApiError> {
        let name = name.to_ascii_lowercase();
        let id = form::identifier(&name);
        let own = kind.snapshot_arn(region_in(&name).unwrap_or(region), id);
        let known = !name.starts_with("arn:") || name == own;
        let stands = self.region(region_in(&name).unwrap_or(region));
        let found = stands.snapshots(kind).get(id).filter(|_| known);
        found.cloned().ok_or_else(|| kind.no_snapshot(id))
    }
}

fn region_in(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:aws:rds:")?.split(':').next()
}

fn region_of(snapshot: &Snapshot) -> Option<&str> {
    debug_assert!(snapshot.arn.contains(ACCOUNT_ID), "every snapshot of the lab is the account's own");
    region_in(&snapshot.arn)
}

/// The key of a copy: the one that is asked for, which must be usable in its region; else that of the source, which is
/// no use in another region.
fn key(kms: &Kms, region: &str, source: &Snapshot, far: bool, asked: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(asked) = asked.filter(|key| !key.is_empty()) else {
        return match &source.key {
            Some(key) if far => Err(inaccessible(key)),
            key => Ok(key.clone()),
        };
    };
    if source.kind == Kind::Cluster && source.key.is_none() {
        return Err(ApiError::client(
            "InvalidParameterCombination",
            "A copy of an unencrypted cluster snapshot cannot be encrypted.",
        ));
    }
    let key = kms.find(region, asked).filter(|key| key.state == "Enabled");
    key.map(|key| Some(key.arn)).ok_or_else(|| inaccessible(asked))
}

fn inaccessible(key: &str) -> ApiError {
    let message = format!("The key {key} does not exist, is not enabled or you do not have permissions to access it.");
    ApiError::client("KMSKeyNotAccessibleFault", message)
}

/// What `CopyTags` takes over: all, and a tag of AWS's own is one too many.
fn copied(source: &Snapshot) -> Result<Tags, ApiError> {
    match source.tags.keys().find(|key| key.starts_with("aws:")) {
        Some(key) => Err(refused(format!("The tag {key} has a reserved prefix."))),
        None => Ok(source.tags.clone()),
    }
}
