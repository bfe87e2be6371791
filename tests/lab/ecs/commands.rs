//! Jobs by their command: what a task of `RunTask` does when it is told to run this. The same image in a task of a service
//! behaves as its digest is scripted.

use jiff::Timestamp;
use serde_json::Value;

use super::causes::StopCause;
use super::errands::{Course, Job};
use super::model::{Container, Task};
use super::schema::SimulatedSchema;
use super::script::Behaviour;
use super::{Ecs, view};
use crate::account::Account;
use crate::input::{items, text, texts};
use crate::logs::Logs;

/// The commands that a script is for: that of the override, or else that of the task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing happens before `Account::script_command`"]
pub struct Command {
    words: Words,
    digest: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Words {
    Exactly(Vec<String>),
    With(String),
}

impl Command {
    /// This command, word by word.
    pub fn exactly(command: &[&str]) -> Self {
        Self { words: Words::Exactly(command.iter().map(|&word| word.to_owned()).collect()), digest: None }
    }

    /// Every command in which this word stands, be it within an argument: `["sh", "-c", "rake db:migrate"]` has
    /// `db:migrate`.
    pub fn with(word: &str) -> Self {
        Self { words: Words::With(word.to_owned()), digest: None }
    }

    /// Only of the image with this digest.
    pub fn of(mut self, digest: &str) -> Self {
        self.digest = Some(digest.to_owned());
        self
    }

    fn is(&self, command: &[String], digest: Option<&str>) -> bool {
        let of_image = self.digest.is_none() || self.digest.as_deref() == digest;
        of_image
            && match &self.words {
                Words::Exactly(words) => words == command,
                Words::With(word) => {
                    command.iter().any(|part| part == word || part.split_whitespace().any(|one| one == word))
                }
            }
    }
}

/// The container of a job whose image is about to be pulled, for a script that decides by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStart {
    /// ARN of the task.
    pub task: String,
    /// `startedBy` of the task.
    pub started_by: Option<String>,
    /// What it is to run.
    pub command: Vec<String>,
    /// Digest of the image; `None` when it is not there.
    pub digest: Option<String>,
}

impl Account {
    /// From now on, containers of tasks that `RunTask` starts do this when their command is this one. Where several scripts
    /// fit, the last one counts. It goes before what [`Account::script`] says of the image.
    pub fn script_command(&self, command: Command, job: Job) {
        self.lock().ecs.commands.push((command, job));
    }

    /// Where containers write what they say ([`Job::says`]). A `World` sees to it.
    pub fn container_logs(&self, logs: &Logs) {
        self.lock().ecs.logs = Some(logs.clone());
    }
}

impl Ecs {
    /// What the container of a job is told to do, and how it behaves then.
    pub(super) fn job_of(&self, task: &Task, container: &Container) -> Option<(Job, Behaviour)> {
        if task.service.is_some() {
            return None;
        }
        let command = self.command_of(task, &container.name);
        let digest = container.digest.as_deref();
        let (_, job) = self.commands.iter().rev().find(|(wanted, _)| wanted.is(&command, digest))?;
        let behaviour = job.behaviour(|| JobStart {
            task: view::task_arn(task),
            started_by: task.started_by.clone(),
            command,
            digest: container.digest.clone(),
        });
        Some((job.clone(), behaviour))
    }

    /// The command of a container: that of the override, or else that of the task definition.
    fn command_of(&self, task: &Task, container: &str) -> Vec<String> {
        let of_it = |all: &[Value]| {
            let found = all.iter().find(|one| text(one, "name") == Some(container))?;
            let words: Vec<_> = texts(found, "command").into_iter().map(str::to_owned).collect();
            Some(words).filter(|words| !words.is_empty())
        };
        let overridden = task.settings.get("overrides").and_then(|all| of_it(items(all, "containerOverrides")));
        let own = || of_it(self.definition(&task.definition).ok()?.containers());
        overridden.or_else(own).unwrap_or_default()
    }

    /// Containers start: they write what they have to say.
    pub(super) fn write_logs(&self, now: Timestamp, task: &Task) {
        let Some(logs) = &self.logs else { return };
        let definitions = self.definition(&task.definition).map_or(&[][..], super::TaskDefinition::containers);
        for container in task.containers.iter().filter(|one| one.behaviour != Behaviour::StaysPending) {
            let Some(job) = &container.job else { continue };
            let Some(definition) = definitions.iter().find(|one| text(one, "name") == Some(&container.name)) else {
                continue;
            };
            let options = &definition["logConfiguration"]["options"];
            let (group, prefix) = (text(options, "awslogs-group"), text(options, "awslogs-stream-prefix"));
            let (Some(group), Some(prefix)) = (group, prefix) else { continue };
            let stream = format!("{prefix}/{}/{}", container.name, task.id);
            for line in &job.lines {
                logs.write(group, &stream, now, line);
            }
        }
    }

    /// A task is RUNNING: plans look at their schema, migrations begin.
    pub(super) fn begin_jobs(now: Timestamp, task: &mut Task) {
        let (arn, started_by) = (view::task_arn(task), task.started_by.clone());
        for container in task.containers.iter_mut().filter(|container| container.exit_code.is_none()) {
            let digest = container.digest.as_deref().unwrap_or_default();
            match container.job.as_ref().map(|job| &job.course) {
                Some(Course::Plans(schema, after)) => {
                    let exit_code = schema.plan(digest);
                    container.behaviour = Behaviour::CrashAfterRunning { exit_code, after: *after };
                }
                Some(Course::Migrates { schema, commits, .. }) => {
                    schema.begin(now, &arn, started_by.as_deref(), digest, *commits);
                }
                _ => {}
            }
        }
    }

    /// The container at `index` ends by itself.
    pub(super) fn end_job(now: Timestamp, task: &Task, index: usize, cause: StopCause) {
        let Some(container) = task.containers.get(index).filter(|_| cause.is_of_container()) else { return };
        if let Some(schema) = container.migrates() {
            schema.end(now, &view::task_arn(task), container.exit_code, cause == StopCause::Exit(0));
        }
    }

    /// All containers of a task have ended.
    pub(super) fn end_jobs(now: Timestamp, task: &Task) {
        for container in &task.containers {
            if let Some(schema) = container.migrates() {
                schema.end(now, &view::task_arn(task), container.exit_code, false);
            }
        }
    }
}

impl Container {
    /// The schema that it migrates.
    fn migrates(&self) -> Option<&SimulatedSchema> {
        match &self.job.as_ref()?.course {
            Course::Migrates { schema, .. } => Some(schema),
            _ => None,
        }
    }
}
