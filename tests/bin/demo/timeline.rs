//! The steps of the world, told: each becomes a line of the timeline, an entry of the ledger, or both.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lab::world::{Invoked, Step};
use serde_json::Value;

use crate::ledger::{Ledger, Work};
use crate::page::{Line, Look, Page};

/// The rule that passes images on.
const IMAGE_RULE: &str = "DeployImagePushedRule";

/// Tells steps.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Calls since the last invocation ended.
    calls: Vec<String>,
    /// What the last rollout of each service began with: when, and the digest.
    rollouts: BTreeMap<String, (Timestamp, String)>,
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
                self.deployment(at, event, page, ledger);
            }
            Step::Sent { from, .. } if from == IMAGE_RULE => ledger.image_messages += 1,
            Step::Called(call) => self.calls.push(format!("{}:{}", call.call.service, call.call.operation)),
            Step::Published(alert) => {
                let subject = alert.attributes.get("subject").map_or("", String::as_str);
                let title = alert.subject.as_deref().unwrap_or_default();
                let title = title.trim_start_matches("[Steward] ").trim_start_matches(subject);
                let text = format!("tells the team: {}", title.trim_start_matches(": "));
                let digest = digest_in(&alert.message).unwrap_or_default();
                let look = match alert.attributes.get("severity").map(String::as_str) {
                    Some("critical") => Look::Red,
                    Some("warning") => Look::Yellow,
                    _ => Look::Plain,
                };
                page.line(&Line { at, who: "deploy", subject, digest: &digest, text: &text, look });
                ledger.alerts.push(alert.clone());
            }
            Step::Answered(invoked) => self.answered(at, invoked, page, ledger),
            _ => {}
        }
    }

    /// How a rollout ended, by ECS's own event.
    fn deployment(&mut self, at: Timestamp, event: &Value, page: &Page, ledger: &mut Ledger) {
        let subject = event["resources"][0].as_str().and_then(service_in).unwrap_or_default();
        let (began, digest) = self.rollouts.get(&subject).cloned().unwrap_or_else(|| (at, String::new()));
        let took = spoken(at.duration_since(began));
        let reason = event["detail"]["reason"].as_str().unwrap_or_default();
        let is_rollback = reason.contains("roll");
        let crashes = ledger.crashed.remove(&subject).unwrap_or_default();
        let (text, look) = match event["detail"]["eventName"].as_str() {
            Some("SERVICE_DEPLOYMENT_FAILED") => (format!("gives up after {took}: {crashes} tasks crashed"), Look::Red),
            Some("SERVICE_DEPLOYMENT_COMPLETED") if is_rollback => (format!("is back on the image before, {took} after the push"), Look::Yellow),
            Some("SERVICE_DEPLOYMENT_COMPLETED") => (format!("rollout complete after {took}"), Look::Plain),
            _ => return,
        };
        let digest = if is_rollback { "" } else { &digest };
        page.line(&Line { at, who: "ECS", subject: &subject, digest, text: &text, look });
    }

    /// What an invocation decided, by the records in its log.
    fn answered(&mut self, at: Timestamp, invoked: &Invoked, page: &Page, ledger: &mut Ledger) {
        let calls = std::mem::take(&mut self.calls);
        let lines: Vec<Value> = invoked.log.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let records: Vec<Value> = lines.iter().filter(|line| line["decision"].is_string()).cloned().collect();
        let work = Work { calls, records };
        let count = work.calls.len();
        let mut cost = Some(format!(" [{}, {count} {}]", work.trigger(), if count == 1 { "call" } else { "calls" }));
        for record in &work.records {
            if let Some(text) = self.worth_telling(record) {
                let text = text + &cost.take().unwrap_or_default();
                let subject = record["subject"].as_str().unwrap_or_default();
                let digest = record["target"].as_str().or(record["reason"].as_str()).and_then(digest_in);
                let digest = digest.unwrap_or_default();
                let look = if record["decision"] == "roll" { Look::Green } else { Look::Plain };
                if record["decision"] == "roll" {
                    self.rollouts.insert(subject.to_owned(), (at, digest.clone()));
                }
                page.line(&Line { at, who: "deploy", subject, digest: &digest, text: &text, look });
            }
        }
        for line in lines.iter().filter(|line| line["reason"].is_string() && line["decision"].is_null()) {
            let text = format!("{}: {}", text(line, "message"), text(line, "reason"));
            page.line(&Line { at, who: "deploy", subject: "", digest: "", text: &text, look: Look::Yellow });
        }
        if let Err(error) = &invoked.result {
            let text = error.to_string();
            page.line(&Line { at, who: "deploy", subject: "", digest: "", text: &text, look: Look::Red });
        }
        ledger.works.push(work);
    }

    /// The words of a record, unless they are no news: nothing to do, or the same as last time.
    fn worth_telling(&mut self, record: &Value) -> Option<String> {
        let decision = text(record, "decision");
        let silent = matches!(decision, "up-to-date" | "under-way" | "watched" | "no-container");
        let elsewhere = decision == "ignored" && record["trigger"] == "deployment-changed";
        let words = format!("{decision}: {}", text(record, "reason"));
        let news = self.told.insert(text(record, "subject").to_owned(), words.clone()).as_ref() != Some(&words);
        (!silent && !elsewhere && (news || record["trigger"] != "sweep")).then_some(words)
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Counts a task that ended by itself and badly.
fn crashed(event: &Value, ledger: &mut Ledger) {
    let detail = &event["detail"];
    let ended = detail["containers"].as_array().into_iter().flatten();
    let badly = ended.filter_map(|container| container["exitCode"].as_i64()).any(|code| code != 0);
    if detail["lastStatus"] == "STOPPED" && badly {
        let cluster = detail["clusterArn"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
        let service = detail["group"].as_str().unwrap_or_default().trim_start_matches("service:");
        *ledger.crashed.entry(format!("{cluster}/{service}")).or_default() += 1;
    }
}

/// `cluster/service` of a service's ARN.
fn service_in(arn: &str) -> Option<String> {
    arn.split_once(":service/").map(|(_, short)| short.to_owned())
}

/// The first short digest, `(0123456789ab)`, in a text.
fn digest_in(text: &str) -> Option<String> {
    let parts = text.split('(').skip(1).filter_map(|part| part.split_once(')'));
    let is_digest = |part: &&str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.map(|(inside, _)| inside).find(is_digest).map(str::to_owned)
}

/// `1 min 12 s`.
pub(crate) fn spoken(duration: SignedDuration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
