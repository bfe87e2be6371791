//! Whether and how a service goes back to its last successful deployment. `heal` asks, or a person; what they say is only
//! why to look. All that they knew may be old by now, so everything that can be read is judged again here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::arn::TaskDefinitionArn;
use shared::event::steward::RollbackRequested;
use shared::image::{Digest, ImageReference, ImageTag};
use shared::migration::Ledger;
use shared::mute::Mutes;
use shared::tags::{HealLevel, ServiceTags};

use super::{By, Roll, Settings};
use crate::notice;
use crate::observe::{Catalogs, RolloutState, Service};
use crate::rollout::{Attempt, AttemptState, BadDigest, Begun, Rollout, Target};

/// What a container ran, as its service revision says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ran {
    /// The reference in the task definition.
    pub reference: String,
    /// What it was resolved to.
    pub digest: Option<Digest>,
}

/// What a service ran before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct History {
    /// The last successful deployment before the primary one.
    pub good: Option<Good>,
    /// What the primary deployment runs.
    pub current: BTreeMap<String, Ran>,
}

/// The last successful deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Good {
    /// Its revision.
    pub task_definition: TaskDefinitionArn,
    /// When it was begun, if ECS says so.
    pub since: Option<Timestamp>,
    /// Whether a service can still be set to the revision.
    pub is_active: bool,
    /// What it ran.
    pub images: BTreeMap<String, Ran>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done this way.
    Begin(How),
    /// It was begun before.
    Already,
    /// It is not done, for this reason.
    Refused(String),
}

/// How a service goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// ECS stops the deployment under way and rolls it back.
    Stop {
        /// ARN of the service deployment.
        service_deployment: String,
    },
    /// A new deployment of what was good.
    Back {
        /// What to set the service to.
        roll: Roll,
        /// Whether the revision can be used as it is. Else its tags lead elsewhere by now, and a copy names digests.
        as_it_is: bool,
    },
}

/// What is known beside the service itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// What is remembered of it.
    pub memory: &'a Rollout,
    /// What it ran before.
    pub history: &'a History,
    /// What the registries hold.
    pub catalogs: &'a Catalogs,
    /// What is muted.
    pub mutes: &'a Mutes,
    /// What the schema of its database went through.
    pub ledger: &'a Ledger,
}

/// Decides about one request.
pub(crate) fn decide(
    settings: Settings,
    request: &RollbackRequested,
    service: &Service,
    known: Known<'_>,
    now: Timestamp,
) -> Answer {
    if is_begun(request, service, known.memory) {
        return Answer::Already;
    }
    let checks = is_allowed(settings, request, service, known.mutes, now).and_then(|()| is_current(request, service));
    match checks.and_then(|()| how(request, service, known)) {
        Ok(how) => Answer::Begin(how),
        Err(why) => Answer::Refused(why),
    }
}

/// A request that comes again finds what the first one did, also where its call got no answer.
fn is_begun(request: &RollbackRequested, service: &Service, memory: &Rollout) -> bool {
    let Some(begun) = memory.rollback.as_ref().filter(|begun| begun.incident == request.incident) else {
        return false;
    };
    let is_same = request.incident.is_some() || request.deployment.as_ref() == Some(&begun.left);
    let is_open = memory.attempt.as_ref().is_some_and(|attempt| attempt.state == AttemptState::Intended);
    let has_left = service.primary().is_some_and(|primary| primary.id != begun.left);
    is_same && (has_left || !is_open)
}

/// Whether the service's owner allows it.
fn is_allowed(
    settings: Settings,
    request: &RollbackRequested,
    service: &Service,
    mutes: &Mutes,
    now: Timestamp,
) -> Result<(), String> {
    if !service.is_active {
        return Err("the service is not active".to_owned());
    }
    if let Some(unsupported) = service.unsupported {
        return Err(unsupported.to_string());
    }
    if !service.is_rolling {
        return Err("its deployment strategy is not ROLLING; such a service is rolled back by other means".to_owned());
    }
    let tags = ServiceTags::of(&service.tags).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("its tags cannot be read: {}", problems.join("; "))
    })?;
    let opted_in = service.tags.iter().any(|(key, _)| key == shared::tags::DEPLOY || key == shared::tags::HEAL);
    if !opted_in {
        return Err("it has not opted in: neither steward:deploy nor steward:heal".to_owned());
    }
    if let Some(hold) = &tags.hold {
        return Err(format!("it is held ({hold})"));
    }
    if request.incident.is_none() {
        return Ok(());
    }
    let needed = if request.approved_by.is_some() { HealLevel::Approve } else { HealLevel::Auto };
    let level = tags.heal.min(settings.heal_mode);
    if level < needed {
        return Err(format!("steward:heal and the parameter HealMode allow {} only", level.as_str()));
    }
    match mutes.of_healing(&service.arn, now) {
        Some(mute) => Err(format!("healing is muted: {}", mute.summary())),
        None => Ok(()),
    }
}

/// Whether what is gone back to can live with the schema as it is now. Only a person may say so where the image did not.
fn can_live_with(request: &RollbackRequested, good: &Good, ledger: &Ledger) -> Result<(), String> {
    let is_vouched = request.over_migration && (request.incident.is_none() || request.approved_by.is_some());
    let ran: Vec<&Digest> = good.images.values().filter_map(|ran| ran.digest.as_ref()).collect();
    match ledger.in_the_way(good.since, &ran) {
        Some(entry) if !is_vouched => {
            let restore = entry.restore_point.as_deref().unwrap_or("no restore point was taken");
            Err(format!(
                "the schema was migrated since, by {} at {}, which was not declared to be one that the release before can live with. Choose: roll forward with an image that mends it; or restore the database ({restore}) and then go back; or, if {} can read the schema as it is, ask again with over-migration",
                entry.reference,
                notice::moment(entry.at),
                good.task_definition.short()
            ))
        }
        _ => Ok(()),
    }
}

/// Whether what is to be left is still what runs.
fn is_current(request: &RollbackRequested, service: &Service) -> Result<(), String> {
    let primary = service.primary().ok_or("ECS names no primary deployment")?;
    match &request.deployment {
        Some(deployment) if *deployment != primary.id => {
            Err(format!("{} has taken the place of {deployment} since", primary.id))
        }
        _ => Ok(()),
    }
}

fn how(request: &RollbackRequested, service: &Service, known: Known<'_>) -> Result<How, String> {
    let Known { memory, history, catalogs, ledger, .. } = known;
    let good = history.good.as_ref().ok_or("no earlier deployment of it was successful")?;
    can_live_with(request, good, ledger)?;
    if let Some(to) = request.to.as_ref().filter(|to| **to != good.task_definition) {
        let (to, good) = (to.short(), good.task_definition.short());
        return Err(format!("{to} was asked for, but the last successful one is {good}"));
    }
    let under_way = service.primary().is_some_and(|primary| primary.rollout == RolloutState::InProgress);
    if under_way && service.has_rollback && request.incident.is_some() {
        return Err("its rollout is under way, and the circuit breaker decides first".to_owned());
    }
    if under_way {
        let service_deployment = service.deployment_arn.clone().ok_or("ECS names no service deployment to stop")?;
        return Ok(How::Stop { service_deployment });
    }
    if !good.is_active {
        return Err(format!("{} was deregistered", good.task_definition.short()));
    }
    let bad = memory.bad_digests();
    let (mut images, mut as_it_is) = (BTreeMap::new(), true);
    for (container, ran) in good.images.iter().filter(|(name, ran)| history.current.get(*name) != Some(ran)) {
        let (target, leads_there) = target(container, ran, catalogs)?;
        if bad.contains(&target.digest) {
            return Err(format!("{} was rolled back here before", target.digest.short()));
        }
        as_it_is &= leads_there;
        images.insert(container.clone(), target);
    }
    if images.is_empty() && service.task_definition.as_ref() == Some(&good.task_definition) {
        return Err("the last successful deployment ran the same revision and the same images".to_owned());
    }
    let roll = Roll { base: good.task_definition.clone(), by: By::Pin, images };
    Ok(How::Back { roll, as_it_is })
}

/// What a container goes back to, and whether its reference leads there by itself. A tag may have moved since: then the
/// old revision would start the very image that is to be left.
fn target(container: &str, ran: &Ran, catalogs: &Catalogs) -> Result<(Target, bool), String> {
    let reference: ImageReference =
        ran.reference.parse().map_err(|_| format!("the image of container {container} cannot be read"))?;
    let digest = ran.digest.clone().or_else(|| reference.digest.clone());
    let digest = digest.ok_or_else(|| format!("ECS does not say which digest container {container} ran"))?;
    let catalog = match catalogs.get(&reference.repository) {
        Some(Ok(catalog)) if catalog.is_ecr => catalog,
        Some(Err(failure)) => return Err(failure.to_string()),
        _ => return Err(format!("{} cannot be asked whether it still holds the image", reference.repository)),
    };
    let listed = catalog.images.iter().find(|image| image.digest == digest);
    let listed = listed.ok_or_else(|| format!("{} does not hold {} any more", reference.repository, digest.short()))?;
    let tag: Option<ImageTag> = reference.effective_tag();
    let leads_there = reference.digest.as_ref() == Some(&digest)
        || reference.digest.is_none() && tag.as_ref().is_some_and(|tag| listed.tags.contains(tag));
    let text = if leads_there { ran.reference.clone() } else { reference.pinned(&digest) };
    let tag = tag.or_else(|| listed.tags.iter().max().cloned());
    Ok((Target { reference: text, digest, tag, pushed_at: Some(listed.pushed_at) }, leads_there))
}

/// The memory with the intent: what is about to be done, and what must not be rolled out here again by itself.
pub(crate) fn intend(
    request: &RollbackRequested,
    event: &str,
    service: &Service,
    memory: &Rollout,
    history: &History,
    how: &How,
    now: Timestamp,
) -> Rollout {
    let mut memory = memory.clone();
    let left = service.primary().map(|primary| primary.id.clone()).unwrap_or_default();
    let good: Vec<&Digest> =
        history.good.iter().flat_map(|good| good.images.values()).filter_map(|ran| ran.digest.as_ref()).collect();
    for digest in history.current.values().filter_map(|ran| ran.digest.as_ref()).filter(|digest| !good.contains(digest))
    {
        memory.bad.retain(|bad| bad.digest != *digest);
        memory.bad.push(BadDigest { digest: digest.clone(), since: now, deployment: Some(left.clone()) });
    }
    let excess = memory.bad.len().saturating_sub(crate::rollout::BAD_LIMIT);
    memory.bad.drain(..excess);
    if let How::Back { roll, as_it_is } = how {
        let attempt = Attempt {
            state: AttemptState::Intended,
            event: event.to_owned(),
            at: now,
            images: roll.images.clone(),
            base: roll.base.clone(),
            task_definition: as_it_is.then(|| roll.base.clone()),
            before: Some(left.clone()),
            deployment: None,
            service_deployment: None,
            is_rollback: request.incident.is_some(),
        };
        let replaced = memory.attempt.replace(attempt).filter(Attempt::is_under_way);
        memory.previous = replaced.or(memory.previous);
    }
    // Whoever goes back has said what should run: a pin made before gives way.
    memory.pin = None;
    memory.rollback = Some(Begun { incident: request.incident.clone(), left, at: now });
    memory
}

#[cfg(test)]
mod tests;
