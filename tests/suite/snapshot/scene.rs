//! Scenes for `snapshot`: what there is of backups, what was called, and what people and requesters were told.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use lab::account::CallRecord;
use lab::fifo::Outgoing;
use lab::rds::{RdsRegion, SnapshotSeen};
use lab::steward::SNAPSHOT;
use serde_json::{Value, json};

use crate::support::Stack;

/// The region that copies go to.
pub(crate) const FAR: &str = "eu-central-1";

/// An alert of `snapshot`.
#[derive(Debug, Clone)]
pub(crate) struct Alert {
    pub(crate) kind: String,
    pub(crate) severity: String,
    pub(crate) title: String,
    pub(crate) message: String,
}

impl Stack {
    /// A stack in which `snapshot` looks at everything each quarter of an hour.
    pub(crate) fn backups(parameters: &[(&str, &str)]) -> Self {
        let mut stack = Self::with(parameters);
        assert!(stack.world.switch_schedule("SnapshotSweepSchedule", true));
        stack
    }

    /// RDS of the stack's own region.
    pub(crate) fn rds(&self) -> RdsRegion {
        self.account.rds()
    }

    /// RDS of the region that copies go to.
    pub(crate) fn far(&self) -> RdsRegion {
        self.account.rds_in(FAR)
    }

    /// Makes a DB instance with a policy.
    pub(crate) fn instance(&self, id: &str, policy: &str) -> String {
        self.rds().instance(id).tag("steward:snapshot", policy).create()
    }

    /// Lets time pass until then.
    pub(crate) async fn until(&mut self, time: &str) {
        self.world.run_until(time.parse().unwrap()).await.unwrap();
    }

    /// Lets days pass.
    pub(crate) async fn days(&mut self, days: i64) {
        self.world.run_for(SignedDuration::from_hours(24 * days)).await.unwrap();
    }

    /// Looks at everything now, beside the schedule.
    pub(crate) async fn tick(&mut self) {
        let mut sweep: Value = serde_json::from_str(include_str!("../../../events/sweep.json")).unwrap();
        sweep["id"] = format!("tick-{}-{}", self.world.now().as_nanosecond(), self.calls().len()).into();
        sweep["time"] = self.world.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        self.send_snapshot(&sweep.to_string());
        self.world.run_for(SignedDuration::from_secs(1)).await.unwrap();
    }

    /// A tick a day, and time for what it starts.
    pub(crate) async fn daily_ticks(&mut self, days: usize) {
        for _ in 0..days {
            let next = self.world.now() + SignedDuration::from_hours(24);
            self.tick().await;
            self.world.run_until(next).await.unwrap();
        }
    }

    /// Sends a message straight to `snapshot`'s queue.
    pub(crate) fn send_snapshot(&mut self, body: &str) {
        let queue = self.world.queue("SnapshotQueue").unwrap().name.clone();
        let message = Outgoing { body: body.to_owned(), group: Some("snapshot".into()), ..Outgoing::default() };
        self.world.queues().send(&queue, self.world.now(), message).unwrap().unwrap();
    }

    /// Asks for a snapshot, on the bus.
    pub(crate) fn request(&mut self, database: &str, request: &str) {
        self.say("Snapshot Requested", &json!({ "database": database, "request": request }));
    }

    /// Snapshots that `snapshot` made, by their names, of a database here; the oldest first.
    pub(crate) fn ours(&self, database: &str) -> Vec<SnapshotSeen> {
        ours_in(&self.rds(), database)
    }

    /// Copies of them in the other region.
    pub(crate) fn copies(&self, database: &str) -> Vec<SnapshotSeen> {
        ours_in(&self.far(), database)
    }

    /// The slots of a database that have a snapshot, with its status.
    pub(crate) fn slots(&self, database: &str) -> Vec<String> {
        let slot = |seen: &SnapshotSeen| Some(format!("{} {}", seen.tags.get("steward:slot")?, seen.status));
        self.ours(database).iter().filter_map(slot).collect()
    }

    /// Identifiers of everything in a region.
    pub(crate) fn names(region: &RdsRegion) -> BTreeSet<String> {
        region.snapshots().into_iter().map(|seen| seen.id).collect()
    }

    /// Every call of `snapshot` since `from` calls had been made.
    pub(crate) fn calls_of_snapshot(&self, from: usize) -> Vec<CallRecord> {
        self.calls_of(SNAPSHOT, from)
    }

    /// Calls of `snapshot` that change anything in RDS, by their operation.
    pub(crate) fn rds_writes(&self, operation: &str) -> Vec<CallRecord> {
        let of_rds = |record: &CallRecord| record.call.service == "rds" && record.call.operation.starts_with(operation);
        self.calls_of_snapshot(0).into_iter().filter(of_rds).collect()
    }

    /// Names of the snapshots that `snapshot` has deleted.
    pub(crate) fn deleted(&self) -> Vec<String> {
        let name = |record: CallRecord| {
            let input = record.call.input;
            let name = input.get("DBSnapshotIdentifier").or_else(|| input.get("DBClusterSnapshotIdentifier"));
            name.and_then(Value::as_str).unwrap().to_owned()
        };
        self.rds_writes("Delete").into_iter().filter(|record| record.error.is_none()).map(name).collect()
    }

    /// What `snapshot` told people, oldest first.
    pub(crate) fn told_of_backups(&self) -> Vec<Alert> {
        let alert = |alert: lab::sns::Published| Alert {
            kind: alert.attributes["kind"].clone(),
            severity: alert.attributes["severity"].clone(),
            title: alert.subject.clone().unwrap_or_default(),
            message: alert.message,
        };
        self.alerts_by("snapshot").into_iter().map(alert).collect()
    }

    /// The kinds of what it told.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.told_of_backups().into_iter().map(|alert| alert.kind).collect()
    }

    /// What requesters were answered: `TYPE REQUEST`, and the whole of it.
    pub(crate) fn answers(&self) -> Vec<(String, Value)> {
        let sent = self.calls_of_snapshot(0).into_iter();
        let sent = sent.filter(|record| record.call.operation == "PutEvents" && record.error.is_none());
        let answer = |entry: &Value| {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            (format!("{} {}", entry["DetailType"].as_str().unwrap(), detail["request"].as_str().unwrap()), detail)
        };
        sent.flat_map(|record| record.call.input["Entries"].as_array().unwrap().iter().map(answer).collect::<Vec<_>>())
            .collect()
    }

    /// What `snapshot` remembers of a database.
    pub(crate) fn memory(&self, database: &str) -> Value {
        let ours = self.ours(database);
        let resource = &ours.last().unwrap().tags["steward:resource"];
        self.kept(&format!("DATABASE#{resource}"), "SNAPSHOTS")
    }

    /// What a look at everything answers in a dry run, past all queues.
    pub(crate) async fn report_of_a_dry_run(&self) -> Value {
        let mut spec = self.world.template().function(SNAPSHOT).unwrap().clone();
        spec.environment.insert("STEWARD_DRY_RUN".to_owned(), "true".to_owned());
        let spec = &spec;
        let mut function = lab::steward::host::<snapshot::Snapshot>(&self.account, spec);
        let payload = serde_json::from_str(include_str!("../../../events/sweep.json")).unwrap();
        let deadline = self.world.now() + spec.timeout;
        let invocation = lab::function::Invocation { id: "1".into(), payload, timeout: spec.timeout, deadline };
        function.invoke(invocation).await.unwrap()
    }

    /// How many messages `snapshot` gave up on.
    pub(crate) fn dead_of_snapshot(&self) -> usize {
        self.world.queues().messages(&self.world.queue("SnapshotDeadLetterQueue").unwrap().name).len()
    }

    /// Times at which `snapshot` was invoked, in whole minutes since the first.
    pub(crate) fn woken(&self) -> Vec<i64> {
        let times: Vec<_> = self.world.invoked().iter().filter(|it| it.function == SNAPSHOT).map(|it| it.at).collect();
        times.iter().map(|at| at.duration_since(times[0]).as_mins()).collect()
    }
}

fn ours_in(region: &RdsRegion, database: &str) -> Vec<SnapshotSeen> {
    let is_ours = |seen: &SnapshotSeen| {
        seen.id.starts_with("steward-")
            && seen.tags.contains_key("steward:started")
            && seen.tags.get("steward:database").is_some_and(|of| of == database)
    };
    let mut ours: Vec<_> = region.snapshots().into_iter().filter(is_ours).collect();
    ours.sort_by_key(|seen| (seen.tags["steward:started"].clone(), seen.id.clone()));
    ours
}
