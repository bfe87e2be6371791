//! One schedule of `snapshot`: a scene played from its beginning to its end, with what goes wrong in it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::choices::{Choices, Kind, Shared};
use super::super::coverage;
use super::super::heal::schedule::take_away;
use super::super::makers::{Counted, Makers};
use super::super::schedule::{Played, sweep_event, trace};
use super::designs::Design;
use super::scene::{Scene, Step};
use super::watch::{Attended, Watch, Watched};
use crate::account::Account;
use crate::bus::Mishap;
use crate::clock::VirtualClock;
use crate::context::{ACCOUNT_ID, REGION};
use crate::faults::Fault;
use crate::fifo::Outgoing;
use crate::steward;
use crate::template::Template;
use crate::wire::Call;
use crate::world::World;

/// Ticks at the end in which nothing goes wrong any more, as far apart as the template has it.
const CALM: usize = 3;
const BETWEEN_TICKS: SignedDuration = SignedDuration::from_mins(15);
/// How much later a tick comes again, in another minute.
const TICK_AGAIN: SignedDuration = SignedDuration::from_secs(90);
/// How much later the copy of an event comes, with an id of its own.
const COPY_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// How long an event is held back: the next tick overtakes it.
const HELD_BACK: SignedDuration = SignedDuration::from_mins(11);
/// How long after a change a list may still not show it.
const STALENESS: SignedDuration = SignedDuration::from_secs(120);

/// Plays `scene` with `design` in the place of `snapshot`. `seed` is that of the SDK's jitter.
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
) -> Result<(Played, Watched), String> {
    fastrand::seed(seed);
    let account = Account::new(VirtualClock::starting_at(time(scene.starts)?));
    scene.set_up(&account);
    let mut world = World::new(account.clone(), Arc::clone(template));
    let (makers, watch) = (Makers::default(), Watch::new(&account));
    let mut spec = template.function(steward::SNAPSHOT).ok_or("the template has no SnapshotFunction")?.clone();
    for (name, value) in scene.environment {
        spec.environment.insert((*name).to_owned(), (*value).to_owned());
    }
    let function = Box::new(Counted::new(design.function(&account, &spec), makers.clone()));
    world.attach(steward::SNAPSHOT, Box::new(Attended { function, watch: watch.clone() }));
    world.stop_schedules();
    let trace = if traced { trace(&mut world) } else { Rc::default() };
    let mut stage = Stage { world, choices: Shared::new(choices), makers, changed: Arc::default(), sent: 0 };
    for step in scene.before {
        stage.act(step, false).await?;
    }
    stage.run(BETWEEN_TICKS).await?;
    let (calls_before, invoked_before) = (account.calls().len(), stage.world.invoked().len());
    let alerts_before = stage.world.sns().published().len();
    trace.borrow_mut().clear();
    watch.begin();

    stage.disturb();
    for step in scene.steps {
        stage.act(step, true).await?;
    }
    stage.run(BETWEEN_TICKS).await?;
    stage.choices.lock().close();
    for _ in 0..CALM {
        stage.send(&sweep_event(stage.sent))?;
        stage.run(BETWEEN_TICKS).await?;
    }

    let Stage { world, choices, makers, .. } = stage;
    let queue = |id: &str| world.queue(id).map(|queue| world.queues().messages(&queue.name)).unwrap_or_default();
    let choices = choices.lock().clone();
    let played = Played {
        calls: account.calls().into_iter().skip(calls_before).collect(),
        invoked: world.invoked().iter().skip(invoked_before).cloned().collect(),
        alerts: world.sns().published().into_iter().skip(alerts_before).collect(),
        dead: queue("SnapshotDeadLetterQueue").into_iter().map(|message| message.body).collect(),
        left: queue("SnapshotQueue").len(),
        rollouts: BTreeMap::new(),
        made_by: makers.of_calls().clone(),
        trace: trace.borrow().clone(),
        choices,
        account,
    };
    Ok((played, watch.end(scene)))
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

/// When the lists of RDS were last changed, by region and by the call that reads them.
#[derive(Debug, Default)]
struct Changed(BTreeMap<(String, &'static str), Timestamp>);

impl Changed {
    /// Something happened to a snapshot of an instance or a cluster. Where one begins or is there, the instance shows that
    /// it is backed up, or no longer.
    fn note(&mut self, region: &str, is_cluster: bool, is_making: bool, at: Timestamp) {
        let lists: &[&str] = match (is_cluster, is_making) {
            (true, _) => &["DescribeDBClusterSnapshots"],
            (false, true) => &["DescribeDBSnapshots", "DescribeDBInstances"],
            (false, false) => &["DescribeDBSnapshots"],
        };
        self.0.extend(lists.iter().map(|list| ((region.to_owned(), *list), at)));
    }

    /// Somebody did something to a database.
    fn note_databases(&mut self, at: Timestamp) {
        let lists = ["DescribeDBInstances", "DescribeDBClusters"];
        self.0.extend(lists.map(|list| ((REGION.to_owned(), list), at)));
    }

    /// Whether a list may not show yet what happened to it.
    fn is_fresh(&self, call: &Call) -> bool {
        let of_it =
            |((region, list), _): &(&(String, &str), &Timestamp)| *list == call.operation && region == call.region();
        self.0.iter().find(of_it).is_some_and(|(_, at)| call.at.duration_since(*at) < STALENESS)
    }
}

/// A world in which a scene is played.
struct Stage {
    world: World,
    choices: Shared,
    makers: Makers,
    /// What was changed lately.
    changed: Arc<Mutex<Changed>>,
    sent: usize,
}

impl Stage {
    async fn run(&mut self, duration: SignedDuration) -> Result<(), String> {
        self.world.run_for(duration).await.map_err(|error| error.to_string())
    }

    async fn until(&mut self, text: &str) -> Result<(), String> {
        self.world.run_until(time(text)?).await.map_err(|error| error.to_string())
    }

    async fn act(&mut self, step: &Step, is_disturbed: bool) -> Result<(), String> {
        match step {
            Step::Until(text) => self.until(text).await,
            Step::Tick(text) => {
                self.until(text).await?;
                // On time, once more a little later, or not at all.
                let pick = if is_disturbed { self.choices.lock().choose(Kind::Mishap, 3) } else { 0 };
                if pick == 2 {
                    return Ok(());
                }
                self.send(&sweep_event(self.sent))?;
                if pick == 1 {
                    self.run(TICK_AGAIN).await?;
                    self.send(&sweep_event(self.sent))?;
                }
                self.run(SignedDuration::from_secs(1)).await
            }
            Step::Request(database, request) => {
                self.world.emit(&json!({
                    "version": "0", "id": format!("asked-{request}"), "detail-type": "Snapshot Requested",
                    "source": "steward", "account": ACCOUNT_ID, "region": REGION,
                    "time": self.world.now().to_string(), "resources": [],
                    "detail": { "database": database, "request": request },
                }));
                self.run(SignedDuration::from_secs(1)).await
            }
            Step::Rubbish => self.send("not an event"),
            step => {
                if is_disturbed {
                    let now = self.world.now();
                    self.changed.lock().unwrap_or_else(PoisonError::into_inner).note_databases(now);
                }
                let done = step.done(self.world.account(), self.world.now()).unwrap_or_default();
                if done { Ok(()) } else { Err(format!("{step:?} cannot be")) }
            }
        }
    }

    /// Puts a message into the function's queue, as the schedule would.
    fn send(&mut self, body: &str) -> Result<(), String> {
        self.sent += 1;
        let queue = self.world.queue("SnapshotQueue").ok_or("the template has no SnapshotQueue")?.name.clone();
        let message = Outgoing {
            body: body.to_owned(),
            group: Some("snapshot".to_owned()),
            deduplication: Some(format!("sent-{}", self.sent)),
            ..Outgoing::default()
        };
        let sent = self.world.queues().send(&queue, self.world.now(), message);
        sent.ok_or("no queue")?.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Lets the choices decide what becomes of events, calls and one-time schedules from now on.
    fn disturb(&mut self) {
        let (choices, changed, clock) =
            (self.choices.clone(), self.changed.clone(), self.world.account().clock().clone());
        self.world.bus().disturb(Box::new(move |event| {
            if event["source"] == "aws.rds" {
                let is_cluster = event["detail-type"] == "RDS DB Cluster Snapshot Event";
                let is_making = event["detail"]["EventID"] == "RDS-EVENT-0042";
                let mut changed = changed.lock().unwrap_or_else(PoisonError::into_inner);
                changed.note(REGION, is_cluster, is_making, clock.now());
            }
            mishap(event, &choices)
        }));
        let (choices, changed) = (self.choices.clone(), self.changed.clone());
        let (makers, scheduler) = (self.makers.clone(), self.world.scheduler().clone());
        let mut never: Vec<Value> = Vec::new();
        self.world.account().inject(Box::new(move |call| {
            makers.note(call);
            never.retain(|schedule| !take_away(&scheduler, schedule, call));
            let fault = fault(call, &choices, &changed);
            if call.operation == "CreateSchedule" && choices.lock().choose(Kind::Mishap, 2) == 1 {
                never.push(json!({ "Name": call.input["Name"], "GroupName": call.input["GroupName"] }));
            }
            fault
        }));
    }
}

/// What becomes of a call.
fn fault(call: &Call, choices: &Shared, changed: &Mutex<Changed>) -> Fault {
    let mut changed = changed.lock().unwrap_or_else(PoisonError::into_inner);
    let faults = coverage::possible(&call.operation, changed.is_fresh(call));
    if call.service == "rds" && !call.operation.starts_with("Describe") {
        let operation = call.operation.as_str();
        changed.note(call.region(), operation.contains("Cluster"), operation == "CreateDBSnapshot", call.at);
    }
    let mut choices = choices.lock();
    let of = if choices.may_fail(&call.operation) { faults.len() } else { 1 };
    let pick = choices.choose(Kind::Fault, of);
    faults.get(pick).copied().unwrap_or(Fault::Ok)
}

/// What becomes of what RDS and requesters say. What the function hears of is disturbed, and nothing else.
fn mishap(event: &Value, choices: &Shared) -> Mishap {
    let is_heard = match event["source"].as_str() {
        Some("aws.rds") => {
            let is_end =
                ["0041", "0042", "0075"].iter().any(|end| event["detail"]["EventID"] == format!("RDS-EVENT-{end}"));
            is_end && event["detail"]["SourceIdentifier"].as_str().is_some_and(|name| name.starts_with("steward-"))
        }
        _ => event["detail-type"] == "Snapshot Requested",
    };
    if !is_heard {
        return Mishap::None;
    }
    let copied = Mishap::Duplicated { after: COPY_AFTER, same_id: false };
    let all = [Mishap::None, copied, Mishap::HeldBack(HELD_BACK), Mishap::Lost];
    let pick = choices.lock().choose(Kind::Mishap, all.len());
    all.get(pick).copied().unwrap_or(Mishap::None)
}
