//! What is remembered of a service between invocations: the item `SERVICE#<arn>` / `INCIDENT` of the state table; of jobs
//! `JOB#<cluster>/<group>` / `INCIDENT`.
//!
//! It answers what ECS forgets after an hour or never knew: which stops were counted, what people were told, what was
//! asked of `deploy`, and what came of it. It never says how the service is; that is read anew each time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::alert::Alert;
use shared::arn::{TaskArn, TaskDefinitionArn};
use shared::event::steward::OwnEvent;
use shared::state::Key;

use crate::classify::Class;
use crate::trigger::{StoppedTask, Subject};

/// How long stops are kept: guards ask whether the last good revision failed the same way within a day.
pub(crate) const STOPS_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Most stops that are kept; the oldest are forgotten first.
pub(crate) const STOPS_LIMIT: usize = 128;
/// How long heals and closed incidents are kept.
pub(crate) const HISTORY_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Most of each that are kept.
const HISTORY_LIMIT: usize = 20;
/// Most messages that wait to be sent; should SNS be out of reach for long, the oldest alerts are dropped first.
const OUTBOX_LIMIT: usize = 20;

/// The memory of one service or job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Watch {
    /// Abnormal stops of the last day, oldest first. A task stops once, so each is here once.
    pub stops: Vec<Stop>,
    /// Stops until then were forgotten for want of room; events of them that come late are not counted again.
    pub horizon: Option<Timestamp>,
    /// What is wrong now.
    pub incident: Option<Incident>,
    /// What was wrong, oldest first.
    pub past: Vec<Past>,
    /// What was asked of `deploy`, oldest first.
    pub heals: Vec<Heal>,
    /// A heal failed: no other until a person says so.
    pub switched_off: Option<Timestamp>,
    /// Deployments whose failure was told.
    pub told_deployments: Vec<String>,
    /// When the last of them was told.
    pub rollout_told: Option<Timestamp>,
    /// Messages that are not sent yet: written with the decision that they belong to.
    pub outbox: Vec<Outgoing>,
}

/// One abnormal stop of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    /// The task's id.
    pub task: String,
    /// The deployment that had started it.
    pub deployment: Option<String>,
    /// When it stopped.
    pub at: Timestamp,
    /// What it ended of.
    pub class: Class,
}

/// Something that is wrong with a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Incident {
    /// Its id; alerts of one incident share it as their thread.
    pub id: String,
    /// The deployment that is concerned.
    pub deployment: Option<String>,
    /// What is wrong.
    pub class: Class,
    /// Why, in plain words.
    pub cause: String,
    /// ECS's own words.
    pub said: String,
    /// The container that is concerned.
    pub container: Option<String>,
    /// The newest task that stopped of it.
    pub task: Option<TaskArn>,
    /// When it began.
    pub since: Timestamp,
    /// When it happened last.
    pub last: Timestamp,
    /// How often it happened.
    pub count: usize,
    /// Whether it is a loop: ECS starts again what ends again.
    pub looping: bool,
    /// Whether ECS says that the rollout failed.
    pub rollout_failed: bool,
    /// A person stopped a task since it began.
    pub touched: Option<Timestamp>,
    /// What people were told last.
    pub told: Option<Told>,
    /// Whether `deploy` refused to roll back, and why.
    pub refused: Option<String>,
    /// How far healing is.
    pub stage: Stage,
}

/// What people were told of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// When.
    pub at: Timestamp,
    /// The class by then.
    pub class: Class,
    /// The tier by then: 0, 3, 10 or 50.
    pub tier: usize,
    /// Classes that were told before.
    #[serde(default)]
    pub before: Vec<Class>,
}

/// How far healing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Nothing was asked.
    Open,
    /// A person is to say yes.
    AwaitingApproval {
        /// Until when it counts.
        until: Timestamp,
    },
    /// `deploy` was asked.
    Healing {
        /// When.
        asked: Timestamp,
        /// The revision that the service is to go back to.
        to: TaskDefinitionArn,
        /// The deployment by which, as `deploy` answered.
        deployment: Option<String>,
        /// Whether it answered at all.
        answered: bool,
    },
    /// It did not help.
    HealFailed,
}

/// An incident that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Past {
    /// Its id.
    pub id: String,
    /// The deployment that was concerned.
    #[serde(default)]
    pub deployment: Option<String>,
    /// What was wrong.
    pub class: Class,
    /// When it ended.
    pub ended: Timestamp,
}

/// One request to roll back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heal {
    /// The incident.
    pub incident: String,
    /// What was wrong.
    pub class: Class,
    /// When it was asked.
    pub at: Timestamp,
    /// The revision that was left.
    pub from: Option<TaskDefinitionArn>,
    /// The revision that was gone back to.
    pub to: TaskDefinitionArn,
    /// What came of it.
    pub outcome: HealOutcome,
}

/// What came of a request to roll back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HealOutcome {
    /// It is not known yet.
    Asked,
    /// `deploy` did not do it.
    Refused,
    /// The service is well since.
    Verified,
    /// The service is not well.
    Failed,
    /// Somebody deployed something else meanwhile.
    Overtaken,
}

/// A message that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outgoing {
    /// An alert.
    Alert(Box<Alert>),
    /// An event for `deploy`.
    Event(OwnEvent),
    /// A one-time schedule.
    Verification {
        /// When.
        at: Timestamp,
        /// The incident.
        incident: String,
    },
}

impl Watch {
    /// Key of the item for a subject.
    pub(crate) fn key(subject: &Subject) -> Key {
        match subject {
            Subject::Service(service) => Key::new(format!("SERVICE#{service}"), "INCIDENT"),
            Subject::Job(cluster, group) => Key::new(format!("JOB#{cluster}/{group}"), "INCIDENT"),
        }
    }

    /// Counts a stop. Whether it was not counted before, whatever events came twice, late or out of order.
    pub(crate) fn count(&mut self, stopped: &StoppedTask, now: Timestamp) -> bool {
        let is_known = self.stops.iter().any(|stop| stop.task == stopped.task.id());
        let is_forgotten = self.horizon.is_some_and(|horizon| stopped.at <= horizon);
        if is_known || is_forgotten || now.duration_since(stopped.at) > STOPS_KEPT {
            return false;
        }
        let place = self.stops.partition_point(|stop| stop.at <= stopped.at);
        let stop = Stop {
            task: stopped.task.id().to_owned(),
            deployment: stopped.deployment.clone(),
            at: stopped.at,
            class: stopped.finding.class,
        };
        self.stops.insert(place, stop);
        true
    }

    /// Forgets what is too old or too much.
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        self.stops.retain(|stop| now.duration_since(stop.at) <= STOPS_KEPT);
        let excess = self.stops.len().saturating_sub(STOPS_LIMIT);
        if let Some(newest) = self.stops.drain(..excess).next_back() {
            self.horizon = self.horizon.max(Some(newest.at));
        }
        let is_kept = |at: Timestamp| now.duration_since(at) <= HISTORY_KEPT;
        self.past.retain(|past| is_kept(past.ended));
        self.heals.retain(|heal| is_kept(heal.at));
        shorten(&mut self.past, HISTORY_LIMIT);
        shorten(&mut self.heals, HISTORY_LIMIT);
        shorten(&mut self.told_deployments, HISTORY_LIMIT);
        while self.outbox.len() > OUTBOX_LIMIT {
            // A request is worth more than an alert: it is what the budget was spent on.
            let oldest = self.outbox.iter().position(|out| matches!(out, Outgoing::Alert(_))).unwrap_or_default();
            self.outbox.remove(oldest);
        }
    }

    /// The abnormal stops of one deployment's tasks, oldest first.
    pub(crate) fn stops_of<'a>(&'a self, deployment: Option<&'a str>) -> impl DoubleEndedIterator<Item = &'a Stop> {
        self.stops.iter().filter(move |stop| stop.deployment.as_deref() == deployment)
    }

    /// Ends the incident.
    pub(crate) fn close(&mut self, now: Timestamp) -> Option<Incident> {
        let incident = self.incident.take()?;
        let (id, deployment) = (incident.id.clone(), incident.deployment.clone());
        self.past.push(Past { id, deployment, class: incident.class, ended: now });
        Some(incident)
    }

    /// Notes what came of the last request for an incident.
    pub(crate) fn conclude_heal(&mut self, incident: &str, outcome: HealOutcome) {
        if let Some(heal) = self.heals.iter_mut().rfind(|heal| heal.incident == incident) {
            heal.outcome = outcome;
        }
    }
}

fn shorten<T>(list: &mut Vec<T>, limit: usize) {
    let excess = list.len().saturating_sub(limit);
    list.drain(..excess);
}

#[cfg(test)]
mod tests;
