//! The last lines that a container logged, if they are in CloudWatch Logs.

use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::{Builder, Region};

use crate::failure::{CallFailure, FailureKind};
use crate::redact;

/// Longest line that is kept, in bytes.
const LINE: usize = 400;

/// Where a container's lines are: from its task definition's `logConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// Log group.
    pub group: String,
    /// Log stream: `PREFIX/CONTAINER/TASK-ID`.
    pub stream: String,
    /// Its region, which may be another than that of the task.
    pub region: Option<String>,
}

impl LogStream {
    /// The stream of a container of a task, by its log options. `None` where they do not lead to one: another driver, or
    /// no prefix (only possible on EC2, where the stream is named after the container runtime's id).
    pub fn of(driver: &str, options: &HashMap<String, String>, container: &str, task_id: &str) -> Option<Self> {
        let group = options.get("awslogs-group").filter(|_| driver == "awslogs")?;
        let prefix = options.get("awslogs-stream-prefix")?;
        Some(Self {
            group: group.clone(),
            stream: format!("{prefix}/{container}/{task_id}"),
            region: options.get("awslogs-region").cloned(),
        })
    }
}

/// The last `count` lines, oldest first, without what looks like a secret. `None` when there is no such stream: the
/// container never wrote a line.
///
/// # Errors
/// The failed call.
pub async fn tail(client: &Client, stream: &LogStream, count: i32) -> Result<Option<Vec<String>>, CallFailure> {
    let request = client
        .get_log_events()
        .log_group_name(&stream.group)
        .log_stream_name(&stream.stream)
        .start_from_head(false)
        .limit(count);
    let elsewhere = stream.region.clone().map(|region| Builder::default().region(Region::new(region)));
    let request = request.customize().config_override(elsewhere.unwrap_or_default());
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            let failure = CallFailure::new("logs:GetLogEvents", &stream.group, &error);
            return if failure.kind == FailureKind::Missing { Ok(None) } else { Err(failure) };
        }
    };
    let lines = answer.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
    Ok(Some(lines.map(|line| clean(&line)).collect()))
}

fn clean(line: &str) -> String {
    let printable: String = line.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let redacted = redact::secrets(&printable);
    let end = redacted.floor_char_boundary(LINE);
    redacted.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::operation::get_log_events::{GetLogEventsError, GetLogEventsOutput};
    use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
    use aws_sdk_cloudwatchlogs::types::error::ResourceNotFoundException;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;

    fn stream() -> LogStream {
        let options = [("awslogs-group", "/shop"), ("awslogs-stream-prefix", "ecs"), ("awslogs-region", "eu-west-2")];
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        LogStream::of("awslogs", &options, "api", "0f1e").unwrap()
    }

    #[test]
    fn a_stream_is_named_by_prefix_container_and_task() {
        assert_eq!((stream().stream.as_str(), stream().region.as_deref()), ("ecs/api/0f1e", Some("eu-west-2")));
        assert_eq!(LogStream::of("awsfirelens", &HashMap::new(), "api", "0f1e"), None);
    }

    #[tokio::test]
    async fn lines_come_without_control_characters_and_without_secrets() {
        let rule = mock!(Client::get_log_events).then_output(|| {
            let event = OutputLogEvent::builder().message("boot\u{1b}[31m failed password=hunter22\n").build();
            GetLogEventsOutput::builder().events(event).build()
        });
        let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&rule]);
        let lines = tail(&client, &stream(), 20).await.unwrap().unwrap();
        assert_eq!(lines, ["boot [31m failed password=[redacted]"]);
    }

    #[tokio::test]
    async fn a_stream_that_does_not_exist_has_no_lines_and_is_no_failure() {
        let rule = mock!(Client::get_log_events).then_error(|| {
            let meta =
                aws_sdk_cloudwatchlogs::error::ErrorMetadata::builder().code("ResourceNotFoundException").build();
            GetLogEventsError::ResourceNotFoundException(ResourceNotFoundException::builder().meta(meta).build())
        });
        let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&rule]);
        assert_eq!(tail(&client, &stream(), 20).await.unwrap(), None);
    }
}
