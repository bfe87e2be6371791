//! How the last attempt ended. Events only say when to look; what counts is what the service deployments API and the
//! service itself say now.

use std::time::Duration;

use jiff::Timestamp;

use super::Settings;
use crate::notice;
use crate::observe::{Observed, Outcome, RolloutState, Service};
use crate::rollout::{Attempt, AttemptState, Rollout};

/// Brings the memory of the attempts up to date, and puts what people should hear into the memory's outbox.
pub(super) fn settle(
    settings: Settings,
    memory: &mut Rollout,
    service: &Service,
    observed: &Observed,
    runbook: Option<&str>,
    now: Timestamp,
) {
    if let Some(mut previous) = memory.previous.take() {
        let outcome = observed.previous_outcome.as_ref();
        match ended(&previous, service, outcome) {
            None => memory.previous = Some(previous),
            Some(state) => {
                previous.state = state;
                conclude(memory, service, &previous, outcome, runbook, now);
            }
        }
    }
    let Some(mut attempt) = memory.attempt.take() else {
        return;
    };
    let outcome = observed.outcome.as_ref();
    if let Some(landed) = &observed.landed {
        // The call took effect after all, or a second time. Where it was rolled back since, the primary deployment is not its own.
        let stands = !matches!(outcome, Some(Outcome::RolledBack { .. } | Outcome::Stopped));
        let primary = service.primary().filter(|_| stands).map(|deployment| deployment.id.clone());
        attempt.state = AttemptState::Rolling;
        attempt.deployment = primary;
        attempt.service_deployment = Some(landed.clone());
        memory.use_up_proof(&attempt.images);
    }
    if attempt.is_under_way() {
        let age = Duration::try_from(now.duration_since(attempt.at)).unwrap_or_default();
        let overdue = (age > settings.rollout_timeout).then_some(AttemptState::Overdue);
        if let Some(state) = ended(&attempt, service, outcome).or(overdue) {
            attempt.state = state;
            conclude(memory, service, &attempt, outcome, runbook, now);
        }
    }
    memory.attempt = Some(attempt);
}

/// Remembers what an attempt came to, and tells it.
fn conclude(
    memory: &mut Rollout,
    service: &Service,
    attempt: &Attempt,
    outcome: Option<&Outcome>,
    runbook: Option<&str>,
    now: Timestamp,
) {
    let ran = outcome.and_then(Outcome::ran);
    let ran = |name: &String| ran.and_then(|ran| ran.get(name));
    match attempt.state {
        AttemptState::Succeeded => {
            memory.settled.extend(attempt.images.iter().map(|(name, target)| (name.clone(), target.clone())));
        }
        // The way back leads to what was good; that it fails now says nothing about the image.
        AttemptState::RolledBack if attempt.is_rollback => {}
        AttemptState::RolledBack => memory.remember_bad(attempt, attempt.images.keys().filter_map(ran), now),
        _ => {}
    }
    let why = match outcome {
        Some(Outcome::RolledBack { why, .. }) => why.as_deref(),
        _ => None,
    };
    // People are told what ran. What is remembered stays what was meant: ECS might name one platform's manifest.
    let mut shown = attempt.clone();
    for (name, target) in &mut shown.images {
        if let Some(digest) = ran(name) {
            target.digest.clone_from(digest);
        }
    }
    let is_back = outcome != Some(&Outcome::Stopped);
    notice::tell_outcome(memory, service, &shown, is_back, why, runbook);
}

/// The state that an attempt under way has ended in, or `None` while ECS is at it.
fn ended(attempt: &Attempt, service: &Service, outcome: Option<&Outcome>) -> Option<AttemptState> {
    let id = attempt.deployment.as_deref();
    let listed = service.deployments.iter().find(|deployment| Some(deployment.id.as_str()) == id);
    let listed = listed.map(|deployment| deployment.rollout);
    match outcome {
        Some(Outcome::UnderWay) => None,
        Some(Outcome::Successful { .. }) => Some(AttemptState::Succeeded),
        Some(Outcome::RolledBack { .. }) => Some(AttemptState::RolledBack),
        // A circuit breaker without rollback stops the deployment where it is; the service still lists it, as failed.
        Some(Outcome::Stopped) if listed == Some(RolloutState::Failed) => Some(AttemptState::RolledBack),
        Some(Outcome::Stopped) => Some(AttemptState::Superseded),
        // The service deployments API keeps ninety days; without its word the service's own list has to do.
        None => match listed {
            Some(RolloutState::InProgress) => None,
            Some(RolloutState::Completed) => Some(AttemptState::Succeeded),
            Some(RolloutState::Failed) => Some(AttemptState::RolledBack),
            None => Some(AttemptState::Superseded),
        },
    }
}
