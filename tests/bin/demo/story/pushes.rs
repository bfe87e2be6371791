//! Pushes: what rolls, and what does not.

use lab::ecr::Build;

use crate::cast::PROXY;
use crate::stage::{Result, Stage, counted};

const PUSHED: &str = "image-pushed";

pub(super) async fn one_push_five_events(stage: &mut Stage) -> Result<()> {
    stage.act(
        "Five events, one deployment",
        "build-images.sh pushes shop/backend for two architectures, attested, as latest and 2.4.1.",
    );
    let digest = stage.push("shop/backend", &["latest", "2.4.1"], Build::from("2.4.1").multi_arch().attested()).await?;
    stage.settle().await?;
    let calls = in_order(stage.ledger.works.first().map(|work| work.calls.as_slice()).unwrap_or_default());
    stage.page.note(&format!("calls of the first of the two invocations, for all of the account: {calls}"));
    let (events, messages) = (stage.ledger.image_events.len(), stage.ledger.image_messages);
    stage.check(
        events == 5 && messages == 2,
        &format!("{events} events, of which {messages} reach the function's queue"),
    );
    stage.check(stage.only(&["shop/backend"]), "exactly one deployment of shop/backend, none of any other service");
    stage.check(stage.runs("shop/backend", &digest), "its tasks run the digest that was pushed");
    stage.check(stage.ledger.alerts("rolled-out", "shop/backend") == 1, "the team is told once");
    Ok(())
}

pub(super) async fn pushes_that_mean_nothing(stage: &mut Stage) -> Result<()> {
    stage.act("Pushes that mean nothing", "Manifests without a tag, and a cosign signature.");
    let signed = stage.push("shop/backend", &[], Build::from("2.4.2-work").multi_arch()).await?;
    let signature = signed.replace(':', "-") + ".sig";
    stage.push("shop/backend", &[&signature], Build::from("signature")).await?;
    let (messages, works) = (stage.ledger.image_messages, stage.ledger.works.len());
    stage.check(messages == 0 && works == 0, "nothing reaches the queue: 0 invocations, 0 calls");
    stage.check(stage.only(&[]), "no deployment");
    Ok(())
}

pub(super) async fn a_minor_version(stage: &mut Stage) -> Result<()> {
    stage.act(
        "semver:minor, with a sidecar",
        "clinic/api runs 1.4.0; a major, a prerelease, a sidecar, a minor follow.",
    );
    stage.push("clinic/api", &["2.0.0"], Build::from("2.0.0")).await?;
    stage.push("clinic/api", &["1.6.0-rc.1"], Build::from("1.6.0-rc.1")).await?;
    stage.push(PROXY, &["1.3.0"], Build::from("proxy 1.3.0")).await?;
    stage.check(stage.only(&[]), "none of these three rolls anything");
    let digest = stage.push("clinic/api", &["1.5.0"], Build::from("1.5.0")).await?;
    stage.settle().await?;
    let images = stage.images("clinic/api")?;
    let pinned = images.first().is_some_and(|image| image.ends_with(&digest));
    stage.check(stage.only(&["clinic/api"]) && stage.runs("clinic/api", &digest), "1.5.0 rolls, in one deployment");
    stage.check(pinned, "its new revision names the image by digest");
    stage.check(images.get(1).is_some_and(|image| image.ends_with("proxy:1.2.0")), "the sidecar is still proxy:1.2.0");
    Ok(())
}

pub(super) async fn from_staging_to_prod(stage: &mut Stage) -> Result<()> {
    stage.act(
        "One module, two environments",
        "A build moves :staging of booking/api. An hour later a retag moves :prod to it.",
    );
    let digest = stage.push("booking/api", &["staging"], Build::from("booking 31")).await?;
    stage.settle().await?;
    stage.check(stage.only(&["booking/api-staging"]), "staging rolls, prod does not");
    stage.run_for(jiff::SignedDuration::from_hours(1)).await?;
    let text = format!("{} later prod still has not", counted(stage.sweeps(), "sweep"));
    stage.check(stage.only(&["booking/api-staging"]) && stage.sweeps() > 0, &text);
    stage.push("booking/api", &["prod"], Build::from("booking 31")).await?;
    stage.settle().await?;
    let both = ["booking/api-staging", "booking/api-prod"];
    stage.check(stage.only(&both), "the retag rolls prod, and staging not again");
    stage.check(both.iter().all(|service| stage.runs(service, &digest)), "both run the very same digest");
    Ok(())
}

pub(super) async fn names_that_begin_alike(stage: &mut Stage) -> Result<()> {
    stage.act("Names that begin alike", "A push to the repository api. The frontend's repository is api-admin.");
    let digest = stage.push("api", &["latest"], Build::from("api 88")).await?;
    stage.settle().await?;
    stage.check(stage.only(&["portal/api"]) && stage.runs("portal/api", &digest), "portal/api rolls");
    let decisions = stage.ledger.decisions(PUSHED, "portal/admin");
    stage.check(decisions == ["no-container"], "portal/admin is looked at, and left alone: not its repository");
    Ok(())
}

pub(super) async fn released_by_tag(stage: &mut Stage) -> Result<()> {
    stage.act("Released by tag", "ml/inference rolls on release-..., so a push of main-4f1c9e2 is nobody's business.");
    stage.push("inference", &["main-4f1c9e2"], Build::from("main 4f1c9e2")).await?;
    stage.check(stage.only(&[]), "main-4f1c9e2 rolls nothing");
    let digest = stage.push("inference", &["release-2026.11"], Build::from("release 2026.11")).await?;
    stage.settle().await?;
    stage.check(stage.only(&["ml/inference"]) && stage.runs("ml/inference", &digest), "release-2026.11 rolls, once");
    Ok(())
}

/// Calls in their order, repetitions counted.
fn in_order(calls: &[String]) -> String {
    let same = calls.chunk_by(|one, next| one == next);
    let times = |call: &str, times: usize| if times == 1 { call.to_owned() } else { format!("{times} x {call}") };
    same.map(|same| times(same.first().map_or("", String::as_str), same.len())).collect::<Vec<_>>().join(", ")
}
