//! Metrics in CloudWatch's embedded metric format: one JSON line on standard output, no call.
//!
//! Dimensions cost money, so there is one: the function. What a number is about stands in the decision records.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Namespace of all of Steward's metrics.
pub const NAMESPACE: &str = "Steward";

static SILENT: AtomicBool = AtomicBool::new(false);

/// From now on this process writes no metrics: for simulations, whose thousands of invocations nobody counts.
pub fn silence() {
    SILENT.store(true, Ordering::Relaxed);
}

/// Counts of one invocation.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Map<String, Value>);

impl Metrics {
    /// Adds `count` to a metric.
    pub fn count(&mut self, name: &'static str, count: usize) {
        let sum = self.0.get(name).and_then(Value::as_u64).unwrap_or_default() + count as u64;
        self.0.insert(name.to_owned(), sum.into());
    }

    /// The line that CloudWatch reads, or `None` when nothing was counted.
    pub fn line(&self, function: &'static str, now: Timestamp) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let metrics: Vec<Value> = self.0.keys().map(|name| json!({ "Name": name, "Unit": "Count" })).collect();
        let mut line = self.0.clone();
        line.insert("Function".to_owned(), function.into());
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": metrics }],
            }),
        );
        Some(Value::Object(line).to_string())
    }

    /// Writes the line to standard output, where CloudWatch Logs picks it up.
    pub fn emit(&self, function: &'static str, now: Timestamp) {
        if SILENT.load(Ordering::Relaxed) {
            return;
        }
        if let Some(line) = self.line(function, now) {
            // A lost metric must not fail a handled message; its alarm treats missing data as breaching.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_declares_every_metric_that_it_carries() {
        let mut metrics = Metrics::default();
        metrics.count("RolloutsStarted", 2);
        metrics.count("RolloutsStarted", 1);
        metrics.count("SweepsCompleted", 1);
        let line: Value = serde_json::from_str(&metrics.line("deploy", Timestamp::UNIX_EPOCH).unwrap()).unwrap();
        assert_eq!((line["RolloutsStarted"].as_u64(), line["Function"].as_str()), (Some(3), Some("deploy")));
        let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(
            declared.iter().map(|m| m["Name"].as_str().unwrap()).collect::<Vec<_>>(),
            ["RolloutsStarted", "SweepsCompleted"]
        );
    }

    #[test]
    fn nothing_counted_is_nothing_written() {
        assert!(Metrics::default().line("deploy", Timestamp::UNIX_EPOCH).is_none());
    }
}
