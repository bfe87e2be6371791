//! The decision: pure. What is seen of one service goes in, what to do comes out, as data.
//!
//! Invariant: nothing under `plan` imports `aws_sdk_*`, does I/O or reads a clock. A dry run is: write the plan down, and
//! stop.

mod choose;
mod containers;
mod decision;
mod migrate;
mod pin;
pub(crate) mod rollback;
mod settle;

use std::time::Duration;

use jiff::Timestamp;
use shared::arn::ServiceArn;
use shared::event::steward::DeployRequested;
use shared::policy::Policy;
use shared::tags::{HealLevel, ServiceTags, TagProblem};

pub(crate) use self::containers::needs_revision;
pub(crate) use self::decision::{By, Decision, Plan, Reason, Roll};
use crate::notice;
use crate::observe::{Catalogs, Observed, Service};
use crate::rollout::{Attempt, AttemptState, PinnedBy, Rollout};
use crate::trigger::Trigger;

/// After a call that got no answer, how long it is left to take effect before it is made again. Longer than any attempt
/// may take, shorter than the time after which a queue delivers again.
const QUIET: Duration = Duration::from_mins(1);

/// What of the configuration a decision depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Whether everything is only planned.
    pub dry_run: bool,
    /// How long a rollout may take before it is told as one that never finished.
    pub rollout_timeout: Duration,
    /// How far healing may go at most.
    pub heal_mode: HealLevel,
}

/// Decides about one service.
pub(crate) fn plan(
    settings: Settings,
    trigger: &Trigger,
    event: &str,
    arn: &ServiceArn,
    observed: &Observed,
    catalogs: &Catalogs,
    now: Timestamp,
) -> Plan {
    let mut memory = observed.memory.item.clone();
    let mut decision = match &observed.service {
        Some(service) => {
            let tags = ServiceTags::of(&service.tags);
            let runbook = tags.as_ref().ok().and_then(|tags| tags.runbook.clone());
            let migrates = tags.as_ref().ok().and_then(|tags| tags.migrate.clone());
            settle::settle(settings, &mut memory, service, observed, runbook.as_deref(), now);
            let mut decision = decide(trigger, service, tags, observed, catalogs, &mut memory, now);
            if let (Decision::Roll(roll), Some(tags), false) = (&decision, &migrates, settings.dry_run)
                && let Err(reason) = migrate::gate(tags, trigger, service, roll, observed, &mut memory, now)
            {
                decision = Decision::Left(reason);
            }
            if decision == Decision::UpToDate {
                migrate::withdraw(trigger, &mut memory);
            }
            notice::tell_decision(&mut memory, trigger, service, &decision, runbook.as_deref());
            decision
        }
        None => Decision::Left(match &observed.failure {
            Some(failure) => Reason::NotSeen(failure.to_string()),
            None => Reason::Gone,
        }),
    };
    match &decision {
        Decision::Roll(roll) if settings.dry_run => decision = Decision::WouldRoll(roll.clone()),
        Decision::Roll(roll) => {
            let attempt = intent(roll, event, observed, &memory, now);
            let replaced = memory.attempt.replace(attempt).filter(Attempt::is_under_way);
            memory.previous = replaced.or(memory.previous);
        }
        _ => {}
    }
    // What waits in the outbox is a reason to write too: it is published then.
    let is_due = memory != observed.memory.item || memory.has_messages();
    let memory = (is_due && !settings.dry_run).then_some(memory);
    Plan { service: arn.clone(), decision, memory }
}

/// What is written down before the call.
fn intent(roll: &Roll, event: &str, observed: &Observed, memory: &Rollout, now: Timestamp) -> Attempt {
    let primary = observed.service.as_ref().and_then(Service::primary);
    // An earlier attempt at the same that got as far as its revision does not register another.
    let earlier = memory.attempt.as_ref().filter(|attempt| attempt.base == roll.base && attempt.images == roll.images);
    let unfinished = earlier.filter(|a| matches!(a.state, AttemptState::Intended | AttemptState::Refused));
    Attempt {
        state: AttemptState::Intended,
        event: event.to_owned(),
        at: now,
        images: roll.images.clone(),
        base: roll.base.clone(),
        task_definition: unfinished.and_then(|attempt| attempt.task_definition.clone()),
        before: primary.map(|deployment| deployment.id.clone()),
        deployment: None,
        service_deployment: None,
        is_rollback: false,
    }
}

fn decide(
    trigger: &Trigger,
    service: &Service,
    tags: Result<ServiceTags, Vec<TagProblem>>,
    observed: &Observed,
    catalogs: &Catalogs,
    memory: &mut Rollout,
    now: Timestamp,
) -> Decision {
    if !service.is_active {
        return Decision::Left(Reason::Gone);
    }
    let tags = match tags {
        Ok(tags) => tags,
        Err(problems) => return Decision::Left(Reason::Tags(problems)),
    };
    if tags.policy == Policy::Off {
        return Decision::Left(Reason::OptedOut);
    }
    if let Some(unsupported) = service.unsupported {
        return Decision::Left(Reason::Unsupported(unsupported));
    }
    if let Trigger::DeploymentChanged { .. } = trigger {
        return Decision::Watched;
    }
    if let Some(failure) = &observed.failure {
        return Decision::Left(Reason::NotSeen(failure.to_string()));
    }
    if let Trigger::Requested(DeployRequested { release_pin: true, .. }) = trigger {
        pin::release(memory);
    }
    let requested = migrate::requested_before(trigger, service, memory);
    let requested = requested.map(|roll| Ok(choose::Chosen { roll: Some(roll), against_policy: false }));
    let choose = || choose::choose(trigger, service, &tags, observed, catalogs, memory, now);
    let chosen = match requested.unwrap_or_else(choose) {
        Ok(chosen) => chosen,
        Err(reason) => return Decision::Left(reason),
    };
    // A person's choice stands until it is released, also where it is what runs already.
    if let Some(request) = trigger.request().filter(|_| chosen.against_policy && tags.hold.is_none()) {
        memory.pin = Some(pin::make(observed, PinnedBy::Request(request.requested_by.clone()), now));
    }
    let Some(roll) = chosen.roll else {
        return if under_way(service, memory) { Decision::UnderWay } else { Decision::UpToDate };
    };
    // Only now, so that the reason names what would have been rolled.
    if let Some(hold) = &tags.hold {
        return Decision::Left(Reason::Held { why: hold.clone(), waiting: crate::rollout::summary(&roll.images) });
    }
    if let Some(attempt) = &memory.attempt
        && same_digests(attempt, &roll)
    {
        let age = Duration::try_from(now.duration_since(attempt.at)).unwrap_or_default();
        match attempt.state {
            AttemptState::Rolling | AttemptState::Overdue => return Decision::UnderWay,
            AttemptState::Intended if age < QUIET => return Decision::Left(Reason::Quiet),
            _ => {}
        }
    }
    if tags.mode == Some(shared::tags::Mode::Plan) {
        return Decision::WouldRoll(roll);
    }
    choose::remember(&tags, observed, &roll, memory);
    Decision::Roll(roll)
}

fn same_digests(attempt: &Attempt, roll: &Roll) -> bool {
    attempt.images.len() == roll.images.len()
        && roll
            .images
            .iter()
            .all(|(name, target)| attempt.images.get(name).is_some_and(|intended| intended.digest == target.digest))
}

fn under_way(service: &Service, memory: &Rollout) -> bool {
    memory.attempt.as_ref().is_some_and(|attempt| {
        attempt.is_under_way() && attempt.deployment.as_deref() == service.primary().map(|primary| primary.id.as_str())
    })
}

#[cfg(test)]
mod tests;
