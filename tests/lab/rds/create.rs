//! `CreateDBSnapshot` and `CreateDBClusterSnapshot`.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jiff::Timestamp;

use super::kind::{Kind, refused};
use super::model::{Database, Snapshot, Tags};
use super::notices::Notice;
use super::{Asked, Rds, form, notices, view};
use crate::input::text;
use crate::wire::ApiError;

impl Rds {
    pub(super) fn create_snapshot(&mut self, asked: &mut Asked<'_>, kind: Kind) -> Result<String, ApiError> {
        let (region, input, now) = (asked.call.region(), &asked.call.input, asked.context.now);
        let id = new_identifier(kind, kind.snapshot_id(), text(input, kind.snapshot_id()))?;
        let database = text(input, kind.database_id()).unwrap_or_default().to_ascii_lowercase();
        let tags = form::tags(input)?;
        let stands = self.region(region);
        let database = stands.databases(kind).get(&database).cloned().ok_or_else(|| kind.no_database(&database))?;
        if stands.snapshots(kind).get(&id).is_some() {
            return Err(kind.snapshot_exists(&id));
        }
        if let Some(cluster) = &database.cluster {
            let message =
                format!("The DB instance is a member of the cluster {cluster}: create a cluster snapshot instead.");
            return Err(kind.database_state(message));
        }
        let fit =
            database.status == "available" || (kind == Kind::Instance && database.status == "storage-optimization");
        if !fit {
            let message = format!(
                "Cannot create a snapshot because the database {} is not currently in the available state.",
                database.id
            );
            return Err(kind.database_state(message));
        }
        stands.check_quota(kind)?;
        let number = self.count();
        let mut snapshot = taken(&database, id, number, region, now);
        // Tags in the call take the place of those that the database would hand down.
        snapshot.tags = if tags.is_empty() { handed_down(&database) } else { tags };
        if kind == Kind::Instance {
            self.change_status(now, region, kind, &database.id, "backing-up");
        }
        notices::send(asked.context, region, &snapshot, Notice::Creating);
        let course = self.scripts.take(&database.arn);
        let mut xml = String::new();
        view::snapshot(&mut xml, &snapshot, now);
        snapshot.xml = OnceLock::new();
        self.begin(region, snapshot, course);
        Ok(xml)
    }
}

/// The tags that a database hands down to a snapshot: none, unless it is told to.
fn handed_down(database: &Database) -> Tags {
    let tags = database.tags.iter().filter(|(key, _)| database.copies_tags && !key.starts_with("aws:"));
    tags.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A manual snapshot of a database that is being taken, without tags.
pub(super) fn taken(database: &Database, id: String, number: u64, region: &str, now: Timestamp) -> Snapshot {
    Snapshot {
        kind: database.kind,
        arn: database.kind.snapshot_arn(region, &id),
        id,
        number,
        database: database.id.clone(),
        resource_id: database.resource_id.clone(),
        engine: database.engine.clone(),
        backup_window: database.backup_window.clone(),
        database_created_at: database.created_at,
        taken_by: "manual",
        status: "creating".to_owned(),
        tags: Tags::new(),
        key: database.key.clone(),
        begun_at: now,
        until: None,
        original_at: now,
        source: None,
        source_region: None,
        shared_with: BTreeSet::new(),
        xml: OnceLock::new(),
    }
}

/// The identifier for a new snapshot, as it is kept: in lower case.
pub(super) fn new_identifier(kind: Kind, member: &str, id: Option<&str>) -> Result<String, ApiError> {
    let id = id.unwrap_or_default();
    let letter = id.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
    let known = id.chars().all(|char| char.is_ascii_alphanumeric() || char == '-');
    if !letter || !known || id.ends_with('-') || id.contains("--") || id.len() > kind.longest() {
        return Err(refused(format!(
            "The parameter {member} is not a valid identifier: at most {} letters, digits and hyphens, a letter first, \
             no hyphen last and no two together.",
            kind.longest()
        )));
    }
    Ok(id.to_ascii_lowercase())
}
