//! The copy of a task definition loses nothing, and the digest that runs is the one that was meant.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{HOST, Stack};

/// Every field that the API model of `RegisterTaskDefinition` knows, and two that no model knows.
const EVERY_FIELD: &str = include_str!("../fixtures/task-definition.json");

/// Runs a task definition of every field in a service `backend`.
async fn every_field() -> (Stack, Value) {
    let mut stack = Stack::new();
    stack.push(&["1.0.0"], "1");
    let definition: Value = serde_json::from_str(EVERY_FIELD).unwrap();
    let registered = stack.account.ecs("RegisterTaskDefinition", definition.clone()).unwrap();
    let arn = &registered["taskDefinition"]["taskDefinitionArn"];
    let tags = json!([{ "key": "team", "value": "shop" }, { "key": "cost-center", "value": "42" }]);
    stack.account.ecs("TagResource", json!({ "resourceArn": arn, "tags": tags })).unwrap();
    let service = json!({
        "cluster": "shop", "serviceName": "backend", "desiredCount": 1, "taskDefinition": arn,
        "tags": [{ "key": "steward:deploy", "value": "semver:minor" }],
    });
    stack.account.ecs("CreateService", service).unwrap();
    stack.settle().await;
    (stack, definition)
}

#[tokio::test]
async fn no_field_of_a_task_definition_is_lost_or_changed_but_the_image() {
    let (mut stack, mut expected) = every_field().await;
    let new = stack.push(&["1.1.0"], "2");
    stack.settle().await;
    expected["containerDefinitions"][0]["image"] = format!("{HOST}/backend@{new}").into();
    let mut sent = stack.inputs("RegisterTaskDefinition");
    assert_eq!(sent.len(), 1);
    let tags = sent[0].as_object_mut().unwrap().remove("tags").unwrap();
    assert_eq!(sent[0], expected);
    let sorted = |tags: &Value| {
        let mut tags: Vec<String> = tags.as_array().unwrap().iter().map(Value::to_string).collect();
        tags.sort();
        tags
    };
    let kept = json!([{ "key": "team", "value": "shop" }, { "key": "cost-center", "value": "42" }]);
    assert_eq!(sorted(&tags), sorted(&kept));
    assert_eq!(stack.running("backend"), [new]);
}

#[tokio::test]
async fn what_ecs_adds_to_a_task_definition_is_not_sent_back() {
    let (mut stack, _) = every_field().await;
    stack.push(&["1.1.0"], "2");
    stack.settle().await;
    let sent = &stack.inputs("RegisterTaskDefinition")[0];
    for field in [
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
        "deleteRequestedAt",
    ] {
        assert!(sent.get(field).is_none(), "{field}");
    }
}

#[tokio::test]
async fn services_that_share_a_revision_do_not_get_one_each() {
    let mut stack = Stack::new();
    stack.push(&["1.0.0"], "1");
    stack.account.service("shop", "one").image("backend:1.0.0").tag("steward:deploy", "any").running().unwrap();
    let shared = stack.service("one")["taskDefinition"].clone();
    for name in ["two", "three"] {
        let tags = json!([{ "key": "steward:deploy", "value": "any" }]);
        let service = json!({
            "cluster": "shop", "serviceName": name, "desiredCount": 1, "taskDefinition": shared, "tags": tags,
        });
        stack.account.ecs("CreateService", service).unwrap();
    }
    stack.settle().await;
    stack.push(&["1.1.0"], "2");
    stack.settle().await;
    assert_eq!((stack.inputs("RegisterTaskDefinition").len(), stack.inputs("UpdateService").len()), (1, 3));
    let revision = stack.service("one")["taskDefinition"].clone();
    assert!(["two", "three"].iter().all(|name| stack.service(name)["taskDefinition"] == revision));
}

#[tokio::test]
async fn a_revision_of_the_family_that_the_service_does_not_run_is_not_the_base_of_the_copy() {
    let (mut stack, expected) = every_field().await;
    let mut draft = expected.clone();
    draft["cpu"] = "4096".into();
    stack.account.ecs("RegisterTaskDefinition", draft).unwrap();
    stack.push(&["1.1.0"], "2");
    stack.settle().await;
    assert_eq!(stack.inputs("RegisterTaskDefinition")[0]["cpu"], expected["cpu"]);
}

#[tokio::test]
async fn a_tag_that_moves_during_the_rollout_does_not_mix_two_images() {
    let mut stack = Stack::new();
    stack.backend("follow", "latest", &[]).await;
    stack.push(&["latest"], "2");
    stack.world.run_for(SignedDuration::from_secs(12)).await.unwrap();
    let newest = stack.push(&["latest"], "3");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!(stack.running("backend"), [newest]);
}

#[tokio::test]
async fn a_tag_that_moved_unheard_does_not_stay_unnoticed_although_ecs_keeps_the_old_digest() {
    let (mut stack, old) = Stack::with_backend().await;
    let new = stack.push_unheard(&["latest"], "2");
    // Version consistency: another task is started, and runs what the deployment resolved then.
    stack.meddle("backend", &json!({ "desiredCount": 3 }));
    stack.settle().await;
    assert_eq!(stack.running("backend"), [old]);
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![new], 2));
}

#[tokio::test]
async fn a_reference_by_digest_is_not_read_as_a_tag() {
    let mut stack = Stack::new();
    let first = stack.push(&["1.0.0"], "1");
    let service = stack.account.service("shop", "backend").image(&format!("backend@{first}"));
    service.tag("steward:deploy", "any").running().unwrap();
    stack.settle().await;
    assert_eq!(stack.deployments("backend"), 1);
    let new = stack.push(&["1.1.0"], "2");
    stack.settle().await;
    let image = stack.definition("backend")["taskDefinition"]["containerDefinitions"][0]["image"].clone();
    assert_eq!(image, format!("{HOST}/backend@{new}"));
    assert_eq!(stack.running("backend"), [new]);
}

#[tokio::test]
async fn a_digest_without_a_tag_is_not_followed_by_guess() {
    let mut stack = Stack::new();
    let first = stack.push(&["latest"], "1");
    let service = stack.account.service("shop", "backend").image(&format!("backend@{first}"));
    service.tag("steward:deploy", "follow").running().unwrap();
    stack.settle().await;
    stack.push(&["latest"], "2");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.writes(), stack.alerts_of("blocked").len()), (0, 1));
}
