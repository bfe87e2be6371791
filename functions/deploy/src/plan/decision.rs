//! What may be decided about a service, and every reason to leave it alone.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::migration::{RunId, RunState};
use shared::policy::Refusal;
use shared::tags::TagProblem;

use crate::notice;
use crate::observe::Unsupported;
use crate::rollout::{Pin, Rollout, Target};

/// What is to be done about one service, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Plan {
    /// The service.
    pub service: ServiceArn,
    /// The decision.
    pub decision: Decision,
    /// What is to be remembered, when it differs from what is or holds untold alerts: written before anything is called.
    #[serde(skip)]
    pub memory: Option<Rollout>,
}

/// The decision about one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Decision {
    /// Roll it.
    Roll(Roll),
    /// It would be rolled, but for dry run or `steward:mode = plan`.
    WouldRoll(Roll),
    /// It runs what it should.
    UpToDate,
    /// It is being rolled to what it should run.
    UnderWay,
    /// Nothing but the outcome of a rollout was looked at.
    Watched,
    /// It is left alone.
    Left(Reason),
}

/// What to do to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Roll {
    /// The revision to start from.
    pub base: TaskDefinitionArn,
    /// Whether a new revision is registered, or the same one started again.
    pub by: By,
    /// What each container is to run; containers that are not named stay as they are.
    pub images: BTreeMap<String, Target>,
}

impl Roll {
    /// The image reference of each container that is named.
    pub(crate) fn references(&self) -> BTreeMap<String, String> {
        self.images.iter().map(|(name, target)| (name.clone(), target.reference.clone())).collect()
    }
}

/// How a service is rolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    /// `forceNewDeployment`: ECS resolves the tag anew.
    Force,
    /// A new revision that names images by digest.
    Pin,
}

/// Why a service is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// ECS does not know it (any more), or it is not active.
    #[error("the service is not there any more, or not active")]
    Gone,
    /// `steward:deploy` is absent or `off`.
    #[error("it has not opted in: steward:deploy is absent or off")]
    OptedOut,
    /// Tags that are not in the grammar.
    #[error("its tags cannot be read: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Tags(Vec<TagProblem>),
    /// `steward:hold`.
    #[error("it is held ({why}), and {waiting} waits")]
    Held {
        /// The tag's text.
        why: String,
        /// What would have been rolled.
        waiting: String,
    },
    /// A kind of service that Steward cannot roll.
    #[error("{0}")]
    Unsupported(Unsupported),
    /// No container runs the repository that is looked at.
    #[error("no container of it runs an image of the repository")]
    NoContainer,
    /// `steward:container` names a container that is not there.
    #[error("steward:container names {0}, which the task definition does not have")]
    ContainerMissing(String),
    /// An image text that is no image reference.
    #[error("the image of container {container} cannot be read: {problem}")]
    Image {
        /// The container.
        container: String,
        /// What is wrong.
        problem: String,
    },
    /// The policy names no image to move to.
    #[error("container {container}: {refusal}")]
    Refused {
        /// The container.
        container: String,
        /// Why.
        refusal: Refusal,
    },
    /// What runs cannot be told, and no push says that it changed.
    #[error("which digest container {0} runs is unknown; it rolls at the next push")]
    RunningUnknown(String),
    /// A pin.
    #[error("it is pinned since {} by {}", notice::moment(.0.since), notice::pinned_by(&.0.by))]
    Pinned(Pin),
    /// Somebody else's deployment has not ended, so what will run is not known yet.
    #[error("a deployment by somebody else is under way")]
    OthersUnderWay,
    /// A call got no answer a moment ago and may still take effect.
    #[error("a call got no answer a moment ago and may still take effect; the next look decides")]
    Quiet,
    /// ECS still answers with what was before our own deployment.
    #[error("ECS still answers with what was before the last rollout; the next look decides")]
    Stale,
    /// `steward:mode = force`, but the reference names a digest, so starting it again changes nothing.
    #[error(
        "steward:mode is force, but container {0} names a digest, so a new deployment would start the same image; name a tag in the task definition or use pin"
    )]
    ForceNeedsTag(String),
    /// What a person asked for is not in the registry.
    #[error("{repository} holds no image {wanted}")]
    NotInRegistry {
        /// The repository.
        repository: String,
        /// Tag or digest.
        wanted: String,
    },
    /// `steward:migrate` names a container without a command.
    #[error(
        "steward:migrate names container {0}, which the task definition does not have, or has without the docker label steward.migrate"
    )]
    NoMigration(String),
    /// The migration is asked for, or under way.
    #[error("its migration {0} has to be done first")]
    Migrating(RunId),
    /// The migration did not come to its end.
    #[error("its migration {run} is {}: {why}", state.as_str())]
    NotMigrated {
        /// The run.
        run: RunId,
        /// How it stands.
        state: RunState,
        /// Why.
        why: String,
    },
    /// It could not be seen in full.
    #[error("{0}")]
    NotSeen(String),
}
