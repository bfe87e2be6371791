//! Tasks, as the API shows and stops them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::model::{Ending, Exit, Stop, Task};
use super::{Ecs, tags, view};
use crate::account::Account;
use crate::context::Context;
use crate::input::{invalid, page, required, text, texts};
use crate::wire::ApiError;

/// Filters of `ListTasks` that go with each other, and not with `startedBy`.
const FILTERS: [&str; 5] = ["serviceName", "family", "containerInstance", "launchType", "desiredStatus"];

/// How young a task is that a read from the past does not know.
const STALE: SignedDuration = SignedDuration::from_mins(1);

impl Account {
    /// Lets `DescribeTasks` and `ListTasks` not know tasks that are younger than this. Zero by default.
    pub fn task_read_lag(&self, lag: SignedDuration) {
        self.lock().ecs.task_lag = lag;
    }
}

impl Ecs {
    /// Whether reads show the task yet.
    fn is_seen(&self, task: &Task, now: Timestamp, stale: bool) -> bool {
        let lag = if stale { STALE.max(self.task_lag) } else { self.task_lag };
        task.created_at + lag <= now
    }

    pub(super) fn describe_tasks(&self, now: Timestamp, input: &Value, stale: bool) -> Result<Value, ApiError> {
        let cluster = self.cluster(input)?;
        let asked = texts(input, "tasks");
        if asked.is_empty() || asked.len() > 100 {
            return Err(invalid("Tasks must have between 1 and 100 items."));
        }
        let with_tags = texts(input, "include").contains(&"TAGS");
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for asked in asked {
            let id = asked.rsplit('/').next().unwrap_or(asked);
            match self.tasks.get(id).filter(|task| task.cluster == cluster && self.is_seen(task, now, stale)) {
                Some(task) => {
                    let mut shown = self.show_task(task);
                    if with_tags {
                        shown["tags"] = tags::list(&task.tags);
                    }
                    found.push(shown);
                }
                None => failures.push(json!({"arn": view::task_arn_of(cluster, id), "reason": "MISSING"})),
            }
        }
        Ok(json!({"tasks": found, "failures": failures}))
    }

    pub(super) fn list_tasks(&self, now: Timestamp, input: &Value, stale: bool) -> Result<Value, ApiError> {
        let cluster = self.cluster(input)?;
        let service = text(input, "serviceName").map(|name| name.rsplit('/').next().unwrap_or(name));
        let started_by = text(input, "startedBy");
        if let Some(other) = FILTERS.iter().find(|name| started_by.is_some() && input.get(**name).is_some()) {
            return Err(invalid(format!("startedBy must be the only filter: {other} cannot go with it.")));
        }
        let family = text(input, "family").map(|family| format!("task-definition/{family}:"));
        let wanted = text(input, "desiredStatus").unwrap_or("RUNNING");
        if !matches!(wanted, "RUNNING" | "PENDING" | "STOPPED") {
            return Err(invalid(format!("{wanted} is no desiredStatus.")));
        }
        let mine = self.tasks.values().filter(|task| {
            task.cluster == cluster
                && self.is_seen(task, now, stale)
                && task.wanted == wanted
                && service.is_none_or(|name| task.is_of(cluster, name))
                && (started_by.is_none() || task.started_by.as_deref() == started_by)
                && family.as_ref().is_none_or(|family| task.definition.contains(family))
        });
        let arns = mine.map(view::task_arn).collect();
        let (arns, next) = page(arns, input["maxResults"].as_u64(), (100, 100), text(input, "nextToken"))?;
        Ok(json!({"taskArns": arns, "nextToken": next}))
    }

    pub(super) fn stop_task_by_api(&mut self, context: &mut Context, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster(input)?;
        let asked = required(input, "task")?;
        let id = asked.rsplit('/').next().unwrap_or(asked);
        let missing = || invalid("The referenced task was not found.");
        let mut task = self.tasks.remove(id).ok_or_else(missing)?;
        if task.cluster != cluster {
            self.tasks.insert(id.to_owned(), task);
            return Err(missing());
        }
        if task.wanted == "RUNNING" {
            let reason = text(input, "reason").unwrap_or("Task stopped by user").to_owned();
            let stop = Stop { code: Some("UserInitiated"), reason, ending: Ending::Lost, exit: Exit::Asked };
            self.stop(context, &mut task, stop);
            // AWS takes the tags of a task that is stopped by request.
            task.tags.clear();
        }
        let shown = self.show_task(&task);
        self.touched.extend(task.service.clone());
        self.tasks.insert(id.to_owned(), task);
        self.schedule_touched(context);
        Ok(json!({"task": shown}))
    }
}
