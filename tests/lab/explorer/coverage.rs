//! Which call met which fault, how often; and which cannot.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::SignedDuration;

use crate::account::CallRecord;
use crate::faults::Fault;

/// Every call that `deploy` makes, as `service:Operation`.
pub const CALLS: [&str; 15] = [
    "tagging:GetResources",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:PutItem",
    "ecs:DescribeServices",
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:ListServiceDeployments",
    "ecs:DescribeTaskDefinition",
    "ecs:RegisterTaskDefinition",
    "ecs:UpdateService",
    "ecr:DescribeImages",
    "sns:Publish",
    "sqs:SendMessage",
];

/// Every fault, by its name.
pub const FAULTS: [&str; 10] = [
    "throttled",
    "throttled once",
    "denied",
    "server error",
    "crash before",
    "crash after",
    "lost reply",
    "lost once",
    "stale",
    "late effect",
];

/// Reads that AWS does not promise to be consistent with the last write.
const LAGGING: [&str; 3] = ["GetResources", "DescribeServices", "DescribeImages"];
const WRITES: [&str; 5] = ["PutItem", "RegisterTaskDefinition", "UpdateService", "Publish", "SendMessage"];

/// The name of a fault in the table; `None` for none.
pub fn name(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Ok | Fault::Refused(..) | Fault::EntriesFailed => return None,
        Fault::Throttled => "throttled",
        Fault::ThrottledOnce => "throttled once",
        Fault::Denied => "denied",
        Fault::ServerError => "server error",
        Fault::CrashBefore => "crash before",
        Fault::CrashAfter => "crash after",
        Fault::LostReply => "lost reply",
        Fault::LostReplyOnce => "lost once",
        Fault::Stale => "stale",
        Fault::LateEffect(_) => "late effect",
    })
}

/// What may happen to a call; the first is nothing. `fresh` tells whether something was written a moment ago.
pub fn possible(operation: &str, fresh: bool) -> Vec<Fault> {
    let mut faults = vec![
        Fault::Ok,
        Fault::Throttled,
        Fault::ThrottledOnce,
        Fault::Denied,
        Fault::ServerError,
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::LostReply,
        Fault::LostReplyOnce,
    ];
    if LAGGING.contains(&operation) && fresh {
        faults.push(Fault::Stale);
    }
    if WRITES.contains(&operation) {
        // Before its message is delivered again, and after it.
        faults.extend([20, 140].map(|seconds| Fault::LateEffect(SignedDuration::from_secs(seconds))));
    }
    faults
}

/// Why a call cannot meet a fault; `None` when it can.
pub fn impossible(call: &str, fault: &str) -> Option<&'static str> {
    let operation = call.split(':').next_back().unwrap_or_default();
    match fault {
        "stale" if WRITES.contains(&operation) => Some("a write reads nothing"),
        "stale" if call.starts_with("dynamodb:") => Some("it is asked for a consistent read"),
        "stale" if !LAGGING.contains(&operation) => {
            Some("what it reads never changes, or an older answer is no other fault")
        }
        "late effect" if !WRITES.contains(&operation) => Some("a read has no effect"),
        _ => None,
    }
}

/// How often each call met each fault.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<(String, &'static str), u64>);

impl Coverage {
    /// Counts the faults that calls met. Attempts of one SDK call count once.
    pub fn count(&mut self, calls: &[CallRecord]) {
        for record in calls.iter().filter(|record| record.call.attempt == 1) {
            if let Some(fault) = name(record.fault) {
                let call = format!("{}:{}", record.call.service, record.call.operation);
                *self.0.entry((call, fault)).or_default() += 1;
            }
        }
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (cell, count) in &other.0 {
            *self.0.entry(cell.clone()).or_default() += count;
        }
    }

    fn hits(&self, call: &str, fault: &'static str) -> u64 {
        self.0.get(&(call.to_owned(), fault)).copied().unwrap_or_default()
    }

    /// Cells of the table that can be hit and were not.
    pub fn missing(&self) -> Vec<String> {
        let cells = CALLS.iter().flat_map(|call| FAULTS.iter().map(move |fault| (*call, *fault)));
        let missing = cells.filter(|(call, fault)| impossible(call, fault).is_none() && self.hits(call, fault) == 0);
        missing.map(|(call, fault)| format!("{call} x {fault}")).collect()
    }

    /// Calls that met faults and are not in the table.
    pub fn unknown(&self) -> Vec<&str> {
        let mut unknown: Vec<&str> = self.0.keys().map(|(call, _)| call.as_str()).collect();
        unknown.retain(|call| !CALLS.contains(call));
        unknown.dedup();
        unknown
    }

    /// The table; a dash where a fault cannot be.
    pub fn table(&self) -> String {
        let mut text = format!("{:<32}", "");
        for fault in FAULTS {
            let _ = write!(text, "{:>10}", fault.split(' ').next().unwrap_or_default());
        }
        let _ = write!(text, "\n{:<32}", "");
        for fault in FAULTS {
            let _ = write!(text, "{:>10}", fault.split_once(' ').map_or("", |(_, rest)| rest));
        }
        for call in CALLS {
            let _ = write!(text, "\n{call:<32}");
            for fault in FAULTS {
                let cell = match (impossible(call, fault), self.hits(call, fault)) {
                    (Some(_), 0) => "-".to_owned(),
                    (_, hits) => hits.to_string(),
                };
                let _ = write!(text, "{cell:>10}");
            }
        }
        text
    }
}
