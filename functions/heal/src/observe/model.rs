//! What is seen of the world, in own plain types. `plan` knows nothing else.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::failure::CallFailure;
use shared::image::Digest;
use shared::mute::Mutes;
use shared::state::Versioned;

use crate::board::{Board, Ledger};
use crate::classify::Part;
use crate::trigger::StoppedTask;
use crate::watch::Watch;

/// An ECS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// Its ARN.
    pub arn: ServiceArn,
    /// All its tags.
    pub tags: Vec<(String, String)>,
    /// Whether it is `ACTIVE`.
    pub is_active: bool,
    /// Whether ECS itself rolls it, one task after the other.
    pub is_rolling: bool,
    /// Whether a rollout that fails ends by itself.
    pub breaker: Breaker,
    /// How many tasks are wanted.
    pub desired: i32,
    /// How many run.
    pub running: i32,
    /// Its deployments, the primary one first.
    pub deployments: Vec<Deployment>,
    /// ARNs of the service revisions in use.
    pub revisions: Vec<String>,
}

/// The deployment circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaker {
    /// Off.
    Off,
    /// On, and a failed rollout stays where it is.
    WithoutRollback,
    /// On, and a failed rollout is rolled back.
    WithRollback,
}

/// A deployment of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// `ecs-svc/` and a number.
    pub id: String,
    /// Whether it is the one that ECS works towards.
    pub is_primary: bool,
    /// Whether it has reached its steady state.
    pub is_completed: bool,
    /// Whether ECS has given up on it.
    pub is_failed: bool,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The revision that it runs.
    pub task_definition: Option<TaskDefinitionArn>,
}

impl Service {
    /// The deployment that ECS works towards.
    pub(crate) fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.is_primary)
    }

    /// The deployment of this id, as long as ECS lists it.
    pub(crate) fn deployment(&self, id: Option<&String>) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| Some(&deployment.id) == id)
    }

    /// Whether all that is wanted runs, and nothing is under way.
    pub(crate) fn is_healthy(&self) -> bool {
        self.running >= self.desired && self.primary().is_some_and(|primary| primary.is_completed)
    }
}

/// All that is seen before it is decided whether there is something to tell.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The service; `None` when ECS does not know it (any more), or it is a job.
    pub service: Option<Service>,
    /// What is remembered of it.
    pub watch: Versioned<Watch>,
    /// What is open in its cluster.
    pub board: Versioned<Board>,
    /// What was asked in the account.
    pub ledger: Versioned<Ledger>,
    /// What is muted.
    pub mutes: Mutes,
    /// The newest task of the service that stopped, where that was asked.
    pub newest: Option<StoppedTask>,
}

/// What is looked up only when there is something to tell or to decide. Each part may be missing: it must not delay or
/// prevent an alert, and what is missing is no reason to act.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Evidence {
    /// The last successful deployment before the one that is concerned.
    pub target: Option<Target>,
    /// What the two revisions differ in.
    pub difference: Option<Difference>,
    /// The last lines that the container logged.
    pub logs: Logs,
    /// Whether the registry still holds what the target runs.
    pub images: Images,
    /// What could not be looked up.
    pub missing: Vec<String>,
}

/// The deployment to go back to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// Its revision.
    pub task_definition: TaskDefinitionArn,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Whether a service can still be set to the revision.
    pub is_active: bool,
    /// Image and digest of each container.
    pub images: BTreeMap<String, Image>,
}

/// An image as a service revision knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Image {
    /// The reference in the task definition.
    pub reference: String,
    /// What it was resolved to.
    pub digest: Option<Digest>,
}

/// What two revisions differ in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Difference {
    /// What changed, before and after, for people. Of environment and secrets names only.
    pub lines: Vec<String>,
    /// The parts that changed by which a rollback may help.
    pub parts: BTreeSet<Part>,
}

/// What the container logged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Logs {
    /// It was not looked up, or could not be.
    #[default]
    Unknown,
    /// There is nothing to look up, for this reason.
    None(String),
    /// There was nothing yet; it may come.
    Late(String),
    /// The last lines, oldest first.
    Lines(Vec<String>),
}

/// Whether the registry still holds what the target runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Images {
    /// It was not looked up, or could not be.
    #[default]
    Unknown,
    /// All of them.
    Held,
    /// It cannot be told, or some are gone; in words.
    Lacking(String),
}

impl Evidence {
    /// Notes that something could not be looked up.
    pub(crate) fn lacks(&mut self, failure: &CallFailure) {
        self.missing.push(format!("{} on {}", failure.operation, failure.resource));
    }
}
