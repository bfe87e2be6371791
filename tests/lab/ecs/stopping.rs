//! How a task ends: what it shows on its way to STOPPED, and what its service makes of it.

use jiff::SignedDuration;

use super::causes::StopCause;
use super::errands::Job;
use super::failures::StartFailure;
use super::life::Step;
use super::model::{Container, Ending, Exit, Revision, Stop, Task};
use super::script::Behaviour;
use super::{Ecs, notices};
use crate::context::{Context, arn};

/// Stopped tasks are shown this long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// From the warning of a Spot interruption to the stop.
const SPOT_WARNING: SignedDuration = SignedDuration::from_mins(2);

/// How long a container may take to end, unless its definition says more or less (`stopTimeout`), in seconds.
const STOP_TIMEOUT: i64 = 30;

/// Exit code of a container that was killed because it did not end when it was asked to.
const KILLED: i64 = 137;

impl Ecs {
    /// The task does not start, for a reason that has nothing to do with what its containers do.
    pub(super) fn fail_start(&mut self, context: &mut Context, task: &mut Task, failure: StartFailure) {
        let found = task.containers.iter_mut().find(|container| container.behaviour.start_failure() == Some(failure));
        let image = found.as_ref().map(|container| container.image.clone()).unwrap_or_default();
        let (reason, of_container) = failure.reasons(&image);
        if let Some(container) = found {
            container.reason = of_container;
        }
        if failure.has_no_containers() {
            task.containers.clear();
        }
        let stop = Stop { code: failure.stop_code(), reason, ending: Ending::NeverStarted, exit: Exit::Unknown };
        self.stop(context, task, stop);
    }

    /// An image is not there.
    pub(super) fn fail_pull(&mut self, context: &mut Context, task: &mut Task, reason: String) {
        let code = Some("TaskFailedToStart");
        self.stop(context, task, Stop { code, reason, ending: Ending::NeverStarted, exit: Exit::Unknown });
    }

    /// The health check never passed.
    pub(super) fn fail_health(&mut self, context: &mut Context, task: &mut Task) {
        let cause = match self.target_group(task) {
            Some(_) => StopCause::ElbHealth { exit_code: 0 },
            None => StopCause::ContainerHealth { exit_code: 0 },
        };
        self.end_task(context, task, 0, cause);
    }

    /// A container ends as it was told to, if that still holds; the task ends with it when it is essential.
    pub(super) fn end_container(&mut self, context: &mut Context, task: &mut Task, index: usize, told: Behaviour) {
        let Some(container) = task.containers.get_mut(index).filter(|container| container.behaviour == told) else {
            return;
        };
        let cause = match told {
            Behaviour::CrashAtStart { exit_code, .. } => StopCause::Exit(exit_code),
            _ => match told.end() {
                Some((cause, _)) => cause,
                None => return,
            },
        };
        if cause.is_of_container() && !container.essential {
            cause.mark(container);
            Self::end_job(context.now, task, index, cause);
            return notices::task(self, context, task);
        }
        self.end_task(context, task, index, cause);
    }

    /// Ends a task that nobody stops yet. `culprit`: the container that ends by itself, where the cause is one.
    pub(super) fn end_task(&mut self, context: &mut Context, task: &mut Task, culprit: usize, cause: StopCause) {
        let group = self.target_group(task).unwrap_or_else(|| {
            arn("elasticloadbalancing", &format!("targetgroup/{}/0a1b2c3d4e5f6071", task.group.replace(':', "-")))
        });
        let mut stop = cause.stop(&group);
        if let Some(container) = task.containers.get_mut(culprit) {
            cause.mark(container);
            Self::end_job(context.now, task, culprit, cause);
        }
        if task.started_at.is_none() {
            stop.ending = Ending::NeverStarted;
        }
        if stop.ending == Ending::Unhealthy && task.health.is_some() {
            task.health = Some("UNHEALTHY");
        }
        if cause != StopCause::SpotInterruption {
            return self.stop(context, task, stop);
        }
        // The warning: it is to stop, and still runs.
        (task.stop, task.wanted) = (Some(stop), "STOPPED");
        notices::task(self, context, task);
        self.set_timer(context.now + SPOT_WARNING, Step::WindDown(task.id.clone()));
    }

    /// Begins to stop a task.
    pub(super) fn stop(&mut self, context: &mut Context, task: &mut Task, stop: Stop) {
        (task.stop, task.wanted) = (Some(stop), "STOPPED");
        let next = if task.started_at.is_some() { "DEACTIVATING" } else { "DEPROVISIONING" };
        self.pass_to(context, task, next);
    }

    /// Begins to stop a task of a service because the scheduler does not need it.
    pub(super) fn scale_in(&mut self, context: &mut Context, id: &str) {
        let Some(mut task) = self.tasks.remove(id) else { return };
        let by = task.started_by.clone().unwrap_or_default();
        let stop = Stop {
            code: Some("ServiceSchedulerInitiated"),
            reason: format!("Scaling activity initiated by (deployment {by})"),
            ending: Ending::NotNeeded,
            exit: Exit::Asked,
        };
        self.stop(context, &mut task, stop);
        self.tasks.insert(id.to_owned(), task);
    }

    /// The next state of a task that is being stopped.
    pub(super) fn wind_down(&mut self, context: &mut Context, id: &str) {
        let Some(mut task) = self.tasks.remove(id) else { return };
        let next = match task.status {
            "RUNNING" => "DEACTIVATING",
            "DEACTIVATING" => "STOPPING",
            "STOPPING" => "DEPROVISIONING",
            _ => "STOPPED",
        };
        self.pass_to(context, &mut task, next);
        self.tasks.insert(id.to_owned(), task);
        if next == "STOPPED" {
            self.gone(context, id);
        }
    }

    /// Enters a state on the way to STOPPED, and sets the time of the one after it. All of it takes `timings.stop`, and
    /// what containers take that do not end when they are asked to.
    fn pass_to(&mut self, context: &mut Context, task: &mut Task, state: &'static str) {
        task.status = state;
        task.stopping_at.get_or_insert(context.now);
        let (all, fifth) = (self.timings.stop, self.timings.stop / 5);
        let stays = match state {
            "DEACTIVATING" => Some(fifth),
            "STOPPING" => Some(fifth * 2 + self.patience(task)),
            "DEPROVISIONING" => {
                self.end_the_others(task);
                Self::end_jobs(context.now, task);
                task.execution_stopped_at = Some(context.now);
                Some(if task.started_at.is_some() { all - fifth * 3 } else { all })
            }
            _ => {
                task.stopped_at = Some(context.now);
                None
            }
        };
        notices::task(self, context, task);
        if let Some(stays) = stays {
            self.set_timer(context.now + stays, Step::WindDown(task.id.clone()));
        }
    }

    /// How long ECS waits for containers that do not end when they are asked to.
    fn patience(&self, task: &Task) -> SignedDuration {
        let stubborn = task.containers.iter().any(|one| self.asked_exit(task, one) == Some(KILLED));
        let own_end = task.containers.iter().all(|container| container.exit_code.is_some());
        if !stubborn || own_end {
            return SignedDuration::ZERO;
        }
        let containers = self.definition(&task.definition).map_or(&[][..], super::TaskDefinition::containers);
        let longest = containers.iter().filter_map(|container| container["stopTimeout"].as_i64()).max();
        SignedDuration::from_secs(longest.unwrap_or(STOP_TIMEOUT))
    }

    /// The containers that still run are asked to end, and do, or are killed.
    fn end_the_others(&self, task: &mut Task) {
        let exits: Vec<_> = task.containers.iter().map(|one| self.asked_exit(task, one)).collect();
        let started = task.containers.iter_mut().zip(exits).filter(|(container, _)| container.runtime_id.is_some());
        for (container, exit_code) in started {
            container.exit_code = container.exit_code.or(exit_code);
        }
    }

    fn asked_exit(&self, task: &Task, container: &Container) -> Option<i64> {
        let of_image = || container.digest.as_ref().and_then(|digest| self.exits.get(digest).copied());
        match task.stop.as_ref().map(|stop| stop.exit)? {
            Exit::Asked => container.job.as_ref().map(Job::asked_exit).or_else(of_image).or(Some(0)),
            Exit::With(code) => Some(code),
            Exit::Unknown => None,
        }
    }

    /// A task is STOPPED: its service hears of it, and in an hour it is forgotten.
    fn gone(&mut self, context: &mut Context, id: &str) {
        self.set_timer(context.now + REMEMBERED, Step::Forget(id.to_owned()));
        let Some(task) = self.tasks.get(id) else { return };
        let ending = task.stop.as_ref().map(|stop| stop.ending);
        if let Some(key) = task.service.clone() {
            self.task_gone(context, &key, id, ending);
        }
    }

    pub(super) fn revision_of(&mut self, task: &Task) -> Option<&mut Revision> {
        let service = self.services.get(task.service.as_ref()?)?;
        let deployment = service.deployments.iter().find(|known| known.tasks.contains(&task.id))?;
        self.revisions.get_mut(&deployment.revision)
    }

    fn target_group(&self, task: &Task) -> Option<String> {
        let service = self.services.get(task.service.as_ref()?)?;
        let group = service.setting(&["loadBalancers"]).get(0)?.get("targetGroupArn")?.as_str()?;
        Some(group.to_owned())
    }
}
