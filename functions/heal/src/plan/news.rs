//! What each kind of news changes, before what is open is reviewed.

use jiff::{SignedDuration, Timestamp};
use shared::event::ecs::DeploymentEvent;
use shared::event::steward::{RollbackAnswered, RollbackApproved, RollbackOutcome};

use super::{Desk, FailedRollout, Occasion, incident};
use crate::classify::{Class, Standing};
use crate::observe::{Breaker, Seen, Service};
use crate::trigger::{News, StoppedTask, Subject};
use crate::watch::{HealOutcome, Stage};

/// How long the two events of one failed rollout may be apart where only one names its deployment.
const UNNAMED: SignedDuration = SignedDuration::from_mins(30);

/// What came of the news itself, before the incident is reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Taken {
    /// Go on: review what is open.
    Review(&'static str, String),
    /// That is all.
    Done(&'static str, String),
    /// Tell this.
    Tell(Occasion),
    /// Decide on this person's word.
    Approved(String),
}

/// The newest stopped task, if it failed. One that ECS itself took away explains nothing.
fn abnormal(seen: &Seen) -> Option<&StoppedTask> {
    seen.newest.as_ref().filter(|stopped| stopped.finding.class.standing() == Standing::Abnormal)
}

/// The service is not there any more.
pub(super) fn gone(desk: &mut Desk, now: Timestamp) -> Taken {
    desk.watch.close(now);
    Taken::Done("gone", "the service is not there any more, or not active".to_owned())
}

/// Takes in what is new of a service.
pub(super) fn take(
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
            let is_back = service.breaker == Breaker::WithRollback;
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
pub(super) fn take_job(desk: &mut Desk, subject: &Subject, news: &News, now: Timestamp) -> Taken {
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
