//! How the last attempt ended. Events only say when to look; what counts is what the service deployments API and the
//! service itself say now.

use std::time::Duration;

use jiff::Timestamp;
use shared::image::Digest;

use super::Settings;
use crate::notice;
use crate::observe::{Observed, Outcome, RolloutState, Service};
use crate::rollout::{Attempt, AttemptState, Rollout};

/// Brings the memory of the last attempt up to date, and puts what people should hear into the memory's outbox.
pub(super) fn settle(
    settings: Settings,
    memory: &mut Rollout,
    service: &Service,
    observed: &Observed,
    runbook: Option<&str>,
    now: Timestamp,
) {
    let Some(mut attempt) = memory.attempt.clone() else {
        return;
    };
    match attempt.state {
        AttemptState::Intended => adopt(&mut attempt, service, observed),
        AttemptState::Rolling | AttemptState::Overdue => {
            let age = Duration::try_from(now.duration_since(attempt.at)).unwrap_or_default();
            let (state, why) = ended(&attempt, service, observed.outcome.as_ref());
            attempt.state = match state {
                Some(state) => state,
                None if age > settings.rollout_timeout => AttemptState::Overdue,
                None => return,
            };
            match attempt.state {
                AttemptState::Succeeded => {
                    memory.settled.extend(attempt.images.iter().map(|(name, target)| (name.clone(), target.clone())));
                }
                AttemptState::RolledBack => memory.remember_bad(&attempt, ran(observed), now),
                _ => {}
            }
            notice::tell_outcome(memory, service, &attempt, why.as_deref(), runbook);
        }
        _ => return,
    }
    memory.attempt = Some(attempt);
}

/// A call was made, or was about to be, and nobody wrote down how it ended. If the primary deployment is a new one and
/// runs what was intended, the call took effect.
fn adopt(attempt: &mut Attempt, service: &Service, observed: &Observed) {
    let primary = service.primary();
    if primary.map(|deployment| &deployment.id) == attempt.before.as_ref() || observed.containers.is_empty() {
        return;
    }
    let runs_it = attempt.images.iter().all(|(name, target)| {
        let container = observed.containers.iter().find(|container| container.name == *name);
        let image = container.and_then(|container| container.image.as_ref().ok());
        image.is_some_and(|image| image.to_string() == target.reference)
    });
    if runs_it {
        attempt.state = AttemptState::Rolling;
        attempt.deployment = primary.map(|deployment| deployment.id.clone());
        attempt.service_deployment.clone_from(&service.deployment_arn);
    } else {
        attempt.state = AttemptState::Refused;
    }
}

/// The digests that a failed rollout ran, where ECS said so.
fn ran(observed: &Observed) -> impl Iterator<Item = &Digest> {
    let ran = match &observed.outcome {
        Some(Outcome::RolledBack { ran, .. }) => Some(ran),
        _ => None,
    };
    let attempt = observed.memory.item.attempt.as_ref();
    let is_ours = move |name: &String| attempt.is_some_and(|attempt| attempt.images.contains_key(name));
    ran.into_iter().flatten().filter(move |(name, _)| is_ours(name)).map(|(_, digest)| digest)
}

/// The state that an attempt under way has reached, or `None` while ECS is at it; and ECS's reason.
fn ended(attempt: &Attempt, service: &Service, outcome: Option<&Outcome>) -> (Option<AttemptState>, Option<String>) {
    match outcome {
        Some(Outcome::UnderWay) => (None, None),
        Some(Outcome::Successful) => (Some(AttemptState::Succeeded), None),
        Some(Outcome::RolledBack { why, .. }) => (Some(AttemptState::RolledBack), why.clone()),
        Some(Outcome::Stopped) => (Some(AttemptState::Superseded), None),
        // The service deployments API keeps ninety days; without its word the service's own list has to do.
        None => {
            let id = attempt.deployment.as_deref();
            let listed = service.deployments.iter().find(|deployment| Some(deployment.id.as_str()) == id);
            let state = match listed.map(|deployment| deployment.rollout) {
                Some(RolloutState::InProgress) => None,
                Some(RolloutState::Completed) => Some(AttemptState::Succeeded),
                Some(RolloutState::Failed) => Some(AttemptState::RolledBack),
                None => Some(AttemptState::Superseded),
            };
            (state, None)
        }
    }
}
