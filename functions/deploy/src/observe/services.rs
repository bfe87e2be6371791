//! Services: who has opted in, and how they stand.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    DeploymentControllerType, DeploymentRolloutState, DeploymentStrategy, ResourceManagementType, SchedulingStrategy,
    ServiceField,
};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use jiff::Timestamp;
use shared::arn::ServiceArn;
use shared::failure::{CallFailure, FailureKind};
use shared::tags;

use super::model::{Deployment, RolloutState, Service, Unsupported};

/// Most services that `DescribeServices` takes.
pub(crate) const SERVICES_A_CALL: usize = 10;

/// A service that carries the opt-in tag, as the tagging API says; it may be behind the truth.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The service.
    pub arn: ServiceArn,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// All services with the tag `steward:deploy`: one call for a hundred.
///
/// # Errors
/// The failed call.
pub(crate) async fn opted_in(client: &aws_sdk_resourcegroupstagging::Client) -> Result<Vec<Candidate>, CallFailure> {
    let mut pages = client
        .get_resources()
        .resource_type_filters("ecs:service")
        .tag_filters(TagFilter::builder().key(tags::DEPLOY).build())
        .resources_per_page(100)
        .into_paginator()
        .items()
        .send();
    let mut candidates = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.map_err(|error| CallFailure::new("tag:GetResources", "the account's ECS services", &error))?;
        // An ARN without its cluster belongs to a service from before 2018 that was never moved to the long format.
        let Some(Ok(arn)) = item.resource_arn.as_deref().map(str::parse) else {
            continue;
        };
        let tags = item.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
        candidates.push(Candidate { arn, tags });
    }
    candidates.sort_by(|left: &Candidate, right| left.arn.cmp(&right.arn));
    candidates.dedup_by(|left, right| left.arn == right.arn);
    Ok(candidates)
}

/// Sorts services into batches that one `DescribeServices` takes: at most ten, all of one cluster.
pub(crate) fn batches(mut arns: Vec<ServiceArn>) -> Vec<Vec<ServiceArn>> {
    arns.sort();
    arns.dedup();
    arns.chunk_by(|left, right| left.cluster() == right.cluster())
        .flat_map(|cluster| cluster.chunks(SERVICES_A_CALL).map(<[ServiceArn]>::to_vec))
        .collect()
}

/// One batch. A service that is not in the answer is not there.
pub(super) async fn describe(
    client: &Client,
    batch: &[ServiceArn],
) -> Result<BTreeMap<ServiceArn, Service>, CallFailure> {
    let Some(cluster) = batch.first().map(ServiceArn::cluster) else {
        return Ok(BTreeMap::new());
    };
    let request = client.describe_services().cluster(cluster).include(ServiceField::Tags);
    let request = request.set_services(Some(batch.iter().map(ToString::to_string).collect()));
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            let failure = CallFailure::new("ecs:DescribeServices", format_args!("cluster {cluster}"), &error);
            // The tagging API goes on listing the services of a cluster for a while after it was deleted.
            return if failure.kind == FailureKind::Missing { Ok(BTreeMap::new()) } else { Err(failure) };
        }
    };
    let services = answer.services.unwrap_or_default().into_iter().filter_map(read);
    Ok(services.map(|service| (service.arn.clone(), service)).collect())
}

fn read(service: aws_sdk_ecs::types::Service) -> Option<Service> {
    let arn = service.service_arn.as_deref()?.parse().ok()?;
    let unsupported = unsupported(&service);
    let configuration = service.deployment_configuration.as_ref();
    let strategy = configuration.and_then(|configuration| configuration.strategy.as_ref());
    let is_rolling = matches!(strategy, None | Some(DeploymentStrategy::Rolling));
    let breaker = configuration.and_then(|configuration| configuration.deployment_circuit_breaker.as_ref());
    let has_rollback = breaker.is_some_and(|breaker| breaker.enable && breaker.rollback);
    let tags = service.tags.unwrap_or_default().into_iter();
    let deployments = service.deployments.unwrap_or_default().into_iter().filter_map(|deployment| {
        Some(Deployment {
            id: deployment.id?,
            is_primary: deployment.status.as_deref() == Some("PRIMARY"),
            created: deployment.created_at.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            rollout: match deployment.rollout_state {
                Some(DeploymentRolloutState::Completed) => RolloutState::Completed,
                Some(DeploymentRolloutState::Failed) => RolloutState::Failed,
                _ => RolloutState::InProgress,
            },
        })
    });
    let mut deployments: Vec<Deployment> = deployments.collect();
    deployments.sort_by_key(|deployment| !deployment.is_primary);
    Some(Service {
        arn,
        tags: tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect(),
        is_active: service.status.as_deref() == Some("ACTIVE"),
        unsupported,
        task_definition: service.task_definition.as_deref().and_then(|arn| arn.parse().ok()),
        deployments,
        deployment_arn: service.current_service_deployment,
        revisions: service.current_service_revisions.unwrap_or_default().into_iter().filter_map(|r| r.arn).collect(),
        desired_count: service.desired_count,
        is_rolling,
        has_rollback,
    })
}

fn unsupported(service: &aws_sdk_ecs::types::Service) -> Option<Unsupported> {
    let controller = service.deployment_controller.as_ref().map(|controller| &controller.r#type);
    match controller {
        None | Some(DeploymentControllerType::Ecs) => {}
        Some(DeploymentControllerType::CodeDeploy) => return Some(Unsupported::CodeDeploy),
        Some(DeploymentControllerType::External) => return Some(Unsupported::External),
        Some(_) => return Some(Unsupported::Unknown),
    }
    match service.scheduling_strategy {
        None | Some(SchedulingStrategy::Replica) => {}
        Some(SchedulingStrategy::Daemon) => return Some(Unsupported::Daemon),
        Some(_) => return Some(Unsupported::Unknown),
    }
    let is_managed = service.resource_management_type == Some(ResourceManagementType::Ecs);
    (is_managed || service.task_definition.is_none()).then_some(Unsupported::ExpressMode)
}
