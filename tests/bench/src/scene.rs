//! Scenes: for each function, an account in which its typical event happens, again and again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use lab::account::Account;
use lab::clock::VirtualClock;
use lab::ecs::{self, Job, ServiceSetup, SimulatedSchema, StopCause};
use lab::fifo::Outgoing;
use lab::process::Process;
use lab::steward::{self, DEPLOY, HEAL, MIGRATE, SNAPSHOT};
use lab::template::Template;
use lab::wire::ApiError;
use lab::world::World;
use serde::Deserialize;
use serde_json::json;

use crate::certificate::Chain;
use crate::command::Command;
use crate::endpoint::Endpoint;
use crate::measured::{Measured, Sample};
use crate::{Result, Subject, Trust, now};

/// Long enough for a rollout, a migration or a snapshot to end, and for what is told of it.
const PATIENCE: SignedDuration = SignedDuration::from_mins(30);

/// Which scene.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A tag moves, and the one service that follows it is rolled.
    Deploy,
    /// A task of a service ends with an exit code that is told at once.
    Heal,
    /// A tag moves, and before its service is rolled its migration runs.
    Migrate,
    /// A look at everything, at which a database's snapshot is due.
    Snapshot,
}

impl Kind {
    /// Logical id of the function.
    fn function(self) -> &'static str {
        match self {
            Self::Deploy => DEPLOY,
            Self::Heal => HEAL,
            Self::Migrate => MIGRATE,
            Self::Snapshot => SNAPSHOT,
        }
    }
}

/// A world in which one subject is measured. Its process and endpoint end with it.
pub(crate) struct Scene {
    kind: Kind,
    world: World,
    schema: SimulatedSchema,
    samples: Rc<RefCell<Vec<Sample>>>,
    pushes: u32,
    command: Command,
    _endpoint: Endpoint,
}

impl Scene {
    /// The scene of `subject`, with nothing started yet.
    pub(crate) async fn set(subject: &Subject, template: &str, chain: &Chain, trust: &Trust) -> Result<Self> {
        let parameters = BTreeMap::from([("HealMode".to_owned(), "auto".to_owned())]);
        let template = Arc::new(Template::read(template, &parameters)?);
        let account = Account::new(VirtualClock::starting_at(now()?));
        let mut world = World::new(account.clone(), Arc::clone(&template));
        world.stop_schedules();
        let endpoint = Endpoint::start(&account, chain).await?;
        let schema = SimulatedSchema::at(1);
        let kind = subject.scene;
        populate(&account, kind, &schema)?;
        world.run_for(PATIENCE).await?;
        // What came of the setting-up is history: nobody was there to receive it.
        for queue in &template.queues {
            world.queues().with(&queue.name, lab::fifo::Queue::purge);
        }
        if kind == Kind::Migrate {
            let spec = template.function(DEPLOY).ok_or("no such function")?;
            world.attach(DEPLOY, steward::deploy(&account, spec));
        }
        let mut spec = template.function(kind.function()).ok_or("no such function")?.clone();
        spec.binary = subject.binary.display().to_string();
        let trusted =
            [("SSL_CERT_FILE", &trust.bundle), ("AWS_CA_BUNDLE", &trust.bundle), ("NODE_EXTRA_CA_CERTS", &trust.alone)];
        let mut variables: BTreeMap<_, _> = endpoint.variables().chain(subject.variables.clone()).collect();
        variables.extend(trusted.map(|(name, path)| (name.to_owned(), path.display().to_string())));
        // Every service has an address of its own; nothing may go to the one that is for all.
        let mut process = Process::new(&account, &spec, &subject.binary, "https://127.0.0.1:1");
        for (name, value) in &variables {
            process = process.with_variable(name, value);
        }
        let samples = Rc::<RefCell<Vec<Sample>>>::default();
        let measured = Measured {
            process,
            caller: spec.name.clone(),
            account,
            spent: endpoint.spent(),
            samples: Rc::clone(&samples),
            cpu: Duration::ZERO,
        };
        if subject.arguments.is_empty() {
            world.attach(kind.function(), Box::new(measured));
        }
        let command = Command { program: subject.binary.clone(), variables, spent: endpoint.spent() };
        Ok(Self { kind, world, schema, samples, pushes: 0, command, _endpoint: endpoint })
    }

    /// Runs the subject as a command of somebody who rolls the service by hand.
    pub(crate) async fn run(&mut self, arguments: &[String]) -> Result<Vec<Sample>> {
        let before = self.world.account().calls().len();
        let sample = self.command.run(arguments).await?;
        let calls = self.world.account().calls().into_iter().skip(before);
        let calls = calls.map(|record| format!("{}:{}", record.call.service, record.call.operation)).collect();
        Ok(vec![Sample { calls, ..sample }])
    }

    /// Lets the event happen once, and `again` times more: every invocation that came of it.
    pub(crate) async fn play(&mut self, again: u32) -> Result<Vec<Sample>> {
        for _ in 0..=again {
            self.happen()?;
            self.world.run_for(PATIENCE).await?;
        }
        let samples = std::mem::take(&mut *self.samples.borrow_mut());
        match samples.iter().find_map(|sample| sample.failed.clone()) {
            Some(failed) => Err(failed.into()),
            None if samples.is_empty() => Err("nothing was invoked".into()),
            None => Ok(samples),
        }
    }

    fn happen(&mut self) -> Result<()> {
        let account = self.world.account().clone();
        match self.kind {
            Kind::Deploy | Kind::Migrate => {
                self.pushes += 1;
                let digest = refused(account.push("api", &["latest"], format!("api {}", self.pushes).as_str()))?;
                self.schema.needs(&digest, self.pushes + 1);
            }
            Kind::Heal => {
                account.end_task("shop", "api", StopCause::Exit(139)).ok_or("no task runs")?;
            }
            Kind::Snapshot => {
                let mut sweep: serde_json::Value = serde_json::from_str(include_str!("../../../events/sweep.json"))?;
                let id = json!(format!("sweep-{}", self.world.now().as_nanosecond()));
                sweep.as_object_mut().ok_or("the event is no object")?.insert("id".to_owned(), id);
                let queue = self.world.queue("SnapshotQueue").ok_or("no such queue")?.name.clone();
                let message =
                    Outgoing { body: sweep.to_string(), group: Some("snapshot".into()), ..Outgoing::default() };
                self.world.queues().send(&queue, self.world.now(), message);
            }
        }
        Ok(())
    }
}

/// What there is before anything happens: a service of two tasks, or a database.
fn populate(account: &Account, kind: Kind, schema: &SimulatedSchema) -> Result<()> {
    if kind == Kind::Snapshot {
        account.rds().instance("shop").tag("steward:snapshot", "daily:7").create();
        return Ok(());
    }
    account.cluster("shop");
    let digest = refused(account.push("api", &["latest"], "api 0"))?;
    schema.needs(&digest, 1);
    let service = account.service("shop", "api").image("api:latest").logs("/shop", "api").desired(2).breaker(true);
    // ECS names them always; a deployer relies on it.
    let service = service.definition("volumes", json!([]));
    let service = match kind {
        Kind::Heal => service.tag("steward:heal", "auto"),
        Kind::Migrate => {
            account.script_command(ecs::Command::exactly(&["bin/migrate"]), Job::migrates(schema));
            migrating(service)
        }
        Kind::Deploy | Kind::Snapshot => service.tag("steward:deploy", "follow"),
    };
    refused(service.running())?;
    Ok(())
}

fn migrating(service: ServiceSetup) -> ServiceSetup {
    let vpc = json!({ "subnets": ["subnet-a"], "securityGroups": ["sg-db"], "assignPublicIp": "DISABLED" });
    service
        .container_member("dockerLabels", json!({ "steward.migrate": "bin/migrate" }))
        .with("networkConfiguration", json!({ "awsvpcConfiguration": vpc }))
        .tag("steward:deploy", "follow")
        .tag("steward:migrate", "api")
}

fn refused<T>(answer: std::result::Result<T, ApiError>) -> Result<T> {
    answer.map_err(|error| format!("{}: {}", error.code, error.message).into())
}
