//! Modes: what only says what it would do does nothing, and what starts the same again changes nothing else.

use serde_json::json;

use crate::support::{HOST, Stack, pushed, text};

#[tokio::test]
async fn mode_plan_does_not_write_and_tells_once_what_it_would_do() {
    let mut stack = Stack::new();
    let old = stack.backend("follow", "latest", &[("steward:mode", "plan")]).await;
    stack.push(&["latest"], "2");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.writes()), (vec![old], 0));
    assert_eq!(stack.alerts_of("planned").len(), 1, "{:?}", stack.alerts());
    stack.retag("backend", "steward:mode", Some("pin"));
    stack.sweep().await;
    assert_eq!(stack.running("backend"), [stack.account.digest("backend", "latest").unwrap()]);
}

#[tokio::test]
async fn a_dry_run_writes_nothing_anywhere() {
    let (mut stack, old) = Stack::with_backend().await;
    stack.update(&[("DryRun", "true")]);
    stack.push_unheard(&["latest"], "2");
    let before = stack.calls().len();
    assert_eq!(stack.decisions(&pushed("latest")).await, ["shop/backend would-roll"]);
    stack.direct(&pushed("latest")).await;
    stack.sweep().await;
    let reads = ["GetResources", "BatchGetItem", "GetItem", "Query"];
    let written: Vec<_> = stack.calls().into_iter().skip(before).map(|record| record.call.operation).collect();
    let written: Vec<_> =
        written.into_iter().filter(|name| !name.starts_with("Describe") && !reads.contains(&name.as_str())).collect();
    assert!(written.is_empty(), "{written:?}");
    assert_eq!((stack.running("backend"), stack.alerts().len()), (vec![old], 0));
}

#[tokio::test]
async fn a_dry_run_that_is_switched_off_does_not_need_another_push() {
    let (mut stack, old) = Stack::with_backend().await;
    stack.update(&[("DryRun", "true")]);
    let new = stack.push(&["latest"], "2");
    stack.settle().await;
    assert_eq!(stack.running("backend"), [old]);
    stack.update(&[("DryRun", "false")]);
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![new], 2));
}

#[tokio::test]
async fn force_does_not_register_a_revision() {
    let (mut stack, _) = Stack::with_backend().await;
    let before = stack.service("backend")["taskDefinition"].clone();
    stack.push(&["latest"], "2");
    stack.settle().await;
    assert_eq!(stack.inputs("RegisterTaskDefinition").len(), 0);
    assert_eq!(stack.inputs("UpdateService")[0]["forceNewDeployment"], true);
    assert_eq!(stack.service("backend")["taskDefinition"], before);
}

#[tokio::test]
async fn follow_does_not_forget_its_tag_when_it_pins() {
    let mut stack = Stack::new();
    stack.backend("follow", "latest", &[("steward:mode", "pin")]).await;
    for content in ["2", "3", "4"] {
        let new = stack.push(&["latest"], content);
        stack.settle().await;
        stack.sweep().await;
        let image = stack.definition("backend")["taskDefinition"]["containerDefinitions"][0]["image"].clone();
        assert_eq!(image, format!("{HOST}/backend@{new}"));
        assert_eq!(stack.running("backend"), [new]);
    }
    assert_eq!(stack.deployments("backend"), 4);
}

#[tokio::test]
async fn force_on_a_reference_by_digest_does_not_pretend_to_roll() {
    let mut stack = Stack::new();
    stack.backend("follow", "latest", &[("steward:mode", "pin")]).await;
    stack.push(&["latest"], "2");
    stack.settle().await;
    stack.retag("backend", "steward:mode", Some("force"));
    stack.push(&["latest"], "3");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.deployments("backend"), stack.alerts_of("blocked").len()), (2, 1), "{:?}", stack.alerts());
}

#[tokio::test]
async fn a_service_without_version_consistency_is_not_rolled_in_circles() {
    let mut stack = Stack::new();
    stack.push(&["latest"], "1");
    let container = json!({
        "name": "backend", "image": format!("{HOST}/backend:latest"), "essential": true, "versionConsistency": "disabled",
    });
    let definition = json!({ "family": "backend", "containerDefinitions": [container] });
    stack.account.ecs("RegisterTaskDefinition", definition).unwrap();
    let service = json!({
        "cluster": "shop", "serviceName": "backend", "desiredCount": 1, "taskDefinition": "backend:1",
        "tags": [{ "key": "steward:deploy", "value": "follow" }],
    });
    stack.account.ecs("CreateService", service).unwrap();
    stack.settle().await;
    let new = stack.push(&["latest"], "2");
    stack.settle().await;
    for _ in 0..3 {
        stack.sweep().await;
    }
    assert!(stack.deployments("backend") <= 2, "{}", stack.deployments("backend"));
    assert_eq!(stack.running("backend"), [new]);
}

#[tokio::test]
async fn an_alert_does_not_say_less_than_service_image_and_outcome() {
    let (mut stack, _) = Stack::with_backend().await;
    let new = stack.push(&["latest"], "2");
    stack.settle().await;
    let alert = &stack.alerts()[0];
    let subject = alert.subject.clone().unwrap();
    assert!(subject.contains("shop/backend"), "{subject}");
    assert!(alert.message.contains(&new) && alert.message.contains("complete"), "{}", alert.message);
    assert_eq!(text(&json!(alert.attributes["kind"])), "rolled-out");
}
