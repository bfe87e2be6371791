//! What one step of a world is, in the order in which steps are looked for.

use jiff::Timestamp;
use serde_json::Value;

use super::{Invoked, Step, World};
use crate::bus::{Mishap, Routed};
use crate::fifo::{Outgoing, id_for};
use crate::function::Invocation;
use crate::mapping;
use crate::queues::name_in;
use crate::scheduler::Firing;
use crate::template::{FunctionSpec, Source, Target};

impl World {
    /// One step; false when there is nothing to do at this instant.
    pub(super) async fn step(&mut self) -> bool {
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
        let Some((place, spec, source)) = self.ready(now) else { return false };
        self.turn = place + 1;
        self.poll(&spec, &source).await;
        true
    }

    /// The next event source mapping with something to do, and its place in the round: after one had its turn, the others
    /// come first.
    fn ready(&self, now: Timestamp) -> Option<(usize, FunctionSpec, Source)> {
        let is_ready = |source: &Source| self.queues.with(name_in(&source.queue), |queue| queue.is_ready(now));
        let ready = self.polled().enumerate().filter(|(_, (_, source))| is_ready(source).unwrap_or(false));
        let (place, (spec, source)) = ready.min_by_key(|(place, _)| *place < self.turn)?;
        Some((place, spec.clone(), source.clone()))
    }

    pub(super) fn arrive(&mut self, event: &Value) {
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
        let Some(Firing { schedule, target, body }) = self.scheduler.take_due(now) else { return false };
        self.tell(|| Step::Fired { schedule: schedule.clone() });
        self.deliver(&schedule, &target, body);
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
