//! What stands in the place of `migrate`: itself, or a design that is known to be wrong. Each must be found.
//!
//! The wrong designs are small on purpose: they ask for no restore point and no plan, tell nobody anything, and each has one
//! flaw. Beside them stands the same design without one: what is found in it is a mistake of the scene.

use std::fmt::Display;

use aws_sdk_ecs::types::{
    AwsVpcConfiguration, ContainerOverride, KeyValuePair, LaunchType, NetworkConfiguration, Task, TaskOverride,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::aws::Clients;
use shared::bus::Bus;
use shared::event::steward::{MigrationEnded, OwnEvent};
use shared::migration::{RunId, RunState, rollout_key};
use shared::state::{Key, Table, Versioned};
use shared::task_definition;

use super::super::properties::Property;
use super::super::scene::CLUSTER;
use super::scene::{DATABASE, SECRET};
use crate::account::Account;
use crate::function::{Function, FunctionError, InProcess, Invocation};
use crate::steward;
use crate::template::FunctionSpec;

/// How long a task may take.
const TIMEOUT: SignedDuration = SignedDuration::from_mins(20);
/// How long a lock with a lease is held.
const LEASE: SignedDuration = SignedDuration::from_mins(10);

/// A design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// The real one.
    Migrate,
    /// The small one without a flaw.
    Sound,
    /// Trusts in the client token alone: no item says that a run has begun.
    TokenOnly,
    /// Takes an exit code that is not there for 0.
    MissingIsGood,
    /// Gives a task up at its deadline, and does not stop it.
    DoesNotStop,
    /// The lock runs out by itself.
    Lease,
    /// Hands the environment over in the overrides.
    Environment,
}

impl Design {
    /// The wrong ones.
    pub const WRONG: [Self; 5] =
        [Self::TokenOnly, Self::MissingIsGood, Self::DoesNotStop, Self::Lease, Self::Environment];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Sound => "small, and without a flaw",
            Self::TokenOnly => "client token as the only guard",
            Self::MissingIsGood => "a missing exit code is success",
            Self::DoesNotStop => "given up at the deadline, and not stopped",
            Self::Lease => "a lock with a lease",
            Self::Environment => "environment in overrides",
        }
    }

    /// The scene in which it fails, and what it breaks there.
    pub fn breaks(self) -> (&'static str, Property) {
        match self {
            Self::Migrate | Self::Sound | Self::TokenOnly => ("migrate-again", Property::TaskTwice),
            Self::MissingIsGood => ("migrate-gone", Property::Unproven),
            Self::DoesNotStop => ("migrate-hangs", Property::Unlocked),
            Self::Lease => ("migrate-two", Property::Overlap),
            Self::Environment => ("migrate-push", Property::Secret),
        }
    }

    /// The design as a function of the world. Beside it stand the real ones.
    pub(super) fn function(self, account: &Account, spec: &FunctionSpec) -> Option<Box<dyn Function>> {
        if self == Self::Migrate || spec.id != steward::MIGRATE {
            return steward::function(account, spec);
        }
        let (inside, table) = (account.clone(), spec.environment.get("STEWARD_TABLE").cloned().unwrap_or_default());
        Some(Box::new(InProcess::new(account, move |invocation| {
            handle(self, inside.clone(), table.clone(), invocation)
        })))
    }
}

fn failed(error: impl Display) -> FunctionError {
    FunctionError::Reported { kind: "Failed".to_owned(), message: error.to_string() }
}

async fn handle(
    design: Design,
    account: Account,
    table: String,
    invocation: Invocation,
) -> Result<Value, FunctionError> {
    let body = invocation.payload["Records"][0]["body"].as_str().unwrap_or_default();
    let event: Value = serde_json::from_str(body).unwrap_or_default();
    let clients = steward::clients(&account);
    let table = Table::new(clients.dynamodb().clone(), table);
    let small = Small { design, now: account.clock().now(), bus: Bus::new(clients.events().clone()), clients, table };
    let detail = &event["detail"];
    match event["detail-type"].as_str() {
        Some("Migration Requested") => {
            small.begin(detail["rollout"].as_str().unwrap_or_default(), &detail["service"]).await?;
        }
        Some("ECS Task State Change") => {
            let run = detail["startedBy"].as_str().and_then(|by| by.split('/').nth(2)).unwrap_or_default();
            small.attend(run).await?;
        }
        Some("Sweep") => {
            for run in small.get(&open()).await?.item.as_array().into_iter().flatten() {
                small.attend(run.as_str().unwrap_or_default()).await?;
            }
        }
        _ => {}
    }
    Ok(json!({ "batchItemFailures": [] }))
}

fn open() -> Key {
    Key::new("MIGRATE", "OPEN")
}

fn of_run(run: &str) -> Key {
    Key::new(format!("RUN#{run}"), "META")
}

struct Small {
    design: Design,
    now: Timestamp,
    clients: Clients,
    table: Table,
    bus: Bus,
}

impl Small {
    async fn get(&self, key: &Key) -> Result<Versioned<Value>, FunctionError> {
        self.table.get(key).await.map_err(failed)
    }

    async fn put(&self, key: &Key, mut held: Versioned<Value>, item: Value) -> Result<(), FunctionError> {
        held.item = item;
        self.table.put(key, &mut held, None).await.map_err(failed)
    }

    fn in_time(&self, time: SignedDuration) -> String {
        (self.now + time).to_string()
    }

    fn is_past(&self, time: &Value) -> bool {
        time.as_str().and_then(|time| time.parse::<Timestamp>().ok()).is_some_and(|time| time <= self.now)
    }

    async fn begin(&self, run: &str, service: &Value) -> Result<(), FunctionError> {
        let held = self.get(&of_run(run)).await?;
        if !held.item.is_null() && self.design != Design::TokenOnly {
            return self.attend(run).await;
        }
        let arn: ServiceArn = service.as_str().unwrap_or_default().parse().map_err(failed)?;
        let awaits = self.get(&rollout_key(&arn)).await?.item["awaits"].take();
        let runs = self.get(&open()).await?;
        let mut all: Vec<Value> = runs.item.as_array().cloned().unwrap_or_default();
        if !all.contains(&json!(run)) {
            all.push(json!(run));
            self.put(&open(), runs, json!(all)).await?;
        }
        // deploy has forgotten what it waited for: what was run before is run again.
        if awaits.is_null() {
            let mut former = held.item.clone();
            (former["state"], former["task"]) = (json!("waiting"), Value::Null);
            self.put(&of_run(run), held, former).await?;
            return self.attend(run).await;
        }
        let text = |name: &str| awaits[name].as_str().unwrap_or_default();
        let base: TaskDefinitionArn = text("base").parse().map_err(failed)?;
        let base = task_definition::describe(self.clients.ecs(), &base).await.map_err(failed)?;
        let family = format!("steward-migrate-{}", base.family());
        let body = base.for_job(&family, text("container"), text("reference"));
        task_definition::register(self.clients.ecs(), &body).await.map_err(failed)?;
        let begun = json!({
            "state": "waiting", "reason": "", "asked": awaits["since"], "service": arn.to_string(), "family": family,
            "container": awaits["container"], "image": awaits["reference"],
        });
        self.put(&of_run(run), held, begun).await?;
        self.attend(run).await
    }

    async fn attend(&self, run: &str) -> Result<(), FunctionError> {
        let mut held = self.get(&of_run(run)).await?;
        if held.item["state"] == "waiting" {
            let key = Key::new(format!("DATABASE#{DATABASE}"), "LOCK");
            let lock = self.get(&key).await?;
            let ran_out = self.design == Design::Lease && self.is_past(&lock.item["until"]);
            if !lock.item["holder"].is_null() && lock.item["holder"] != run && !ran_out {
                return Ok(());
            }
            self.put(&key, lock, json!({"holder": run, "until": self.in_time(LEASE)})).await?;
            let mut item = held.item.clone();
            item["state"] = json!("migrating");
            item["deadline"] = json!(self.in_time(TIMEOUT));
            self.put(&of_run(run), held, item).await?;
            held = self.get(&of_run(run)).await?;
        }
        if held.item["state"] != "migrating" {
            return Ok(());
        }
        if held.item["task"].is_null() {
            let mut item = held.item.clone();
            item["task"] = json!(self.start(run, &held.item).await?);
            self.put(&of_run(run), held, item).await?;
            held = self.get(&of_run(run)).await?;
        }
        let arn = held.item["task"].as_str().unwrap_or_default();
        let described = self.clients.ecs().describe_tasks().cluster(CLUSTER).tasks(arn).send().await.map_err(failed)?;
        let Some(task) = described.tasks().first() else { return Ok(()) };
        let is_late = self.is_past(&held.item["deadline"]);
        if task.last_status() == Some("STOPPED") {
            self.end(run, held, self.is_good(task)).await
        } else if is_late && self.design == Design::DoesNotStop {
            self.end(run, held, false).await
        } else if is_late {
            self.clients.ecs().stop_task().cluster(CLUSTER).task(arn).send().await.map(drop).map_err(failed)
        } else {
            Ok(())
        }
    }

    async fn start(&self, run: &str, item: &Value) -> Result<String, FunctionError> {
        let mut container =
            ContainerOverride::builder().name(item["container"].as_str().unwrap_or_default()).command("bin/migrate");
        if self.design == Design::Environment {
            container = container.environment(KeyValuePair::builder().name("DATABASE_URL").value(SECRET).build());
        }
        let vpc = AwsVpcConfiguration::builder().subnets("subnet-1").build().map_err(failed)?;
        let request = self.clients.ecs().run_task().cluster(CLUSTER).launch_type(LaunchType::Fargate);
        let request = request.task_definition(item["family"].as_str().unwrap_or_default());
        let request = request.client_token(run).started_by(format!("steward/m/{run}/m1"));
        let request = request.network_configuration(NetworkConfiguration::builder().awsvpc_configuration(vpc).build());
        let request = request.overrides(TaskOverride::builder().container_overrides(container.build()).build());
        let answer = request.send().await.map_err(failed)?;
        let task = answer.tasks().first().and_then(Task::task_arn);
        task.map(str::to_owned).ok_or_else(|| failed("no task was placed"))
    }

    fn is_good(&self, task: &Task) -> bool {
        let code = task.containers().first().and_then(aws_sdk_ecs::types::Container::exit_code);
        code.map_or(self.design == Design::MissingIsGood, |code| code == 0)
    }

    async fn end(&self, run: &str, held: Versioned<Value>, is_good: bool) -> Result<(), FunctionError> {
        let key = Key::new(format!("DATABASE#{DATABASE}"), "LOCK");
        let lock = self.get(&key).await?;
        if lock.item["holder"] == run {
            self.put(&key, lock, json!({"holder": null})).await?;
        }
        let mut item = held.item.clone();
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let ended = MigrationEnded {
            run: run.parse::<RunId>().map_err(failed)?,
            service: text("service").parse().map_err(failed)?,
            image: text("image"),
            database: DATABASE.to_owned(),
            state: if is_good { RunState::Migrated } else { RunState::Failed },
            reason: "it ended".to_owned(),
        };
        item["state"] = json!(ended.state.as_str());
        self.put(&of_run(run), held, item).await?;
        let said = if is_good { OwnEvent::MigrationSucceeded(ended) } else { OwnEvent::MigrationFailed(ended) };
        self.bus.put(&said).await.map_err(failed)
    }
}
