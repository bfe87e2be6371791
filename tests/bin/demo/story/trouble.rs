//! What goes wrong, and what must not follow from it.

use jiff::SignedDuration;
use lab::ecr::Build;
use lab::ecs::Behaviour;
use serde_json::json;

use crate::stage::{Result, Stage};

const SERVICE: &str = "shop/backend";

pub(super) async fn a_bad_image(stage: &mut Stage) -> Result<()> {
    stage.act(
        "A bad image",
        "The next build of shop/backend crashes at its start. ECS rolls back. Its event comes twice.",
    );
    let good = stage.running(SERVICE);
    let build = Build::from("2.5.0 with a typo");
    let crash = Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(2) };
    stage.account.script(&build.digest(), crash);
    stage.push(SERVICE, &["latest", "2.5.0"], build).await?;
    stage.settle().await?;
    stage.check(stage.runs(SERVICE, &good), "the service is back on what it ran before");
    stage.next_sweep().await?;
    // Sooner the queue itself would swallow it: it remembers what it was given for five minutes.
    stage.next_sweep().await?;
    let pushed = stage.ledger.image_events.first().cloned().ok_or("no event of the push")?;
    stage.aside("bus", SERVICE, "delivers the event of that push once more");
    stage.emit(&pushed).await?;
    let refused = stage.ledger.decisions("image-pushed", SERVICE).last() == Some(&"refused");
    stage.next_sweep().await?;
    let once = stage.only(&[SERVICE]);
    stage.check(once && refused, "one deployment: neither three sweeps nor the second delivery try it again");
    let remembered = stage.ledger.records("deploy", SERVICE).last().is_some_and(|record| record["bad_digests"] == 1);
    stage.check(remembered, "the digest is remembered as bad");
    let told = stage.told(&["rollout-failed shop/backend", "resolved shop/backend"]);
    stage.check(
        told && stage.first_alert().contains("exit code 1"),
        "the failed rollout is told once, with its cause, and once that it is over",
    );
    Ok(())
}

pub(super) async fn a_fix(stage: &mut Stage) -> Result<()> {
    stage.act("A fix", "A new digest under the same tag.");
    let digest = stage.push(SERVICE, &["latest", "2.5.1"], Build::from("2.5.1")).await?;
    stage.settle().await?;
    stage.check(stage.only(&[SERVICE]) && stage.runs(SERVICE, &digest), "it rolls at once, in one deployment");
    Ok(())
}

pub(super) async fn messages_that_nobody_can_handle(stage: &mut Stage) -> Result<()> {
    stage.act(
        "Poison in the queue",
        "No event at all, a push of a foreign account, a request for nothing, then a good push.",
    );
    stage.enqueue("no event at all")?;
    stage.enqueue(
        &json!({
            "id": "forged", "source": "aws.ecr", "detail-type": "ECR Image Action", "account": "999999999999",
            "detail": {"action-type": "PUSH", "result": "SUCCESS", "repository-name": "api-admin", "image-tag": "latest"},
        })
        .to_string(),
    )?;
    stage.enqueue(
        &json!({"id": "asks-nothing", "source": "steward", "detail-type": "Deploy Requested", "detail": {}})
            .to_string(),
    )?;
    let pushed_at = stage.now();
    let digest = stage.push("api-admin", &["latest"], Build::from("admin 41")).await?;
    let held_up = stage.now().duration_since(pushed_at);
    let rolled = stage.new_deployments("portal/admin") == 1;
    stage.check(rolled && held_up.is_zero(), "the push behind them rolls in the same simulated second");
    stage.settle().await?;
    stage.check(stage.runs("portal/admin", &digest), "its service runs what was pushed");
    let reasons = stage.dead_letters();
    let kept = reasons.len() == 2 && reasons.iter().all(|reason| !reason.is_empty());
    stage.check(kept, "the two unreadable ones are in the dead-letter queue, each with its reason");
    Ok(())
}
