//! The service whose migration it is: how its tasks run, and which image.

use aws_sdk_ecs::types::{self, NetworkConfiguration, ServiceField};
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::failure::{CallFailure, FailureKind};
use shared::image::{Digest, ImageReference};

use super::Observer;
use crate::request::{Image, Service};
use crate::run::{Network, Placement, Provider};

/// A service revision: its task definition, and the digest of each container as ECS resolved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revision {
    /// The revision of the task definition.
    pub task_definition: TaskDefinitionArn,
    /// Name, image and digest of each container.
    pub images: Vec<(String, String, Option<Digest>)>,
}

impl Observer {
    /// The service, or that ECS does not know it.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn service(&self, arn: &ServiceArn) -> Result<Option<Service>, CallFailure> {
        let request = self.clients.ecs().describe_services().cluster(arn.cluster()).services(arn.as_str());
        match request.include(ServiceField::Tags).send().await {
            Ok(answer) => Ok(answer.services.unwrap_or_default().into_iter().find_map(read)),
            Err(error) => {
                let failure = CallFailure::new("ecs:DescribeServices", arn.short(), &error);
                if failure.kind == FailureKind::Missing { Ok(None) } else { Err(failure) }
            }
        }
    }

    /// The service revisions of these ARNs, the newest last.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn revisions(&self, arns: &[String]) -> Result<Vec<Revision>, CallFailure> {
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let request = self.clients.ecs().describe_service_revisions();
        let answer = request.set_service_revision_arns(Some(arns.to_vec())).send().await;
        let answer = answer
            .map_err(|error| CallFailure::new("ecs:DescribeServiceRevisions", "the service's revisions", &error))?;
        let mut revisions = answer.service_revisions.unwrap_or_default();
        revisions.sort_by_key(|revision| revision.created_at.map(|at| (at.secs(), at.subsec_nanos())));
        Ok(revisions.into_iter().filter_map(revision).collect())
    }

    async fn deployment(&self, arn: &str) -> Result<Option<types::ServiceDeployment>, CallFailure> {
        let answer = self.clients.ecs().describe_service_deployments().service_deployment_arns(arn).send().await;
        let answer = answer.map_err(|error| CallFailure::new("ecs:DescribeServiceDeployments", arn, &error))?;
        Ok(answer.service_deployments.unwrap_or_default().into_iter().next())
    }

    /// Whether a service deployment still waits at this hook.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn waits(&self, service_deployment: &str, hook: &str) -> Result<bool, CallFailure> {
        let deployment = self.deployment(service_deployment).await?;
        let mut hooks = deployment.and_then(|deployment| deployment.lifecycle_hook_details).into_iter().flatten();
        let awaiting = Some(types::DeploymentLifecycleHookStatus::AwaitingAction);
        Ok(hooks.any(|detail| detail.hook_id.as_deref() == Some(hook) && detail.status == awaiting))
    }

    /// The service revision that a service deployment goes to.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn target(&self, service_deployment: &str) -> Result<Option<Revision>, CallFailure> {
        let deployment = self.deployment(service_deployment).await?;
        let target = deployment.and_then(|deployment| deployment.target_service_revision?.arn);
        Ok(self.revisions(target.as_slice()).await?.pop())
    }
}

/// The image of a container, named by digest: by its reference, else as ECS resolved it.
///
/// # Errors
/// Says why the digest is not known.
pub(crate) fn image(container: &str, reference: &str, resolved: Option<&Revision>) -> Result<Image, String> {
    let parsed: ImageReference = reference
        .parse()
        .map_err(|error: shared::arn::IdentifierError| format!("the image of container {container}: {error}"))?;
    if let Some(digest) = &parsed.digest {
        return Ok(Image { reference: reference.to_owned(), digest: digest.clone() });
    }
    let of = |revision: &Revision| {
        revision.images.iter().find(|(name, image, _)| name == container && image == reference).cloned()
    };
    let digest = resolved.and_then(of).and_then(|(_, _, digest)| digest);
    let digest = digest.ok_or_else(|| {
        format!("ECS does not say which digest {reference} of container {container} is: name the image by digest")
    })?;
    Ok(Image { reference: parsed.pinned(&digest), digest })
}

fn read(service: types::Service) -> Option<Service> {
    let arn = service.service_arn.as_deref()?.parse().ok()?;
    let tags = service.tags.unwrap_or_default().into_iter();
    let strategy = service.capacity_provider_strategy.unwrap_or_default().into_iter();
    Some(Service {
        arn,
        is_active: service.status.as_deref() == Some("ACTIVE"),
        tags: tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect(),
        task_definition: service.task_definition.as_deref().and_then(|arn| arn.parse().ok()),
        revisions: service.current_service_revisions.unwrap_or_default().into_iter().filter_map(|r| r.arn).collect(),
        placement: Placement {
            network: network(service.network_configuration.as_ref()),
            platform_version: service.platform_version,
            launch_type: service.launch_type.map(|launch_type| launch_type.as_str().to_owned()),
            strategy: strategy
                .map(|item| Provider { name: item.capacity_provider, weight: item.weight, base: item.base })
                .collect(),
        },
    })
}

fn network(configuration: Option<&NetworkConfiguration>) -> Option<Network> {
    let vpc = configuration?.awsvpc_configuration()?;
    Some(Network {
        subnets: vpc.subnets().to_vec(),
        security_groups: vpc.security_groups().to_vec(),
        public_ip: vpc.assign_public_ip().map(|ip| ip.as_str().to_owned()),
    })
}

fn revision(revision: types::ServiceRevision) -> Option<Revision> {
    let task_definition = revision.task_definition.as_deref()?.parse().ok()?;
    let images = revision.container_images.unwrap_or_default().into_iter().filter_map(|image| {
        let digest = image.image_digest.and_then(|digest| digest.parse().ok());
        Some((image.container_name?, image.image?, digest))
    });
    Some(Revision { task_definition, images: images.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixtures::{digest, frozen};

    #[test]
    fn the_digest_comes_from_the_reference_or_from_what_ecs_resolved_and_is_never_guessed() {
        let pinned = frozen().reference;
        let tagged = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:1.4";
        let resolved = |name: &str, image: &str, digest: Option<Digest>| Revision {
            task_definition: frozen().base,
            images: vec![(name.to_owned(), image.to_owned(), digest)],
        };
        let good = Image { reference: pinned.clone(), digest: digest() };
        assert_eq!(image("api", &pinned, None).unwrap(), good);
        let known = resolved("api", tagged, Some(digest()));
        assert_eq!(image("api", tagged, Some(&known)).unwrap(), good);
        for other in [
            resolved("api", tagged, None),
            resolved("proxy", tagged, Some(digest())),
            resolved("api", "shop:1.3", Some(digest())),
        ] {
            assert!(image("api", tagged, Some(&other)).unwrap_err().contains("by digest"));
        }
        assert!(image("api", tagged, None).is_err());
    }
}
