//! Events: pushes, deployments, tasks, and what functions and people ask of each other.

use jiff::Timestamp;
use serde_json::Value;

use super::super::model::{Kind, Outcome, Row};
use super::{Chronicle, ELSEWHERE};
use crate::cast;
use crate::reading::{service_in, text};
use crate::stage::{short, shortened};

impl Chronicle {
    /// Sees an event on the bus.
    pub(super) fn event(&mut self, at: Timestamp, event: &Value) {
        match (text(event, "source"), text(event, "detail-type")) {
            (_, "ECR Image Action") => self.pushed(at, &event["detail"]),
            (_, "ECS Deployment State Change") => self.deployment(at, event),
            (_, "ECS Task State Change") => self.stopped(at, &event["detail"]),
            ("steward", kind) => self.own(at, kind, &event["detail"]),
            _ => {}
        }
    }

    /// A push, in the lane of each service that runs its repository. The events of one push are one mark.
    fn pushed(&mut self, at: Timestamp, detail: &Value) {
        let (repository, digest) = (text(detail, "repository-name"), short(text(detail, "image-digest")));
        let tag = shortened(text(detail, "image-tag"));
        let running: Vec<&str> =
            cast::all().filter(|member| member.repository == repository).map(|member| member.name).collect();
        let lanes = if running.is_empty() { vec![repository] } else { running };
        for lane in lanes {
            let act = self.number();
            let same = |row: &&mut Row| row.act == act && row.from == at && row.kind == Kind::Push && row.lane == lane;
            // Manifests without a tag belong to the push that they came with.
            let known = self
                .seen
                .rows
                .iter_mut()
                .rev()
                .take(30)
                .filter(same)
                .find(|row| row.words.contains(digest) || row.label.is_empty() || tag.is_empty());
            let Some(row) = known else {
                self.row(at, lane, Kind::Push, &tag, &format!("{repository}, digest {digest}"));
                continue;
            };
            if !row.words.contains(digest) {
                row.words = format!("{}, {digest}", row.words);
            }
            if row.label.is_empty() {
                row.label.clone_from(&tag);
            } else if !tag.is_empty() && !row.label.split(", ").any(|known| known == tag) {
                row.label = format!("{}, {tag}", row.label);
            }
        }
    }

    fn deployment(&mut self, at: Timestamp, event: &Value) {
        let lane = event["resources"][0].as_str().and_then(service_in).unwrap_or_default();
        let (id, reason) = (text(&event["detail"], "deploymentId"), text(&event["detail"], "reason"));
        match text(&event["detail"], "eventName") {
            "SERVICE_DEPLOYMENT_IN_PROGRESS" => {
                let is_back = self.failed.remove(&lane);
                let kind = Kind::Rollout(if is_back { Outcome::Back } else { Outcome::UnderWay });
                self.open(id, at, &lane, kind, "", if is_back { reason } else { "" });
            }
            "SERVICE_DEPLOYMENT_COMPLETED" => {
                if let Some(row) = self.close(id, at).filter(|row| row.kind == Kind::Rollout(Outcome::UnderWay)) {
                    row.kind = Kind::Rollout(Outcome::Completed);
                }
            }
            "SERVICE_DEPLOYMENT_FAILED" => {
                if let Some(row) = self.close(id, at) {
                    row.kind = Kind::Rollout(Outcome::Failed);
                    row.words = format!("{}; ECS: {reason}", row.words);
                    self.failed.insert(lane);
                }
            }
            _ => {}
        }
    }

    /// A task of a service that ended badly or never began.
    fn stopped(&mut self, at: Timestamp, detail: &Value) {
        let Some(service) =
            text(detail, "group").strip_prefix("service:").filter(|_| detail["lastStatus"] == "STOPPED")
        else {
            return;
        };
        let cluster = text(detail, "clusterArn").rsplit('/').next().unwrap_or_default();
        let codes = detail["containers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|container| container["exitCode"].as_i64());
        let codes: Vec<i64> = codes.collect();
        let kind = match text(detail, "stopCode") {
            "EssentialContainerExited" | "TaskFailedToStart" => Kind::Crash,
            _ if codes.iter().any(|code| *code != 0) => Kind::Stopped,
            _ => return,
        };
        let codes: Vec<String> = codes.iter().map(|code| format!("exit code {code}")).collect();
        let why =
            detail["containers"].as_array().into_iter().flatten().find_map(|container| container["reason"].as_str());
        let words = [text(detail, "stoppedReason"), &codes.join(", "), why.unwrap_or_default()];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        self.row(at, &format!("{cluster}/{service}"), kind, "", &words.join("; "));
    }

    /// Steward's own events; of migrations the records tell.
    fn own(&mut self, at: Timestamp, name: &str, detail: &Value) {
        let kind = match (name, text(detail, "outcome")) {
            ("Rollback Answered", "refused") | ("Snapshot Refused" | "Snapshot Failed", _) => Kind::Refused,
            ("Rollback Answered" | "Snapshot Available", _) => Kind::Done,
            ("Rollback Requested" | "Rollback Approved" | "Snapshot Requested" | "Deploy Requested", _) => Kind::Asked,
            _ => return,
        };
        let lane = match (service_in(text(detail, "service")), text(detail, "database").rsplit(':').next()) {
            (Some(service), _) => service,
            (None, Some(database)) if !database.is_empty() => database.to_owned(),
            _ => ELSEWHERE.to_owned(),
        };
        let said =
            ["reason", "outcome", "request", "identifier", "incident", "requested-by"].map(|name| text(detail, name));
        let said: Vec<&str> = said.into_iter().filter(|word| !word.is_empty()).collect();
        self.row(at, &lane, kind, name, &said.join(", "));
    }
}
