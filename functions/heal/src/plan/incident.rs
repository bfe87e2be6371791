//! How an incident begins, and what is added to it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::loops;
use crate::classify::Class;
use crate::observe::Service;
use crate::trigger::{StoppedTask, Subject};
use crate::watch::{Incident, Stage, Watch};

/// An id that the same beginning always gives, so that a handling that is repeated repeats it.
fn id(subject: &Subject, deployment: Option<&str>, seed: &str) -> String {
    let text = format!("{}|{}|{seed}", subject.short(), deployment.unwrap_or_default());
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(5).fold("i-".to_owned(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

fn new(subject: &Subject, deployment: Option<String>, seed: &str, what: (Class, String), since: Timestamp) -> Incident {
    Incident {
        id: id(subject, deployment.as_deref(), seed),
        deployment,
        class: what.0,
        cause: what.1,
        said: String::new(),
        container: None,
        task: None,
        since,
        last: since,
        count: 0,
        looping: false,
        rollout_failed: false,
        touched: None,
        told: None,
        refused: None,
        stage: Stage::Open,
    }
}

/// Makes room for an incident of `deployment`: one of another deployment gives way to it, as its deployment did.
fn of_deployment<'a>(watch: &'a mut Watch, deployment: Option<&str>, now: Timestamp) -> &'a mut Option<Incident> {
    let is_other = watch.incident.as_ref().is_some_and(|incident| incident.deployment.as_deref() != deployment);
    if is_other {
        watch.close(now);
    }
    &mut watch.incident
}

/// Adds a stop that was counted to the incident of the primary deployment. `false` when it is another deployment's: a task
/// of a former one says nothing about what runs now.
pub(super) fn count_stop(
    watch: &mut Watch,
    subject: &Subject,
    service: &Service,
    stopped: &StoppedTask,
    now: Timestamp,
) -> bool {
    let primary = service.primary().map(|primary| primary.id.clone());
    if primary.is_none() || primary != stopped.deployment {
        return false;
    }
    // After a rollback the stops of its target are its verification's, and no incident of their own.
    if watch
        .incident
        .as_ref()
        .is_some_and(|incident| matches!(incident.stage, Stage::Healing { .. }) && incident.deployment != primary)
    {
        return true;
    }
    let stops: Vec<(Timestamp, Class)> = watch
        .stops_of(primary.as_deref())
        .filter(|stop| now.duration_since(stop.at) <= loops::SLOW_WINDOW)
        .map(|stop| (stop.at, stop.class))
        .collect();
    let times: Vec<Timestamp> = stops.iter().map(|(at, _)| *at).collect();
    let since = times.first().copied().unwrap_or(stopped.at);
    let what = (stopped.finding.class, stopped.finding.cause.clone());
    let slot = of_deployment(watch, primary.as_deref(), now);
    let is_new = slot.is_none();
    let incident = slot.get_or_insert_with(|| new(subject, primary, stopped.task.id(), what, since));
    // The first stops of a slow loop may be older than the incident.
    incident.count = if is_new { times.len().max(1) } else { incident.count + 1 };
    incident.since = incident.since.min(stopped.at);
    incident.looping |= loops::is_loop(&times);
    let class = prevailing(incident.class, stops.iter().map(|(_, class)| *class));
    let is_newest = stopped.at >= incident.last || is_new;
    incident.last = incident.last.max(stopped.at);
    // A failed rollout of which no task said why gives way to the first that does.
    let gives_way = !incident.class.inhibits() || incident.class == Class::DeploymentFailed;
    if is_new || class == stopped.finding.class && (is_newest || class != incident.class) && gives_way {
        describe(incident, stopped);
    }
    true
}

fn describe(incident: &mut Incident, stopped: &StoppedTask) {
    incident.class = stopped.finding.class;
    incident.cause.clone_from(&stopped.finding.cause);
    incident.said.clone_from(&stopped.said);
    incident.container.clone_from(&stopped.finding.container);
    incident.task = Some(stopped.task.clone());
}

/// The class of most stops. Where two are even it stays what it was: two causes that take turns are not news each time.
fn prevailing(known: Class, stops: impl Iterator<Item = Class>) -> Class {
    let mut counts: BTreeMap<Class, usize> = BTreeMap::new();
    for class in stops {
        *counts.entry(class).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or_default();
    if counts.get(&known) == Some(&most) {
        return known;
    }
    counts.into_iter().find(|(_, count)| *count == most).map_or(known, |(class, _)| class)
}

/// Takes in what ECS says of the service itself, or a task that ECS should have replaced.
pub(super) fn note(
    watch: &mut Watch,
    subject: &Subject,
    service: &Service,
    seed: &str,
    what: (Class, String),
    stopped: Option<&StoppedTask>,
    now: Timestamp,
) {
    // What `deploy` is at already is judged by its verification.
    if watch.incident.as_ref().is_some_and(|incident| matches!(incident.stage, Stage::Healing { .. })) {
        return;
    }
    let primary = service.primary().map(|primary| primary.id.clone());
    let slot = of_deployment(watch, primary.as_deref(), now);
    let incident = slot.get_or_insert_with(|| new(subject, primary, seed, what.clone(), now));
    incident.count += 1;
    incident.last = incident.last.max(now);
    // What explains the rest takes its place; what is explained does not.
    if incident.count == 1 || what.0.inhibits() || !incident.class.inhibits() && incident.told.is_none() {
        (incident.class, incident.cause) = what;
        if let Some(stopped) = stopped {
            incident.said.clone_from(&stopped.said);
            incident.container.clone_from(&stopped.finding.container);
            incident.task = Some(stopped.task.clone());
        }
    }
}

/// Adds the failed task of a job.
pub(super) fn count_job(watch: &mut Watch, subject: &Subject, stopped: &StoppedTask) {
    let what = (stopped.finding.class, stopped.finding.cause.clone());
    let incident = watch.incident.get_or_insert_with(|| new(subject, None, stopped.task.id(), what, stopped.at));
    incident.count += 1;
    incident.last = incident.last.max(stopped.at);
    describe(incident, stopped);
}

/// Makes the incident of a deployment one of a failed rollout. What its tasks ended of is the cause; where no event told,
/// the newest stopped task is asked.
pub(super) fn fail_rollout(
    watch: &mut Watch,
    subject: &Subject,
    service: &Service,
    deployment: Option<&String>,
    seed: &str,
    newest: Option<&StoppedTask>,
    now: Timestamp,
) {
    let deployment = deployment.cloned().or_else(|| service.primary().map(|primary| primary.id.clone()));
    let newest = newest.filter(|stopped| stopped.deployment == deployment);
    let slot = of_deployment(watch, deployment.as_deref(), now);
    let incident = slot.get_or_insert_with(|| {
        let what = (Class::DeploymentFailed, "the rollout failed, and no stopped task says why".to_owned());
        let mut incident = new(subject, deployment, seed, what, now);
        incident.count = 1;
        if let Some(stopped) = newest {
            describe(&mut incident, stopped);
        }
        incident
    });
    incident.rollout_failed = true;
    incident.last = incident.last.max(now);
}
