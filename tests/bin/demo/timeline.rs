//! The steps of the world, told: each becomes a line of the timeline, an entry of the ledger, or both.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lab::sns::Published;
use lab::steward::{HEAL, MIGRATE, SNAPSHOT};
use lab::world::{Invoked, Step};
use serde_json::Value;

use crate::ledger::{Ledger, Work};
use crate::page::{Line, Look, Page};
use crate::reading::{attribute, brief, crashed, digest_in, said, service_in, spoken, text};
use crate::stage::counted;

/// The rule that passes images on.
const IMAGE_RULE: &str = "DeployImagePushedRule";

/// A rollout that deploy began.
#[derive(Clone, Debug)]
struct Rollout {
    began: Timestamp,
    digest: String,
    failed: bool,
}

/// A line that waits.
#[derive(Debug)]
struct Completed {
    at: Timestamp,
    subject: String,
    digest: String,
    text: String,
}

/// Tells steps.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Calls since the last invocation ended.
    calls: Vec<String>,
    /// The rollout of each service that ECS is at.
    rollouts: BTreeMap<String, Rollout>,
    /// A rollout that completed, until it is known whether the team was told.
    completed: Option<Completed>,
    /// How many of the ledger's alerts are told.
    alerts: usize,
    /// The last decision told of each service, so that sweeps do not repeat it.
    told: BTreeMap<String, String>,
}

impl Timeline {
    /// Tells one step.
    pub(crate) fn tell(&mut self, at: Timestamp, step: &Step, page: &Page, ledger: &mut Ledger) {
        match step {
            Step::Event { event, .. } if event["detail-type"] == "ECR Image Action" => {
                ledger.image_events.push(event.clone());
            }
            Step::Event { event, .. } if event["detail-type"] == "ECS Task State Change" => crashed(event, ledger),
            Step::Event { event, .. } if event["detail-type"] == "ECS Deployment State Change" => {
                said(event, ledger);
                self.deployment(at, event, page, ledger);
            }
            Step::Event { event, .. } if event["detail-type"] == "ECS Service Action" => said(event, ledger),
            Step::Event { event, .. } if event["source"] == "steward" => {
                ledger.asked.push(text(event, "detail-type").to_owned());
            }
            Step::Sent { from, .. } if from == IMAGE_RULE => ledger.image_messages += 1,
            Step::Called(call) => self.calls.push(format!("{}:{}", call.call.service, call.call.operation)),
            Step::Published(alert) => ledger.alerts.push(alert.clone()),
            Step::Answered(invoked) => self.answered(at, invoked, page, ledger),
            _ => {}
        }
    }

    /// Ends a stretch: nothing is left waiting, and a new ledger may follow.
    pub(crate) fn pause(&mut self, page: &Page, ledger: &Ledger) {
        self.complete(page, ledger);
        self.alerts = ledger.alerts.len();
    }

    /// How a rollout ended, by ECS's own event.
    fn deployment(&mut self, at: Timestamp, event: &Value, page: &Page, ledger: &mut Ledger) {
        let subject = event["resources"][0].as_str().and_then(service_in).unwrap_or_default();
        let rollout = self.rollouts.get(&subject).cloned();
        let after = rollout.as_ref().map(|rollout| format!(" after {}", spoken(at.duration_since(rollout.began))));
        let after = after.unwrap_or_default();
        let failed_before = rollout.as_ref().is_some_and(|rollout| rollout.failed);
        let digest = rollout.map(|rollout| rollout.digest).unwrap_or_default();
        match event["detail"]["eventName"].as_str() {
            Some("SERVICE_DEPLOYMENT_FAILED") => {
                let crashes = ledger.crashed.remove(&subject).unwrap_or_default();
                let text = format!("circuit breaker gives up{after}: {} crashed; rolls back", counted(crashes, "task"));
                page.line(&Line { at, who: "ECS", subject: &subject, digest: &digest, text: &text, look: Look::Red });
                if let Some(rollout) = self.rollouts.get_mut(&subject) {
                    rollout.failed = true;
                }
            }
            // It follows a failure, so it is that of the rollback.
            Some("SERVICE_DEPLOYMENT_COMPLETED") if failed_before => {
                self.rollouts.remove(&subject);
                let text = format!("runs the image before again{after}");
                page.line(&Line { at, who: "ECS", subject: &subject, digest: "", text: &text, look: Look::Yellow });
            }
            // What others deploy is told where it is done.
            Some("SERVICE_DEPLOYMENT_COMPLETED") if self.rollouts.remove(&subject).is_some() => {
                self.completed = Some(Completed { at, subject, digest, text: format!("rollout complete{after}") });
            }
            _ => {}
        }
    }

    /// Tells of a completed rollout, in one line with the fact that the team heard of it.
    fn complete(&mut self, page: &Page, ledger: &Ledger) {
        let Some(completed) = self.completed.take() else { return };
        let Completed { at, subject, digest, text } = completed;
        let is_told =
            |alert: &&Published| attribute(alert, "kind") == "rolled-out" && attribute(alert, "subject") == subject;
        let told = ledger.alerts.iter().rev().find(is_told).is_some_and(|alert| alert.at >= at);
        let text = if told { text + "; deploy tells the team" } else { text };
        page.line(&Line { at, who: "ECS", subject: &subject, digest: &digest, text: &text, look: Look::Plain });
    }

    /// What the team is told; that a rollout completed stands with ECS's own line.
    fn alert(at: Timestamp, alert: &Published, page: &Page) {
        let subject = attribute(alert, "subject");
        if attribute(alert, "kind") == "rolled-out" {
            return;
        }
        // The subject of the e-mail may be cut short.
        let title = alert.message.lines().next().unwrap_or_default();
        let title = title.trim_start_matches(subject).trim_start_matches(": ");
        let who = attribute(alert, "function");
        // heal's alerts name both digests, before and after.
        let digest = digest_in(&alert.message).filter(|_| who != "heal").unwrap_or_default();
        // What is wrong, an alert before has said.
        let text = match attribute(alert, "kind") {
            "resolved" => "tells the team that it is over".to_owned(),
            "rollback-asked" => "asks deploy to roll back, and tells the team".to_owned(),
            _ => brief(&format!("tells the team: {title}"), &digest),
        };
        let look = match attribute(alert, "severity") {
            "critical" => Look::Red,
            "warning" => Look::Yellow,
            _ => Look::Plain,
        };
        page.line(&Line { at, who, subject, digest: &digest, text: &text, look });
    }

    /// What an invocation decided, by the records in its log.
    fn answered(&mut self, at: Timestamp, invoked: &Invoked, page: &Page, ledger: &mut Ledger) {
        let who = match invoked.function.as_str() {
            HEAL => "heal",
            MIGRATE => "migrate",
            SNAPSHOT => "snapshot",
            _ => "deploy",
        };
        // heal hears of it as well, and may be the first of the two.
        if who == "deploy" {
            self.complete(page, ledger);
        }
        let calls = std::mem::take(&mut self.calls);
        let lines: Vec<Value> = invoked.log.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let records: Vec<Value> = lines.iter().filter(|line| line["decision"].is_string()).cloned().collect();
        let work = Work { function: who.to_owned(), calls, records };
        let count = work.calls.len();
        let mut cost = (who == "deploy")
            .then(|| format!(" [{}, {count} {}]", work.trigger(), if count == 1 { "call" } else { "calls" }));
        for record in &work.records {
            if let Some(text) = self.worth_telling(record) {
                let subject = record["subject"].as_str().unwrap_or_default();
                let digest = ["target", "image", "reason"].iter().find_map(|name| record[name].as_str());
                let digest = digest.and_then(digest_in);
                let digest = digest.unwrap_or_default();
                let text = brief(&text, &digest) + &cost.take().unwrap_or_default();
                let begins = matches!(record["decision"].as_str(), Some("roll" | "roll-back"));
                let look = if begins { Look::Green } else { Look::Plain };
                if begins {
                    let rollout = Rollout { began: at, digest: digest.clone(), failed: false };
                    self.rollouts.insert(subject.to_owned(), rollout);
                }
                page.line(&Line { at, who, subject, digest: &digest, text: &text, look });
            }
        }
        if let Some(cost) = cost.filter(|_| work.trigger() == "image-pushed") {
            let under_way = work.records.iter().find(|record| record["decision"] == "under-way");
            let subject = under_way.map_or("", |record| text(record, "subject"));
            let looked_at = counted(work.records.len(), "service");
            let words = match under_way {
                Some(record) => format!("under-way: {}", text(record, "reason")),
                None => format!("{looked_at} looked at, none concerned"),
            };
            let text = words + &cost;
            page.line(&Line { at, who, subject, digest: "", text: &text, look: Look::Plain });
        }
        for line in lines.iter().filter(|line| line["reason"].is_string() && line["decision"].is_null()) {
            let text = format!("{}: {}", text(line, "message"), text(line, "reason"));
            page.line(&Line { at, who, subject: "", digest: "", text: &text, look: Look::Yellow });
        }
        if let Err(error) = &invoked.result {
            let text = error.to_string();
            page.line(&Line { at, who, subject: "", digest: "", text: &text, look: Look::Red });
        }
        for told in ledger.alerts.iter().skip(self.alerts) {
            Self::alert(at, told, page);
        }
        self.alerts = ledger.alerts.len();
        ledger.works.push(work);
    }

    /// The words of a record, unless they are no news: nothing to do, or the same as last time.
    fn worth_telling(&mut self, record: &Value) -> Option<String> {
        let decision = text(record, "decision");
        let pushed = record["trigger"] == "image-pushed";
        // Of what heal decides, the alert tells, and of a storm the sweep.
        // No database is opted in here; snapshot has its own acts.
        let silent = matches!(decision, "under-way" | "watched" | "no-container" | "no-database")
            || decision == "up-to-date" && !pushed
            || record["function"] == "heal" && decision != "storm";
        let elsewhere = matches!(decision, "ignored" | "opted-out") && record["trigger"] == "deployment-changed";
        let words = format!("{decision}: {}", text(record, "reason"));
        let whose = format!("{} {}", text(record, "function"), text(record, "subject"));
        let news = self.told.insert(whose, words.clone()).as_ref() != Some(&words);
        let words = if news { words } else { format!("{decision}: as before") };
        // A run is looked at more often than it goes on.
        let stands = record["function"] == "migrate" && record["was"] == record["decision"] && decision != "waiting";
        (!silent && !elsewhere && !stands && (news || record["trigger"] != "sweep")).then_some(words)
    }
}
