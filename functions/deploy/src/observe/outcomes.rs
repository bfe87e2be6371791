//! How rollouts stand: those that are watched, and those whose call was never answered.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{CreatedAt, ServiceDeploymentStatus};
use shared::arn::ServiceArn;
use shared::failure::CallFailure;

use super::model::{Observed, Outcome};
use super::revisions::{self, Revision};
use crate::rollout::{Attempt, AttemptState};

/// Most ARNs that `DescribeServiceDeployments` takes.
const DEPLOYMENTS: usize = 20;
/// How far our clock and that of ECS may be apart, in seconds.
const CLOCK_SKEW: i64 = 5;

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
        let attempt = observed.memory.item.attempt.as_ref();
        let Some(attempt) = attempt.filter(|attempt| is_lost(attempt, observed.outcome.as_ref())) else {
            continue;
        };
        match landed(client, arn, attempt).await {
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
    let after = DateTime::from_secs(attempt.at.as_second() - CLOCK_SKEW);
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
    let revisions = revisions::describe(client, &asked).await?;
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
        match revisions::describe(client, chunk).await {
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
