//! The service scheduler: brings what runs towards what is wanted, and watches rollouts.

use jiff::SignedDuration;

use super::breaker::Breaker;
use super::model::{Deployment, Ending, Key, Rollout, Service, Task};
use super::{Ecs, notices};
use crate::context::Context;

/// Tasks of one deployment, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Census {
    places: usize,
    running: usize,
    healthy: usize,
}

impl Census {
    fn of<'a>(tasks: impl Iterator<Item = &'a Task>) -> Self {
        tasks.fold(Self::default(), |census, task| Self {
            places: census.places + usize::from(task.takes_place()),
            running: census.running + usize::from(task.is_running()),
            healthy: census.healthy + usize::from(task.is_healthy()),
        })
    }
}

impl Ecs {
    /// Looks at a service and does what is due: stops, starts, completes.
    pub(super) fn schedule(&mut self, context: &mut Context, key: &Key) {
        self.with_service(key, |ecs, service| {
            if service.status == "INACTIVE" || service.deployments.is_empty() {
                return;
            }
            ecs.credit_healthy(service);
            ecs.stop_unneeded(context, service);
            ecs.start_missing(context, service);
            ecs.complete(context, service);
            retire(service);
        });
    }

    /// A task of a service is STOPPED.
    pub(super) fn task_gone(&mut self, context: &mut Context, key: &Key, task: &str, ending: Option<Ending>) {
        self.with_service(key, |ecs, service| {
            let desired = service.desired.max(1);
            let found = service.deployments.iter_mut().find(|known| known.tasks.iter().any(|id| id == task));
            let Some(found) = found else { return };
            found.tasks.retain(|known| known != task);
            if !matches!(ending, Some(Ending::NeverStarted | Ending::Unhealthy)) {
                return;
            }
            found.updated_at = context.now;
            // After a rollout nobody counts failures for the circuit breaker any more.
            found.failed += usize::from(found.state != Rollout::Completed);
            found.unstarted += usize::from(ending == Some(Ending::NeverStarted));
            found.not_before = found.not_before.max(context.now + pause(found.unstarted / desired));
            if found.unstarted >= 3 * desired && !found.impaired {
                found.impaired = true;
                notices::action(context, service, "WARN", "SERVICE_TASK_START_IMPAIRED");
                notices::note(context, service, "is unable to consistently start tasks successfully.");
            }
            ecs.check_breaker(context, service);
        });
        self.schedule(context, key);
    }

    /// A task of a service is RUNNING: ECS forgets about those before it that never were.
    pub(super) fn has_started(&mut self, task: &Task) {
        let service = task.service.as_ref().and_then(|key| self.services.get_mut(key));
        let deployments = service.into_iter().flat_map(|service| &mut service.deployments);
        for deployment in deployments.filter(|known| known.tasks.contains(&task.id)) {
            (deployment.unstarted, deployment.impaired) = (0, false);
        }
    }

    fn census(&self, deployments: &[Deployment]) -> Census {
        Census::of(deployments.iter().flat_map(|deployment| &deployment.tasks).filter_map(|id| self.tasks.get(id)))
    }

    /// A healthy task sets the count of failures back, unless the breaker is told not to.
    fn credit_healthy(&mut self, service: &mut Service) {
        let breaker = Breaker::of(service);
        let Some((primary, _)) = service.deployments.split_first_mut() else { return };
        let healthy = self.census(std::slice::from_ref(primary)).healthy;
        if healthy > primary.credited && breaker.reset_on_healthy_task && primary.state != Rollout::Failed {
            primary.failed = 0;
        }
        primary.credited = healthy;
    }

    /// Stops tasks that the service does not need, never going below the minimum of healthy ones.
    fn stop_unneeded(&mut self, context: &mut Context, service: &mut Service) {
        let Some(place) = self.place_of_tasks(service) else { return };
        let Some(primary) = service.deployments.get(place) else { return };
        // While a hook keeps the PRIMARY deployment from its tasks, the others keep theirs.
        let old = service.deployments.get(1..).filter(|_| place == 0).unwrap_or_default();
        let desired = service.desired;
        let mut own = self.census(std::slice::from_ref(primary));
        let surplus = own.places.saturating_sub(desired);
        // Newest first, which are also those that do not run yet.
        let mut stops: Vec<String> = self.live(primary).rev().take(surplus).map(|task| task.id.clone()).collect();
        own.healthy = own.healthy.min(desired);
        let mut before = self.census(old);
        let min = percent(service, "minimumHealthyPercent", 100, |part| part.div_ceil(100));
        let max = percent(service, "maximumPercent", 200, |part| part / 100);
        let blocked = primary.state != Rollout::Failed && own.places < desired && own.places + before.places >= max;
        for task in old.iter().flat_map(|deployment| self.live(deployment)) {
            let enough = own.healthy + before.running > desired;
            let healthy = usize::from(task.is_healthy());
            let safe = own.healthy + before.healthy >= min + healthy;
            // What does not run yet is of no use to anybody.
            if task.is_pending() || (safe && (enough || blocked)) {
                before.running -= usize::from(task.is_running());
                before.healthy -= healthy;
                stops.push(task.id.clone());
            }
        }
        for id in &stops {
            self.scale_in(context, id);
        }
    }

    /// Tasks of a deployment that nobody stops yet, oldest first.
    fn live<'a>(&'a self, deployment: &'a Deployment) -> impl DoubleEndedIterator<Item = &'a Task> {
        deployment.tasks.iter().filter_map(|id| self.tasks.get(id)).filter(|task| task.wanted == "RUNNING")
    }

    /// Which deployment is to have the tasks: the PRIMARY one, or the last completed one while a hook holds that.
    fn place_of_tasks(&self, service: &Service) -> Option<usize> {
        if !self.is_before_scale_up(service) {
            return Some(0);
        }
        let (completed, _) = service.last_completed.as_ref()?;
        service.deployments.iter().position(|deployment| deployment.id == *completed)
    }

    /// Starts what the deployment lacks that is to have the tasks, up to the maximum of the service.
    fn start_missing(&mut self, context: &mut Context, service: &mut Service) {
        let mut total = self.census(&service.deployments).places;
        let max = percent(service, "maximumPercent", 200, |part| part / 100);
        let Some(place) = self.place_of_tasks(service) else { return };
        let Some(mut primary) = service.deployments.get(place).cloned() else { return };
        let mut places = self.census(std::slice::from_ref(&primary)).places;
        if primary.state == Rollout::Failed || places >= service.desired {
            return;
        }
        if primary.not_before > context.now {
            return self.schedule_at(primary.not_before, &service.key);
        }
        while places < service.desired && total < max {
            self.start_task(context, service, &mut primary);
            (places, total) = (places + 1, total + 1);
        }
        service.steady = false;
        if let Some(known) = service.deployments.get_mut(place) {
            *known = primary;
        }
    }

    /// Completes the rollout when all that is wanted is healthy and nothing else is left; announces the steady state.
    fn complete(&mut self, context: &mut Context, service: &mut Service) {
        let Some((primary, old)) = service.deployments.split_first() else { return };
        let healthy = self.census(std::slice::from_ref(primary)).healthy;
        let drained = old.iter().all(|deployment| deployment.tasks.is_empty());
        let held = self.is_before_scale_up(service);
        if held || healthy < service.desired || !drained || primary.tasks.len() > service.desired {
            service.steady = false;
            return;
        }
        if primary.state == Rollout::InProgress && service.status == "ACTIVE" {
            if !self.pass_stages(context, service) {
                service.steady = false;
                return;
            }
            self.finish_rollout(context, service);
        }
        let completed = service.deployments.first().is_some_and(|primary| primary.state == Rollout::Completed);
        if completed && !service.steady {
            service.steady = true;
            notices::action(context, service, "INFO", "SERVICE_STEADY_STATE");
            notices::note(context, service, "has reached a steady state.");
        }
    }
}

/// Forgets superseded deployments without tasks, and a deleted service's last deployment.
fn retire(service: &mut Service) {
    let mut first = true;
    service.deployments.retain(|deployment| std::mem::take(&mut first) || !deployment.tasks.is_empty());
    if service.status == "DRAINING" && service.deployments.iter().all(|deployment| deployment.tasks.is_empty()) {
        service.status = "INACTIVE";
        service.deployments.clear();
    }
}

/// A percentage of the desired count, rounded as the setting has it.
fn percent(service: &Service, setting: &str, default: usize, round: impl Fn(usize) -> usize) -> usize {
    let value = service.setting(&["deploymentConfiguration", setting]).as_u64();
    let percent = value.and_then(|value| usize::try_from(value).ok()).unwrap_or(default);
    round(service.desired * percent)
}

/// How long ECS waits before it tries again, after so many rounds in which every task failed: nothing at first, then
/// longer and longer, up to 27 minutes.
fn pause(rounds: usize) -> SignedDuration {
    let doublings = match rounds {
        0..=2 => return SignedDuration::ZERO,
        more => u32::try_from(more - 3).unwrap_or(6).min(6),
    };
    SignedDuration::from_secs(30 * 2_i64.pow(doublings)).min(SignedDuration::from_mins(27))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rounds: usize, seconds: i64) {
        assert_eq!(pause(rounds), SignedDuration::from_secs(seconds));
    }

    #[test]
    fn tasks_that_never_start_are_tried_again_ever_less_often() {
        check(0, 0);
        check(2, 0);
        check(3, 30);
        check(4, 60);
        check(8, 960);
        check(9, 27 * 60);
        check(10_000, 27 * 60);
    }
}
