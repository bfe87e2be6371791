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
mod news;
mod storm;
mod surroundings;
mod verify;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use shared::tags::{HealLevel, ServiceTags};

pub(crate) use self::conclude::{Plan, Verdict, conclude};
pub(crate) use self::guards::{Guard, ago, times};
use self::news::Taken;
pub(crate) use self::storm::board_pass;
use crate::board::{Board, Ledger};
use crate::classify::Class;
use crate::observe::Seen;
use crate::trigger::{News, Subject};
use crate::watch::Watch;

/// What of the configuration a decision depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings<'a> {
    /// Name of the function, for commands in alerts.
    pub function: Option<&'a str>,
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

impl Occasion {
    /// Whether the incident is over with it.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Healed | Self::Resolved | Self::Overtaken)
    }
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
            !occasion.is_end() && !matches!(occasion, Occasion::Refused(_) | Occasion::ApprovalUseless(_))
        });
        tells || self.decide != Decide::No
    }
}

/// Attends to the news about one subject.
pub(crate) fn attend(
    settings: Settings<'_>,
    event: &str,
    subject: &Subject,
    news: &News,
    seen: &Seen,
    now: Timestamp,
) -> Step {
    let mut desk =
        Desk { watch: seen.watch.item.clone(), board: seen.board.item.clone(), ledger: seen.ledger.item.clone() };
    let taken = match (subject, &seen.service) {
        (Subject::Service(_), None) => news::gone(&mut desk, now),
        (Subject::Service(_), Some(service)) if !service.is_active => news::gone(&mut desk, now),
        (Subject::Service(_), Some(service)) => news::take(&mut desk, event, subject, service, news, seen, now),
        (Subject::Job(..), _) => news::take_job(&mut desk, subject, news, now),
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

#[cfg(test)]
mod tests;
