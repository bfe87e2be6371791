//! All queues of the account, shared between the SQS API, the bus and the event source mappings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::fifo::{Hold, Message, Outgoing, Queue, QueueSpec, SendError, Sent};

/// ARN prefix of the account's queues.
const ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:";
/// URL prefix of the account's queues.
const URL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/";

/// The queues, by name. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Queues(Arc<Mutex<BTreeMap<String, Queue>>>);

/// ARN of the queue with this name.
pub fn arn(name: &str) -> String {
    format!("{ARN}{name}")
}

/// URL of the queue with this name.
pub fn url(name: &str) -> String {
    format!("{URL}{name}")
}

/// Name in an ARN or URL of a queue.
pub fn name_in(arn_or_url: &str) -> &str {
    arn_or_url.rsplit(['/', ':']).next().unwrap_or_default()
}

impl Queues {
    /// Makes a queue, or leaves the one of that name as it is.
    pub fn create(&self, spec: QueueSpec) {
        self.lock().entry(spec.name.clone()).or_insert_with(|| Queue::new(spec));
    }

    /// Removes a queue; false when there is none.
    pub fn remove(&self, name: &str) -> bool {
        self.lock().remove(name).is_some()
    }

    /// Names of all queues, sorted.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Runs `with` on the queue, if it exists.
    pub fn with<T>(&self, name: &str, with: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        self.lock().get_mut(name).map(with)
    }

    /// Sends to a queue; `None` when it does not exist.
    pub fn send(&self, name: &str, now: Timestamp, outgoing: Outgoing) -> Option<Result<Sent, SendError>> {
        self.with(name, |queue| queue.send(now, outgoing))
    }

    /// Receives, and moves what went over `maxReceiveCount` to the dead-letter queue. `None` when there is no such queue.
    pub fn receive(
        &self,
        name: &str,
        now: Timestamp,
        max: usize,
        visibility: Option<SignedDuration>,
    ) -> Option<Received> {
        let mut queues = self.lock();
        let queue = queues.get_mut(name)?;
        let (messages, dead) = queue.receive(now, max, visibility);
        let target = queue.spec().redrive.as_ref().map(|(arn, _)| name_in(arn).to_owned());
        if let Some(target) = target.and_then(|target| queues.get_mut(&target)) {
            for message in &dead {
                target.adopt(message.clone());
            }
        }
        Some(Received { messages, dead })
    }

    /// Moves everything visible in a dead-letter queue back to the queue that it serves; how many, or `None` when the
    /// queue does not exist or serves none.
    pub fn redrive(&self, dead_letter: &str, now: Timestamp) -> Option<usize> {
        let mut queues = self.lock();
        let serves =
            |queue: &&mut Queue| queue.spec().redrive.as_ref().is_some_and(|(arn, _)| name_in(arn) == dead_letter);
        let source = queues.values_mut().find(serves)?.spec().name.clone();
        let messages = queues.get_mut(dead_letter)?.take_visible(now);
        let target = queues.get_mut(&source)?;
        let count = messages.len();
        for message in messages {
            target.adopt(Message { receives: 0, first_received_at: None, receipt: None, sent_at: now, ..message });
        }
        Some(count)
    }

    /// All messages of a queue, oldest first; empty when there is no such queue.
    pub fn messages(&self, name: &str) -> Vec<Message> {
        self.with(name, |queue| queue.messages().to_vec()).unwrap_or_default()
    }

    /// How long the messages that left a queue had been held.
    pub fn holds(&self, name: &str) -> Vec<Hold> {
        self.with(name, |queue| queue.holds().to_vec()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a receive gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Messages, now in flight.
    pub messages: Vec<Message>,
    /// Messages that were moved to the dead-letter queue instead.
    pub dead: Vec<Message>,
}
