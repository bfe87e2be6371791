//! What an invocation of `deploy` tells: a decision record for each service, and metrics.

use shared::arn::ServiceArn;
use shared::failure::CallFailure;
use shared::report::Report;
use shared::tags::ServiceTags;

use crate::observe::Observed;
use crate::plan::{Decision, Plan, Reason, Roll};
use crate::rollout::summary;
use crate::turn::Rest;

/// What `deploy` tells beyond what every function does.
pub(crate) trait Tell {
    /// The turn was over before everything was done.
    fn gave_way(&mut self, rest: &Rest);
    /// A roll is left to a further sweep: others need not wait for what it waits for.
    fn put_off(&mut self);
    /// There is a sweep that goes on by itself.
    fn sweep_under_way(&mut self);
    /// A sweep is over.
    fn swept_all(&mut self);
    /// What was decided about a service, and whether a call for it failed.
    fn add(&mut self, plan: &Plan, observed: &Observed, failure: Option<&CallFailure>);
    /// What was decided about a way back.
    fn rolled_back(&mut self, service: &ServiceArn, word: &str, reason: &str);
}

impl Tell for Report {
    fn gave_way(&mut self, rest: &Rest) {
        self.metrics.count("Deferred", rest.services);
        let after = rest.after.as_ref().map(|after| after.short().to_owned());
        let record = self.about("event", "gave-way", "the others have their turn; what is left follows");
        self.record(record.saw("services_left", Some(rest.services)).saw("after", after));
    }

    fn put_off(&mut self) {
        self.metrics.count("Deferred", 1);
    }

    fn sweep_under_way(&mut self) {
        self.metrics.count("SweepCompleted", 1);
        self.record(self.about("event", "under-way", "a sweep goes on that was begun before"));
    }

    fn swept_all(&mut self) {
        self.swept();
        if !self.stopped_early {
            // None is a figure too: without it the alarm would keep its last answer for ever.
            self.metrics.count("BlockedServices", 0);
        }
    }

    fn add(&mut self, plan: &Plan, observed: &Observed, failure: Option<&CallFailure>) {
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
        let record = self.about(plan.service.short(), word, reason);
        let service = observed.service.as_ref();
        let images = observed.containers.iter().map(|container| {
            let image = container.image.as_ref().map_or_else(Clone::clone, ToString::to_string);
            format!("{} {image}", container.name)
        });
        let images: Vec<String> = images.collect();
        let record = match failure {
            Some(failure) => record.failed(failure),
            None => record,
        };
        let tags = service.and_then(|service| ServiceTags::of(&service.tags).ok());
        self.record(
            record
                .saw("service_arn", Some(plan.service.to_string()))
                .saw("policy", tags.as_ref().map(|tags| tags.policy.to_string()))
                .saw("mode", tags.and_then(|tags| serde_json::to_value(tags.mode?).ok()))
                .saw("task_definition", service.and_then(|s| s.task_definition.as_ref()).map(ToString::to_string))
                .saw("primary_deployment", service.and_then(|s| s.primary()).map(|primary| primary.id.clone()))
                .saw("images", (!images.is_empty()).then(|| images.join(", ")))
                .saw("target", roll(&plan.decision).map(|roll| summary(&roll.images)))
                .saw("attempt", attempt.map(|attempt| format!("{:?}", attempt.state)))
                .saw("attempt_images", attempt.map(crate::rollout::Attempt::summary))
                .saw("bad_digests", Some(observed.memory.item.bad.len())),
        );
    }

    fn rolled_back(&mut self, service: &ServiceArn, word: &str, reason: &str) {
        if word.contains("roll-back") && !word.starts_with("would") {
            self.metrics.count("RollbacksStarted", 1);
        }
        let record = self.about(service.short(), word, reason);
        self.record(record.saw("service_arn", Some(service.to_string())));
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
        let mut report = Report::new("deploy", "sweep", false);
        report.swept_all();
        let line = report.metrics.line("deploy", jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert!(line.contains(r#""BlockedServices":0"#), "{line}");
    }
}
