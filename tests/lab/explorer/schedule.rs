//! One schedule: a scene played from its beginning to its end, with what goes wrong in it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::choices::{Choices, Kind, Shared};
use super::coverage;
use super::designs::Design;
use super::scene::{self, CLUSTER, Scene, Step};
use crate::account::{Account, CallRecord};
use crate::bus::Mishap;
use crate::clock::VirtualClock;
use crate::ecs::PastDeployment;
use crate::faults::Fault;
use crate::fifo::Outgoing;
use crate::sns::Published;
use crate::steward;
use crate::template::Template;
use crate::wire::Call;
use crate::world::{Invoked, Step as WorldStep, World};

/// Sweeps at the end. In the first one calls may still fail; what it starts and what it missed, the next ones see.
const SWEEPS: usize = 3;
/// Longer than a rollout, its rollback, and a message that is delivered twice.
const AFTER_STEPS: SignedDuration = SignedDuration::from_mins(20);
const AFTER_SWEEP: SignedDuration = SignedDuration::from_mins(12);
/// How long after a write a read may still not see it.
const STALENESS: SignedDuration = SignedDuration::from_secs(60);
/// How much later the copy of an event comes, the second time with an id of its own.
const COPY_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What can be said about a schedule when it is over.
#[derive(Debug)]
pub struct Played {
    /// The account as it is in the end.
    pub account: Account,
    /// The choices that were made.
    pub choices: Choices,
    /// Calls since the trouble began.
    pub calls: Vec<CallRecord>,
    /// Invocations since the trouble began.
    pub invoked: Vec<Invoked>,
    /// Alerts since the trouble began.
    pub alerts: Vec<Published>,
    /// Bodies of the messages in the dead-letter queue.
    pub dead: Vec<String>,
    /// Messages still in the function's queue.
    pub left: usize,
    /// Service deployments since the trouble began, by service.
    pub rollouts: BTreeMap<&'static str, Vec<PastDeployment>>,
    /// Which invocation made a call, by the SDK's own id of the call; where that was asked for.
    pub made_by: BTreeMap<String, usize>,
    /// What happened, line by line, if that was asked for.
    pub trace: Vec<String>,
}

/// When services and repositories were last written, for reads that lag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    services: Timestamp,
    pub(super) repositories: Timestamp,
}

impl Written {
    fn is_fresh(self, service: &str, now: Timestamp) -> bool {
        let last = if service == "ecr" { self.repositories } else { self.services };
        now.duration_since(last) < STALENESS
    }
}

/// Plays `scene` with `design` in the place of `deploy`. `seed` is that of the SDK's jitter.
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
) -> Result<Played, String> {
    fastrand::seed(seed);
    let start = Timestamp::from_second(1_795_168_800).map_err(|error| error.to_string())?;
    let account = Account::new(VirtualClock::starting_at(start));
    scene.set_up(&account).map_err(|error| format!("{}: {}", error.code, error.message))?;
    // What the setting-up sent is history.
    account.take_events();
    let mut world = World::new(account.clone(), Arc::clone(template));
    let spec = template.function(steward::DEPLOY).ok_or("the template has no DeployFunction")?;
    world.attach(steward::DEPLOY, design.function(&account, spec));
    world.stop_schedules();
    let trace = if traced { trace(&mut world) } else { Rc::default() };
    let mut stage = Stage { world, choices: Shared::new(choices), written: Arc::default(), sent: 0 };
    for step in scene.before {
        stage.act(step)?;
        stage.run(AFTER_STEPS).await?;
    }
    let past = |name| account.past_deployments(CLUSTER, name);
    let before: BTreeMap<_, _> =
        scene.services.iter().map(|service| (service.name, past(service.name).len())).collect();
    let (calls_before, invoked_before) = (account.calls().len(), stage.world.invoked().len());
    let alerts_before = stage.world.sns().published().len();
    trace.borrow_mut().clear();

    stage.play(scene, design).await?;

    let Stage { world, choices, .. } = stage;
    let queue = |id: &str| world.queue(id).map(|queue| world.queues().messages(&queue.name)).unwrap_or_default();
    let rollouts = before.into_iter().map(|(name, count)| (name, past(name).into_iter().skip(count).collect()));
    let choices = choices.lock().clone();
    Ok(Played {
        calls: account.calls().into_iter().skip(calls_before).collect(),
        invoked: world.invoked().iter().skip(invoked_before).cloned().collect(),
        alerts: world.sns().published().into_iter().skip(alerts_before).collect(),
        dead: queue("DeployDeadLetterQueue").into_iter().map(|message| message.body).collect(),
        left: queue("DeployQueue").len(),
        rollouts: rollouts.collect(),
        made_by: BTreeMap::new(),
        trace: trace.borrow().clone(),
        choices,
        account,
    })
}

/// A world in which a scene is played.
struct Stage {
    world: World,
    choices: Shared,
    written: Arc<Mutex<Written>>,
    sent: usize,
}

impl Stage {
    async fn play(&mut self, scene: &Scene, design: Design) -> Result<(), String> {
        let pick = self.choices.lock().choose(Kind::Scene, scene.gaps.len());
        let gap = SignedDuration::from_secs(scene.gaps.get(pick).copied().unwrap_or_default());
        self.disturb(scene, gap);
        for (index, step) in scene.steps.iter().enumerate() {
            self.act(step)?;
            self.run(if index + 1 == scene.steps.len() { AFTER_STEPS } else { gap }).await?;
        }
        for sweep in 0..SWEEPS {
            if sweep > 0 {
                self.choices.lock().close();
            }
            if design.sweeps() {
                self.send(&sweep_event(sweep))?;
            }
            self.run(AFTER_SWEEP).await?;
        }
        Ok(())
    }

    async fn run(&mut self, duration: SignedDuration) -> Result<(), String> {
        self.world.run_for(duration).await.map_err(|error| error.to_string())
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        let account = self.world.account().clone();
        let now = self.world.now();
        if matches!(step, Step::Push(..)) {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).repositories = now;
        }
        let done = match step {
            Step::Push(repository, tag, content) => account.push(repository, &[*tag], *content).map(drop),
            Step::ByHand(service, image) => scene::set_by_hand(&account, service, image),
            Step::Rubbish => return self.send("not an event"),
            Step::Announce(image, content) => {
                let (repository, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
                self.world.emit(&json!({
                    "version": "0", "id": format!("announced-{content}"), "detail-type": "Image Pushed",
                    "source": "steward", "account": crate::context::ACCOUNT_ID, "region": crate::context::REGION,
                    "time": now.to_string(), "resources": [],
                    "detail": {"repository": repository, "tag": tag, "digest": scene::digest(content)},
                }));
                Ok(())
            }
        };
        done.map_err(|error| format!("{}: {}", error.code, error.message))
    }

    /// Puts a message into the function's queue, as a schedule would.
    fn send(&mut self, body: &str) -> Result<(), String> {
        self.sent += 1;
        let queue = self.world.queue("DeployQueue").ok_or("the template has no DeployQueue")?.name.clone();
        let message = Outgoing {
            body: body.to_owned(),
            group: Some("deploy".to_owned()),
            deduplication: Some(format!("sent-{}", self.sent)),
            ..Outgoing::default()
        };
        let sent = self.world.queues().send(&queue, self.world.now(), message);
        sent.ok_or("no queue")?.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Lets the choices decide what becomes of events and calls from now on.
    fn disturb(&mut self, scene: &Scene, gap: SignedDuration) {
        let (choices, loses) = (self.choices.clone(), scene.loses);
        self.world.bus().disturb(Box::new(move |event| mishap(event, &choices, loses, gap)));
        let (choices, written) = (self.choices.clone(), Arc::clone(&self.written));
        self.world.account().inject(Box::new(move |call| fault(call, &choices, &written)));
    }
}

/// What becomes of a call.
pub(super) fn fault(call: &Call, choices: &Shared, written: &Mutex<Written>) -> Fault {
    let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
    let faults = coverage::possible(&call.operation, written.is_fresh(&call.service, call.at));
    if matches!(call.operation.as_str(), "UpdateService" | "StopServiceDeployment") {
        written.services = call.at;
    }
    let mut choices = choices.lock();
    let of = if choices.may_fail(&call.operation) { faults.len() } else { 1 };
    let pick = choices.choose(Kind::Fault, of);
    faults.get(pick).copied().unwrap_or(Fault::Ok)
}

fn mishap(event: &Value, choices: &Shared, loses: bool, gap: SignedDuration) -> Mishap {
    let copied = Mishap::Duplicated { after: COPY_AFTER, same_id: false };
    let (kind, held) = match event["detail-type"].as_str() {
        // Long enough for the other push to overtake it.
        Some("ECR Image Action" | "Image Pushed") => (Kind::Mishap, gap + SignedDuration::from_secs(20)),
        Some("ECS Deployment State Change") if event["detail"]["eventName"] != "SERVICE_DEPLOYMENT_IN_PROGRESS" => {
            (Kind::Fault, SignedDuration::from_secs(90))
        }
        _ => return Mishap::None,
    };
    let all = [Mishap::None, copied, Mishap::HeldBack(held), Mishap::Lost];
    let possible = if loses { all.len() } else { all.len() - 1 };
    let pick = choices.lock().choose(kind, possible);
    all.get(pick).copied().unwrap_or(Mishap::None)
}

pub(super) fn sweep_event(count: usize) -> String {
    json!({
        "version": "0", "id": format!("sweep-{count}"), "detail-type": "Sweep", "source": "steward",
        "account": crate::context::ACCOUNT_ID, "region": crate::context::REGION, "resources": [], "detail": {},
    })
    .to_string()
}

/// Writes down what happens in the world.
pub(super) fn trace(world: &mut World) -> Rc<RefCell<Vec<String>>> {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let (sink, start) = (Rc::clone(&lines), world.now());
    world.observe(Box::new(move |at, step| {
        if let Some(line) = describe(step) {
            sink.borrow_mut().push(format!("{:>6} s  {line}", at.duration_since(start).as_secs()));
        }
    }));
    lines
}

fn describe(step: &WorldStep) -> Option<String> {
    Some(match step {
        WorldStep::Event { event, mishap } => {
            let detail = &event["detail"];
            let what = [
                "image-tag",
                "eventName",
                "deploymentId",
                "lastStatus",
                "stoppedReason",
                "service",
                "outcome",
                "EventID",
                "SourceIdentifier",
                "request",
            ];
            let what: Vec<&str> = what.iter().filter_map(|name| detail[*name].as_str()).collect();
            let kind = event["detail-type"].as_str().unwrap_or_default();
            if kind == "ECS Task State Change" && detail["lastStatus"] != "STOPPED" {
                return None;
            }
            format!(
                "event    {kind} {} {}",
                what.join(" "),
                if *mishap == Mishap::None { String::new() } else { format!("{mishap:?}") }
            )
        }
        WorldStep::Invoked { function, messages } => {
            let body = messages.first().map(|message| message.body.as_str()).unwrap_or_default();
            let event: Value = serde_json::from_str(body).unwrap_or_default();
            let receives = messages.first().map_or(0, |message| message.receives);
            let kind = event["detail-type"].as_str().unwrap_or("not an event");
            format!("invoked  {function}: {kind} (receive {receives})")
        }
        WorldStep::Called(record) => {
            let fault = coverage::name(record.fault).map(|fault| format!("  <== {fault}")).unwrap_or_default();
            let error = record.error.as_deref().map(|error| format!(" -> {error}")).unwrap_or_default();
            format!("call       {}:{}{error}{fault}", record.call.service, record.call.operation)
        }
        WorldStep::Published(alert) => format!("alert      {}", alert.subject.as_deref().unwrap_or_default()),
        WorldStep::Answered(invoked) => match &invoked.result {
            Ok(answer) => format!("answered {answer}"),
            Err(error) => format!("ended    {error}"),
        },
        WorldStep::DeadLettered { .. } => "dead-lettered".to_owned(),
        WorldStep::Undelivered { problem, .. } => format!("undelivered: {problem}"),
        WorldStep::Sent { .. } | WorldStep::Fired { .. } => return None,
    })
}
