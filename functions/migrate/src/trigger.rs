//! What may wake the function. Each event says which run to look at, and nothing that is believed without a look.

use shared::arn::AccountId;
use shared::event::Event;
use shared::event::ecs::{HookStateChange, TaskStateChange};
use shared::event::steward::{
    MigrationDue, MigrationRequested, MigrationResolved, RequestName, SOURCE, SnapshotAvailable, SnapshotFailed,
};
use shared::failure::HandlingError;
use shared::migration::RunId;

use crate::plan::run_of_request;
use crate::run::run_of;

/// The lifecycle stage at which a waiting rollout is migrated: nothing of the new revision runs yet.
const STAGE: &str = "PRE_SCALE_UP";

/// What woke the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The schedule: every run that is open.
    Sweep,
    /// A migration is wanted; with the event's id, which names a request that has no name.
    Requested(MigrationRequested, String),
    /// A person decides about a run.
    Resolved(MigrationResolved),
    /// A task of a run has stopped.
    TaskStopped(RunId),
    /// `snapshot` has answered: the snapshot's identifier, or why there is none.
    SnapshotAnswered(RunId, RequestName, Result<String, String>),
    /// A time that a run waited for has come.
    Due(RunId),
    /// A rollout of anybody's waits at a lifecycle hook.
    Hook(HookStateChange),
    /// Nothing to do, and why.
    Ignored(&'static str, String),
}

impl Trigger {
    /// Reads an event. What is of no use is dropped before any call.
    ///
    /// # Errors
    /// When the event is of a kind that is known and has not the shape that it should.
    pub(crate) fn read(event: &Event, account: &AccountId) -> Result<Self, HandlingError> {
        let ignored = |why: &str| Ok(Self::Ignored("ignored", why.to_owned()));
        if event.account.as_deref().is_some_and(|from| from != account.as_str()) {
            return ignored("it comes from another account");
        }
        match (event.source.as_str(), event.detail_type.as_str()) {
            (SOURCE, "Sweep") => Ok(Self::Sweep),
            (SOURCE, "Migration Requested") => Ok(Self::Requested(event.detail()?, event.id.clone())),
            (SOURCE, "Migration Resolved") => Ok(Self::Resolved(event.detail()?)),
            (SOURCE, "Migration Due") => Ok(Self::Due(event.detail::<MigrationDue>()?.run)),
            (SOURCE, "Snapshot Available") => {
                let detail: SnapshotAvailable = event.detail()?;
                let run = run_of_request(&detail.request);
                run.map_or_else(
                    || ignored("it was asked for by somebody else"),
                    |run| Ok(Self::SnapshotAnswered(run, detail.request, Ok(detail.identifier))),
                )
            }
            (SOURCE, "Snapshot Failed") => {
                let detail: SnapshotFailed = event.detail()?;
                let run = run_of_request(&detail.request);
                run.map_or_else(
                    || ignored("it was asked for by somebody else"),
                    |run| Ok(Self::SnapshotAnswered(run, detail.request, Err(detail.reason))),
                )
            }
            ("aws.ecs", "ECS Task State Change") => {
                let detail: TaskStateChange = event.detail()?;
                match detail.started_by.as_deref().and_then(run_of) {
                    None => ignored("the task is of no migration"),
                    Some(_) if detail.last_status != "STOPPED" => ignored("the task has not stopped"),
                    Some(run) => Ok(Self::TaskStopped(run)),
                }
            }
            ("aws.ecs", "ECS Hook State Change") => {
                let detail: HookStateChange = event.detail()?;
                if detail.event_name != "HOOK_AWAITING_ACTION" {
                    return ignored("the hook does not wait");
                }
                // Later stages are where people approve what already runs.
                if detail.lifecycle_stage.as_deref() != Some(STAGE) {
                    return ignored("it waits at another stage than that before anything new starts");
                }
                Ok(Self::Hook(detail))
            }
            (source, kind) => Ok(Self::Ignored("unknown", format!("nothing is done about {kind:?} from {source:?}"))),
        }
    }

    /// The trigger as a stable word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Requested(..) => "migration-requested",
            Self::Resolved(_) => "migration-resolved",
            Self::TaskStopped(_) => "task-stopped",
            Self::SnapshotAnswered(..) => "snapshot-answered",
            Self::Due(_) => "migration-due",
            Self::Hook(_) => "hook-awaiting-action",
            Self::Ignored(..) => "ignored",
        }
    }
}

#[cfg(test)]
mod tests;
