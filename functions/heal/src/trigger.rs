//! What may wake `heal`, read from events. What is of no interest is dropped here, before any AWS call.

use jiff::Timestamp;
use shared::arn::{AccountId, ClusterArn, ServiceArn, TaskArn};
use shared::event::Event;
use shared::event::ecs::{DeploymentEvent, DeploymentStateChange, ServiceAction, TaskStateChange};
use shared::event::steward::{
    self, HealingResumed, MuteRequested, RollbackAnswered, RollbackApproved, RolloutFailed, VerificationDue,
};
use shared::failure::HandlingError;

use crate::classify::{self, Class, Finding, Signal, Standing, classify};

/// What an alert and an incident are about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A service.
    Service(ServiceArn),
    /// Tasks that were run without a service, by cluster and group.
    Job(ClusterArn, String),
}

impl Subject {
    /// As people speak of it.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Service(service) => service.short().to_owned(),
            Self::Job(cluster, group) => format!("{}/{group}", cluster.name()),
        }
    }

    /// Its service, if it is one.
    pub(crate) fn service(&self) -> Option<&ServiceArn> {
        match self {
            Self::Service(service) => Some(service),
            Self::Job(..) => None,
        }
    }

    /// Its cluster.
    pub(crate) fn cluster(&self) -> ClusterArn {
        match self {
            Self::Service(service) => service.cluster_arn(),
            Self::Job(cluster, _) => cluster.clone(),
        }
    }
}

/// A stopped task: what it was, and what it ended of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoppedTask {
    /// The task.
    pub task: TaskArn,
    /// The deployment that had started it.
    pub deployment: Option<String>,
    /// When it stopped.
    pub at: Timestamp,
    /// What it ended of.
    pub finding: Finding,
    /// ECS's own words, for people.
    pub said: String,
}

/// What there is to attend to about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// A task stopped.
    Stopped(StoppedTask),
    /// ECS says that tasks of the service do not start.
    Impaired,
    /// ECS says that something is wrong with the service; with its reason.
    Bad(Class, String),
    /// A deployment started, ended or failed, or so it is said.
    Deployment(DeploymentEvent, String, Option<String>),
    /// `deploy` says that a rollout failed.
    RolloutFailed(RolloutFailed),
    /// `deploy` answers a request to roll back.
    Answered(RollbackAnswered),
    /// A person approves.
    Approved(RollbackApproved),
    /// A person switches healing on again.
    Resumed(Option<String>),
    /// Nothing has happened: a verification is due, or the sweep passes.
    Look,
}

/// Why `heal` was woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// Something about one subject.
    About(&'static str, Subject, News),
    /// A mute.
    Mute(MuteRequested),
    /// A person switches healing on again in the account.
    ResumedInAccount(Option<String>),
    /// The schedule: look at everything that is open.
    Sweep,
    /// Nothing to do, for this reason.
    Ignored(&'static str, String),
}

impl Trigger {
    /// A stable word for records and metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::About(word, ..) | Self::Ignored(word, _) => word,
            Self::Mute(_) => "mute-requested",
            Self::ResumedInAccount(_) => "healing-resumed",
            Self::Sweep => "sweep",
        }
    }

    /// Reads an event.
    ///
    /// # Errors
    /// An event of a kind that is known but without the shape that this kind has can never be handled.
    pub(crate) fn read(event: &Event, account: &AccountId, now: Timestamp) -> Result<Self, HandlingError> {
        if event.account.as_ref().is_some_and(|from| from != account.as_str()) {
            return Ok(Self::Ignored("ignored", "it comes from another account".to_owned()));
        }
        match (event.source.as_str(), event.detail_type.as_str()) {
            ("aws.ecs", "ECS Task State Change") => task_change(event, now),
            ("aws.ecs", "ECS Service Action") => service_action(event),
            ("aws.ecs", "ECS Deployment State Change") => deployment_change(event),
            // AWS adds kinds of events without notice. A new one is worth a look by people, and no failure.
            ("aws.ecs", kind) => Ok(Self::Ignored("unknown", format!("events of kind {kind:?} are not known"))),
            (steward::SOURCE, "Sweep") => Ok(Self::Sweep),
            (steward::SOURCE, kind) => asked(event, kind),
            _ => Ok(Self::Ignored("ignored", "heal has no use for events of this kind".to_owned())),
        }
    }
}

fn ignored(why: &str) -> Trigger {
    Trigger::Ignored("ignored", why.to_owned())
}

fn asked(event: &Event, kind: &str) -> Result<Trigger, HandlingError> {
    let about = |word, service, news| Trigger::About(word, Subject::Service(service), news);
    Ok(match kind {
        "Rollout Failed" => {
            let detail: RolloutFailed = event.detail()?;
            about("rollout-failed", detail.service.clone(), News::RolloutFailed(detail))
        }
        "Rollback Answered" => {
            let detail: RollbackAnswered = event.detail()?;
            about("rollback-answered", detail.service.clone(), News::Answered(detail))
        }
        "Rollback Approved" => {
            let detail: RollbackApproved = event.detail()?;
            about("rollback-approved", detail.service.clone(), News::Approved(detail))
        }
        "Verification Due" => {
            let detail: VerificationDue = event.detail()?;
            about("verification-due", detail.service, News::Look)
        }
        "Mute Requested" => {
            let detail: MuteRequested = event.detail()?;
            detail.check().map_err(|problem| HandlingError::Rejected(format!("Mute Requested: {problem}")))?;
            Trigger::Mute(detail)
        }
        "Healing Resumed" => {
            let detail: HealingResumed = event.detail()?;
            match (detail.service, detail.all) {
                (Some(service), false) => about("healing-resumed", service, News::Resumed(detail.requested_by)),
                (None, true) => Trigger::ResumedInAccount(detail.requested_by),
                _ => {
                    let problem = "give service, or all = true, and not both";
                    return Err(HandlingError::Rejected(format!("Healing Resumed: {problem}")));
                }
            }
        }
        _ => ignored("heal has no use for events of this kind"),
    })
}

/// The service that an event of ECS is about; its ARN is in `resources` only. One of the old form does not name the
/// cluster, the detail does.
fn service(event: &Event) -> Result<ServiceArn, HandlingError> {
    let Some(resource) = event.resources.first() else {
        return Err(HandlingError::Rejected(format!("{:?}: resources names no service", event.detail_type)));
    };
    let old = resource.split_once(":service/").map(|(_, name)| name).filter(|name| !name.contains('/'));
    let cluster = event.detail.get("clusterArn").and_then(serde_json::Value::as_str);
    if let (Some(name), Some(Ok(cluster))) = (old, cluster.map(str::parse::<ClusterArn>)) {
        return cluster
            .service(name)
            .map_err(|error| HandlingError::Rejected(format!("{:?}: {error}", event.detail_type)));
    }
    resource.parse().map_err(|error| HandlingError::Rejected(format!("{:?}: {error}", event.detail_type)))
}

fn task_change(event: &Event, now: Timestamp) -> Result<Trigger, HandlingError> {
    let change: TaskStateChange = event.detail()?;
    // Reason and code are there long before; only a stopped task has all of them.
    if change.last_status != "STOPPED" {
        return Ok(ignored("the task has not stopped"));
    }
    let invalid =
        |error: shared::arn::IdentifierError| HandlingError::Rejected(format!("ECS Task State Change: {error}"));
    let cluster: ClusterArn = change.cluster_arn.parse().map_err(invalid)?;
    let stopped = StoppedTask::of(&change, event.time.unwrap_or(now)).map_err(invalid)?;
    let subject = match change.group.as_deref().and_then(|group| group.strip_prefix("service:")) {
        Some(name) => Subject::Service(cluster.service(name).map_err(invalid)?),
        None => Subject::Job(cluster, change.group.unwrap_or_else(|| "no group".to_owned())),
    };
    let class = stopped.finding.class;
    if class.standing() == Standing::Normal {
        return Ok(Trigger::Ignored("task-stopped", format!("{}: {}", class.word(), stopped.finding.cause)));
    }
    // How a job ends is for whoever ran it to mind, unless it failed.
    if subject.service().is_none() && class.standing() != Standing::Abnormal {
        return Ok(Trigger::Ignored("task-stopped", format!("{}, of a job: {}", class.word(), stopped.finding.cause)));
    }
    Ok(Trigger::About("task-stopped", subject, News::Stopped(stopped)))
}

impl StoppedTask {
    /// Reads a task that has stopped; `at` is used where the task does not say when.
    ///
    /// # Errors
    /// When it has no ARN that a task can have.
    pub(crate) fn of(change: &TaskStateChange, at: Timestamp) -> Result<Self, shared::arn::IdentifierError> {
        let words = |text: &Option<String>| text.as_ref().filter(|text| !text.is_empty()).cloned();
        let mut said: Vec<String> = words(&change.stopped_reason).into_iter().collect();
        said.extend(change.containers.iter().filter_map(|c| Some(format!("{}: {}", c.name, words(&c.reason)?))));
        Ok(Self {
            task: change.task_arn.parse()?,
            deployment: change.started_by.clone().filter(|by| by.starts_with("ecs-svc/")),
            at: change.stopped_at.unwrap_or(at),
            finding: classify(change),
            said: said.join("; ").chars().take(600).collect(),
        })
    }
}

fn service_action(event: &Event) -> Result<Trigger, HandlingError> {
    let action: ServiceAction = event.detail()?;
    let name = action.event_name;
    let news = match classify::signal(&name) {
        Signal::Fine => return Ok(ignored("it says that all is well, or another event says the same")),
        Signal::Unknown => return Ok(Trigger::Ignored("unknown", format!("the service action {name:?} is not known"))),
        Signal::Impaired => News::Impaired,
        Signal::Bad(class, cause) => {
            let reason = action.reason.filter(|reason| !reason.is_empty());
            News::Bad(class, reason.map_or_else(|| cause.to_owned(), |reason| format!("{cause}: {reason}")))
        }
    };
    Ok(Trigger::About("service-action", Subject::Service(service(event)?), news))
}

fn deployment_change(event: &Event) -> Result<Trigger, HandlingError> {
    let change: DeploymentStateChange = event.detail()?;
    let news = match change.event_name {
        // Whether it is the start of a rollback, only its own deployments tell.
        DeploymentEvent::ServiceDeploymentInProgress => return Ok(ignored("a deployment started, and nothing ended")),
        DeploymentEvent::Other => {
            return Ok(Trigger::Ignored("unknown", "the deployment event is not known".to_owned()));
        }
        ended => News::Deployment(ended, change.deployment_id, change.reason),
    };
    Ok(Trigger::About("deployment-changed", Subject::Service(service(event)?), news))
}

#[cfg(test)]
mod tests;
