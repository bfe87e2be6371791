//! The life of an incident: when it is told, when it is held back, and when it is over.

use jiff::{SignedDuration, Timestamp};
use shared::tags::{HealLevel, ServiceTags};

use super::{Decide, Desk, Occasion, Settings, Step, guards, loops, verify};
use crate::classify::Standing;
use crate::observe::{Breaker, Seen, Service};
use crate::trigger::Subject;
use crate::watch::{Incident, Stage, Watch};

/// What people were told is told again after this time.
const REMINDER: SignedDuration = SignedDuration::from_hours(4);
/// How long the circuit breaker has the first word.
const BREAKER_TIME: SignedDuration = SignedDuration::from_mins(15);
/// How long ECS has to replace a task that it lost.
const REPLACEMENT: SignedDuration = SignedDuration::from_mins(5);
/// A job that has not failed for so long is forgotten.
const JOB_QUIET: SignedDuration = SignedDuration::from_hours(24);

/// Why something is not told although it could be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held(&'static str, String);

/// Reviews what is open after the news was taken in.
pub(super) fn review(
    settings: Settings<'_>,
    mut desk: Desk,
    subject: &Subject,
    seen: &Seen,
    tags: Option<&ServiceTags>,
    taken: (&'static str, String),
    now: Timestamp,
) -> Step {
    // In a loop each stop would ask for the closer look again, and cost more calls than the loop is worth.
    let is_look = taken.0 == "looked";
    let (mut word, mut reason) = taken;
    let counted = word == "counted";
    let (mut occasion, mut decide) = (None, Decide::No);
    if let Some(incident) = desk.watch.incident.clone() {
        if let (Stage::Healing { .. }, Some(service)) = (&incident.stage, &seen.service) {
            occasion = verify::verify(settings, &mut desk, service, now);
            word = occasion.as_ref().map_or("healing", |_| "told");
        } else if is_over(&incident, &desk.watch, seen.service.as_ref(), now) {
            let was_told = incident.told.is_some();
            let mute = seen.mutes.of_alerts(subject.service(), now);
            (word, reason) = ("closed", "it is over".to_owned());
            if was_told && mute.is_none() && subject.service().is_some() {
                // The incident stays until the alert is made of it.
                occasion = Some(Occasion::Resolved);
                word = "told";
            } else {
                desk.watch.close(now);
            }
        } else {
            match due(&incident, &desk, subject, seen, now) {
                Ok(found) => {
                    word = if found.is_some() { "told" } else { word };
                    occasion = found;
                }
                Err(Held(by, why)) => (word, reason) = (by, why),
            }
            let level = guards::level(tags, settings.mode).0;
            let again = is_look && incident.told.is_some() && level == HealLevel::Auto && incident.stage == Stage::Open;
            let told = occasion.as_ref().is_some_and(|occasion| may_decide(occasion, &desk.watch));
            if incident.looping && (told || again && occasion.is_none() && is_worth_deciding(&incident, &desk, now)) {
                decide = Decide::ByTags;
            }
        }
    }
    Step { desk, occasion, decide, word, reason, counted }
}

/// What costs no call to know, asked before the closer look is taken again in each sweep.
fn is_worth_deciding(incident: &Incident, desk: &Desk, now: Timestamp) -> bool {
    incident.refused.is_none() && desk.watch.switched_off.is_none() && desk.board.storm(now).is_none()
}

/// Whether what is told is also a moment to decide about a rollback.
pub(super) fn may_decide(occasion: &Occasion, watch: &Watch) -> bool {
    let is_open = watch.incident.as_ref().is_some_and(guards::is_undecided);
    match occasion {
        Occasion::Opened | Occasion::Changed { .. } | Occasion::Escalated(_) | Occasion::Reminded => is_open,
        Occasion::RolloutFailed(failed) => is_open && !failed.is_back,
        _ => false,
    }
}

/// Whether an incident is over. One good look is not enough: it must have been quiet, and the service must be well.
fn is_over(incident: &Incident, watch: &Watch, service: Option<&Service>, now: Timestamp) -> bool {
    let quiet = now.duration_since(incident.last);
    let Some(service) = service else {
        return quiet >= JOB_QUIET;
    };
    if incident.class.standing() == Standing::Replaced && incident.told.is_none() {
        return service.running >= service.desired;
    }
    let times: Vec<Timestamp> = watch.stops_of(incident.deployment.as_deref()).map(|stop| stop.at).collect();
    // Something else may go wrong with what was deployed since; that is an incident of its own.
    quiet >= loops::quiet_needed(&times) && service.is_healthy()
}

/// What is due to be told of an incident, or why it is held back.
fn due(
    incident: &Incident,
    desk: &Desk,
    subject: &Subject,
    seen: &Seen,
    now: Timestamp,
) -> Result<Option<Occasion>, Held> {
    let Some(occasion) = news_of(incident, seen.service.as_ref(), subject, now) else {
        return Ok(None);
    };
    if let Some(mute) = seen.mutes.of_alerts(subject.service(), now) {
        return Err(Held("muted", format!("muted: {}", mute.summary())));
    }
    if desk.board.storm(now).is_some() && subject.service().is_some() {
        return Err(Held("held-by-storm", "many services fail at once; one digest tells of all".to_owned()));
    }
    let under_breaker = seen.service.as_ref().is_some_and(|service| is_under_breaker(incident, service, now));
    if under_breaker && incident.told.is_none() {
        return Err(Held(
            "held-by-breaker",
            "the rollout is under way, and the circuit breaker decides first".to_owned(),
        ));
    }
    Ok(Some(occasion))
}

/// The tier that an incident has reached. Of a service's stops only a loop has one: less is not counted for people.
pub(super) fn tier(incident: &Incident, is_service: bool) -> usize {
    if incident.looping || !is_service { loops::tier(incident.count) } else { 0 }
}

fn news_of(incident: &Incident, service: Option<&Service>, subject: &Subject, now: Timestamp) -> Option<Occasion> {
    let tier = tier(incident, subject.service().is_some());
    let Some(told) = &incident.told else {
        let is_unreplaced = incident.class.standing() == Standing::Replaced
            && now.duration_since(incident.since) >= REPLACEMENT
            && service.is_some_and(|service| service.running < service.desired);
        let is_news = incident.looping || incident.class.single().is_some() || is_unreplaced || incident.rollout_failed;
        return is_news.then_some(Occasion::Opened);
    };
    // Causes that take turns are news once each.
    if incident.class != told.class && !told.class.inhibits() && !told.before.contains(&incident.class) {
        return Some(Occasion::Changed { from: told.class });
    }
    if tier > told.tier {
        return Some(Occasion::Escalated(tier));
    }
    (now.duration_since(told.at) >= REMINDER).then_some(Occasion::Reminded)
}

/// A rollout under way whose failure ECS will notice by itself. It counts tasks that do not start and that fail health
/// checks; what it does not count is told when its time is over or the rollout has ended. Once the breaker has decided, the
/// rollback is under way or the deployment has failed, and the event that says so comes in a moment.
fn is_under_breaker(incident: &Incident, service: &Service, now: Timestamp) -> bool {
    let is_steady = service.primary().is_some_and(|primary| primary.is_completed);
    service.breaker != Breaker::Off
        && !is_steady
        && !incident.rollout_failed
        && now.duration_since(incident.since) < BREAKER_TIME
}
