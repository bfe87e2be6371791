//! The life of a task: PROVISIONING, PENDING, RUNNING, perhaps healthy, and at some time STOPPED.

use jiff::{SignedDuration, Timestamp};

use super::model::{Container, Deployment, Ending, Key, Revision, Service, Stop, Task};
use super::script::Behaviour;
use super::{Ecs, notices, pull};
use crate::context::Context;
use crate::ecr::Ecr;

/// Stopped tasks are shown this long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

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
    /// The container ends by itself.
    Crash(String),
    /// The task is STOPPED.
    Stopped(String),
    /// The task is not shown any more.
    Forget(String),
    /// The scheduler looks at a service again.
    Schedule(Key),
}

impl Ecs {
    /// Takes one step. A step of a task that is being stopped meanwhile does nothing, except its last ones.
    pub(super) fn take_step(&mut self, context: &mut Context, ecr: &Ecr, step: Step) {
        match step {
            Step::Pull(id) => self.living(&id, |ecs, task| ecs.pull(context, ecr, task)),
            Step::Pulled(id) => self.living(&id, |ecs, task| ecs.pulled(context, task)),
            Step::BecomeHealthy(id) => self.living(&id, |_, task| task.health = Some("HEALTHY")),
            Step::BecomeUnhealthy(id) => self.living(&id, |ecs, task| {
                task.health = Some("UNHEALTHY");
                let reason = ecs.health_failure(task);
                ecs.stop(context, task, "ServiceSchedulerInitiated", reason, Ending::Failure);
            }),
            Step::Crash(id) => self.living(&id, |ecs, task| ecs.crash(context, task)),
            Step::Stopped(id) => return self.stopped(context, &id),
            Step::Forget(id) => {
                self.tasks.remove(&id);
                return;
            }
            Step::Schedule(key) => return self.schedule(context, &key),
        }
        // Whatever happened to a task may let the scheduler go on with its service.
        for key in std::mem::take(&mut self.touched) {
            self.schedule(context, &key);
        }
    }

    /// Works on a task that nobody stops, while the rest of ECS stays at hand.
    fn living(&mut self, id: &str, work: impl FnOnce(&mut Self, &mut Task)) {
        let Some(mut task) = self.tasks.remove(id) else { return };
        if task.wanted == "RUNNING" {
            work(self, &mut task);
            self.touched.push(task.service.clone());
        }
        self.tasks.insert(id.to_owned(), task);
    }

    /// Starts a task of `deployment`.
    pub(super) fn start_task(&mut self, context: &mut Context, service: &Service, deployment: &mut Deployment) {
        let id = context.ids.hex();
        let images = self.revisions.get(&deployment.revision).map_or(&[][..], |revision| &revision.images);
        let containers = images.iter().map(|image| Container {
            name: image.container.clone(),
            image: image.image.clone(),
            digest: None,
            runtime_id: None,
            exit_code: None,
            reason: None,
        });
        let checked = self
            .definition(&deployment.task_definition)
            .is_ok_and(super::definitions::TaskDefinition::has_health_check)
            || service.setting(&["loadBalancers"]).as_array().is_some_and(|balancers| !balancers.is_empty());
        let mut task = Task {
            id: id.clone(),
            service: service.key.clone(),
            deployment: deployment.id.clone(),
            definition: deployment.task_definition.clone(),
            version: 0,
            status: "PROVISIONING",
            wanted: "RUNNING",
            health: checked.then_some("UNKNOWN"),
            behaviour: Behaviour::Healthy,
            culprit: 0,
            stop: None,
            created_at: context.now,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopping_at: None,
            stopped_at: None,
            containers: containers.collect(),
        };
        notices::task(self, context, &mut task);
        self.set_timer(context.now + self.timings.provision, Step::Pull(id.clone()));
        deployment.tasks.push(id.clone());
        self.tasks.insert(id, task);
    }

    /// The pull begins: the moment at which tags become digests.
    fn pull(&mut self, context: &mut Context, ecr: &Ecr, task: &mut Task) {
        let Some(revision) = self.revision_of(task) else { return };
        let pulled: Vec<_> = revision.images.iter_mut().map(|image| pull::pull(image, ecr)).collect();
        for (container, pulled) in task.containers.iter_mut().zip(pulled) {
            match pulled {
                Ok(digest) => container.digest = Some(digest),
                Err(reason) => container.reason = Some(reason),
            }
        }
        let digests = task.containers.iter().map(|container| self.scripts.get(container.digest.as_deref()?));
        (task.culprit, task.behaviour) = pull::behaviour(digests);
        if task.behaviour == Behaviour::CannotPull
            && let Some(culprit) = task.containers.get_mut(task.culprit)
        {
            culprit.reason = Some(pull::refused(&culprit.image));
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
            return self.stop(context, task, "TaskFailedToStart", reason, Ending::Failure);
        }
        for container in &mut task.containers {
            container.runtime_id = Some(context.ids.hex());
        }
        if let Behaviour::CrashAtStart { after, .. } = task.behaviour {
            return self.set_timer(context.now + after, Step::Crash(task.id.clone()));
        }
        task.status = "RUNNING";
        task.started_at = Some(context.now);
        notices::task(self, context, task);
        match task.behaviour {
            Behaviour::CrashAfterRunning { after, .. } | Behaviour::OutOfMemory { after } => {
                self.set_timer(context.now + after, Step::Crash(task.id.clone()));
            }
            _ => {}
        }
        if task.health.is_some() {
            if task.behaviour == Behaviour::NeverHealthy {
                self.set_timer(context.now + self.timings.unhealthy, Step::BecomeUnhealthy(task.id.clone()));
            } else {
                self.set_timer(context.now + self.timings.healthy, Step::BecomeHealthy(task.id.clone()));
            }
        }
    }

    /// The culprit's process ends by itself, and the task with it.
    fn crash(&mut self, context: &mut Context, task: &mut Task) {
        let Some(culprit) = task.containers.get_mut(task.culprit) else { return };
        match task.behaviour {
            Behaviour::CrashAtStart { exit_code, .. } | Behaviour::CrashAfterRunning { exit_code, .. } => {
                culprit.exit_code = Some(exit_code);
            }
            Behaviour::OutOfMemory { .. } => {
                culprit.exit_code = Some(137);
                culprit.reason = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
            }
            Behaviour::Healthy | Behaviour::CannotPull | Behaviour::NeverHealthy => return,
        }
        let ending = if task.started_at.is_some() { Ending::Lost } else { Ending::Failure };
        self.stop(context, task, "EssentialContainerExited", "Essential container in task exited".to_owned(), ending);
    }

    /// Begins to stop a task.
    pub(super) fn stop(
        &mut self,
        context: &mut Context,
        task: &mut Task,
        code: &'static str,
        reason: String,
        ending: Ending,
    ) {
        task.stop = Some(Stop { code, reason, ending });
        task.wanted = "STOPPED";
        task.status = if task.started_at.is_some() { "DEACTIVATING" } else { "DEPROVISIONING" };
        task.stopping_at = Some(context.now);
        notices::task(self, context, task);
        self.set_timer(context.now + self.timings.stop, Step::Stopped(task.id.clone()));
    }

    /// Begins to stop a task of a service because the scheduler does not need it.
    pub(super) fn scale_in(&mut self, context: &mut Context, id: &str) {
        let Some(mut task) = self.tasks.remove(id) else { return };
        let reason = format!("Scaling activity initiated by (deployment {})", task.deployment);
        self.stop(context, &mut task, "ServiceSchedulerInitiated", reason, Ending::NotNeeded);
        self.tasks.insert(id.to_owned(), task);
    }

    fn stopped(&mut self, context: &mut Context, id: &str) {
        let Some(mut task) = self.tasks.remove(id) else { return };
        task.status = "STOPPED";
        task.stopped_at = Some(context.now);
        for container in task.containers.iter_mut().filter(|container| container.runtime_id.is_some()) {
            // The others are asked to end, and do.
            container.exit_code.get_or_insert(0);
        }
        notices::task(self, context, &mut task);
        let (key, deployment) = (task.service.clone(), task.deployment.clone());
        let ending = task.stop.as_ref().map(|stop| stop.ending);
        self.tasks.insert(id.to_owned(), task);
        self.set_timer(context.now + REMEMBERED, Step::Forget(id.to_owned()));
        self.task_gone(context, &key, &deployment, id, ending == Some(Ending::Failure));
    }

    fn revision_of(&mut self, task: &Task) -> Option<&mut Revision> {
        let service = self.services.get(&task.service)?;
        let deployment = service.deployments.iter().find(|deployment| deployment.id == task.deployment)?;
        self.revisions.get_mut(&deployment.revision)
    }

    fn health_failure(&self, task: &Task) -> String {
        let service = self.services.get(&task.service);
        let balancer = service.and_then(|s| s.setting(&["loadBalancers"]).get(0)?.get("targetGroupArn")?.as_str());
        match balancer {
            Some(group) => format!("Task failed ELB health checks in (target-group {group})"),
            None => "Task failed container health checks".to_owned(),
        }
    }

    /// When the scheduler looks at a service again by itself.
    pub(super) fn schedule_at(&mut self, at: Timestamp, key: &Key) {
        self.set_timer(at, Step::Schedule(key.clone()));
    }
}
