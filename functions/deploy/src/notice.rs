//! What people are told. A notice goes into the outbox of the service's memory together with the decision that it tells
//! of, and leaves it when SNS has taken it: never lost, and told once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::alert::{Alert, Severity};
use shared::event::steward::{OwnEvent, RollbackRequested, RolloutFailed};
use shared::failure::{CallFailure, FailureKind};
use shared::policy::Refusal;

use crate::observe::Service;
use crate::plan::{Decision, Reason, Roll};
use crate::rollout::{Attempt, AttemptState, PinnedBy, Rollout, summary};
use crate::trigger::Trigger;

/// Most alerts that wait for SNS; should it be out of reach for long, the oldest are dropped first.
const OUTBOX_LIMIT: usize = 20;

/// Who made a pin, in words.
pub(crate) fn pinned_by(by: &PinnedBy) -> String {
    match by {
        PinnedBy::SomebodyElse => "a change that somebody made by other means".to_owned(),
        PinnedBy::Request(None) => "a Deploy Requested".to_owned(),
        PinnedBy::Request(Some(name)) => format!("a Deploy Requested of {name}"),
    }
}

/// Puts an alert into the outbox unless its content was told already.
fn tell(memory: &mut Rollout, told: &str, content: String, alert: Alert) {
    if memory.told.get(told) == Some(&content) {
        return;
    }
    memory.told.insert(told.to_owned(), content);
    memory.untold.push(alert);
    let excess = memory.untold.len().saturating_sub(OUTBOX_LIMIT);
    memory.untold.drain(..excess);
}

fn alert(service: &Service, kind: &str, severity: Severity, title: &str, body: String, runbook: Option<&str>) -> Alert {
    let subject = service.arn.short().to_owned();
    Alert {
        function: "deploy".to_owned(),
        kind: kind.to_owned(),
        severity,
        title: format!("{subject}: {title}"),
        resource: service.arn.to_string(),
        body,
        next_steps: Vec::new(),
        facts: Vec::new(),
        sections: Vec::new(),
        thread: format!("deploy-{subject}"),
        runbook: runbook.map(str::to_owned),
        subject,
    }
}

fn facts(attempt: &Attempt) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    for (container, target) in &attempt.images {
        let tag = target.tag.as_ref().map(|tag| format!("{tag}, ")).unwrap_or_default();
        facts.push((format!("container {container}"), format!("{tag}{}", target.digest)));
    }
    if let Some(revision) = &attempt.task_definition {
        facts.push(("task definition".to_owned(), revision.short().to_owned()));
    }
    if let Some(deployment) = &attempt.deployment {
        facts.push(("deployment".to_owned(), deployment.clone()));
    }
    facts.push(("started".to_owned(), moment(attempt.at)));
    facts
}

/// Tells how an attempt ended; of a failed one, whether the service `is_back` on what it ran before.
pub(crate) fn tell_outcome(
    memory: &mut Rollout,
    service: &Service,
    attempt: &Attempt,
    is_back: bool,
    why: Option<&str>,
    runbook: Option<&str>,
) {
    let images = attempt.summary();
    let mut alert = match attempt.state {
        // Whoever asked for the way back tells what came of it, once the service has been well for a while.
        AttemptState::Succeeded if attempt.is_rollback => return,
        AttemptState::Succeeded => {
            let body = match service.desired_count {
                0 => "ECS reports the rollout as complete. The service wants no task, so nothing was started and the image was not tried.".to_owned(),
                _ => "ECS reports the rollout as complete.".to_owned(),
            };
            alert(service, "rolled-out", Severity::Info, &format!("runs {images}"), body, runbook)
        }
        // `heal` knows why the tasks stopped, and tells both in one alert.
        AttemptState::RolledBack => {
            let failed = RolloutFailed {
                service: service.arn.clone(),
                deployment: attempt.deployment.clone(),
                images,
                why: why.map(str::to_owned),
                is_back,
                started: attempt.at,
            };
            let content = outcome_content(attempt);
            if memory.told.get("outcome") != Some(&content) {
                memory.told.insert("outcome".to_owned(), content);
                memory.unsent.push(OwnEvent::RolloutFailed(failed));
            }
            return;
        }
        AttemptState::Overdue => {
            let body = format!(
                "The rollout of {images} has not ended in the time that it may take. ECS keeps trying; without a deployment circuit breaker it does so for ever."
            );
            alert(
                service,
                "never-finished",
                Severity::Warning,
                &format!("the rollout of {images} does not end"),
                body,
                runbook,
            )
        }
        AttemptState::Superseded | AttemptState::Intended | AttemptState::Refused | AttemptState::Rolling => return,
    };
    alert.facts = facts(attempt);
    alert.next_steps = match attempt.state {
        AttemptState::Overdue => vec![
            "Look at the service's events: aws ecs describe-services.".to_owned(),
            "To give up, stop the service deployment with a rollback: aws ecs stop-service-deployment.".to_owned(),
            "Switch on the deployment circuit breaker with rollback, so that ECS gives up by itself.".to_owned(),
        ],
        _ => Vec::new(),
    };
    let content = outcome_content(attempt);
    tell(memory, "outcome", content, alert);
}

/// By which it is known that an outcome was told.
fn outcome_content(attempt: &Attempt) -> String {
    let deployment = attempt.deployment.as_ref().or(attempt.service_deployment.as_ref());
    format!("{:?} {}", attempt.state, deployment.map_or("", |id| id))
}

/// Tells a decision that people should know of: what keeps a service from what its policy names.
pub(crate) fn tell_decision(
    memory: &mut Rollout,
    trigger: &Trigger,
    service: &Service,
    decision: &Decision,
    runbook: Option<&str>,
) {
    let told = match decision {
        Decision::Left(reason) => blocked(service, reason, runbook),
        Decision::WouldRoll(roll) => Some(("planned", would_roll(service, roll, runbook))),
        _ => None,
    };
    // A sweep sees all there is to see: what no longer holds is forgotten, so that it is told when it comes back.
    if trigger.is_sweep() {
        let stays = told.as_ref().map(|(kind, _)| *kind);
        memory.told.retain(|kind, _| kind == "outcome" || kind == "failed" || Some(kind.as_str()) == stays);
    }
    if let Some((kind, alert)) = told {
        let content = format!("{}\n{}", alert.title, alert.body);
        tell(memory, kind, content, alert);
    }
}

fn would_roll(service: &Service, roll: &Roll, runbook: Option<&str>) -> Alert {
    let images = summary(&roll.images);
    let body = format!("Its policy names {images}. Nothing was done, because steward:mode is plan.");
    alert(service, "planned", Severity::Info, &format!("would be rolled to {images}"), body, runbook)
}

/// The alert for a reason, and the word under which it is remembered. `None` for what is no news: what a person chose
/// (opted out), what was told as something else (a bad digest), and what the next look settles by itself.
fn blocked(service: &Service, reason: &Reason, runbook: Option<&str>) -> Option<(&'static str, Alert)> {
    let (kind, severity, title, step) = match reason {
        Reason::Tags(_) => (
            "tags",
            Severity::Warning,
            "its tags cannot be read",
            "Correct the tags: aws ecs tag-resource. Until then the service is left alone.",
        ),
        Reason::Unsupported(_) => (
            "unsupported",
            Severity::Warning,
            "cannot be rolled by Steward",
            "Remove the tag steward:deploy, or change the service as the text says.",
        ),
        Reason::Held { .. } => (
            "held",
            Severity::Info,
            "a new image waits, the service is held",
            "Remove the tag steward:hold when it may roll: aws ecs untag-resource.",
        ),
        Reason::Pinned(_) => (
            "pinned",
            Severity::Warning,
            "is pinned, its policy has no say",
            "Release it with a Deploy Requested that says release-pin, when the policy shall decide again.",
        ),
        Reason::ContainerMissing(_) | Reason::Image { .. } => (
            "blocked",
            Severity::Warning,
            "cannot be rolled",
            "Correct the task definition or the tag steward:container.",
        ),
        Reason::NoMigration(_) => (
            "blocked",
            Severity::Warning,
            "cannot be migrated, so it is not rolled",
            "Correct the tag steward:migrate, or give the container the docker label steward.migrate; docs/migrate.md says how.",
        ),
        Reason::ForceNeedsTag(_) => (
            "blocked",
            Severity::Warning,
            "cannot be rolled",
            "Name a tag in the task definition, or use steward:mode = pin.",
        ),
        Reason::NotInRegistry { .. } => (
            "blocked",
            Severity::Warning,
            "the requested image does not exist",
            "Ask for a tag or digest that the registry holds.",
        ),
        Reason::Refused { refusal, .. } if !matches!(refusal, Refusal::KnownBad(_)) => (
            "blocked",
            Severity::Warning,
            "its policy names no image",
            "Read the reason; docs/deploy.md says what each one means.",
        ),
        Reason::Refused { .. }
        | Reason::Gone
        | Reason::OptedOut
        | Reason::NoContainer
        | Reason::RunningUnknown(_)
        | Reason::OthersUnderWay
        | Reason::Quiet
        | Reason::Stale
        | Reason::Migrating(_)
        // `migrate` tells how its run ended.
        | Reason::NotMigrated { .. }
        | Reason::NotSeen(_) => return None,
    };
    let mut alert = alert(service, kind, severity, title, format!("{}.", capital(&reason.to_string())), runbook);
    alert.next_steps = vec![step.to_owned()];
    if let Reason::Pinned(pin) = reason {
        alert.facts = pin.images.iter().map(|(name, image)| (format!("container {name}"), image.clone())).collect();
    }
    Some((kind, alert))
}

/// Tells that a service could not be rolled because AWS refused a call for good. What is tried again anyway is not told.
pub(crate) fn tell_failure(
    memory: &mut Rollout,
    service: &Service,
    images: &BTreeMap<String, crate::rollout::Target>,
    failure: &CallFailure,
) {
    if !matches!(failure.kind, FailureKind::Denied | FailureKind::Invalid | FailureKind::Missing) {
        return;
    }
    let images = summary(images);
    let body = format!("{failure}. Nothing was changed.");
    let mut alert =
        alert(service, "failed", Severity::Warning, &format!("could not be rolled to {images}"), body, None);
    alert.next_steps = vec![format!("{}.", capital(failure.advice()))];
    let content = format!("{} {} {images}", failure.operation, failure.code);
    tell(memory, "failed", content, alert);
}

/// Tells a person that the way back that they asked for is not taken.
pub(crate) fn tell_not_rolled_back(memory: &mut Rollout, request: &RollbackRequested, reason: &str) {
    let subject = request.service.short().to_owned();
    let by = request.requested_by.as_deref().unwrap_or("a Rollback Requested");
    memory.untold.push(Alert {
        function: "deploy".to_owned(),
        kind: "blocked".to_owned(),
        severity: Severity::Warning,
        title: format!("{subject}: is not rolled back"),
        resource: request.service.to_string(),
        body: format!("{} asked for a rollback, and nothing was done: {reason}.", capital(by)),
        next_steps: vec!["Ask for the image that should run with a Deploy Requested.".to_owned()],
        facts: Vec::new(),
        sections: Vec::new(),
        thread: format!("deploy-{subject}"),
        runbook: None,
        subject,
    });
}

/// A moment for people: to the second.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_a_moment_to_the_second() {
        assert_eq!(moment("2026-11-21T03:41:33.934794046Z".parse().unwrap()), "2026-11-21T03:41:33Z");
    }
}
