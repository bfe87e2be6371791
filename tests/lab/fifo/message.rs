//! A message, and what became of it.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// What is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The body.
    pub body: String,
    /// Message group, needed by FIFO queues.
    pub group: Option<String>,
    /// Deduplication id, needed by FIFO queues without content-based deduplication.
    pub deduplication: Option<String>,
    /// Message attributes as the API has them, kept for the receiver.
    pub attributes: serde_json::Value,
    /// How long a standard queue keeps the message back.
    pub delay: SignedDuration,
}

/// The receipt of a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Message id.
    pub message_id: String,
    /// Sequence number, of FIFO queues only.
    pub sequence_number: Option<String>,
}

/// Why a queue does not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// A FIFO queue was sent a message without a group.
    MissingGroup,
    /// Neither a deduplication id nor content-based deduplication.
    MissingDeduplicationId,
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Message id, kept over redrives.
    pub id: String,
    /// The body.
    pub body: String,
    /// Message group.
    pub group: Option<String>,
    /// Deduplication id.
    pub deduplication: Option<String>,
    /// Message attributes as the API has them.
    pub attributes: serde_json::Value,
    /// Sequence number, of FIFO queues only.
    pub sequence_number: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it was received for the first time.
    pub first_received_at: Option<Timestamp>,
    /// `ApproximateReceiveCount`.
    pub receives: u32,
    /// Receipt handle of the last receive.
    pub receipt: Option<String>,
    /// From when it can be received.
    pub visible_at: Timestamp,
}

/// For how long a message held its group (or, on a standard queue, itself) since it was first received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Message id.
    pub message_id: String,
    /// Message group.
    pub group: Option<String>,
    /// How often it was received.
    pub receives: u32,
    /// Time from the first receive to the end, zero when it was never received.
    pub held: SignedDuration,
    /// How it ended.
    pub released: Released,
}

/// How a message left its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// Deleted by its consumer.
    Deleted,
    /// Moved to the dead-letter queue.
    DeadLettered,
    /// Older than the queue's retention.
    Expired,
}

impl Message {
    pub(super) fn new(now: Timestamp, sent: &Sent, outgoing: Outgoing, deduplication: Option<String>) -> Self {
        Self {
            id: sent.message_id.clone(),
            body: outgoing.body,
            group: outgoing.group,
            deduplication,
            attributes: outgoing.attributes,
            sequence_number: sent.sequence_number.clone(),
            sent_at: now,
            first_received_at: None,
            receives: 0,
            receipt: None,
            visible_at: now + outgoing.delay,
        }
    }

    pub(super) fn hand_out(&mut self, now: Timestamp, visible_at: Timestamp) {
        self.receives += 1;
        self.first_received_at.get_or_insert(now);
        self.receipt = Some(format!("{}-{}", self.id, self.receives));
        self.visible_at = visible_at;
    }

    pub(super) fn hold(&self, now: Timestamp, released: Released) -> Hold {
        Hold {
            message_id: self.id.clone(),
            group: self.group.clone(),
            receives: self.receives,
            held: self.first_received_at.map_or(SignedDuration::ZERO, |first| now.duration_since(first)),
            released,
        }
    }
}

/// An id in the form of a UUID that follows from what it is counted for, so that runs repeat to the byte.
pub(crate) fn id_for(of: &str, counter: u64) -> String {
    let hex = sha256(&format!("{of}/{counter}"));
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// SHA-256 as lower-case hex.
pub(super) fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
