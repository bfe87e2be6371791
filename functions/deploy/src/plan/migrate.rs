//! A service that migrates first: its roll waits until the migration in the very image that is rolled has been proven.

use jiff::{SignedDuration, Timestamp};
use shared::event::steward::{MigrationRequested, OwnEvent};
use shared::migration::{Awaited, RunId, RunState};
use shared::tags::MigrateTags;

use super::{By, Reason, Roll};
use crate::observe::{Observed, Service};
use crate::rollout::{Awaiting, Pin, PinnedBy, Rollout};
use crate::trigger::Trigger;

/// After this time without a trace of the run it is asked for again: the event was lost.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Whether a roll may begin. If not, its migration is asked for, and the reason says how it stands.
pub(super) fn gate(
    tags: &MigrateTags,
    trigger: &Trigger,
    service: &Service,
    roll: &Roll,
    observed: &Observed,
    memory: &mut Rollout,
    now: Timestamp,
) -> Result<(), Reason> {
    let name = &tags.container;
    if !observed.containers.iter().any(|container| container.name == *name && container.migrates) {
        return Err(Reason::NoMigration(name.clone()));
    }
    // The container's image stays as it is, and so does what it wants of the schema.
    let Some(target) = roll.images.get(name) else {
        return Ok(());
    };
    let run = RunId::of_rollout(&service.arn, &target.digest, &roll.base);
    let known = memory.awaits.as_ref().filter(|awaits| awaits.what.run == run);
    let head = &observed.migration;
    // What is unknown stays unknown, whenever it was asked for.
    let is_answer = |known: &Awaiting| head.state == Some(RunState::Unknown) || head.asked == Some(known.what.since);
    let state = head.state.filter(|_| known.is_some_and(is_answer));
    match state {
        Some(RunState::Migrated) => return Ok(()),
        Some(state @ (RunState::Failed | RunState::Unknown)) => {
            return Err(Reason::NotMigrated { run, state, why: observed.migration.reason.clone() });
        }
        Some(state) if state != RunState::Superseded => return Err(Reason::Migrating(run)),
        _ => {}
    }
    let is_asked = known.is_some_and(|awaits| now.duration_since(awaits.asked) < PATIENCE);
    if !is_asked {
        let is_lost = known.filter(|_| state.is_none());
        let since = is_lost.map_or(now, |awaits| awaits.what.since);
        let by_request = known.is_some_and(|awaits| awaits.by_request) || trigger.request().is_some();
        memory.awaits = Some(Awaiting {
            what: Awaited {
                run: run.clone(),
                container: name.clone(),
                reference: target.reference.clone(),
                digest: target.digest.clone(),
                base: roll.base.clone(),
                since,
            },
            images: roll.images.clone(),
            asked: now,
            by_request,
        });
        memory.unsent.push(OwnEvent::MigrationRequested(MigrationRequested {
            service: service.arn.clone(),
            request: None,
            at: None,
            rollout: Some(run.clone()),
            requested_by: None,
        }));
    }
    Err(Reason::Migrating(run))
}

/// What runs is what should: no migration is waited for any more, and one that has not begun is not to begin.
pub(super) fn withdraw(trigger: &Trigger, memory: &mut Rollout) {
    let concerns = |awaits: &Awaiting| match trigger.repository() {
        Some(repository) => awaits.what.reference.starts_with(&format!("{repository}@")),
        None => trigger.is_sweep(),
    };
    memory.awaits = memory.awaits.take().filter(|awaits| !concerns(awaits));
}

/// The roll that a person asked for against the policy, and that waited for its migration. Nobody asks a second time, so
/// it is taken up from here, as long as nobody has changed the service since.
pub(super) fn requested_before(trigger: &Trigger, service: &Service, memory: &Rollout) -> Option<Roll> {
    let awaits = memory.awaits.as_ref().filter(|awaits| awaits.by_request && trigger.request().is_none())?;
    let is_pinned = matches!(memory.pin, Some(Pin { by: PinnedBy::Request(_), .. }));
    let is_current = service.task_definition.as_ref() == Some(&awaits.what.base);
    (is_pinned && is_current).then(|| Roll {
        base: awaits.what.base.clone(),
        by: By::Pin,
        images: awaits.images.clone(),
    })
}
