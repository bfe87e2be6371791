//! The rules of the API that clients stumble over, one case each.

use serde_json::{Value, json};

use crate::account::Account;
use crate::clock::VirtualClock;

fn account() -> Account {
    let account = Account::new(VirtualClock::starting_at("2026-01-05T09:00:00Z".parse().unwrap()));
    account.push("backend", &["latest"], "v1").unwrap();
    account.service("shop", "backend").tag("steward:deploy", "follow").running().unwrap();
    account
}

#[track_caller]
fn refused(account: &Account, operation: &str, input: Value) -> (String, String) {
    let error = account.ecs(operation, input).unwrap_err();
    (error.code, error.message)
}

#[track_caller]
fn check_code(operation: &str, input: Value, code: &str) {
    assert_eq!(refused(&account(), operation, input).0, code);
}

#[test]
fn what_aws_refuses_is_refused_with_its_code() {
    let eleven: Vec<_> = (0..11).map(|n| format!("service-{n}")).collect();
    check_code("DescribeServices", json!({"cluster": "shop", "services": eleven}), "InvalidParameterException");
    check_code("DescribeServices", json!({"cluster": "none", "services": ["a"]}), "ClusterNotFoundException");
    check_code("UpdateService", json!({"cluster": "shop", "service": "none"}), "ServiceNotFoundException");
    check_code("ListServices", json!({"cluster": "shop", "maxResults": 101}), "InvalidParameterException");
    check_code("DescribeTaskDefinition", json!({"taskDefinition": "none:1"}), "ClientException");
    check_code("RegisterTaskDefinition", json!({"family": "a", "containerDefinitions": []}), "ClientException");
    let reserved = json!([{"key": "aws:ecs:cluster", "value": "x"}]);
    let containers = json!([{"name": "a", "image": "a"}]);
    let definition = json!({"family": "a", "containerDefinitions": containers, "tags": reserved});
    check_code("RegisterTaskDefinition", definition, "InvalidParameterException");
    let unknown = json!({"cluster": "shop", "service": "backend", "taskDefinition": "none"});
    check_code("UpdateService", unknown, "ClientException");
    let arns: Vec<_> = (0..21).map(|n| format!("arn-{n}")).collect();
    check_code("DescribeServiceRevisions", json!({"serviceRevisionArns": arns}), "InvalidParameterException");
    let bad = json!([{"key": "steward:deploy", "value": "^1.2"}]);
    let service = "arn:aws:ecs:eu-west-1:123456789012:service/shop/backend";
    check_code("TagResource", json!({"resourceArn": service, "tags": bad}), "InvalidParameterException");
}

#[test]
fn a_service_that_code_deploy_controls_takes_no_task_definition() {
    let account = account();
    let controlled = account.service("shop", "blue").image("backend:latest");
    controlled.with("deploymentController", json!({"type": "CODE_DEPLOY"})).running().unwrap();
    let input = json!({"cluster": "shop", "service": "blue", "taskDefinition": "backend"});
    let (code, message) = refused(&account, "UpdateService", input);
    assert_eq!(code, "InvalidParameterException");
    assert!(
        message.starts_with("Unable to update task definition on services with a CODE_DEPLOY deployment controller.")
    );
}

#[test]
fn a_task_definition_comes_back_with_every_member_that_was_sent_and_with_aws_own() {
    let account = account();
    let sent = json!({
        "family": "worker",
        "containerDefinitions": [{"name": "a", "image": "a", "memberOfTomorrow": {"deep": [1, 2]}}],
        "anotherOfTomorrow": true,
        "enableFaultInjection": false,
    });
    let mut request = sent.clone();
    request["tags"] = json!([{"key": "team", "value": "shop"}]);
    account.ecs("RegisterTaskDefinition", request).unwrap();
    let described =
        account.ecs("DescribeTaskDefinition", json!({"taskDefinition": "worker", "include": ["TAGS"]})).unwrap();
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(described["taskDefinition"][name], *value);
    }
    let mut added: Vec<_> = described["taskDefinition"].as_object().unwrap().keys().collect();
    added.retain(|name| sent.get(name.as_str()).is_none());
    added.sort();
    let own = [
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "requiresAttributes",
        "revision",
        "status",
        "taskDefinitionArn",
    ];
    assert_eq!(added, own);
    assert_eq!(described["tags"], json!([{"key": "team", "value": "shop"}]));
    let silent = account.ecs("DescribeTaskDefinition", json!({"taskDefinition": "worker"})).unwrap();
    assert_eq!(silent["tags"], Value::Null);
}

#[test]
fn a_family_means_its_latest_active_revision() {
    let account = account();
    let containers = json!([{"name": "a", "image": "a"}]);
    for _ in 0..2 {
        account.ecs("RegisterTaskDefinition", json!({"family": "worker", "containerDefinitions": containers})).unwrap();
    }
    let revision = |reference: &str| {
        account.ecs("DescribeTaskDefinition", json!({"taskDefinition": reference})).unwrap()["taskDefinition"]["revision"].clone()
    };
    assert_eq!(revision("worker"), 2);
    account.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "worker:2"})).unwrap();
    assert_eq!(revision("worker"), 1);
    assert_eq!(revision("arn:aws:ecs:eu-west-1:123456789012:task-definition/worker:2"), 2);
    let input = json!({"cluster": "shop", "service": "backend", "taskDefinition": "worker:2"});
    assert_eq!(refused(&account, "UpdateService", input).0, "ClientException");
}

#[test]
fn tags_are_shown_only_when_asked_for() {
    let account = account();
    let input = json!({"cluster": "shop", "services": ["backend", "none"]});
    let body = account.ecs("DescribeServices", input).unwrap();
    assert_eq!(body["services"][0]["tags"], Value::Null);
    assert_eq!(body["failures"][0]["reason"], "MISSING");
    let input = json!({"cluster": "shop", "services": ["backend"], "include": ["TAGS"]});
    let body = account.ecs("DescribeServices", input).unwrap();
    assert_eq!(body["services"][0]["tags"], json!([{"key": "steward:deploy", "value": "follow"}]));
}

#[test]
fn an_update_that_changes_nothing_that_runs_starts_no_deployment() {
    let account = account();
    let mut input = json!({"cluster": "shop", "service": "backend", "desiredCount": 3});
    account.ecs("UpdateService", input.clone()).unwrap();
    input["taskDefinition"] = json!("backend");
    account.ecs("UpdateService", input.clone()).unwrap();
    assert_eq!(account.deployments("shop", "backend"), 1);
    input["networkConfiguration"] = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    account.ecs("UpdateService", input).unwrap();
    assert_eq!(account.deployments("shop", "backend"), 2);
}

#[test]
fn the_digest_of_a_service_revision_is_unknown_until_the_first_pull() {
    let account = account();
    let input = json!({"cluster": "shop", "service": "backend", "forceNewDeployment": true});
    let reply = account.ecs("UpdateService", input).unwrap();
    let input = json!({"serviceRevisionArns": [reply["service"]["currentServiceRevisions"][0]["arn"]]});
    let digest = || {
        account.ecs("DescribeServiceRevisions", input.clone()).unwrap()["serviceRevisions"][0]["containerImages"][0]["imageDigest"]
            .clone()
    };
    assert_eq!(digest(), Value::Null);
    account.settle();
    assert_eq!(digest(), json!(account.digest("backend", "latest")));
}
