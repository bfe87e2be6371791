//! SQS queues in virtual time: first in first out by message group, or standard.
//!
//! Simulated: message groups in order, one group's messages wait while one of them is in flight, deduplication for five
//! minutes, visibility timeout, receive count, redrive to the dead-letter queue at the receive that exceeds
//! `maxReceiveCount`, retention, delay of standard queues. A standard queue here keeps the order, too, and delivers once.

mod message;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

pub(crate) use message::id_for;
pub use message::{Hold, Message, Outgoing, Released, SendError, Sent};

/// How long SQS remembers a deduplication id.
pub const DEDUPLICATION_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// What a queue is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSpec {
    /// Logical id in the template, or the name where there is no template.
    pub id: String,
    /// Name, ends with `.fifo` for a FIFO queue.
    pub name: String,
    /// FIFO, or standard.
    pub fifo: bool,
    /// Takes the SHA-256 of the body as deduplication id when none is given.
    pub content_deduplication: bool,
    /// How long a received message stays invisible.
    pub visibility: SignedDuration,
    /// How long a message is kept.
    pub retention: SignedDuration,
    /// Dead-letter queue's ARN and `maxReceiveCount`.
    pub redrive: Option<(String, u32)>,
}

impl QueueSpec {
    /// A queue with the defaults of SQS: 30 seconds of visibility, four days of retention.
    pub fn named(name: &str) -> Self {
        Self {
            id: name.to_owned(),
            name: name.to_owned(),
            fifo: is_fifo(name),
            content_deduplication: false,
            visibility: SignedDuration::from_secs(30),
            retention: SignedDuration::from_hours(96),
            redrive: None,
        }
    }
}

/// Whether a queue of this name is a FIFO queue. SQS goes by the exact ending.
fn is_fifo(name: &str) -> bool {
    name.strip_suffix(".fifo").is_some()
}

/// A queue and what is in it.
#[derive(Clone, Debug)]
pub struct Queue {
    spec: QueueSpec,
    messages: Vec<Message>,
    seen: BTreeMap<String, (Timestamp, Sent)>,
    holds: Vec<Hold>,
    counter: u64,
}

impl Queue {
    /// An empty queue.
    pub fn new(spec: QueueSpec) -> Self {
        Self { spec, messages: Vec::new(), seen: BTreeMap::new(), holds: Vec::new(), counter: 0 }
    }

    /// What the queue is made of.
    pub fn spec(&self) -> &QueueSpec {
        &self.spec
    }

    /// Changes attributes; messages stay.
    pub fn set_spec(&mut self, spec: QueueSpec) {
        self.spec = spec;
    }

    /// All messages, in flight or not, oldest first.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// For how long each message that is gone had been held by its consumer, in the order of leaving.
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// Takes a message in. A duplicate within five minutes is answered like its original and not stored.
    pub fn send(&mut self, now: Timestamp, outgoing: Outgoing) -> Result<Sent, SendError> {
        let deduplication = self.deduplication_id(&outgoing)?;
        self.seen.retain(|_, (at, _)| now.duration_since(*at) < DEDUPLICATION_WINDOW);
        if let Some((_, sent)) = deduplication.as_ref().and_then(|id| self.seen.get(id)) {
            return Ok(sent.clone());
        }
        self.counter += 1;
        let sent = Sent {
            message_id: id_for(&self.spec.name, self.counter),
            sequence_number: self.spec.fifo.then(|| format!("{:020}", 10_000_000_000_000_000_000 + self.counter)),
        };
        if let Some(id) = &deduplication {
            self.seen.insert(id.clone(), (now, sent.clone()));
        }
        self.messages.push(Message::new(now, &sent, outgoing, deduplication));
        Ok(sent)
    }

    /// Takes in what another queue gave up, with its ids and its age.
    pub(crate) fn adopt(&mut self, mut message: Message) {
        message.visible_at = message.sent_at;
        self.messages.push(message);
    }

    fn deduplication_id(&self, outgoing: &Outgoing) -> Result<Option<String>, SendError> {
        if !self.spec.fifo {
            return Ok(None);
        }
        if outgoing.group.as_deref().unwrap_or_default().is_empty() {
            return Err(SendError::MissingGroup);
        }
        match &outgoing.deduplication {
            Some(id) => Ok(Some(id.clone())),
            None if self.spec.content_deduplication => Ok(Some(message::sha256(&outgoing.body))),
            None => Err(SendError::MissingDeduplicationId),
        }
    }

    /// Hands out up to `max` messages, of each group in order. The second list is what went over `maxReceiveCount`
    /// instead: it belongs into the dead-letter queue.
    pub fn receive(
        &mut self,
        now: Timestamp,
        max: usize,
        visibility: Option<SignedDuration>,
    ) -> (Vec<Message>, Vec<Message>) {
        self.expire(now);
        let dead = self.take_dead(now);
        let visibility = visibility.unwrap_or(self.spec.visibility);
        let mut blocked = self.blocked_groups(now);
        let mut received = Vec::new();
        for message in &mut self.messages {
            if received.len() == max {
                break;
            }
            let waits = message.group.as_ref().is_some_and(|group| blocked.contains(group));
            if waits || message.visible_at > now {
                // A later message of the group must not overtake one that is not visible.
                blocked.extend(message.group.clone());
                continue;
            }
            message.hand_out(now, now + visibility);
            received.push(message.clone());
        }
        (received, dead)
    }

    /// Whether [`Queue::receive`] would hand out or give up anything now.
    pub fn is_ready(&self, now: Timestamp) -> bool {
        let blocked = self.blocked_groups(now);
        let free = |message: &&Message| message.group.as_ref().is_none_or(|group| !blocked.contains(group));
        self.messages.iter().filter(free).any(|message| message.visible_at <= now)
    }

    /// The earliest time at which a message that is invisible now comes back, or a message expires.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let times =
            self.messages.iter().flat_map(|message| [message.visible_at, message.sent_at + self.spec.retention]);
        times.filter(|at| *at > now).min()
    }

    fn blocked_groups(&self, now: Timestamp) -> BTreeSet<String> {
        let in_flight = self.messages.iter().filter(|message| message.visible_at > now && self.spec.fifo);
        in_flight.filter_map(|message| message.group.clone()).collect()
    }

    fn expire(&mut self, now: Timestamp) {
        let retention = self.spec.retention;
        let expired = self.messages.extract_if(.., |message| message.sent_at + retention <= now);
        let holds: Vec<Hold> = expired.map(|message| message.hold(now, Released::Expired)).collect();
        self.holds.extend(holds);
    }

    fn take_dead(&mut self, now: Timestamp) -> Vec<Message> {
        let Some((_, max_receives)) = self.spec.redrive else { return Vec::new() };
        let spent = |message: &mut Message| message.visible_at <= now && message.receives >= max_receives;
        let dead: Vec<Message> = self.messages.extract_if(.., spent).collect();
        self.holds.extend(dead.iter().map(|message| message.hold(now, Released::DeadLettered)));
        dead
    }

    /// Deletes the message of this receipt. A receipt of an earlier receive is taken without effect, as SQS does for
    /// FIFO queues after the visibility timeout.
    pub fn delete(&mut self, now: Timestamp, receipt: &str) {
        let current = |message: &mut Message| message.receipt.as_deref() == Some(receipt) && message.visible_at > now;
        let deleted: Vec<Message> = self.messages.extract_if(.., current).collect();
        self.holds.extend(deleted.iter().map(|message| message.hold(now, Released::Deleted)));
    }

    /// Makes a message in flight visible at `now + visibility`; false when it is not in flight.
    pub fn change_visibility(&mut self, now: Timestamp, receipt: &str, visibility: SignedDuration) -> bool {
        let mut messages = self.messages.iter_mut();
        match messages.find(|message| message.receipt.as_deref() == Some(receipt) && message.visible_at > now) {
            Some(message) => {
                message.visible_at = now + visibility;
                true
            }
            None => false,
        }
    }

    /// Removes all messages.
    pub fn purge(&mut self) {
        self.messages.clear();
    }

    /// Takes all messages out that are not in flight, for a redrive to their source.
    pub(crate) fn take_visible(&mut self, now: Timestamp) -> Vec<Message> {
        self.messages.extract_if(.., |message| message.visible_at <= now).collect()
    }
}

#[cfg(test)]
mod tests;
