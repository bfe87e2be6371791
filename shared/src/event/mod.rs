//! Event types that `aws_lambda_events` lacks. Only the fields that are read; unknown fields and values are tolerated,
//! because AWS adds both without notice.

pub mod ecr;
pub mod ecs;
pub mod rds;
pub mod steward;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::HandlingError;

/// An EventBridge event whose detail is not read yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique id; empty where a person wrote the event by hand.
    pub id: String,
    /// `aws.ecr`, `aws.ecs`, `steward`.
    pub source: String,
    /// What kind of event it is.
    pub detail_type: String,
    /// The account that it comes from.
    pub account: Option<String>,
    /// The region that it comes from.
    pub region: Option<String>,
    /// When it happened, by the sender's clock.
    pub time: Option<Timestamp>,
    /// ARNs.
    pub resources: Vec<String>,
    /// What happened.
    pub detail: Value,
}

/// Furthest that a sender's clock is believed to be ahead of ours.
const LEAD: SignedDuration = SignedDuration::from_hours(24);

impl Event {
    /// The time at which the event is handled: by our clock, but never before what the event tells of has happened. A
    /// sender that is more than a day ahead is not believed, unless in a simulation (`by_event`) that runs ahead.
    pub fn now(&self, clock: Timestamp, by_event: bool) -> Timestamp {
        let told = self.time.filter(|told| by_event || told.duration_since(clock) <= LEAD);
        told.map_or(clock, |told| told.max(clock))
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// Says what is missing; the payload itself is not repeated, it may hold what must not be logged.
    pub fn read(payload: &Value) -> Result<Self, HandlingError> {
        let event: EventBridgeEvent = serde_json::from_value(payload.clone())
            .map_err(|error| HandlingError::Rejected(format!("not an EventBridge event: {error}")))?;
        // EventBridge Scheduler's own default sends the detail as a string of JSON.
        let detail = match event.detail {
            Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            detail => detail,
        };
        Ok(Self {
            id: event.id.unwrap_or_default(),
            source: event.source,
            detail_type: event.detail_type,
            account: event.account,
            region: event.region,
            time: event.time.and_then(|time| Timestamp::from_millisecond(time.timestamp_millis()).ok()),
            resources: event.resources.unwrap_or_default(),
            detail,
        })
    }

    /// Reads the detail as `T`.
    ///
    /// # Errors
    /// When a field that is needed is missing or of another kind.
    pub fn detail<T: DeserializeOwned>(&self) -> Result<T, HandlingError> {
        T::deserialize(&self.detail).map_err(|error| {
            let (kind, source) = (&self.detail_type, &self.source);
            HandlingError::Rejected(format!(
                "the detail of {kind:?} from {source:?} has not the shape that it should: {error}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_never_handled_before_it_has_happened_and_a_wild_clock_is_not_believed() {
        let clock: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (time, now) in [
            ("2026-11-21T11:00:00Z", "2026-11-21T12:00:00Z"),
            ("2026-11-21T12:03:00Z", "2026-11-21T12:03:00Z"),
            ("2062-01-01T00:00:00Z", "2026-11-21T12:00:00Z"),
        ] {
            let event = json!({ "source": "steward", "detail-type": "Sweep", "time": time, "detail": {} });
            assert_eq!(Event::read(&event).unwrap().now(clock, false), now.parse().unwrap(), "{time}");
            let simulated = Event::read(&event).unwrap().now(clock, true);
            assert_eq!(simulated, clock.max(time.parse().unwrap()), "{time}");
        }
    }
}
