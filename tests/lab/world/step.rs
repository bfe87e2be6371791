//! What an observer of a world is shown.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::account::CallRecord;
use crate::bus::Mishap;
use crate::fifo::Message;
use crate::function::FunctionError;
use crate::sns::Published;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Step {
    /// An event reached the bus, or met a mishap before it.
    Event {
        /// The whole envelope.
        event: Value,
        /// What became of it.
        mishap: Mishap,
    },
    /// A rule or schedule sent a message.
    Sent {
        /// Logical id of the rule or schedule.
        from: String,
        /// Name of the queue.
        queue: String,
        /// Message id. A duplicate has that of its original.
        message_id: String,
    },
    /// A target refused a message.
    Undelivered {
        /// Logical id of the rule or schedule.
        from: String,
        /// Why.
        problem: String,
        /// Whether the target's dead-letter queue has it.
        kept: bool,
    },
    /// A schedule fired.
    Fired {
        /// Logical id in the template, or the name of a schedule that was made through the API.
        schedule: String,
    },
    /// A function begins to work on messages.
    Invoked {
        /// Logical id.
        function: String,
        /// The batch.
        messages: Vec<Message>,
    },
    /// An API call was answered, told before [`Step::Answered`] of the invocation that made it.
    Called(CallRecord),
    /// Something was published on a topic, told before [`Step::Answered`] of the invocation that did it.
    Published(Published),
    /// A function is done.
    Answered(Invoked),
    /// A message was given up.
    DeadLettered {
        /// Name of the queue that it left.
        queue: String,
        /// The message.
        message: Message,
    },
}

/// One invocation, when it is over.
#[derive(Clone, Debug)]
pub struct Invoked {
    /// Logical id of the function.
    pub function: String,
    /// Virtual time at which it began.
    pub at: Timestamp,
    /// How much virtual time it took.
    pub took: SignedDuration,
    /// The batch.
    pub messages: Vec<Message>,
    /// Ids of the messages that stay in the queue.
    pub failed: BTreeSet<String>,
    /// What it answered.
    pub result: Result<Value, FunctionError>,
    /// What it wrote to its log, where that is known.
    pub log: Vec<String>,
}
