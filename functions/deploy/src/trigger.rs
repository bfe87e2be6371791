//! What may wake `deploy`, read from events. What is of no interest is dropped here, before any AWS call.

use jiff::Timestamp;
use shared::arn::{AccountId, Region, ServiceArn};
use shared::event::Event;
use shared::event::ecr::{ActionResult, ActionType, ImageAction};
use shared::event::ecs::{DeploymentEvent, DeploymentStateChange};
use shared::event::steward::{self, DeployRequested, ImagePushed, MigrationEnded, RollbackRequested};
use shared::failure::HandlingError;
use shared::image::{ImageTag, Registry, Repository};
use shared::migration::RunId;

/// Why `deploy` looks at services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// A tag was pushed to ECR. Only repository and tag are used, and only to choose where to look.
    Pushed {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: ImageTag,
    },
    /// An image in another registry was announced. What it says is kept in the state table before it is acted on.
    Announced {
        /// What was announced.
        image: ImagePushed,
        /// When, by the sender's clock: the only order that announcements have.
        at: Timestamp,
    },
    /// A deployment ended, or so it is said.
    DeploymentChanged {
        /// The service.
        service: ServiceArn,
        /// Its deployment.
        deployment: String,
        /// Whether it is said to have ended well.
        went_well: bool,
    },
    /// A migration ended that a roll may wait for.
    MigrationEnded {
        /// The service.
        service: ServiceArn,
        /// The run.
        run: RunId,
    },
    /// A person asks for an image, or releases a pin.
    Requested(DeployRequested),
    /// `heal`, or a person, asks for a way back.
    RollbackRequested(RollbackRequested),
    /// The schedule: look at everything.
    Sweep,
    /// A sweep, or a push, goes on with what one turn was not enough for.
    SweepContinued,
    /// Nothing to look at, for this reason.
    Ignored(&'static str),
}

impl Trigger {
    /// A stable word for records and metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Pushed { .. } => "image-pushed",
            Self::Announced { .. } => "image-announced",
            Self::DeploymentChanged { .. } => "deployment-changed",
            Self::MigrationEnded { .. } => "migration-ended",
            Self::Requested(_) => "deploy-requested",
            Self::RollbackRequested(_) => "rollback-requested",
            Self::Sweep => "sweep",
            Self::SweepContinued => "sweep-continued",
            Self::Ignored(_) => "ignored",
        }
    }

    /// The repository that is looked at; `None` is all of them.
    pub(crate) fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Pushed { repository, .. } => Some(repository),
            Self::Announced { image, .. } => Some(&image.repository),
            Self::Requested(request) => request.repository.as_ref(),
            Self::DeploymentChanged { .. }
            | Self::MigrationEnded { .. }
            | Self::RollbackRequested(_)
            | Self::Sweep
            | Self::SweepContinued
            | Self::Ignored(_) => None,
        }
    }

    /// Whether everything is looked at. A sweep is its own retry.
    pub(crate) fn is_sweep(&self) -> bool {
        matches!(self, Self::Sweep | Self::SweepContinued)
    }

    /// Whether a sweep does what is left of it.
    pub(crate) fn becomes_a_sweep(&self) -> bool {
        matches!(self, Self::Pushed { .. } | Self::Announced { .. })
    }

    /// The image that a person asks for, if that is what it is about.
    pub(crate) fn request(&self) -> Option<&DeployRequested> {
        match self {
            Self::Requested(request) if !request.release_pin => Some(request),
            _ => None,
        }
    }

    /// Reads an event.
    ///
    /// # Errors
    /// An event of a kind that is known but without the shape that this kind has can never be handled.
    pub(crate) fn read(
        event: &Event,
        account: &AccountId,
        region: &Region,
        now: Timestamp,
    ) -> Result<Self, HandlingError> {
        match (event.source.as_str(), event.detail_type.as_str()) {
            ("aws.ecr" | "aws.ecs" | steward::SOURCE, _) if is_foreign(event, account) => {
                Ok(Self::Ignored("it comes from another account"))
            }
            ("aws.ecr", "ECR Image Action") => image_action(&event.detail()?, account, event_region(event, region)?),
            ("aws.ecs", "ECS Deployment State Change") => deployment_change(event),
            (steward::SOURCE, "Image Pushed") => {
                announcement(event.detail()?, event.time.unwrap_or(now), account, region)
            }
            (steward::SOURCE, "Deploy Requested") => {
                let request: DeployRequested = event.detail()?;
                let checked = request.check();
                checked.map_err(|problem| HandlingError::Rejected(format!("Deploy Requested: {problem}")))?;
                Ok(Self::Requested(request))
            }
            (steward::SOURCE, "Migration Succeeded" | "Migration Failed") => {
                let MigrationEnded { service, run, .. } = event.detail()?;
                Ok(Self::MigrationEnded { service, run })
            }
            (steward::SOURCE, "Rollback Requested") => Ok(Self::RollbackRequested(event.detail()?)),
            (steward::SOURCE, "Sweep") => Ok(Self::Sweep),
            (steward::SOURCE, "Sweep Continued") => Ok(Self::SweepContinued),
            _ => Ok(Self::Ignored("deploy has no use for events of this kind")),
        }
    }
}

/// An account that is not named is ours: such an event was written by hand.
fn is_foreign(event: &Event, account: &AccountId) -> bool {
    event.account.as_ref().is_some_and(|from| from != account.as_str())
}

fn event_region(event: &Event, own: &Region) -> Result<Region, HandlingError> {
    match &event.region {
        None => Ok(own.clone()),
        Some(region) => region.parse().map_err(|error| HandlingError::Rejected(format!("region: {error}"))),
    }
}

fn image_action(detail: &ImageAction, account: &AccountId, region: Region) -> Result<Trigger, HandlingError> {
    if detail.action_type != ActionType::Push {
        return Ok(Trigger::Ignored("the image was not pushed"));
    }
    if detail.result != ActionResult::Success {
        return Ok(Trigger::Ignored("the push failed"));
    }
    // Child manifests of a multi-platform push and attestations come without a tag, most often as an empty one.
    let Some(tag) = detail.image_tag.as_deref().filter(|tag| !tag.is_empty()) else {
        return Ok(Trigger::Ignored("it has no tag: a part of a multi-platform push, or an attestation"));
    };
    let tag: ImageTag = tag.parse().map_err(|error| HandlingError::Rejected(format!("image-tag: {error}")))?;
    if tag.is_signature() || !is_image(detail) {
        return Ok(Trigger::Ignored("it is not an image: a signature or another artifact"));
    }
    let registry = Registry::Ecr { account: account.clone(), region };
    let path = &detail.repository_name;
    // The path is checked by reading it as a part of a reference; any registry serves for that.
    let checked: Repository = format!("registry.invalid/{path}")
        .parse()
        .map_err(|error| HandlingError::Rejected(format!("repository-name: {error}")))?;
    Ok(Trigger::Pushed { repository: Repository { registry, path: checked.path }, tag })
}

fn is_image(detail: &ImageAction) -> bool {
    shared::image::is_image(detail.manifest_media_type.as_deref(), detail.artifact_media_type.as_deref())
}

fn deployment_change(event: &Event) -> Result<Trigger, HandlingError> {
    let detail: DeploymentStateChange = event.detail()?;
    if !matches!(
        detail.event_name,
        DeploymentEvent::ServiceDeploymentCompleted | DeploymentEvent::ServiceDeploymentFailed
    ) {
        return Ok(Trigger::Ignored("the deployment has not ended"));
    }
    let Some(arn) = event.resources.first() else {
        return Err(HandlingError::Rejected("ECS Deployment State Change names no service in resources".to_owned()));
    };
    match arn.parse() {
        Ok(service) => {
            let went_well = detail.event_name == DeploymentEvent::ServiceDeploymentCompleted;
            Ok(Trigger::DeploymentChanged { service, deployment: detail.deployment_id, went_well })
        }
        // A service with the old ARN format is nothing that could have been rolled from here.
        Err(_) if arn.contains(":service/") => Ok(Trigger::Ignored("the service has an ARN without its cluster")),
        Err(error) => Err(HandlingError::Rejected(format!("resources[0]: {error}"))),
    }
}

fn announcement(
    image: ImagePushed,
    at: Timestamp,
    account: &AccountId,
    region: &Region,
) -> Result<Trigger, HandlingError> {
    // The own registry tells the truth itself, whatever an event says. That of another account or region is out of reach,
    // events and all.
    if image.repository.is_in_ecr_of(account, region) {
        let reason = "Image Pushed is for other registries: this account's ECR sends its own events";
        return Err(HandlingError::Rejected(reason.to_owned()));
    }
    Ok(Trigger::Announced { image, at })
}

#[cfg(test)]
mod tests;
