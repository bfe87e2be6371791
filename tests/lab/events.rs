//! The EventBridge API: people, CI jobs and functions put events, and look at rules.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fifo::id_for;
use crate::pattern::Pattern;
use crate::service::{Answer, Service, unknown_operation};
use crate::template::Rule;
use crate::wire::{ApiError, Call, Outcome, Reply};

/// Largest entry that `PutEvents` takes, in bytes.
const MAX_ENTRY: usize = 256 * 1024;

/// The EventBridge service. Clones share what was put.
#[derive(Clone, Debug)]
pub struct Events {
    rules: Arc<Vec<Rule>>,
    inner: Arc<Mutex<(u64, Vec<Value>)>>,
}

impl Service for Events {
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a> {
        Box::pin(std::future::ready(self.answer(call)))
    }
}

impl Events {
    /// The service over these rules.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules: Arc::new(rules), inner: Arc::default() }
    }

    /// Events put since the last call, oldest first, each with its whole envelope.
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Answers one call.
    pub fn answer(&self, call: &Call) -> Outcome {
        let reply = match call.operation.as_str() {
            "PutEvents" => self.put(call)?,
            "ListRules" => json!({ "Rules": self.rules.iter().map(described).collect::<Vec<_>>() }),
            "DescribeRule" => {
                let name = call.input.get("Name").and_then(Value::as_str).unwrap_or_default();
                let rule = self.rules.iter().find(|rule| rule.id == name);
                let missing = || ApiError::client("ResourceNotFoundException", format!("Rule {name} does not exist."));
                rule.map(described).ok_or_else(missing)?
            }
            "TestEventPattern" => {
                let parsed = |key: &str| call.input.get(key)?.as_str().and_then(|text| serde_json::from_str(text).ok());
                let invalid = || ApiError::client("InvalidEventPatternException", "Event pattern is not valid.");
                let pattern = parsed("EventPattern").and_then(|value| Pattern::new(&value).ok()).ok_or_else(invalid)?;
                let event: Value = parsed("Event").unwrap_or_default();
                json!({ "Result": pattern.matches(&event) })
            }
            _ => return unknown_operation(call),
        };
        Ok(Reply::Json(reply))
    }

    fn put(&self, call: &Call) -> Result<Value, ApiError> {
        let entries = call.input.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() || entries.len() > 10 {
            let message = "1 validation error detected: Value at 'entries' failed to satisfy constraint: \
                           Member must have length between 1 and 10";
            return Err(ApiError::client("ValidationException", message));
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failed = 0;
        let mut results = Vec::new();
        for entry in entries {
            match envelope(entry, call.at) {
                Ok(mut event) => {
                    inner.0 += 1;
                    let id = id_for("events", inner.0);
                    if let Some(slot) = event.get_mut("id") {
                        *slot = id.clone().into();
                    }
                    inner.1.push(event);
                    results.push(json!({ "EventId": id }));
                }
                Err((code, message)) => {
                    failed += 1;
                    results.push(json!({ "ErrorCode": code, "ErrorMessage": message }));
                }
            }
        }
        Ok(json!({ "FailedEntryCount": failed, "Entries": results }))
    }
}

/// The answer of `PutEvents` of which every entry failed: its status is 200 all the same.
pub(crate) fn failed(call: &Call) -> Reply {
    let entries = call.input.get("Entries").and_then(Value::as_array).map_or(0, Vec::len);
    let entry = json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "The entry failed, as ordered." });
    Reply::Json(json!({ "FailedEntryCount": entries, "Entries": vec![entry; entries] }))
}

/// The event of an entry, its id still empty, or code and message of the refusal.
fn envelope(entry: &Value, now: Timestamp) -> Result<Value, (&'static str, String)> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    for key in ["Source", "DetailType", "Detail"] {
        if text(key).is_empty() {
            return Err((
                "InvalidArgument",
                format!("Parameter {key} is not valid. Reason: {key} is a required argument."),
            ));
        }
    }
    let source = text("Source");
    if source.starts_with("aws.") {
        return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
    }
    let bus = text("EventBusName");
    if !(bus.is_empty() || bus == "default" || bus.ends_with(":event-bus/default")) {
        return Err(("InternalFailure", format!("The lab has no event bus {bus}.")));
    }
    let detail = serde_json::from_str::<Value>(text("Detail")).ok().filter(Value::is_object);
    let detail = detail.ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
    let resources = entry.get("Resources").cloned().unwrap_or_else(|| json!([]));
    if text("Detail").len() + source.len() + text("DetailType").len() > MAX_ENTRY {
        return Err(("InvalidArgument", "Total size of the entry is over 256 KB.".to_owned()));
    }
    let time = entry.get("Time").and_then(Value::as_f64);
    #[expect(clippy::cast_possible_truncation, reason = "events have whole seconds")]
    let time = time.and_then(|seconds| Timestamp::from_second(seconds as i64).ok()).unwrap_or(now);
    Ok(json!({
        "version": "0",
        "id": "",
        "detail-type": text("DetailType"),
        "source": source,
        "account": crate::context::ACCOUNT_ID,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": crate::context::REGION,
        "resources": resources,
        "detail": detail,
    }))
}

fn described(rule: &Rule) -> Value {
    json!({
        "Name": rule.id,
        "Arn": crate::context::arn("events", &format!("rule/{}", rule.id)),
        "EventPattern": rule.source.to_string(),
        "State": if rule.enabled { "ENABLED" } else { "DISABLED" },
        "EventBusName": "default",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(events: &Events, entries: &Value) -> Result<Value, String> {
        let call = Call {
            service: "events".to_owned(),
            operation: "PutEvents".to_owned(),
            input: json!({ "Entries": entries }),
            caller: String::new(),
            attempt: 1,
            region: String::new(),
            invocation: String::new(),
            at: Timestamp::from_second(1_800_000_000).unwrap(),
        };
        match events.answer(&call) {
            Ok(Reply::Json(value)) => Ok(value),
            Ok(Reply::Xml(xml)) => panic!("{xml}"),
            Err(error) => Err(error.code),
        }
    }

    #[test]
    fn an_entry_becomes_an_event_with_the_whole_envelope() {
        let events = Events::new(vec![]);
        let entry = json!({ "Source": "steward", "DetailType": "Deploy Requested", "Detail": "{\"tag\":\"1\"}" });
        let answer = put(&events, &json!([entry])).unwrap();
        let taken = events.take();
        assert_eq!(taken[0]["id"], answer["Entries"][0]["EventId"]);
        assert_eq!((&taken[0]["detail"], &taken[0]["time"]), (&json!({ "tag": "1" }), &json!("2027-01-15T08:00:00Z")));
        assert!(events.take().is_empty());
    }

    #[test]
    fn an_entry_that_is_refused_leaves_the_others_alone() {
        let events = Events::new(vec![]);
        let entries = json!([
            { "Source": "aws.ecr", "DetailType": "ECR Image Action", "Detail": "{}" },
            { "Source": "steward", "DetailType": "x", "Detail": "not json" },
            { "Source": "steward", "DetailType": "x" },
            { "Source": "steward", "DetailType": "x", "Detail": "{}" },
        ]);
        let answer = put(&events, &entries).unwrap();
        let codes: Vec<&str> =
            answer["Entries"].as_array().unwrap().iter().map(|e| e["ErrorCode"].as_str().unwrap_or("-")).collect();
        assert_eq!(codes, ["NotAuthorizedForSourceException", "MalformedDetail", "InvalidArgument", "-"]);
        assert_eq!((&answer["FailedEntryCount"], events.take().len()), (&json!(3), 1));
        assert_eq!(put(&events, &json!([])).unwrap_err(), "ValidationException");
    }
}
