//! `aws.ecs`: ECS Deployment State Change.

use serde::Deserialize;

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
