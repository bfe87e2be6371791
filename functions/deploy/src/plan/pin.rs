//! Pins: somebody moved the service by other means, and meant it. The policy has no say until the pin is released.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use shared::image::Digest;
use shared::policy::{Policy, Running, Verdict};

use super::containers::Managed;
use crate::observe::{Observed, Service};
use crate::rollout::{AttemptState, Pin, PinnedBy, Rollout, Target};

/// Whether ECS answers with the deployment from before our last successful one: an answer from the past, as a real
/// change would be a deployment that we have not seen.
pub(super) fn is_stale(service: &Service, memory: &Rollout) -> bool {
    memory.attempt.as_ref().is_some_and(|attempt| {
        let primary = service.primary().map(|deployment| &deployment.id);
        let landed = attempt.state == AttemptState::Succeeded && attempt.deployment.is_some();
        landed && primary.is_some() && primary == attempt.before.as_ref() && primary != attempt.deployment.as_ref()
    })
}

/// What we left in a container when we last had a hand in it.
fn left<'a>(container: &str, memory: &'a Rollout) -> Option<&'a Target> {
    let superseded = memory.attempt.as_ref().filter(|attempt| attempt.state == AttemptState::Superseded);
    superseded.and_then(|attempt| attempt.images.get(container)).or_else(|| memory.settled.get(container))
}

/// How a container stands to what we left in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stance {
    /// As we left it, or we never had a hand in it, or we are at it.
    Ours,
    /// Somebody else brought it where the policy would have brought it: no more than we would have done.
    Adopted(Target),
    /// Somebody else set it to an image that is neither ours nor the one that the policy wants.
    Moved,
}

/// Tells a change of the image by other means. A new revision with the same image is none: people change sizes and
/// settings every day.
pub(super) fn stance(
    policy: &Policy,
    managed: Managed<'_>,
    running: &Running,
    bad: &BTreeSet<Digest>,
    memory: &Rollout,
) -> Stance {
    let at_it = memory.attempt.as_ref().is_some_and(|attempt| {
        attempt.is_under_way() || matches!(attempt.state, AttemptState::Intended | AttemptState::Refused)
    });
    let Some(left) = left(&managed.container.name, memory).filter(|_| !at_it) else {
        return Stance::Ours;
    };
    let by_tag = || managed.catalog.tagged(running.tag.as_ref()?);
    // For `follow` a tag says nothing about what runs: it moves.
    let digest = match (&running.digest, policy) {
        (Some(digest), _) => Some(digest.clone()),
        (None, Policy::Follow) => None,
        (None, _) => by_tag().map(|image| image.digest.clone()),
    };
    let Some(digest) = digest else {
        // Another tag is another image; the same tag is no evidence of anything.
        let same = managed.image.to_string() == left.reference || managed.image.effective_tag() == left.tag;
        return if same { Stance::Ours } else { Stance::Moved };
    };
    if digest == left.digest {
        return Stance::Ours;
    }
    let tag = if *policy == Policy::Follow { running.tag.clone() } else { left.tag.clone() };
    let from_there = Running { tag, digest: Some(left.digest.clone()), pushed_at: left.pushed_at };
    match policy.verdict(&from_there, &managed.catalog.images, bad) {
        Verdict::Move(choice) if choice.digest == digest => Stance::Adopted(Target {
            reference: managed.image.to_string(),
            digest,
            tag: Some(choice.tag),
            pushed_at: Some(choice.pushed_at),
        }),
        _ => Stance::Moved,
    }
}

/// Makes the pin that a person's change is.
pub(super) fn make(observed: &Observed, by: PinnedBy, now: Timestamp) -> Pin {
    let image = |container: &crate::observe::Container| {
        let text = container.image.as_ref().map_or_else(Clone::clone, ToString::to_string);
        (container.name.clone(), text)
    };
    let images: BTreeMap<String, String> = observed.containers.iter().map(image).collect();
    Pin { by, since: now, images }
}

/// Gives the policy its say back: what runs now is the new starting point.
pub(super) fn release(memory: &mut Rollout) {
    memory.pin = None;
    memory.settled.clear();
    memory.attempt = memory.attempt.take().filter(crate::rollout::Attempt::is_under_way);
}
