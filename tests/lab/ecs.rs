//! The simulated container service (ECS): its API, its service scheduler, the life of its tasks, and their events.

mod actions;
mod breaker;
mod causes;
mod clusters;
mod commands;
mod containers;
mod definitions;
mod deployments;
mod errands;
mod failures;
mod history;
mod hooks;
mod jobs;
mod life;
mod model;
mod notices;
mod past;
mod pull;
mod rollout;
#[cfg(test)]
mod rules;
mod scheduler;
mod schema;
mod script;
mod services;
mod setup;
mod stages;
mod stopping;
mod tags;
mod tasks;
#[cfg(test)]
mod tests;
mod trouble;
mod view;

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::ecr::Ecr;
use crate::logs::Logs;
use crate::service::unknown_operation;
use crate::wire::{ApiError, Call, Outcome, Reply};

pub use causes::StopCause;
pub use commands::{Command, JobStart};
use definitions::TaskDefinition;
pub use errands::Job;
pub use failures::{PullError, ResourceError, StartFailure};
use history::History;
pub use hooks::PausedDeployment;
use jobs::Token;
use life::Step;
pub(crate) use model::Key;
use model::{Revision, Service, ServiceDeployment, Task};
pub use past::PastDeployment;
pub(crate) use pull::elsewhere;
pub use schema::{Migration, SimulatedSchema};
pub use script::{Behaviour, Timings};
pub use setup::ServiceSetup;

/// Everything that ECS knows about the account.
#[derive(Debug, Default)]
pub(crate) struct Ecs {
    clusters: BTreeMap<String, Timestamp>,
    /// Revisions of each family; revision 1 first.
    definitions: BTreeMap<String, Vec<TaskDefinition>>,
    services: BTreeMap<Key, Service>,
    /// Service revisions and service deployments, by ARN.
    revisions: BTreeMap<String, Revision>,
    records: BTreeMap<String, ServiceDeployment>,
    /// Tasks by id, stopped ones for an hour.
    tasks: BTreeMap<String, Task>,
    /// How long reads do not show a new task.
    task_lag: SignedDuration,
    timers: BTreeMap<(Timestamp, u64), Step>,
    timers_set: u64,
    scripts: BTreeMap<String, Behaviour>,
    /// What jobs do, by command; the last that fits counts.
    commands: Vec<(Command, Job)>,
    /// Where containers write.
    logs: Option<Logs>,
    /// Behaviours that outlast images, by service.
    outages: BTreeMap<Key, Behaviour>,
    /// Exit codes of containers that are asked to end, by digest.
    exits: BTreeMap<String, i64>,
    /// Reasons for which the next calls of `RunTask` place nothing.
    unplaced: VecDeque<String>,
    /// Client tokens of `RunTask`, by cluster.
    tokens: BTreeMap<(String, String), Token>,
    timings: Timings,
    history: History,
    /// Services to which something happened in the current step.
    touched: Vec<Key>,
}

impl Ecs {
    /// Answers one call. With `stale`, services are read as they were before their last write, and tasks that are younger
    /// than a minute are not known.
    pub(crate) fn call(&mut self, context: &mut Context, call: &Call, stale: bool) -> Outcome {
        let input = &call.input;
        let body = match call.operation.as_str() {
            "CreateCluster" => Ok(self.create_cluster(context, input)),
            "DescribeClusters" => Ok(self.describe_clusters(input)),
            "ListClusters" => self.list_clusters(input),
            "RegisterTaskDefinition" => self.register_task_definition(context, input),
            "DescribeTaskDefinition" => self.describe_task_definition(input),
            "DeregisterTaskDefinition" => self.deregister_task_definition(context, input),
            "ListTaskDefinitions" => self.list_task_definitions(input),
            "CreateService" => self.create_service(context, input),
            "UpdateService" => self.update_service(context, input),
            "DeleteService" => self.delete_service(context, input),
            "DescribeServices" => self.describe_services(context.now, input, stale),
            "ListServices" => self.list_services(input),
            "TagResource" => self.tag_resource(context.now, input),
            "UntagResource" => self.untag_resource(context.now, input),
            "ListTagsForResource" => self.list_tags_for_resource(input),
            "DescribeTasks" => self.describe_tasks(context.now, input, stale),
            "ListTasks" => self.list_tasks(context.now, input, stale),
            "RunTask" => self.run_task(context, input),
            "StopTask" => self.stop_task_by_api(context, input),
            "DescribeServiceRevisions" => self.describe_service_revisions(input),
            "ListServiceDeployments" => self.list_service_deployments(input),
            "DescribeServiceDeployments" => self.describe_service_deployments(input),
            "ContinueServiceDeployment" => self.continue_service_deployment(context, input),
            "StopServiceDeployment" => self.stop_service_deployment(context, input),
            _ => return unknown_operation(call),
        };
        body.map(Reply::Json)
    }

    /// When the next step is due by itself.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes every step that is due by now, in order.
    pub(crate) fn run_due(&mut self, context: &mut Context, ecr: &Ecr) {
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= context.now) {
            let step = entry.remove();
            self.take_step(context, ecr, step);
        }
    }

    fn set_timer(&mut self, at: Timestamp, step: Step) {
        self.timers_set += 1;
        self.timers.insert((at, self.timers_set), step);
    }

    /// Works on a service while the rest of ECS stays at hand.
    fn with_service<T>(&mut self, key: &Key, work: impl FnOnce(&mut Self, &mut Service) -> T) -> Option<T> {
        let mut service = self.services.remove(key)?;
        let result = work(self, &mut service);
        self.services.insert(key.clone(), service);
        Some(result)
    }

    /// Keeps what the service is now for reads that lag, before a write changes it.
    fn remember(&mut self, key: &Key, now: Timestamp) {
        self.history.remember(key, now, self.services.get(key));
    }

    /// The services with their tags, as a read sees them now: ARN and tags.
    pub(crate) fn tagged_services(&self, now: Timestamp, stale: bool) -> Vec<(&str, &BTreeMap<String, String>)> {
        let visible = self.services.keys().filter_map(|key| self.history.visible(key, now, stale, &self.services));
        visible.filter(|service| service.status != "INACTIVE").map(|s| (s.arn.as_str(), &s.tags)).collect()
    }
}

fn client_exception(message: impl Into<String>) -> ApiError {
    ApiError::client("ClientException", message)
}
