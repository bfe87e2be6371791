//! Which images a service should run: by its policy, or because a person asked.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use shared::event::steward::DeployRequested;
use shared::image::{Digest, ImageReference, ImageTag};
use shared::policy::{Choice, Image, Policy, Running, Verdict};
use shared::tags::{Mode, ServiceTags};

use super::containers::{self, Managed};
use super::pin::{self, Stance};
use super::{By, Reason, Roll};
use crate::observe::{Catalogs, Observed, RolloutState, Service};
use crate::rollout::{PinnedBy, Rollout, Target};
use crate::trigger::Trigger;

/// What comes of choosing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The roll that is due; `None` when the service runs what it should.
    pub(super) roll: Option<Roll>,
    /// Whether a person asked for something that the policy would not have chosen.
    pub(super) against_policy: bool,
}

/// An image that a container should move to.
#[derive(Debug)]
struct Wanted {
    digest: Digest,
    tag: Option<ImageTag>,
    pushed_at: Timestamp,
}

impl From<Choice> for Wanted {
    fn from(choice: Choice) -> Self {
        Self { digest: choice.digest, tag: Some(choice.tag), pushed_at: choice.pushed_at }
    }
}

/// The roll that is due, or why the service is left alone.
pub(super) fn choose(
    trigger: &Trigger,
    service: &Service,
    tags: &ServiceTags,
    observed: &Observed,
    catalogs: &Catalogs,
    memory: &mut Rollout,
    now: Timestamp,
) -> Result<Chosen, Reason> {
    let Some(base) = service.task_definition.clone() else {
        return Err(Reason::Gone);
    };
    let managed = containers::managed(tags, observed, catalogs, trigger.repository())?;
    if pin::is_stale(service, memory) {
        return Err(Reason::Stale);
    }
    let bad = memory.bad_digests();
    let (mut images, mut by, mut left, mut against_policy) = (BTreeMap::new(), By::Force, None, false);
    for managed in managed {
        let running = containers::running(&tags.policy, managed, observed, memory);
        let wanted = if let Some(request) = trigger.request() {
            let wanted = requested(request, managed)?;
            let moves = running.digest.as_ref() != Some(&wanted.digest);
            against_policy |= !is_favoured(&tags.policy, managed, &running, &wanted.digest);
            moves.then_some(wanted)
        } else {
            take_stance(tags, managed, &running, &bad, observed, memory, now)?;
            let verdict = tags.policy.verdict(&running, &managed.catalog.images, &bad);
            match by_policy(trigger, service, tags, managed, &running, verdict, memory)? {
                Ok(choice) => choice.map(Wanted::from),
                Err(reason) => {
                    left.get_or_insert(reason);
                    None
                }
            }
        };
        if let Some(wanted) = wanted {
            let target = target(tags, managed, wanted, trigger.request().is_some())?;
            if target.reference != managed.image.to_string() {
                by = By::Pin;
            }
            images.insert(managed.container.name.clone(), target);
        }
    }
    match left {
        Some(reason) if images.is_empty() => Err(reason),
        _ if images.is_empty() => Ok(Chosen { roll: None, against_policy }),
        _ => Ok(Chosen { roll: Some(Roll { base, by, images }), against_policy }),
    }
}

/// Notices what somebody else did to a container. A pin concerns the whole service.
fn take_stance(
    tags: &ServiceTags,
    managed: Managed<'_>,
    running: &Running,
    bad: &BTreeSet<Digest>,
    observed: &Observed,
    memory: &mut Rollout,
    now: Timestamp,
) -> Result<(), Reason> {
    if memory.pin.is_none() {
        match pin::stance(&tags.policy, managed, running, bad, memory) {
            Stance::Ours => {}
            Stance::Adopted(target) => {
                memory.settled.insert(managed.container.name.clone(), target);
            }
            Stance::Moved => memory.pin = Some(pin::make(observed, PinnedBy::SomebodyElse, now)),
        }
    }
    memory.pin.as_ref().map_or(Ok(()), |pin| Err(Reason::Pinned(pin.clone())))
}

/// What the policy wants of one container. The outer error concerns the whole service, the inner one this container.
fn by_policy(
    trigger: &Trigger,
    service: &Service,
    tags: &ServiceTags,
    managed: Managed<'_>,
    running: &Running,
    verdict: Verdict,
    memory: &Rollout,
) -> Result<Result<Option<Choice>, Reason>, Reason> {
    let name = &managed.container.name;
    match verdict {
        Verdict::UpToDate => Ok(Ok(None)),
        Verdict::Refused(refusal) => Ok(Err(Reason::Refused { container: name.clone(), refusal })),
        Verdict::Move(choice) if running.digest.is_none() && tags.policy == Policy::Follow => {
            unknown_digest(trigger, service, name, choice, memory).map(Ok)
        }
        Verdict::Move(choice) => Ok(Ok(Some(choice))),
    }
}

/// `follow`, and nobody can tell which digest runs: no digest is recorded before the first task has pulled, and none ever
/// where version consistency is switched off.
fn unknown_digest(
    trigger: &Trigger,
    service: &Service,
    name: &str,
    choice: Choice,
    memory: &Rollout,
) -> Result<Option<Choice>, Reason> {
    if service.primary().is_some_and(|primary| primary.rollout == RolloutState::InProgress) {
        return Err(Reason::OthersUnderWay);
    }
    // Only a push of this very tag says that it moved; a push of another tag says nothing about it.
    let moved = match trigger {
        Trigger::Pushed { tag, .. } => *tag == choice.tag,
        Trigger::Announced { image, .. } => image.tag == choice.tag,
        _ => false,
    };
    match memory.settled.get(name) {
        Some(settled) if settled.digest == choice.digest => Ok(None),
        None if !moved => Err(Reason::RunningUnknown(name.to_owned())),
        _ => Ok(Some(choice)),
    }
}

/// What a person asked for. A person may go back, and may try a digest again that failed.
fn requested(request: &DeployRequested, managed: Managed<'_>) -> Result<Wanted, Reason> {
    let wanted = |image: &&Image| match (&request.digest, &request.tag) {
        (Some(digest), _) => image.digest == *digest,
        (None, Some(tag)) => image.tags.contains(tag),
        (None, None) => false,
    };
    let Some(image) = managed.catalog.images.iter().find(wanted) else {
        let digest = request.digest.as_ref().map(ToString::to_string);
        let wanted = digest.or_else(|| request.tag.as_ref().map(ToString::to_string)).unwrap_or_default();
        return Err(Reason::NotInRegistry { repository: managed.image.repository.to_string(), wanted });
    };
    let tag = request.tag.clone().or_else(|| image.tags.iter().max().cloned());
    Ok(Wanted { digest: image.digest.clone(), tag, pushed_at: image.pushed_at })
}

/// Whether the policy itself would have the container run the image, but for having failed here before: to try such a
/// digest again is not to go against the policy.
fn is_favoured(policy: &Policy, managed: Managed<'_>, running: &Running, wanted: &Digest) -> bool {
    match policy.verdict(running, &managed.catalog.images, &BTreeSet::new()) {
        Verdict::Move(choice) => choice.digest == *wanted,
        // Where no digest is known, the tag that it was started by says what it runs.
        Verdict::UpToDate if running.digest.is_none() => {
            let named = running.tag.as_ref().and_then(|tag| managed.catalog.tagged(tag));
            named.is_some_and(|image| image.digest == *wanted)
        }
        Verdict::UpToDate | Verdict::Refused(_) => running.digest.as_ref() == Some(wanted),
    }
}

/// The reference that brings a container to the image.
fn target(tags: &ServiceTags, managed: Managed<'_>, wanted: Wanted, is_requested: bool) -> Result<Target, Reason> {
    let Managed { container, image, catalog } = managed;
    // Starting the same revision again works only where the tag that it names leads to the image now.
    let listed = catalog.images.iter().find(|listed| listed.digest == wanted.digest);
    let leads = |tag: &ImageTag| listed.is_some_and(|listed| listed.tags.contains(tag));
    let names_it = image.digest.is_none() && image.effective_tag().is_some_and(|tag| leads(&tag));
    let force = match tags.mode {
        Some(Mode::Force) if !names_it && !is_requested => {
            return Err(Reason::ForceNeedsTag(container.name.clone()));
        }
        Some(Mode::Force) => names_it,
        Some(Mode::Pin) => false,
        // What is migrated is one digest, and exactly that is rolled.
        Some(Mode::Plan) | None if tags.migrate.is_some() => false,
        // Other registries are pinned: what was announced is a digest, and a tag there may have moved since.
        Some(Mode::Plan) | None => names_it && catalog.is_ecr && tags.policy == Policy::Follow,
    };
    let reference = if force { image.to_string() } else { image.pinned(&wanted.digest) };
    Ok(Target { reference, digest: wanted.digest, tag: wanted.tag, pushed_at: Some(wanted.pushed_at) })
}

/// What a decided roll changes in the memory beside the attempt itself.
pub(super) fn remember(tags: &ServiceTags, observed: &Observed, roll: &Roll, memory: &mut Rollout) {
    // Whoever asks for a digest that failed wants it tried again; a policy never gets here with one.
    memory.bad.retain(|bad| roll.images.values().all(|target| target.digest != bad.digest));
    if tags.policy == Policy::Follow {
        for container in &observed.containers {
            let tag = container.image.as_ref().ok().and_then(ImageReference::effective_tag);
            if let Some(tag) = tag.filter(|_| roll.images.contains_key(&container.name)) {
                memory.followed.insert(container.name.clone(), tag);
            }
        }
    }
}
