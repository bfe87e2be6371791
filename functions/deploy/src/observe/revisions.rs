//! Service revisions: which digest each container of a deployment runs, as ECS resolved it.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::failure::CallFailure;
use shared::image::Digest;

use super::model::Observed;

/// Most ARNs that `DescribeServiceRevisions` takes.
pub(super) const REVISIONS: usize = 20;

/// A service revision: when it was made, its ARN, and the image that each container names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Revision {
    created: Option<(i64, u32)>,
    pub(super) arn: String,
    pub(super) images: BTreeMap<String, String>,
    pub(super) task_definition: Option<TaskDefinitionArn>,
}

/// At most twenty service revisions, with the digest that each container runs where ECS knows it.
pub(super) async fn describe(
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
        let task_definition = revision.task_definition.as_deref().and_then(|arn| arn.parse().ok());
        Some((Revision { created, arn: revision.service_revision_arn?, images, task_definition }, digests))
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
    for chunk in asked.chunks(REVISIONS) {
        match describe(client, chunk).await {
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
