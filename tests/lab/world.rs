//! The world: the account, the bus, the queues, the schedules and the functions, moved on together in virtual time.
//!
//! One step of a world is the smallest thing that can happen: an event is routed, a schedule fires, one batch goes
//! through one function. Steps happen in a fixed order, so that the same world does the same thing in every run.

mod step;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::account::Account;
use crate::bus::{Bus, Mishap, Routed};
use crate::clock::VirtualClock;
use crate::dynamodb::DynamoDb;
use crate::events::Events;
use crate::fifo::{Outgoing, QueueSpec, id_for};
use crate::function::{Function, Invocation};
use crate::mapping;
use crate::queues::{Queues, name_in};
use crate::sns::Sns;
use crate::sqs::Sqs;
use crate::sts::Sts;
use crate::template::{FunctionSpec, Schedule, Source, Target, Template};
pub use step::{Invoked, Step};

/// Steps at one and the same instant after which a world is held to run in circles.
const MAX_STEPS_AT_ONCE: u32 = 100_000;

/// Something that watches a world.
pub type Observer = Box<dyn FnMut(Timestamp, &Step)>;

/// An account with everything around it that the template deploys.
pub struct World {
    account: Account,
    clock: VirtualClock,
    template: Arc<Template>,
    bus: Bus,
    events: Events,
    queues: Queues,
    sns: Sns,
    dynamodb: DynamoDb,
    schedules: Vec<Fires>,
    functions: BTreeMap<String, Box<dyn Function>>,
    invoked: Vec<Invoked>,
    observer: Option<Observer>,
    calls_seen: usize,
    alerts_seen: usize,
}

struct Fires {
    schedule: Schedule,
    start: Timestamp,
    next: Option<Timestamp>,
    count: u64,
}

/// A world that does not come to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunsInCircles {
    /// The instant that does not pass.
    pub at: Timestamp,
}

impl fmt::Display for RunsInCircles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MAX_STEPS_AT_ONCE} steps at {} and no end: something causes itself", self.at)
    }
}

impl std::error::Error for RunsInCircles {}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.clock.now()).field("bus", &self.bus).finish_non_exhaustive()
    }
}

impl World {
    /// Deploys `template` into `account`: queues, tables, topics, rules, schedules. Functions are attached.
    pub fn new(account: Account, template: Arc<Template>) -> Self {
        let clock = account.clock().clone();
        let (queues, sns, dynamodb) = (Queues::default(), Sns::default(), DynamoDb::default());
        template.queues.iter().for_each(|spec| queues.create(spec.clone()));
        template.topics.values().for_each(|arn| sns.create(name_in(arn)));
        for table in &template.tables {
            dynamodb.create(&table.name, &table.partition_key, table.sort_key.as_deref());
        }
        let events = Events::new(template.rules.clone());
        account.register("sqs", Box::new(Sqs(queues.clone())));
        account.register("sns", Box::new(sns.clone()));
        account.register("dynamodb", Box::new(dynamodb.clone()));
        account.register("events", Box::new(events.clone()));
        account.register("sts", Box::new(Sts));
        let start = clock.now();
        let schedules = template.schedules.iter().map(|schedule| Fires {
            next: schedule.expression.next(start, start).filter(|_| schedule.enabled),
            schedule: schedule.clone(),
            start,
            count: 0,
        });
        let schedules = schedules.collect();
        let bus = Bus::new(template.rules.clone());
        Self {
            account,
            clock,
            template,
            bus,
            events,
            queues,
            sns,
            dynamodb,
            schedules,
            functions: BTreeMap::new(),
            invoked: Vec::new(),
            observer: None,
            calls_seen: 0,
            alerts_seen: 0,
        }
    }

    /// Puts code behind the function with this logical id. Its event source mappings begin to poll.
    pub fn attach(&mut self, id: &str, function: Box<dyn Function>) {
        self.functions.insert(id.to_owned(), function);
    }

    /// Lets `observer` see each step.
    pub fn observe(&mut self, observer: Observer) {
        self.observer = Some(observer);
    }

    /// The account.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The current virtual time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What was deployed.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The bus, to switch rules and to disturb delivery.
    pub fn bus(&mut self) -> &mut Bus {
        &mut self.bus
    }

    /// All queues.
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// The queue with this logical id.
    pub fn queue(&self, id: &str) -> Option<&QueueSpec> {
        self.template.queue(id)
    }

    /// SNS, with everything published.
    pub fn sns(&self) -> &Sns {
        &self.sns
    }

    /// The tables.
    pub fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
    }

    /// Every invocation so far, oldest first.
    pub fn invoked(&self) -> &[Invoked] {
        &self.invoked
    }

    /// Switches a schedule on or off; false when there is no such schedule. Switched on, it counts from now.
    pub fn switch_schedule(&mut self, id: &str, on: bool) -> bool {
        let now = self.clock.now();
        let Some(fires) = self.schedules.iter_mut().find(|fires| fires.schedule.id == id) else { return false };
        fires.start = now;
        fires.next = fires.schedule.expression.next(now, now).filter(|_| on);
        true
    }

    /// Switches all schedules off.
    pub fn stop_schedules(&mut self) {
        self.schedules.iter_mut().for_each(|fires| fires.next = None);
    }

    /// Puts an event on the bus, as the service that sends it would.
    pub fn emit(&mut self, event: &Value) {
        self.arrive(event);
    }

    /// Runs everything that happens within `duration` from now.
    pub async fn run_for(&mut self, duration: SignedDuration) -> Result<(), RunsInCircles> {
        self.run_until(self.clock.now() + duration).await
    }

    /// Runs everything that happens until `end`, and leaves the clock there (or later, when a function slept beyond it).
    pub async fn run_until(&mut self, end: Timestamp) -> Result<(), RunsInCircles> {
        loop {
            self.come_to_rest().await?;
            let Some(next) = self.next_due().filter(|next| *next <= end) else { break };
            self.account.advance_to(next);
        }
        if self.clock.now() < end {
            self.account.advance_to(end);
        }
        self.come_to_rest().await
    }

    /// Does everything that can be done without time passing, except for what functions spend.
    pub async fn come_to_rest(&mut self) -> Result<(), RunsInCircles> {
        let mut steps = 0;
        let mut at = self.clock.now();
        while self.step().await {
            steps += 1;
            if self.clock.now() > at {
                (steps, at) = (0, self.clock.now());
            }
            if steps > MAX_STEPS_AT_ONCE {
                return Err(RunsInCircles { at });
            }
        }
        Ok(())
    }

    /// When the next thing will happen by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let polled =
            self.polled().filter_map(|(_, source)| self.queues.with(name_in(&source.queue), |q| q.next_due(now))?);
        let schedules = self.schedules.iter().filter_map(|fires| fires.next);
        polled.chain(schedules).chain(self.bus.next_due()).chain(self.account.next_due()).min()
    }

    /// Event source mappings of functions that have code.
    fn polled(&self) -> impl Iterator<Item = (&FunctionSpec, &Source)> {
        let attached = self.template.functions.iter().filter(|spec| self.functions.contains_key(&spec.id));
        attached.flat_map(|spec| spec.sources.iter().map(move |source| (spec, source)))
    }

    /// One step; false when there is nothing to do at this instant.
    async fn step(&mut self) -> bool {
        let now = self.clock.now();
        let mut arriving = self.account.take_events();
        arriving.extend(self.events.take());
        if !arriving.is_empty() {
            for event in &arriving {
                self.arrive(event);
            }
            return true;
        }
        let late = self.bus.take_due(now);
        if !late.is_empty() {
            for event in &late {
                self.route(event);
            }
            return true;
        }
        if self.fire(now) {
            return true;
        }
        let ready = self
            .polled()
            .find(|(_, source)| self.queues.with(name_in(&source.queue), |queue| queue.is_ready(now)).unwrap_or(false));
        let ready = ready.map(|(spec, source)| (spec.clone(), source.clone()));
        match ready {
            Some((spec, source)) => {
                self.poll(&spec, &source).await;
                true
            }
            None => false,
        }
    }

    fn arrive(&mut self, event: &Value) {
        let mishap = self.bus.accept(event, self.clock.now());
        self.tell(|| Step::Event { event: event.clone(), mishap });
        if matches!(mishap, Mishap::None | Mishap::Duplicated { .. }) {
            self.route(event);
        }
    }

    fn route(&mut self, event: &Value) {
        for Routed { rule, target, body } in self.bus.route(event) {
            self.deliver(&rule, &target, body);
        }
    }

    /// Sends to a target, or to its dead-letter queue. What the target refuses is not a passing fault here, so that
    /// the retries of EventBridge would change nothing.
    fn deliver(&mut self, from: &str, target: &Target, body: String) {
        let now = self.clock.now();
        let outgoing = Outgoing { body, group: target.group.clone(), ..Outgoing::default() };
        let sent = self.queues.send(name_in(&target.arn), now, outgoing.clone());
        let problem = match sent {
            Some(Ok(sent)) => {
                let queue = name_in(&target.arn).to_owned();
                self.tell(|| Step::Sent { from: from.to_owned(), queue, message_id: sent.message_id });
                return;
            }
            Some(Err(error)) => format!("{error:?}"),
            None => "no such queue".to_owned(),
        };
        let kept = target.dead_letter.as_deref().and_then(|arn| {
            let undelivered = Outgoing { group: None, ..outgoing };
            self.queues.send(name_in(arn), now, undelivered)?.ok()
        });
        self.tell(|| Step::Undelivered { from: from.to_owned(), problem, kept: kept.is_some() });
    }

    fn fire(&mut self, now: Timestamp) -> bool {
        let Some(fires) = self.schedules.iter_mut().find(|fires| fires.next.is_some_and(|at| at <= now)) else {
            return false;
        };
        fires.count += 1;
        let at = fires.next.unwrap_or(now);
        fires.next = fires.schedule.expression.next(fires.start, now);
        let Schedule { id, arn, target, .. } = fires.schedule.clone();
        let execution = id_for(&arn, fires.count);
        let crate::template::Input::Text(input) = &target.input else {
            self.deliver(&id, &target, String::new());
            return true;
        };
        let body = input
            .replace("<aws.scheduler.execution-id>", &execution)
            .replace("<aws.scheduler.scheduled-time>", &at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            .replace("<aws.scheduler.schedule-arn>", &arn)
            .replace("<aws.scheduler.attempt-number>", "1");
        self.tell(|| Step::Fired { schedule: id.clone() });
        self.deliver(&id, &target, body);
        true
    }

    /// One poll of an event source mapping: receive, invoke, delete what was done.
    async fn poll(&mut self, spec: &FunctionSpec, source: &Source) {
        let queue = name_in(&source.queue).to_owned();
        let Some(received) = self.queues.receive(&queue, self.clock.now(), source.batch_size, None) else { return };
        for message in received.dead {
            self.tell(|| Step::DeadLettered { queue: queue.clone(), message });
        }
        if received.messages.is_empty() {
            return;
        }
        let started = self.clock.now();
        let invocation = Invocation {
            id: id_for(&spec.arn, u64::try_from(self.invoked.len()).unwrap_or_default()),
            payload: mapping::payload(source, &received.messages),
            timeout: spec.timeout,
            deadline: started + spec.timeout,
        };
        self.tell(|| Step::Invoked { function: spec.id.clone(), messages: received.messages.clone() });
        let Some(function) = self.functions.get_mut(&spec.id) else { return };
        let result = function.invoke(invocation).await;
        let log = function.take_log();
        let now = self.clock.now();
        let failed = match &result {
            Ok(answer) => mapping::failed(source, &received.messages, answer),
            Err(_) => received.messages.iter().map(|message| message.id.clone()).collect(),
        };
        for message in received.messages.iter().filter(|message| !failed.contains(&message.id)) {
            let receipt = message.receipt.as_deref().unwrap_or_default();
            self.queues.with(&queue, |queue| queue.delete(now, receipt));
        }
        let invoked = Invoked {
            function: spec.id.clone(),
            at: started,
            took: now.duration_since(started),
            messages: received.messages,
            failed,
            result,
            log,
        };
        self.tell_calls_and_alerts();
        self.tell(|| Step::Answered(invoked.clone()));
        self.invoked.push(invoked);
    }

    /// Shows the observer what was called and published since it last looked.
    fn tell_calls_and_alerts(&mut self) {
        let Some(observer) = &mut self.observer else { return };
        let now = self.clock.now();
        let calls = self.account.calls();
        for call in calls.iter().skip(self.calls_seen) {
            observer(call.call.at, &Step::Called(call.clone()));
        }
        let alerts = self.sns.published();
        for alert in alerts.iter().skip(self.alerts_seen) {
            observer(now, &Step::Published(alert.clone()));
        }
        (self.calls_seen, self.alerts_seen) = (calls.len(), alerts.len());
    }

    fn tell(&mut self, step: impl FnOnce() -> Step) {
        if let Some(observer) = &mut self.observer {
            observer(self.clock.now(), &step());
        }
    }
}

#[cfg(test)]
mod tests;
