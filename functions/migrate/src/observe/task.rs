//! The task of a run, wherever it is to be found, and its last lines.

use aws_sdk_ecs::types::{self, DesiredStatus};
use shared::arn::TaskArn;
use shared::failure::{CallFailure, FailureKind};
use shared::logs::{self, LogStream};
use shared::migration::RunId;

use super::Observer;
use crate::classify::{Container, Task};
use crate::plan::TaskSeen;
use crate::run::{Frozen, Job};

/// Most tasks that `DescribeTasks` takes.
const TASKS: usize = 100;
/// Lines of a log that are worth telling.
const LINES: i32 = 20;

impl Observer {
    /// The task that a job names.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn task(&self, cluster: &str, arn: &TaskArn) -> Result<TaskSeen, CallFailure> {
        let found = self.tasks(cluster, vec![arn.to_string()]).await?.into_iter().find(|task| task.arn == *arn);
        Ok(found.map_or_else(|| TaskSeen::Missing(arn.clone()), TaskSeen::Found))
    }

    /// The task of a job whose call got no answer, among those that run and those that stopped within the hour.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn find(
        &self,
        cluster: &str,
        run: &RunId,
        job: &Job,
        frozen: &Frozen,
    ) -> Result<TaskSeen, CallFailure> {
        let started_by = job.started_by(run);
        // ECS takes no other filter beside startedBy, and lists only what is wanted to run then.
        let running = self.clients.ecs().list_tasks().cluster(cluster).started_by(&started_by);
        let stopped = self.clients.ecs().list_tasks().cluster(cluster).family(&frozen.family);
        for request in [running, stopped.desired_status(DesiredStatus::Stopped)] {
            let answer = request.send().await;
            let answer = answer.map_err(|error| CallFailure::new("ecs:ListTasks", cluster, &error))?;
            let listed = answer.task_arns.unwrap_or_default();
            let tasks = self.tasks(cluster, listed).await?;
            if let Some(task) = tasks.into_iter().find(|task| task.started_by.as_deref() == Some(&started_by)) {
                return Ok(TaskSeen::Found(task));
            }
        }
        Ok(TaskSeen::None)
    }

    /// The tasks of these ARNs that ECS knows.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn tasks(&self, cluster: &str, arns: Vec<String>) -> Result<Vec<Task>, CallFailure> {
        let mut found = Vec::new();
        for chunk in arns.chunks(TASKS) {
            let request = self.clients.ecs().describe_tasks().cluster(cluster).set_tasks(Some(chunk.to_vec()));
            let answer = request.send().await;
            let answer = answer.map_err(|error| CallFailure::new("ecs:DescribeTasks", cluster, &error))?;
            found.extend(answer.tasks.unwrap_or_default().into_iter().filter_map(read));
        }
        Ok(found)
    }

    /// The last lines of a task's container. They make an alert better and are no reason not to send it, so what cannot be
    /// read is said in their place.
    pub(crate) async fn log(&self, frozen: &Frozen, task: &TaskArn) -> Vec<String> {
        let stream = frozen
            .logs
            .as_ref()
            .and_then(|(driver, options)| LogStream::of(driver, options, &frozen.container, task.id()));
        let Some(stream) = stream else {
            return Vec::new();
        };
        match logs::tail(self.clients.logs(), &stream, LINES).await {
            Ok(lines) => lines.unwrap_or_default(),
            Err(failure) if failure.kind == FailureKind::Denied => vec![format!("(its log cannot be read: {failure})")],
            Err(failure) => {
                tracing::warn!(reason = %failure, "the log of a task could not be read");
                Vec::new()
            }
        }
    }
}

fn read(task: types::Task) -> Option<Task> {
    let containers = task.containers.unwrap_or_default().into_iter().map(|container| Container {
        name: container.name.unwrap_or_default(),
        exit_code: container.exit_code,
        reason: container.reason,
        image: container.image,
        digest: container.image_digest,
    });
    Some(Task {
        arn: task.task_arn.as_deref()?.parse().ok()?,
        started_by: task.started_by,
        is_stopped: task.last_status.as_deref() == Some("STOPPED"),
        has_started: task.started_at.is_some(),
        stop_code: task.stop_code.map(|code| code.as_str().to_owned()),
        stopped_reason: task.stopped_reason,
        containers: containers.collect(),
    })
}
