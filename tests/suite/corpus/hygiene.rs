//! Events that are none of a rollout: they cost no AWS call at all.

use serde_json::{Value, json};

use crate::support::{Stack, pushed, requested};

const SIGNATURE: &str = "sha256-4f0c1e2d3b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// A tag moved and nobody heard of it, so that whoever looks rolls. Then the noise comes.
async fn assert_noise(noise: Value) {
    let (mut stack, old) = Stack::with_backend().await;
    stack.push_unheard(&["latest"], "2");
    let before = stack.calls().len();
    stack.direct(&noise).await;
    let calls: Vec<_> = stack.calls().into_iter().skip(before).map(|record| record.call.operation).collect();
    assert!(calls.is_empty(), "{calls:?}");
    assert_eq!((stack.waiting(), stack.dead().len()), (0, 0));
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![old], 1));
    // The same without the noise rolls: the scene is one in which the noise could have done harm.
    stack.direct(&pushed("latest")).await;
    stack.settle().await;
    assert_eq!(stack.deployments("backend"), 2);
}

fn with(member: &str, value: Value) -> Value {
    let mut event = pushed("latest");
    event["detail"][member] = value;
    event
}

fn artifact(media: &str) -> Value {
    let mut event = with("artifact-media-type", media.into());
    event["detail"]["manifest-media-type"] = "application/vnd.oci.image.manifest.v1+json".into();
    event
}

fn without_tag() -> Value {
    let mut event = pushed("latest");
    event["detail"].as_object_mut().unwrap().remove("image-tag");
    event
}

fn at_top(member: &str, value: &str) -> Value {
    let mut event = pushed("latest");
    event[member] = value.into();
    event
}

macro_rules! noise {
    ($($name:ident: $event:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            assert_noise($event).await;
        }
    )+};
}

noise! {
    a_push_without_a_tag_is_not_deployed: without_tag();
    a_push_with_a_null_tag_is_not_deployed: with("image-tag", Value::Null);
    a_child_manifest_whose_tag_is_empty_is_not_deployed: with("image-tag", "".into());
    a_signature_tag_is_not_deployed: with("image-tag", SIGNATURE.into());
    a_signature_tag_with_its_ending_is_not_deployed: with("image-tag", format!("{SIGNATURE}.sig").into());
    an_attestation_tag_is_not_deployed: with("image-tag", format!("{SIGNATURE}.att").into());
    an_sbom_tag_is_not_deployed: with("image-tag", format!("{SIGNATURE}.sbom").into());
    a_helm_chart_is_not_deployed: artifact("application/vnd.cncf.helm.config.v1+json");
    an_in_toto_artifact_is_not_deployed: artifact("application/vnd.in-toto+json");
    a_deleted_image_is_not_deployed: with("action-type", "DELETE".into());
    an_archived_image_is_not_deployed: with("action-type", "UPDATE_STORAGE_CLASS".into());
    an_action_of_the_future_is_not_deployed: with("action-type", "TELEPORT".into());
    a_failed_push_is_not_deployed: with("result", "FAILED".into());
    a_push_in_another_account_is_not_deployed: at_top("account", "999999999999");
    a_replication_is_not_taken_for_a_push: at_top("detail-type", "ECR Replication Action");
    a_scan_is_not_taken_for_a_push: at_top("detail-type", "ECR Image Scan");
    a_referrer_is_not_taken_for_a_push: at_top("detail-type", "ECR Referrer Action");
    a_pull_through_cache_action_is_not_taken_for_a_push: at_top("detail-type", "ECR Pull Through Cache Action");
    an_event_of_another_source_is_not_taken_for_a_push: at_top("source", "acme.ecr");
    a_request_from_another_account_is_not_obeyed: {
        let mut event = requested(&json!({ "service": crate::support::arn("backend"), "tag": "latest" }));
        event["account"] = "999999999999".into();
        event
    };
}

#[tokio::test]
async fn a_push_in_another_region_does_not_touch_the_repository_of_that_name_here() {
    let (mut stack, old) = Stack::with_backend().await;
    stack.push_unheard(&["latest"], "2");
    stack.direct(&at_top("region", "eu-central-1")).await;
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![old], 1));
}

#[tokio::test]
async fn the_five_events_of_one_push_are_not_five_deployments() {
    let (mut stack, _) = Stack::with_backend().await;
    let build = lab::ecr::Build::from("2").multi_arch().attested();
    let index = stack.push(&["latest", "1.4.0"], build);
    let events = stack.account.take_events();
    assert_eq!(events.len(), 5);
    for event in &events {
        stack.world.emit(event);
    }
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![index], 2));
    assert_eq!(stack.alerts().len(), 1, "{:?}", stack.alerts());
}

#[tokio::test]
async fn a_helm_chart_beside_the_images_is_not_chosen_by_a_policy() {
    for policy in ["any", "prefix:1"] {
        let mut stack = Stack::new();
        let old = stack.backend(policy, "1.0.0", &[]).await;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": old, "size": 2 },
            "layers": [],
        });
        let clients = lab::steward::clients(&stack.account);
        let put = clients.ecr().put_image().repository_name("backend").image_tag("1.2.0-chart");
        put.image_manifest(manifest.to_string()).send().await.unwrap();
        stack.settle().await;
        stack.sweep().await;
        assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![old], 1), "{policy}");
    }
}
