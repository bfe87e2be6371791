//! The way in: an SQS FIFO batch whose bodies are EventBridge events, one raw EventBridge event, or a raw Steward event,
//! so that `sam local invoke` takes any file of events/.
//!
//! A message that can never be handled is moved to the dead-letter queue at once, with its reason, and is done: it holds
//! nothing up. A message that fails is returned with all that follow it in its group, because a FIFO queue must not
//! overtake. Since a message is only a hint, nothing is lost when the queue gives up on one: the sweep converges.

use std::collections::BTreeSet;
use std::fmt;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::types::MessageAttributeValue;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;

use crate::aws::Lazy;
use crate::event::Event;
use crate::failure::{CallFailure, HandlingError};

/// What a function does with one event.
pub trait Handler {
    /// What it answers when it is invoked with a raw event.
    type Report: Serialize;

    /// Handles one event.
    fn handle(&mut self, event: Event) -> impl Future<Output = Result<Self::Report, HandlingError>>;
}

/// Where messages go that can never be handled.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: Lazy<aws_sdk_sqs::Client>,
    url: String,
}

/// An invocation with a raw event that did not end well. Its type is stable, so that alarms can match on it.
#[derive(Debug)]
pub struct InvocationError(HandlingError);

impl fmt::Display for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(InvocationError(error): InvocationError) -> Self {
        let error_type = match &error {
            HandlingError::Rejected(_) => "Rejected",
            HandlingError::Failed(_) => "Failed",
        };
        Self { error_type: error_type.to_owned(), error_message: error.to_string() }
    }
}

/// Serves one invocation.
///
/// A batch is answered with the messages to deliver again (`batchItemFailures`), a raw event with the handler's report.
///
/// # Errors
/// Only for a raw event: it has no queue that could keep it.
pub async fn serve<H: Handler>(
    payload: Value,
    dead_letters: Option<&DeadLetters>,
    handler: &mut H,
) -> Result<Value, InvocationError> {
    if is_batch(&payload) {
        return match serde_json::from_value::<SqsEvent>(payload) {
            Ok(batch) => Ok(json(&serve_batch(batch.records, dead_letters, handler).await)),
            Err(error) => Err(InvocationError(HandlingError::Rejected(format!("not an SQS batch: {error}")))),
        };
    }
    let outcome = match Event::read(&payload) {
        Ok(event) => in_span(handler, event).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(report) => Ok(json(&report)),
        Err(error) => {
            tracing::error!(reason = %error, "the event was not handled");
            Err(InvocationError(error))
        }
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn is_batch(payload: &Value) -> bool {
    let first = payload.get("Records").and_then(|records| records.get(0));
    first.is_some_and(|record| record.get("eventSource").is_some_and(|source| source == "aws:sqs"))
}

async fn serve_batch<H: Handler>(
    messages: Vec<SqsMessage>,
    dead_letters: Option<&DeadLetters>,
    handler: &mut H,
) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let mut stopped_groups = BTreeSet::new();
    for message in messages {
        let group = message.attributes.get("MessageGroupId").cloned().unwrap_or_default();
        let id = message.message_id.clone().unwrap_or_default();
        if !stopped_groups.contains(&group) {
            match serve_message(&message, &group, dead_letters, handler).await {
                Ok(()) => continue,
                Err(error) => tracing::error!(message_id = id, reason = %error, "the message is returned to its queue"),
            }
            stopped_groups.insert(group);
        }
        response.add_failure(id);
    }
    response
}

async fn serve_message<H: Handler>(
    message: &SqsMessage,
    group: &str,
    dead_letters: Option<&DeadLetters>,
    handler: &mut H,
) -> Result<(), HandlingError> {
    let body = message.body.as_deref().unwrap_or_default();
    let event = serde_json::from_str::<Value>(body)
        .map_err(|error| HandlingError::Rejected(format!("not JSON: {error}")))
        .and_then(|payload| Event::read(&payload));
    let outcome = match event {
        Ok(event) => in_span(handler, event).await.map(drop),
        Err(error) => Err(error),
    };
    match (outcome, dead_letters) {
        (Err(HandlingError::Rejected(reason)), Some(dead_letters)) => {
            dead_letters.keep(message, group, &reason).await?;
            tracing::error!(
                message_id = message.message_id,
                reason,
                "moved to the dead-letter queue: it can never be handled"
            );
            Ok(())
        }
        (outcome, _) => outcome,
    }
}

/// Every line that is logged while an event is handled carries the event's id.
async fn in_span<H: Handler>(handler: &mut H, event: Event) -> Result<H::Report, HandlingError> {
    let span = tracing::info_span!("event", event_id = event.id, detail_type = event.detail_type);
    handler.handle(event).instrument(span).await
}

impl DeadLetters {
    /// The FIFO queue at `url`.
    pub fn new(client: Lazy<aws_sdk_sqs::Client>, url: String) -> Self {
        Self { client, url }
    }

    /// Sends the message on as it is, with the reason as an attribute.
    async fn keep(&self, message: &SqsMessage, group: &str, reason: &str) -> Result<(), CallFailure> {
        let reason: String = reason.chars().take(1000).collect();
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(reason).build();
        // A body is never empty, so the queue can take it; a group is, when the sender is not FIFO.
        let body = message.body.as_deref().filter(|body| !body.is_empty()).unwrap_or("(empty)");
        let request = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(if group.is_empty() { "rejected" } else { group })
            .set_message_deduplication_id(message.message_id.clone())
            .set_message_attributes(attribute.ok().map(|attribute| [("StewardReason".to_owned(), attribute)].into()));
        request.send().await.map_err(|error| CallFailure::new("sqs:SendMessage", &self.url, &error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::operation::send_message::SendMessageOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use serde_json::json;

    use super::*;

    /// Fails on what its detail says; remembers what it was given.
    #[derive(Default)]
    struct Scripted(Vec<String>);

    impl Handler for Scripted {
        type Report = String;

        async fn handle(&mut self, event: Event) -> Result<String, HandlingError> {
            self.0.push(event.id.clone());
            match event.detail["do"].as_str() {
                Some("fail") => Err(HandlingError::Failed("throttled".into())),
                Some("reject") => Err(HandlingError::Rejected("unknown shape".into())),
                _ => Ok(format!("handled {}", event.id)),
            }
        }
    }

    fn event(id: &str, what: &str) -> Value {
        json!({ "id": id, "source": "steward", "detail-type": "Test", "detail": { "do": what } })
    }

    fn record(group: &str, id: &str, body: &str) -> Value {
        json!({ "messageId": id, "body": body, "eventSource": "aws:sqs", "attributes": { "MessageGroupId": group } })
    }

    fn batch(records: &[(&str, &str, &str)]) -> Value {
        let record = |(group, id, what): &(&str, &str, &str)| record(group, id, &event(id, what).to_string());
        json!({ "Records": records.iter().map(record).collect::<Vec<_>>() })
    }

    fn returned(answer: &Value) -> Vec<&str> {
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect()
    }

    fn dead_letters(rule: &Rule) -> DeadLetters {
        let client = mock_client!(aws_sdk_sqs, RuleMode::MatchAny, [rule]);
        DeadLetters::new(client.into(), "https://sqs.example/dead.fifo".into())
    }

    fn kept() -> Rule {
        mock!(aws_sdk_sqs::Client::send_message).then_output(|| SendMessageOutput::builder().build())
    }

    #[tokio::test]
    async fn after_the_first_failure_of_a_group_the_rest_of_that_group_is_returned_unread() {
        let mut handler = Scripted::default();
        let payload =
            batch(&[("a", "1", "ok"), ("a", "2", "fail"), ("b", "3", "ok"), ("a", "4", "ok"), ("b", "5", "ok")]);
        let answer = serve(payload, None, &mut handler).await.unwrap();
        assert_eq!(returned(&answer), ["2", "4"]);
        assert_eq!(handler.0, ["1", "2", "3", "5"]);
    }

    #[tokio::test]
    async fn a_message_that_can_never_be_handled_goes_to_the_dead_letter_queue_and_holds_nothing_up() {
        let rule = kept();
        let mut handler = Scripted::default();
        let mut payload = batch(&[("a", "1", "reject"), ("a", "2", "ok")]);
        let not_json = [record("a", "3", "not json"), record("a", "4", "[]"), record("a", "5", "")];
        payload["Records"].as_array_mut().unwrap().extend(not_json);
        let answer = serve(payload, Some(&dead_letters(&rule)), &mut handler).await.unwrap();
        assert!(returned(&answer).is_empty());
        assert_eq!(rule.num_calls(), 4);
    }

    #[tokio::test]
    async fn where_the_dead_letter_queue_cannot_be_written_the_message_is_kept_in_its_own_queue() {
        let rule = mock!(aws_sdk_sqs::Client::send_message).then_error(|| {
            aws_sdk_sqs::operation::send_message::SendMessageError::QueueDoesNotExist(
                aws_sdk_sqs::types::error::QueueDoesNotExist::builder().build(),
            )
        });
        let payload = batch(&[("a", "1", "reject"), ("a", "2", "ok")]);
        let answer = serve(payload.clone(), Some(&dead_letters(&rule)), &mut Scripted::default()).await.unwrap();
        assert_eq!(returned(&answer), ["1", "2"]);
        let answer = serve(payload, None, &mut Scripted::default()).await.unwrap();
        assert_eq!(returned(&answer), ["1", "2"]);
    }

    #[tokio::test]
    async fn a_raw_event_is_answered_with_the_report() {
        let answer = serve(event("7", "ok"), None, &mut Scripted::default()).await.unwrap();
        assert_eq!(answer, json!("handled 7"));
    }

    #[tokio::test]
    async fn a_raw_event_that_is_none_is_an_error_that_says_so() {
        for payload in [json!(null), json!({}), json!([1]), json!({ "source": 7 }), json!({ "Records": [] })] {
            let error = serve(payload.clone(), None, &mut Scripted::default()).await.unwrap_err();
            assert_eq!(Diagnostic::from(error).error_type, "Rejected", "{payload}");
        }
    }

    #[tokio::test]
    async fn a_detail_that_the_scheduler_sent_as_text_is_read() {
        let payload = json!({ "id": "8", "source": "steward", "detail-type": "Sweep", "detail": "{\"do\":\"fail\"}" });
        assert!(serve(payload, None, &mut Scripted::default()).await.is_err());
    }
}
