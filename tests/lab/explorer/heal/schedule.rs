//! One schedule of the pair: a scene played from its beginning to its end, with what goes wrong in it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::choices::{Choices, Kind, Shared};
use super::super::makers::{Counted, Makers};
use super::super::scene::{CLUSTER, digest};
use super::super::schedule::{Played, Written, fault, sweep_event, trace};
use super::designs::Design;
use super::scene::{Scene, Step, behaviour};
use crate::account::Account;
use crate::bus::Mishap;
use crate::clock::VirtualClock;
use crate::ecs::StopCause;
use crate::fifo::Outgoing;
use crate::scheduler::Scheduler;
use crate::steward;
use crate::template::Template;
use crate::wire::Call;
use crate::world::World;

/// Between two sweeps of `heal`, as the template has it.
const BETWEEN_SWEEPS: i64 = 5;
/// Minutes at the end in which nothing goes wrong any more.
const CALM: i64 = 40;
/// For how many minutes what happens before the trouble is waited for.
const BEFORE: i64 = 20;
/// How much later the copy of an event comes, with an id of its own.
const COPY_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// How long an event is held back: younger ones overtake it.
const HELD_BACK: SignedDuration = SignedDuration::from_secs(90);

/// Plays `scene` with `design` in the place of `heal`, beside the real `deploy`. `seed` is that of the SDK's jitter.
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
    let mut world = World::new(account.clone(), design.template(template)?);
    let makers = Makers::default();
    for id in [steward::DEPLOY, steward::HEAL] {
        let mut spec = template.function(id).ok_or_else(|| format!("the template has no {id}"))?.clone();
        spec.environment.insert("STEWARD_HEAL_MODE".to_owned(), "auto".to_owned());
        spec.environment.insert("STEWARD_DRY_RUN".to_owned(), scene.dry_run.to_string());
        let function =
            design.function(&account, &spec).ok_or_else(|| format!("the lab cannot host {}", spec.binary))?;
        world.attach(id, Box::new(Counted::new(function, makers.clone())));
    }
    world.stop_schedules();
    let trace = if traced { trace(&mut world) } else { Rc::default() };
    let mut stage = Stage { world, choices: Shared::new(choices), makers, sent: 0, is_disturbed: false };
    for step in scene.before {
        stage.act(step).await?;
        stage.wait(BEFORE).await?;
    }
    let past = |name| account.past_deployments(CLUSTER, name);
    let before: BTreeMap<_, _> =
        scene.services.iter().map(|service| (service.name, past(service.name).len())).collect();
    let (calls_before, invoked_before) = (account.calls().len(), stage.world.invoked().len());
    let alerts_before = stage.world.sns().published().len();
    trace.borrow_mut().clear();
    stage.play(scene).await?;

    let Stage { world, choices, makers, .. } = stage;
    let queue = |id: &str| world.queue(id).map(|queue| world.queues().messages(&queue.name)).unwrap_or_default();
    let dead = ["DeployDeadLetterQueue", "HealDeadLetterQueue"].into_iter().flat_map(&queue);
    let rollouts = before.into_iter().map(|(name, count)| (name, past(name).into_iter().skip(count).collect()));
    let choices = choices.lock().clone();
    Ok(Played {
        calls: account.calls().into_iter().skip(calls_before).collect(),
        invoked: world.invoked().iter().skip(invoked_before).cloned().collect(),
        alerts: world.sns().published().into_iter().skip(alerts_before).collect(),
        dead: dead.map(|message| message.body).collect(),
        left: queue("DeployQueue").len() + queue("HealQueue").len(),
        rollouts: rollouts.collect(),
        made_by: makers.of_calls().clone(),
        trace: trace.borrow().clone(),
        choices,
        account,
    })
}

/// A world in which a scene is played.
struct Stage {
    world: World,
    choices: Shared,
    makers: Makers,
    sent: usize,
    /// Whether the trouble has begun.
    is_disturbed: bool,
}

impl Stage {
    async fn play(&mut self, scene: &Scene) -> Result<(), String> {
        self.disturb();
        for step in scene.steps {
            self.act(step).await?;
        }
        self.choices.lock().close();
        self.wait(0).await?;
        self.wait(CALM).await?;
        // What was healed away must stay away, whoever looks.
        self.wait(BETWEEN_SWEEPS).await
    }

    async fn run(&mut self, duration: SignedDuration) -> Result<(), String> {
        self.world.run_for(duration).await.map_err(|error| error.to_string())
    }

    async fn act(&mut self, step: &Step) -> Result<(), String> {
        let account = self.world.account().clone();
        match step {
            Step::Push(repository, tag, content) => {
                let pushed = account.push(repository, &[*tag], *content);
                pushed.map(drop).map_err(|error| format!("{}: {}", error.code, error.message))
            }
            Step::Turn(content, like) => {
                account.script(&digest(content), behaviour(like));
                Ok(())
            }
            Step::End(service, code) => {
                let ended = account.end_task(CLUSTER, service, StopCause::Exit(*code));
                ended.map(drop).ok_or_else(|| format!("{service} has no task that could end"))
            }
            Step::Rubbish => self.send("HealQueue", "heal", "not an event"),
            Step::Wait(minutes) => self.wait(*minutes).await,
        }
    }

    /// Lets minutes pass: every five of them `heal` sweeps, unless its schedule does not fire, and at the end `deploy`.
    async fn wait(&mut self, minutes: i64) -> Result<(), String> {
        for _ in 0..minutes / BETWEEN_SWEEPS {
            self.run(SignedDuration::from_mins(BETWEEN_SWEEPS)).await?;
            if !self.is_disturbed || self.choices.lock().choose(Kind::Mishap, 2) == 0 {
                self.send("HealQueue", "heal", &sweep_event(self.sent))?;
            }
        }
        self.send("DeployQueue", "deploy", &sweep_event(self.sent))?;
        self.run(SignedDuration::from_secs(1)).await
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
    fn disturb(&mut self) {
        self.is_disturbed = true;
        let choices = self.choices.clone();
        self.world.bus().disturb(Box::new(move |event| mishap(event, &choices)));
        let (choices, written) = (self.choices.clone(), Mutex::new(Written::default()));
        let (makers, scheduler) = (self.makers.clone(), self.world.scheduler().clone());
        let mut never: Vec<Value> = Vec::new();
        self.world.account().inject(Box::new(move |call| {
            makers.note(call);
            never.retain(|schedule| !take_away(&scheduler, schedule, call));
            let fault = fault(call, &choices, &written);
            if call.operation == "CreateSchedule" && choices.lock().choose(Kind::Mishap, 2) == 1 {
                never.push(json!({ "Name": call.input["Name"], "GroupName": call.input["GroupName"] }));
            }
            fault
        }));
    }
}

/// Deletes a schedule that is never to fire. Whether it was there.
pub(in super::super) fn take_away(scheduler: &Scheduler, schedule: &Value, during: &Call) -> bool {
    let call = Call { operation: "DeleteSchedule".to_owned(), input: schedule.clone(), ..during.clone() };
    scheduler.answer(&call).is_ok()
}

/// What becomes of what ECS and the two functions say. What ECR says was explored with `deploy` alone.
fn mishap(event: &Value, choices: &Shared) -> Mishap {
    let says_nothing = match event["detail-type"].as_str() {
        Some("ECS Task State Change") => event["detail"]["lastStatus"] != "STOPPED",
        Some("ECS Deployment State Change") => event["detail"]["eventName"] == "SERVICE_DEPLOYMENT_IN_PROGRESS",
        Some("ECS Service Action") => event["detail"]["eventName"] == "SERVICE_STEADY_STATE",
        _ => event["source"] != "steward",
    };
    if says_nothing {
        return Mishap::None;
    }
    let copied = Mishap::Duplicated { after: COPY_AFTER, same_id: false };
    let all = [Mishap::None, copied, Mishap::HeldBack(HELD_BACK), Mishap::Lost];
    let pick = choices.lock().choose(Kind::Mishap, all.len());
    all.get(pick).copied().unwrap_or(Mishap::None)
}
