//! `aws.rds`: RDS DB Snapshot Event, RDS DB Cluster Snapshot Event. They are best effort, in any order, and none tells that
//! a manual snapshot has failed.

use serde::Deserialize;

/// Detail of both kinds. The snapshot's ARN is in `SourceArn`; its state is read, not taken from here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SnapshotEvent {
    /// `RDS-EVENT-0042` and others.
    #[serde(rename = "EventID")]
    pub event_id: String,
    /// Identifier of the snapshot; automated ones begin with `rds:`.
    pub source_identifier: String,
    /// For people.
    #[serde(default)]
    pub message: Option<String>,
}
