//! What must hold of every schedule of the pair, judged by what ECS, SNS, the bus and the queues remember. Nothing here
//! shares a line with `heal` or `deploy`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::properties::{Property, Violation, arrives, messages, reaches};
use super::super::repeats::{are_excused, writes_down};
use super::super::scene::{CLUSTER, digest};
use super::super::schedule::Played;
use super::scene::{Expected, Scene, Told, behaviour};
use crate::account::CallRecord;
use crate::ecs::Behaviour;
use crate::steward;

/// Counts at which people are told again.
const TIERS: [usize; 4] = [1, 3, 10, 50];
/// By then what is rolled out and broken has ended three times, and that is told.
const LOOPS: SignedDuration = SignedDuration::from_secs(200);
/// How much later it is told for each thing that goes wrong: a message comes again after 125 s, and the next stop after a minute.
const DELAY: SignedDuration = SignedDuration::from_secs(130);

/// Everything that did not hold in a schedule.
pub fn check(scene: &Scene, played: &Played) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut violated = |property, text: String| found.push(Violation { property, text });
    let alerts = alerts(played);
    for expected in scene.expected {
        let mine: Vec<&Alert> = alerts.iter().filter(|alert| alert.is_about(expected.service)).collect();
        told(scene, played, expected, &mine, &mut violated);
        told_again(played, expected.service, &mine, &mut violated);
        asked(played, expected, &mut violated);
        gone_back(scene, played, expected, &mut violated);
        let gave_up = mine.iter().any(|alert| ["heal-failed", "rollback-refused"].contains(&alert.kind.as_str()));
        let running = played.account.running(CLUSTER, expected.service);
        if running != [digest(expected.runs)] && !gave_up && !is_dead(played, expected.service) && !scene.dry_run {
            let text = format!("{} does not run {}, and nobody was told so", expected.service, expected.runs);
            violated(Property::Converges, text);
        }
    }
    let writes = ["PutItem", "Publish", "PutEvents", "CreateSchedule", "UpdateService", "StopServiceDeployment"];
    if scene.dry_run && played.calls.iter().any(|record| writes.contains(&record.call.operation.as_str())) {
        violated(Property::Silent, "something was written".to_owned());
    }
    messages(played, &mut violated);
    found
}

/// An alert as it was published.
pub(in super::super) struct Alert {
    /// Place of the call.
    pub(in super::super) place: usize,
    /// Its kind.
    pub(in super::super) kind: String,
    resource: String,
    is_of_heal: bool,
    title: String,
    deployment: String,
}

impl Alert {
    /// Reads the text: title, facts, and a last line with resource, severity, kind and function.
    pub(in super::super) fn read(place: usize, text: &str) -> Option<Self> {
        let (resource, rest) = text.trim_end().lines().last()?.split_once(" (")?;
        let (_, kind) = rest.split(')').next()?.split_once(", ")?;
        let fact = |name: &str| text.lines().find_map(|line| line.strip_prefix("  ")?.strip_prefix(name));
        Some(Self {
            place,
            kind: kind.to_owned(),
            resource: resource.to_owned(),
            is_of_heal: rest.ends_with("from Steward heal"),
            title: text.lines().next()?.to_owned(),
            deployment: fact("deployment ").unwrap_or_default().trim().to_owned(),
        })
    }

    /// Whether it is of a database.
    pub(in super::super) fn is_of(&self, database: &str) -> bool {
        self.resource.rsplit(':').next() == Some(database)
    }

    /// Whether it is of a service.
    pub(in super::super) fn is_about(&self, service: &str) -> bool {
        self.resource.ends_with(&format!("/{service}"))
    }

    /// What it tells: of which deployment, and after how many times.
    fn news(&self) -> (bool, String, String, usize) {
        let count = self.title.split_once(" times").and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok());
        let count: usize = count.unwrap_or(1);
        let tier = TIERS.into_iter().rfind(|tier| count >= *tier).unwrap_or_default();
        (self.is_of_heal, self.kind.clone(), self.deployment.clone(), tier)
    }
}

fn alerts(played: &Played) -> Vec<Alert> {
    let published = played.calls.iter().enumerate().filter(|(_, record)| record.call.operation == "Publish");
    let published = published.filter(|(_, record)| reaches(record));
    published.filter_map(|(place, record)| Alert::read(place, record.call.input["Message"].as_str()?)).collect()
}

/// What waits in a dead-letter queue has its alarm, and a person sends it on.
fn is_dead(played: &Played, service: &str) -> bool {
    played.dead.iter().any(|body| body.contains(&format!("/{service}\"")) || body.contains(&format!(":{service}\"")))
}

/// Whether people must hear of what is broken. Not where its fix came before they could: a call that rolls it out may have
/// failed, and it ran late or not at all. Whoever takes it back knew of it, and a deployment with nothing after it ran on.
fn is_owed(scene: &Scene, played: &Played, expected: &Expected) -> bool {
    let rollouts = played.rollouts.get(expected.service).map(Vec::as_slice).unwrap_or_default();
    let (broken, back) = (broken(scene, expected.service), expected.back_to.map(digest));
    let is_broken = |digest: &Option<String>| digest.as_ref().is_some_and(|digest| broken.contains(digest));
    let wrong = i32::try_from(played.choices.faults() + played.choices.mishaps()).unwrap_or(i32::MAX);
    let due = LOOPS + DELAY * wrong;
    rollouts.iter().enumerate().filter(|(_, rollout)| is_broken(&rollout.digest)).any(|(at, rollout)| {
        let lasted = |until: Timestamp| until.duration_since(rollout.created_at);
        rollouts.get(at + 1).is_none_or(|next| next.digest == back && back.is_some() || lasted(next.created_at) >= due)
    })
}

/// Digests of what is pushed and does not work.
fn broken(scene: &Scene, service: &str) -> Vec<String> {
    let broken = scene.pushed_in_trouble(service).filter(|content| behaviour(content) != Behaviour::Healthy);
    broken.map(digest).collect()
}

fn told(
    scene: &Scene,
    played: &Played,
    expected: &Expected,
    alerts: &[&Alert],
    violated: &mut impl FnMut(Property, String),
) {
    let is_calm = played.choices.faults() == 0 && played.choices.mishaps() == 0;
    let service = expected.service;
    let count = |told: &Told| alerts.iter().filter(|alert| told.kinds.contains(&alert.kind.as_str())).count();
    // Who was told that something began hears how it ended.
    let is_owed = is_owed(scene, played, expected) || expected.told.iter().any(|told| count(told) > 0);
    for told in expected.told {
        let count = count(told);
        let kinds = told.kinds.join(" or ");
        if told.always && count == 0 && !is_dead(played, service) && is_owed {
            violated(Property::Told, format!("no alert says {kinds} of {service}"));
        } else if is_calm && count != told.times {
            violated(
                Property::ToldOnce,
                format!("{kinds} of {service} was told {count} times, though nothing went wrong"),
            );
        }
    }
    let known: Vec<&str> = expected.told.iter().flat_map(|told| told.kinds.iter().copied()).collect();
    let is_other = |alert: &&&Alert| alert.is_of_heal && !known.contains(&alert.kind.as_str());
    for alert in alerts.iter().filter(is_other).filter(|_| is_calm || expected.told.is_empty()) {
        violated(Property::Groundless, format!("{}: {}", alert.kind, alert.title));
    }
}

fn told_again(played: &Played, service: &str, alerts: &[&Alert], violated: &mut impl FnMut(Property, String)) {
    let mut news: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for alert in alerts {
        news.entry(alert.news()).or_default().push(alert.place);
    }
    for ((_, kind, deployment, tier), places) in news {
        if !are_excused(played, &places, writes_down) {
            let count = places.len();
            let text = format!("{kind} of {service} was told {count} times of {deployment:?} (tier {tier})");
            violated(Property::ToldAgain, text);
        }
    }
}

/// Requests for a rollback of a service, by the places of their calls.
fn requests(played: &Played, service: &str) -> Vec<usize> {
    let is_request = |record: &CallRecord| {
        let entry = &record.call.input["Entries"][0];
        let detail = entry["Detail"].as_str().unwrap_or_default();
        entry["DetailType"] == "Rollback Requested" && detail.contains(&format!("/{service}\"")) && reaches(record)
    };
    let calls = played.calls.iter().enumerate().filter(|(_, record)| record.call.operation == "PutEvents");
    calls.filter(|(_, record)| is_request(record)).map(|(place, _)| place).collect()
}

fn asked(played: &Played, expected: &Expected, violated: &mut impl FnMut(Property, String)) {
    let (service, requests) = (expected.service, requests(played, expected.service));
    if expected.back_to.is_none() && !requests.is_empty() {
        violated(Property::OptedIn, format!("a rollback of {service} was asked for"));
    }
    if !are_excused(played, &requests, writes_down) {
        violated(Property::Window, format!("{} rollbacks of {service} were asked for", requests.len()));
    }
}

/// What was really done: the calls by which the service went back, and what was rolled out after them.
fn gone_back(scene: &Scene, played: &Played, expected: &Expected, violated: &mut impl FnMut(Property, String)) {
    let service = expected.service;
    let rollouts = played.rollouts.get(service).map(Vec::as_slice).unwrap_or_default();
    let brings = |record: &CallRecord| {
        let rollout = rollouts.iter().find(|rollout| rollout.created_at == record.call.at);
        rollout.and_then(|rollout| rollout.digest.clone())
    };
    let writes: Vec<(usize, &CallRecord)> = played
        .calls
        .iter()
        .enumerate()
        .filter(|(_, record)| record.call.caller.contains(steward::DEPLOY) && arrives(record))
        .filter(|(_, record)| is_write(record, service))
        .collect();
    let back = expected.back_to.map(digest);
    let is_back = |record: &CallRecord| {
        record.call.operation == "StopServiceDeployment" || back.is_some() && brings(record) == back
    };
    let backs: Vec<usize> = writes.iter().filter(|(_, record)| is_back(record)).map(|(place, _)| *place).collect();
    if back.is_none() && !backs.is_empty() {
        violated(Property::OptedIn, format!("{service} was rolled back"));
    }
    if !are_excused(played, &backs, writes_down) {
        violated(Property::Window, format!("{service} was rolled back {} times", backs.len()));
    }
    let pushed: Vec<&str> = scene.pushed(service).collect();
    let allowed: Vec<String> = scene.pushed_in_trouble(service).map(digest).chain(back.clone()).collect();
    for rollout in rollouts.iter().filter_map(|rollout| rollout.digest.as_ref()) {
        if !allowed.contains(rollout) {
            let names = pushed.iter().chain(&["1"]).find(|content| digest(content) == *rollout);
            violated(Property::Target, format!("{service} was set to {}", names.unwrap_or(&"something unknown")));
        }
    }
    let broken = broken(scene, service);
    let Some(first) = backs.first().copied() else { return };
    let maker = |place: usize| played.calls.get(place).and_then(|record| played.made_by.get(&record.call.invocation));
    let again = writes.iter().filter(|(place, _)| *place > first && maker(*place) != maker(first));
    if again.filter_map(|(_, record)| brings(record)).any(|digest| broken.contains(&digest)) {
        violated(Property::Forward, format!("{service} was set again to what it had been taken back from"));
    }
}

/// Whether a call starts or ends a deployment of a service.
fn is_write(record: &CallRecord, service: &str) -> bool {
    let names = |member: &str| record.call.input[member].as_str().unwrap_or_default();
    match record.call.operation.as_str() {
        "UpdateService" => names("service").rsplit('/').next() == Some(service),
        "StopServiceDeployment" => names("serviceDeploymentArn").contains(&format!("/{service}/")),
        _ => false,
    }
}
