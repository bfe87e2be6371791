//! What an invocation tells: a decision record for each database and each deletion, the return value with the whole table
//! of what is kept and why, and metrics.

use jiff::Timestamp;
use serde::Serialize;
use shared::failure::CallFailure;
use shared::metrics::Metrics;
use shared::record::Record;

use crate::apply::Done;
use crate::plan::{Plan, Row, Verdict};

const FUNCTION: &str = "snapshot";

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
    /// What becomes of every snapshot, and why.
    pub snapshots: Vec<Row>,
    #[serde(skip)]
    metrics: Metrics,
    #[serde(skip)]
    ages: Vec<(String, i64)>,
    #[serde(skip)]
    highest_ratio: f64,
}

impl Report {
    pub(crate) fn new(trigger: &'static str, dry_run: bool) -> Self {
        Self {
            trigger,
            dry_run,
            stopped_early: false,
            decisions: Vec::new(),
            snapshots: Vec::new(),
            metrics: Metrics::default(),
            ages: Vec::new(),
            highest_ratio: 0.0,
        }
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

    /// A database with tags of which nothing comes.
    pub(crate) fn left(&mut self, database: &str, why: &str) {
        self.record(Record::new(FUNCTION, self.trigger, database, "left", why));
    }

    /// Something could not be looked at or done.
    pub(crate) fn failed(&mut self, subject: &str, failure: &CallFailure) {
        self.metrics.count("Failures", 1);
        self.record(Record::new(FUNCTION, self.trigger, subject, "failed", failure.to_string()));
    }

    /// What was decided about a database, and what came of it.
    pub(crate) fn add(&mut self, plan: &Plan, done: &Done) {
        let subject = plan.database.identifier();
        for (name, count) in [
            ("SnapshotsTaken", done.taken.len()),
            ("SnapshotsAvailable", usize::from(plan.arrived)),
            ("SnapshotsFailed", plan.failed),
            ("SnapshotsDeleted", done.deleted.len()),
            ("CopiesStarted", usize::from(done.copied.is_some())),
            ("CopiesFailed", usize::from(done.copy_refused)),
            ("StaleDatabases", usize::from(plan.age.is_some_and(|age| age.stale))),
        ] {
            self.metrics.count(name, count);
        }
        let deleted: Vec<String> =
            done.deleted.iter().map(|row| format!("{} in {}", row.snapshot, row.region)).collect();
        let names = |names: &[String]| (!names.is_empty()).then(|| names.join(" "));
        let wanted: Vec<String> = plan.creates.iter().map(|create| create.name.clone()).collect();
        self.record(
            Record::new(FUNCTION, self.trigger, subject, plan.word, plan.reason.clone())
                .saw("database_arn", Some(plan.database.to_string()))
                .saw("take", names(&wanted))
                .saw("taken", names(&done.taken))
                .saw("copied", done.copied.clone())
                .saw("deleted", names(&deleted))
                .saw("age_seconds", plan.age.map(|age| age.seconds))
                .saw("stale", plan.age.map(|age| age.stale)),
        );
        for failure in done.failures.iter().chain(&done.answered) {
            self.failed(subject, failure);
        }
        if let Some(age) = plan.age {
            self.highest_ratio = self.highest_ratio.max(age.ratio);
            self.ages.push((subject.to_owned(), age.seconds));
        }
        self.rows(&plan.rows, done);
    }

    /// What becomes of snapshots; every deletion has a record of its own.
    pub(crate) fn rows(&mut self, rows: &[Row], done: &Done) {
        for row in rows {
            let is_deleted = done.deleted.contains(row);
            if is_deleted || (row.verdict == Verdict::Delete && self.dry_run) {
                let record = Record::new(FUNCTION, self.trigger, &row.snapshot, "delete", row.why.clone());
                let record = record.saw("database", Some(row.database.clone())).saw("region", Some(row.region.clone()));
                self.record(record.saw("moment", Some(row.moment.to_string())));
            } else {
                tracing::debug!(snapshot = row.snapshot, verdict = ?row.verdict, why = row.why, "snapshot");
            }
        }
        self.snapshots.extend(rows.iter().cloned());
    }

    /// What came of deleting the snapshots of databases that are gone.
    pub(crate) fn orphans(&mut self, rows: &[Row], done: &Done) {
        self.metrics.count("SnapshotsDeleted", done.deleted.len());
        for failure in &done.failures {
            self.failed("orphans", failure);
        }
        self.rows(rows, done);
    }

    /// It ran out of time.
    pub(crate) fn stopped_early(&mut self) {
        self.stopped_early = true;
    }

    /// A sweep looked at everything. What is measured is measured then.
    pub(crate) fn swept(&mut self, databases: usize, quota_percent: Option<u64>) {
        self.metrics.count(if self.stopped_early { "SweepStoppedEarly" } else { "SweepCompleted" }, 1);
        self.metrics.count("Databases", databases);
        self.metrics.gauge("BackupAgeRatio", "None", self.highest_ratio);
        if let Some(percent) = quota_percent {
            self.metrics.count("ManualSnapshotQuotaPercent", usize::try_from(percent).unwrap_or(usize::MAX));
        }
    }

    /// Writes the metrics; the age of each database's newest backup on a line of its own.
    pub(crate) fn emit(&self, now: Timestamp) {
        self.metrics.emit(FUNCTION, now);
        if self.trigger == "sweep" {
            for (database, seconds) in &self.ages {
                let mut metrics = Metrics::about("Database", database);
                metrics.count("BackupAgeSeconds", usize::try_from(*seconds).unwrap_or_default());
                metrics.emit(FUNCTION, now);
            }
        }
    }
}
