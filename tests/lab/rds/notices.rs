//! The events of snapshots, as RDS sends them: on the bus of the region in which the snapshot is.

use serde_json::json;

use super::kind::Kind;
use super::model::Snapshot;
use crate::context::{Context, iso};

/// What there is to tell of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Creating,
    Created,
    Deleted,
    Copying,
    Copied,
    CopyCancelled,
}

/// Sends the event, if RDS has one. Of a cluster's snapshot it has only two.
pub(super) fn send(context: &mut Context, region: &str, snapshot: &Snapshot, notice: Notice) {
    let Some((number, category, message)) = words(snapshot, notice) else { return };
    let (detail_type, source_type) = match snapshot.kind {
        Kind::Instance => ("RDS DB Snapshot Event", "SNAPSHOT"),
        Kind::Cluster => ("RDS DB Cluster Snapshot Event", "CLUSTER_SNAPSHOT"),
    };
    let detail = json!({
        "EventCategories": [category],
        "SourceType": source_type,
        "SourceArn": snapshot.arn,
        "Date": iso(context.now),
        "Message": message,
        "SourceIdentifier": snapshot.id,
        "EventID": format!("RDS-EVENT-{number}"),
    });
    context.emit_in(region, "aws.rds", detail_type, &[&snapshot.arn], &detail);
}

/// Number, category and message. A copy from another region has other numbers than one within a region.
fn words(snapshot: &Snapshot, notice: Notice) -> Option<(&'static str, &'static str, String)> {
    let automated = snapshot.taken_by == "automated";
    let far = snapshot.source_region.is_some();
    let from = match &snapshot.source_region {
        Some(region) => format!("from region {region}"),
        None => "in region".to_owned(),
    };
    let id = &snapshot.id;
    let words = match (snapshot.kind, notice) {
        (Kind::Instance, Notice::Creating) if automated => {
            ("0090", "creation", "Creating automated snapshot".to_owned())
        }
        (Kind::Instance, Notice::Created) if automated => ("0091", "creation", "Automated snapshot created".to_owned()),
        (Kind::Instance, Notice::Creating) => ("0040", "creation", "Creating manual snapshot".to_owned()),
        (Kind::Instance, Notice::Created) => ("0042", "creation", "Manual snapshot created".to_owned()),
        (Kind::Instance, Notice::Deleted) => ("0041", "deletion", "Deleted user snapshot".to_owned()),
        (Kind::Instance, Notice::Copying) => {
            (if far { "0059" } else { "0196" }, "notification", format!("Started copy of snapshot {id} {from}"))
        }
        (Kind::Instance, Notice::Copied) => {
            (if far { "0060" } else { "0197" }, "notification", format!("Finished copy of snapshot {id} {from}"))
        }
        (Kind::Instance, Notice::CopyCancelled) => {
            let message = format!("Canceled snapshot copy request of {id} {from}");
            (if far { "0061" } else { "0190" }, "notification", message)
        }
        (Kind::Cluster, Notice::Creating) if automated => {
            ("0168", "backup", "Creating automated cluster snapshot".to_owned())
        }
        (Kind::Cluster, Notice::Created) if automated => {
            ("0169", "backup", "Automated cluster snapshot created".to_owned())
        }
        (Kind::Cluster, Notice::Creating) => ("0074", "backup", "Creating manual cluster snapshot".to_owned()),
        (Kind::Cluster, Notice::Created) => ("0075", "backup", "Manual cluster snapshot created".to_owned()),
        (Kind::Cluster, Notice::Deleted | Notice::Copying | Notice::Copied | Notice::CopyCancelled) => return None,
    };
    Some(words)
}
