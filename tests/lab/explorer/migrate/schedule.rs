//! One schedule of the chain: a scene played from its beginning to its end, with what goes wrong in it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::choices::{Choices, Kind, Shared};
use super::super::coverage;
use super::super::heal::schedule::take_away;
use super::super::makers::{Counted, Makers};
use super::super::scene::{CLUSTER, digest};
use super::super::schedule::{Played, sweep_event, trace};
use super::designs::Design;
use super::scene::{Scene, Step};
use super::watch::{Attended, Watch, Watched};
use crate::account::Account;
use crate::bus::Mishap;
use crate::clock::VirtualClock;
use crate::context::{ACCOUNT_ID, REGION};
use crate::ecs::{Command, Job, SimulatedSchema};
use crate::faults::Fault;
use crate::fifo::Outgoing;
use crate::steward;
use crate::template::Template;
use crate::wire::Call;
use crate::world::World;

/// Between two sweeps of `migrate`, as the template has it, in minutes; of `deploy` twice that.
const BETWEEN_SWEEPS: i64 = 5;
/// How much later the copy of an event comes, with an id of its own.
const COPY_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// How long an event is held back: younger ones overtake it.
const HELD_BACK: SignedDuration = SignedDuration::from_secs(90);
/// How long after a write a read may still not see it.
const STALENESS: SignedDuration = SignedDuration::from_secs(60);
/// What is said by one function to another, or by a person.
const SAID: [&str; 7] = [
    "Migration Resolved",
    "Migration Requested",
    "Migration Succeeded",
    "Migration Failed",
    "Snapshot Requested",
    "Snapshot Available",
    "Snapshot Failed",
];

/// What the judges need to know of a schedule, beside what every schedule has.
#[derive(Debug)]
pub struct Seen {
    /// Tasks and locks.
    pub watched: Watched,
    /// Who migrated the schema, and when.
    pub schema: SimulatedSchema,
}

/// When something was last written, for reads that lag.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    services: Timestamp,
    repositories: Timestamp,
    databases: Timestamp,
    tasks: Timestamp,
}

/// Plays `scene` with `design` in the place of `migrate`, beside the real `deploy` and `snapshot`. `seed` is that of the
/// SDK's jitter.
///
/// # Errors
/// The lab could not do what the scene says: a mistake in the scene or in the lab.
pub async fn play(
    template: &Arc<Template>,
    scene: &'static Scene,
    design: Design,
    choices: Choices,
    seed: u64,
    traced: bool,
) -> Result<(Played, Seen), String> {
    fastrand::seed(seed);
    let start = Timestamp::from_second(1_795_168_800).map_err(|error| error.to_string())?;
    let account = Account::new(VirtualClock::starting_at(start));
    let schema = scene.set_up(&account).map_err(|error| format!("{}: {}", error.code, error.message))?;
    // What the setting-up sent is history.
    account.take_events();
    let mut world = World::new(account.clone(), Arc::clone(template));
    let makers = Makers::default();
    let spec = template.function(steward::MIGRATE).ok_or("the template has no MigrateFunction")?;
    let table = spec.environment.get("STEWARD_TABLE").map(String::as_str).unwrap_or_default();
    let watch = Watch::new(&account, world.dynamodb(), table);
    let snapshot = scene.takes_snapshots().then_some(steward::SNAPSHOT);
    for id in [steward::DEPLOY, steward::MIGRATE].into_iter().chain(snapshot) {
        let spec = template.function(id).ok_or_else(|| format!("the template has no {id}"))?;
        let function = design.function(&account, spec).ok_or_else(|| format!("the lab cannot host {}", spec.binary))?;
        let function = Box::new(Counted::new(function, makers.clone()));
        world.attach(id, Box::new(Attended { function, watch: watch.clone() }));
    }
    world.stop_schedules();
    let trace = if traced { trace(&mut world) } else { Rc::default() };
    let past = |name| account.past_deployments(CLUSTER, name);
    let before: BTreeMap<_, _> =
        scene.services.iter().map(|service| (service.name, past(service.name).len())).collect();
    let calls_before = account.calls().len();
    let mut stage = Stage {
        world,
        choices: Shared::new(choices),
        makers,
        watch,
        schema: schema.clone(),
        written: Arc::default(),
        heard: Arc::default(),
        has_snapshot: snapshot.is_some(),
        minutes: 0,
        sent: 0,
    };
    stage.play(scene).await?;

    let Stage { world, choices, makers, watch, .. } = stage;
    let queue = |id: &str| world.queue(id).map(|queue| world.queues().messages(&queue.name)).unwrap_or_default();
    let dead = ["DeployDeadLetterQueue", "MigrateDeadLetterQueue", "SnapshotDeadLetterQueue"];
    let left = ["DeployQueue", "MigrateQueue", "SnapshotQueue"];
    let rollouts = before.into_iter().map(|(name, count)| (name, past(name).into_iter().skip(count).collect()));
    let choices = choices.lock().clone();
    let played = Played {
        calls: account.calls().into_iter().skip(calls_before).collect(),
        invoked: world.invoked().to_vec(),
        alerts: world.sns().published(),
        dead: dead.into_iter().flat_map(&queue).map(|message| message.body).collect(),
        left: left.into_iter().map(|id| queue(id).len()).sum(),
        rollouts: rollouts.collect(),
        made_by: makers.of_calls().clone(),
        trace: trace.borrow().clone(),
        choices,
        account,
    };
    Ok((played, Seen { watched: watch.end(), schema }))
}

/// A world in which a scene is played.
struct Stage {
    world: World,
    choices: Shared,
    makers: Makers,
    watch: Watch,
    schema: SimulatedSchema,
    written: Arc<Mutex<Written>>,
    /// The first `Migration Requested`.
    heard: Arc<Mutex<Option<Value>>>,
    has_snapshot: bool,
    minutes: i64,
    sent: usize,
}

impl Stage {
    async fn play(&mut self, scene: &Scene) -> Result<(), String> {
        self.disturb(scene);
        for step in scene.steps {
            self.act(scene, step).await?;
        }
        self.choices.lock().close();
        self.wait(scene.calm).await
    }

    async fn run(&mut self, duration: SignedDuration) -> Result<(), String> {
        self.world.run_for(duration).await.map_err(|error| error.to_string())
    }

    async fn act(&mut self, scene: &Scene, step: &Step) -> Result<(), String> {
        match step {
            Step::Push(repository, content) => {
                self.written.lock().unwrap_or_else(PoisonError::into_inner).repositories = self.world.now();
                let pushed = self.world.account().push(repository, &["latest"], *content);
                pushed.map(drop).map_err(|error| format!("{}: {}", error.code, error.message))
            }
            Step::ByHand(service, content) => {
                let done = scene.set_by_hand(self.world.account(), service, content);
                done.map_err(|error| format!("{}: {}", error.code, error.message))
            }
            Step::Wait(minutes) => self.wait(*minutes).await,
            Step::Gap(seconds) => {
                let pick = self.choices.lock().choose(Kind::Scene, seconds.len());
                self.run(SignedDuration::from_secs(seconds.get(pick).copied().unwrap_or_default())).await
            }
            Step::Again => {
                let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let mut event = heard.ok_or("no migration was asked for")?;
                event["id"] = json!("sent-on");
                self.send("MigrateQueue", "migrate", &event.to_string())
            }
            Step::Mend(content) => {
                let job = Job::migrates(&self.schema);
                self.world.account().script_command(Command::exactly(&["bin/migrate"]).of(&digest(content)), job);
                Ok(())
            }
            Step::Retry => {
                let Some(run) = self.watch.unknown() else { return Ok(()) };
                self.world.emit(&json!({
                    "version": "0", "id": "decided", "detail-type": "Migration Resolved", "source": "steward",
                    "account": ACCOUNT_ID, "region": REGION, "time": self.world.now().to_string(), "resources": [],
                    "detail": {"run": run, "outcome": "retry", "why": "the schema is as it was"},
                }));
                Ok(())
            }
            Step::Rubbish => self.send("MigrateQueue", "migrate", "not an event"),
        }
    }

    /// Lets minutes pass: every five of them `migrate` sweeps, unless its schedule does not fire, every ten `deploy`.
    async fn wait(&mut self, minutes: i64) -> Result<(), String> {
        for _ in 0..minutes / BETWEEN_SWEEPS {
            self.run(SignedDuration::from_mins(BETWEEN_SWEEPS)).await?;
            self.minutes += BETWEEN_SWEEPS;
            if self.choices.lock().choose(Kind::Mishap, 2) == 0 {
                self.send("MigrateQueue", "migrate", &sweep_event(self.sent))?;
            }
            if self.minutes % (2 * BETWEEN_SWEEPS) == 0 {
                self.send("DeployQueue", "deploy", &sweep_event(self.sent))?;
                if self.has_snapshot {
                    self.send("SnapshotQueue", "snapshot", &sweep_event(self.sent))?;
                }
            }
            self.run(SignedDuration::from_secs(1)).await?;
        }
        Ok(())
    }

    /// Puts a message into a function's queue, as a schedule would.
    fn send(&mut self, queue: &str, group: &str, body: &str) -> Result<(), String> {
        self.sent += 1;
        let queue = self.world.queue(queue).ok_or_else(|| format!("the template has no {queue}"))?.name.clone();
        let message = Outgoing {
            body: body.to_owned(),
            group: Some(group.to_owned()),
            deduplication: Some(format!("sent-{}", self.sent)),
            ..Outgoing::default()
        };
        let sent = self.world.queues().send(&queue, self.world.now(), message);
        sent.ok_or("no queue")?.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Lets the choices decide what becomes of events, calls and schedules from now on.
    fn disturb(&mut self, scene: &Scene) {
        let (choices, watch, heard) = (self.choices.clone(), self.watch.clone(), Arc::clone(&self.heard));
        let (written, clock) = (Arc::clone(&self.written), self.world.account().clock().clone());
        self.world.bus().disturb(Box::new(move |event| {
            watch.look();
            if event["source"] == "aws.rds" {
                written.lock().unwrap_or_else(PoisonError::into_inner).databases = clock.now();
            }
            if event["detail-type"] == "Migration Requested" {
                heard.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| event.clone());
            }
            mishap(event, &choices)
        }));
        let (choices, written, outages) = (self.choices.clone(), Arc::clone(&self.written), scene.outages);
        let (mut out_until, mut after_start) = (Timestamp::UNIX_EPOCH, scene.out_after_start);
        let (makers, scheduler) = (self.makers.clone(), self.world.scheduler().clone());
        let mut never: Vec<Value> = Vec::new();
        self.world.account().inject(Box::new(move |call| {
            makers.note(call);
            never.retain(|schedule| !take_away(&scheduler, schedule, call));
            if call.operation == "RunTask" && after_start > 0 {
                out_until = call.at + SignedDuration::from_mins(std::mem::take(&mut after_start));
            }
            if call.service == "dynamodb" && call.at < out_until {
                return Fault::ServerError;
            }
            let fault = match fault(call, &choices, &written, outages) {
                Trouble::Fault(fault) => fault,
                Trouble::Outage(minutes) => {
                    out_until = call.at + SignedDuration::from_mins(minutes);
                    Fault::ServerError
                }
            };
            if call.operation == "CreateSchedule" && choices.lock().choose(Kind::Mishap, 2) == 1 {
                never.push(json!({ "Name": call.input["Name"], "GroupName": call.input["GroupName"] }));
            }
            fault
        }));
    }
}

/// What becomes of a call.
enum Trouble {
    Fault(Fault),
    /// The state table answers nothing, from here on for so many minutes.
    Outage(i64),
}

fn fault(call: &Call, choices: &Shared, written: &Mutex<Written>, outages: &[i64]) -> Trouble {
    let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
    let is_fresh = |at: Timestamp| call.at.duration_since(at) < STALENESS;
    let of_tasks = coverage::OF_TASKS.contains(&call.operation.as_str());
    let last = match call.service.as_str() {
        "ecr" => written.repositories,
        "rds" => written.databases,
        _ => written.services,
    };
    let mut faults = coverage::possible(&call.operation, is_fresh(last));
    if of_tasks && is_fresh(written.tasks) {
        faults.push(Fault::Stale);
    }
    match call.operation.as_str() {
        "UpdateService" | "StopServiceDeployment" => written.services = call.at,
        "RunTask" => written.tasks = call.at,
        "CreateDBSnapshot" | "CreateDBClusterSnapshot" => written.databases = call.at,
        _ => {}
    }
    let mut choices = choices.lock();
    let outages = if call.service == "dynamodb" { outages } else { &[] };
    let of = if choices.may_fail(&call.operation) { faults.len() + outages.len() } else { 1 };
    let pick = choices.choose(Kind::Fault, of);
    match pick.checked_sub(faults.len()).and_then(|place| outages.get(place)) {
        Some(minutes) => Trouble::Outage(*minutes),
        None => Trouble::Fault(faults.get(pick).copied().unwrap_or(Fault::Ok)),
    }
}

/// What becomes of what is pushed, of what the functions say to each other, and of what ECS says of the tasks of
/// migrations. What ECS says of rollouts was explored with `deploy` alone.
fn mishap(event: &Value, choices: &Shared) -> Mishap {
    let detail = &event["detail"];
    let is_heard = match event["detail-type"].as_str() {
        Some("ECR Image Action" | "ECS Hook State Change") => true,
        Some("ECS Task State Change") => {
            let is_ours = detail["startedBy"].as_str().is_some_and(|by| by.starts_with("steward/m/"));
            is_ours && detail["lastStatus"] == "STOPPED"
        }
        Some(kind) => SAID.contains(&kind),
        None => false,
    };
    if !is_heard {
        return Mishap::None;
    }
    let copied = Mishap::Duplicated { after: COPY_AFTER, same_id: false };
    let all = [Mishap::None, copied, Mishap::HeldBack(HELD_BACK), Mishap::Lost];
    // Of a deployment that waits at a hook nothing else tells: it waits until ECS gives up.
    let possible = if event["detail-type"] == "ECS Hook State Change" { all.len() - 1 } else { all.len() };
    let pick = choices.lock().choose(Kind::Mishap, possible);
    all.get(pick).copied().unwrap_or(Mishap::None)
}
