//! The things that ECS keeps, as plain data.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::errands::Job;
use super::hooks::Hook;
use super::script::Behaviour;

/// Cluster name and service name.
pub(crate) type Key = (String, String);

/// How far a deployment has come (`rolloutState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

impl Rollout {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// A service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) key: Key,
    pub(crate) arn: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub(crate) status: &'static str,
    pub(crate) desired: usize,
    pub(crate) task_definition: String,
    /// Members of the requests that come back as they were sent, by name.
    pub(crate) settings: Map<String, Value>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created_at: Timestamp,
    /// The PRIMARY deployment first, then ACTIVE ones that still have tasks.
    pub(crate) deployments: Vec<Deployment>,
    /// ARN of the service deployment that was started last.
    pub(crate) record: Option<String>,
    /// What a rollback goes to: deployment id and service revision of the last completed deployment.
    pub(crate) last_completed: Option<(String, String)>,
    /// Whether the steady state has been announced and still holds.
    pub(crate) steady: bool,
    /// The service's own event messages, newest first: id, time, text.
    pub(crate) notes: VecDeque<(String, Timestamp, String)>,
}

impl Service {
    /// A member of a nested setting, for example `deploymentConfiguration.maximumPercent`.
    pub(crate) fn setting(&self, path: &[&str]) -> &Value {
        let (first, rest) = path.split_first().unwrap_or((&"", &[]));
        let start = self.settings.get(*first).unwrap_or(&Value::Null);
        rest.iter().fold(start, |value, name| value.get(name).unwrap_or(&Value::Null))
    }

    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    pub(crate) fn controller(&self) -> &str {
        self.setting(&["deploymentController", "type"]).as_str().unwrap_or("ECS")
    }
}

/// One deployment of a service.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    /// `ecs-svc/` and 19 digits.
    pub(crate) id: String,
    pub(crate) task_definition: String,
    /// ARN of the service revision that it runs.
    pub(crate) revision: String,
    /// ARN of the service deployment to which it belongs; a rollback belongs to the one that failed.
    pub(crate) record: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) state: Rollout,
    pub(crate) reason: String,
    /// Tasks that failed to start or to become healthy, in a row.
    pub(crate) failed: usize,
    /// Tasks that never ran since the last one that did: ECS slows down, and says so.
    pub(crate) unstarted: usize,
    /// Healthy tasks when the failures were counted last.
    pub(crate) credited: usize,
    /// No task is started before this time.
    pub(crate) not_before: Timestamp,
    pub(crate) is_rollback: bool,
    /// Whether it was announced that tasks do not start.
    pub(crate) impaired: bool,
    /// Ids of its tasks that are not STOPPED.
    pub(crate) tasks: Vec<String>,
}

/// One image of a service revision.
#[derive(Clone, Debug)]
pub(crate) struct RevisionImage {
    pub(crate) container: String,
    pub(crate) image: String,
    /// Recorded by the first task that pulls it, then the same for all tasks of the revision.
    pub(crate) digest: Option<String>,
    /// `versionConsistency` is not `disabled`.
    pub(crate) consistent: bool,
}

/// A service revision.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub(crate) service: Key,
    pub(crate) task_definition: String,
    pub(crate) images: Vec<RevisionImage>,
    /// Settings of the service at that time, as the revision shows them.
    pub(crate) settings: Map<String, Value>,
    pub(crate) created_at: Timestamp,
}

/// A service deployment: the record of a rollout with its rollback.
#[derive(Clone, Debug)]
pub(crate) struct ServiceDeployment {
    pub(crate) service: Key,
    pub(crate) status: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) target: String,
    pub(crate) sources: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    /// Reason, start, and service revision of the rollback.
    pub(crate) rollback: Option<(String, Timestamp, String)>,
    /// Circuit breaker: status, failures, threshold.
    pub(crate) breaker: (&'static str, usize, usize),
    /// Place of its lifecycle stage in their order.
    pub(crate) stage: usize,
    /// The lifecycle hooks that it has met so far.
    pub(crate) hooks: Vec<Hook>,
}

impl ServiceDeployment {
    pub(crate) fn set(&mut self, status: &'static str, reason: Option<&str>, now: Timestamp) {
        self.status = status;
        self.updated_at = now;
        self.reason = reason.map(str::to_owned).or_else(|| self.reason.take());
        if !status.ends_with("IN_PROGRESS") && !status.ends_with("REQUESTED") {
            self.finished_at = Some(now);
        }
        if status != "IN_PROGRESS" {
            self.hooks.iter_mut().for_each(Hook::give_up);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.finished_at.is_some()
    }
}

/// What the end of a task means to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The scheduler does not need it any more.
    NotNeeded,
    /// It never ran: counts for the circuit breaker, and slows the scheduler down.
    NeverStarted,
    /// It ran and failed its health checks: counts for the circuit breaker.
    Unhealthy,
    /// What it runs on is taken away: another one is started while it still runs.
    Displaced,
    /// It ended after RUNNING, or a person stopped it: it is replaced, and that is all.
    Lost,
}

/// With what the containers end that are asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// As their image was told to ([`crate::account::Account::exit_on_stop`]).
    Asked,
    /// With this exit code.
    With(i64),
    /// Nobody knows.
    Unknown,
}

/// Why and how a task ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) code: Option<&'static str>,
    pub(crate) reason: String,
    pub(crate) ending: Ending,
    pub(crate) exit: Exit,
}

/// A container of a task.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    /// The task ends when it does.
    pub(crate) essential: bool,
    pub(crate) behaviour: Behaviour,
    /// What it was told to do by its command.
    pub(crate) job: Option<Job>,
    pub(crate) digest: Option<String>,
    pub(crate) runtime_id: Option<String>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) reason: Option<String>,
}

/// A task, of a service or on its own.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) cluster: String,
    /// `service:NAME`, `family:NAME`, or what the caller of `RunTask` said.
    pub(crate) group: String,
    /// Of a service: the id of its deployment. Else what the caller of `RunTask` said.
    pub(crate) started_by: Option<String>,
    /// The service whose task it is.
    pub(crate) service: Option<Key>,
    /// ARN of its task definition.
    pub(crate) definition: String,
    /// Members that come back as they were asked for: `launchType`, `overrides`, `capacityProviderName`...
    pub(crate) settings: Map<String, Value>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Counts the events of this task.
    pub(crate) version: u64,
    pub(crate) status: &'static str,
    /// `RUNNING` or `STOPPED`.
    pub(crate) wanted: &'static str,
    /// `UNKNOWN`, `HEALTHY` or `UNHEALTHY`; `None` without a health check.
    pub(crate) health: Option<&'static str>,
    pub(crate) stop: Option<Stop>,
    pub(crate) created_at: Timestamp,
    pub(crate) pull_started_at: Option<Timestamp>,
    pub(crate) pull_stopped_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) stopping_at: Option<Timestamp>,
    /// When the last container ended.
    pub(crate) execution_stopped_at: Option<Timestamp>,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) containers: Vec<Container>,
}

impl Task {
    /// Takes a place among the tasks that its deployment should have: it lives, or it died and is not STOPPED yet.
    /// A task that the scheduler itself stops does not, nor one that loses what it runs on.
    pub(crate) fn takes_place(&self) -> bool {
        let given_up = |stop: &Stop| matches!(stop.ending, Ending::NotNeeded | Ending::Displaced);
        self.status != "STOPPED" && !self.stop.as_ref().is_some_and(given_up)
    }

    /// Whether it is a task of this service.
    pub(crate) fn is_of(&self, cluster: &str, service: &str) -> bool {
        self.service.as_ref().is_some_and(|key| key.0 == cluster && key.1 == service)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.status == "RUNNING" && self.wanted == "RUNNING"
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.is_running() && self.health.is_none_or(|health| health == "HEALTHY")
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.wanted == "RUNNING" && matches!(self.status, "PROVISIONING" | "PENDING")
    }
}
