//! What an invocation tells: a decision record for each subject, the return value, and metrics.

use jiff::Timestamp;
use serde::Serialize;
use shared::failure::CallFailure;
use shared::metrics::Metrics;
use shared::mute::Mutes;
use shared::record::Record;

use crate::plan::{Plan, Verdict};

const FUNCTION: &str = "heal";

/// The return value: what was seen, what was decided, why, and why not.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What woke the function.
    pub trigger: &'static str,
    /// Whether everything was only planned.
    pub dry_run: bool,
    /// Whether a sweep ran out of time; the next one begins elsewhere.
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
    pub(crate) fn event(&mut self, word: &str, why: &str) {
        match self.trigger {
            "unknown" => self.metrics.count("EventsUnknown", 1),
            "task-stopped" => self.metrics.count("Stops", 1),
            _ => {}
        }
        self.record(Record::new(FUNCTION, self.trigger, "event", word, why));
    }

    /// A subject that has not opted in.
    pub(crate) fn not_opted_in(&mut self, subject: &str) {
        let why = "it has not opted in: neither steward:heal nor steward:deploy, or steward:heal is off";
        self.record(Record::new(FUNCTION, self.trigger, subject, "not-opted-in", why));
    }

    /// A cluster in which many services fail at once.
    pub(crate) fn storm(&mut self, cluster: &str, services: usize) {
        let why = format!("{services} services fail at once; healing is frozen there");
        self.record(Record::new(FUNCTION, self.trigger, cluster, "storm", why));
    }

    /// Every mute that is in force, so that none is forgotten.
    pub(crate) fn muted(&mut self, mutes: &Mutes, now: Timestamp) {
        for mute in mutes.active(now) {
            let whom = mute.service.as_ref().map_or("all", |service| service.short()).to_owned();
            self.record(Record::new(FUNCTION, self.trigger, whom, "muted", mute.summary()));
        }
    }

    /// A sweep got through.
    pub(crate) fn swept(&mut self, open: usize) {
        self.metrics.count("SweepCompleted", 1);
        self.metrics.count("OpenIncidents", open);
    }

    /// A sweep ran out of time.
    pub(crate) fn stopped_early(&mut self) {
        self.stopped_early = true;
        self.metrics.count("SweepStoppedEarly", 1);
    }

    /// Something about a subject could not be looked at or done.
    pub(crate) fn failed(&mut self, subject: &str, failure: &CallFailure) {
        self.metrics.count("Failures", 1);
        self.record(Record::new(FUNCTION, self.trigger, subject, "failed", failure.to_string()));
    }

    /// What was decided about a subject.
    pub(crate) fn add(&mut self, plan: &Plan) {
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
            Record::new(FUNCTION, self.trigger, plan.subject.short(), plan.word, plan.reason.clone())
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

    /// Writes the metrics.
    pub(crate) fn emit(&self, now: Timestamp) {
        self.metrics.emit(FUNCTION, now);
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
