//! Scenes in which a sweep has to look at so many things.

use jiff::{SignedDuration, ToSpan};
use serde_json::json;

use super::fleet::{Fleet, Mode};
use super::latency;
use super::look::{Look, in_process};
use super::stand::{NotMeasured, Stand};
use crate::context::REGISTRY;
use crate::ecs::Behaviour;
use crate::rds::Kind;
use crate::steward::{self, DEPLOY, HEAL, MIGRATE, SNAPSHOT};

/// Most services in one cluster, as in AWS.
const IN_A_CLUSTER: usize = 5000;

/// So many services that run what they should.
///
/// # Errors
/// What the account refuses.
pub fn at_rest(stand: &Stand, services: usize) -> Result<(), NotMeasured> {
    fleet(services).stand(&stand.account)?;
    Ok(())
}

/// A fleet over ten clusters, or as many as it needs.
pub fn fleet(services: usize) -> Fleet {
    let clusters = services.div_ceil(IN_A_CLUSTER).max(services.min(10));
    Fleet { services, clusters, definitions: services.min(10), mode: Mode::Force }
}

/// So many databases, none with a snapshot yet.
pub fn databases(stand: &Stand, databases: usize) {
    let rds = stand.account.rds();
    rds.quota(Kind::Instance, databases * 20);
    for number in 0..databases {
        rds.instance(&format!("database-{number:04}")).tag("steward:snapshot", "daily:7 weekly:4").create();
    }
}

/// Lets nights pass, each with all sweeps that it needs, and an hour after the last of them.
///
/// # Errors
/// When a sweep fails.
pub async fn nights(stand: &Stand, nights: usize) -> Result<Vec<Look>, NotMeasured> {
    let spec = stand.function(SNAPSHOT)?;
    let mut function = steward::function(&stand.account, &spec).ok_or_else(|| NotMeasured("no snapshot".to_owned()))?;
    let mut looks = Vec::new();
    for _ in 0..nights {
        stand.account.advance(SignedDuration::from_hours(24));
        looks.push(in_process(stand, &spec, function.as_mut()).await?);
    }
    stand.account.advance(SignedDuration::from_hours(1));
    Ok(looks)
}

/// So many services in one cluster whose tasks crash, all at the same time and ever again.
///
/// # Errors
/// What the account refuses, or a world that does not come to rest.
pub async fn crashing(stand: &mut Stand, services: usize) -> Result<(), NotMeasured> {
    let digest = stand.account.push("base", &["latest"], "1")?;
    stand.account.script(&digest, Behaviour::CrashAfterRunning { exit_code: 1, after: SignedDuration::from_mins(3) });
    let fleet = Fleet { clusters: 1, ..fleet(services) };
    fleet.stand(&stand.account)?;
    stand.account.calls_take(latency::usual);
    let spec = stand.function(HEAL)?;
    let function = steward::function(&stand.account, &spec).ok_or_else(|| NotMeasured("no heal".to_owned()))?;
    stand.world.attach(HEAL, function);
    stand.world.run_for(SignedDuration::from_mins(15)).await?;
    Ok(())
}

/// So many services whose migrations are under way, each of its own database.
///
/// # Errors
/// What the account refuses, or a world that does not come to rest.
pub async fn migrating(stand: &mut Stand, services: usize) -> Result<(), NotMeasured> {
    let account = stand.account.clone();
    account.cluster("cluster-00");
    account.push("base", &["latest"], "1")?;
    let families = services.min(10);
    for family in 0..families {
        let container = json!({
            "name": "app", "image": format!("{REGISTRY}/base:latest"), "essential": true,
            "dockerLabels": { "steward.migrate": "bin/migrate" },
        });
        let definition = json!({ "family": format!("app-{family:02}"), "containerDefinitions": [container] });
        account.ecs("RegisterTaskDefinition", definition)?;
    }
    let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-a"], "securityGroups": ["sg-db"] } });
    for number in 0..services {
        let tags = [("steward:deploy", "follow"), ("steward:migrate", "app")];
        let tags = tags.map(|(key, value)| json!({ "key": key, "value": value }));
        let service = json!({
            "cluster": "cluster-00",
            "serviceName": format!("service-{number:05}"),
            "desiredCount": 1,
            "taskDefinition": format!("app-{:02}:1", number.checked_rem(families).unwrap_or_default()),
            "networkConfiguration": network,
            "tags": tags,
        });
        account.ecs("CreateService", service)?;
    }
    account.settle();
    account.take_events();
    for id in [DEPLOY, MIGRATE] {
        let spec = stand.function(id)?;
        let function = steward::function(&account, &spec).ok_or_else(|| NotMeasured(format!("no {id}")))?;
        stand.world.attach(id, function);
    }
    account.push("base", &["latest"], "2")?;
    stand.world.run_until(stand.world.now() + 10.minutes()).await?;
    Ok(())
}
