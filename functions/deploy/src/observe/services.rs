//! Services: who has opted in, how they stand, how their deployments ended.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    CreatedAt, DeploymentControllerType, DeploymentRolloutState, ResourceManagementType, SchedulingStrategy,
    ServiceDeploymentStatus, ServiceField,
};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use shared::arn::ServiceArn;
use shared::failure::{CallFailure, FailureKind};
use shared::image::Digest;
use shared::tags;

use crate::rollout::{Attempt, AttemptState};

use super::model::{Deployment, Observed, Outcome, RolloutState, Service, Unsupported};

/// Most services that `DescribeServices` takes.
const SERVICES: usize = 10;
/// Most ARNs that `DescribeServiceDeployments` and `DescribeServiceRevisions` take.
const DEPLOYMENTS: usize = 20;
/// How far our clock and that of ECS may be apart, in seconds.
const CLOCK_SKEW: i64 = 5;

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

/// Which of a service's two attempts a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Last,
    Previous,
}

impl Which {
    fn attempt(self, observed: &Observed) -> Option<&Attempt> {
        let memory = &observed.memory.item;
        match self {
            Self::Last => memory.attempt.as_ref(),
            Self::Previous => memory.previous.as_ref(),
        }
    }

    fn outcome(self, observed: &mut Observed) -> &mut Option<Outcome> {
        match self {
            Self::Last => &mut observed.outcome,
            Self::Previous => &mut observed.previous_outcome,
        }
    }
}

/// Whether the service's deployments since an attempt have to tell what became of it.
///
/// Either a call was made, or was about to be, and nobody wrote down how it ended; or the deployment that it made gave way
/// to another, which may be the same call once more: one that was given up as lost and took effect late.
fn is_lost(attempt: &Attempt, outcome: Option<&Outcome>) -> bool {
    attempt.state == AttemptState::Intended || attempt.is_under_way() && outcome == Some(&Outcome::Stopped)
}

/// Finds calls that took effect unseen. One call for each such service, which only a kill, a lost answer or somebody else
/// leaves behind.
pub(super) async fn lost_calls(client: &Client, seen: &mut BTreeMap<ServiceArn, Observed>) {
    for (arn, observed) in seen.iter_mut() {
        let attempt = observed.memory.item.attempt.clone();
        let Some(attempt) = attempt.filter(|attempt| is_lost(attempt, observed.outcome.as_ref())) else {
            continue;
        };
        match landed(client, arn, &attempt).await {
            Ok(Some((deployment, outcome))) => match (attempt.state, &outcome) {
                // Somebody else's deployment of the same image is not our success; but its failure is one of the image.
                (AttemptState::Rolling | AttemptState::Overdue, Outcome::Successful { .. } | Outcome::Stopped) => {}
                (AttemptState::Rolling | AttemptState::Overdue, Outcome::UnderWay) => {
                    observed.outcome = Some(Outcome::UnderWay);
                }
                _ => {
                    observed.landed = Some(deployment);
                    observed.outcome = Some(outcome);
                }
            },
            Ok(None) => {}
            Err(failure) => drop(observed.failure.get_or_insert(failure)),
        }
    }
}

/// The newest deployment since the attempt that runs what was intended.
async fn landed(
    client: &Client,
    arn: &ServiceArn,
    attempt: &Attempt,
) -> Result<Option<(String, Outcome)>, CallFailure> {
    let after = aws_sdk_ecs::primitives::DateTime::from_secs(attempt.at.as_second() - CLOCK_SKEW);
    let request = client.list_service_deployments().cluster(arn.cluster()).service(arn.as_str());
    let answer = request.created_at(CreatedAt::builder().after(after).build()).send().await;
    let answer = answer.map_err(|error| CallFailure::new("ecs:ListServiceDeployments", arn.short(), &error))?;
    let mut found: BTreeMap<String, (String, Outcome)> = BTreeMap::new();
    for deployment in answer.service_deployments.unwrap_or_default().into_iter().take(DEPLOYMENTS) {
        let revision = deployment.target_service_revision_arn.zip(deployment.service_deployment_arn);
        if let Some(((revision, arn), status)) = revision.zip(deployment.status) {
            found.insert(revision, (arn, outcome(&status, deployment.status_reason)));
        }
    }
    let asked: Vec<String> = found.keys().cloned().collect();
    if asked.is_empty() {
        return Ok(None);
    }
    let is_intended = |revision: &Revision| {
        attempt.images.iter().all(|(name, target)| revision.images.get(name) == Some(&target.reference))
    };
    let revisions = revisions(client, &asked).await?;
    let Some((revision, digests)) = revisions.into_iter().rfind(|(revision, _)| is_intended(revision)) else {
        return Ok(None);
    };
    let mut landed = found.remove(&revision.arn);
    if let Some((_, outcome)) = &mut landed {
        outcome.note(digests);
    }
    Ok(landed)
}

/// How the attempts that are under way stand, twenty a call. A failed call leaves it open: the next look tells.
pub(super) async fn outcomes(client: &Client, seen: &mut BTreeMap<ServiceArn, Observed>) {
    let mut asked: BTreeMap<String, (ServiceArn, Which)> = BTreeMap::new();
    for (arn, observed) in seen.iter() {
        for which in [Which::Last, Which::Previous] {
            let attempt = which.attempt(observed).filter(|attempt| attempt.is_under_way());
            if let Some(deployment) = attempt.and_then(|attempt| attempt.service_deployment.clone()) {
                asked.insert(deployment, (arn.clone(), which));
            }
        }
    }
    let arns: Vec<String> = asked.keys().cloned().collect();
    let mut ended = BTreeMap::new();
    for chunk in arns.chunks(DEPLOYMENTS) {
        let request = client.describe_service_deployments().set_service_deployment_arns(Some(chunk.to_vec()));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let failure = CallFailure::new("ecs:DescribeServiceDeployments", "the rollouts under way", &error);
                leave_open(chunk.iter().filter_map(|arn| asked.get(arn)), seen, &failure);
                continue;
            }
        };
        for deployment in answer.service_deployments.unwrap_or_default() {
            let asked = deployment.service_deployment_arn.as_ref().and_then(|arn| asked.get(arn));
            let Some((observed, (arn, which))) = asked.and_then(|asked| Some((seen.get_mut(&asked.0)?, asked))) else {
                continue;
            };
            let rollback = deployment.rollback.as_ref().and_then(|rollback| rollback.reason.clone());
            let why = rollback.or_else(|| deployment.status_reason.clone());
            let outcome = deployment.status.as_ref().map(|status| outcome(status, why));
            let revision = deployment.target_service_revision.and_then(|revision| revision.arn);
            let by_tag = which.attempt(observed).is_some_and(|attempt| attempt.task_definition.is_none());
            if let Some(revision) = revision.filter(|_| by_tag && outcome.as_ref().is_some_and(|o| o.ran().is_some())) {
                ended.insert(revision, (arn.clone(), *which));
            }
            *which.outcome(observed) = outcome;
        }
    }
    what_ran(client, &ended, seen).await;
}

/// What could not be asked is still under way, as far as anybody knows.
fn leave_open<'a>(
    asked: impl Iterator<Item = &'a (ServiceArn, Which)>,
    seen: &mut BTreeMap<ServiceArn, Observed>,
    failure: &CallFailure,
) {
    for (arn, which) in asked {
        if let Some(observed) = seen.get_mut(arn) {
            *which.outcome(observed) = Some(Outcome::UnderWay);
            observed.failure.get_or_insert_with(|| failure.clone());
        }
    }
}

/// Adds to the rollouts by tag that have ended which digest they ran: the tag may have moved between the call and the
/// first pull.
async fn what_ran(
    client: &Client,
    ended: &BTreeMap<String, (ServiceArn, Which)>,
    seen: &mut BTreeMap<ServiceArn, Observed>,
) {
    let asked: Vec<String> = ended.keys().cloned().collect();
    for chunk in asked.chunks(DEPLOYMENTS) {
        match revisions(client, chunk).await {
            Ok(revisions) => {
                for (revision, digests) in revisions {
                    let asked = ended.get(&revision.arn);
                    let outcome = asked.and_then(|(arn, which)| which.outcome(seen.get_mut(arn)?).as_mut());
                    if let Some(outcome) = outcome {
                        outcome.note(digests);
                    }
                }
            }
            // Without the digest the outcome would be half remembered: the next look tells it whole.
            Err(failure) => leave_open(chunk.iter().filter_map(|revision| ended.get(revision)), seen, &failure),
        }
    }
}

fn outcome(status: &ServiceDeploymentStatus, why: Option<String>) -> Outcome {
    match status {
        ServiceDeploymentStatus::Successful => Outcome::Successful { ran: BTreeMap::new() },
        ServiceDeploymentStatus::RollbackRequested
        | ServiceDeploymentStatus::RollbackInProgress
        | ServiceDeploymentStatus::RollbackSuccessful
        | ServiceDeploymentStatus::RollbackFailed => Outcome::RolledBack { why, ran: BTreeMap::new() },
        ServiceDeploymentStatus::Stopped => Outcome::Stopped,
        _ => Outcome::UnderWay,
    }
}

/// A service revision: when it was made, its ARN, and the image that each container names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Revision {
    created: Option<(i64, u32)>,
    arn: String,
    images: BTreeMap<String, String>,
}

/// At most twenty service revisions, with the digest that each container runs where ECS knows it.
async fn revisions(
    client: &Client,
    arns: &[String],
) -> Result<BTreeMap<Revision, BTreeMap<String, Digest>>, CallFailure> {
    let request = client.describe_service_revisions().set_service_revision_arns(Some(arns.to_vec()));
    let answer = request.send().await;
    let answer =
        answer.map_err(|error| CallFailure::new("ecs:DescribeServiceRevisions", "the services' revisions", &error))?;
    let read = |revision: aws_sdk_ecs::types::ServiceRevision| {
        let created = revision.created_at.map(|at| (at.secs(), at.subsec_nanos()));
        let (mut images, mut digests) = (BTreeMap::new(), BTreeMap::new());
        for container in revision.container_images.unwrap_or_default() {
            let name = container.container_name?;
            images.extend(container.image.map(|image| (name.clone(), image)));
            digests.extend(container.image_digest.and_then(|digest| Some((name, digest.parse().ok()?))));
        }
        Some((Revision { created, arn: revision.service_revision_arn?, images }, digests))
    };
    Ok(answer.service_revisions.unwrap_or_default().into_iter().filter_map(read).collect())
}

/// The digests that services run, by their service revisions, twenty a call.
pub(super) async fn running_digests(
    client: &Client,
    unknown: &[(ServiceArn, Vec<String>)],
    seen: &mut BTreeMap<ServiceArn, Observed>,
) {
    let owners: BTreeMap<&String, &ServiceArn> =
        unknown.iter().flat_map(|(arn, revisions)| revisions.iter().map(move |revision| (revision, arn))).collect();
    let asked: Vec<String> = owners.keys().map(|revision| (*revision).clone()).collect();
    let mut found = BTreeMap::new();
    for chunk in asked.chunks(DEPLOYMENTS) {
        match revisions(client, chunk).await {
            Ok(revisions) => found.extend(revisions),
            Err(failure) => {
                for arn in chunk.iter().filter_map(|revision| owners.get(revision)) {
                    if let Some(observed) = seen.get_mut(*arn) {
                        observed.failure.get_or_insert_with(|| failure.clone());
                    }
                }
            }
        }
    }
    // During a rollout there are two revisions; the newest, which comes last, is where the service is going.
    for (revision, digests) in found {
        let Some(observed) = owners.get(&revision.arn).and_then(|arn| seen.get_mut(*arn)) else {
            continue;
        };
        for container in &mut observed.containers {
            container.running = digests.get(&container.name).cloned();
        }
    }
}
