//! The world: the account, the bus, the queues, the schedules and the functions, moved on together in virtual time.
//!
//! One step of a world is the smallest thing that can happen: an event is routed, a schedule fires, one batch goes
//! through one function; functions with full queues take turns. Steps happen in a fixed order, so that the same world does the same thing in every run.

mod run;
mod step;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::account::Account;
use crate::bus::Bus;
use crate::clock::VirtualClock;
use crate::dynamodb::DynamoDb;
use crate::events::Events;
use crate::fifo::QueueSpec;
use crate::function::Function;
use crate::logs::Logs;
use crate::queues::{Queues, name_in};
use crate::scheduler::Scheduler;
use crate::sns::Sns;
use crate::sqs::Sqs;
use crate::sts::Sts;
use crate::template::{FunctionSpec, Source, Template};
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
    logs: Logs,
    scheduler: Scheduler,
    functions: BTreeMap<String, Box<dyn Function>>,
    invoked: Vec<Invoked>,
    observer: Option<Observer>,
    calls_seen: usize,
    alerts_seen: usize,
    /// The event source mapping that is looked at first.
    turn: usize,
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
        let logs = Logs::default();
        account.register("logs", Box::new(logs.clone()));
        account.container_logs(&logs);
        account.register("sts", Box::new(Sts));
        let scheduler = Scheduler::new(&template, clock.now());
        account.register("scheduler", Box::new(scheduler.clone()));
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
            logs,
            scheduler,
            functions: BTreeMap::new(),
            invoked: Vec::new(),
            observer: None,
            calls_seen: 0,
            alerts_seen: 0,
            turn: 0,
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

    /// CloudWatch Logs, to write what containers of services write. Those of jobs write by themselves.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Every invocation so far, oldest first.
    pub fn invoked(&self) -> &[Invoked] {
        &self.invoked
    }

    /// The schedules: those of the template, and those that functions make.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Switches a schedule of the template on or off; false when there is no such schedule. Switched on, it counts from
    /// now.
    pub fn switch_schedule(&mut self, id: &str, on: bool) -> bool {
        self.scheduler.switch(id, on, self.clock.now())
    }

    /// Switches all schedules of the template off.
    pub fn stop_schedules(&mut self) {
        self.scheduler.stop(self.clock.now());
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
        polled.chain(self.scheduler.next_due()).chain(self.bus.next_due()).chain(self.account.next_due()).min()
    }

    /// Event source mappings of functions that have code.
    fn polled(&self) -> impl Iterator<Item = (&FunctionSpec, &Source)> {
        let attached = self.template.functions.iter().filter(|spec| self.functions.contains_key(&spec.id));
        attached.flat_map(|spec| spec.sources.iter().map(move |source| (spec, source)))
    }
}

#[cfg(test)]
mod between;
#[cfg(test)]
mod tests;
