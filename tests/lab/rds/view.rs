//! Answers as XML.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::kind::Kind;
use super::model::{Database, Snapshot, Tags};
use crate::context::iso;
use crate::http::escape;

/// Operations whose answer has no result.
const WITHOUT_RESULT: [&str; 2] = ["AddTagsToResource", "RemoveTagsFromResource"];

/// The answer of an operation around its result.
pub(super) fn answer(operation: &str, body: &str) -> String {
    let result = if WITHOUT_RESULT.contains(&operation) {
        String::new()
    } else {
        format!("<{operation}Result>{body}</{operation}Result>")
    };
    format!(
        "<{operation}Response xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">{result}\
         <ResponseMetadata><RequestId>lab</RequestId></ResponseMetadata></{operation}Response>"
    )
}

/// Adds `<name>value</name>`.
pub(super) fn leaf(xml: &mut String, name: &str, value: &str) {
    let _ = write!(xml, "<{name}>{}</{name}>", escape(value));
}

fn optional(xml: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        leaf(xml, name, value);
    }
}

fn yes_no(xml: &mut String, name: &str, value: bool) {
    leaf(xml, name, if value { "true" } else { "false" });
}

/// Tags as the element `TagList`.
pub(super) fn tag_list(xml: &mut String, tags: &Tags) {
    xml.push_str("<TagList>");
    for (key, value) in tags {
        xml.push_str("<Tag>");
        leaf(xml, "Key", key);
        leaf(xml, "Value", value);
        xml.push_str("</Tag>");
    }
    xml.push_str("</TagList>");
}

/// Adds a database as an element. All of it but what time changes is made once and kept until the database changes.
pub(super) fn database(xml: &mut String, database: &Database, now: Timestamp) {
    xml.push_str(kept(database));
    optional(xml, "LatestRestorableTime", database.latest_restorable(now).map(iso).as_deref());
    let _ = write!(xml, "</{}>", database.kind.database());
}

/// The element of a database without its end.
fn kept(database: &Database) -> &str {
    database.xml.get_or_init(|| {
        let mut xml = format!("<{}>", database.kind.database());
        leaf(&mut xml, database.kind.database_id(), &database.id);
        leaf(&mut xml, database.kind.resource_id(), &database.resource_id);
        match database.kind {
            Kind::Instance => instance(&mut xml, database),
            Kind::Cluster => cluster(&mut xml, database),
        }
        leaf(&mut xml, "Engine", &database.engine);
        leaf(&mut xml, "PreferredBackupWindow", &database.backup_window);
        leaf(&mut xml, "PreferredMaintenanceWindow", &database.maintenance_window);
        leaf(&mut xml, "BackupRetentionPeriod", &database.retention.to_string());
        yes_no(&mut xml, "MultiAZ", database.multi_az);
        yes_no(&mut xml, "CopyTagsToSnapshot", database.copies_tags);
        yes_no(&mut xml, "StorageEncrypted", database.key.is_some());
        optional(&mut xml, "KmsKeyId", database.key.as_deref());
        optional(&mut xml, "AutomaticRestartTime", database.restart_at.map(iso).as_deref());
        tag_list(&mut xml, &database.tags);
        xml
    })
}

fn instance(xml: &mut String, database: &Database) {
    leaf(xml, "DBInstanceArn", &database.arn);
    leaf(xml, "DBInstanceStatus", &database.status);
    leaf(xml, "InstanceCreateTime", &iso(database.created_at));
    optional(xml, "DBClusterIdentifier", database.cluster.as_deref());
}

fn cluster(xml: &mut String, database: &Database) {
    leaf(xml, "DBClusterArn", &database.arn);
    leaf(xml, "Status", &database.status);
    leaf(xml, "ClusterCreateTime", &iso(database.created_at));
    xml.push_str("<DBClusterMembers>");
    for (place, member) in database.members.iter().enumerate() {
        xml.push_str("<DBClusterMember>");
        leaf(xml, "DBInstanceIdentifier", member);
        yes_no(xml, "IsClusterWriter", place == 0);
        xml.push_str("</DBClusterMember>");
    }
    xml.push_str("</DBClusterMembers>");
}

/// Adds a snapshot as an element. It is made once, except while a share of it is done that grows.
pub(super) fn snapshot(xml: &mut String, snapshot: &Snapshot, now: Timestamp) {
    if snapshot.status == "creating" {
        xml.push_str(&described(snapshot, now));
    } else {
        xml.push_str(snapshot.xml.get_or_init(|| described(snapshot, now)));
    }
}

fn described(snapshot: &Snapshot, now: Timestamp) -> String {
    let kind = snapshot.kind;
    let mut xml = format!("<{}>", kind.snapshot());
    leaf(&mut xml, kind.snapshot_id(), &snapshot.id);
    leaf(&mut xml, kind.database_id(), &snapshot.database);
    leaf(&mut xml, kind.resource_id(), &snapshot.resource_id);
    leaf(&mut xml, "Engine", &snapshot.engine);
    leaf(&mut xml, "Status", &snapshot.status);
    leaf(&mut xml, "SnapshotType", snapshot.taken_by);
    leaf(&mut xml, "PercentProgress", &percent(snapshot, now).to_string());
    leaf(&mut xml, "PreferredBackupWindow", &snapshot.backup_window);
    optional(&mut xml, "KmsKeyId", snapshot.key.as_deref());
    let taken = (snapshot.status != "creating").then(|| iso(snapshot.begun_at));
    optional(&mut xml, "SnapshotCreateTime", taken.as_deref());
    let encrypted = snapshot.key.is_some();
    match kind {
        Kind::Instance => {
            leaf(&mut xml, "DBSnapshotArn", &snapshot.arn);
            leaf(&mut xml, "InstanceCreateTime", &iso(snapshot.database_created_at));
            yes_no(&mut xml, "Encrypted", encrypted);
            let original = (taken.is_some() || snapshot.source.is_some()).then(|| iso(snapshot.original_at));
            optional(&mut xml, "OriginalSnapshotCreateTime", original.as_deref());
            optional(&mut xml, "SourceRegion", snapshot.source_region.as_deref());
            optional(&mut xml, "SourceDBSnapshotIdentifier", snapshot.source.as_deref());
        }
        Kind::Cluster => {
            leaf(&mut xml, "DBClusterSnapshotArn", &snapshot.arn);
            leaf(&mut xml, "ClusterCreateTime", &iso(snapshot.database_created_at));
            yes_no(&mut xml, "StorageEncrypted", encrypted);
            optional(&mut xml, "SourceDBClusterSnapshotArn", snapshot.source.as_deref());
        }
    }
    tag_list(&mut xml, &snapshot.tags);
    let _ = write!(xml, "</{}>", kind.snapshot());
    xml
}

/// How much of it is done, in percent: all, when it is available; never all before.
fn percent(snapshot: &Snapshot, now: Timestamp) -> i64 {
    let Some(until) = snapshot.until.filter(|_| snapshot.status == "creating") else {
        return if snapshot.status == "available" { 100 } else { 0 };
    };
    let whole = until.duration_since(snapshot.begun_at).as_secs().max(1);
    (now.duration_since(snapshot.begun_at).as_secs() * 100 / whole).clamp(0, 99)
}
