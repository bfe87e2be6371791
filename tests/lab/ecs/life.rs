//! The life of a task: PROVISIONING, PENDING, RUNNING, perhaps healthy. How it ends: `stopping.rs`.

use jiff::Timestamp;
use serde_json::Value;

use super::model::{Container, Deployment, Key, RevisionImage, Service, Task};
use super::script::Behaviour;
use super::{Ecs, notices, pull, tags};
use crate::context::Context;
use crate::ecr::Ecr;

/// What happens by itself at some time, mostly to a task (by id).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The place is provided, the pull begins.
    Pull(String),
    /// The pull ends, well or not.
    Pulled(String),
    /// The health check passes.
    BecomeHealthy(String),
    /// The health check has failed for too long.
    BecomeUnhealthy(String),
    /// The container at this index ends, if it still behaves so.
    End(String, usize, Behaviour),
    /// A task that is being stopped gets to its next state.
    WindDown(String),
    /// The task is not shown any more.
    Forget(String),
    /// The scheduler looks at a service again.
    Schedule(Key),
    /// Nobody said how a service deployment (its ARN) goes on that waits at a hook (its id).
    HookExpires(String, String),
}

impl Ecs {
    /// Takes one step. A step of a task that is being stopped meanwhile does nothing, except its last ones.
    pub(super) fn take_step(&mut self, context: &mut Context, ecr: &Ecr, step: Step) {
        match step {
            Step::Pull(id) => self.living(&id, |ecs, task| ecs.pull(context, ecr, task)),
            Step::Pulled(id) => self.living(&id, |ecs, task| ecs.pulled(context, task)),
            Step::BecomeHealthy(id) => self.living(&id, |_, task| task.health = Some("HEALTHY")),
            Step::BecomeUnhealthy(id) => self.living(&id, |ecs, task| ecs.fail_health(context, task)),
            Step::End(id, index, behaviour) => {
                self.living(&id, |ecs, task| ecs.end_container(context, task, index, behaviour));
            }
            Step::WindDown(id) => return self.wind_down(context, &id),
            Step::Forget(id) => {
                self.tasks.remove(&id);
                return;
            }
            Step::Schedule(key) => return self.schedule(context, &key),
            Step::HookExpires(deployment, hook) => return self.expire_hook(context, &deployment, &hook),
        }
        self.schedule_touched(context);
    }

    /// Whatever happened to a task may let the scheduler go on with its service.
    pub(super) fn schedule_touched(&mut self, context: &mut Context) {
        for key in std::mem::take(&mut self.touched) {
            self.schedule(context, &key);
        }
    }

    /// Works on a task that nobody stops, while the rest of ECS stays at hand.
    pub(super) fn living(&mut self, id: &str, work: impl FnOnce(&mut Self, &mut Task)) {
        let Some(mut task) = self.tasks.remove(id) else { return };
        if task.wanted == "RUNNING" {
            work(self, &mut task);
            self.touched.extend(task.service.clone());
        }
        self.tasks.insert(id.to_owned(), task);
    }

    /// Starts a task of `deployment`.
    pub(super) fn start_task(&mut self, context: &mut Context, service: &Service, deployment: &mut Deployment) {
        let balanced = service.setting(&["loadBalancers"]).as_array().is_some_and(|balancers| !balancers.is_empty());
        let mut task = self.new_task(context, &service.key.0, &deployment.task_definition);
        task.group = format!("service:{}", service.key.1);
        task.started_by = Some(deployment.id.clone());
        task.service = Some(service.key.clone());
        task.tags = tags::of_task(service, self.definition(&deployment.task_definition).ok());
        if balanced {
            task.health = Some("UNKNOWN");
        }
        let provider = service.setting(&["capacityProviderStrategy"])[0]["capacityProvider"].clone();
        if provider.is_string() {
            task.settings.insert("capacityProviderName".to_owned(), provider);
        }
        deployment.tasks.push(task.id.clone());
        self.begin(context, task);
    }

    /// A task that has not begun, with what its definition says.
    pub(super) fn new_task(&self, context: &mut Context, cluster: &str, definition: &str) -> Task {
        let definition = self.definition(definition).ok();
        let text = |container: &Value, name: &str| container[name].as_str().unwrap_or_default().to_owned();
        let containers = definition.map_or(&[][..], |known| known.containers()).iter().map(|container| Container {
            name: text(container, "name"),
            image: text(container, "image"),
            essential: container["essential"].as_bool().unwrap_or(true),
            behaviour: Behaviour::Healthy,
            job: None,
            digest: None,
            runtime_id: None,
            exit_code: None,
            reason: None,
        });
        Task {
            id: context.ids.hex(),
            cluster: cluster.to_owned(),
            group: String::new(),
            started_by: None,
            service: None,
            definition: definition.map(|known| known.arn.clone()).unwrap_or_default(),
            settings: serde_json::Map::new(),
            tags: std::collections::BTreeMap::new(),
            version: 0,
            status: "PROVISIONING",
            wanted: "RUNNING",
            health: definition.is_some_and(super::TaskDefinition::has_health_check).then_some("UNKNOWN"),
            stop: None,
            created_at: context.now,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopping_at: None,
            execution_stopped_at: None,
            stopped_at: None,
            containers: containers.collect(),
        }
    }

    /// A new task begins its life.
    pub(super) fn begin(&mut self, context: &mut Context, mut task: Task) {
        notices::task(self, context, &mut task);
        self.set_timer(context.now + self.timings.provision, Step::Pull(task.id.clone()));
        self.tasks.insert(task.id.clone(), task);
    }

    /// The pull begins: the moment at which tags become digests.
    fn pull(&mut self, context: &mut Context, ecr: &Ecr, task: &mut Task) {
        let Some(mut images) = self.images_of(task) else { return };
        for (container, image) in task.containers.iter_mut().zip(&mut images) {
            match pull::pull(image, ecr) {
                Ok(digest) => container.digest = Some(digest),
                Err(reason) => container.reason = Some(reason),
            }
        }
        self.assign_behaviours(task);
        let failures = || task.containers.iter().filter_map(|container| container.behaviour.start_failure());
        if let Some(failure) = failures().find(|failure| !failure.is_after_pull()) {
            for container in &mut task.containers {
                (container.digest, container.reason) = (None, None);
            }
            return self.fail_start(context, task, failure);
        }
        if let Some(revision) = self.revision_of(task) {
            revision.images = images;
        }
        task.status = "PENDING";
        task.pull_started_at = Some(context.now);
        notices::task(self, context, task);
        self.set_timer(context.now + self.timings.pull, Step::Pulled(task.id.clone()));
    }

    /// The pull ends: the containers start, unless one could not be pulled.
    fn pulled(&mut self, context: &mut Context, task: &mut Task) {
        task.pull_stopped_at = Some(context.now);
        if let Some(reason) = task.containers.iter().find_map(|container| container.reason.clone()) {
            return self.fail_pull(context, task, reason);
        }
        if let Some(failure) = task.containers.iter().find_map(|container| container.behaviour.start_failure()) {
            return self.fail_start(context, task, failure);
        }
        for container in &mut task.containers {
            container.runtime_id = Some(context.ids.hex());
        }
        self.write_logs(context.now, task);
        let mut starts = true;
        for (index, container) in task.containers.iter().enumerate() {
            if let Behaviour::CrashAtStart { after, .. } = container.behaviour {
                self.set_timer(context.now + after, Step::End(task.id.clone(), index, container.behaviour));
                starts &= !container.essential;
            }
            starts &= container.behaviour != Behaviour::StaysPending;
        }
        if starts {
            self.run(context, task);
        }
    }

    fn run(&mut self, context: &mut Context, task: &mut Task) {
        task.status = "RUNNING";
        task.started_at = Some(context.now);
        notices::task(self, context, task);
        self.has_started(task);
        Self::begin_jobs(context.now, task);
        for (index, container) in task.containers.iter().enumerate() {
            if let Some((_, after)) = container.behaviour.end() {
                self.set_timer(context.now + after, Step::End(task.id.clone(), index, container.behaviour));
            }
        }
        if task.health.is_some() {
            if task.containers.iter().any(|container| container.behaviour == Behaviour::NeverHealthy) {
                self.set_timer(context.now + self.timings.unhealthy, Step::BecomeUnhealthy(task.id.clone()));
            } else {
                self.set_timer(context.now + self.timings.healthy, Step::BecomeHealthy(task.id.clone()));
            }
        }
    }

    /// The images that a task is to run: of a service those of the revision, whose digests are settled by the first pull.
    fn images_of(&mut self, task: &Task) -> Option<Vec<RevisionImage>> {
        if task.service.is_some() {
            return self.revision_of(task).map(|revision| revision.images.clone());
        }
        Some(super::services::images(self.definition(&task.definition).ok()?))
    }

    /// When the scheduler looks at a service again by itself.
    pub(super) fn schedule_at(&mut self, at: Timestamp, key: &Key) {
        self.set_timer(at, Step::Schedule(key.clone()));
    }
}
