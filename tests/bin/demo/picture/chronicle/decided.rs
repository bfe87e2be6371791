//! Decision records: what each function decided, and why.

use jiff::Timestamp;
use serde_json::Value;

use super::super::model::{Kind, Stage};
use super::{Chronicle, ELSEWHERE};
use crate::reading::text;
use crate::stage::short;

impl Chronicle {
    /// Sees a decision record, of an invocation that made so many calls.
    pub(in crate::picture) fn decided(&mut self, at: Timestamp, record: &Value, calls: usize) {
        match text(record, "function") {
            "deploy" => self.by_deploy(at, record, calls),
            "heal" => self.by_heal(at, record),
            "migrate" => self.by_migrate(at, record),
            "snapshot" => self.by_snapshot(at, record),
            _ => {}
        }
    }

    /// Whether a decision is another than the last on this subject.
    fn is_news(&mut self, record: &Value) -> bool {
        let whose = format!("{} {}", text(record, "function"), text(record, "subject"));
        let words = format!("{}: {}", text(record, "decision"), text(record, "reason"));
        self.told.insert(whose, words.clone()) != Some(words)
    }

    fn by_deploy(&mut self, at: Timestamp, record: &Value, calls: usize) {
        let (decision, trigger, lane) = (text(record, "decision"), text(record, "trigger"), text(record, "subject"));
        let news = self.is_news(record);
        let lane = if lane == "event" { ELSEWHERE } else { lane };
        let words = format!("{}: {} (woken by {trigger}, {calls} AWS calls)", decision, text(record, "reason"));
        match decision {
            "roll" | "roll-back" | "stop-and-roll-back" => {
                self.row(at, lane, Kind::Begun, decision, &words);
                self.explain(lane, &format!("{}, {}", text(record, "reason"), target(record)));
            }
            "ignored" | "opted-out" if trigger == "deployment-changed" => {}
            "up-to-date" | "no-container" | "under-way" | "no-database" | "gone" if trigger == "image-pushed" => {
                self.row(at, lane, Kind::Passed, decision, &words);
            }
            "watched" | "up-to-date" | "no-container" | "under-way" | "no-database" | "gone" => {}
            _ if news || trigger != "sweep" => self.row(at, lane, Kind::Decided, decision, &words),
            _ => {}
        }
    }

    /// Says of the deployment under way why it was begun.
    fn explain(&mut self, lane: &str, why: &str) {
        let rows = &mut self.seen.rows;
        let places = self.open.values().copied();
        let newest = places.filter(|place| {
            rows.get(*place)
                .is_some_and(|row| row.lane == lane && matches!(row.kind, Kind::Rollout(_)) && row.words.is_empty())
        });
        if let Some(row) = newest.max().and_then(|place| rows.get_mut(place)) {
            why.trim_end_matches(", ").clone_into(&mut row.words);
        }
    }

    /// Incidents, from the first record that counts something until it is over.
    fn by_heal(&mut self, at: Timestamp, record: &Value) {
        let (decision, lane, reason) = (text(record, "decision"), text(record, "subject"), text(record, "reason"));
        let news = self.is_news(record);
        if matches!(decision, "held-by-storm" | "guarded" | "muted" | "held-by-breaker") && news {
            self.row(at, lane, Kind::Decided, decision, &format!("{decision}: {reason}"));
        }
        // A record of the end does not name the incident any more: it is that of the service.
        if matches!(decision, "closed" | "gone") || matches!(text(record, "alert"), "resolved" | "healed") {
            self.over(at, lane, reason);
        } else if let incident = text(record, "incident")
            && !incident.is_empty()
            && decision != "late"
        {
            self.open(&format!("incident {incident}"), at, lane, Kind::Incident, text(record, "class"), reason);
        }
    }

    /// Closes every incident of a service.
    fn over(&mut self, at: Timestamp, lane: &str, why: &str) {
        let rows = &self.seen.rows;
        let is_its = |place: &usize| rows.get(*place).is_some_and(|row| row.kind == Kind::Incident && row.lane == lane);
        let names = self.open.iter().filter(|(_, place)| is_its(place)).map(|(name, _)| name.clone());
        for name in names.collect::<Vec<_>>() {
            if let Some(row) = self.close(&name, at) {
                row.words = format!("{}; over: {why}", row.words);
            }
        }
    }

    /// The states of a run, one bar after the other.
    fn by_migrate(&mut self, at: Timestamp, record: &Value) {
        let (decision, run, lane, reason) =
            (text(record, "decision"), text(record, "run"), text(record, "subject"), text(record, "reason"));
        if run.is_empty() {
            return;
        }
        let name = format!("run {run}");
        let stands = self.open.get(&name).and_then(|place| self.seen.rows.get(*place)).map(|row| row.label.as_str());
        if stands == Some(decision) {
            return;
        }
        let known = stands.is_some();
        self.close(&name, at);
        let stage = match decision {
            "waiting" | "approval" => Stage::Waiting,
            "planning" | "restore-point" | "verifying" => Stage::Checking,
            "migrating" => Stage::Migrating,
            "stopping" => Stage::Stopping,
            "migrated" if known => return self.row(at, lane, Kind::Migrated, decision, reason),
            "failed" | "unknown" if known => return self.row(at, lane, Kind::NotMigrated, decision, reason),
            _ => return,
        };
        self.open(&name, at, lane, Kind::Migration(stage), decision, reason);
    }

    fn by_snapshot(&mut self, at: Timestamp, record: &Value) {
        let (decision, subject, reason) = (text(record, "decision"), text(record, "subject"), text(record, "reason"));
        match (text(record, "taken"), text(record, "copied"), decision) {
            ("", "", "delete") => {
                let words = format!("{subject} in {}: {reason}", text(record, "region"));
                self.row(at, text(record, "database"), Kind::Deleted, "", &words);
            }
            ("", "", "given-up" | "failed") if self.is_news(record) => {
                self.row(at, subject, Kind::Decided, decision, &format!("{decision}: {reason}"));
            }
            ("", "", _) => {}
            ("", copied, _) => self.row(at, subject, Kind::Copied, "", copied),
            (taken, ..) => self.row(at, subject, Kind::Taken, "", taken),
        }
    }
}

/// The short digest that a record wants, if it names one.
fn target(record: &Value) -> String {
    let wanted = text(record, "target");
    wanted.split_once("sha256:").map(|(_, digest)| format!("digest {}", short(digest))).unwrap_or_default()
}
