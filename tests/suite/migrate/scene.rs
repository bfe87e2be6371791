//! Scenes for `migrate`: services with a database whose schema is known, and a look at it all every few seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use jiff::SignedDuration;
use lab::account::CallRecord;
use lab::ecs::{Command, Job, ServiceSetup, SimulatedSchema};
use lab::fifo::Outgoing;
use lab::steward::MIGRATE as FUNCTION;
use serde_json::{Value, json};

use crate::support::{Stack, arn, text};

/// Log group of the services of these scenes.
pub(crate) const LOGS: &str = "/shop";
/// A container that migrates.
pub(crate) const MIGRATE: &[(&str, &str)] = &[("steward.migrate", "bin/migrate")];
/// A container that says before and after whether something is pending.
pub(crate) const PLANNED: &[(&str, &str)] = &[("steward.migrate", "bin/migrate"), ("steward.migrate-plan", "bin/plan")];
/// How far apart the looks are that a scene takes while time passes, in seconds.
const LOOK: i64 = 5;

/// A stack, the schema of the one database that its services share, and those services. `bin/migrate` brings the schema to
/// what the image needs, `bin/plan` says whether it is there.
pub(crate) struct Scene {
    stack: Stack,
    pub(crate) schema: SimulatedSchema,
    services: BTreeSet<String>,
}

impl Deref for Scene {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.stack
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Stack {
        &mut self.stack
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(parameters: &[(&str, &str)]) -> Self {
        let (stack, schema) = (Stack::with(parameters), SimulatedSchema::at(1));
        stack.account.script_command(Command::exactly(&["bin/migrate"]), Job::migrates(&schema));
        stack.account.script_command(Command::exactly(&["bin/plan"]), Job::plans(&schema));
        Self { stack, schema, services: BTreeSet::new() }
    }

    /// With the sweeps of `deploy` and `migrate` switched on. Without them, events and deadlines alone move everything.
    pub(crate) fn swept(mut self) -> Self {
        for schedule in ["DeploySweepSchedule", "MigrateSweepSchedule"] {
            assert!(self.world.switch_schedule(schedule, true));
        }
        self
    }

    /// With the database `shop-db`, of which snapshots may be asked for.
    pub(crate) fn with_database(self) -> Self {
        self.account.rds().instance("shop-db").tag("steward:snapshot", "on-request").create();
        self
    }

    /// A service of two tasks that follows `NAME:latest` and migrates as the docker labels say. Answers the digest of its
    /// first version, which needs version 1 of the schema.
    pub(crate) async fn service(&mut self, name: &str, labels: &[(&str, &str)], tags: &[(&str, &str)]) -> String {
        self.service_as(name, labels, tags, |setup| setup).await
    }

    /// The same, with more said about it.
    pub(crate) async fn service_as(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        tags: &[(&str, &str)],
        more: impl FnOnce(ServiceSetup) -> ServiceSetup,
    ) -> String {
        let digest = self.ship(name, 1);
        // Its event comes before there is a service that it could concern.
        self.world.run_for(SignedDuration::from_secs(1)).await.unwrap();
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let vpc =
            json!({ "subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-db"], "assignPublicIp": "DISABLED" });
        let setup = self.account.service("shop", name).image(&format!("{name}:latest")).logs(LOGS, name);
        let setup = setup.container_member("dockerLabels", json!(labels)).desired(2).breaker(true);
        let setup = setup.with("networkConfiguration", json!({ "awsvpcConfiguration": vpc }));
        let setup = setup.tag("steward:deploy", "follow").tag("steward:migrate", name);
        let setup = tags.iter().fold(setup, |setup, (key, value)| setup.tag(key, value));
        more(setup).create().unwrap();
        self.services.insert(name.to_owned());
        self.minutes(20).await;
        digest
    }

    /// Pushes a version of `NAME:latest`, which needs that version of the schema. Answers its digest.
    pub(crate) fn ship(&self, name: &str, version: u32) -> String {
        self.ship_as(name, "latest", version)
    }

    /// The same under another tag.
    pub(crate) fn ship_as(&self, name: &str, tag: &str, version: u32) -> String {
        let digest = self.account.push(name, &[tag], format!("{name} {version}").as_str()).unwrap();
        self.schema.needs(&digest, version);
        digest
    }

    /// From now on `bin/migrate` does this.
    pub(crate) fn migration(&self, job: Job) {
        self.account.script_command(Command::exactly(&["bin/migrate"]), job);
    }

    /// From now on `bin/plan` does this.
    pub(crate) fn plan(&self, job: Job) {
        self.account.script_command(Command::exactly(&["bin/plan"]), job);
    }

    /// Lets minutes pass, and looks all the while.
    pub(crate) async fn minutes(&mut self, minutes: i64) {
        self.seconds(minutes * 60).await;
    }

    /// Lets seconds pass, and looks all the while.
    pub(crate) async fn seconds(&mut self, seconds: i64) {
        let end = self.world.now() + SignedDuration::from_secs(seconds);
        while self.world.now() < end {
            let next = (self.world.now() + SignedDuration::from_secs(LOOK)).min(end);
            self.world.run_until(next).await.unwrap();
            self.look();
        }
    }

    /// What must be true at every moment, whatever goes wrong.
    #[track_caller]
    fn look(&self) {
        let now = self.world.now();
        assert_eq!(self.schema.overlaps(), [], "two migrate one schema at {now}");
        let mut at_work = BTreeSet::new();
        for task in self.tasks().iter().filter(|task| task["lastStatus"] != "STOPPED") {
            let run = text(&task["startedBy"]).split('/').nth(2).unwrap().to_owned();
            let lock = text(&self.run(&run)["frozen"]["lock"]).to_owned();
            assert_eq!(self.lock(&lock)["holder"], run.as_str(), "a task lives without its lock at {now}");
            assert!(at_work.insert(lock), "two tasks at work on one database at {now}");
        }
        for (name, digest) in
            self.services.iter().flat_map(|name| self.running(name).into_iter().map(move |d| (name, d)))
        {
            assert!(self.schema.satisfies(&digest), "{name} runs {digest} on a schema that was not migrated at {now}");
        }
    }

    /// Every task that `migrate` started and ECS still knows, as ECS describes it.
    pub(crate) fn tasks(&self) -> Vec<Value> {
        let list = |name: &String, status: &str| {
            let input =
                json!({ "cluster": "shop", "family": format!("steward-migrate-{name}"), "desiredStatus": status });
            self.account.ecs("ListTasks", input).unwrap()["taskArns"].as_array().unwrap().clone()
        };
        let both = |name| [list(name, "RUNNING"), list(name, "STOPPED")].concat();
        let arns: Vec<Value> = self.services.iter().flat_map(both).collect();
        let describe = |arns: &[Value]| {
            let described = self.account.ecs("DescribeTasks", json!({ "cluster": "shop", "tasks": arns })).unwrap();
            described["tasks"].as_array().unwrap().clone()
        };
        let tasks = arns.chunks(100).flat_map(describe);
        tasks.filter(|task| text(&task["startedBy"]).starts_with("steward/m/")).collect()
    }

    /// Every run, the oldest first.
    pub(crate) fn runs(&self) -> Vec<Value> {
        let items = self.world.dynamodb().items(&self.world.template().tables[0].name);
        let runs = items.iter().filter(|item| text(&item["pk"]["S"]).starts_with("RUN#"));
        let mut runs: Vec<Value> = runs
            .map(|item| serde_json::from_str(text(&item["data"]["S"])).unwrap())
            .filter(|run: &Value| !run.is_null())
            .collect();
        runs.sort_by_key(|run| run["history"][0]["at"].to_string());
        runs
    }

    /// A run by its name.
    pub(crate) fn run(&self, id: &str) -> Value {
        self.kept(&format!("RUN#{id}"), "META")
    }

    /// Name of the only run.
    #[track_caller]
    pub(crate) fn only_run(&self) -> String {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:?}");
        text(&runs[0]["id"]).to_owned()
    }

    /// How the runs stand, the oldest first.
    pub(crate) fn states(&self) -> Vec<String> {
        self.runs().iter().map(|run| text(&run["state"]).to_owned()).collect()
    }

    /// The lock of a database.
    pub(crate) fn lock(&self, database: &str) -> Value {
        self.kept(&format!("DATABASE#{database}"), "LOCK")
    }

    /// The ledger of a database: image, state, whether it was declared compatible.
    pub(crate) fn ledger(&self, database: &str) -> Vec<(String, String, bool)> {
        let ledger = self.kept(&format!("DATABASE#{database}"), "LEDGER");
        let entries = ledger["entries"].as_array().cloned().unwrap_or_default().into_iter();
        let entry = |entry: Value| {
            let digest = text(&entry["reference"]).split_once('@').unwrap().1.to_owned();
            (digest, text(&entry["state"]).to_owned(), entry["compatible"] == true)
        };
        entries.map(entry).collect()
    }

    /// Calls of `migrate`.
    pub(crate) fn calls_of_migrate(&self, from: usize) -> Vec<CallRecord> {
        self.calls_of(FUNCTION, from)
    }

    /// `startedBy` of every task that was asked for, without what is the same in all, in order: `m1`.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        let by = |input: &Value| text(&input["startedBy"]).rsplit('/').next().unwrap().to_owned();
        self.inputs("RunTask").iter().map(by).collect()
    }

    /// What people were told by all functions since so many alerts: `FUNCTION KIND`.
    pub(crate) fn told_since(&self, from: usize) -> Vec<String> {
        let alerts = self.alerts().into_iter().skip(from);
        alerts.map(|alert| format!("{} {}", alert.attributes["function"], alert.attributes["kind"])).collect()
    }

    /// What `migrate` told, as kinds.
    pub(crate) fn told_of_migrations(&self) -> Vec<String> {
        self.alerts_by("migrate").iter().map(|alert| alert.attributes["kind"].clone()).collect()
    }

    /// The text of the last alert of `migrate`.
    #[track_caller]
    pub(crate) fn last_alert(&self) -> String {
        self.alerts_by("migrate").pop().unwrap().message
    }

    /// A person decides about a run.
    pub(crate) fn resolve(&mut self, run: &str, outcome: &str) {
        let detail =
            json!({ "run": run, "outcome": outcome, "why": "looked at the table of migrations", "resolved-by": "ana" });
        self.say("Migration Resolved", &detail);
    }

    /// A person asks for the migration of a service.
    pub(crate) fn ask(&mut self, service: &str, request: &str) {
        self.say("Migration Requested", &json!({ "service": arn(service), "request": request, "requested-by": "ana" }));
    }

    /// Sends a message straight to `migrate`'s queue.
    pub(crate) fn send_migrate(&mut self, body: &str) {
        let queue = self.world.queue("MigrateQueue").unwrap().name.clone();
        let message = Outgoing { body: body.to_owned(), group: Some("migrate".into()), ..Outgoing::default() };
        self.world.queues().send(&queue, self.world.now(), message).unwrap().unwrap();
    }

    /// How many messages `migrate` gave up on.
    pub(crate) fn dead_of_migrate(&self) -> usize {
        self.world.queues().messages(&self.world.queue("MigrateDeadLetterQueue").unwrap().name).len()
    }
}

/// A key and a value for `steward:database`.
pub(crate) const ON_SHOP_DB: (&str, &str) = ("steward:database", "shop-db");
