//! What a picture is drawn from: acts, and rows of what was seen.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A run, as far as it was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) acts: Vec<Act>,
    pub(crate) rows: Vec<Row>,
}

/// One act.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) title: String,
    /// What is about to happen.
    pub(crate) what: String,
    pub(crate) from: Timestamp,
    /// When the next act began.
    pub(crate) to: Timestamp,
    pub(crate) clock: Clock,
    /// When sweeps were due.
    pub(crate) sweeps: Vec<Timestamp>,
}

/// How a moment is spoken of.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// `h:mm:ss` since then.
    Since(Timestamp),
    /// Date and time of day there.
    Dated(TimeZone),
}

impl Clock {
    /// A moment in words: `1:04:10`, `17 Mar 02:15`.
    pub(crate) fn told(&self, at: Timestamp) -> String {
        match self {
            Self::Since(start) => {
                let seconds = at.duration_since(*start).as_secs().max(0);
                format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
            }
            Self::Dated(zone) => at.to_zoned(zone.clone()).strftime("%-d %b %H:%M").to_string(),
        }
    }
}

impl Act {
    /// How long it took.
    pub(crate) fn span(&self) -> SignedDuration {
        self.to.duration_since(self.from)
    }

    /// Whether something that happened then, or lasted so long, is to be seen in this act. What happened between two acts
    /// belongs to the later one.
    pub(crate) fn shows(&self, row: &Row) -> bool {
        match row.lasts() {
            None => row.act == self.number,
            Some((from, to)) => row.act == self.number || row.act < self.number && from < self.to && to > self.from,
        }
    }
}

/// Something that was seen.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Number of the act in which it was seen first.
    pub(crate) act: usize,
    /// The service, database, or what else it is about.
    pub(crate) lane: String,
    pub(crate) from: Timestamp,
    /// Of what lasts, its end.
    pub(crate) to: Option<Timestamp>,
    pub(crate) kind: Kind,
    /// A word or two: a tag, a decision, the kind of an alert.
    pub(crate) label: String,
    /// All that is known: the reason of a decision record, the title of an alert.
    pub(crate) words: String,
}

impl Row {
    /// Begin and end of what lasts.
    pub(crate) fn lasts(&self) -> Option<(Timestamp, Timestamp)> {
        let to = self.to.or(self.kind.is_bar().then_some(self.from))?;
        Some((self.from, to.max(self.from)))
    }
}

/// Kinds of rows. The first ones last, and are drawn as bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A deployment of ECS, by its outcome.
    Rollout(Outcome),
    /// From the first thing that was wrong until it was over.
    Incident,
    /// A migration, by its state.
    Migration(Stage),
    Push,
    /// `deploy` begins a rollout, or a way back.
    Begun,
    /// A decision that is an answer to "why did it not?".
    Decided,
    /// Looked at and left alone, as nothing of it was concerned or due.
    Passed,
    /// A task that ended or did not start, unasked.
    Crash,
    /// A task that ended badly when it was asked to.
    Stopped,
    /// Something was asked of Steward, or by one function of another.
    Asked,
    /// The answer to that: it is done.
    Done,
    /// The answer to that: it is not done.
    Refused,
    Alert(Severity),
    Migrated,
    NotMigrated,
    Taken,
    Copied,
    Deleted,
    /// A person, a pipeline, a stack update.
    Hand,
}

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    UnderWay,
    Completed,
    Failed,
    /// It completed, and it was ECS's way back after a failure.
    Back,
}

/// What a migration is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It waits: for the lock, for a person.
    Waiting,
    /// It makes sure: a plan, a restore point, a second look.
    Checking,
    Migrating,
    Stopping,
}

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Info,
    Warning,
    Critical,
}

impl Kind {
    /// Whether it lasts.
    pub(crate) fn is_bar(self) -> bool {
        matches!(self, Self::Rollout(_) | Self::Incident | Self::Migration(_))
    }
}
