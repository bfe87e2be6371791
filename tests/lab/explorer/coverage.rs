//! Which call met which fault, how often; and which cannot.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::SignedDuration;

use crate::account::CallRecord;
use crate::faults::Fault;
use crate::steward;

/// Every call that `deploy` makes, as `service:Operation`.
pub const OF_DEPLOY: &[&str] = &[
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
    "ecs:StopServiceDeployment",
    "ecr:DescribeImages",
    "sns:Publish",
    "events:PutEvents",
    "sqs:SendMessage",
];

/// Every call that `heal` makes.
pub const OF_HEAL: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:PutItem",
    "ecs:DescribeServices",
    "ecs:DescribeTasks",
    "ecs:ListTasks",
    "ecs:ListServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeTaskDefinition",
    "ecr:DescribeImages",
    "logs:GetLogEvents",
    "sns:Publish",
    "events:PutEvents",
    "scheduler:CreateSchedule",
    "sqs:SendMessage",
];

/// Every call that `migrate` makes.
pub const OF_MIGRATE: &[&str] = &[
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "ecs:DescribeServices",
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeTaskDefinition",
    "ecs:RegisterTaskDefinition",
    "ecs:RunTask",
    "ecs:DescribeTasks",
    "ecs:ListTasks",
    "ecs:StopTask",
    "ecs:ContinueServiceDeployment",
    "logs:GetLogEvents",
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBClusterSnapshots",
    "sns:Publish",
    "events:PutEvents",
    "scheduler:CreateSchedule",
    "sqs:SendMessage",
];

/// Every call that `snapshot` makes.
pub const OF_SNAPSHOT: &[&str] = &[
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeAccountAttributes",
    "rds:CreateDBSnapshot",
    "rds:CreateDBClusterSnapshot",
    "rds:DeleteDBSnapshot",
    "rds:DeleteDBClusterSnapshot",
    "rds:CopyDBSnapshot",
    "rds:CopyDBClusterSnapshot",
    "rds:ModifyDBSnapshotAttribute",
    "rds:ModifyDBClusterSnapshotAttribute",
    "kms:DescribeKey",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "sns:Publish",
    "events:PutEvents",
    "scheduler:CreateSchedule",
    "sqs:SendMessage",
];

/// The functions, and the calls of each.
pub const FUNCTIONS: [(&str, &[&str]); 4] =
    [("deploy", OF_DEPLOY), ("heal", OF_HEAL), ("snapshot", OF_SNAPSHOT), ("migrate", OF_MIGRATE)];

/// Every fault, by its name.
pub const FAULTS: [&str; 11] = [
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
    "entries failed",
];

/// Reads that AWS does not promise to be consistent with the last write.
const LAGGING: [&str; 7] = [
    "GetResources",
    "DescribeServices",
    "DescribeImages",
    "DescribeDBInstances",
    "DescribeDBClusters",
    "DescribeDBSnapshots",
    "DescribeDBClusterSnapshots",
];
/// Reads that may not know a task that was just started; only `migrate` reads what it has started.
pub const OF_TASKS: [&str; 2] = ["DescribeTasks", "ListTasks"];
const WRITES: [&str; 19] = [
    "PutItem",
    "ContinueServiceDeployment",
    "RunTask",
    "StopTask",
    "RegisterTaskDefinition",
    "UpdateService",
    "StopServiceDeployment",
    "Publish",
    "PutEvents",
    "CreateSchedule",
    "SendMessage",
    "CreateDBSnapshot",
    "CreateDBClusterSnapshot",
    "DeleteDBSnapshot",
    "DeleteDBClusterSnapshot",
    "CopyDBSnapshot",
    "CopyDBClusterSnapshot",
    "ModifyDBSnapshotAttribute",
    "ModifyDBClusterSnapshotAttribute",
];

/// The name of a fault in the table; `None` for none.
pub fn name(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Ok | Fault::Refused(..) => return None,
        Fault::EntriesFailed => "entries failed",
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
    if operation == "PutEvents" {
        faults.push(Fault::EntriesFailed);
    }
    faults
}

/// Why a call of a function cannot meet a fault; `None` when it can.
pub fn impossible(function: &str, call: &str, fault: &str) -> Option<&'static str> {
    let operation = call.split(':').next_back().unwrap_or_default();
    match fault {
        "stale" if WRITES.contains(&operation) => Some("a write reads nothing"),
        "stale" if call.starts_with("dynamodb:") => Some("it is asked for a consistent read"),
        "stale" if function == "migrate" && operation == "DescribeTasks" => None,
        "stale" if !LAGGING.contains(&operation) => {
            Some("what it reads never changes, or an older answer is no other fault")
        }
        "stale" if function == "heal" && call.starts_with("ecr:") => {
            Some("heal asks for images when their push is minutes old")
        }
        "late effect" if !WRITES.contains(&operation) => Some("a read has no effect"),
        "entries failed" if operation != "PutEvents" => Some("only PutEvents answers 200 to what failed"),
        _ => None,
    }
}

/// The function that makes a call, by what it signs with.
fn function(record: &CallRecord) -> &'static str {
    let is_of = |function: &str| record.call.caller.contains(function);
    match () {
        () if is_of(steward::HEAL) => "heal",
        () if is_of(steward::SNAPSHOT) => "snapshot",
        () if is_of(steward::MIGRATE) => "migrate",
        () => "deploy",
    }
}

/// How often each call of each function met each fault.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<(&'static str, String, &'static str), u64>);

impl Coverage {
    /// Counts the faults that calls met. Attempts of one SDK call count once.
    pub fn count(&mut self, calls: &[CallRecord]) {
        for record in calls.iter().filter(|record| record.call.attempt == 1) {
            if let Some(fault) = name(record.fault) {
                let call = format!("{}:{}", record.call.service, record.call.operation);
                *self.0.entry((function(record), call, fault)).or_default() += 1;
            }
        }
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (cell, count) in &other.0 {
            *self.0.entry(cell.clone()).or_default() += count;
        }
    }

    fn hits(&self, function: &'static str, call: &str, fault: &'static str) -> u64 {
        self.0.get(&(function, call.to_owned(), fault)).copied().unwrap_or_default()
    }

    /// Cells of the tables that can be hit and were not.
    pub fn missing(&self) -> Vec<String> {
        let missing = cells().filter(|(function, call, fault)| {
            impossible(function, call, fault).is_none() && self.hits(function, call, fault) == 0
        });
        missing.map(|(function, call, fault)| format!("{function} {call} x {fault}")).collect()
    }

    /// Calls that met faults and are in no table.
    pub fn unknown(&self) -> Vec<String> {
        let is_known = |function: &str, call: &str| {
            FUNCTIONS.iter().any(|(name, calls)| *name == function && calls.contains(&call))
        };
        let unknown = self.0.keys().filter(|(function, call, _)| !is_known(function, call));
        let mut unknown: Vec<String> = unknown.map(|(function, call, _)| format!("{function} {call}")).collect();
        unknown.dedup();
        unknown
    }

    /// The tables; a dash where a fault cannot be.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (function, calls) in FUNCTIONS {
            let _ = write!(text, "{function:<32}");
            for fault in FAULTS {
                let _ = write!(text, "{:>10}", fault.split(' ').next().unwrap_or_default());
            }
            let _ = write!(text, "\n{:<32}", "");
            for fault in FAULTS {
                let _ = write!(text, "{:>10}", fault.split_once(' ').map_or("", |(_, rest)| rest));
            }
            for call in calls {
                let _ = write!(text, "\n{call:<32}");
                for fault in FAULTS {
                    let cell = match (impossible(function, call, fault), self.hits(function, call, fault)) {
                        (Some(_), 0) => "-".to_owned(),
                        (_, hits) => hits.to_string(),
                    };
                    let _ = write!(text, "{cell:>10}");
                }
            }
            text.push_str("\n\n");
        }
        text.trim_end().to_owned()
    }
}

/// Every cell of the tables: function, call, fault.
pub fn cells() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let calls = FUNCTIONS.into_iter().flat_map(|(function, calls)| calls.iter().map(move |call| (function, *call)));
    calls.flat_map(|(function, call)| FAULTS.into_iter().map(move |fault| (function, call, fault)))
}
