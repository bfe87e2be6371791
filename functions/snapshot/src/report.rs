//! What an invocation tells: a decision record for each database and each deletion, the return value with the whole table
//! of what is kept and why, and metrics.

use jiff::Timestamp;
use serde::Serialize;
use shared::config::Config;
use shared::metrics::Metrics;

use crate::apply::Done;
use crate::plan::{Plan, Row, Verdict};
use crate::settings::SnapshotSettings;

/// Most rows in a return value, of at most half a kilobyte: Lambda takes six megabytes of it, with the records.
const ANSWERED: usize = 5_000;

/// The return value: what every function tells, and the whole table of snapshots.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Trigger and decisions.
    #[serde(flatten)]
    pub base: shared::report::Report,
    /// What becomes of every snapshot, and why: the first five thousand.
    pub snapshots: Vec<Row>,
    /// How many more there were.
    pub snapshots_left_out: usize,
    #[serde(skip)]
    ages: Vec<(String, i64)>,
    #[serde(skip)]
    highest_ratio: f64,
    /// Whether what stays is logged too.
    #[serde(skip)]
    is_verbose: bool,
}

impl Report {
    pub(crate) fn new(trigger: &'static str, config: &Config<SnapshotSettings>) -> Self {
        let base = shared::report::Report::new("snapshot", trigger, config.dry_run);
        let is_verbose = config.log_level >= tracing::Level::DEBUG;
        let (snapshots, ages) = (Vec::new(), Vec::new());
        Self { base, snapshots, snapshots_left_out: 0, ages, highest_ratio: 0.0, is_verbose }
    }

    /// A database with tags of which nothing comes.
    pub(crate) fn left(&mut self, database: &str, why: &str) {
        self.base.record(self.base.about(database, "left", why));
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
        ] {
            // CloudWatch bills a metric for each hour in which it is written: what did not happen is not.
            if count > 0 {
                self.base.metrics.count(name, count);
            }
        }
        self.base.metrics.count("StaleDatabases", usize::from(plan.age.is_some_and(|age| age.stale)));
        let deleted: Vec<String> =
            done.deleted.iter().map(|row| format!("{} in {}", row.snapshot, row.region)).collect();
        let names = |names: &[String]| (!names.is_empty()).then(|| names.join(" "));
        let wanted: Vec<String> = plan.creates.iter().map(|create| create.name.clone()).collect();
        self.base.record(
            self.base
                .about(subject, plan.word, plan.reason.clone())
                .saw("database_arn", Some(plan.database.to_string()))
                .saw("take", names(&wanted))
                .saw("taken", names(&done.taken))
                .saw("copied", done.copied.clone())
                .saw("deleted", names(&deleted))
                .saw("age_seconds", plan.age.map(|age| age.seconds))
                .saw("stale", plan.age.map(|age| age.stale)),
        );
        for failure in done.failures.iter().chain(&done.answered) {
            self.base.failed(subject, failure);
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
            if is_deleted || (row.verdict == Verdict::Delete && self.base.dry_run) {
                let record = self.base.about(&row.snapshot, "delete", row.why.clone());
                let record = record.saw("database", Some(row.database.clone())).saw("region", Some(row.region.clone()));
                self.base.record(record.saw("moment", Some(row.moment.to_string())));
            } else if self.is_verbose {
                tracing::info!(snapshot = row.snapshot, verdict = ?row.verdict, why = row.why, "snapshot");
            }
        }
        let room = ANSWERED.saturating_sub(self.snapshots.len());
        self.snapshots.extend(rows.iter().take(room).cloned());
        self.snapshots_left_out += rows.len().saturating_sub(room);
    }

    /// What came of deleting the snapshots of databases that are gone.
    pub(crate) fn orphans(&mut self, rows: &[Row], done: &Done) {
        if !done.deleted.is_empty() {
            self.base.metrics.count("SnapshotsDeleted", done.deleted.len());
        }
        for failure in &done.failures {
            self.base.failed("orphans", failure);
        }
        self.rows(rows, done);
    }

    /// A sweep looked at everything. What is measured is measured then.
    pub(crate) fn swept(&mut self, databases: usize, quota_percent: Option<u64>) {
        self.base.swept();
        self.base.metrics.count("Databases", databases);
        self.base.metrics.gauge("BackupAgeRatio", "None", self.highest_ratio);
        if let Some(percent) = quota_percent {
            self.base.metrics.count("ManualSnapshotQuotaPercent", usize::try_from(percent).unwrap_or(usize::MAX));
        }
    }

    /// Writes the age of each database's newest backup, on a line of its own. A sweep knows them all.
    pub(crate) fn emit_ages(&self, now: Timestamp) {
        if self.base.trigger == "sweep" {
            for (database, seconds) in &self.ages {
                let mut metrics = Metrics::about("Database", database);
                metrics.count("BackupAgeSeconds", usize::try_from(*seconds).unwrap_or_default());
                metrics.emit("snapshot", now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_more_rows_than_lambda_takes_says_how_many_are_left_out() {
        let config = Config::<SnapshotSettings>::read(|name| {
            let known = [
                ("AWS_REGION", "eu-west-1"),
                ("STEWARD_ACCOUNT_ID", "123456789012"),
                ("STEWARD_TABLE", "steward"),
                ("STEWARD_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:steward"),
            ];
            known.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        });
        let mut report = Report::new("sweep", &config.unwrap());
        let row = Row {
            database: "d".repeat(63),
            region: "eu-central-1".to_owned(),
            snapshot: "s".repeat(255),
            moment: Timestamp::UNIX_EPOCH,
            verdict: Verdict::Keep,
            why: "the newest of its month".to_owned(),
        };
        for _ in 0..4 {
            report.rows(&vec![row.clone(); 3_000], &Done::default());
        }
        assert_eq!((report.snapshots.len(), report.snapshots_left_out), (5_000, 7_000));
        assert!(serde_json::to_string(&report).unwrap().len() < 3 * 1024 * 1024);
    }
}
