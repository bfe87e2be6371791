//! What every invocation tells: a decision record for each subject, the return value that lists them, and metrics. Each
//! function's report adds what only it has to say.

use jiff::Timestamp;
use serde::Serialize;

use crate::failure::{CallFailure, HandlingError};
use crate::metrics::Metrics;
use crate::record::Record;

/// Most records in a return value. Lambda takes six megabytes of it; a record has some hundred bytes, and a few thousand where
/// a service has many images.
const ANSWERED: usize = 1_000;

/// What has been decided so far in one invocation, and counted.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What woke the function.
    pub trigger: &'static str,
    /// Whether everything was only planned.
    pub dry_run: bool,
    /// Whether it ended before everything was done; what is left follows.
    pub stopped_early: bool,
    /// One record for each decision, the first thousand. All are in the log.
    pub decisions: Vec<Record>,
    /// How many more there were.
    pub decisions_left_out: usize,
    #[serde(skip)]
    function: &'static str,
    /// Counts and gauges.
    #[serde(skip)]
    pub metrics: Metrics,
}

impl Report {
    /// A report of `function`, which `trigger` woke.
    pub fn new(function: &'static str, trigger: &'static str, dry_run: bool) -> Self {
        let (decisions, metrics) = (Vec::new(), Metrics::default());
        Self { trigger, dry_run, stopped_early: false, decisions, decisions_left_out: 0, function, metrics }
    }

    /// A record of this invocation, to which can be added what was seen.
    pub fn about(&self, subject: impl Into<String>, word: impl Into<String>, why: impl Into<String>) -> Record {
        Record { dry_run: self.dry_run, ..Record::new(self.function, self.trigger, subject, word, why) }
    }

    /// Logs a record and keeps it for the return value.
    pub fn record(&mut self, record: Record) {
        record.log();
        if self.decisions.len() < ANSWERED {
            self.decisions.push(record);
        } else {
            self.decisions_left_out += 1;
        }
    }

    /// The event itself was all there was to decide about.
    pub fn event(&mut self, word: &str, why: &str) {
        if word == "unknown" {
            self.metrics.count("EventsUnknown", 1);
        }
        self.record(self.about("event", word, why));
    }

    /// Something about a subject could not be looked at or done.
    pub fn failed(&mut self, subject: &str, failure: &CallFailure) {
        self.metrics.count("Failures", 1);
        self.record(self.about(subject, "failed", failure.to_string()).failed(failure));
    }

    /// A sweep is over: it got through, or it stopped early.
    pub fn swept(&mut self) {
        self.metrics.count(if self.stopped_early { "SweepStoppedEarly" } else { "SweepCompleted" }, 1);
    }

    /// How an invocation ends: what failed as a whole is recorded, and the metrics are written.
    ///
    /// # Errors
    /// The failure for which the message has to come again: that of the whole, or the first of `failures` that another try
    /// may mend. A sweep, being its own retry, gives none of those.
    pub fn end(
        &mut self,
        handled: Result<(), CallFailure>,
        failures: &[CallFailure],
        now: Timestamp,
    ) -> Result<(), HandlingError> {
        if let Err(failure) = &handled {
            self.failed("event", failure);
        }
        self.metrics.emit(self.function, now);
        handled?;
        let mut again = failures.iter().filter(|failure| failure.is_worth_a_retry());
        let Some(first) = again.next() else {
            return Ok(());
        };
        let others = match again.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        Err(HandlingError::Failed(format!("{first}{others}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn a_failed_call_can_be_counted_by_operation_and_kind() {
        let mut report = Report::new("deploy", "sweep", true);
        let failure = CallFailure {
            operation: "ecs:UpdateService",
            resource: "shop/backend".to_owned(),
            kind: FailureKind::Throttled,
            code: "ThrottlingException".to_owned(),
            message: "Rate exceeded".to_owned(),
        };
        report.failed("shop/backend", &failure);
        let json = serde_json::to_value(&report).unwrap();
        let record = &json["decisions"][0];
        assert_eq!(
            [&record["decision"], &record["operation"], &record["kind"], &record["code"]],
            ["failed", "ecs:UpdateService", "throttled", "ThrottlingException"]
        );
        assert_eq!((&record["dry_run"], &json["trigger"]), (&true.into(), &"sweep".into()));
    }

    #[test]
    fn a_return_value_stays_below_what_lambda_takes_and_says_how_many_records_it_leaves_out() {
        let mut report = Report::new("deploy", "sweep", false);
        for number in 0..10_000 {
            let record = report.about(format!("shop/service-{number}"), "up-to-date", "it runs what its policy names");
            report.record(record.saw("images", Some("x".repeat(4096))));
        }
        assert_eq!((report.decisions.len(), report.decisions_left_out), (1_000, 9_000));
        assert!(serde_json::to_string(&report).unwrap().len() < 6 * 1024 * 1024);
    }

    #[test]
    fn a_message_comes_again_for_what_another_try_may_mend_and_for_nothing_else() {
        let failure = |kind| CallFailure {
            operation: "ecs:UpdateService",
            resource: "shop/backend".to_owned(),
            kind,
            code: String::new(),
            message: "no".to_owned(),
        };
        let end = |handled, failures: &[FailureKind]| {
            let failures: Vec<CallFailure> = failures.iter().map(|kind| failure(*kind)).collect();
            Report::new("deploy", "image-pushed", false).end(handled, &failures, Timestamp::UNIX_EPOCH)
        };
        assert!(end(Ok(()), &[FailureKind::Invalid, FailureKind::Missing]).is_ok());
        let again = end(Ok(()), &[FailureKind::Invalid, FailureKind::Throttled, FailureKind::Denied]).unwrap_err();
        assert!(again.to_string().ends_with("(and 1 more)"), "{again}");
        assert!(end(Err(failure(FailureKind::Unavailable)), &[]).is_err());
    }

    #[test]
    fn a_sweep_that_stopped_early_is_no_completed_one() {
        let mut report = Report::new("deploy", "sweep", false);
        report.stopped_early = true;
        report.swept();
        let line = report.metrics.line("deploy", Timestamp::UNIX_EPOCH).unwrap();
        assert!(line.contains("SweepStoppedEarly") && !line.contains("SweepCompleted"), "{line}");
    }
}
