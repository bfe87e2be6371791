//! CloudWatch Logs: groups and streams, written by whoever plays a container, read through the API.
//!
//! A stream of the `awslogs` driver is called `PREFIX/CONTAINER/TASK-ID`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::context::arn;
use crate::input::{invalid, page, text};
use crate::service::{Answer, Service, unknown_operation};
use crate::wire::{ApiError, Call, Outcome, Reply};

/// Most events of one answer of `GetLogEvents`, and how many there are when no limit is asked for.
const MOST_EVENTS: usize = 10_000;

/// The CloudWatch Logs service. Clones share groups and streams.
#[derive(Clone, Debug, Default)]
pub struct Logs(Arc<Mutex<State>>);

type Streams = BTreeMap<String, Vec<Line>>;

#[derive(Debug, Default)]
struct State {
    groups: BTreeMap<String, Streams>,
    lag: SignedDuration,
}

#[derive(Clone, Debug)]
struct Line {
    at: Timestamp,
    /// When it can be read.
    ingested: Timestamp,
    text: String,
}

impl Service for Logs {
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a> {
        Box::pin(std::future::ready(self.answer(call)))
    }
}

impl Logs {
    /// Makes a group, or leaves the one of that name as it is.
    pub fn create_group(&self, name: &str) {
        self.lock().groups.entry(name.to_owned()).or_default();
    }

    /// Writes a line at a time, and makes group and stream where they are missing, as the driver does when it is told to.
    pub fn write(&self, group: &str, stream: &str, at: Timestamp, line: &str) {
        let mut state = self.lock();
        let line = Line { at, ingested: at + state.lag, text: line.to_owned() };
        let lines = state.groups.entry(group.to_owned()).or_default().entry(stream.to_owned()).or_default();
        let place = lines.partition_point(|other| other.at <= at);
        lines.insert(place, line);
    }

    /// What is written from now on can be read this much later.
    pub fn lag(&self, by: SignedDuration) {
        self.lock().lag = by;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one call.
    pub fn answer(&self, call: &Call) -> Outcome {
        let state = self.lock();
        let reply = match call.operation.as_str() {
            "GetLogEvents" => {
                let stream = text(&call.input, "logStreamName").ok_or_else(|| invalid("logStreamName is missing"))?;
                let lines = state.group(&call.input)?.get(stream).ok_or_else(|| missing("stream"))?;
                events(lines, call)?
            }
            "DescribeLogStreams" => described(state.group(&call.input)?, call)?,
            _ => return unknown_operation(call),
        };
        Ok(Reply::Json(reply))
    }
}

impl State {
    /// The streams of the group that a call names, by name or by ARN.
    fn group(&self, input: &Value) -> Result<&Streams, ApiError> {
        let name = match (text(input, "logGroupName"), text(input, "logGroupIdentifier")) {
            (Some(name), None) => name,
            (None, Some(identifier)) => name_in(identifier),
            _ => return Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")),
        };
        self.groups.get(name).ok_or_else(|| missing("group"))
    }
}

/// The name in the identifier of a group: an ARN, with or without `:*`, or the name itself.
fn name_in(identifier: &str) -> &str {
    let name = identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name);
    name.strip_suffix(":*").unwrap_or(name)
}

fn missing(what: &str) -> ApiError {
    ApiError::client("ResourceNotFoundException", format!("The specified log {what} does not exist."))
}

/// A page of a stream. The order is that of time on every page; `startFromHead` says where the first page is. At either
/// end the token of that direction stays what it is, which is how a reader knows.
fn events(lines: &[Line], call: &Call) -> Result<Value, ApiError> {
    let number = |key: &str| call.input.get(key).and_then(Value::as_i64);
    let limit = match number("limit").map(usize::try_from) {
        None => MOST_EVENTS,
        Some(Ok(limit)) if (1..=MOST_EVENTS).contains(&limit) => limit,
        Some(_) => return Err(invalid(format!("limit must be between 1 and {MOST_EVENTS}"))),
    };
    let from = number("startTime").unwrap_or(i64::MIN);
    let to = number("endTime").unwrap_or(i64::MAX);
    let readable = |line: &&Line| line.ingested <= call.at && (from..to).contains(&line.at.as_millisecond());
    let lines: Vec<&Line> = lines.iter().filter(readable).collect();
    let from_head = call.input.get("startFromHead").and_then(Value::as_bool).unwrap_or(false);
    let (start, end) = match (text(&call.input, "nextToken").map(place), from_head) {
        (Some(Some((true, place))), _) => (place, place.saturating_add(limit)),
        (Some(Some((false, place))), _) => (place.saturating_sub(limit), place),
        (Some(None), _) => return Err(invalid("The specified nextToken is invalid.")),
        (None, true) => (0, limit),
        (None, false) => (lines.len().saturating_sub(limit), lines.len()),
    };
    let (start, end) = (start.min(lines.len()), end.min(lines.len()));
    let event = |line: &&Line| {
        json!({
            "timestamp": line.at.as_millisecond(),
            "message": line.text,
            "ingestionTime": line.ingested.as_millisecond(),
        })
    };
    let events: Vec<Value> = lines.iter().take(end).skip(start).map(event).collect();
    Ok(json!({
        "events": events,
        "nextForwardToken": format!("f/{end:056}/s"),
        "nextBackwardToken": format!("b/{start:056}/s"),
    }))
}

/// Whether a token leads forward, and the place in the stream that it stands at.
fn place(token: &str) -> Option<(bool, usize)> {
    let (direction, rest) = token.split_once('/')?;
    let place = rest.strip_suffix("/s")?.parse().ok()?;
    matches!(direction, "f" | "b").then_some((direction == "f", place))
}

fn described(streams: &Streams, call: &Call) -> Result<Value, ApiError> {
    let input = &call.input;
    let by_time = text(input, "orderBy") == Some("LastEventTime");
    let prefix = text(input, "logStreamNamePrefix");
    if by_time && prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let mut found: Vec<_> = streams.iter().filter(|(name, _)| name.starts_with(prefix.unwrap_or_default())).collect();
    if by_time {
        found.sort_by_key(|(_, lines)| lines.last().map(|line| line.at));
    }
    if input.get("descending").and_then(Value::as_bool).unwrap_or(false) {
        found.reverse();
    }
    let size = input.get("limit").and_then(Value::as_u64);
    let (found, token) = page(found, size, (50, 50), text(input, "nextToken"))?;
    let group = text(input, "logGroupName").or_else(|| text(input, "logGroupIdentifier")).map_or("", name_in);
    let stream = |(name, lines): (&String, &Vec<Line>)| {
        let mut described = json!({
            "logStreamName": name,
            "arn": arn("logs", &format!("log-group:{group}:log-stream:{name}")),
            "storedBytes": 0,
        });
        if let (Some(first), Some(last)) = (lines.first(), lines.last()) {
            described["creationTime"] = first.at.as_millisecond().into();
            described["firstEventTimestamp"] = first.at.as_millisecond().into();
            described["lastEventTimestamp"] = last.at.as_millisecond().into();
            described["lastIngestionTime"] = last.ingested.as_millisecond().into();
        }
        described
    };
    Ok(json!({ "logStreams": found.into_iter().map(stream).collect::<Vec<_>>(), "nextToken": token }))
}

#[cfg(test)]
mod tests;
