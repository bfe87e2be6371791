//! One-time schedules: how something is looked at again later without anybody waiting. EventBridge Scheduler sends one
//! message to the function's own queue at the time that was set, and deletes the schedule.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::operation::create_schedule::CreateScheduleError;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, SqsParameters,
    Target,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::aws::Lazy;
use crate::event::steward::SOURCE;
use crate::failure::{CallFailure, FailureKind};

const OPERATION: &str = "scheduler:CreateSchedule";

/// Where one-time schedules are kept and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// Name of the schedule group.
    pub group: String,
    /// ARN of the role that EventBridge Scheduler takes on to send.
    pub role: String,
    /// ARN of the FIFO queue that is sent to.
    pub queue: String,
    /// ARN of the queue for what EventBridge Scheduler cannot send. Without one it is lost, and only a sweep finds it.
    pub undelivered: Option<String>,
}

/// One-time schedules of a function.
#[derive(Debug, Clone)]
pub struct Schedules {
    client: Lazy<Client>,
    settings: ScheduleSettings,
    group: &'static str,
}

impl Schedules {
    /// Schedules as the settings say, whose messages join the queue's message group `group`.
    pub fn new(client: Lazy<Client>, settings: ScheduleSettings, group: &'static str) -> Self {
        Self { client, settings, group }
    }

    /// Sends a Steward event to the function's queue at `at`. A schedule of that name that exists already is the same
    /// one: names say what they are for.
    ///
    /// # Errors
    /// The failed call.
    pub async fn once(
        &self,
        name: &str,
        at: Timestamp,
        detail_type: &str,
        detail: &impl Serialize,
    ) -> Result<(), CallFailure> {
        let failed = |error: aws_sdk_scheduler::error::BuildError| CallFailure {
            operation: OPERATION,
            resource: name.to_owned(),
            kind: FailureKind::Invalid,
            code: "Incomplete".to_owned(),
            message: error.to_string(),
        };
        let input = json!({
            "source": SOURCE,
            "detail-type": detail_type,
            "id": name,
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "detail": detail,
        });
        let group = SqsParameters::builder().message_group_id(self.group).build();
        // As the rules of the stack have it: what is not sent within the hour is for people to see.
        let retries = RetryPolicy::builder().maximum_event_age_in_seconds(3600).maximum_retry_attempts(185).build();
        let undelivered = self.settings.undelivered.as_ref().map(|arn| DeadLetterConfig::builder().arn(arn).build());
        let target = Target::builder()
            .arn(&self.settings.queue)
            .role_arn(&self.settings.role)
            .input(input.to_string())
            .sqs_parameters(group)
            .retry_policy(retries)
            .set_dead_letter_config(undelivered)
            .build()
            .map_err(failed)?;
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(failed)?;
        let request = self
            .client
            .create_schedule()
            .group_name(&self.settings.group)
            .name(name)
            .schedule_expression(format!("at({})", at.strftime("%Y-%m-%dT%H:%M:%S")))
            .action_after_completion(ActionAfterCompletion::Delete)
            .flexible_time_window(window)
            .target(target);
        match request.send().await {
            Err(error) if error.as_service_error().is_some_and(CreateScheduleError::is_conflict_exception) => Ok(()),
            Err(error) => Err(CallFailure::new(OPERATION, name, &error)),
            Ok(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_scheduler::operation::create_schedule::CreateScheduleOutput;
    use aws_sdk_scheduler::types::error::ConflictException;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    use super::*;

    fn schedules(rule: &Rule) -> Schedules {
        let text = str::to_owned;
        let settings = ScheduleSettings {
            group: text("steward"),
            role: text("role"),
            queue: text("queue"),
            undelivered: Some(text("lost")),
        };
        Schedules::new(mock_client!(aws_sdk_scheduler, RuleMode::MatchAny, [rule]).into(), settings, "heal")
    }

    #[tokio::test]
    async fn a_schedule_fires_once_in_utc_and_is_gone_then() {
        let rule = mock!(Client::create_schedule)
            .match_requests(|request| {
                request.schedule_expression() == Some("at(2026-11-21T13:05:00)")
                    && request.schedule_expression_timezone().is_none()
                    && request.action_after_completion() == Some(&ActionAfterCompletion::Delete)
                    && request.target().and_then(Target::input).is_some_and(|input| input.contains("Verification Due"))
            })
            .then_output(|| CreateScheduleOutput::builder().schedule_arn("arn").build().unwrap());
        let at = "2026-11-21T13:05:00.7Z".parse().unwrap();
        schedules(&rule).once("heal-i-1-5", at, "Verification Due", &json!({})).await.unwrap();
    }

    #[tokio::test]
    async fn what_cannot_be_sent_goes_where_people_see_it() {
        let rule = mock!(Client::create_schedule)
            .match_requests(|request| {
                let queue = request.target().and_then(Target::dead_letter_config).and_then(DeadLetterConfig::arn);
                queue == Some("lost")
            })
            .then_output(|| CreateScheduleOutput::builder().schedule_arn("arn").build().unwrap());
        schedules(&rule).once("heal-i-1-5", Timestamp::UNIX_EPOCH, "Verification Due", &json!({})).await.unwrap();
    }

    #[tokio::test]
    async fn a_schedule_that_exists_already_is_the_one_that_was_to_be_made() {
        let rule = mock!(Client::create_schedule).then_error(|| {
            CreateScheduleError::ConflictException(ConflictException::builder().message("exists").build().unwrap())
        });
        schedules(&rule).once("heal-i-1-5", Timestamp::UNIX_EPOCH, "Verification Due", &json!({})).await.unwrap();
    }
}
