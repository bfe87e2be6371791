//! What an invocation tells: a decision record for each run that was looked at, the return value, and metrics.

use jiff::Timestamp;
use serde::Serialize;
use shared::failure::CallFailure;
use shared::metrics::Metrics;
use shared::migration::RunState;
use shared::record::Record;

use crate::run::Run;

const FUNCTION: &str = "migrate";

/// The return value: what was seen, what was decided, why, and why not.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What woke the function.
    pub trigger: &'static str,
    /// Whether everything was only planned.
    pub dry_run: bool,
    /// Whether it ran out of time; the next sweep goes on.
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
        if word == "unknown" {
            self.metrics.count("EventsUnknown", 1);
        }
        self.record(Record::new(FUNCTION, self.trigger, "event", word, why));
    }

    /// Something could not be looked at or done.
    pub(crate) fn failed(&mut self, subject: &str, failure: &CallFailure) {
        self.metrics.count("Failures", 1);
        self.record(Record::new(FUNCTION, self.trigger, subject, "failed", failure.to_string()));
    }

    /// How a run stands now, and how it stood `before`.
    pub(crate) fn run(&mut self, run: &Run, before: Option<RunState>) {
        if before != Some(run.state) {
            match run.state {
                RunState::Migrated => self.metrics.count("MigrationsSucceeded", 1),
                RunState::Failed => self.metrics.count("MigrationsFailed", 1),
                RunState::Unknown => self.metrics.count("MigrationsUnknown", 1),
                _ => {}
            }
        }
        let word = if self.dry_run && before.is_none() { "would-migrate" } else { run.state.as_str() };
        let frozen = run.frozen.as_ref();
        let task = run.job.as_ref().and_then(|job| job.task.as_ref());
        self.record(
            Record::new(FUNCTION, self.trigger, run.service.short(), word, run.reason.clone())
                .saw("run", Some(run.id.to_string()))
                .saw("was", before.map(RunState::as_str))
                .saw("lock", frozen.map(|frozen| frozen.lock.clone()))
                .saw("image", frozen.map(|frozen| frozen.reference.clone()))
                .saw("tasks", Some(run.tasks))
                .saw("task", task.map(|task| task.id().to_owned()))
                .saw("requested_by", run.requested_by.clone()),
        );
    }

    /// It ran out of time.
    pub(crate) fn stopped_early(&mut self) {
        self.stopped_early = true;
    }

    /// A sweep looked at everything that is open.
    pub(crate) fn swept(&mut self, open: usize, oldest_minutes: i64) {
        self.metrics.count(if self.stopped_early { "SweepStoppedEarly" } else { "SweepCompleted" }, 1);
        self.metrics.count("OpenRuns", open);
        self.metrics.count("OldestRunMinutes", usize::try_from(oldest_minutes).unwrap_or_default());
        self.metrics.count("MigrationsUnknown", 0);
    }

    /// Writes the metrics.
    pub(crate) fn emit(&self, now: Timestamp) {
        self.metrics.emit(FUNCTION, now);
    }
}
