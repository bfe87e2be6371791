//! The guards that look away from the release: dependencies, neighbours, people, budgets.

use jiff::SignedDuration;

use super::guards::{Case, Guard, guard, recurs};
use crate::board::THROTTLED_FOR;
use crate::observe::Logs;
use crate::watch::HealOutcome;

/// A person who stopped a task is given this time.
const HUMAN: SignedDuration = SignedDuration::from_mins(30);
/// One request for a service in this time.
const SERVICE_WINDOW: SignedDuration = SignedDuration::from_hours(6);
/// So many for the account in an hour.
const ACCOUNT_BUDGET: usize = 5;
/// So many failed heals in a day switch healing off in the account.
const ACCOUNT_FAILURES: usize = 2;

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
    /// Whether it is the release alone, and nobody else is at it.
    pub(super) fn of_the_surroundings(&self) -> Vec<Guard> {
        let (now, incident) = (self.now, self.incident);
        let others = self.board.others_with(incident.class, self.subject);
        let throttled = self.board.throttled.is_some_and(|at| now.duration_since(at) < THROTTLED_FOR);
        let mute = self.seen.mutes.of_healing(&self.service.arn, now).map(shared::mute::Mute::summary);
        let hold = self.tags.and_then(|tags| tags.hold.clone());
        let human = incident.touched.is_some_and(|at| now.duration_since(at) < HUMAN);
        let missing = &self.evidence.missing;
        vec![
            self.dependency(),
            guard(
                "neighbours",
                others.is_empty(),
                "nothing else in the cluster loops by the same",
                format!("{} loop by the same: a dependency or the cluster is at fault", others.join(", ")),
            ),
            guard(
                "storm",
                self.board.storm(now).is_none(),
                "no storm in the cluster",
                "many services fail at once; healing is frozen",
            ),
            guard("throttled", !throttled, "ECS is not throttled", "ECS is throttled; a rollout would add load"),
            guard("mute", mute.is_none(), "not muted", format!("muted: {}", mute.unwrap_or_default())),
            guard("hold", hold.is_none(), "not held", format!("held: {}", hold.unwrap_or_default())),
            guard("human", !human, "nobody else is at it", "a person stopped a task of it a moment ago"),
            guard(
                "complete",
                missing.is_empty(),
                "everything could be looked up",
                format!("not known: {}", missing.join(", ")),
            ),
        ]
    }

    /// How often it was done before, and how that went.
    pub(super) fn of_the_budgets(&self) -> Vec<Guard> {
        let (now, incident) = (self.now, self.incident);
        let mut heals = self.watch.heals.iter().filter(|heal| heal.outcome != HealOutcome::Refused);
        let recent = heals.any(|heal| now.duration_since(heal.at) < SERVICE_WINDOW);
        let hour = SignedDuration::from_hours(1);
        let asked = self.ledger.asked.iter();
        let asked = asked.filter(|(id, at)| **id != incident.id && now.duration_since(**at) < hour).count();
        let failed = self.ledger.failed.len();
        let failed_text = format!("{failed} of {ACCOUNT_FAILURES} failed heals in the account within a day");
        let asked_text = format!("{asked} of {ACCOUNT_BUDGET} rollbacks in the account within an hour");
        vec![
            guard(
                "service-budget",
                !recent,
                "the first rollback of it in six hours",
                "it was rolled back within six hours already",
            ),
            guard("account-budget", asked < ACCOUNT_BUDGET, asked_text.clone(), asked_text),
            guard("account-breaker", failed < ACCOUNT_FAILURES, failed_text.clone(), failed_text),
            guard(
                "recurrence",
                !recurs(self.watch, incident, self.service),
                "not healed of the same before",
                "the same revision was healed of the same within a week; a person decides",
            ),
            guard(
                "switched-off",
                self.watch.switched_off.is_none(),
                "no heal has failed here",
                "a heal failed here; a Healing Resumed switches healing on again",
            ),
            guard(
                "refused",
                incident.refused.is_none(),
                "deploy has not refused",
                format!("deploy refused: {}", incident.refused.clone().unwrap_or_default()),
            ),
        ]
    }

    fn dependency(&self) -> Guard {
        const NAME: &str = "dependency";
        let lines = match &self.evidence.logs {
            Logs::Lines(lines) => lines,
            Logs::None(why) | Logs::Late(why) => return guard(NAME, true, format!("no log to judge by: {why}"), ""),
            Logs::Unknown => return guard(NAME, false, "", "the log could not be read"),
        };
        let blames = |line: &String| {
            let lower = line.to_ascii_lowercase();
            DEPENDENCY.into_iter().find(|words| lower.contains(words))
        };
        let blamed = lines.iter().find_map(blames);
        let no = format!("the log says {:?}: a dependency is at fault", blamed.unwrap_or_default());
        guard(NAME, blamed.is_none(), "the log blames no dependency", no)
    }
}
