//! Decision records: for every decision one flat JSON line that says what was seen, what was decided, and why.
//!
//! "Why did it not roll?" is what operators ask most. The record answers it, and so does the function's return value.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::CallFailure;

/// One decision about one subject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// The function that decided.
    pub function: &'static str,
    /// What woke it, in a word: `image-pushed`, `sweep`.
    pub trigger: &'static str,
    /// What was decided on: a service, a database, or the event itself.
    pub subject: String,
    /// The decision, as a stable word: `roll`, `up-to-date`, `held`, `failed`.
    pub decision: String,
    /// Why, for people.
    pub reason: String,
    /// Whether it was only planned.
    pub dry_run: bool,
    /// What was seen, flat: values are text, numbers or truth values.
    #[serde(flatten)]
    pub seen: Map<String, Value>,
}

impl Record {
    /// A record without what was seen.
    pub fn new(
        function: &'static str,
        trigger: &'static str,
        subject: impl Into<String>,
        decision: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let (subject, decision, reason) = (subject.into(), decision.into(), reason.into());
        Self { function, trigger, subject, decision, reason, dry_run: false, seen: Map::new() }
    }

    /// The same with one more thing seen; nothing is added for `None`.
    #[must_use]
    pub fn saw(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.seen.insert(name.to_owned(), value.into());
        }
        self
    }

    /// The same with the call that failed, so that failures can be counted by operation and kind.
    #[must_use]
    pub fn failed(self, failure: &CallFailure) -> Self {
        let kind = serde_json::to_value(failure.kind).ok();
        let code = Some(failure.code.clone()).filter(|code| !code.is_empty());
        self.saw("operation", Some(failure.operation)).saw("kind", kind).saw("code", code)
    }

    /// Writes the record to the log.
    pub fn log(&self) {
        // The formatter of `telemetry` lays a `record` out flat beside time, level and ids.
        let record = serde_json::to_string(self).unwrap_or_default();
        tracing::info!(record, "decision");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_flat() {
        let record =
            Record::new("deploy", "sweep", "shop/backend", "held", "load test").saw("digest", Some("sha256:0f"));
        let json = serde_json::to_value(record.saw("tag", None::<String>)).unwrap();
        let object = json.as_object().unwrap();
        assert!(object.values().all(|value| !value.is_object() && !value.is_array()), "{json}");
        assert_eq!(object["digest"], "sha256:0f");
        assert!(!object.contains_key("tag"));
    }
}
