//! What stands in the place of `deploy`: itself, or a design that is known to be wrong. The explorer must find what is wrong
//! with each of these, or it would prove nothing by finding nothing.
//!
//! The wrong designs are small on purpose: a service is called like its repository, and only its first container counts.

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use shared::aws::Clients;

use super::properties::Property;
use super::scene::CLUSTER;
use crate::account::Account;
use crate::context::REGISTRY;
use crate::function::{Function, FunctionError, InProcess, Invocation};
use crate::steward;
use crate::template::FunctionSpec;

/// A design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// The real one.
    Deploy,
    /// Rolls to the digest that the event names.
    EventDigest,
    /// The real one, with nothing that sweeps.
    NoSweep,
    /// Starts a new deployment for each event.
    ForceEach,
    /// Asks ECR what should run, and remembers what it rolled after the call instead of before it.
    MarkerAfter,
}

impl Design {
    /// The wrong ones.
    pub const WRONG: [Self; 4] = [Self::EventDigest, Self::NoSweep, Self::ForceEach, Self::MarkerAfter];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::EventDigest => "roll to the event's digest",
            Self::NoSweep => "no sweep",
            Self::ForceEach => "force on every event",
            Self::MarkerAfter => "marker written after the call",
        }
    }

    /// The scene in which it fails, and what it breaks there.
    pub fn breaks(self) -> (&'static str, Property) {
        match self {
            Self::MarkerAfter => ("bad-fix", Property::BadAgain),
            Self::ForceEach => ("follow", Property::Repeated),
            _ => ("follow", Property::Converges),
        }
    }

    /// Whether it is woken by sweeps.
    pub fn sweeps(self) -> bool {
        self != Self::NoSweep
    }

    /// The design as a function of the world.
    pub(super) fn function(self, account: &Account, spec: &FunctionSpec) -> Box<dyn Function> {
        if matches!(self, Self::Deploy | Self::NoSweep) {
            return steward::deploy(account, spec);
        }
        let (inside, table) = (account.clone(), spec.environment.get("STEWARD_TABLE").cloned().unwrap_or_default());
        Box::new(InProcess::new(account, move |invocation| handle(self, inside.clone(), table.clone(), invocation)))
    }
}

async fn handle(
    design: Design,
    account: Account,
    table: String,
    invocation: Invocation,
) -> Result<Value, FunctionError> {
    let body = invocation.payload["Records"][0]["body"].as_str().unwrap_or_default();
    let event: Value = serde_json::from_str(body).unwrap_or_default();
    let clients = steward::clients(&account);
    let detail = &event["detail"];
    let pushed = (event["source"] == "aws.ecr").then(|| detail["repository-name"].as_str()).flatten();
    match (design, pushed) {
        (Design::EventDigest, Some(name)) => {
            roll_to(&clients, name, detail["image-digest"].as_str().unwrap_or_default()).await?;
        }
        (Design::ForceEach, Some(name)) => force(&clients, name).await?,
        (Design::MarkerAfter, pushed) if pushed.is_some() || event["detail-type"] == "Sweep" => {
            roll_by_marker(&clients, &table, pushed.unwrap_or("backend")).await?;
        }
        _ => {}
    }
    Ok(serde_json::json!({ "batchItemFailures": [] }))
}

fn failed(error: impl Display) -> FunctionError {
    FunctionError::Reported { kind: "Failed".to_owned(), message: error.to_string() }
}

async fn force(clients: &Clients, service: &str) -> Result<(), FunctionError> {
    let request = clients.ecs().update_service().cluster(CLUSTER).service(service).force_new_deployment(true);
    request.send().await.map(drop).map_err(failed)
}

async fn roll_to(clients: &Clients, name: &str, digest: &str) -> Result<(), FunctionError> {
    let container = aws_sdk_ecs::types::ContainerDefinition::builder().name(name).essential(true);
    let container = container.image(format!("{REGISTRY}/{name}@{digest}")).build();
    let request = clients.ecs().register_task_definition().family(name).container_definitions(container);
    let request = request.network_mode(aws_sdk_ecs::types::NetworkMode::Awsvpc).cpu("256").memory("512");
    let request = request.requires_compatibilities(aws_sdk_ecs::types::Compatibility::Fargate);
    let registered = request.send().await.map_err(failed)?;
    let revision = registered.task_definition().and_then(|definition| definition.task_definition_arn());
    let request = clients.ecs().update_service().cluster(CLUSTER).service(name);
    request.set_task_definition(revision.map(str::to_owned)).send().await.map(drop).map_err(failed)
}

async fn roll_by_marker(clients: &Clients, table: &str, name: &str) -> Result<(), FunctionError> {
    let listed = clients.ecr().describe_images().repository_name(name).send().await.map_err(failed)?;
    let latest = listed.image_details().iter().find(|image| image.image_tags().iter().any(|tag| tag == "latest"));
    let digest = latest.and_then(|image| image.image_digest()).unwrap_or_default();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let key = HashMap::from([("pk".to_owned(), text(name)), ("sk".to_owned(), text("MARKER"))]);
    let kept = clients.dynamodb().get_item().table_name(table).consistent_read(true).set_key(Some(key.clone()));
    let kept = kept.send().await.map_err(failed)?;
    if kept.item().and_then(|item| item.get("digest")) == Some(&text(digest)) {
        return Ok(());
    }
    force(clients, name).await?;
    let request = clients.dynamodb().put_item().table_name(table).set_item(Some(key)).item("digest", text(digest));
    request.send().await.map(drop).map_err(failed)
}
