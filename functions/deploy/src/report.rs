//! What an invocation tells: a decision record for each service, the return value, and metrics.

use jiff::Timestamp;
use serde::Serialize;
use shared::arn::ServiceArn;
use shared::failure::CallFailure;
use shared::metrics::Metrics;
use shared::record::Record;

use crate::observe::Observed;
use crate::plan::{Decision, Plan, Reason, Roll};
use crate::rollout::summary;

const FUNCTION: &str = "deploy";

/// The return value: what was seen, what was decided, why, and why not.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What woke the function.
    pub trigger: &'static str,
    /// Whether everything was only planned.
    pub dry_run: bool,
    /// Whether a sweep ran out of time; the next one goes on from where it stopped.
    pub stopped_early: bool,
    /// One record for each decision.
    pub decisions: Vec<Record>,
    #[serde(skip)]
    metrics: Metrics,
}

impl Report {
    pub(crate) fn new(trigger: &'static str, dry_run: bool) -> Self {
        Self { trigger, dry_run, stopped_early: false, decisions: Vec::new(), metrics: Metrics::default() }
    }

    fn record(&mut self, record: Record) {
        let record = Record { dry_run: self.dry_run, ..record };
        record.log();
        self.decisions.push(record);
    }

    /// The event itself was all there was to decide about.
    pub(crate) fn ignored(&mut self, why: &str) {
        self.record(Record::new(FUNCTION, self.trigger, "event", "ignored", why));
    }

    /// A service that was not even looked at.
    pub(crate) fn deferred(&mut self, service: &ServiceArn) {
        self.metrics.count("Deferred", 1);
        self.record(Record::new(FUNCTION, self.trigger, service.short(), "deferred", Reason::NoTime.to_string()));
    }

    pub(crate) fn stopped_early(&mut self) {
        self.stopped_early = true;
        self.metrics.count("SweepStoppedEarly", 1);
    }

    pub(crate) fn is_stopped_early(&self) -> bool {
        self.stopped_early
    }

    pub(crate) fn swept(&mut self) {
        self.metrics.count("SweepCompleted", 1);
        // None is a figure too: without it the alarm would keep its last answer for ever.
        self.metrics.count("BlockedServices", 0);
    }

    /// What was decided about a service, and whether a call for it failed.
    pub(crate) fn add(&mut self, plan: &Plan, observed: &Observed, failure: Option<&CallFailure>) {
        let (word, reason) = match failure {
            Some(failure) => ("failed", failure.to_string()),
            None => (word(&plan.decision), reason(&plan.decision)),
        };
        self.metrics.count("ServicesSeen", 1);
        match (failure, &plan.decision) {
            (Some(_), _) => self.metrics.count("Failures", 1),
            (None, Decision::Roll(_)) => self.metrics.count("RolloutsStarted", 1),
            (None, Decision::Left(reason)) if is_blocked(reason) => self.metrics.count("BlockedServices", 1),
            _ => {}
        }
        let attempt = plan.memory.as_ref().unwrap_or(&observed.memory.item).attempt.as_ref();
        let record = Record::new(FUNCTION, self.trigger, plan.service.short(), word, reason);
        let service = observed.service.as_ref();
        let images = observed.containers.iter().map(|container| {
            let image = container.image.as_ref().map_or_else(Clone::clone, ToString::to_string);
            format!("{} {image}", container.name)
        });
        let images: Vec<String> = images.collect();
        self.record(
            record
                .saw("service_arn", Some(plan.service.to_string()))
                .saw("task_definition", service.and_then(|s| s.task_definition.as_ref()).map(ToString::to_string))
                .saw("primary_deployment", service.and_then(|s| s.primary()).map(|primary| primary.id.clone()))
                .saw("images", (!images.is_empty()).then(|| images.join(", ")))
                .saw("target", roll(&plan.decision).map(|roll| summary(&roll.images)))
                .saw("attempt", attempt.map(|attempt| format!("{:?}", attempt.state)))
                .saw("attempt_images", attempt.map(crate::rollout::Attempt::summary))
                .saw("bad_digests", Some(observed.memory.item.bad.len())),
        );
    }

    /// What was decided about a way back.
    pub(crate) fn rolled_back(&mut self, service: &ServiceArn, word: &str, reason: &str) {
        if word.contains("roll-back") && !word.starts_with("would") {
            self.metrics.count("RollbacksStarted", 1);
        }
        let record = Record::new(FUNCTION, self.trigger, service.short(), word, reason);
        self.record(record.saw("service_arn", Some(service.to_string())));
    }

    /// Writes the metrics.
    pub(crate) fn emit(&self, now: Timestamp) {
        self.metrics.emit(FUNCTION, now);
    }
}

fn roll(decision: &Decision) -> Option<&Roll> {
    match decision {
        Decision::Roll(roll) | Decision::WouldRoll(roll) => Some(roll),
        _ => None,
    }
}

/// The decision as a stable word, for queries and filters.
fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Roll(_) => "roll",
        Decision::WouldRoll(_) => "would-roll",
        Decision::UpToDate => "up-to-date",
        Decision::UnderWay => "under-way",
        Decision::Watched => "watched",
        Decision::Left(reason) => match reason {
            Reason::Gone => "gone",
            Reason::OptedOut => "opted-out",
            Reason::Tags(_) => "tags",
            Reason::Held { .. } => "held",
            Reason::Unsupported(_) => "unsupported",
            Reason::NoContainer => "no-container",
            Reason::ContainerMissing(_) | Reason::Image { .. } | Reason::ForceNeedsTag(_) | Reason::NoMigration(_) => {
                "blocked"
            }
            Reason::NotInRegistry { .. } => "not-in-registry",
            Reason::Refused { .. } => "refused",
            Reason::RunningUnknown(_) => "running-unknown",
            Reason::Pinned(_) => "pinned",
            Reason::OthersUnderWay => "others-under-way",
            Reason::Quiet => "quiet",
            Reason::Stale => "stale",
            Reason::Migrating(_) => "migrating",
            Reason::NotMigrated { .. } => "not-migrated",
            Reason::NotSeen(_) => "not-seen",
            Reason::NoTime => "deferred",
        },
    }
}

fn reason(decision: &Decision) -> String {
    match decision {
        Decision::Roll(roll) => format!("{} is due", summary(&roll.images)),
        Decision::WouldRoll(roll) => format!("{} is due; nothing was done, it is only planned", summary(&roll.images)),
        Decision::UpToDate => "it runs what its policy names".to_owned(),
        Decision::UnderWay => "it is being rolled to what its policy names".to_owned(),
        Decision::Watched => "only the outcome of its rollout was looked at".to_owned(),
        Decision::Left(reason) => reason.to_string(),
    }
}

/// Whether somebody has to do something before the service runs what its policy names.
fn is_blocked(reason: &Reason) -> bool {
    matches!(word(&Decision::Left(reason.clone())), "tags" | "unsupported" | "blocked" | "refused" | "not-in-registry")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completed_sweep_without_a_blocked_service_says_so_or_the_alarm_would_never_end() {
        let mut report = Report::new("sweep", false);
        report.swept();
        let line = report.metrics.line(FUNCTION, Timestamp::UNIX_EPOCH).unwrap();
        assert!(line.contains(r#""BlockedServices":0"#), "{line}");
    }
}
