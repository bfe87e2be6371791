//! Metrics in CloudWatch's embedded metric format: one JSON line on standard output, no call.
//!
//! Dimensions cost money, so there is one: the function. What a number is about stands in the decision records. The one
//! exception is the age of each database's newest backup, on a line of its own.

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

/// Counts and gauges of one invocation.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    values: Map<String, Value>,
    /// Gauges are no counts: name and unit.
    gauges: Vec<(&'static str, &'static str)>,
    /// One more dimension, by which the numbers are told apart.
    about: Option<(&'static str, String)>,
}

impl Metrics {
    /// Numbers about one thing, told apart by a dimension of that name.
    pub fn about(dimension: &'static str, value: &str) -> Self {
        Self { about: Some((dimension, value.to_owned())), ..Self::default() }
    }

    /// Adds `count` to a metric.
    pub fn count(&mut self, name: &'static str, count: usize) {
        let sum = self.values.get(name).and_then(Value::as_u64).unwrap_or_default() + count as u64;
        self.values.insert(name.to_owned(), sum.into());
    }

    /// Sets a metric that is measured and not counted. `unit` is one of CloudWatch's: `Seconds`, `Percent`, `None`.
    pub fn gauge(&mut self, name: &'static str, unit: &'static str, value: f64) {
        self.values.insert(name.to_owned(), value.into());
        self.gauges.push((name, unit));
    }

    /// The line that CloudWatch reads, or `None` when nothing was counted.
    pub fn line(&self, function: &'static str, now: Timestamp) -> Option<String> {
        if self.values.is_empty() {
            return None;
        }
        let unit = |name: &str| self.gauges.iter().find(|(gauge, _)| *gauge == name).map_or("Count", |(_, unit)| unit);
        let metrics: Vec<Value> = self.values.keys().map(|name| json!({ "Name": name, "Unit": unit(name) })).collect();
        let mut line = self.values.clone();
        line.insert("Function".to_owned(), function.into());
        let mut dimensions = vec!["Function"];
        if let Some((dimension, value)) = &self.about {
            line.insert((*dimension).to_owned(), value.as_str().into());
            dimensions.push(dimension);
        }
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics }],
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
    fn a_gauge_has_its_unit_and_what_it_is_about_as_a_dimension() {
        let mut metrics = Metrics::about("Database", "shop");
        metrics.gauge("BackupAgeSeconds", "Seconds", 90.0);
        let line: Value = serde_json::from_str(&metrics.line("snapshot", Timestamp::UNIX_EPOCH).unwrap()).unwrap();
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(declared["Dimensions"], json!([["Function", "Database"]]));
        assert_eq!(declared["Metrics"], json!([{ "Name": "BackupAgeSeconds", "Unit": "Seconds" }]));
        assert_eq!((line["Database"].as_str(), line["BackupAgeSeconds"].as_f64()), (Some("shop"), Some(90.0)));
    }

    #[test]
    fn nothing_counted_is_nothing_written() {
        assert!(Metrics::default().line("deploy", Timestamp::UNIX_EPOCH).is_none());
    }
}
