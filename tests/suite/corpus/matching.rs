//! Which services and containers a push concerns: exactly those that run the repository.

use serde_json::json;

use crate::support::{Stack, text};

#[tokio::test]
async fn a_repository_whose_name_begins_like_another_is_not_taken_for_it() {
    let mut stack = Stack::new();
    for repository in ["backend", "backend-admin", "team/backend", "back"] {
        stack.account.push(repository, &["latest"], format!("{repository} 1").as_str()).unwrap();
        let name = repository.replace('/', "-");
        let service = stack.account.service("shop", &name).image(&format!("{repository}:latest"));
        service.tag("steward:deploy", "follow").running().unwrap();
    }
    stack.settle().await;
    // All tags move, and one push is heard of.
    for repository in ["backend-admin", "team/backend", "back"] {
        stack.account.push(repository, &["latest"], format!("{repository} 2").as_str()).unwrap();
    }
    stack.account.take_events();
    stack.push(&["latest"], "backend 2");
    stack.settle().await;
    let deployments = ["backend", "backend-admin", "team-backend", "back"].map(|name| stack.deployments(name));
    assert_eq!(deployments, [2, 1, 1, 1]);
}

#[tokio::test]
async fn a_repository_of_the_same_name_in_another_account_or_region_is_not_taken_for_ours() {
    let mut stack = Stack::new();
    stack.push(&["1.0.0"], "1");
    for (name, host) in [
        ("other-account", "999999999999.dkr.ecr.eu-west-1.amazonaws.com"),
        ("other-region", "123456789012.dkr.ecr.eu-central-1.amazonaws.com"),
        ("public", "public.ecr.aws"),
    ] {
        let service = stack.account.service("shop", name).image(&format!("{host}/backend:1.0.0"));
        service.tag("steward:deploy", "semver:major").create().unwrap();
    }
    stack.settle().await;
    stack.push(&["1.1.0"], "2");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!(stack.writes(), 0);
}

#[tokio::test]
async fn an_untagged_service_and_one_that_is_off_are_never_written() {
    let mut stack = Stack::new();
    stack.push(&["latest"], "1");
    stack.account.service("shop", "untagged").image("backend:latest").running().unwrap();
    let off = stack.account.service("shop", "off").image("backend:latest");
    off.tag("steward:deploy", "off").running().unwrap();
    stack.push(&["latest"], "2");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!(stack.writes(), 0);
}

#[tokio::test]
async fn a_sidecar_of_another_repository_is_not_changed_with_the_service() {
    let mut stack = Stack::new();
    stack.account.push("envoy", &["1.0.0"], "envoy 1").unwrap();
    stack.push(&["1.0.0"], "1");
    let service = stack.account.service("shop", "backend").image("backend:1.0.0").image("envoy:1.0.0");
    let service = service.image("datadog/agent:7").tag("steward:container", "backend");
    service.tag("steward:deploy", "semver:minor").running().unwrap();
    stack.settle().await;
    stack.account.push("envoy", &["1.1.0"], "envoy 2").unwrap();
    stack.settle().await;
    stack.sweep().await;
    assert_eq!(stack.writes(), 0);
    let new = stack.push(&["1.1.0"], "2");
    stack.settle().await;
    let definition = stack.definition("backend");
    let containers = definition["taskDefinition"]["containerDefinitions"].as_array().unwrap();
    let images: Vec<&str> = containers.iter().map(|container| text(&container["image"])).collect();
    assert!(images[0].ends_with(&format!("backend@{new}")), "{images:?}");
    assert!(images[1].ends_with("envoy:1.0.0") && images[2].ends_with("datadog/agent:7"), "{images:?}");
}

#[tokio::test]
async fn a_container_that_is_named_and_missing_is_not_passed_over_in_silence() {
    let mut stack = Stack::new();
    stack.backend("follow", "latest", &[("steward:container", "web")]).await;
    stack.push(&["latest"], "2");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.writes(), stack.alerts_of("blocked").len()), (0, 1));
}

#[tokio::test]
async fn a_tag_out_of_the_grammar_is_not_guessed_at_and_told_once() {
    for (key, value) in
        [("steward:deploy", "latest"), ("steward:mode", "Force"), ("steward:container", "a  b"), ("steward:hld", "x")]
    {
        let mut stack = Stack::new();
        stack.push(&["latest"], "1");
        let service = stack.account.service("shop", "backend").image("backend:latest").tag("steward:deploy", "follow");
        service.tag(key, value).running().unwrap();
        stack.push(&["latest"], "2");
        stack.settle().await;
        stack.sweep().await;
        stack.sweep().await;
        assert_eq!((stack.writes(), stack.alerts_of("tags").len()), (0, 1), "{key} = {value}");
    }
}

#[tokio::test]
async fn services_that_another_tool_deploys_are_named_and_not_touched() {
    let controller = |kind: &str| json!({ "type": kind });
    for (member, value, word) in [
        ("deploymentController", controller("CODE_DEPLOY"), "CODE_DEPLOY"),
        ("deploymentController", controller("EXTERNAL"), "EXTERNAL"),
        ("schedulingStrategy", json!("DAEMON"), "DAEMON"),
    ] {
        let mut stack = Stack::new();
        stack.push(&["latest"], "1");
        let service = stack.account.service("shop", "backend").image("backend:latest").with(member, value);
        service.tag("steward:deploy", "follow").create().unwrap();
        stack.settle().await;
        stack.push(&["latest"], "2");
        stack.settle().await;
        stack.sweep().await;
        assert_eq!((stack.writes(), stack.alerts_of("unsupported").len()), (0, 1), "{word}");
        assert!(stack.alerts()[0].message.contains(word), "{}", stack.alerts()[0].message);
    }
}
