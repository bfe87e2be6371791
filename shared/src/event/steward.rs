//! Steward's own events, put on the default bus with the source `steward` by people, by CI, or by a function.

mod migration;
mod snapshot;

pub use self::migration::{MigrationDue, MigrationEnded, MigrationRequested, MigrationResolved, Resolution};
pub use self::snapshot::{RequestName, SnapshotAvailable, SnapshotDue, SnapshotFailed, SnapshotRequested};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::arn::{ServiceArn, TaskDefinitionArn};
use crate::image::{Digest, ImageTag, Repository};

/// `source` of all of them.
pub const SOURCE: &str = "steward";

/// Detail of `Image Pushed`: an image in a registry that sends no events itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImagePushed {
    /// Registry and repository, for example `ghcr.io/acme/api`.
    pub repository: Repository,
    /// The tag that was pushed.
    pub tag: ImageTag,
    /// What the tag names: the digest of the index or manifest.
    pub digest: Digest,
}

/// Detail of `Deploy Requested`: what a person asks for. Unlike a policy, a person may go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DeployRequested {
    /// The service that is meant; without it, every opted-in service that runs the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceArn>,
    /// The repository that is meant; without it, the one that the service's managed containers run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// Roll to what this tag names now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<ImageTag>,
    /// Roll to this digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Release the service's pin, so that its policy decides again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub release_pin: bool,
    /// Who asks, shown in alerts and records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The request goes on after this service: `deploy` asks itself so when one turn was not enough for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ServiceArn>,
}

impl DeployRequested {
    /// Whether the request makes sense in itself.
    ///
    /// # Errors
    /// Says what to write instead.
    pub fn check(&self) -> Result<(), &'static str> {
        let images = usize::from(self.tag.is_some()) + usize::from(self.digest.is_some());
        match (self.release_pin, images) {
            (false, 0) => Err("it asks for nothing: give tag or digest, or release-pin"),
            (_, 2) => Err("it gives both tag and digest: give one"),
            (true, 1) => {
                Err("it gives an image and releases the pin: a requested image is a pin itself, so give one of the two")
            }
            _ if self.service.is_some() && self.after.is_some() => {
                Err("it names a service and gives after: after is for a request that names only a repository")
            }
            (true, _) if self.service.is_none() => {
                Err("release-pin needs service, the ARN of the service whose pin is released")
            }
            (false, _) if self.service.is_none() && self.repository.is_none() => {
                Err("it names neither service nor repository: give at least one")
            }
            _ => Ok(()),
        }
    }
}

/// An event that one function puts on the bus for another. It can be kept in the state table until the bus has taken it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnEvent {
    /// `deploy` goes on with what a person asked for of many services.
    DeployRequested(DeployRequested),
    /// `deploy` goes on with what one turn was not enough for.
    SweepContinued(SweepContinued),
    /// `deploy` tells `heal` how a rollout failed.
    RolloutFailed(RolloutFailed),
    /// `heal` asks `deploy` for a rollback.
    RollbackRequested(RollbackRequested),
    /// `deploy` answers.
    RollbackAnswered(RollbackAnswered),
    /// `deploy` asks for the migration before a rollout.
    MigrationRequested(MigrationRequested),
    /// `migrate` answers that it is done, and proven.
    MigrationSucceeded(MigrationEnded),
    /// `migrate` answers that it is not.
    MigrationFailed(MigrationEnded),
    /// `migrate` asks for a snapshot before it migrates.
    SnapshotRequested(SnapshotRequested),
    /// `snapshot` answers that what was asked for is there.
    SnapshotAvailable(SnapshotAvailable),
    /// `snapshot` answers that it will not be there.
    SnapshotFailed(SnapshotFailed),
}

impl OwnEvent {
    /// `detail-type` on the bus.
    pub fn detail_type(&self) -> &'static str {
        match self {
            Self::DeployRequested(_) => "Deploy Requested",
            Self::SweepContinued(_) => "Sweep Continued",
            Self::RolloutFailed(_) => "Rollout Failed",
            Self::RollbackRequested(_) => "Rollback Requested",
            Self::RollbackAnswered(_) => "Rollback Answered",
            Self::MigrationRequested(_) => "Migration Requested",
            Self::MigrationSucceeded(_) => "Migration Succeeded",
            Self::MigrationFailed(_) => "Migration Failed",
            Self::SnapshotRequested(_) => "Snapshot Requested",
            Self::SnapshotAvailable(_) => "Snapshot Available",
            Self::SnapshotFailed(_) => "Snapshot Failed",
        }
    }

    /// ARN of the service or database that it is about, or after which it goes on; empty where there is none. A request
    /// may have named a database that is none.
    pub fn resource(&self) -> &str {
        match self {
            Self::DeployRequested(DeployRequested { service, after, .. }) => {
                service.as_ref().or(after.as_ref()).map_or("", ServiceArn::as_str)
            }
            Self::SweepContinued(SweepContinued { after }) => after.as_ref().map_or("", ServiceArn::as_str),
            Self::RolloutFailed(RolloutFailed { service, .. })
            | Self::RollbackRequested(RollbackRequested { service, .. })
            | Self::RollbackAnswered(RollbackAnswered { service, .. })
            | Self::MigrationRequested(MigrationRequested { service, .. })
            | Self::MigrationSucceeded(MigrationEnded { service, .. })
            | Self::MigrationFailed(MigrationEnded { service, .. }) => service.as_str(),
            Self::SnapshotAvailable(SnapshotAvailable { database, .. }) => database.as_str(),
            Self::SnapshotRequested(SnapshotRequested { database, .. })
            | Self::SnapshotFailed(SnapshotFailed { database, .. }) => database,
        }
    }

    /// `detail` on the bus.
    pub fn detail(&self) -> serde_json::Value {
        let detail = match self {
            Self::DeployRequested(detail) => serde_json::to_value(detail),
            Self::SweepContinued(detail) => serde_json::to_value(detail),
            Self::RolloutFailed(detail) => serde_json::to_value(detail),
            Self::RollbackRequested(detail) => serde_json::to_value(detail),
            Self::RollbackAnswered(detail) => serde_json::to_value(detail),
            Self::MigrationRequested(detail) => serde_json::to_value(detail),
            Self::MigrationSucceeded(detail) | Self::MigrationFailed(detail) => serde_json::to_value(detail),
            Self::SnapshotRequested(detail) => serde_json::to_value(detail),
            Self::SnapshotAvailable(detail) => serde_json::to_value(detail),
            Self::SnapshotFailed(detail) => serde_json::to_value(detail),
        };
        detail.unwrap_or_default()
    }
}

/// Detail of `Sweep Continued`. Where it goes on stands in the state table; this is for people who read along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SweepContinued {
    /// The last service of the turn before; absent where it begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ServiceArn>,
}

/// Detail of `Rollout Failed`: a rollout that Steward started has ended badly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RolloutFailed {
    /// The service.
    pub service: ServiceArn,
    /// The deployment that failed, if its id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// What was rolled out, for people: `api 1.4.0 (0123456789ab)`.
    pub images: String,
    /// ECS's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether the service is back on what it ran before. Without a rollback ECS leaves the failed deployment in place.
    pub is_back: bool,
    /// When the rollout was started.
    pub started: Timestamp,
}

/// Detail of `Rollback Requested`: back to the last successful deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RollbackRequested {
    /// The service.
    pub service: ServiceArn,
    /// The incident that `heal` asks for; absent when a person asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The deployment that is to be left. If another has taken its place since, nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The revision that is expected to be the last successful one. If it is another, nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<TaskDefinitionArn>,
    /// Who approved it, where the service's tags ask for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Who asks, if not `heal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// A person says that what is gone back to can live with the schema, or that it was restored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over_migration: bool,
}

/// Detail of `Rollback Answered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RollbackAnswered {
    /// The service.
    pub service: ServiceArn,
    /// The incident that asked.
    pub incident: String,
    /// What became of it.
    pub outcome: RollbackOutcome,
    /// Why, for people.
    pub reason: String,
    /// The deployment that rolls back, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

/// What became of a request to roll back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackOutcome {
    /// A new deployment of the last successful revision was started.
    Started,
    /// The deployment under way is stopped and rolled back by ECS.
    Stopping,
    /// The service is on its way back already.
    Already,
    /// It is not done.
    Refused,
}

/// Detail of `Rollback Approved`: a person says yes to the rollback that an alert proposed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RollbackApproved {
    /// The service.
    pub service: ServiceArn,
    /// The incident, as the alert names it.
    pub incident: String,
    /// Who approves, shown in alerts and records.
    pub approved_by: String,
}

/// Detail of `Mute Requested`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MuteRequested {
    /// The service that is muted.
    #[serde(default)]
    pub service: Option<ServiceArn>,
    /// Whether every service is.
    #[serde(default)]
    pub all: bool,
    /// For how many minutes, at most a week; 0 lifts the mute.
    pub minutes: u32,
    /// What is muted.
    #[serde(default)]
    pub what: Muted,
    /// Why, shown in every sweep's record.
    pub why: String,
    /// Who asks.
    #[serde(default)]
    pub requested_by: Option<String>,
}

/// What a mute silences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Muted {
    /// Alerts, and healing with them: nothing is done of which nobody hears.
    #[default]
    Everything,
    /// Only healing.
    Healing,
}

impl MuteRequested {
    /// Longest mute, in minutes: a week.
    pub const LONGEST: u32 = 7 * 24 * 60;

    /// Whether the request makes sense in itself.
    ///
    /// # Errors
    /// Says what to write instead.
    pub fn check(&self) -> Result<(), &'static str> {
        match (&self.service, self.all) {
            (None, false) => Err("it names nothing: give service, or all = true"),
            (Some(_), true) => Err("it names a service and all: give one of the two"),
            _ if self.minutes > Self::LONGEST => Err("minutes is more than 10080 (a week): a mute must end"),
            _ if self.why.trim().is_empty() => Err("why is empty: say why, the next person will ask"),
            _ => Ok(()),
        }
    }
}

/// Detail of `Healing Resumed`: a person gives healing back after it had switched itself off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HealingResumed {
    /// The service for which healing is resumed.
    #[serde(default)]
    pub service: Option<ServiceArn>,
    /// Whether it is resumed for the account, after two heals have failed in it.
    #[serde(default)]
    pub all: bool,
    /// Who says so.
    #[serde(default)]
    pub requested_by: Option<String>,
}

/// Detail of `Verification Due`: a one-time schedule that `heal` has set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VerificationDue {
    /// The service.
    pub service: ServiceArn,
    /// The incident.
    pub incident: String,
}
