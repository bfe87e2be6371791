//! What is remembered of a service between invocations: the item `SERVICE#<arn>` / `ROLLOUT` of the state table.
//!
//! It answers three questions that ECS cannot: what did we mean to do when we were killed, which digests failed here, and
//! who moved the service since we did. It never says what runs; that is read anew each time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::alert::Alert;
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::event::steward::OwnEvent;
use shared::image::{Digest, ImageTag};
use shared::migration::{self, Awaited};
use shared::state::Key;

/// Most digests that are remembered as bad; the oldest are forgotten first.
pub(crate) const BAD_LIMIT: usize = 50;

/// The memory of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Rollout {
    /// The last attempt to roll, under way or ended.
    pub attempt: Option<Attempt>,
    /// The attempt before that, if it was under way when the last one was decided on: its outcome still counts, above all
    /// when the last one never came to anything.
    pub previous: Option<Attempt>,
    /// What the last successful attempt left in each container.
    pub settled: BTreeMap<String, Target>,
    /// The tag that `follow` follows, for containers that are pinned by digest since.
    pub followed: BTreeMap<String, ImageTag>,
    /// Digests that were rolled back here, oldest first.
    pub bad: Vec<BadDigest>,
    /// Hands off until it is released.
    pub pin: Option<Pin>,
    /// What people were told, by kind: an alert is repeated only when its content changes.
    pub told: BTreeMap<String, String>,
    /// Alerts that are not published yet: written with the decision that they tell of, removed when SNS has taken them.
    pub untold: Vec<Alert>,
    /// Events for other functions that the bus has not taken yet.
    pub unsent: Vec<OwnEvent>,
    /// The last rollback that was asked for and begun.
    pub rollback: Option<Begun>,
    /// The migration that a roll waits for.
    pub awaits: Option<Awaiting>,
}

/// A roll that waits for its migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Awaiting {
    /// The migration; `migrate` reads it from here.
    #[serde(flatten)]
    pub what: Awaited,
    /// What each container is to run when it is done.
    pub images: BTreeMap<String, Target>,
    /// When `migrate` was last asked.
    pub asked: Timestamp,
    /// Whether a person asked for the roll: the policy will not choose it again by itself.
    pub by_request: bool,
}

/// A rollback that was asked for and begun: asked again, it is not begun again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// The incident, if `heal` asked.
    pub incident: Option<String>,
    /// The deployment that was to be left.
    pub left: String,
    /// When it was decided on.
    pub at: Timestamp,
}

/// One attempt to roll a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// How far it is.
    pub state: AttemptState,
    /// The event that led to it.
    pub event: String,
    /// When it was decided on.
    pub at: Timestamp,
    /// What each container was to run.
    pub images: BTreeMap<String, Target>,
    /// The revision that it started from.
    pub base: TaskDefinitionArn,
    /// The revision that was registered for it; `None` when the same one was started again.
    pub task_definition: Option<TaskDefinitionArn>,
    /// The primary deployment before the call: how it is told whether a call that got no answer took effect.
    pub before: Option<String>,
    /// The deployment that the call made.
    pub deployment: Option<String>,
    /// The same as an ARN of the service deployments API.
    pub service_deployment: Option<String>,
    /// Whether it goes back, because somebody asked for it. Who asked tells what comes of it.
    #[serde(default)]
    pub is_rollback: bool,
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AttemptState {
    /// Decided on and written down; the call was not answered yet.
    Intended,
    /// The call was refused for certain. Nothing happened.
    Refused,
    /// ECS is at it.
    Rolling,
    /// ECS has been at it for longer than a rollout may take. It is still watched.
    Overdue,
    /// It reached its steady state.
    Succeeded,
    /// ECS, or a person, rolled it back.
    RolledBack,
    /// Somebody else changed the service before it ended.
    Superseded,
}

/// What a container is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    /// The image reference in the task definition.
    pub reference: String,
    /// The digest that it is meant to run.
    pub digest: Digest,
    /// The tag that led to the digest, for people.
    pub tag: Option<ImageTag>,
    /// When the image was pushed.
    pub pushed_at: Option<Timestamp>,
}

/// A digest that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BadDigest {
    /// The digest.
    pub digest: Digest,
    /// When it was rolled back.
    pub since: Timestamp,
    /// In which deployment.
    pub deployment: Option<String>,
}

/// Why the policy has no say until a person gives it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pin {
    /// Who made it.
    pub by: PinnedBy,
    /// Since when it is known.
    pub since: Timestamp,
    /// What the containers ran then, for people.
    pub images: BTreeMap<String, String>,
}

/// Who made a pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PinnedBy {
    /// Somebody changed the image of the service by other means than Steward.
    SomebodyElse,
    /// `Deploy Requested` asked for an image that the policy would not have chosen.
    Request(Option<String>),
}

impl Rollout {
    /// Key of the item for a service.
    pub(crate) fn key(service: &ServiceArn) -> Key {
        migration::rollout_key(service)
    }

    /// A rollout has begun, so that the proof that it waited for is used up.
    pub(crate) fn use_up_proof(&mut self, images: &BTreeMap<String, Target>) {
        let is_rolled = |awaits: &Awaiting| {
            images.get(&awaits.what.container).is_some_and(|target| target.digest == awaits.what.digest)
        };
        self.awaits = self.awaits.take().filter(|awaits| !is_rolled(awaits));
    }

    /// Whether something waits to be sent.
    pub(crate) fn has_messages(&self) -> bool {
        !self.untold.is_empty() || !self.unsent.is_empty()
    }

    /// Whether the end of this deployment is waited for.
    pub(crate) fn watches(&self, deployment: &str) -> bool {
        let mut attempts = [&self.attempt, &self.previous].into_iter().flatten();
        attempts.any(|attempt| attempt.is_under_way() && attempt.deployment.as_deref() == Some(deployment))
    }

    /// The digests that must not be rolled out here by themselves.
    pub(crate) fn bad_digests(&self) -> BTreeSet<Digest> {
        self.bad.iter().map(|bad| bad.digest.clone()).collect()
    }

    /// Remembers the digests of a failed attempt: those that it was meant to run, and those that it `ran`.
    pub(crate) fn remember_bad<'a>(
        &mut self,
        attempt: &'a Attempt,
        ran: impl Iterator<Item = &'a Digest>,
        now: Timestamp,
    ) {
        for digest in attempt.images.values().map(|target| &target.digest).chain(ran) {
            self.bad.retain(|bad| bad.digest != *digest);
            let (digest, deployment) = (digest.clone(), attempt.deployment.clone());
            self.bad.push(BadDigest { digest, since: now, deployment });
        }
        let excess = self.bad.len().saturating_sub(BAD_LIMIT);
        self.bad.drain(..excess);
    }
}

impl Attempt {
    /// Whether ECS may still be at it.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.state, AttemptState::Rolling | AttemptState::Overdue)
    }

    /// Images for people: `api 1.4.0 (0123456789ab)`.
    pub(crate) fn summary(&self) -> String {
        summary(&self.images)
    }
}

/// Images for people: `api 1.4.0 (0123456789ab), worker 1.4.0 (0123456789ab)`.
pub(crate) fn summary(images: &BTreeMap<String, Target>) -> String {
    let describe = |(container, target): (&String, &Target)| match &target.tag {
        Some(tag) => format!("{container} {tag} ({})", target.digest.short()),
        None => format!("{container} {}", target.digest.short()),
    };
    images.iter().map(describe).collect::<Vec<_>>().join(", ")
}
