//! SNS: topics, and everything that was published, kept for whoever wants to look.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use crate::context::{ACCOUNT_ID, arn};
use crate::fifo::id_for;
use crate::service::{Answer, Service, unknown_operation};
use crate::wire::{ApiError, Call, Outcome, Reply};

/// Largest message, in bytes.
const MAX_MESSAGE: usize = 256 * 1024;

/// Something that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Virtual time.
    pub at: Timestamp,
    /// ARN of the topic.
    pub topic: String,
    /// Subject.
    pub subject: Option<String>,
    /// Message.
    pub message: String,
    /// String and number attributes, by name.
    pub attributes: BTreeMap<String, String>,
}

/// The SNS service. Clones share topics and messages.
#[derive(Clone, Debug, Default)]
pub struct Sns(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// By ARN: the subscriptions, as protocol and endpoint.
    topics: BTreeMap<String, Vec<(String, String)>>,
    published: Vec<Published>,
    counter: u64,
}

impl Service for Sns {
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a> {
        Box::pin(std::future::ready(self.answer(call)))
    }
}

impl Sns {
    /// Makes a topic, or leaves the one of that name as it is.
    pub fn create(&self, name: &str) {
        self.lock().topics.entry(arn("sns", name)).or_default();
    }

    /// Everything published so far, oldest first.
    pub fn published(&self) -> Vec<Published> {
        self.lock().published.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one call.
    pub fn answer(&self, call: &Call) -> Outcome {
        let parameter = |key: &str| call.input.get(key).and_then(Value::as_str);
        let required = |key: &str| parameter(key).ok_or_else(|| invalid(&format!("{key} is missing")));
        let mut state = self.lock();
        let body = match call.operation.as_str() {
            "CreateTopic" => {
                let arn = arn("sns", required("Name")?);
                state.topics.entry(arn.clone()).or_default();
                format!("<TopicArn>{arn}</TopicArn>")
            }
            "Publish" => {
                let topic = required("TopicArn")?;
                if !state.topics.contains_key(topic) {
                    return Err(not_found());
                }
                let published = publication(call, topic, required("Message")?)?;
                state.published.push(published);
                state.counter += 1;
                format!("<MessageId>{}</MessageId>", id_for(topic, state.counter))
            }
            "Subscribe" => {
                let subscription = (required("Protocol")?.to_owned(), required("Endpoint")?.to_owned());
                let topic = required("TopicArn")?;
                let subscriptions = state.topics.get_mut(topic).ok_or_else(not_found)?;
                subscriptions.push(subscription);
                format!("<SubscriptionArn>{}</SubscriptionArn>", subscription_arn(topic, subscriptions.len()))
            }
            "ListTopics" => {
                let members = state.topics.keys().fold(String::new(), |mut xml, arn| {
                    let _ = write!(xml, "<member><TopicArn>{arn}</TopicArn></member>");
                    xml
                });
                format!("<Topics>{members}</Topics>")
            }
            "ListSubscriptionsByTopic" => {
                let topic = required("TopicArn")?;
                let subscriptions = state.topics.get(topic).ok_or_else(not_found)?;
                let members = subscriptions.iter().enumerate().fold(String::new(), |mut xml, (index, (protocol, endpoint))| {
                    let arn = subscription_arn(topic, index + 1);
                    let endpoint = escaped(endpoint);
                    let _ = write!(
                        xml,
                        "<member><TopicArn>{topic}</TopicArn><Protocol>{protocol}</Protocol><Owner>{ACCOUNT_ID}</Owner>\
                         <SubscriptionArn>{arn}</SubscriptionArn><Endpoint>{endpoint}</Endpoint></member>"
                    );
                    xml
                });
                format!("<Subscriptions>{members}</Subscriptions>")
            }
            _ => return unknown_operation(call),
        };
        let operation = &call.operation;
        Ok(Reply::Xml(format!(
            "<{operation}Response xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><{operation}Result>{body}\
             </{operation}Result><ResponseMetadata><RequestId>lab</RequestId></ResponseMetadata></{operation}Response>"
        )))
    }
}

/// Checks what SNS checks. The limit counts message and attributes together.
fn publication(call: &Call, topic: &str, message: &str) -> Result<Published, ApiError> {
    let parameter = |key: &str| call.input.get(key).and_then(Value::as_str);
    let subject = parameter("Subject").map(str::to_owned);
    if message.is_empty() {
        return Err(invalid("Empty message"));
    }
    if let Some(subject) = &subject {
        let printable = subject.chars().all(|char| matches!(char, ' '..='~'));
        let begins =
            subject.chars().next().is_some_and(|char| char.is_ascii_alphanumeric() || char.is_ascii_punctuation());
        if !printable || !begins || subject.len() >= 100 {
            return Err(invalid("Subject"));
        }
    }
    let attributes = attributes(call)?;
    let size = message.len() + attributes.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if size > MAX_MESSAGE {
        return Err(invalid("Message too long"));
    }
    Ok(Published { at: call.at, topic: topic.to_owned(), subject, message: message.to_owned(), attributes })
}

fn attributes(call: &Call) -> Result<BTreeMap<String, String>, ApiError> {
    let mut attributes = BTreeMap::new();
    for index in 1.. {
        let part = |part: &str| {
            let key = format!("MessageAttributes.entry.{index}.{part}");
            call.input.get(&key).and_then(Value::as_str)
        };
        let Some(name) = part("Name") else { break };
        let value = part("Value.StringValue").or_else(|| part("Value.BinaryValue")).unwrap_or_default();
        if name.is_empty() || name.len() > 256 || value.is_empty() || part("Value.DataType").is_none() {
            return Err(ApiError::client(
                "ParameterValueInvalid",
                format!("The message attribute '{name}' must contain a non-empty name, type and value."),
            ));
        }
        attributes.insert(name.to_owned(), value.to_owned());
    }
    Ok(attributes)
}

/// ARN of the `number`th subscription of a topic.
fn subscription_arn(topic: &str, number: usize) -> String {
    let number = u64::try_from(number).unwrap_or_default();
    format!("{topic}:{}", id_for(&format!("{topic}/subscriptions"), number))
}

fn invalid(what: &str) -> ApiError {
    ApiError::client("InvalidParameter", format!("Invalid parameter: {what}"))
}

fn not_found() -> ApiError {
    ApiError { status: 404, ..ApiError::client("NotFound", "Topic does not exist") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(sns: &Sns, operation: &str, input: Value) -> Result<String, String> {
        let call = Call {
            service: "sns".to_owned(),
            operation: operation.to_owned(),
            input,
            caller: String::new(),
            attempt: 1,
            region: String::new(),
            invocation: String::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        match sns.answer(&call) {
            Ok(Reply::Xml(xml)) => Ok(xml),
            Ok(Reply::Json(value)) => panic!("{value}"),
            Err(error) => Err(error.code),
        }
    }

    #[test]
    fn what_is_published_can_be_looked_at() {
        let sns = Sns::default();
        sns.create("alerts");
        let topic = arn("sns", "alerts");
        let input = json!({
            "TopicArn": topic, "Subject": "Rolled back", "Message": "shop/web",
            "MessageAttributes.entry.1.Name": "kind",
            "MessageAttributes.entry.1.Value.DataType": "String",
            "MessageAttributes.entry.1.Value.StringValue": "rolled-back",
        });
        assert!(call(&sns, "Publish", input).unwrap().contains("<MessageId>"));
        let published = &sns.published()[0];
        assert_eq!((published.subject.as_deref(), published.message.as_str()), (Some("Rolled back"), "shop/web"));
        assert_eq!(published.attributes["kind"], "rolled-back");
        assert!(call(&sns, "ListTopics", json!({})).unwrap().contains(&topic));
    }

    #[test]
    fn what_sns_would_refuse_is_refused() {
        let sns = Sns::default();
        sns.create("alerts");
        let topic = arn("sns", "alerts");
        let long = "x".repeat(MAX_MESSAGE + 1);
        for (subject, message, accepted) in [
            ("x".repeat(99), "m", true),
            ("x".repeat(100), "m", false),
            ("two\nlines".to_owned(), "m", false),
            ("Zürich".to_owned(), "m", false),
            (" leading".to_owned(), "m", false),
            (String::new(), "m", false),
            ("s".to_owned(), "", false),
            ("s".to_owned(), long.as_str(), false),
        ] {
            let input = json!({ "TopicArn": topic, "Subject": subject, "Message": message });
            let expected = if accepted { None } else { Some("InvalidParameter".to_owned()) };
            assert_eq!(call(&sns, "Publish", input).err(), expected, "{subject}");
        }
        let unknown = json!({ "TopicArn": arn("sns", "none"), "Message": "m" });
        assert_eq!(call(&sns, "Publish", unknown).unwrap_err(), "NotFound");
    }
}
