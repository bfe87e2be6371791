//! The simulated account: one door for every API call, one clock, one stream of events.

mod door;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::clock::VirtualClock;
use crate::context::Context;
use crate::ecr::Ecr;
use crate::ecs::Ecs;
use crate::faults::{Chooser, Crash, Fault, Faults};
use crate::kms::Kms;
use crate::rds::Rds;
use crate::service::{Service, unknown_operation};
use crate::throttle::Throttle;
use crate::wire::{Call, Outcome};

/// One call that the account answered, or would have answered had its caller lived.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The call, with its input.
    pub call: Call,
    /// The fault that it met.
    pub fault: Fault,
    /// Error code of the answer, `None` for success and for calls whose effect is yet to land.
    pub error: Option<String>,
}

/// Marks a response that never reaches its caller: the in-process client reports a broken connection, a server closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostReply;

/// A simulated AWS account. Clones are the same account.
#[derive(Clone)]
pub struct Account(Arc<Inner>);

struct Inner {
    clock: VirtualClock,
    state: Mutex<State>,
    plugged: Mutex<BTreeMap<String, Plugged>>,
    crash: Crash,
    sleeps: Mutex<(u64, BTreeSet<(Timestamp, u64)>)>,
    /// How many requests have arrived: a sign that whoever waits beside is at work.
    arrivals: AtomicU64,
    /// How long calls take.
    latency: Mutex<Latency>,
    /// Length of the last answer in bytes: who gets a long one is at work for longer before the next request.
    answered: AtomicUsize,
}

type Plugged = Arc<tokio::sync::Mutex<Box<dyn Service>>>;

/// How long a call takes, from its arrival to its answer.
pub type Latency = fn(&Call) -> SignedDuration;

/// Everything behind the door that is simulated here, under one lock that is never held across an await.
pub(crate) struct State {
    pub(crate) context: Context,
    pub(crate) ecs: Ecs,
    pub(crate) ecr: Ecr,
    pub(crate) rds: Rds,
    pub(crate) kms: Kms,
    throttle: Throttle,
    faults: Faults,
    calls: Vec<CallRecord>,
    /// Calls whose caller died while they were under way, by the time at which they land.
    late: BTreeMap<(Timestamp, usize), Call>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("now", &self.0.clock.now()).finish_non_exhaustive()
    }
}

impl Account {
    /// An empty account, 123456789012 in eu-west-1, whose time is `clock`.
    pub fn new(clock: VirtualClock) -> Self {
        let state = State {
            context: Context::new(clock.now()),
            ecs: Ecs::default(),
            ecr: Ecr::default(),
            rds: Rds::default(),
            kms: Kms::default(),
            throttle: Throttle::default(),
            faults: Faults::default(),
            calls: Vec::new(),
            late: BTreeMap::new(),
        };
        let inner = Inner {
            clock,
            state: Mutex::new(state),
            plugged: Mutex::new(BTreeMap::new()),
            crash: Crash::default(),
            sleeps: Mutex::default(),
            arrivals: AtomicU64::new(0),
            latency: Mutex::new(|_| SignedDuration::ZERO),
            answered: AtomicUsize::new(0),
        };
        Self(Arc::new(inner))
    }

    /// The account's time.
    pub fn clock(&self) -> &VirtualClock {
        &self.0.clock
    }

    fn plugged(&self, service: &str) -> Option<Plugged> {
        self.0.plugged.lock().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
    }

    /// Adds a service, or takes the place of one: calls whose [`Call::service`] is `service` go to `api`.
    pub fn register(&self, service: &str, api: Box<dyn Service>) {
        let api = Arc::new(tokio::sync::Mutex::new(api));
        self.0.plugged.lock().unwrap_or_else(PoisonError::into_inner).insert(service.to_owned(), api);
    }

    /// Moves the clock to `to` and runs everything that is due on the way, each thing at its own time.
    pub fn advance_to(&self, to: Timestamp) {
        while let Some(due) = self.next_due().filter(|due| *due <= to) {
            self.0.clock.advance_to(due);
            let mut state = self.lock();
            let late = state.late.first_key_value().is_some_and(|((at, _), _)| *at <= due);
            if late {
                let landed = state.late.pop_first();
                drop(state);
                if let Some((_, call)) = landed {
                    self.land(&call);
                }
            } else {
                state.run_due(due);
            }
        }
        self.0.clock.advance_to(to);
    }

    /// Moves the clock by `by` and runs everything that is due on the way.
    pub fn advance(&self, by: SignedDuration) {
        self.advance_to(self.0.clock.now() + by);
    }

    /// Performs a call whose caller is dead. Nobody sees the outcome.
    fn land(&self, call: &Call) {
        let mut effect = std::pin::pin!(self.perform(call, false));
        // There is no executor here. The services of the lab answer without waiting for anything outside, so that a
        // few polls are enough; the bound keeps one that does wait from hanging the clock.
        let mut context = TaskContext::from_waker(Waker::noop());
        let _ = (0..100).any(|_| matches!(effect.as_mut().poll(&mut context), Poll::Ready(_)));
    }

    /// When the next thing will happen by itself, if anything is pending.
    pub fn next_due(&self) -> Option<Timestamp> {
        let state = self.lock();
        let late = state.late.keys().next().map(|(at, _)| *at);
        [state.ecs.next_due(), state.rds.next_due(), late].into_iter().flatten().min()
    }

    /// The `EventBridge` events sent since the last call, oldest first, each with its whole envelope.
    pub fn take_events(&self) -> Vec<Value> {
        self.lock().context.take_events()
    }

    /// The same of other regions: they never reach the bus of this one.
    pub fn take_events_elsewhere(&self) -> Vec<Value> {
        self.lock().context.take_events_elsewhere()
    }

    /// Every call answered so far.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.lock().calls.clone()
    }

    /// How many of the calls so far are `wanted`.
    pub fn count_calls(&self, wanted: impl Fn(&CallRecord) -> bool) -> usize {
        self.lock().calls.iter().filter(|record| wanted(record)).count()
    }

    /// Forgets the calls so far: a life of years would keep them all.
    pub fn forget_calls(&self) {
        self.lock().calls = Vec::new();
    }

    /// Names of the operations called so far, in order, for assertions: `ecs:UpdateService`.
    pub fn operations(&self) -> Vec<String> {
        self.lock().calls.iter().map(|r| format!("{}:{}", r.call.service, r.call.operation)).collect()
    }

    /// Lets `choose` decide the fault of each SDK call from now on.
    pub fn inject(&self, choose: Chooser) {
        self.lock().faults = Faults::chosen_by(choose);
    }

    /// Where crash faults are announced.
    pub fn crash(&self) -> Crash {
        self.0.crash.clone()
    }

    /// Switches API throttling on (the default) or off.
    pub fn throttling(&self, on: bool) {
        self.lock().throttle.switch(on);
    }

    /// Lets calls take time from now on. Without this they take none. Calls that are under way together take their times
    /// one after the other: what one caller does at once is told as slower than it is, never as faster.
    pub fn calls_take(&self, latency: Latency) {
        *self.0.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }

    pub(crate) fn latency(&self, call: &Call) -> SignedDuration {
        let latency = *self.0.latency.lock().unwrap_or_else(PoisonError::into_inner);
        latency(call)
    }

    /// The least that was left of each bucket of the ECS API since this was asked last, as a share of its burst.
    pub fn least_left(&self) -> BTreeMap<&'static str, f64> {
        self.lock().throttle.take_lowest()
    }

    /// How many requests have arrived so far.
    pub(crate) fn arrivals(&self) -> u64 {
        self.0.arrivals.load(Ordering::Relaxed)
    }

    /// Length of the last answer in bytes.
    pub(crate) fn answered(&self) -> usize {
        self.0.answered.load(Ordering::Relaxed)
    }

    pub(crate) fn note_arrival(&self) {
        self.0.arrivals.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_answer(&self, bytes: usize) {
        self.0.answered.store(bytes, Ordering::Relaxed);
    }

    /// Enters a wait until `until`; answers its number.
    pub(crate) fn enlist(&self, until: Timestamp) -> u64 {
        let mut sleeps = self.0.sleeps.lock().unwrap_or_else(PoisonError::into_inner);
        sleeps.0 += 1;
        let number = sleeps.0;
        sleeps.1.insert((until, number));
        number
    }

    /// Whether no other wait ends before this one.
    pub(crate) fn ends_first(&self, until: Timestamp, number: u64) -> bool {
        let sleeps = self.0.sleeps.lock().unwrap_or_else(PoisonError::into_inner);
        sleeps.1.first() == Some(&(until, number))
    }

    /// Strikes out a wait that ended or was given up.
    pub(crate) fn dismiss(&self, until: Timestamp, number: u64) {
        self.0.sleeps.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&(until, number));
    }

    /// The simulation, brought to the clock's time.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.context.now = self.0.clock.now();
        state
    }
}

impl State {
    fn perform(&mut self, call: &Call, stale: bool) -> Outcome {
        match call.service.as_str() {
            "ecs" => self.ecs.call(&mut self.context, call, stale),
            "ecr" => self.ecr.call(&mut self.context, call, stale),
            "rds" => self.rds.call(&mut self.context, &self.kms, call, stale),
            "kms" => self.kms.call(call),
            "tagging" => crate::tagging::call(&self.ecs, self.context.now, call, stale),
            _ => unknown_operation(call),
        }
    }

    fn run_due(&mut self, now: Timestamp) {
        self.context.now = now;
        self.ecs.run_due(&mut self.context, &self.ecr);
        self.rds.run_due(&mut self.context);
    }
}
