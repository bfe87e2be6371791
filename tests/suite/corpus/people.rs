//! What people do by other means stands, and what they ask for is done or refused in words.

use jiff::SignedDuration;
use serde_json::json;

use crate::support::{HOST, Stack, arn, requested, text};

/// `backend` on 1.1.0 by Steward's own roll; answers the digests of 1.0.0 and 1.1.0.
async fn rolled() -> (Stack, String, String) {
    let mut stack = Stack::new();
    let old = stack.backend("semver:minor", "1.0.0", &[]).await;
    let new = stack.push(&["1.1.0"], "2");
    stack.settle().await;
    assert_eq!(stack.running("backend"), std::slice::from_ref(&new));
    (stack, old, new)
}

#[tokio::test]
async fn an_image_that_infrastructure_as_code_put_back_is_not_fought_over() {
    let (mut stack, old, _) = rolled().await;
    stack.meddle("backend", &json!({ "taskDefinition": "backend:1" }));
    stack.settle().await;
    stack.sweep().await;
    stack.push(&["1.2.0"], "3");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![old], 3));
    assert_eq!(stack.alerts_of("pinned").len(), 1, "{:?}", stack.alerts());
    stack.direct(&requested(&json!({ "service": arn("backend"), "release-pin": true }))).await;
    stack.settle().await;
    assert_eq!(stack.running("backend"), [stack.account.digest("backend", "1.2.0").unwrap()]);
    stack.push(&["1.3.0"], "4");
    stack.settle().await;
    assert_eq!(stack.running("backend"), [stack.account.digest("backend", "1.3.0").unwrap()]);
}

#[tokio::test]
async fn a_new_revision_with_the_same_image_is_not_taken_for_a_pin() {
    let (mut stack, _, _) = rolled().await;
    let mut definition = stack.definition("backend")["taskDefinition"].clone();
    definition["cpu"] = "1024".into();
    let registered = stack.account.ecs("RegisterTaskDefinition", definition).unwrap();
    stack.meddle("backend", &json!({ "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"] }));
    stack.settle().await;
    let next = stack.push(&["1.2.0"], "3");
    stack.settle().await;
    assert_eq!(stack.running("backend"), [next]);
    assert_eq!(stack.definition("backend")["taskDefinition"]["cpu"], "1024");
    assert!(stack.alerts_of("pinned").is_empty());
}

#[tokio::test]
async fn a_service_that_is_held_is_not_written_and_says_what_waits() {
    let mut stack = Stack::new();
    let old = stack.backend("follow", "latest", &[("steward:hold", "load test until Friday")]).await;
    stack.push(&["latest"], "2");
    stack.settle().await;
    stack.sweep().await;
    stack.direct(&requested(&json!({ "service": arn("backend"), "tag": "latest" }))).await;
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.writes()), (vec![old], 0));
    let held = stack.alerts_of("held");
    assert_eq!(held.len(), 1, "{:?}", stack.alerts());
    assert!(stack.alerts()[0].message.contains("load test until Friday"));
    stack.retag("backend", "steward:hold", None);
    stack.sweep().await;
    assert_eq!(stack.running("backend"), [stack.account.digest("backend", "latest").unwrap()]);
}

#[tokio::test]
async fn a_hold_that_the_tagging_api_has_not_seen_yet_is_not_passed_over() {
    let (mut stack, old) = Stack::with_backend().await;
    stack.retag("backend", "steward:hold", Some("now"));
    // The tagging API answers from before; what ECS itself says counts.
    stack.account.inject(Box::new(|call| match call.operation.as_str() {
        "GetResources" => lab::faults::Fault::Stale,
        _ => lab::faults::Fault::Ok,
    }));
    stack.push(&["latest"], "2");
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.writes()), (vec![old], 0));
}

#[tokio::test]
async fn a_digest_that_does_not_exist_is_not_deployed_but_refused_in_words() {
    let (mut stack, _) = Stack::with_backend().await;
    let nowhere = format!("sha256:{}", "0".repeat(64));
    for detail in [
        json!({ "service": arn("backend"), "digest": nowhere }),
        json!({ "service": arn("backend"), "tag": "9.9.9" }),
        json!({ "repository": format!("{HOST}/backend"), "tag": "9.9.9" }),
    ] {
        assert_eq!(stack.decisions(&requested(&detail)).await, ["shop/backend not-in-registry"], "{detail}");
    }
    stack.settle().await;
    assert_eq!((stack.writes(), stack.deployments("backend")), (0, 1));
}

#[tokio::test]
async fn a_request_for_a_service_that_has_not_opted_in_is_not_obeyed() {
    let mut stack = Stack::new();
    let digest = stack.push(&["latest"], "1");
    stack.account.service("shop", "backend").image("backend:latest").running().unwrap();
    stack.push(&["latest"], "2");
    stack.settle().await;
    let request = requested(&json!({ "service": arn("backend"), "digest": digest }));
    assert_eq!(stack.decisions(&request).await, ["shop/backend opted-out"]);
    assert_eq!(
        stack.decisions(&requested(&json!({ "service": arn("nobody"), "digest": digest }))).await,
        ["shop/nobody gone"]
    );
    assert_eq!(stack.writes(), 0);
}

#[tokio::test]
async fn a_request_for_a_repository_does_not_touch_services_of_others() {
    let (mut stack, old) = Stack::with_backend().await;
    stack.account.push("frontend", &["latest"], "f1").unwrap();
    let service = stack.account.service("shop", "frontend").image("frontend:latest");
    service.tag("steward:deploy", "follow").running().unwrap();
    stack.push(&["latest"], "2");
    stack.settle().await;
    stack.direct(&requested(&json!({ "repository": format!("{HOST}/backend"), "digest": old }))).await;
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("frontend")), (vec![old], 1));
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_not_lost_but_kept_with_its_reason() {
    let (mut stack, _) = Stack::with_backend().await;
    let digest = format!("sha256:{}", "0".repeat(64));
    for detail in [
        json!({}),
        json!({ "service": arn("backend") }),
        json!({ "service": arn("backend"), "tag": "a", "digest": digest }),
        json!({ "release-pin": true }),
        json!({ "service": "backend", "tag": "latest" }),
        json!({ "service": arn("backend"), "digest": "sha256:12" }),
        json!({ "service": arn("backend"), "tagg": "latest" }),
    ] {
        let (dead, writes) = (stack.dead().len(), stack.writes());
        stack.direct(&requested(&detail)).await;
        assert_eq!((stack.dead().len(), stack.writes()), (dead + 1, writes), "{detail}");
    }
    assert_eq!(stack.waiting(), 0);
}

#[tokio::test]
async fn a_deployment_of_somebody_else_that_is_under_way_is_not_stepped_on() {
    let (mut stack, _) = Stack::with_backend().await;
    stack.push_unheard(&["latest"], "2");
    stack.meddle("backend", &json!({ "forceNewDeployment": true }));
    stack.world.run_for(SignedDuration::from_secs(2)).await.unwrap();
    stack.direct(&crate::support::pushed("latest")).await;
    stack.settle().await;
    stack.sweep().await;
    assert_eq!(stack.deployments("backend"), 2);
    assert_eq!(stack.running("backend"), [stack.account.digest("backend", "latest").unwrap()]);
}

#[tokio::test]
async fn the_name_of_whoever_asked_is_not_lost() {
    let (mut stack, _, new) = rolled().await;
    let request = json!({ "service": arn("backend"), "tag": "1.0.0", "requested-by": "ana, ticket 4711" });
    stack.direct(&requested(&request)).await;
    stack.settle().await;
    stack.sweep().await;
    let pinned = stack.alerts().into_iter().filter(|alert| alert.message.contains("ana, ticket 4711")).count();
    assert_eq!(pinned, 1, "{:?}", stack.alerts());
    let image = &stack.definition("backend")["taskDefinition"]["containerDefinitions"][0]["image"];
    assert!(!text(image).contains(&new));
}
