//! How a task ended: pure, total, and never more certain than ECS is. What no rule knows stays unknown.
//!
//! One stop code means many things: `ServiceSchedulerInitiated` is a scale-in, a failed health check or AWS's
//! maintenance. And an exit code is no cause: 137 is a process that was killed, and running out of memory is only one of
//! the reasons; with memory used up the code may as well be 0 or 1.

mod class;
mod text;

use shared::event::ecs::{TaskContainer, TaskStateChange};

pub(crate) use self::class::{Class, Cure, Part, Standing};
use self::text::{Pull, Resource, Text, pull, resource};

/// Prefix of the `startedBy` of tasks that Steward itself runs.
const OWN: &str = "steward/";

/// What a stop is, and why in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The class.
    pub class: Class,
    /// The cause, as a sentence without its full stop.
    pub cause: String,
    /// The container that it is about, where one can be named.
    pub container: Option<String>,
}

/// Tells what a stopped task ended of.
pub(crate) fn classify(task: &TaskStateChange) -> Finding {
    let stop = Stop::of(task);
    let (class, cause) = stop.class();
    Finding { class, cause, container: stop.container.map(|container| container.name.clone()) }
}

/// Whether the task belongs to a service.
pub(crate) fn is_of_service(task: &TaskStateChange) -> bool {
    task.group.as_deref().is_some_and(|group| group.starts_with("service:"))
}

struct Stop<'a> {
    task: &'a TaskStateChange,
    code: &'a str,
    reason: Text<'a>,
    /// The container that most likely ended the task: which ones are essential is not in the event.
    container: Option<&'a TaskContainer>,
}

impl<'a> Stop<'a> {
    fn of(task: &'a TaskStateChange) -> Self {
        let says = |container: &&TaskContainer| container.reason.as_deref().is_some_and(|reason| !reason.is_empty());
        let failed = |container: &&TaskContainer| container.exit_code.is_some_and(|code| code != 0);
        // Those that ECS ends with the task have the code of a signal; one that failed by itself has another.
        let ended = |container: &&TaskContainer| !matches!(container.exit_code, Some(137 | 143));
        let containers = &task.containers;
        // A reason beats an exit code: a sidecar that was ended with the task has a code too, and no reason.
        let container = containers.iter().find(says);
        let container = container.or_else(|| containers.iter().find(|container| failed(container) && ended(container)));
        let container = container.or_else(|| containers.iter().find(failed));
        Self {
            task,
            code: task.stop_code.as_deref().unwrap_or_default(),
            reason: Text(task.stopped_reason.as_deref().unwrap_or_default()),
            container: container.or_else(|| containers.first()),
        }
    }

    /// The task's reason and those of its containers.
    fn reasons(&self) -> impl Iterator<Item = Text<'a>> {
        let containers = self.task.containers.iter().filter_map(|container| container.reason.as_deref());
        std::iter::once(self.reason.0).chain(containers).filter(|text| !text.is_empty()).map(Text)
    }

    /// The first reason that begins with one of the names.
    fn named(&self, names: &[&str]) -> Option<Text<'a>> {
        self.reasons().find(|reason| reason.names(names))
    }

    /// The rules, top down; the first that holds decides.
    fn class(&self) -> (Class, String) {
        let own = self.task.started_by.as_deref().is_some_and(|by| by.starts_with(OWN));
        if own || self.reason.0.to_ascii_lowercase().starts_with("steward:") {
            return (Class::Own, "Steward itself ran or stopped it".to_owned());
        }
        if matches!(self.code, "SpotInterruption" | "TerminationNotice")
            || self.reason.has(&["spot task was interrupted"])
        {
            return (Class::Spot, "its Spot capacity was taken back".to_owned());
        }
        if self.reason.has(&["scaling activity initiated by"]) {
            return (Class::Scheduler, self.scheduled());
        }
        if self.code == "UserInitiated" || self.reason.has(&["stopped by user", "deregistration forced by user"]) {
            return (Class::User, "a person stopped it".to_owned());
        }
        let maintained = self.code == "InfrastructureHealth" || self.reason.has(&["performing maintenance"]);
        if maintained || self.reason.has(&["host ec2"]) {
            return (Class::Host, "its host went away or is being maintained by AWS".to_owned());
        }
        let found = self.memory().or_else(|| self.never_started()).or_else(|| self.health());
        found.or_else(|| self.agent_or_capacity()).unwrap_or_else(|| self.exited())
    }

    fn scheduled(&self) -> String {
        let killed = self.task.containers.iter().any(|container| container.exit_code == Some(137));
        let hint = if killed {
            "; it did not end at SIGTERM and was killed (exit code 137): handle SIGTERM, or raise stopTimeout"
        } else {
            ""
        };
        format!("the scheduler scaled in or replaced it{hint}")
    }

    /// Out of memory is what ECS calls so in words. The exit code may be 137, 1 or 0.
    fn memory(&self) -> Option<(Class, String)> {
        let said = self.reasons().any(|reason| reason.has(&["outofmemoryerror", "oom-killed", "oomkilled"]));
        said.then(|| (Class::Oom, format!("{} ran out of memory", self.who())))
    }

    /// What went wrong before any code of the application ran.
    fn never_started(&self) -> Option<(Class, String)> {
        if let Some(reason) = self.named(&["CannotPullContainerError", "CannotPullECRContainerError"]) {
            return Some(self.not_pulled(reason));
        }
        if let Some(reason) = self.named(&["ResourceInitializationError"]) {
            return Some(match resource(reason) {
                Resource::Denied => {
                    (Class::Secret, "a secret or parameter may not be read by the execution role".to_owned())
                }
                Resource::MissingSecret => (Class::Secret, "a secret or parameter does not exist".to_owned()),
                Resource::Logging => (Class::LogConfig, "its log configuration is not accepted".to_owned()),
                Resource::FileSystem => (Class::InfrastructureNetwork, "a file system could not be mounted".to_owned()),
                Resource::Network => (
                    Class::InfrastructureNetwork,
                    "what it needs before its start is out of reach by network".to_owned(),
                ),
                Resource::Other => {
                    (Class::StartUnknown, "what it needs before its start could not be prepared".to_owned())
                }
            });
        }
        let network = ["NetworkNamespaceError", "ENIInformationError"];
        if self.named(&network).is_some() || self.reason.has(&["network interface provisioning"]) {
            return Some((Class::InfrastructureNetwork, "its network interface could not be provided".to_owned()));
        }
        let bad = ["CannotStartContainerError", "CannotCreateContainerError"];
        if let Some(reason) = self.named(&bad) {
            // On container instances it is the runtime that starts the log driver.
            if resource(reason) == Resource::Logging {
                return Some((Class::LogConfig, "its log configuration is not accepted".to_owned()));
            }
            return Some((Class::BadStart, format!("{} could not be started", self.who())));
        }
        None
    }

    /// What is no fault of the task. Asked after the health checks, as a task that failed them may be hard to stop too.
    fn agent_or_capacity(&self) -> Option<(Class, String)> {
        let agent = [
            "DockerTimeoutError",
            "ContainerRuntimeTimeoutError",
            "ContainerRuntimeError",
            "DockerStateError",
            "InternalError",
            "ContainerVanishedError",
            "CannotInspectContainerError",
            "CannotStopContainerError",
        ];
        if self.named(&agent).is_some() {
            return Some((Class::Agent, "the container runtime of its host failed".to_owned()));
        }
        let capacity = ["capacity is unavailable", "resource:", "limit on the number of tasks", "unable to place"];
        self.reason
            .has(&capacity)
            .then(|| (Class::Capacity, "AWS has no capacity for it, or a quota is used up".to_owned()))
    }

    fn not_pulled(&self, reason: Text<'_>) -> (Class, String) {
        let image = self.container.and_then(|container| container.image.as_deref()).map_or("its image", without_host);
        match pull(reason) {
            Pull::Missing => (Class::PullMissing, format!("{image} does not exist")),
            Pull::Architecture => (Class::PullMissing, format!("{image} does not exist for the platform of the task")),
            Pull::Denied => (Class::PullDenied, format!("{image} is missing, or may not be pulled")),
            Pull::Throttled => (Class::PullTransient, format!("the registry of {image} throttles")),
            Pull::Network => (Class::PullTransient, format!("the registry of {image} is out of reach")),
            Pull::Disk => (Class::PullTransient, format!("there is no space left for {image}")),
            Pull::Other => (Class::StartUnknown, format!("{image} could not be pulled")),
        }
    }

    /// Real failures that share their stop code with a scale-in.
    fn health(&self) -> Option<(Class, String)> {
        if self.reason.has(&["failed elb health checks", "elastic load balancer", "(elb)"]) {
            return Some((Class::ElbHealth, "it failed the health checks of its load balancer".to_owned()));
        }
        if self.reason.has(&["failed container health checks"]) {
            return Some((Class::ContainerHealth, format!("{} failed its health check", self.who())));
        }
        self.reason.has(&["health check"]).then(|| (Class::Degraded, "it failed a health check".to_owned()))
    }

    /// The application ran, and ended.
    fn exited(&self) -> (Class, String) {
        let code = self.container.and_then(|container| container.exit_code);
        let who = self.who();
        match (self.code, code) {
            ("TaskFailedToStart", _) => {
                (Class::StartUnknown, "it did not start, and ECS's reason is not known".to_owned())
            }
            ("EssentialContainerExited", Some(code)) => self.by_code(code),
            ("EssentialContainerExited", None) => (Class::Unknown, format!("{who} ended, and ECS does not say how")),
            // A task that was run without a service may come without a stop code.
            ("", Some(code)) if !is_of_service(self.task) => self.by_code(code),
            _ => (Class::Unknown, "ECS's reason is not known".to_owned()),
        }
    }

    fn by_code(&self, code: i32) -> (Class, String) {
        let who = self.who();
        if !is_of_service(self.task) {
            return match code {
                0 => (Class::JobOk, "the job ended".to_owned()),
                code => (Class::JobFailed, format!("{who} ended with exit code {code}")),
            };
        }
        match code {
            0 => (Class::UnexpectedExit, format!("{who} ended by itself, with exit code 0; a service should not end")),
            143 => (Class::UnexpectedExit, format!("{who} ended at a SIGTERM that ECS did not send (exit code 143)")),
            126 => (Class::BadStart, format!("the command of {who} cannot be executed (exit code 126)")),
            127 => (Class::BadStart, format!("the command of {who} was not found (exit code 127)")),
            134 => (Class::NativeCrash, format!("{who} aborted (exit code 134)")),
            139 => (Class::NativeCrash, format!("{who} had a segmentation fault (exit code 139)")),
            137 => (
                Class::SigkillUnknown,
                format!("{who} was killed (exit code 137), and ECS does not say why; it does not say out of memory"),
            ),
            code => (Class::AppExit, format!("{who} ended with exit code {code}")),
        }
    }

    fn who(&self) -> String {
        self.container.map_or_else(|| "the task".to_owned(), |container| format!("container {}", container.name))
    }
}

/// An image as people speak of it. The host of an ECR registry would take half the subject of an alert and says nothing.
fn without_host(image: &str) -> &str {
    image.split_once('/').filter(|(host, _)| host.contains(".dkr.ecr.")).map_or(image, |(_, path)| path)
}

/// Tells what a service action means; `None` for those that say that all is well.
pub(crate) fn signal(name: &str) -> Signal {
    match name {
        "SERVICE_TASK_START_IMPAIRED" => Signal::Impaired,
        "SERVICE_TASK_PLACEMENT_FAILURE" => Signal::Bad(Class::Capacity, "ECS finds no place for a task of it"),
        "SERVICE_TASK_CONFIGURATION_FAILURE" => {
            Signal::Bad(Class::Configuration, "ECS cannot run a task with its configuration")
        }
        "ECS_OPERATION_THROTTLED" | "SERVICE_DISCOVERY_OPERATION_THROTTLED" => {
            Signal::Bad(Class::Throttled, "ECS's own calls for it are throttled")
        }
        "SERVICE_HEALTH_UNKNOWN" => Signal::Bad(Class::Degraded, "ECS cannot tell the health of its tasks"),
        "SERVICE_DISCOVERY_INSTANCE_UNHEALTHY" => {
            Signal::Bad(Class::Degraded, "a task of it is unhealthy in service discovery")
        }
        "VPC_LATTICE_TARGET_UNHEALTHY" => Signal::Bad(Class::Degraded, "a task of it is unhealthy in VPC Lattice"),
        "SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED" => {
            Signal::Bad(Class::Degraded, "an instance does not fit the placement constraint of the daemon")
        }
        "SERVICE_STEADY_STATE"
        | "TASKSET_STEADY_STATE"
        | "CAPACITY_PROVIDER_STEADY_STATE"
        | "SERVICE_DESIRED_COUNT_UPDATED"
        | "TASKS_STOPPED"
        | "SERVICE_DEPLOYMENT_IN_PROGRESS"
        | "SERVICE_DEPLOYMENT_COMPLETED"
        | "SERVICE_DEPLOYMENT_FAILED" => Signal::Fine,
        _ => Signal::Unknown,
    }
}

/// What ECS says of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Tasks do not start; why, the newest stopped task must tell.
    Impaired,
    /// Something is wrong, in plain words.
    Bad(Class, &'static str),
    /// All is well, or another event says the same.
    Fine,
    /// Nothing that is known.
    Unknown,
}

#[cfg(test)]
mod tests;
