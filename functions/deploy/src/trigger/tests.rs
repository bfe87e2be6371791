//! What wakes `deploy`, from the samples in `events/` and from what comes near them.

use serde_json::{Value, json};

use super::*;

fn read(event: &Value) -> Result<Trigger, HandlingError> {
    let (account, region) = ("123456789012".parse().unwrap(), "eu-west-1".parse().unwrap());
    Trigger::read(&Event::read(event)?, &account, &region, Timestamp::UNIX_EPOCH)
}

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn push(change: impl FnOnce(&mut Value)) -> Value {
    let mut event = sample(include_str!("../../../../events/ecr-image-pushed.json"));
    change(&mut event);
    event
}

#[track_caller]
fn ignored(event: &Value) {
    assert!(matches!(read(event), Ok(Trigger::Ignored(_))), "{:?}", read(event));
}

#[track_caller]
fn rejected(event: &Value) {
    assert!(matches!(read(event), Err(HandlingError::Rejected(_))), "{:?}", read(event));
}

#[test]
fn a_tagged_push_names_its_repository_in_its_registry() {
    let Ok(Trigger::Pushed { repository, tag }) = read(&push(|_| ())) else { panic!("not a push") };
    let detail = push(|_| ())["detail"].clone();
    assert_eq!(tag.as_str(), detail["image-tag"]);
    assert_eq!(repository.path, detail["repository-name"].as_str().unwrap());
    assert!(repository.to_string().starts_with("123456789012.dkr.ecr.eu-west-1.amazonaws.com/"));
}

#[test]
fn a_push_without_a_tag_is_a_part_of_another_and_rolls_nothing() {
    ignored(&push(|event| event["detail"]["image-tag"] = json!("")));
    ignored(&push(|event| event["detail"]["image-tag"] = Value::Null));
    ignored(&push(|event| drop(event["detail"].as_object_mut().unwrap().remove("image-tag"))));
}

#[test]
fn signatures_attestations_and_other_artifacts_roll_nothing() {
    let signature = format!("sha256-{}", "0f".repeat(32));
    for suffix in ["", ".sig", ".att", ".sbom"] {
        ignored(&push(|event| event["detail"]["image-tag"] = json!(format!("{signature}{suffix}"))));
    }
    ignored(&push(|event| {
        event["detail"]["manifest-media-type"] = json!("application/vnd.oci.image.manifest.v1+json");
        event["detail"]["artifact-media-type"] = json!("application/vnd.dev.cosign.artifact.sig.v1+json");
    }));
}

#[test]
fn the_samples_that_a_rule_cannot_keep_out_are_dropped_here() {
    ignored(&sample(include_str!("../../../../events/ignored/ecr-signature-tag.json")));
    ignored(&sample(include_str!("../../../../events/ignored/ecr-attestation-tag.json")));
}

#[test]
fn an_image_is_known_by_either_media_type_and_also_without_any() {
    for (manifest, artifact) in [
        (json!("application/vnd.oci.image.index.v1+json"), json!(null)),
        (json!("application/vnd.docker.distribution.manifest.list.v2+json"), json!("anything")),
        (
            json!("application/vnd.docker.distribution.manifest.v2+json"),
            json!("application/vnd.docker.container.image.v1+json"),
        ),
        (json!("application/vnd.oci.image.manifest.v1+json"), json!("application/vnd.oci.image.config.v1+json")),
        (json!(null), json!(null)),
    ] {
        let event = push(|event| {
            event["detail"]["manifest-media-type"] = manifest.clone();
            event["detail"]["artifact-media-type"] = artifact.clone();
        });
        assert!(matches!(read(&event), Ok(Trigger::Pushed { .. })), "{manifest} {artifact}: {:?}", read(&event));
    }
}

#[test]
fn what_is_not_a_successful_push_of_our_account_rolls_nothing() {
    ignored(&push(|event| event["detail"]["action-type"] = json!("DELETE")));
    ignored(&push(|event| event["detail"]["action-type"] = json!("UPDATE_STORAGE_CLASS")));
    ignored(&push(|event| event["detail"]["action-type"] = json!("SOMETHING_NEW")));
    ignored(&push(|event| event["detail"]["result"] = json!("FAILED")));
    ignored(&push(|event| event["account"] = json!("210987654321")));
    ignored(&push(|event| event["detail-type"] = json!("ECR Replication Action")));
    ignored(&push(|event| event["detail-type"] = json!("ECR Referrer Action")));
    ignored(&push(|event| event["source"] = json!("aws.something-new")));
}

#[test]
fn unknown_fields_are_tolerated_and_missing_ones_that_are_needed_are_not() {
    assert!(matches!(
        read(&push(|event| event["detail"]["new-field"] = json!({ "deep": [1] }))),
        Ok(Trigger::Pushed { .. })
    ));
    for field in ["action-type", "result", "repository-name"] {
        rejected(&push(|event| drop(event["detail"].as_object_mut().unwrap().remove(field))));
    }
    rejected(&push(|event| event["detail"] = json!("text")));
    rejected(&push(|event| event["detail"]["repository-name"] = json!("../../etc")));
    rejected(&push(|event| event["detail"]["image-tag"] = json!("not a tag")));
}

#[test]
fn a_deployment_that_ended_is_looked_at_and_one_that_began_is_not() {
    let mut event = sample(include_str!("../../../../events/ecs-deployment-completed.json"));
    assert!(matches!(read(&event), Ok(Trigger::DeploymentChanged { .. })), "{:?}", read(&event));
    event["detail"]["eventName"] = json!("SERVICE_DEPLOYMENT_FAILED");
    assert!(matches!(read(&event), Ok(Trigger::DeploymentChanged { .. })));
    event["detail"]["eventName"] = json!("SERVICE_DEPLOYMENT_IN_PROGRESS");
    ignored(&event);
    event["detail"]["eventName"] = json!("SERVICE_DEPLOYMENT_COMPLETED");
    event["resources"] = json!(["arn:aws:ecs:eu-west-1:123456789012:service/without-cluster"]);
    ignored(&event);
    event["resources"] = json!([]);
    rejected(&event);
}

#[test]
fn a_request_that_asks_for_nothing_or_for_two_things_is_refused_with_what_to_write() {
    let ask =
        |detail: Value| read(&json!({ "source": "steward", "detail-type": "Deploy Requested", "detail": detail }));
    let service = "arn:aws:ecs:eu-west-1:123456789012:service/shop/api";
    let digest = format!("sha256:{}", "0f".repeat(32));
    for good in [
        json!({ "service": service, "tag": "1.2.3" }),
        json!({ "repository": "ghcr.io/acme/api", "digest": digest }),
        json!({ "service": service, "release-pin": true, "requested-by": "ada" }),
    ] {
        assert!(matches!(ask(good.clone()), Ok(Trigger::Requested(_))), "{good}: {:?}", ask(good.clone()));
    }
    for (bad, hint) in [
        (json!({}), "asks for nothing"),
        (json!({ "service": service }), "asks for nothing"),
        (json!({ "tag": "1" }), "neither service nor repository"),
        (json!({ "service": service, "tag": "1", "digest": digest }), "both tag and digest"),
        (json!({ "service": service, "tag": "1", "release-pin": true }), "give one of the two"),
        (json!({ "repository": "api", "release-pin": true }), "needs service"),
        (json!({ "service": "api", "tag": "1" }), "ARN of an ECS service"),
        (json!({ "service": service, "tga": "1" }), "unknown field"),
    ] {
        let error = ask(bad.clone()).unwrap_err().to_string();
        assert!(error.contains(hint), "{bad}: {error}");
    }
}

#[test]
fn an_announcement_is_for_registries_that_send_no_events_themselves() {
    let mut event = sample(include_str!("../../../../events/image-pushed.json"));
    assert!(matches!(read(&event), Ok(Trigger::Announced { .. })), "{:?}", read(&event));
    event["detail"]["repository"] = json!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/api");
    rejected(&event);
    // A central registry sends its events to its own account.
    event["detail"]["repository"] = json!("210987654321.dkr.ecr.eu-west-1.amazonaws.com/api");
    assert!(matches!(read(&event), Ok(Trigger::Announced { .. })), "{:?}", read(&event));
    event["detail"]["repository"] = json!("ghcr.io/acme/api");
    event["detail"]["digest"] = json!("latest");
    rejected(&event);
}

#[test]
fn every_sample_wakes_deploy_as_its_name_says() {
    for (text, word) in [
        (include_str!("../../../../events/ecr-image-pushed.json"), "image-pushed"),
        (include_str!("../../../../events/deploy-requested.json"), "deploy-requested"),
        (include_str!("../../../../events/deploy-requested-release-pin.json"), "deploy-requested"),
        (include_str!("../../../../events/image-pushed.json"), "image-announced"),
        (include_str!("../../../../events/sweep.json"), "sweep"),
    ] {
        assert_eq!(read(&sample(text)).unwrap().word(), word);
    }
}
