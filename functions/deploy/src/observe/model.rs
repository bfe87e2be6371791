//! What is seen of the world, in own plain types. `plan` knows nothing else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::failure::CallFailure;
use shared::image::{Digest, ImageReference, ImageTag, Repository};
use shared::migration::RunHead;
use shared::policy::Image;
use shared::state::Versioned;

use crate::rollout::Rollout;

/// An ECS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// Its ARN.
    pub arn: ServiceArn,
    /// All its tags.
    pub tags: Vec<(String, String)>,
    /// Whether it is `ACTIVE`; a service that is draining or gone is left alone.
    pub is_active: bool,
    /// What keeps Steward from rolling it at all, if anything.
    pub unsupported: Option<Unsupported>,
    /// The revision that it is set to. Absent on services that ECS manages itself (Express Mode).
    pub task_definition: Option<TaskDefinitionArn>,
    /// Its deployments, the primary one first.
    pub deployments: Vec<Deployment>,
    /// ARN of the current service deployment (`currentServiceDeployment`).
    pub deployment_arn: Option<String>,
    /// ARNs of the service revisions in use; one, except during a rollout.
    pub revisions: Vec<String>,
    /// How many tasks are wanted.
    pub desired_count: i32,
    /// Whether its deployment strategy is `ROLLING`.
    pub is_rolling: bool,
    /// Whether ECS itself rolls back a rollout that fails.
    pub has_rollback: bool,
}

/// A deployment of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// `ecs-svc/` and a number.
    pub id: String,
    /// Whether it is the one that ECS works towards.
    pub is_primary: bool,
    /// How far it is.
    pub rollout: RolloutState,
    /// When it was created.
    pub created: Option<Timestamp>,
}

/// `rolloutState` of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RolloutState {
    /// `IN_PROGRESS`, or one that is not known.
    InProgress,
    /// `COMPLETED`
    Completed,
    /// `FAILED`
    Failed,
}

/// Services that Steward cannot roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unsupported {
    /// Controller `CODE_DEPLOY`.
    #[error(
        "its deployment controller is CODE_DEPLOY, which only AWS CodeDeploy may roll; move it to the ECS controller, whose blue/green needs no CodeDeploy"
    )]
    CodeDeploy,
    /// Controller `EXTERNAL`.
    #[error("its deployment controller is EXTERNAL: its task sets belong to another tool")]
    External,
    /// Scheduling strategy `DAEMON`.
    #[error("it is a DAEMON service; rolling those is not supported")]
    Daemon,
    /// ECS manages the service (Express Mode).
    #[error("ECS manages it (Express Mode), and updates it by a call of its own that is not supported")]
    ExpressMode,
    /// A controller or strategy that this version does not know.
    #[error("its deployment controller or scheduling strategy is one that this version of Steward does not know")]
    Unknown,
}

/// A container of a task definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    /// Its name.
    pub name: String,
    /// Its image, or the text that is no image reference.
    pub image: Result<ImageReference, String>,
    /// Whether it has the docker label with the command that migrates.
    pub migrates: bool,
    /// The digest that the service revision says it runs. Only looked up where the reference names none.
    pub running: Option<Digest>,
}

/// How the service deployments API says that a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has not ended.
    UnderWay,
    /// `SUCCESSFUL`
    Successful {
        /// The digests that its containers run, where a tag was resolved to them: it may have moved since the call.
        ran: BTreeMap<String, Digest>,
    },
    /// `ROLLBACK_*`
    RolledBack {
        /// ECS's reason.
        why: Option<String>,
        /// The digests that its containers ran, where a tag was resolved to them.
        ran: BTreeMap<String, Digest>,
    },
    /// `STOPPED`: another took its place, or a person stopped it.
    Stopped,
}

impl Outcome {
    /// The digests that an ended rollout ran.
    pub(crate) fn ran(&self) -> Option<&BTreeMap<String, Digest>> {
        match self {
            Self::Successful { ran } | Self::RolledBack { ran, .. } => Some(ran),
            Self::UnderWay | Self::Stopped => None,
        }
    }

    /// Adds what the containers ran.
    pub(crate) fn note(&mut self, digests: BTreeMap<String, Digest>) {
        if let Self::Successful { ran } | Self::RolledBack { ran, .. } = self {
            ran.extend(digests);
        }
    }
}

/// What a registry holds: from ECR, or as it was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Catalog {
    /// All images.
    pub images: Vec<Image>,
    /// Whether the registry itself was asked. An announcement only says what somebody said.
    pub is_ecr: bool,
}

impl Catalog {
    /// The image that a tag names. A registry holds a tag once.
    pub(crate) fn tagged(&self, tag: &ImageTag) -> Option<&Image> {
        self.images.iter().find(|image| image.tags.contains(tag))
    }
}

/// All that is seen of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The service, or that ECS does not know it (any more).
    pub service: Option<Service>,
    /// Its containers; empty where they did not need to be looked up.
    pub containers: Vec<Container>,
    /// What is remembered of it.
    pub memory: Versioned<Rollout>,
    /// How the migration stands that it waits for.
    pub migration: RunHead,
    /// How its last attempt stands, when that was looked up.
    pub outcome: Option<Outcome>,
    /// How the attempt before that stands, when it was still under way.
    pub previous_outcome: Option<Outcome>,
    /// The service deployment that a call made whose answer was never written down.
    pub landed: Option<String>,
    /// What kept it from being seen in full.
    pub failure: Option<CallFailure>,
}

/// What all the registries hold that were looked at, or why not.
pub(crate) type Catalogs = BTreeMap<Repository, Result<Catalog, CallFailure>>;

impl Service {
    /// The primary deployment.
    pub(crate) fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.is_primary)
    }
}
