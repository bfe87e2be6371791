//! What an invocation of `heal` tells: a decision record for each subject, and metrics.

use jiff::Timestamp;
use shared::mute::Mutes;
use shared::report::Report;

use crate::plan::{Plan, Verdict};

/// What `heal` tells beyond what every function does.
pub(crate) trait Tell {
    /// The event itself was all there was to decide about.
    fn about_event(&mut self, word: &str, why: &str);
    /// A subject that has not opted in.
    fn not_opted_in(&mut self, subject: &str);
    /// A cluster in which many services fail at once.
    fn storm(&mut self, cluster: &str, services: usize);
    /// Every mute that is in force, so that none is forgotten.
    fn muted(&mut self, mutes: &Mutes, now: Timestamp);
    /// A sweep is over; so many incidents are open.
    fn swept_with(&mut self, open: usize);
    /// What was decided about a subject.
    fn add(&mut self, plan: &Plan);
}

impl Tell for Report {
    fn about_event(&mut self, word: &str, why: &str) {
        if self.trigger == "task-stopped" {
            self.metrics.count("Stops", 1);
        }
        self.event(word, why);
    }

    fn not_opted_in(&mut self, subject: &str) {
        let why = "it has not opted in: neither steward:heal nor steward:deploy, or steward:heal is off";
        self.record(self.about(subject, "not-opted-in", why));
    }

    fn storm(&mut self, cluster: &str, services: usize) {
        let why = format!("{services} services fail at once; healing is frozen there");
        self.record(self.about(cluster, "storm", why));
    }

    fn muted(&mut self, mutes: &Mutes, now: Timestamp) {
        for mute in mutes.active(now) {
            let whom = mute.service.as_ref().map_or("all", |service| service.short()).to_owned();
            self.record(self.about(whom, "muted", mute.summary()));
        }
    }

    fn swept_with(&mut self, open: usize) {
        self.swept();
        if !self.stopped_early {
            self.metrics.count("OpenIncidents", open);
        }
    }

    fn add(&mut self, plan: &Plan) {
        let counted = [
            ("Stops", self.trigger == "task-stopped"),
            ("AbnormalStops", plan.counted),
            ("IncidentsOpened", plan.opened),
            ("IncidentsResolved", plan.closed),
            ("HealsRequested", plan.verdict == Verdict::Ask),
            ("HealsVerified", plan.told == Some("healed")),
            ("HealsFailed", plan.told == Some("heal-failed")),
            ("WouldHaveHealed", plan.verdict == Verdict::Would),
            ("GuardBlocked", plan.verdict == Verdict::Guarded),
            (
                "StormsOpened",
                plan.board.as_ref().is_some_and(|board| board.storm.as_ref().is_some_and(|s| s.since == s.last)),
            ),
        ];
        for (name, _) in counted.into_iter().filter(|(_, counts)| *counts) {
            self.metrics.count(name, 1);
        }
        let failing: Vec<&str> = plan.guards.iter().filter(|guard| !guard.holds).map(|guard| guard.name).collect();
        let incident = plan.watch.as_ref().and_then(|watch| watch.incident.as_ref());
        let service = plan.subject.service();
        self.record(
            self.about(plan.subject.short(), plan.word, plan.reason.clone())
                .saw("service_arn", service.map(ToString::to_string))
                .saw("incident", incident.map(|incident| incident.id.clone()))
                .saw("class", incident.map(|incident| incident.class.word()))
                .saw("count", incident.map(|incident| incident.count))
                .saw("deployment", incident.and_then(|incident| incident.deployment.clone()))
                .saw("alert", plan.told)
                .saw("verdict", verdict(&plan.verdict))
                .saw("guards_failed", (!failing.is_empty()).then(|| failing.join(" "))),
        );
    }
}

fn verdict(verdict: &Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::None => None,
        Verdict::Ask => Some("asked"),
        Verdict::AskPerson => Some("approval-wanted"),
        Verdict::Would => Some("would-have-asked"),
        Verdict::Guarded => Some("guarded"),
    }
}
