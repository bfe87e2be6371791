//! The chronicle: what the steps of the world mean for the picture.

mod decided;
mod events;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lab::sns::Published;
use lab::world::{Invoked, Step};
use serde_json::Value;

use super::lanes::ALERTS;
use super::model::{Act, Clock, Kind, Row, Seen, Severity};
use crate::reading::{attribute, text};

/// Lane of what is about no service and no database.
const ELSEWHERE: &str = "the stack";

/// Sees a run.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    seen: Seen,
    /// Whether the last act is not over.
    is_playing: bool,
    /// Bars that have no end yet, by what they are: a deployment's id, an incident's, a run's. The value is the place of the row.
    open: BTreeMap<String, usize>,
    /// AWS calls since the last invocation ended.
    calls: usize,
    /// The last decision of each function on each subject, so that sweeps do not repeat it.
    told: BTreeMap<String, String>,
    /// Deployments that failed, by service: the next one of it is ECS's way back.
    failed: BTreeSet<String>,
    alerts: usize,
}

impl Chronicle {
    /// Begins an act, and ends the one before.
    pub(crate) fn act(&mut self, at: Timestamp, clock: Clock, title: &str, what: &str) {
        self.close_act(at);
        let (title, what) = (title.to_owned(), what.to_owned());
        let number = self.number() + 1;
        self.is_playing = true;
        self.seen.acts.push(Act { number, title, what, from: at, to: at, clock, sweeps: Vec::new() });
    }

    /// Ends the last act of a stage. What lasts still, lasts until here.
    pub(crate) fn pause(&mut self, at: Timestamp) {
        self.close_act(at);
        for (_, place) in std::mem::take(&mut self.open) {
            if let Some(row) = self.seen.rows.get_mut(place) {
                row.to = Some(at);
                row.words.push_str("; it has no end here");
            }
        }
    }

    fn close_act(&mut self, at: Timestamp) {
        // Another stage has a time of its own; the acts of the one before are over by then.
        if let Some(act) = self.seen.acts.last_mut().filter(|_| self.is_playing) {
            act.to = at.max(act.from);
        }
        self.is_playing = false;
    }

    /// What was seen so far.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// How many alerts were seen.
    pub(crate) fn alerts(&self) -> usize {
        self.alerts
    }

    /// Sees one step.
    pub(crate) fn see(&mut self, at: Timestamp, step: &Step) {
        match step {
            Step::Event { event, .. } => self.event(at, event),
            Step::Fired { schedule } if schedule.contains("Sweep") => self.sweep(at),
            Step::Called(_) => self.calls += 1,
            Step::Published(alert) => self.alert(at, alert),
            Step::Answered(invoked) => self.answered(at, invoked),
            _ => {}
        }
    }

    /// Something that a person, a pipeline or another service does, as it is told on the terminal.
    pub(crate) fn aside(&mut self, at: Timestamp, who: &str, lane: &str, does: &str) {
        let words = format!("{who} {does}");
        let label = does.split([';', '=']).next().unwrap_or_default().trim();
        self.row(at, if lane.is_empty() { ELSEWHERE } else { lane }, Kind::Hand, &format!("{who} {label}"), &words);
    }

    fn number(&self) -> usize {
        self.seen.acts.last().map_or(0, |act| act.number)
    }

    fn row(&mut self, at: Timestamp, lane: &str, kind: Kind, label: &str, words: &str) {
        let (act, lane, label, words) = (self.number(), lane.to_owned(), label.to_owned(), words.to_owned());
        self.seen.rows.push(Row { act, lane, from: at, to: None, kind, label, words });
    }

    /// Opens a bar, unless one of this name is open.
    fn open(&mut self, name: &str, at: Timestamp, lane: &str, kind: Kind, label: &str, words: &str) {
        if !self.open.contains_key(name) {
            self.open.insert(name.to_owned(), self.seen.rows.len());
            self.row(at, lane, kind, label, words);
        }
    }

    /// Closes a bar, and answers its row.
    fn close(&mut self, name: &str, at: Timestamp) -> Option<&mut Row> {
        let place = self.open.remove(name)?;
        let row = self.seen.rows.get_mut(place)?;
        row.to = Some(at);
        Some(row)
    }

    fn sweep(&mut self, at: Timestamp) {
        if let Some(act) = self.seen.acts.last_mut().filter(|act| act.sweeps.last() != Some(&at)) {
            act.sweeps.push(at);
        }
    }

    fn alert(&mut self, at: Timestamp, alert: &Published) {
        let (kind, subject) = (attribute(alert, "kind"), attribute(alert, "subject"));
        let severity = match attribute(alert, "severity") {
            "critical" => Severity::Critical,
            "warning" => Severity::Warning,
            _ => Severity::Info,
        };
        let title = alert.message.lines().next().unwrap_or_default();
        let title = if title.starts_with(subject) { title.to_owned() } else { format!("{subject}: {title}") };
        self.row(at, ALERTS, Kind::Alert(severity), kind, &format!("{title} (from {})", attribute(alert, "function")));
        self.alerts += 1;
        // The digest of a storm and the message that it is over are of one kind.
        if kind == "storm" && self.close(&format!("storm {subject}"), at).is_none() {
            self.open(&format!("storm {subject}"), at, subject, Kind::Incident, "storm", &title);
        }
    }

    fn answered(&mut self, at: Timestamp, invoked: &Invoked) {
        let calls = std::mem::take(&mut self.calls);
        let lines = invoked.log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in lines {
            if line["decision"].is_string() {
                self.decided(at, &line, calls);
            } else if line["reason"].is_string() {
                let words = format!("{}: {}", text(&line, "message"), text(&line, "reason"));
                self.row(at, ELSEWHERE, Kind::Decided, text(&line, "message"), &words);
            }
        }
        if let Err(error) = &invoked.result {
            self.row(at, ELSEWHERE, Kind::Crash, "an invocation failed", &error.to_string());
        }
    }
}
