//! The guards of a rollback. All must hold; each that does not is named in the alert. What is not known never holds.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use shared::tags::{HealLevel, ServiceTags};

use crate::board::{Board, Ledger, THROTTLED_FOR};
use crate::classify::{Changed, Cure};
use crate::observe::model::{Difference, Target};
use crate::observe::{Evidence, Images, Logs, Seen, Service};
use crate::trigger::Subject;
use crate::watch::{Heal, HealOutcome, Incident, Stage, Watch};

/// A release older than this did not bring it.
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// A kill without a reason is only blamed on a release within this time of it.
const SOON: SignedDuration = SignedDuration::from_mins(30);
/// A person who stopped a task is given this time.
const HUMAN: SignedDuration = SignedDuration::from_mins(30);
/// One request for a service in this time.
const SERVICE_WINDOW: SignedDuration = SignedDuration::from_hours(6);
/// So many for the account in an hour.
const ACCOUNT_BUDGET: usize = 5;
/// So many failed heals in a day switch healing off in the account.
const ACCOUNT_FAILURES: usize = 2;

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

/// Log lines by which a dependency is at fault: going back would not help, and may stand in the way of the fix.
const DEPENDENCY: [&str; 18] = [
    "connection refused",
    "econnrefused",
    "connection timed out",
    "etimedout",
    "connect timeout",
    "could not connect",
    "no route to host",
    "no such host",
    "name or service not known",
    "getaddrinfo",
    "too many connections",
    "too many requests",
    "throttlingexception",
    "rate exceeded",
    "503 service unavailable",
    "502 bad gateway",
    "password authentication failed",
    "access denied for user",
];

impl Case<'_> {
    /// Every guard but those about how far healing may go.
    pub(super) fn guards(&self) -> Vec<Guard> {
        let mut guards = self.of_the_fault();
        guards.extend(self.of_the_target());
        guards.extend(self.of_the_surroundings());
        guards
    }

    /// Whether a release may have brought it.
    fn of_the_fault(&self) -> Vec<Guard> {
        let (incident, now) = (self.incident, self.now);
        let primary = self.service.primary();
        let is_primary = primary.is_some_and(|primary| Some(&primary.id) == incident.deployment.as_ref());
        let created = primary.and_then(|primary| primary.created);
        let age = created.map(|created| now.duration_since(created));
        let onset = created.map(|created| incident.since.duration_since(created));
        let helps = match incident.class.cure() {
            Cure::Rollback => true,
            Cure::RollbackIfChanged(changed) => {
                self.evidence.difference.as_ref().is_some_and(|difference| has_changed(difference, changed))
            }
            Cure::RollbackIfSoon => onset.is_some_and(|onset| onset <= SOON),
            Cure::None => false,
        };
        let before = self.watch.stops.iter().filter(|stop| {
            stop.class == incident.class && stop.deployment != incident.deployment && stop.deployment.is_some()
        });
        let before = before.count()
            + self
                .watch
                .past
                .iter()
                .filter(|past| {
                    past.class == incident.class
                        && now.duration_since(past.ended) <= FRESH
                        && past.deployment != incident.deployment
                })
                .count();
        vec![
            guard(
                "loop",
                incident.looping && is_primary,
                if incident.looping && is_primary {
                    "it loops on the deployment that ECS works towards".to_owned()
                } else if incident.looping {
                    "ECS works towards another deployment by now".to_owned()
                } else {
                    format!("{} so far is no loop", times(incident.count))
                },
            ),
            guard(
                "class",
                helps,
                format!(
                    "a rollback {} against {}",
                    if helps { "may help" } else { "does not help" },
                    incident.class.word()
                ),
            ),
            guard(
                "fresh",
                age.is_some_and(|age| age <= FRESH),
                match age {
                    Some(age) => format!("deployed {} ago", ago(age)),
                    None => "ECS does not say when it was deployed".to_owned(),
                },
            ),
            guard(
                "onset",
                before == 0,
                if before == 0 {
                    "what ran before did not fail in this way within a day".to_owned()
                } else {
                    "what ran before failed in this way too, so the release is not the cause".to_owned()
                },
            ),
            guard(
                "controller",
                self.service.is_rolling,
                if self.service.is_rolling {
                    "ECS rolls it, one task after the other".to_owned()
                } else {
                    "its deployment controller or strategy is one that is not rolled back here".to_owned()
                },
            ),
            self.breaker(),
        ]
    }

    /// During a rollout the circuit breaker has the first word.
    fn breaker(&self) -> Guard {
        let under_way = self.service.primary().is_some_and(|primary| !primary.is_completed);
        let has_rollback = self.service.breaker == crate::observe::Breaker::WithRollback;
        let is_left = under_way && has_rollback;
        guard(
            "breaker",
            !is_left,
            if is_left {
                "the rollout is under way, and the circuit breaker decides first".to_owned()
            } else {
                "no circuit breaker has a say now".to_owned()
            },
        )
    }

    /// Whether there is something good to go back to.
    fn of_the_target(&self) -> Vec<Guard> {
        let Some(target) = &self.evidence.target else {
            let why = if self.evidence.missing.is_empty() {
                "no earlier deployment of it was successful".to_owned()
            } else {
                format!("it is not known: {}", self.evidence.missing.join(", "))
            };
            return vec![guard("target", false, why)];
        };
        let short = target.task_definition.short();
        let left_before = self.watch.heals.iter().any(|heal| heal.from.as_ref() == Some(&target.task_definition));
        vec![
            guard("target", true, format!("{short} was the last successful one")),
            guard(
                "target-active",
                target.is_active,
                if target.is_active { format!("{short} is active") } else { format!("{short} was deregistered") },
            ),
            guard(
                "target-image",
                self.evidence.images == Images::Held,
                match &self.evidence.images {
                    Images::Held => "the registry still holds its images".to_owned(),
                    Images::Lacking(why) => why.clone(),
                    Images::Unknown => "whether the registry still holds its images is not known".to_owned(),
                },
            ),
            guard(
                "target-clean",
                !left_before,
                if left_before {
                    format!("{short} was itself left by a heal before")
                } else {
                    format!("{short} was never left by a heal")
                },
            ),
        ]
    }

    /// Whether it is the release alone, and nobody else is at it.
    fn of_the_surroundings(&self) -> Vec<Guard> {
        let (now, incident) = (self.now, self.incident);
        let others = self.board.others_with(incident.class, self.subject);
        let storm = self.board.storm(now).is_some();
        let throttled = self.board.throttled.is_some_and(|at| now.duration_since(at) < THROTTLED_FOR);
        let mute = self.seen.mutes.of_healing(&self.service.arn, now);
        let human = incident.touched.is_some_and(|at| now.duration_since(at) < HUMAN);
        let hold = self.tags.and_then(|tags| tags.hold.clone());
        let recent = self
            .watch
            .heals
            .iter()
            .filter(|heal| heal.outcome != HealOutcome::Refused && now.duration_since(heal.at) < SERVICE_WINDOW)
            .count();
        let hour = SignedDuration::from_hours(1);
        let in_account =
            self.ledger.asked.iter().filter(|(id, at)| **id != incident.id && now.duration_since(**at) < hour).count();
        let repeated = recurs(self.watch, incident, self.service);
        vec![
            self.dependency(),
            guard(
                "neighbours",
                others.is_empty(),
                if others.is_empty() {
                    "nothing else in the cluster loops by the same".to_owned()
                } else {
                    format!("{} loop by the same: a dependency or the cluster is at fault", others.join(", "))
                },
            ),
            guard(
                "storm",
                !storm,
                if storm { "many services fail at once; healing is frozen" } else { "no storm in the cluster" }
                    .to_owned(),
            ),
            guard(
                "throttled",
                !throttled,
                if throttled { "ECS is throttled; a rollout would add load" } else { "ECS is not throttled" }
                    .to_owned(),
            ),
            guard(
                "mute",
                mute.is_none(),
                mute.map_or_else(|| "not muted".to_owned(), |mute| format!("muted: {}", mute.summary())),
            ),
            guard("hold", hold.is_none(), hold.map_or_else(|| "not held".to_owned(), |why| format!("held: {why}"))),
            guard(
                "human",
                !human,
                if human { "a person stopped a task of it a moment ago" } else { "nobody else is at it" }.to_owned(),
            ),
            guard(
                "service-budget",
                recent == 0,
                if recent == 0 {
                    "the first rollback in six hours".to_owned()
                } else {
                    "it was rolled back within six hours already".to_owned()
                },
            ),
            guard(
                "account-budget",
                in_account < ACCOUNT_BUDGET,
                format!("{in_account} of {ACCOUNT_BUDGET} rollbacks in the last hour"),
            ),
            guard(
                "account-breaker",
                self.ledger.failed.len() < ACCOUNT_FAILURES,
                format!("{} of {ACCOUNT_FAILURES} failed heals in the account within a day", self.ledger.failed.len()),
            ),
            guard(
                "recurrence",
                !repeated,
                if repeated {
                    "the same revision was healed of the same within a week; a person decides".to_owned()
                } else {
                    "not healed of the same before".to_owned()
                },
            ),
            guard(
                "switched-off",
                self.watch.switched_off.is_none(),
                if self.watch.switched_off.is_some() {
                    "a heal failed here; a Healing Resumed switches healing on again".to_owned()
                } else {
                    "no heal has failed here".to_owned()
                },
            ),
            guard(
                "refused",
                incident.refused.is_none(),
                incident
                    .refused
                    .as_ref()
                    .map_or_else(|| "deploy has not refused".to_owned(), |why| format!("deploy refused: {why}")),
            ),
            guard(
                "complete",
                self.evidence.missing.is_empty(),
                if self.evidence.missing.is_empty() {
                    "everything could be looked up".to_owned()
                } else {
                    format!("not known: {}", self.evidence.missing.join(", "))
                },
            ),
        ]
    }

    fn dependency(&self) -> Guard {
        let Logs::Lines(lines) = &self.evidence.logs else {
            let (holds, why) = match &self.evidence.logs {
                Logs::None(why) => (true, format!("no log to judge by: {why}")),
                _ => (false, "the log could not be read".to_owned()),
            };
            return guard("dependency", holds, why);
        };
        let blamed = lines.iter().find_map(|line| {
            let lower = line.to_ascii_lowercase();
            DEPENDENCY.into_iter().find(|words| lower.contains(words))
        });
        guard(
            "dependency",
            blamed.is_none(),
            blamed.map_or_else(
                || "the log blames no dependency".to_owned(),
                |words| format!("the log says {words:?}: a dependency is at fault"),
            ),
        )
    }
}

/// How far healing may go for a service, and what said so.
pub(super) fn level(tags: Option<&ServiceTags>, cap: HealLevel) -> (HealLevel, Guard) {
    let Some(tags) = tags else {
        return (HealLevel::Off, guard("mode", false, "its tags cannot be read".to_owned()));
    };
    let level = tags.heal.min(cap);
    let why = if cap < tags.heal {
        format!("steward:heal is {}, but the parameter HealMode allows {}", tags.heal.as_str(), cap.as_str())
    } else {
        format!("steward:heal is {}", level.as_str())
    };
    (level, guard("mode", level == HealLevel::Auto, why))
}

fn guard(name: &'static str, holds: bool, why: String) -> Guard {
    Guard { name, holds, why }
}

fn has_changed(difference: &Difference, changed: Changed) -> bool {
    match changed {
        Changed::ImageOrRole => difference.image || difference.role,
        Changed::SecretsOrRole => difference.secrets || difference.role,
        Changed::Logging => difference.logging,
        Changed::ImageOrPorts => difference.image || difference.ports,
    }
}

/// Whether the revision that runs was healed of the same before.
pub(super) fn recurs(watch: &Watch, incident: &Incident, service: &Service) -> bool {
    let current = service.primary().and_then(|primary| primary.task_definition.as_ref());
    let is_same = |heal: &Heal| heal.class == incident.class && heal.from.as_ref() == current;
    watch.heals.iter().any(|heal| heal.outcome == HealOutcome::Verified && is_same(heal))
}

/// The target, if there is one.
pub(super) fn target(evidence: &Evidence) -> Option<&Target> {
    evidence.target.as_ref()
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
