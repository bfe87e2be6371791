//! What must hold of every schedule, judged by what ECS, SNS and the queues remember. Nothing here shares a line with
//! `deploy`.

use std::collections::BTreeMap;
use std::fmt;

use super::scene::{self, CLUSTER, Scene};
use super::schedule::Played;
use crate::account::CallRecord;
use crate::ecs::PastDeployment;
use crate::faults::Fault;

/// Something that must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// Once pushes stop and sweeps have run, a service runs what its policy names.
    Converges,
    /// A service that does not run what its policy names is reported with the reason.
    Reported,
    /// A digest that was rolled back is not rolled again.
    BadAgain,
    /// A service that has not opted in, is held or is pinned, is not written.
    Untouched,
    /// Where nothing fails there is one deployment of a digest.
    Repeated,
    /// A rollback is told.
    Told,
    /// Where nothing fails it is told once.
    ToldOnce,
    /// Every message was handled, or is in the dead-letter queue.
    Messages,
    /// People are not told the same of an incident twice.
    ToldAgain,
    /// People are told of nothing that is not so.
    Groundless,
    /// A service is asked back, and goes back, at most once in the time for which it may be.
    Window,
    /// A service goes back to its last successful deployment and to nothing else.
    Target,
    /// A service goes back only where its tags allow it.
    OptedIn,
    /// What a service was taken back from is not rolled out again.
    Forward,
    /// A stack that is told to change nothing changes nothing.
    Silent,
    /// A slot, and a request, has one snapshot that has not failed.
    OneEach,
    /// What the policy keeps, what somebody holds and what is somebody else's stays.
    Lost,
    /// What was taken says at all times whose it is.
    Unowned,
    /// Nothing old goes before the new backup is there.
    TooSoon,
    /// What no policy keeps goes in the end.
    Surplus,
    /// Who may restore a backup is whom the operator named, and nobody else.
    Shared,
    /// A request is answered once.
    Answered,
    /// A task of a run is started once.
    TaskTwice,
    /// No two tasks migrate a database at the same time.
    Overlap,
    /// The lock is held by the run whose task lives.
    Unlocked,
    /// A digest is rolled out after its migration has been proven.
    Unproven,
    /// A run comes to its end, or a person is told to decide.
    Ends,
    /// What a task is told shows no secret.
    Secret,
    /// Nothing panics, and the scene can be played.
    Plays,
}

/// Something that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What.
    pub property: Property,
    /// How.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.property, self.text)
    }
}

/// Everything that did not hold in a schedule.
pub fn check(scene: &Scene, played: &Played) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut violated = |property, text: String| found.push(Violation { property, text });
    for expected in scene.expected {
        let running = running(scene, played, expected.service);
        let converged = expected.runs.iter().any(|content| running == [scene::digest(content)]);
        if !converged && !is_excused(played, expected.service) && !announcement_is_kept(played) {
            let text =
                format!("{} runs {}, not {}", expected.service, named(scene, &running), expected.runs.join(" or "));
            violated(Property::Converges, text);
        }
        let told = |kind: &str| {
            let handed_on = kind == "rolled-back" && handed_on(played, expected.service).next().is_some();
            handed_on || played.alerts.iter().any(|alert| is_about(alert, kind, expected.service))
        };
        if let Some(kind) = expected.told.filter(|kind| !told(kind) && !is_excused(played, expected.service)) {
            violated(Property::Reported, format!("no alert says {kind} of {}", expected.service));
        }
        if expected.untouched && played.calls.iter().any(|record| writes(record, expected.service)) {
            violated(Property::Untouched, format!("{} was written", expected.service));
        }
    }
    for (service, rollouts) in &played.rollouts {
        bad_again(scene, played, service, rollouts, &mut violated);
        told(played, service, rollouts, &mut violated);
        if played.choices.faults() == 0 {
            repeated(scene, service, rollouts, &mut violated);
        }
    }
    messages(played, &mut violated);
    found
}

/// A call of ours that lands minutes after its caller died cannot be told from somebody else's. Then hands off is right,
/// as long as it is told.
fn is_excused(played: &Played, service: &str) -> bool {
    let landed_late = |record: &CallRecord| {
        matches!(record.fault, Fault::LateEffect(_))
            && record.call.operation == "UpdateService"
            && writes(record, service)
    };
    played.calls.iter().any(landed_late) && played.alerts.iter().any(|alert| is_about(alert, "pinned", service))
}

/// An announcement is all that is known of an image in another registry: no sweep can ask for it. When it could not even be
/// written down, it waits in the dead-letter queue for a person to send it on.
fn announcement_is_kept(played: &Played) -> bool {
    played.dead.iter().any(|body| body.contains("Image Pushed"))
}

fn running(scene: &Scene, played: &Played, service: &str) -> Vec<String> {
    let mut running = played.account.running(CLUSTER, service);
    let sidecars = scene.services.iter().filter(|each| each.name == service).filter_map(|each| each.sidecar);
    for sidecar in sidecars {
        let digest = crate::ecs::elsewhere(sidecar);
        // Gone, should somebody have touched it; then it is one digest too few, and another too many.
        if let Some(at) = running.iter().position(|each| *each == digest) {
            running.remove(at);
        }
    }
    running
}

fn named(scene: &Scene, digests: &[String]) -> String {
    let contents = ["1", "2", "3", "4"].into_iter().chain(scene.bad());
    let names: BTreeMap<String, &str> = contents.map(|content| (scene::digest(content), content)).collect();
    let name = |digest: &String| names.get(digest).map_or_else(|| digest.clone(), |name| (*name).to_owned());
    if digests.is_empty() { "nothing".to_owned() } else { digests.iter().map(name).collect::<Vec<_>>().join(" and ") }
}

fn is_about(alert: &crate::sns::Published, kind: &str, service: &str) -> bool {
    let attribute = |name: &str| alert.attributes.get(name).map(String::as_str).unwrap_or_default();
    attribute("kind").contains(kind) && attribute("subject").contains(&format!("/{service}"))
}

/// Whether a call would change this service, or register a task definition for it.
fn writes(record: &CallRecord, service: &str) -> bool {
    let input = &record.call.input;
    let names = |member: &str| {
        let text = input[member].as_str().unwrap_or_default();
        text.rsplit('/').next() == Some(service)
    };
    match record.call.operation.as_str() {
        "UpdateService" => names("service"),
        "RegisterTaskDefinition" => names("family"),
        _ => false,
    }
}

pub(super) fn arrives(record: &CallRecord) -> bool {
    let is_kept_away = matches!(record.fault, Fault::CrashBefore | Fault::LateEffect(_) | Fault::EntriesFailed);
    record.error.is_none() && !is_kept_away
}

/// Whether a call takes effect, be it later.
pub(super) fn reaches(record: &CallRecord) -> bool {
    arrives(record) || matches!(record.fault, Fault::LateEffect(_))
}

/// A deployment of a digest after an earlier one of the same was rolled back, by a call of an invocation that began after
/// that. A call that landed long after its caller's death is nobody's decision.
fn bad_again(
    scene: &Scene,
    played: &Played,
    service: &str,
    rollouts: &[PastDeployment],
    violated: &mut impl FnMut(Property, String),
) {
    let calls = || played.calls.iter().filter(|record| writes(record, service) && arrives(record));
    for (index, first) in rollouts.iter().enumerate() {
        let Some((digest, since)) = first.digest.as_ref().zip(first.rolled_back_at) else { continue };
        let later = rollouts.iter().skip(index + 1).filter(|later| later.digest.as_ref() == Some(digest));
        for later in later {
            let call = calls().find(|record| record.call.at == later.created_at);
            let decided = played.invoked.iter().rfind(|invoked| call.is_some_and(|call| invoked.at <= call.call.at));
            if decided.is_some_and(|invoked| invoked.at > since) {
                let name = named(scene, std::slice::from_ref(digest));
                violated(Property::BadAgain, format!("{service} was rolled to {name} after that had been rolled back"));
            }
        }
    }
}

fn repeated(scene: &Scene, service: &str, rollouts: &[PastDeployment], violated: &mut impl FnMut(Property, String)) {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    // A deployment that gave way to a newer one may have to be made again, should the newer one fail.
    let lasting = rollouts.iter().filter(|rollout| rollout.status != "STOPPED");
    lasting.filter_map(|rollout| rollout.digest.as_ref()).for_each(|digest| *counts.entry(digest).or_default() += 1);
    for (digest, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
        let name = named(scene, std::slice::from_ref(digest));
        violated(Property::Repeated, format!("{count} deployments of {name} to {service}, though nothing failed"));
    }
}

/// What `deploy` had `heal` tell: details of the rollouts of a service that failed.
fn handed_on<'a>(played: &'a Played, service: &str) -> impl Iterator<Item = &'a str> {
    let of_service = format!("/{service}\"");
    let put = played.calls.iter().filter(|record| record.call.operation == "PutEvents" && reaches(record));
    let entries = put.map(|record| &record.call.input["Entries"][0]);
    let failed = entries.filter(|entry| entry["DetailType"] == "Rollout Failed");
    failed.filter_map(|entry| entry["Detail"].as_str()).filter(move |detail| detail.contains(&of_service))
}

fn told(played: &Played, service: &str, rollouts: &[PastDeployment], violated: &mut impl FnMut(Property, String)) {
    let nothing_failed = played.choices.faults() == 0;
    let told = |kind: &str, digest: &String| {
        if kind == "rolled-back" {
            // By its first twelve digits, as people read it.
            let short: String = digest.chars().skip("sha256:".len()).take(12).collect();
            return handed_on(played, service).filter(|detail| detail.contains(&short)).count();
        }
        let mine = played.alerts.iter().filter(|alert| is_about(alert, kind, service));
        mine.filter(|alert| alert.message.contains(digest.as_str())).count()
    };
    let mut done: Vec<(&str, &String)> = Vec::new();
    for rollout in rollouts {
        let Some(digest) = &rollout.digest else { continue };
        let kind = match rollout.status {
            "ROLLBACK_SUCCESSFUL" => "rolled-back",
            "SUCCESSFUL" => "rolled-out",
            _ => continue,
        };
        if done.contains(&(kind, digest)) {
            continue;
        }
        done.push((kind, digest));
        let count = told(kind, digest);
        if kind == "rolled-back" && count == 0 && !is_excused(played, service) {
            violated(Property::Told, format!("the rollback of {service} was not told"));
        } else if nothing_failed && count != 1 {
            violated(Property::ToldOnce, format!("{kind} of {service} was told {count} times, though nothing failed"));
        }
    }
}

pub(super) fn messages(played: &Played, violated: &mut impl FnMut(Property, String)) {
    if played.left > 0 {
        violated(Property::Messages, format!("{} messages are still in the queue", played.left));
    }
    let mut ended: BTreeMap<&str, (bool, &str)> = BTreeMap::new();
    for invoked in &played.invoked {
        for message in &invoked.messages {
            ended.insert(&message.id, (!invoked.failed.contains(&message.id), &message.body));
        }
    }
    for (handled, body) in ended.into_values() {
        let is_event = body.starts_with('{');
        let dead = played.dead.iter().any(|dead| dead == body);
        if (!handled || !is_event) && !dead {
            violated(Property::Messages, format!("a message is neither handled nor in the dead-letter queue: {body}"));
        }
    }
}
