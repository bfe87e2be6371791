//! The guards of a rollback. All must hold; each that does not is named in the alert. What is not known never holds.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use shared::tags::{HealLevel, ServiceTags};

use crate::board::{Board, Ledger};
use crate::classify::Cure;
use crate::observe::{Breaker, Evidence, Images, Seen, Service};
use crate::trigger::Subject;
use crate::watch::{Heal, HealOutcome, Incident, Stage, Watch};

/// A release older than this did not bring it.
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// A kill without a reason is only blamed on a release within this time of it.
const SOON: SignedDuration = SignedDuration::from_mins(30);

/// One guard and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Guard {
    /// Its name, as docs/heal.md explains it.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// What was found.
    pub why: String,
}

/// All that a decision to heal depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) subject: &'a Subject,
    pub(super) service: &'a Service,
    pub(super) tags: Option<&'a ServiceTags>,
    pub(super) seen: &'a Seen,
    pub(super) watch: &'a Watch,
    pub(super) board: &'a Board,
    pub(super) ledger: &'a Ledger,
    pub(super) incident: &'a Incident,
    pub(super) evidence: &'a Evidence,
    pub(super) now: Timestamp,
}

/// A guard with what is said if it holds, and if it does not.
pub(super) fn guard(name: &'static str, holds: bool, yes: impl Into<String>, no: impl Into<String>) -> Guard {
    Guard { name, holds, why: if holds { yes.into() } else { no.into() } }
}

impl Case<'_> {
    /// Every guard but that about how far healing may go.
    pub(super) fn guards(&self) -> Vec<Guard> {
        let mut guards = self.of_the_fault();
        guards.extend(self.of_the_target());
        guards.extend(self.of_the_surroundings());
        guards.extend(self.of_the_budgets());
        guards
    }

    /// Whether a release may have brought it.
    fn of_the_fault(&self) -> Vec<Guard> {
        let (incident, now) = (self.incident, self.now);
        let primary = self.service.primary();
        let is_primary = primary.is_some_and(|primary| Some(&primary.id) == incident.deployment.as_ref());
        let created = primary.and_then(|primary| primary.created);
        let age = created.map(|created| now.duration_since(created));
        let helps = match incident.class.cure() {
            Cure::Rollback => true,
            Cure::RollbackIfChanged(parts) => {
                let difference = self.evidence.difference.as_ref();
                difference.is_some_and(|difference| parts.iter().any(|part| difference.parts.contains(part)))
            }
            Cure::RollbackIfSoon => created.is_some_and(|created| incident.since.duration_since(created) <= SOON),
            Cure::None => false,
        };
        // A rollout that failed is not what ran before: the service went back from it.
        let is_before = |deployment: &Option<String>| {
            let has_failed = deployment.as_ref().is_some_and(|id| self.watch.told_deployments.contains(id));
            *deployment != incident.deployment && !has_failed
        };
        let mut stops = self.watch.stops.iter().filter(|stop| stop.class == incident.class);
        let mut past = self.watch.past.iter().filter(|past| past.class == incident.class);
        let before = stops.any(|stop| stop.deployment.is_some() && is_before(&stop.deployment))
            || past.any(|past| is_before(&past.deployment) && now.duration_since(past.ended) <= FRESH);
        let (word, age_word) = (incident.class.word(), age.map(ago));
        vec![
            guard(
                "loop",
                incident.looping && is_primary,
                "it loops on the deployment that ECS works towards",
                if incident.looping {
                    "ECS works towards another deployment by now".to_owned()
                } else {
                    format!("{} so far is no loop", times(incident.count))
                },
            ),
            guard(
                "class",
                helps,
                format!("a rollback may help against {word}"),
                format!("a rollback does not help against {word}, as far as is known"),
            ),
            guard(
                "fresh",
                age.is_some_and(|age| age <= FRESH),
                format!("deployed {} ago", age_word.clone().unwrap_or_default()),
                age_word.map_or_else(
                    || "ECS does not say when it was deployed".to_owned(),
                    |age| format!("deployed {age} ago: too long for the release to be the cause"),
                ),
            ),
            guard(
                "onset",
                !before,
                "what ran before did not fail in this way within a day",
                "what ran before failed in this way too, so the release is not the cause",
            ),
            guard(
                "controller",
                self.service.is_rolling,
                "ECS rolls it, one task after the other",
                "its deployment controller or strategy is one that is not rolled back here",
            ),
            guard(
                "breaker",
                self.service.breaker != Breaker::WithRollback || primary.is_some_and(|primary| primary.is_completed),
                "no circuit breaker has a say now",
                "the rollout is under way, and the circuit breaker decides first",
            ),
        ]
    }

    /// Whether there is something good to go back to.
    fn of_the_target(&self) -> Vec<Guard> {
        let Some(target) = &self.evidence.target else {
            let why = match self.evidence.missing.as_slice() {
                [] => "no earlier deployment of it was successful".to_owned(),
                missing => format!("it is not known: {}", missing.join(", ")),
            };
            return vec![guard("target", false, "", why)];
        };
        let short = target.task_definition.short();
        let was_left = self.watch.heals.iter().any(|heal| heal.from.as_ref() == Some(&target.task_definition));
        let images = match &self.evidence.images {
            Images::Held => String::new(),
            Images::Lacking(why) => why.clone(),
            Images::Unknown => "whether the registry still holds its images is not known".to_owned(),
        };
        vec![
            guard("target", true, format!("{short} was the last successful one"), ""),
            guard("target-active", target.is_active, format!("{short} is active"), format!("{short} was deregistered")),
            guard("target-image", images.is_empty(), "the registry still holds its images", images),
            guard(
                "target-clean",
                !was_left,
                format!("{short} was never left by a heal"),
                format!("{short} was itself left by a heal before"),
            ),
        ]
    }
}

/// How far healing may go for a service, and what said so.
pub(super) fn level(tags: Option<&ServiceTags>, cap: HealLevel) -> (HealLevel, Guard) {
    let Some(tags) = tags else {
        return (HealLevel::Off, guard("mode", false, "", "its tags cannot be read"));
    };
    let level = tags.heal.min(cap);
    let why = if cap < tags.heal {
        format!("steward:heal is {}, but the parameter HealMode allows {}", tags.heal.as_str(), cap.as_str())
    } else {
        format!("steward:heal is {}", level.as_str())
    };
    (level, guard("mode", level == HealLevel::Auto, why.clone(), why))
}

/// Whether the revision that runs was healed of the same before.
pub(super) fn recurs(watch: &Watch, incident: &Incident, service: &Service) -> bool {
    let current = service.primary().and_then(|primary| primary.task_definition.as_ref());
    let is_same = |heal: &Heal| heal.class == incident.class && heal.from.as_ref() == current;
    watch.heals.iter().any(|heal| heal.outcome == HealOutcome::Verified && is_same(heal))
}

/// Whether nothing was asked for an incident yet.
pub(super) fn is_undecided(incident: &Incident) -> bool {
    matches!(incident.stage, Stage::Open | Stage::AwaitingApproval { .. })
}

/// `once`, `twice`, `3 times`.
pub(crate) fn times(count: usize) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

/// `12 min`, `3 h`: for people.
pub(crate) fn ago(duration: SignedDuration) -> String {
    match duration.as_mins() {
        ..=0 => "less than a minute".to_owned(),
        minutes @ 1..=119 => format!("{minutes} min"),
        minutes => format!("{} h", minutes / 60),
    }
}
