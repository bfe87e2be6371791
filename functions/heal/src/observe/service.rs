//! Services as ECS describes them, and their newest stopped task.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    DeploymentConfiguration, DeploymentControllerType, DeploymentRolloutState, DeploymentStrategy, DesiredStatus,
    SchedulingStrategy, ServiceField, Task, TaskField,
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use shared::arn::{ServiceArn, TaskArn};
use shared::event::ecs::{TaskContainer, TaskStateChange};
use shared::failure::{CallFailure, FailureKind};

use super::model::{Breaker, Deployment, Service};
use crate::classify::Standing;
use crate::trigger::StoppedTask;

/// Most services that `DescribeServices` takes.
pub(super) const SERVICES: usize = 10;
/// Most tasks that are asked for; the newest of them tells.
const TASKS: i32 = 100;

/// At most ten services of one cluster. One that is not in the answer is not there.
pub(super) async fn describe(client: &Client, batch: &[ServiceArn]) -> Result<Vec<Service>, CallFailure> {
    let Some(cluster) = batch.first().map(ServiceArn::cluster) else {
        return Ok(Vec::new());
    };
    let request = client.describe_services().cluster(cluster).include(ServiceField::Tags);
    let request = request.set_services(Some(batch.iter().map(ToString::to_string).collect()));
    match request.send().await {
        Ok(answer) => Ok(answer.services.unwrap_or_default().into_iter().filter_map(read).collect()),
        Err(error) => {
            let failure = CallFailure::new("ecs:DescribeServices", format_args!("cluster {cluster}"), &error);
            if failure.kind == FailureKind::Missing { Ok(Vec::new()) } else { Err(failure) }
        }
    }
}

pub(super) fn time(at: DateTime) -> Option<Timestamp> {
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()
}

fn read(service: aws_sdk_ecs::types::Service) -> Option<Service> {
    let controller = service.deployment_controller.as_ref().map(|controller| &controller.r#type);
    let configuration = service.deployment_configuration.as_ref();
    let strategy = configuration.and_then(|configuration| configuration.strategy.as_ref());
    let is_rolling = matches!(controller, None | Some(DeploymentControllerType::Ecs))
        && matches!(strategy, None | Some(DeploymentStrategy::Rolling))
        && matches!(service.scheduling_strategy, None | Some(SchedulingStrategy::Replica));
    let mut deployments: Vec<Deployment> =
        service.deployments.unwrap_or_default().into_iter().filter_map(deployment).collect();
    deployments.sort_by_key(|deployment| !deployment.is_primary);
    let tags = service.tags.unwrap_or_default().into_iter();
    Some(Service {
        arn: service.service_arn.as_deref()?.parse().ok()?,
        tags: tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect(),
        is_active: service.status.as_deref() == Some("ACTIVE"),
        is_rolling,
        breaker: breaker(configuration),
        desired: service.desired_count,
        running: service.running_count,
        deployments,
        revisions: service.current_service_revisions.unwrap_or_default().into_iter().filter_map(|r| r.arn).collect(),
    })
}

fn breaker(configuration: Option<&DeploymentConfiguration>) -> Breaker {
    match configuration.and_then(|configuration| configuration.deployment_circuit_breaker.as_ref()) {
        Some(breaker) if breaker.enable && breaker.rollback => Breaker::WithRollback,
        Some(breaker) if breaker.enable => Breaker::WithoutRollback,
        _ => Breaker::Off,
    }
}

fn deployment(deployment: aws_sdk_ecs::types::Deployment) -> Option<Deployment> {
    Some(Deployment {
        id: deployment.id?,
        is_primary: deployment.status.as_deref() == Some("PRIMARY"),
        is_completed: deployment.rollout_state == Some(DeploymentRolloutState::Completed),
        is_failed: deployment.rollout_state == Some(DeploymentRolloutState::Failed),
        created: deployment.created_at.and_then(time),
        task_definition: deployment.task_definition.as_deref().and_then(|arn| arn.parse().ok()),
    })
}

/// The task of a service that failed last, if ECS still knows one; else the one that stopped last. A rollback takes away
/// the last tasks of what failed, which says nothing.
pub(super) async fn newest_stopped(
    client: &Client,
    service: &ServiceArn,
    now: Timestamp,
) -> Result<Option<StoppedTask>, CallFailure> {
    let request = client.list_tasks().cluster(service.cluster()).service_name(service.name());
    let answer = request.desired_status(DesiredStatus::Stopped).max_results(TASKS).send().await;
    let answer = answer.map_err(|error| CallFailure::new("ecs:ListTasks", service.short(), &error))?;
    let tasks = describe_tasks(client, service.cluster(), answer.task_arns.unwrap_or_default()).await?;
    let stopped = tasks.iter().filter(|task| task.last_status.as_deref() == Some("STOPPED"));
    let stopped = stopped.filter_map(|task| StoppedTask::of(&change(task)?, now).ok());
    Ok(stopped.max_by_key(|task| (task.finding.class.standing() == Standing::Abnormal, task.at)))
}

/// Whether a task that was run without a service carries the tag by which it is watched.
pub(super) async fn task_tags(
    client: &Client,
    cluster: &str,
    task: &TaskArn,
) -> Result<Vec<(String, String)>, CallFailure> {
    let tasks = describe_tasks(client, cluster, vec![task.to_string()]).await?;
    let tags = tasks.into_iter().flat_map(|task| task.tags.unwrap_or_default());
    Ok(tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect())
}

async fn describe_tasks(client: &Client, cluster: &str, arns: Vec<String>) -> Result<Vec<Task>, CallFailure> {
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let request = client.describe_tasks().cluster(cluster).set_tasks(Some(arns)).include(TaskField::Tags);
    let answer = request.send().await;
    let answer =
        answer.map_err(|error| CallFailure::new("ecs:DescribeTasks", format_args!("cluster {cluster}"), &error))?;
    Ok(answer.tasks.unwrap_or_default())
}

/// A described task in the shape of the event that told of it, so that both are classified by the same rules.
fn change(task: &Task) -> Option<TaskStateChange> {
    let containers = task.containers.as_deref().unwrap_or_default().iter().filter_map(|container| {
        Some(TaskContainer {
            name: container.name.clone()?,
            exit_code: container.exit_code,
            reason: container.reason.clone(),
            image: container.image.clone(),
            image_digest: container.image_digest.clone(),
        })
    });
    Some(TaskStateChange {
        task_arn: task.task_arn.clone()?,
        cluster_arn: task.cluster_arn.clone()?,
        task_definition_arn: task.task_definition_arn.clone(),
        group: task.group.clone(),
        started_by: task.started_by.clone(),
        last_status: task.last_status.clone()?,
        stop_code: task.stop_code.as_ref().map(|code| code.as_str().to_owned()),
        stopped_reason: task.stopped_reason.clone(),
        started_at: task.started_at.and_then(time),
        stopped_at: task.stopped_at.and_then(time),
        containers: containers.collect(),
    })
}
