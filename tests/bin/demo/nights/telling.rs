//! The steps of the nights, told: what the function does to snapshots, and what it tells people and the bus.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lab::sns::Published;
use lab::world::{Invoked, Step};
use serde_json::Value;

use crate::ledger::{Ledger, Work};
use crate::page::{Look, Page};
use crate::reading::{attribute, text};

/// Tells steps.
#[derive(Debug)]
pub(super) struct Telling {
    /// Of which databases it is told what the function does; what it tells people is told of all.
    pub(super) shown: Shown,
    /// What it has answered on the bus: detail type and detail.
    pub(super) answers: Vec<(String, Value)>,
    zone: TimeZone,
    calls: Vec<String>,
    /// Lines so far, so that none comes twice.
    said: BTreeSet<String>,
}

/// Some databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    All,
    None,
    Only(&'static str),
}

impl Shown {
    fn includes(self, database: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(name) => name == database,
        }
    }
}

impl Telling {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self { shown: Shown::All, answers: Vec::new(), zone, calls: Vec::new(), said: BTreeSet::new() }
    }

    /// Tells one step.
    pub(super) fn tell(&mut self, at: Timestamp, step: &Step, page: &Page, ledger: &mut Ledger) {
        match step {
            Step::Event { event, .. } if event["source"] == "steward" => self.own_event(at, event, page, ledger),
            Step::Called(call) => self.calls.push(format!("{}:{}", call.call.service, call.call.operation)),
            Step::Published(alert) => {
                self.alert(at, alert, page);
                ledger.alerts.push(alert.clone());
            }
            Step::Answered(invoked) => self.answered(at, invoked, page, ledger),
            _ => {}
        }
    }

    /// `17 Mar 02:15`, in local time.
    pub(super) fn date(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%e %b %H:%M").to_string()
    }

    fn own_event(&mut self, at: Timestamp, event: &Value, page: &Page, ledger: &mut Ledger) {
        let (kind, detail) = (text(event, "detail-type"), &event["detail"]);
        ledger.asked.push(kind.to_owned());
        let name = text(detail, "database").rsplit(':').next().unwrap_or_default();
        let request = text(detail, "request");
        let (who, words) = match kind {
            "Snapshot Requested" => (text(detail, "requested-by"), format!("{kind}: {request}")),
            "Snapshot Available" => ("snapshot", format!("{kind}: {request}, {}", text(detail, "identifier"))),
            _ => ("snapshot", format!("{kind}: {request}, {}", text(detail, "reason"))),
        };
        page.dated(&self.date(at), who, name, &words, Look::Bold);
        if kind != "Snapshot Requested" {
            self.answers.push((kind.to_owned(), detail.clone()));
        }
    }

    fn alert(&self, at: Timestamp, alert: &Published, page: &Page) {
        let subject = attribute(alert, "subject");
        let title = alert.message.lines().next().unwrap_or_default();
        let title = title.trim_start_matches(subject).trim_start_matches(": ");
        let look = match attribute(alert, "severity") {
            "critical" => Look::Red,
            "warning" => Look::Yellow,
            _ => Look::Plain,
        };
        page.dated(&self.date(at), "snapshot", subject, &format!("tells the team: {title}"), look);
    }

    /// What an invocation decided, by the records in its log.
    fn answered(&mut self, at: Timestamp, invoked: &Invoked, page: &Page, ledger: &mut Ledger) {
        let lines = invoked.log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let records: Vec<Value> = lines.filter(|line| line["decision"].is_string()).collect();
        for record in &records {
            let failed = record["decision"] == "failed";
            let Some((subject, words)) = worth_telling(record) else { continue };
            if (failed || self.shown.includes(&subject)) && self.said.insert(format!("{subject} {words}")) {
                let look = if failed { Look::Red } else { Look::Plain };
                page.dated(&self.date(at), "snapshot", &subject, &words, look);
            }
        }
        if let Err(error) = &invoked.result {
            page.dated(&self.date(at), "snapshot", "", &error.to_string(), Look::Red);
        }
        let calls = std::mem::take(&mut self.calls);
        ledger.works.push(Work { function: "snapshot".to_owned(), calls, records });
    }
}

/// Subject and words of a record that is about something done, or given up.
fn worth_telling(record: &Value) -> Option<(String, String)> {
    let of = |name: &str| text(record, name).to_owned();
    let words = match (text(record, "taken"), text(record, "copied"), text(record, "decision")) {
        ("", "", "delete") => {
            let place = of("region");
            return Some((of("database"), format!("deletes {} in {place}: {}", of("subject"), of("reason"))));
        }
        ("", "", "given-up" | "failed") => format!("{}: {}", of("decision"), of("reason")),
        ("", "", _) => return None,
        ("", copied, _) => format!("copies {copied}"),
        (taken, ..) => format!("takes {taken}"),
    };
    Some((of("subject"), words))
}
