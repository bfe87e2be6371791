//! People: a hold, a dry run, and a hand on the service.

use lab::ecr::Build;
use serde_json::json;

use crate::stage::{Result, Stage, service_arn};

pub(super) async fn a_hold(stage: &mut Stage) -> Result<()> {
    const SERVICE: &str = "portal/admin";
    stage.act("A hold", "The portal team holds portal/admin over a load test, and pushes all the same.");
    let tag = json!({"key": "steward:hold", "value": "load test until Friday"});
    let arn = service_arn(SERVICE);
    stage.person(
        SERVICE,
        "sets steward:hold = load test until Friday",
        "TagResource",
        json!({"resourceArn": arn, "tags": [tag]}),
    )?;
    let digest = stage.push("api-admin", &["latest"], Build::from("admin 42")).await?;
    stage.next_sweep().await?;
    stage.next_sweep().await?;
    stage.check(stage.only(&[]), "not touched, by the push nor by two sweeps");
    let (told, all) = (stage.ledger.alerts("held", SERVICE), stage.ledger.alerts.len());
    stage.check(told == 1 && all == 1, "told once, with the reason and what waits");
    let keys = json!({"resourceArn": arn, "tagKeys": ["steward:hold"]});
    stage.person(SERVICE, "removes steward:hold", "UntagResource", keys)?;
    stage.next_sweep().await?;
    stage.settle().await?;
    stage.check(stage.only(&[SERVICE]) && stage.runs(SERVICE, &digest), "rolls at the next sweep");
    Ok(())
}

pub(super) async fn a_dry_run(stage: &mut Stage) -> Result<()> {
    const SERVICE: &str = "portal/api";
    stage.act("A dry run", "The stack is updated with DryRun=true, and later back; nothing but the parameter changes.");
    stage.update_stack(&[("DryRun", "true")])?;
    stage.aside("person", "", "updates the stack: DryRun=true");
    let digest = stage.push("api", &["latest"], Build::from("api 89")).await?;
    stage.next_sweep().await?;
    let (calls, writes) =
        (stage.ledger.works.iter().map(|work| work.calls.len()).sum::<usize>(), stage.ledger.writes());
    stage.check(calls > 0 && writes.is_empty(), &format!("of its {calls} calls {} write", writes.len()));
    let planned = stage.ledger.decisions("image-pushed", SERVICE) == ["would-roll"];
    stage.check(planned && stage.only(&[]), "the plan is in the record, the service is as it was");
    stage.update_stack(&[])?;
    stage.aside("person", "", "updates the stack: DryRun=false");
    stage.next_sweep().await?;
    stage.settle().await?;
    stage.check(
        stage.only(&[SERVICE]) && stage.runs(SERVICE, &digest),
        "from then on it acts: rolled at the next sweep",
    );
    Ok(())
}

pub(super) async fn a_pin_by_hand(stage: &mut Stage) -> Result<()> {
    const SERVICE: &str = "ml/inference";
    stage.act(
        "A hand on the service",
        "Somebody takes ml/inference back to release-2026.10 in the console; then a new release is pushed.",
    );
    let image = format!("{}/inference:release-2026.10", lab::context::REGISTRY);
    let definition = json!({
        "family": "inference", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "inference", "image": image, "essential": true}],
    });
    let registered =
        stage.person(SERVICE, "registers a revision with release-2026.10", "RegisterTaskDefinition", definition)?;
    let revision = &registered["taskDefinition"]["taskDefinitionArn"];
    let update = json!({"cluster": "ml", "service": "inference", "taskDefinition": revision});
    stage.person(SERVICE, "updates the service to it", "UpdateService", update)?;
    stage.settle().await?;
    stage.next_sweep().await?;
    let digest = stage.push("inference", &["release-2026.12"], Build::from("release 2026.12")).await?;
    stage.next_sweep().await?;
    stage.check(stage.only(&[SERVICE]), "hands off: no deployment but the person's own, release-2026.12 waits");
    stage.check(stage.ledger.alerts("pinned", SERVICE) == 1, "told once, with how to release it");
    stage.aside("person", SERVICE, "puts Deploy Requested on the bus: release-pin");
    let request = json!({"service": service_arn(SERVICE), "release-pin": true, "requested-by": "ana"});
    stage.request("release-inference", &request).await?;
    stage.settle().await?;
    let rolled = stage.new_deployments(SERVICE) == 2 && stage.runs(SERVICE, &digest);
    stage.check(rolled, "the policy decides again: release-2026.12 rolls at once");
    Ok(())
}
