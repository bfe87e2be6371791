//! The decisions: pure. What is seen of one subject and what is new of it go in; what to remember, to tell and to ask comes
//! out, as data.
//!
//! In two steps, as what makes an alert good costs calls: [`attend`] counts and tells whether there is something to tell;
//! [`conclude`] decides, with the evidence that was looked up for it.
//!
//! Invariant: nothing under `plan` imports `aws_sdk_*`, does I/O or reads a clock.

mod conclude;
mod guards;
mod incident;
mod life;
mod loops;
mod storm;
mod surroundings;
mod verify;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use shared::event::ecs::DeploymentEvent;
use shared::event::steward::{RollbackAnswered, RollbackApproved, RollbackOutcome};
use shared::tags::{HealLevel, ServiceTags};

pub(crate) use self::conclude::{Plan, Verdict, conclude};
pub(crate) use self::guards::{Guard, ago, times};
pub(crate) use self::storm::board_pass;
use crate::board::{Board, Ledger};
use crate::classify::{Class, Standing};
use crate::observe::{Seen, Service};
use crate::trigger::{News, StoppedTask, Subject};
use crate::watch::{HealOutcome, Stage, Watch};

/// How long the two events of one failed rollout may be apart where only one names its deployment.
const UNNAMED: SignedDuration = SignedDuration::from_mins(30);

/// What of the configuration a decision depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Whether everything is only planned.
    pub dry_run: bool,
    /// How far healing may go at most.
    pub mode: HealLevel,
    /// How long a rollout may take, a rollback too.
    pub rollout_timeout: Duration,
}

/// What is written down of a subject, its cluster and the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desk {
    /// The subject.
    pub watch: Watch,
    /// Its cluster.
    pub board: Board,
    /// The account.
    pub ledger: Ledger,
}

/// Why people are told something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Occasion {
    /// An incident is told for the first time.
    Opened,
    /// What is wrong is something else than was told.
    Changed {
        /// What was told.
        from: Class,
    },
    /// It happened so often by now.
    Escalated(usize),
    /// It was told hours ago and is still so.
    Reminded,
    /// A rollout failed.
    RolloutFailed(FailedRollout),
    /// `deploy` was asked, some time after people were told.
    Asked,
    /// `deploy` did not do what it was asked.
    Refused(String),
    /// An approval was of no use.
    ApprovalUseless(String),
    /// The service is well after a rollback.
    Healed,
    /// It is not.
    HealFailed(String),
    /// Somebody deployed something else while a rollback was under way.
    Overtaken,
    /// It is over.
    Resolved,
}

/// What is known of a rollout that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FailedRollout {
    /// What was rolled out, if Steward did it.
    pub images: Option<String>,
    /// ECS's reason.
    pub why: Option<String>,
    /// Whether the service goes back, or is back, on what it ran before.
    pub is_back: bool,
}

/// Whether to decide about a rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decide {
    /// No.
    No,
    /// Yes, as far as the service's tags allow.
    ByTags,
    /// Yes: this person approves.
    Approved(String),
}

/// What [`attend`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// What is to be written down so far.
    pub desk: Desk,
    /// Why people are told something, if they are.
    pub occasion: Option<Occasion>,
    /// Whether to decide about a rollback.
    pub decide: Decide,
    /// The decision so far, as a stable word.
    pub word: &'static str,
    /// Why.
    pub reason: String,
    /// Whether an abnormal stop was counted.
    pub counted: bool,
}

impl Step {
    /// Whether the closer look is worth its calls.
    pub(crate) fn needs_evidence(&self) -> bool {
        let tells = self.occasion.as_ref().is_some_and(|occasion| {
            let is_end = matches!(occasion, Occasion::Healed | Occasion::Resolved | Occasion::Overtaken);
            !is_end && !matches!(occasion, Occasion::Refused(_) | Occasion::ApprovalUseless(_))
        });
        tells || self.decide != Decide::No
    }
}

/// What came of the news itself, before the incident is reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Taken {
    /// Go on: review what is open.
    Review(&'static str, String),
    /// That is all.
    Done(&'static str, String),
    /// Tell this.
    Tell(Occasion),
    /// Decide on this person's word.
    Approved(String),
}

/// Attends to the news about one subject.
pub(crate) fn attend(
    settings: Settings,
    event: &str,
    subject: &Subject,
    news: &News,
    seen: &Seen,
    now: Timestamp,
) -> Step {
    let mut desk =
        Desk { watch: seen.watch.item.clone(), board: seen.board.item.clone(), ledger: seen.ledger.item.clone() };
    let taken = match (subject, &seen.service) {
        (Subject::Service(_), None) => gone(&mut desk, now),
        (Subject::Service(_), Some(service)) if !service.is_active => gone(&mut desk, now),
        (Subject::Service(_), Some(service)) => take(&mut desk, event, subject, service, news, seen, now),
        (Subject::Job(..), _) => take_job(&mut desk, subject, news, now),
    };
    let tags = seen.service.as_ref().map(|service| ServiceTags::of(&service.tags));
    let tags = tags.as_ref().and_then(|tags| tags.as_ref().ok());
    let mut step = match taken {
        Taken::Done(word, reason) => Step { desk, occasion: None, decide: Decide::No, word, reason, counted: false },
        Taken::Tell(occasion) => {
            let decide = if life::may_decide(&occasion, &desk.watch) { Decide::ByTags } else { Decide::No };
            Step { desk, occasion: Some(occasion), decide, word: "told", reason: String::new(), counted: false }
        }
        Taken::Approved(by) => Step {
            desk,
            occasion: None,
            decide: Decide::Approved(by),
            word: "approved",
            reason: String::new(),
            counted: false,
        },
        Taken::Review(word, reason) => life::review(settings, desk, subject, seen, tags, (word, reason), now),
    };
    step.desk.watch.tidy(now);
    step.desk.ledger.tidy(now);
    let incident = step.desk.watch.incident.clone();
    step.desk.board.list(subject, incident.as_ref());
    step
}

/// The newest stopped task, if it failed. One that ECS itself took away explains nothing.
fn abnormal(seen: &Seen) -> Option<&StoppedTask> {
    seen.newest.as_ref().filter(|stopped| stopped.finding.class.standing() == Standing::Abnormal)
}

fn gone(desk: &mut Desk, now: Timestamp) -> Taken {
    desk.watch.close(now);
    Taken::Done("gone", "the service is not there any more, or not active".to_owned())
}

fn take(
    desk: &mut Desk,
    event: &str,
    subject: &Subject,
    service: &Service,
    news: &News,
    seen: &Seen,
    now: Timestamp,
) -> Taken {
    match news {
        News::Stopped(stopped) => take_stop(desk, subject, service, stopped, now),
        News::Impaired => {
            let newest = abnormal(seen);
            // ECS names no deployment. What a former one could not start says nothing about what is rolled back to.
            let primary = service.primary().map(|primary| &primary.id);
            let is_former =
                |stopped: &StoppedTask| stopped.deployment.is_some() && stopped.deployment.as_ref() != primary;
            if newest.is_some_and(is_former) {
                let why = "the tasks that do not start are of a former deployment";
                return Taken::Review("not-counted", why.to_owned());
            }
            let (class, cause) = newest.map_or_else(
                || (Class::StartUnknown, "its tasks do not start, and no stopped task says why".to_owned()),
                |stopped| (stopped.finding.class, stopped.finding.cause.clone()),
            );
            incident::note(&mut desk.watch, subject, service, event, (class, cause), newest, now);
            if let Some(incident) = &mut desk.watch.incident {
                incident.looping = true;
            }
            Taken::Review("noted", "ECS says that its tasks do not start".to_owned())
        }
        News::Bad(class, cause) => {
            if *class == Class::Throttled {
                desk.board.throttled = Some(now);
            }
            incident::note(&mut desk.watch, subject, service, event, (*class, cause.clone()), None, now);
            Taken::Review("noted", cause.clone())
        }
        News::Deployment(DeploymentEvent::ServiceDeploymentFailed, id, why) => {
            let is_back = service.breaker == crate::observe::Breaker::WithRollback;
            let failed = FailedRollout { images: None, why: why.clone(), is_back };
            rollout_failed(desk, event, subject, service, Some(id), failed, seen, now)
        }
        // An attempt whose call got no answer has no id, so ECS's own event cannot be known as one of the same.
        News::RolloutFailed(detail)
            if detail.deployment.is_none() && desk.watch.rollout_told.is_some_and(|at| at >= detail.started) =>
        {
            Taken::Review("told-already", "people know of a rollout that failed since this one began".to_owned())
        }
        News::RolloutFailed(detail) => {
            let failed =
                FailedRollout { images: Some(detail.images.clone()), why: detail.why.clone(), is_back: detail.is_back };
            rollout_failed(desk, event, subject, service, detail.deployment.as_ref(), failed, seen, now)
        }
        News::Deployment(..) | News::Look => Taken::Review("looked", "nothing new".to_owned()),
        News::Answered(answer) => answered(desk, answer),
        News::Approved(approval) => approved(desk, approval, now),
        News::Resumed(by) => {
            desk.watch.switched_off = None;
            let who = by.as_deref().unwrap_or("a person");
            Taken::Done("resumed", format!("{who} switched healing on again"))
        }
    }
}

fn take_stop(desk: &mut Desk, subject: &Subject, service: &Service, stopped: &StoppedTask, now: Timestamp) -> Taken {
    let cause = stopped.finding.cause.clone();
    match stopped.finding.class.standing() {
        Standing::Normal => Taken::Done("ignored", cause),
        Standing::HandsOff => {
            if let Some(incident) = &mut desk.watch.incident {
                incident.touched = incident.touched.max(Some(stopped.at));
            }
            Taken::Done("noted", cause)
        }
        Standing::Replaced if service.running >= service.desired => Taken::Done("replaced", cause),
        Standing::Replaced => {
            if desk.watch.incident.as_ref().is_some_and(|incident| incident.task.as_ref() == Some(&stopped.task)) {
                return Taken::Review("seen", "this stop was noted already".to_owned());
            }
            incident::note(
                &mut desk.watch,
                subject,
                service,
                stopped.task.id(),
                (stopped.finding.class, cause.clone()),
                Some(stopped),
                now,
            );
            Taken::Review("noted", cause)
        }
        Standing::Abnormal => {
            if !desk.watch.count(stopped, now) {
                return Taken::Review("seen", "this stop was counted already, or is too old to count".to_owned());
            }
            if !incident::count_stop(&mut desk.watch, subject, service, stopped, now) {
                return Taken::Review("not-counted", format!("{cause}; of a deployment that is not the primary one"));
            }
            desk.board.note_stop(subject, stopped.finding.class, stopped.at, now);
            Taken::Review("counted", cause)
        }
    }
}

/// A job has no deployment, no health and nothing to go back to: it is told, and closed when it has not failed for a day.
fn take_job(desk: &mut Desk, subject: &Subject, news: &News, now: Timestamp) -> Taken {
    let News::Stopped(stopped) = news else {
        return Taken::Review("looked", "nothing new".to_owned());
    };
    if !desk.watch.count(stopped, now) {
        return Taken::Review("seen", "this stop was counted already, or is too old to count".to_owned());
    }
    incident::count_job(&mut desk.watch, subject, stopped);
    Taken::Review("counted", stopped.finding.cause.clone())
}

#[expect(clippy::too_many_arguments, reason = "the two events that tell of it differ in what they know")]
fn rollout_failed(
    desk: &mut Desk,
    event: &str,
    subject: &Subject,
    service: &Service,
    deployment: Option<&String>,
    failed: FailedRollout,
    seen: &Seen,
    now: Timestamp,
) -> Taken {
    let watch = &mut desk.watch;
    if let Some(incident) = &watch.incident
        && let Stage::Healing { deployment: healing, .. } = &incident.stage
        && deployment.is_some()
        && healing.as_ref() == deployment
    {
        return Taken::Review("noted", "the rollback itself failed".to_owned());
    }
    let name = deployment.cloned().unwrap_or_else(|| format!("event {event}"));
    if watch.told_deployments.contains(&name) {
        return Taken::Review("told-already", "people know that this rollout failed".to_owned());
    }
    // Told without its deployment a moment ago, as deploy could not name it: ECS's own event is about the same.
    let is_recent = watch.rollout_told.is_some_and(|at| now.duration_since(at) < UNNAMED);
    if let Some(last) = watch.told_deployments.last_mut()
        && is_recent
        && deployment.is_some()
        && last.starts_with("event ")
    {
        *last = name;
        return Taken::Review("told-already", "people know that this rollout failed".to_owned());
    }
    watch.told_deployments.push(name);
    watch.rollout_told = Some(now);
    let is_known = watch.incident.as_ref().is_some_and(|incident| {
        incident.told.is_some() && incident.deployment.as_ref() == deployment && deployment.is_some()
    });
    incident::fail_rollout(watch, subject, service, deployment, event, abnormal(seen), now);
    if is_known {
        return Taken::Review("joined", "people know of the incident by which this rollout failed".to_owned());
    }
    Taken::Tell(Occasion::RolloutFailed(failed))
}

fn answered(desk: &mut Desk, answer: &RollbackAnswered) -> Taken {
    let open = desk.watch.incident.as_mut().filter(|incident| incident.id == answer.incident);
    let Some(incident) = open else {
        return Taken::Done("late", "the answer is about an incident that is over".to_owned());
    };
    let Stage::Healing { deployment, answered, .. } = &mut incident.stage else {
        return Taken::Done("late", "nothing was asked, or it was answered already".to_owned());
    };
    if answer.outcome == RollbackOutcome::Refused {
        incident.stage = Stage::Open;
        incident.refused = Some(answer.reason.clone());
        let id = incident.id.clone();
        desk.watch.conclude_heal(&id, HealOutcome::Refused);
        return Taken::Tell(Occasion::Refused(answer.reason.clone()));
    }
    *answered = true;
    *deployment = answer.deployment.clone().or(deployment.take());
    Taken::Review("answered", answer.reason.clone())
}

fn approved(desk: &mut Desk, approval: &RollbackApproved, now: Timestamp) -> Taken {
    let useless = |why: &str| Taken::Tell(Occasion::ApprovalUseless(why.to_owned()));
    match &desk.watch.incident {
        Some(incident) if incident.id == approval.incident => match incident.stage {
            Stage::AwaitingApproval { until } if now < until => Taken::Approved(approval.approved_by.clone()),
            Stage::AwaitingApproval { .. } => useless("the time in which it could be approved is over"),
            Stage::Healing { .. } => Taken::Done("seen", "it was approved already".to_owned()),
            Stage::Open | Stage::HealFailed => useless("no approval is waited for"),
        },
        Some(_) => useless("it is about another incident than the one that is open"),
        None => Taken::Done("late", "the incident is over; there is nothing to approve".to_owned()),
    }
}

#[cfg(test)]
mod tests;
