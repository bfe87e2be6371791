//! Migrations: asked for by `deploy`, by schedules and by people; answered by `migrate`; decided by people where nobody
//! else can.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::RequestName;
use crate::arn::ServiceArn;
use crate::migration::{RunId, RunState};

/// Detail of `Migration Requested`. It names no image and no command: those are read from the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MigrationRequested {
    /// The service whose tag `steward:migrate` says how.
    pub service: ServiceArn,
    /// The name of the request. Asked again by the same name (and time), it is the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestName>,
    /// The time that a schedule was for, which tells one night from the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The run that `deploy` waits for, with the image that it is about to roll out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RunId>,
    /// Who asks, shown in alerts and records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
}

/// What a person decides about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// The schema is as it should be: go on as if it had been proven.
    Migrated,
    /// It is not, and this run will not make it so.
    Failed,
    /// Run it again.
    Retry,
    /// What the plan would destroy may be destroyed.
    Approved,
}

/// Detail of `Migration Resolved`: a person has looked, and decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MigrationResolved {
    /// The run, as the alert names it.
    pub run: RunId,
    /// What is decided.
    pub outcome: Resolution,
    /// Why, kept with the run.
    pub why: String,
    /// Who decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
}

/// Detail of `Migration Succeeded` and `Migration Failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MigrationEnded {
    /// The run.
    pub run: RunId,
    /// The service.
    pub service: ServiceArn,
    /// The image that migrated, named by digest.
    pub image: String,
    /// What was locked: the database's identifier, or the service's ARN where its tags name none.
    pub database: String,
    /// How it ended.
    pub state: RunState,
    /// Why, for people.
    pub reason: String,
}

/// Detail of `Migration Due`: a one-time schedule that `migrate` has set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MigrationDue {
    /// The run to look at.
    pub run: RunId,
}
