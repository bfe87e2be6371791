//! Lambda's event source mapping for SQS: the payload that a function gets, and what its answer means for the messages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fifo::Message;
use crate::queues;
use crate::sqs::{md5, system_attributes};
use crate::template::Source;

/// The payload for a batch.
pub fn payload(source: &Source, messages: &[Message]) -> Value {
    let record = |message: &Message| {
        json!({
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": system_attributes(message),
            "messageAttributes": {},
            "md5OfBody": md5(&message.body),
            "eventSource": "aws:sqs",
            "eventSourceARN": queues::arn(queues::name_in(&source.queue)),
            "awsRegion": crate::context::REGION,
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

/// Message ids that the answer leaves in the queue.
///
/// Without `ReportBatchItemFailures` an answer is success for all. With it, an answer that is not understood, or names a
/// message that was not in the batch, is failure of all, as AWS has it.
pub fn failed(source: &Source, messages: &[Message], answer: &Value) -> BTreeSet<String> {
    if !source.reports_failures {
        return BTreeSet::new();
    }
    let all: BTreeSet<String> = messages.iter().map(|message| message.id.clone()).collect();
    let items = match answer {
        Value::Null => return BTreeSet::new(),
        Value::Object(object) => match object.get("batchItemFailures") {
            None | Some(Value::Null) => return BTreeSet::new(),
            Some(Value::Array(items)) => items,
            Some(_) => return all,
        },
        _ => return all,
    };
    let named: Option<BTreeSet<String>> = items
        .iter()
        .map(|item| item.get("itemIdentifier")?.as_str().filter(|id| all.contains(*id)).map(str::to_owned))
        .collect();
    named.unwrap_or(all)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::fifo::{Outgoing, Queue, QueueSpec};

    #[test]
    fn an_answer_is_read_as_lambda_reads_it() {
        let mut queue = Queue::new(QueueSpec::named("q"));
        for body in ["a", "b"] {
            queue.send(Timestamp::UNIX_EPOCH, Outgoing { body: body.to_owned(), ..Outgoing::default() }).unwrap();
        }
        let (messages, _) = queue.receive(Timestamp::UNIX_EPOCH, 10, None);
        let ids: Vec<&str> = messages.iter().map(|message| message.id.as_str()).collect();
        let source = Source { queue: queues::arn("q"), batch_size: 10, reports_failures: true };
        for (answer, failing) in [
            (json!(null), vec![]),
            (json!({}), vec![]),
            (json!({ "batchItemFailures": null }), vec![]),
            (json!({ "batchItemFailures": [] }), vec![]),
            (json!({ "batchItemFailures": [{ "itemIdentifier": ids[1] }] }), vec![ids[1]]),
            (json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }), ids.clone()),
            (json!({ "batchItemFailures": [{ "itemIdentifier": "other" }] }), ids.clone()),
            (json!({ "batchItemFailures": [{ "wrong": ids[0] }] }), ids.clone()),
            (json!({ "batchItemFailures": "x" }), ids.clone()),
            (json!("done"), ids.clone()),
        ] {
            let expected: BTreeSet<String> = failing.into_iter().map(str::to_owned).collect();
            assert_eq!(failed(&source, &messages, &answer), expected, "{answer}");
        }
        let blind = Source { reports_failures: false, ..source };
        assert!(failed(&blind, &messages, &json!("done")).is_empty());
    }

    #[test]
    fn a_record_says_where_the_message_is_from_and_how_often_it_came() {
        let mut queue = Queue::new(QueueSpec { content_deduplication: true, ..QueueSpec::named("q.fifo") });
        let outgoing = Outgoing { body: "{}".to_owned(), group: Some("g".to_owned()), ..Outgoing::default() };
        queue.send(Timestamp::UNIX_EPOCH, outgoing).unwrap();
        let (messages, _) = queue.receive(Timestamp::UNIX_EPOCH, 1, None);
        let source = Source { queue: queues::arn("q.fifo"), batch_size: 1, reports_failures: true };
        let record = &payload(&source, &messages)["Records"][0];
        assert_eq!(record["eventSourceARN"], queues::arn("q.fifo"));
        assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
        assert_eq!(record["attributes"]["MessageGroupId"], "g");
        assert_eq!(record["md5OfBody"], "99914b932bd37a50b983c5e7c90ae93b");
    }
}
