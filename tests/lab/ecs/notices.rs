//! The events that ECS sends about services, deployments and tasks.

use serde_json::{Value, json};

use super::Ecs;
use super::clusters::cluster_arn;
use super::hooks::Hook;
use super::model::{Deployment, Service, Task};
use super::view;
use crate::context::{Context, iso};

/// Most messages that a service keeps.
const NOTES: usize = 100;

/// Sends `ECS Deployment State Change`.
pub(super) fn deployment(context: &mut Context, service: &Service, name: &str, deployment: &Deployment) {
    let detail = json!({
        "eventType": if name == "SERVICE_DEPLOYMENT_FAILED" { "ERROR" } else { "INFO" },
        "eventName": name,
        "clusterArn": cluster_arn(&service.key.0),
        "deploymentId": deployment.id,
        "updatedAt": iso(context.now),
        "reason": deployment.reason,
    });
    context.emit("aws.ecs", "ECS Deployment State Change", &[&service.arn], &detail);
}

/// Sends `ECS Service Action`.
pub(super) fn action(context: &mut Context, service: &Service, kind: &str, name: &str) {
    action_with(context, service, kind, name, json!({}));
}

/// Sends `ECS Service Action` with further members in its detail.
pub(super) fn action_with(context: &mut Context, service: &Service, kind: &str, name: &str, more: Value) {
    let mut detail = json!({
        "eventType": kind,
        "eventName": name,
        "clusterArn": cluster_arn(&service.key.0),
        "createdAt": iso(context.now),
    });
    if let (Some(detail), Value::Object(more)) = (detail.as_object_mut(), more) {
        detail.extend(more);
    }
    context.emit("aws.ecs", "ECS Service Action", &[&service.arn], &detail);
}

/// Sends `ECS Hook State Change`: `status` is what the hook is now.
pub(super) fn hook(context: &mut Context, service: &Service, deployment: &str, hook: &Hook, status: &str) {
    let detail = json!({
        "eventType": if matches!(status, "FAILED" | "TIMED_OUT") { "ERROR" } else { "INFO" },
        "eventName": format!("HOOK_{status}"),
        "hookId": hook.id,
        "hookType": "PAUSE",
        "expiresAt": hook.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "lifecycleStage": hook.stage,
        "clusterArn": cluster_arn(&service.key.0),
        "serviceArn": service.arn,
        "serviceDeploymentArn": deployment,
        "updatedAt": iso(context.now),
    });
    context.emit("aws.ecs", "ECS Hook State Change", &[deployment], &detail);
}

/// Adds one of the messages that `DescribeServices` shows.
pub(super) fn note(context: &mut Context, service: &mut Service, text: &str) {
    let message = format!("(service {}) {text}", service.key.1);
    service.notes.push_front((context.ids.uuid(), context.now, message));
    service.notes.truncate(NOTES);
}

/// Sends `ECS Task State Change` and counts the task's version up.
pub(super) fn task(ecs: &Ecs, context: &mut Context, task: &mut Task) {
    task.version += 1;
    let definition = ecs.definition(&task.definition).ok();
    let mut detail = view::task(task, definition, context.now, |at| iso(at).into());
    // The event has no health, DescribeTasks has.
    if let Some(detail) = detail.as_object_mut() {
        detail.remove("healthStatus");
    }
    context.emit("aws.ecs", "ECS Task State Change", &[&view::task_arn(task)], &detail);
}
