//! The SQS API (JSON protocol) over [`Queues`], for the functions, the AWS CLI and whoever looks into a queue.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::fifo::{Message, Outgoing, QueueSpec, SendError};
use crate::queues::{self, Queues};
use crate::service::{Answer, Service, unknown_operation};
use crate::wire::{ApiError, Call, Outcome, Reply};

/// The SQS service.
#[derive(Clone, Debug)]
pub struct Sqs(pub Queues);

impl Service for Sqs {
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a> {
        Box::pin(std::future::ready(self.answer(call)))
    }
}

impl Sqs {
    /// Answers one call.
    pub fn answer(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let reply = match call.operation.as_str() {
            "CreateQueue" => self.create(input)?,
            "ListQueues" => self.list(input),
            "GetQueueUrl" => {
                let name = text(input, "QueueName")?;
                self.0.with(name, |_| ()).ok_or_else(no_such_queue)?;
                json!({ "QueueUrl": queues::url(name) })
            }
            "GetQueueAttributes" => self.attributes(queue_name(input)?, input, call.at)?,
            "SendMessage" => self.send(queue_name(input)?, input, call.at)?,
            "ReceiveMessage" => self.receive(queue_name(input)?, input, call.at)?,
            "DeleteMessage" => {
                let receipt = text(input, "ReceiptHandle")?;
                self.0.with(queue_name(input)?, |queue| queue.delete(call.at, receipt)).ok_or_else(no_such_queue)?;
                json!({})
            }
            "ChangeMessageVisibility" => self.change_visibility(queue_name(input)?, input, call.at)?,
            "PurgeQueue" => {
                self.0.with(queue_name(input)?, crate::fifo::Queue::purge).ok_or_else(no_such_queue)?;
                json!({})
            }
            "DeleteQueue" => {
                let removed = self.0.remove(queue_name(input)?);
                if removed { json!({}) } else { return Err(no_such_queue()) }
            }
            "StartMessageMoveTask" => {
                let source = queues::name_in(text(input, "SourceArn")?);
                self.0.redrive(source, call.at).ok_or_else(|| {
                    ApiError::client("ResourceNotFoundException", "The source queue is not a dead-letter queue.")
                })?;
                json!({ "TaskHandle": format!("move-{source}-{}", call.at.as_second()) })
            }
            _ => return unknown_operation(call),
        };
        Ok(Reply::Json(reply))
    }

    fn create(&self, input: &Value) -> Result<Value, ApiError> {
        let name = text(input, "QueueName")?;
        let attributes = input.get("Attributes").cloned().unwrap_or_default();
        let attribute = |key: &str| attributes.get(key).and_then(Value::as_str);
        let seconds = |key: &str| attribute(key).and_then(|text| text.parse().ok()).map(SignedDuration::from_secs);
        let defaults = QueueSpec::named(name);
        if defaults.fifo != (attribute("FifoQueue") == Some("true")) {
            let message = "The name of a FIFO queue ends with .fifo, and FifoQueue is true";
            return Err(ApiError::client("InvalidParameterValue", message));
        }
        let redrive = attribute("RedrivePolicy").and_then(|text| serde_json::from_str::<Value>(text).ok());
        self.0.create(QueueSpec {
            content_deduplication: attribute("ContentBasedDeduplication") == Some("true"),
            visibility: seconds("VisibilityTimeout").unwrap_or(defaults.visibility),
            retention: seconds("MessageRetentionPeriod").unwrap_or(defaults.retention),
            redrive: redrive.as_ref().and_then(redrive_policy),
            ..defaults
        });
        Ok(json!({ "QueueUrl": queues::url(name) }))
    }

    fn list(&self, input: &Value) -> Value {
        let prefix = input.get("QueueNamePrefix").and_then(Value::as_str).unwrap_or_default();
        let names = self.0.names().into_iter().filter(|name| name.starts_with(prefix));
        let urls: Vec<String> = names.map(|name| queues::url(&name)).collect();
        if urls.is_empty() { json!({}) } else { json!({ "QueueUrls": urls }) }
    }

    fn attributes(&self, name: &str, input: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let mut all = self.0.with(name, |queue| attributes_of(queue, now)).ok_or_else(no_such_queue)?;
        let wanted = strings(input, "AttributeNames");
        all.retain(|key, _| wanted.iter().any(|name| name == "All" || name == key));
        Ok(if all.is_empty() { json!({}) } else { json!({ "Attributes": all }) })
    }

    fn send(&self, name: &str, input: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let optional = |key: &str| input.get(key).and_then(Value::as_str).map(str::to_owned);
        let body = text(input, "MessageBody")?.to_owned();
        if body.is_empty() || body.len() > 1_048_576 {
            let message = "One or more parameters are invalid. Reason: Message must be 1 byte to 1048576 bytes.";
            return Err(ApiError::client("InvalidParameterValue", message));
        }
        let digest = md5(&body);
        let outgoing = Outgoing {
            body,
            group: optional("MessageGroupId"),
            deduplication: optional("MessageDeduplicationId"),
            attributes: input.get("MessageAttributes").cloned().unwrap_or_else(|| json!({})),
            delay: SignedDuration::from_secs(input.get("DelaySeconds").and_then(Value::as_i64).unwrap_or(0)),
        };
        let sent = self.0.send(name, now, outgoing).ok_or_else(no_such_queue)?.map_err(refused)?;
        let mut reply = json!({ "MessageId": sent.message_id, "MD5OfMessageBody": digest });
        if let (Some(number), Some(object)) = (sent.sequence_number, reply.as_object_mut()) {
            object.insert("SequenceNumber".to_owned(), number.into());
        }
        Ok(reply)
    }

    fn receive(&self, name: &str, input: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let max = input.get("MaxNumberOfMessages").and_then(Value::as_u64).unwrap_or(1);
        let max = usize::try_from(max).ok().filter(|max| (1..=10).contains(max)).ok_or_else(|| {
            ApiError::client("InvalidParameterValue", "MaxNumberOfMessages must be between 1 and 10, if provided.")
        })?;
        let visibility = input.get("VisibilityTimeout").and_then(Value::as_i64).map(SignedDuration::from_secs);
        let received = self.0.receive(name, now, max, visibility).ok_or_else(no_such_queue)?;
        let mut wanted = strings(input, "AttributeNames");
        wanted.extend(strings(input, "MessageSystemAttributeNames"));
        let messages: Vec<Value> = received.messages.iter().map(|message| described(message, &wanted)).collect();
        Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
    }

    fn change_visibility(&self, name: &str, input: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let receipt = text(input, "ReceiptHandle")?;
        let seconds = input.get("VisibilityTimeout").and_then(Value::as_i64).unwrap_or(0);
        let change =
            |queue: &mut crate::fifo::Queue| queue.change_visibility(now, receipt, SignedDuration::from_secs(seconds));
        match self.0.with(name, change) {
            None => Err(no_such_queue()),
            Some(false) => Err(ApiError::client("MessageNotInflight", "The message referred to isn't in flight.")),
            Some(true) => Ok(json!({})),
        }
    }
}

/// Dead-letter queue and `maxReceiveCount` of a redrive policy; the count comes as a number or as a string.
pub(crate) fn redrive_policy(policy: &Value) -> Option<(String, u32)> {
    let arn = policy.get("deadLetterTargetArn")?.as_str()?;
    let count = policy.get("maxReceiveCount")?;
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    Some((arn.to_owned(), u32::try_from(count).ok()?))
}

/// The system attributes of a message, as the API and Lambda's event source mapping show them.
pub(crate) fn system_attributes(message: &Message) -> Map<String, Value> {
    let millis = |at: Timestamp| Value::from(at.as_millisecond().to_string());
    let mut attributes = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            attributes.insert(key.to_owned(), value);
        }
    };
    set("ApproximateReceiveCount", Some(message.receives.to_string().into()));
    set("SentTimestamp", Some(millis(message.sent_at)));
    set("SequenceNumber", message.sequence_number.clone().map(Value::from));
    set("MessageGroupId", message.group.clone().map(Value::from));
    set("SenderId", Some("AIDACKCEVSQ6C2EXAMPLE".into()));
    set("MessageDeduplicationId", message.deduplication.clone().map(Value::from));
    set("ApproximateFirstReceiveTimestamp", message.first_received_at.map(millis));
    attributes
}

/// MD5 of a body, which some SDKs check.
pub(crate) fn md5(body: &str) -> String {
    use md5::Digest as _;
    use std::fmt::Write as _;
    md5::Md5::digest(body.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn described(message: &Message, wanted: &[String]) -> Value {
    let mut attributes = system_attributes(message);
    attributes.retain(|key, _| wanted.iter().any(|name| name == "All" || name == key));
    let mut described = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": md5(&message.body),
        "Body": message.body,
    });
    if let Some(object) = described.as_object_mut() {
        if !attributes.is_empty() {
            object.insert("Attributes".to_owned(), attributes.into());
        }
        if message.attributes.as_object().is_some_and(|attributes| !attributes.is_empty()) {
            object.insert("MessageAttributes".to_owned(), message.attributes.clone());
        }
    }
    described
}

fn attributes_of(queue: &mut crate::fifo::Queue, now: Timestamp) -> Map<String, Value> {
    let spec = queue.spec();
    let in_flight = queue.messages().iter().filter(|message| message.receives > 0 && message.visible_at > now).count();
    let delayed = queue.messages().iter().filter(|message| message.receives == 0 && message.visible_at > now).count();
    let mut all = Map::new();
    let mut set = |key: &str, value: String| all.insert(key.to_owned(), Value::from(value));
    set("QueueArn", queues::arn(&spec.name));
    set("ApproximateNumberOfMessages", (queue.messages().len() - in_flight - delayed).to_string());
    set("ApproximateNumberOfMessagesNotVisible", in_flight.to_string());
    set("ApproximateNumberOfMessagesDelayed", delayed.to_string());
    set("VisibilityTimeout", spec.visibility.as_secs().to_string());
    set("MessageRetentionPeriod", spec.retention.as_secs().to_string());
    if spec.fifo {
        set("FifoQueue", "true".to_owned());
        set("ContentBasedDeduplication", spec.content_deduplication.to_string());
    }
    if let Some((arn, count)) = &spec.redrive {
        set("RedrivePolicy", json!({ "deadLetterTargetArn": arn, "maxReceiveCount": count }).to_string());
    }
    all
}

fn text<'a>(input: &'a Value, key: &str) -> Result<&'a str, ApiError> {
    let missing = || ApiError::client("MissingParameter", format!("The request must contain the parameter {key}."));
    input.get(key).and_then(Value::as_str).ok_or_else(missing)
}

fn strings(input: &Value, key: &str) -> Vec<String> {
    let items = input.get(key).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn queue_name(input: &Value) -> Result<&str, ApiError> {
    text(input, "QueueUrl").map(queues::name_in)
}

fn no_such_queue() -> ApiError {
    ApiError::client("QueueDoesNotExist", "The specified queue does not exist.")
}

fn refused(error: SendError) -> ApiError {
    match error {
        SendError::MissingGroup => {
            ApiError::client("MissingParameter", "The request must contain the parameter MessageGroupId.")
        }
        SendError::MissingDeduplicationId => ApiError::client(
            "InvalidParameterValue",
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ),
    }
}

#[cfg(test)]
mod tests;
