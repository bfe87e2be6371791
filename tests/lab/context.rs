//! What every part of the simulation shares: where it is, what time it is, identifiers, and the events it sends.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ids::Ids;

/// The simulated account's id.
pub const ACCOUNT_ID: &str = "123456789012";

/// The account's own region. Only RDS and KMS stand in others too.
pub const REGION: &str = "eu-west-1";

/// Host name of the account's own ECR registry.
pub const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// Shared by the services of one account; each gets it with the call or the timer that it handles.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) now: Timestamp,
    pub(crate) ids: Ids,
    events: Vec<Value>,
    /// Sent in other regions: they are on the buses there.
    elsewhere: Vec<Value>,
}

impl Context {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now, ids: Ids::default(), events: Vec::new(), elsewhere: Vec::new() }
    }

    /// Sends an event to `EventBridge`'s default bus, at the current time.
    pub(crate) fn emit(&mut self, source: &str, detail_type: &str, resources: &[&str], detail: &Value) {
        self.emit_in(REGION, source, detail_type, resources, detail);
    }

    /// Sends an event to the default bus of a region.
    pub(crate) fn emit_in(
        &mut self,
        region: &str,
        source: &str,
        detail_type: &str,
        resources: &[&str],
        detail: &Value,
    ) {
        let event = json!({
            "version": "0",
            "id": self.ids.uuid(),
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT_ID,
            "time": self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": region,
            "resources": resources,
            "detail": detail,
        });
        let bus = if region == REGION { &mut self.events } else { &mut self.elsewhere };
        bus.push(event);
    }

    /// Everything sent since the last call, oldest first.
    pub(crate) fn take_events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    /// The same of all other regions.
    pub(crate) fn take_events_elsewhere(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.elsewhere)
    }
}

/// ARN of something in the account and region.
pub(crate) fn arn(service: &str, resource: &str) -> String {
    arn_in(REGION, service, resource)
}

/// ARN of something in the account and another region.
pub(crate) fn arn_in(region: &str, service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{region}:{ACCOUNT_ID}:{resource}")
}

/// A time as the AWS JSON protocols write it: seconds since 1970, with milliseconds.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in a double")]
pub(crate) fn epoch(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}

/// A time as events write it in their detail.
pub(crate) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
