//! `aws.ecs`: ECS Task State Change, ECS Service Action, ECS Deployment State Change.
//!
//! Of each only what identifies it is required. AWS adds fields and values without notice and leaves others out: a task
//! that never started may come without containers, without `startedAt` and without a reason.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// Detail of `ECS Deployment State Change`. The service's ARN is in the event's `resources`, not here; image and
/// digest are in neither, so an event is joined with its rollout by `deployment_id`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStateChange {
    /// What happened.
    pub event_name: DeploymentEvent,
    /// `ecs-svc/` and a number: the id in `deployments[]` of the service.
    pub deployment_id: String,
    /// For people; its wording is not dispatched on.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `eventName`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentEvent {
    /// Started; a rollback's deployment too.
    ServiceDeploymentInProgress,
    /// Reached a steady state; a rollback's deployment too.
    ServiceDeploymentCompleted,
    /// The circuit breaker gave up on it. Only sent where the breaker is on.
    ServiceDeploymentFailed,
    /// What may come.
    #[serde(other)]
    Other,
}

/// Detail of `ECS Hook State Change`: a rollout that waits at a lifecycle hook, or goes on from one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookStateChange {
    /// `HOOK_AWAITING_ACTION` and others.
    pub event_name: String,
    /// The hook, as `ContinueServiceDeployment` wants it named.
    pub hook_id: String,
    /// ARN of the service deployment that waits.
    pub service_deployment_arn: String,
    /// ARN of the service.
    pub service_arn: String,
    /// `PRE_SCALE_UP` and others.
    #[serde(default)]
    pub lifecycle_stage: Option<String>,
}

/// Detail of `ECS Service Action`. The service's ARN is in the event's `resources`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAction {
    /// What happened: `SERVICE_TASK_START_IMPAIRED`, and others that may come.
    pub event_name: String,
    /// `INFO`, `WARN` or `ERROR`.
    #[serde(default)]
    pub event_type: Option<String>,
    /// Why; not on every action.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Detail of `ECS Task State Change`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStateChange {
    /// The task.
    pub task_arn: String,
    /// Its cluster.
    pub cluster_arn: String,
    /// What it runs.
    #[serde(default)]
    pub task_definition_arn: Option<String>,
    /// `service:NAME`, `family:NAME`, or what the caller of `RunTask` chose.
    #[serde(default)]
    pub group: Option<String>,
    /// `ecs-svc/` and a number for a task of a service: the deployment that started it.
    #[serde(default)]
    pub started_by: Option<String>,
    /// `STOPPED` is the only state in which all that follows is final.
    pub last_status: String,
    /// `TaskFailedToStart`, `EssentialContainerExited`, `ServiceSchedulerInitiated` and others. One code means many things.
    #[serde(default)]
    pub stop_code: Option<String>,
    /// Why it stopped, for people. For some causes the only place where they differ.
    #[serde(default)]
    pub stopped_reason: Option<String>,
    /// When it reached RUNNING; absent when it never did.
    #[serde(default, deserialize_with = "lenient_time")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "lenient_time")]
    pub stopped_at: Option<Timestamp>,
    /// Its containers; may be none.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub containers: Vec<TaskContainer>,
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskContainer {
    /// Its name.
    pub name: String,
    /// Absent when it never ran.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// `OutOfMemoryError: ...`, `CannotPullContainerError: ...`
    #[serde(default)]
    pub reason: Option<String>,
    /// The image reference.
    #[serde(default)]
    pub image: Option<String>,
    /// What the reference was resolved to.
    #[serde(default)]
    pub image_digest: Option<String>,
}

/// A time that cannot be read counts as absent: an event that tells of a dead task must not be lost for its clock.
fn lenient_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_that_never_started_is_read_without_containers_reason_and_times() {
        let detail = json!({
            "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/shop/0f", "lastStatus": "STOPPED",
            "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/shop", "containers": null, "stoppedAt": "soon",
        });
        let task: TaskStateChange = serde_json::from_value(detail).unwrap();
        assert_eq!((task.containers.len(), task.stopped_at, task.stop_code), (0, None, None));
    }

    #[test]
    fn times_are_read_whatever_their_fraction() {
        for text in ["2020-01-23T17:57:58Z", "2020-01-23T17:57:58.9Z", "2020-01-23T17:57:58.123456789Z"] {
            let detail = json!({ "taskArn": "t", "clusterArn": "c", "lastStatus": "STOPPED", "stoppedAt": text });
            let task: TaskStateChange = serde_json::from_value(detail).unwrap();
            assert_eq!(task.stopped_at.unwrap().as_second(), 1_579_802_278, "{text}");
        }
    }
}
