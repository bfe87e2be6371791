//! Title, text and next steps of an alert, in plain sentences.

use jiff::Timestamp;
use serde_json::json;

use super::Facts;
use crate::classify::Standing;
use crate::observe::{Breaker, Service};
use crate::plan::{Occasion, Verdict, ago, times};
use crate::watch::{Incident, Stage};

/// One line that says it all, after the subject.
pub(super) fn title(facts: Facts<'_>, occasion: &Occasion, verdict: &Verdict) -> String {
    let Facts { incident, .. } = facts;
    let cause = &incident.cause;
    let often = if incident.count > 1 { format!(", {}", times(incident.count)) } else { String::new() };
    match occasion {
        _ if *verdict == Verdict::Ask => format!("is being rolled back: {cause}{often}"),
        Occasion::Changed { from } => format!("now {cause}{often} (was {})", from.word()),
        Occasion::Opened | Occasion::Escalated(_) => format!("{cause}{often}"),
        Occasion::Reminded => format!("still: {cause}{often}"),
        Occasion::RolloutFailed(failed) => {
            let what = failed.images.as_ref().map(|images| format!(" of {images}")).unwrap_or_default();
            let then = if failed.is_back { "rolled back" } else { "left in place" };
            format!("the rollout{what} failed and is {then}: {cause}")
        }
        Occasion::Asked => format!("is being rolled back: {cause}{often}"),
        Occasion::Refused(_) => "the rollback was refused".to_owned(),
        Occasion::ApprovalUseless(_) => "the approval came to nothing".to_owned(),
        Occasion::Healed => format!("healed: it runs well on {}", target(incident)),
        Occasion::HealFailed(_) => format!("the rollback to {} did not help", target(incident)),
        Occasion::Overtaken => "another deployment took the place of the rollback".to_owned(),
        Occasion::Resolved => format!("resolved: {cause}{often}"),
    }
}

fn target(incident: &Incident) -> String {
    match &incident.stage {
        Stage::Healing { to, .. } => to.short().to_owned(),
        _ => "the last good revision".to_owned(),
    }
}

/// What happened and why, and what was done about it.
pub(super) fn body(facts: Facts<'_>, occasion: &Occasion, verdict: &Verdict, now: Timestamp) -> String {
    let mut parts = vec![what_happened(facts, occasion, now)];
    let said = facts.incident.said.trim_end_matches('.');
    if !said.is_empty() && !occasion.is_end() {
        parts.push(format!("ECS says: {said}."));
    }
    parts.extend(what_is_done(facts, occasion, verdict));
    parts.join("\n\n")
}

fn what_happened(facts: Facts<'_>, occasion: &Occasion, now: Timestamp) -> String {
    let Facts { incident, service, .. } = facts;
    let cause = capital(&incident.cause);
    let window = incident.last.duration_since(incident.since);
    let often = match incident.count {
        0 | 1 => format!("{cause}."),
        count => format!("{cause}: {} in {}.", times(count), ago(window)),
    };
    let deployed = service.map(|service| deployed(service, incident, now)).unwrap_or_default();
    match occasion {
        Occasion::RolloutFailed(failed) => {
            let why = failed.why.as_deref().map(|why| format!(" ECS says: {}.", why.trim_end_matches('.')));
            let images = failed.images.as_ref().map(|images| format!(" of {images}")).unwrap_or_default();
            let then = match (failed.is_back, service.map(|service| service.breaker)) {
                (true, _) => "ECS rolls the service back to what it ran before.",
                (false, Some(Breaker::WithoutRollback)) => {
                    "ECS leaves it in place: the circuit breaker is on without rollback."
                }
                (false, _) => "ECS leaves it in place.",
            };
            format!("The rollout{images} failed. {often} {then}{}", why.unwrap_or_default())
        }
        Occasion::Healed => format!(
            "The service was rolled back to {} {} ago, and has run well for ten minutes. What was wrong: {}",
            target(incident),
            ago(now.duration_since(asked(incident).unwrap_or(now))),
            lower(&often),
        ),
        Occasion::HealFailed(why) => {
            format!("The service was rolled back, and is not well: {why}. Before that: {}", lower(&often))
        }
        Occasion::Overtaken => {
            "Somebody deployed something else while the service was being rolled back. Steward leaves it to them."
                .to_owned()
        }
        Occasion::Resolved => {
            let how = if incident.rollout_failed { " The rollout that failed is not what runs now." } else { "" };
            format!(
                "All tasks that are wanted run, and none has stopped abnormally for a while.{how} What was wrong: {}",
                lower(&often)
            )
        }
        Occasion::Refused(why) => format!("deploy was asked to roll back and did not: {why}. {often}"),
        Occasion::ApprovalUseless(why) => format!("The rollback was approved and is not done: {why}. {often}"),
        _ if incident.class.standing() == Standing::Replaced => {
            let (running, desired) = service.map_or((0, 0), |service| (service.running, service.desired));
            format!("{often} ECS has not replaced it: {running} of {desired} tasks run.")
        }
        _ if incident.looping => format!("{often} ECS starts it again each time.{deployed}"),
        _ => format!("{often}{deployed}"),
    }
}

fn asked(incident: &Incident) -> Option<Timestamp> {
    match incident.stage {
        Stage::Healing { asked, .. } => Some(asked),
        _ => None,
    }
}

/// Since which deployment, and how old that is: the first question of whoever is woken.
fn deployed(service: &Service, incident: &Incident, now: Timestamp) -> String {
    let Some(deployment) = service.deployment(incident.deployment.as_ref()) else {
        return String::new();
    };
    let revision = deployment.task_definition.as_ref().map_or("an unknown revision", |revision| revision.short());
    match deployment.created {
        Some(created) => format!(" It runs {revision}, deployed {} ago.", ago(now.duration_since(created))),
        None => format!(" It runs {revision}."),
    }
}

fn what_is_done(facts: Facts<'_>, occasion: &Occasion, verdict: &Verdict) -> Vec<String> {
    let target = facts.evidence.target.as_ref().map(|target| target.task_definition.short().to_owned());
    let target = target.unwrap_or_else(|| "the last good revision".to_owned());
    let drift = "Whoever deploys by infrastructure as code: your next apply brings the failed revision again, unless you take it back there too.";
    match (verdict, occasion) {
        (Verdict::Ask, _) => vec![
            format!("What is done: deploy was asked to roll the service back to {target}. All guards hold. The result is told after ten to fifteen minutes."),
            drift.to_owned(),
        ],
        (Verdict::AskPerson, _) => vec![format!(
            "What is proposed: a rollback to {target}. All guards hold. It waits for approval, for one hour."
        )],
        (Verdict::Would, _) => vec![format!(
            "What is done: nothing. If the mode allowed it, the service would have been rolled back to {target}: all other guards hold."
        )],
        (Verdict::Guarded, _) => vec![
            "What is done: nothing. A rollback is not considered safe; the guards that do not hold are below.".to_owned(),
        ],
        (Verdict::None, Occasion::HealFailed(_)) => vec![
            "What is done: healing is switched off for this service until a Healing Resumed. It is left as it is, as another step back is not Steward's to take.".to_owned(),
        ],
        (Verdict::None, Occasion::Healed) => vec![drift.to_owned()],
        (Verdict::None, _) => Vec::new(),
    }
}

/// What the reader may do now.
pub(super) fn next_steps(facts: Facts<'_>, occasion: &Occasion, verdict: &Verdict) -> Vec<String> {
    let Facts { incident, subject, .. } = facts;
    let Some(service) = subject.service() else {
        return incident.class.advice().iter().map(|step| (*step).to_owned()).collect();
    };
    let put = |detail_type: &str, detail: serde_json::Value| {
        let entry = json!([{ "Source": "steward", "DetailType": detail_type, "Detail": detail.to_string() }]);
        format!("aws events put-events --entries '{entry}'")
    };
    match (verdict, occasion) {
        (_, Occasion::Healed | Occasion::Resolved | Occasion::Overtaken) => Vec::new(),
        (_, Occasion::HealFailed(_)) => vec![
            "Look at the service now: nobody and nothing is at it.".to_owned(),
            format!(
                "When it is well, switch healing on again: {}",
                put("Healing Resumed", json!({ "service": service, "requested-by": "YOUR NAME" }))
            ),
        ],
        (Verdict::AskPerson, _) => {
            let detail = json!({ "service": service, "incident": incident.id, "approved-by": "YOUR NAME" });
            let event = json!({ "source": "steward", "detail-type": "Rollback Approved", "detail": detail });
            let mut steps = vec![format!("Approve the rollback: {}", put("Rollback Approved", detail))];
            steps.extend(facts.function.map(|name| {
                format!("Approve it from chat: @Amazon Q lambda invoke --function-name {name} --payload {event}")
            }));
            steps.extend(incident.class.advice().iter().map(|step| (*step).to_owned()));
            steps
        }
        _ => incident.class.advice().iter().map(|step| (*step).to_owned()).collect(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
