//! Services: who has opted in, how they stand, how their deployments ended.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    DeploymentControllerType, DeploymentRolloutState, ResourceManagementType, SchedulingStrategy,
    ServiceDeploymentStatus, ServiceField,
};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use shared::arn::ServiceArn;
use shared::failure::{CallFailure, FailureKind};
use shared::image::Digest;
use shared::tags;

use super::model::{Deployment, Observed, Outcome, RolloutState, Service, Unsupported};

/// Most services that `DescribeServices` takes.
const SERVICES: usize = 10;
/// Most ARNs that `DescribeServiceDeployments` and `DescribeServiceRevisions` take.
const DEPLOYMENTS: usize = 20;

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
        .flat_map(|cluster| cluster.chunks(SERVICES).map(<[ServiceArn]>::to_vec))
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
    let tags = service.tags.unwrap_or_default().into_iter();
    let deployments = service.deployments.unwrap_or_default().into_iter().filter_map(|deployment| {
        Some(Deployment {
            id: deployment.id?,
            is_primary: deployment.status.as_deref() == Some("PRIMARY"),
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

/// How the attempts that are under way stand, twenty a call. A failed call leaves it open: the next look tells.
pub(super) async fn outcomes(client: &Client, seen: &mut BTreeMap<ServiceArn, Observed>) {
    let mut asked: HashMap<String, ServiceArn> = HashMap::new();
    for (arn, observed) in seen.iter() {
        let attempt = observed.memory.item.attempt.as_ref().filter(|attempt| attempt.is_under_way());
        if let Some(deployment) = attempt.and_then(|attempt| attempt.service_deployment.clone()) {
            asked.insert(deployment, arn.clone());
        }
    }
    let mut arns: Vec<String> = asked.keys().cloned().collect();
    arns.sort();
    for chunk in arns.chunks(DEPLOYMENTS) {
        let request = client.describe_service_deployments().set_service_deployment_arns(Some(chunk.to_vec()));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let failure = CallFailure::new("ecs:DescribeServiceDeployments", "the rollouts under way", &error);
                for arn in chunk.iter().filter_map(|arn| asked.get(arn)) {
                    if let Some(observed) = seen.get_mut(arn) {
                        observed.outcome = Some(Outcome::UnderWay);
                        observed.failure.get_or_insert_with(|| failure.clone());
                    }
                }
                continue;
            }
        };
        for deployment in answer.service_deployments.unwrap_or_default() {
            let service = deployment.service_deployment_arn.as_ref().and_then(|arn| asked.get(arn));
            if let Some(observed) = service.and_then(|arn| seen.get_mut(arn)) {
                let rollback = deployment.rollback.as_ref().and_then(|rollback| rollback.reason.clone());
                let why = rollback.or_else(|| deployment.status_reason.clone());
                observed.outcome = deployment.status.as_ref().map(|status| outcome(status, why));
            }
        }
    }
}

fn outcome(status: &ServiceDeploymentStatus, why: Option<String>) -> Outcome {
    match status {
        ServiceDeploymentStatus::Successful => Outcome::Successful,
        ServiceDeploymentStatus::RollbackRequested
        | ServiceDeploymentStatus::RollbackInProgress
        | ServiceDeploymentStatus::RollbackSuccessful
        | ServiceDeploymentStatus::RollbackFailed => Outcome::RolledBack(why),
        ServiceDeploymentStatus::Stopped => Outcome::Stopped,
        _ => Outcome::UnderWay,
    }
}

/// The digests that services run, by their service revisions, twenty a call.
pub(super) async fn running_digests(
    client: &Client,
    unknown: &[(ServiceArn, Vec<String>)],
    seen: &mut BTreeMap<ServiceArn, Observed>,
) {
    let owners: BTreeMap<&String, &ServiceArn> =
        unknown.iter().flat_map(|(arn, revisions)| revisions.iter().map(move |revision| (revision, arn))).collect();
    let revisions: Vec<String> = owners.keys().map(|revision| (*revision).clone()).collect();
    // During a rollout there are two revisions; the newest is where the service is going.
    let mut newest: BTreeMap<&ServiceArn, aws_sdk_ecs::types::ServiceRevision> = BTreeMap::new();
    for chunk in revisions.chunks(DEPLOYMENTS) {
        let request = client.describe_service_revisions().set_service_revision_arns(Some(chunk.to_vec()));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let failure = CallFailure::new("ecs:DescribeServiceRevisions", "the services' revisions", &error);
                for arn in chunk.iter().filter_map(|revision| owners.get(revision)) {
                    if let Some(observed) = seen.get_mut(*arn) {
                        observed.failure.get_or_insert_with(|| failure.clone());
                    }
                }
                continue;
            }
        };
        for revision in answer.service_revisions.unwrap_or_default() {
            let Some(owner) = revision.service_revision_arn.as_ref().and_then(|arn| owners.get(arn)) else {
                continue;
            };
            let age = |revision: &aws_sdk_ecs::types::ServiceRevision| {
                revision.created_at.map(|at| (at.secs(), at.subsec_nanos()))
            };
            if newest.get(owner).is_none_or(|known| age(known) < age(&revision)) {
                newest.insert(owner, revision);
            }
        }
    }
    for (arn, revision) in newest {
        let Some(observed) = seen.get_mut(arn) else {
            continue;
        };
        for image in revision.container_images.unwrap_or_default() {
            let container =
                observed.containers.iter_mut().find(|c| Some(c.name.as_str()) == image.container_name.as_deref());
            if let Some(container) = container {
                container.running = image.image_digest.as_deref().and_then(|digest| digest.parse::<Digest>().ok());
            }
        }
    }
}
