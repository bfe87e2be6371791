//! What a run will do, frozen when it is asked for: from the service's tags, its network, and its task definition. Nothing
//! of it comes from an event.

use std::time::Duration;

use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::image::Digest;
use shared::migration::{self, COMMAND, COMPATIBLE, PLAN, TIMEOUT};
use shared::tags::{MigrateTags, ServiceTags};
use shared::task_definition::RawTaskDefinition;

use crate::command;
use crate::run::{Frozen, Placement, Provider};

/// How the families of our own revisions begin. The function's role may register and run nothing else.
const FAMILY: &str = "steward-migrate-";
/// Longest name of a family.
const LONGEST: usize = 255;
/// Capacity that AWS may take away in the middle of a migration, and what takes its place.
const SPOT: (&str, &str) = ("FARGATE_SPOT", "FARGATE");

/// A service, as far as its migration needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// Its ARN.
    pub arn: ServiceArn,
    /// Whether it is `ACTIVE`.
    pub is_active: bool,
    /// All its tags.
    pub tags: Vec<(String, String)>,
    /// The revision that it is set to.
    pub task_definition: Option<TaskDefinitionArn>,
    /// Service revisions in use.
    pub revisions: Vec<String>,
    /// Where its tasks run.
    pub placement: Placement,
}

/// The image that is to migrate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// Named by digest.
    pub reference: String,
    /// The digest.
    pub digest: Digest,
}

/// What a service's tags say about migrations.
///
/// # Errors
/// Says why it does not migrate.
pub(crate) fn tags(service: &Service) -> Result<(MigrateTags, Option<String>), String> {
    if !service.is_active {
        return Err("the service is not active".to_owned());
    }
    let tags = ServiceTags::of(&service.tags).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("its tags cannot be read: {}", problems.join("; "))
    })?;
    if let Some(hold) = tags.hold {
        return Err(format!("the service is held ({hold})"));
    }
    let migrate =
        tags.migrate.ok_or("the service has no tag steward:migrate that names the container that migrates")?;
    Ok((migrate, tags.runbook))
}

/// Freezes what is asked for.
///
/// # Errors
/// Says why it cannot be run, and what to do.
pub(crate) fn freeze(
    service: &Service,
    (tags, runbook): (MigrateTags, Option<String>),
    base: &TaskDefinitionArn,
    definition: &RawTaskDefinition,
    image: Image,
    default_timeout: Duration,
) -> Result<Frozen, String> {
    let container = &tags.container;
    if !definition.has_container(container) {
        return Err(format!("steward:migrate names container {container}, which {} does not have", base.short()));
    }
    let label = definition.label(container, COMMAND).ok_or_else(|| {
        format!("container {container} of {} has no docker label {COMMAND} that names the command", base.short())
    })?;
    let command = command::read(COMMAND, label)?;
    let plan = definition.label(container, PLAN).map(|label| command::read(PLAN, label)).transpose()?;
    let timeout = match definition.label(container, TIMEOUT) {
        None => default_timeout.as_secs() / 60,
        Some(text) => text.trim().parse().ok().filter(|minutes| (1..=720).contains(minutes)).ok_or_else(|| {
            format!("the docker label {TIMEOUT} is {text:?}, expected a number of minutes from 1 to 720")
        })?,
    };
    let compatible = match definition.label(container, COMPATIBLE).map(str::trim) {
        None | Some("false") => false,
        Some("true") => true,
        Some(text) => return Err(format!("the docker label {COMPATIBLE} is {text:?}, expected true or false")),
    };
    let at_launch = definition.volumes_configured_at_launch();
    if let Some(volume) = at_launch.first() {
        return Err(format!(
            "volume {volume} gets its settings from the service when a task starts, which a task of its own cannot have: migrate in a container of another task definition"
        ));
    }
    let family: String = format!("{FAMILY}{}", definition.family()).chars().take(LONGEST).collect();
    // The options of other drivers may hold a token, and lead to nothing that can be read here.
    let logs = definition.log_configuration(container).filter(|(driver, _)| *driver == "awslogs");
    let logs = logs.map(|(driver, options)| (driver.to_owned(), options));
    Ok(Frozen {
        container: container.clone(),
        reference: image.reference,
        digest: image.digest,
        base: base.clone(),
        family,
        command,
        plan,
        compatible,
        timeout,
        lock: migration::database(&tags, &service.arn),
        database: tags.database,
        restore_point: tags.restore_point,
        placement: placement(&service.placement, definition)?,
        logs,
        runbook,
    })
}

/// Where the tasks run: as those of the service, but only on capacity that stays.
fn placement(of_service: &Placement, definition: &RawTaskDefinition) -> Result<Placement, String> {
    let mut placement = of_service.clone();
    let is_awsvpc = definition.network_mode() == "awsvpc";
    if is_awsvpc && placement.network.is_none() {
        return Err("the service has no network configuration that its migration could run in".to_owned());
    }
    placement.network = placement.network.filter(|_| is_awsvpc);
    for provider in &mut placement.strategy {
        if provider.name == SPOT.0 {
            SPOT.1.clone_into(&mut provider.name);
        }
    }
    let mut strategy: Vec<Provider> = Vec::new();
    for provider in placement.strategy {
        match strategy.iter_mut().find(|known| known.name == provider.name) {
            Some(known) => {
                known.weight = known.weight.saturating_add(provider.weight).min(1000);
                known.base = known.base.max(provider.base);
            }
            None => strategy.push(provider),
        }
    }
    // With weight 0 everywhere and no base nothing would be placed.
    if strategy.iter().all(|provider| provider.weight == 0 && provider.base == 0) {
        for provider in &mut strategy {
            provider.weight = 1;
        }
    }
    placement.strategy = strategy;
    let is_fargate = placement.launch_type.as_deref() == Some("FARGATE")
        || placement.strategy.iter().any(|provider| provider.name == SPOT.1);
    if placement.strategy.is_empty() && placement.launch_type.is_none() && definition.is_for_fargate() {
        placement.launch_type = Some(SPOT.1.to_owned());
    } else if !is_fargate {
        placement.platform_version = None;
    }
    Ok(placement)
}

#[cfg(test)]
mod tests;
