//! What may wake the function: the schedule, for everything; all else for one database.

use shared::arn::{AccountId, DatabaseArn, DatabaseKind};
use shared::event::Event;
use shared::event::rds::SnapshotEvent;
use shared::event::steward::{SOURCE, SnapshotDue, SnapshotRequested};
use shared::failure::HandlingError;

/// How the names of our snapshots begin.
const PREFIX: &str = "steward-";
/// The events that say that something is there, is gone, or was copied; their ids differ between the two families.
const EVENTS: [&str; 8] = [
    "RDS-EVENT-0041",
    "RDS-EVENT-0042",
    "RDS-EVENT-0060",
    "RDS-EVENT-0061",
    "RDS-EVENT-0075",
    "RDS-EVENT-0190",
    "RDS-EVENT-0196",
    "RDS-EVENT-0197",
];

/// What woke the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The schedule. Only then anything is deleted.
    Sweep,
    /// A one-time schedule for a database that was not ready.
    Due(DatabaseArn),
    /// RDS says that something happened to a snapshot of that name.
    Changed(DatabaseKind, String),
    /// Somebody wants a snapshot.
    Requested(SnapshotRequested),
    /// Nothing to do, and why.
    Ignored(&'static str, String),
}

impl Trigger {
    /// Reads an event. What is of no use is dropped before any call.
    ///
    /// # Errors
    /// When the event is ours and has not the shape that it should.
    pub(crate) fn read(event: &Event, account: &AccountId) -> Result<Self, HandlingError> {
        let ignored = |why: &str| Ok(Self::Ignored("ignored", why.to_owned()));
        if event.account.as_deref().is_some_and(|from| from != account.as_str()) {
            return ignored("it comes from another account");
        }
        match (event.source.as_str(), event.detail_type.as_str()) {
            (SOURCE, "Sweep") => Ok(Self::Sweep),
            (SOURCE, "Snapshot Due") => Ok(Self::Due(event.detail::<SnapshotDue>()?.database)),
            (SOURCE, "Snapshot Requested") => Ok(Self::Requested(event.detail()?)),
            ("aws.rds", family @ ("RDS DB Snapshot Event" | "RDS DB Cluster Snapshot Event")) => {
                let detail: SnapshotEvent = event.detail()?;
                if !detail.source_identifier.starts_with(PREFIX) {
                    return ignored("the snapshot is none of ours");
                }
                if !EVENTS.contains(&detail.event_id.as_str()) {
                    return ignored("the snapshot is neither there, nor gone, nor copied");
                }
                let is_cluster = family == "RDS DB Cluster Snapshot Event";
                let kind = if is_cluster { DatabaseKind::Cluster } else { DatabaseKind::Instance };
                Ok(Self::Changed(kind, detail.source_identifier))
            }
            (source, kind) => Ok(Self::Ignored("unknown", format!("nothing is done about {kind:?} from {source:?}"))),
        }
    }

    /// The trigger as a stable word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Due(_) => "snapshot-due",
            Self::Changed(..) => "snapshot-changed",
            Self::Requested(_) => "snapshot-requested",
            Self::Ignored(word, _) => word,
        }
    }
}

#[cfg(test)]
mod tests;
