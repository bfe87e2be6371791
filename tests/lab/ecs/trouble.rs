//! Trouble on request: tasks that end now, services whose tasks end again and again, images that do not end when asked.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::Ecs;
use super::causes::StopCause;
use super::life::Step;
use super::model::{Key, Task};
use super::script::Behaviour;
use super::view::task_arn;
use crate::account::Account;

/// Between the first crashes of the services of an outage.
const IN_TURN: SignedDuration = SignedDuration::from_secs(10);

impl Account {
    /// Ends every RUNNING task of a service now. Answers their ARNs.
    pub fn end_tasks(&self, cluster: &str, service: &str, cause: StopCause) -> Vec<String> {
        self.end(cluster, service, usize::MAX, cause)
    }

    /// Ends the oldest RUNNING task of a service now. Answers its ARN.
    pub fn end_task(&self, cluster: &str, service: &str, cause: StopCause) -> Option<String> {
        self.end(cluster, service, 1, cause).pop()
    }

    fn end(&self, cluster: &str, service: &str, most: usize, cause: StopCause) -> Vec<String> {
        let mut state = self.lock();
        let state = &mut *state;
        let (ecs, context) = (&mut state.ecs, &mut state.context);
        let mut running: Vec<_> = ecs.tasks.values().filter(|t| t.is_running() && t.is_of(cluster, service)).collect();
        running.sort_by_key(|task| (task.created_at, task.id.clone()));
        let ended: Vec<_> = running.into_iter().take(most).map(|task| (task.id.clone(), task_arn(task))).collect();
        for (id, _) in &ended {
            ecs.living(id, |ecs, task| ecs.end_task(context, task, 0, cause));
        }
        ecs.schedule_touched(context);
        ended.into_iter().map(|(_, arn)| arn).collect()
    }

    /// From now on the first container of every task of these services behaves so: of the tasks that run, of their
    /// replacements, of whatever is rolled out. The services are hit one after another. It lasts until
    /// [`Account::outage_over`].
    pub fn outage(&self, services: &[(&str, &str)], behaviour: Behaviour) {
        let mut state = self.lock();
        let (now, ecs) = (state.context.now, &mut state.ecs);
        let mut delay = SignedDuration::ZERO;
        for (cluster, service) in services {
            ecs.outages.insert(((*cluster).to_owned(), (*service).to_owned()), behaviour);
            let mut hit = Vec::new();
            for task in ecs.tasks.values_mut().filter(|t| t.wanted == "RUNNING" && t.is_of(cluster, service)) {
                let Some(first) = task.containers.first_mut() else { continue };
                first.behaviour = behaviour;
                hit.extend(task.started_at.map(|_| task.id.clone()));
            }
            if let Some((_, after)) = behaviour.end() {
                for id in hit {
                    ecs.set_timer(now + delay + after, Step::End(id, 0, behaviour));
                }
            }
            delay += IN_TURN;
        }
    }

    /// Every outage is over: tasks behave as their images do.
    pub fn outage_over(&self) {
        let mut state = self.lock();
        let over = std::mem::take(&mut state.ecs.outages);
        let ids: Vec<_> = state.ecs.tasks.values().filter(|task| is_hit(&over, task)).map(|t| t.id.clone()).collect();
        for id in ids {
            state.ecs.living(&id, |ecs, task| ecs.assign_behaviours(task));
        }
        let state = &mut *state;
        state.ecs.schedule_touched(&mut state.context);
    }

    /// From now on containers of `digest` end with this exit code when they are asked to. 137 is what ECS does to those
    /// that ignore SIGTERM, after their `stopTimeout`. Without a word it is 0.
    pub fn exit_on_stop(&self, digest: &str, exit_code: i64) {
        self.lock().ecs.exits.insert(digest.to_owned(), exit_code);
    }
}

fn is_hit(outages: &BTreeMap<Key, Behaviour>, task: &Task) -> bool {
    task.service.as_ref().is_some_and(|key| outages.contains_key(key))
}

impl Ecs {
    /// Lets each container behave as its image does, or the first as the outage of its service wants, or that of a job as
    /// its command does.
    pub(super) fn assign_behaviours(&self, task: &mut Task) {
        let outage = task.service.as_ref().and_then(|key| self.outages.get(key));
        let jobs: Vec<_> = task.containers.iter().map(|container| self.job_of(task, container)).collect();
        for ((index, container), job) in task.containers.iter_mut().enumerate().zip(jobs) {
            if let Some((job, behaviour)) = job {
                (container.job, container.behaviour) = (Some(job), behaviour);
                continue;
            }
            let script = container.digest.as_ref().and_then(|digest| self.scripts.get(digest));
            container.behaviour = outage.filter(|_| index == 0).or(script).copied().unwrap_or_default();
        }
    }
}
