//! The default event bus: how one function asks another.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use crate::aws::Lazy;
use crate::event::steward::{OwnEvent, SOURCE};
use crate::failure::{CallFailure, FailureKind};

const OPERATION: &str = "events:PutEvents";

/// The account's default event bus.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Lazy<Client>,
}

impl Bus {
    /// The bus that `client` reaches.
    pub fn new(client: Lazy<Client>) -> Self {
        Self { client }
    }

    /// Puts one event.
    ///
    /// # Errors
    /// The failed call, or the entry that EventBridge did not take although the call itself went well.
    pub async fn put(&self, event: &OwnEvent) -> Result<(), CallFailure> {
        let resource = event.resource();
        let entry = PutEventsRequestEntry::builder()
            .source(SOURCE)
            .detail_type(event.detail_type())
            .set_resources((!resource.is_empty()).then(|| vec![resource.to_owned()]))
            .detail(event.detail().to_string())
            .build();
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|error| CallFailure::new(OPERATION, resource, &error))?;
        if answer.failed_entry_count() == 0 {
            return Ok(());
        }
        let refused = answer.entries.unwrap_or_default().into_iter().find(|entry| entry.error_code.is_some());
        let (code, message) = refused.map(|entry| (entry.error_code, entry.error_message)).unwrap_or_default();
        Err(CallFailure {
            operation: OPERATION,
            resource: resource.to_owned(),
            kind: FailureKind::Unavailable,
            code: code.unwrap_or_default(),
            message: message.unwrap_or_else(|| "the event was not taken".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
    use aws_sdk_eventbridge::types::PutEventsResultEntry;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;
    use crate::event::steward::RollbackRequested;

    fn event() -> OwnEvent {
        OwnEvent::RollbackRequested(RollbackRequested {
            service: "arn:aws:ecs:eu-west-1:123456789012:service/shop/backend".parse().unwrap(),
            incident: Some("i-1".into()),
            deployment: None,
            to: None,
            approved_by: None,
            requested_by: None,
            over_migration: false,
        })
    }

    #[tokio::test]
    async fn an_entry_that_was_not_taken_is_a_failure_although_the_call_went_well() {
        let rule = mock!(Client::put_events).then_output(|| {
            let entry = PutEventsResultEntry::builder().error_code("ThrottlingException").error_message("slow").build();
            PutEventsOutput::builder().failed_entry_count(1).entries(entry).build()
        });
        let bus = Bus::new(mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, [&rule]).into());
        let failure = bus.put(&event()).await.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.is_worth_a_retry()), ("ThrottlingException", true));
    }

    #[tokio::test]
    async fn an_event_names_its_source_its_kind_and_its_service() {
        let rule = mock!(Client::put_events)
            .match_requests(|request| {
                let entry = &request.entries()[0];
                entry.source() == Some("steward")
                    && entry.detail_type() == Some("Rollback Requested")
                    && entry.detail().is_some_and(|detail| detail.contains(r#""incident":"i-1""#))
                    && entry.resources().len() == 1
            })
            .then_output(|| PutEventsOutput::builder().build());
        let bus = Bus::new(mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, [&rule]).into());
        bus.put(&event()).await.unwrap();
    }
}
