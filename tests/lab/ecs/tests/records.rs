//! Service deployments, service revisions and task definitions, as they are read and stopped.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::ecs::Behaviour;

#[test]
fn a_stopped_service_deployment_rolls_back_without_a_breaker() {
    let account = with_service(1, None);
    let v1 = account.digest("backend", "latest").unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::CannotPull);
    let record = roll(&account)["currentServiceDeployment"].clone();
    account.advance(SignedDuration::from_mins(2));
    account.ecs("StopServiceDeployment", json!({"serviceDeploymentArn": record, "stopType": "ROLLBACK"})).unwrap();
    assert!(account.settle());
    assert_eq!(account.running("shop", "backend"), [v1]);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL"]);
    let again = account.ecs("StopServiceDeployment", json!({"serviceDeploymentArn": record}));
    assert_eq!(again.unwrap_err().code, "ConflictException");
}

#[test]
fn service_deployments_are_listed_newest_first_by_status_and_time_and_in_pages() {
    let account = with_service(1, Some(true));
    let good = account.digest("backend", "latest");
    for build in ["v2", "v3"] {
        account.advance(SignedDuration::from_mins(10));
        account.push("backend", &["latest"], build).unwrap();
        roll(&account);
        assert!(account.settle());
    }
    let before_the_bad_one = account.clock().now();
    account.advance(SignedDuration::from_mins(10));
    let bad = account.push("backend", &["latest"], "v4").unwrap();
    account.script(&bad, Behaviour::CannotPull);
    roll(&account);
    assert!(account.settle());
    let list = |more: Value| {
        let mut input = json!({"cluster": "shop", "service": "backend"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        account.ecs("ListServiceDeployments", input).unwrap()
    };
    let all = list(json!({}))["serviceDeployments"].as_array().unwrap().clone();
    let statuses: Vec<_> = all.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL", "SUCCESSFUL", "SUCCESSFUL"]);
    assert!(all.windows(2).all(|pair| pair[0]["createdAt"].as_f64() > pair[1]["createdAt"].as_f64()));
    assert_eq!(list(json!({"status": ["SUCCESSFUL"]}))["serviceDeployments"], json!(all[1..]));
    let seconds = before_the_bad_one.as_second();
    assert_eq!(list(json!({"createdAt": {"after": seconds}}))["serviceDeployments"], json!(all[..1]));
    assert_eq!(list(json!({"createdAt": {"before": seconds}}))["serviceDeployments"], json!(all[1..]));
    let page = list(json!({"maxResults": 3}));
    assert_eq!(page["serviceDeployments"], json!(all[..3]));
    assert_eq!(list(json!({"nextToken": page["nextToken"]}))["serviceDeployments"], json!(all[3..]));
    // The oldest one's revision still names the digest that ran then.
    let revision = json!({"serviceRevisionArns": [all[3]["targetServiceRevisionArn"]]});
    let revisions = account.ecs("DescribeServiceRevisions", revision).unwrap();
    assert_eq!(revisions["serviceRevisions"][0]["containerImages"][0]["imageDigest"], json!(good));
    assert!(revisions["serviceRevisions"][0]["taskDefinition"].as_str().unwrap().ends_with("/backend:1"));
}

#[test]
fn an_inactive_revision_is_shown_and_not_deployed() {
    let account = with_service(1, None);
    account.revise("shop", "backend", |definition| definition["cpu"] = json!("512")).unwrap();
    assert!(account.settle());
    account.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "backend:1"})).unwrap();
    let described = account.ecs("DescribeTaskDefinition", json!({"taskDefinition": "backend:1"})).unwrap();
    assert_eq!(described["taskDefinition"]["status"], "INACTIVE");
    let update = json!({"cluster": "shop", "service": "backend", "taskDefinition": "backend:1"});
    assert_eq!(account.ecs("UpdateService", update).unwrap_err().code, "ClientException");
    let create = json!({"cluster": "shop", "serviceName": "other", "taskDefinition": "backend:1"});
    assert_eq!(account.ecs("CreateService", create).unwrap_err().code, "ClientException");
}

#[test]
fn a_revision_shows_all_that_it_was_set_up_with_and_what_the_next_one_changed() {
    let account = account();
    let setup = account.service("shop", "backend").image("backend:latest").strategy("BLUE_GREEN").breaker(false);
    let setup = setup.logs("/shop/backend", "ecs").environment("LEVEL", "info").secret("DSN", "shop/dsn").port(8080);
    let setup = setup.command(&["serve"]).roles("backend", "execution").size("512", "1024").health_check();
    setup.container_member("stopTimeout", json!(60)).running().unwrap();
    let configuration = describe(&account)["deploymentConfiguration"].clone();
    assert_eq!(configuration["strategy"], "BLUE_GREEN");
    assert_eq!(configuration["deploymentCircuitBreaker"], json!({"enable": true, "rollback": false}));
    let show = |revision: &str| {
        account.ecs("DescribeTaskDefinition", json!({"taskDefinition": revision})).unwrap()["taskDefinition"].clone()
    };
    let first = show("backend:1");
    let container = &first["containerDefinitions"][0];
    assert_eq!(container["logConfiguration"]["options"]["awslogs-group"], "/shop/backend");
    assert_eq!(container["environment"], json!([{"name": "LEVEL", "value": "info"}]));
    assert_eq!(container["secrets"][0]["name"], "DSN");
    assert_eq!(
        (&container["portMappings"][0]["containerPort"], &container["command"]),
        (&json!(8080), &json!(["serve"]))
    );
    assert_eq!((&container["stopTimeout"], container["healthCheck"].is_object()), (&json!(60), true));
    assert_eq!(first["executionRoleArn"], "arn:aws:iam::123456789012:role/execution");
    let revised = account.revise("shop", "backend", |definition| definition["memory"] = json!("2048")).unwrap();
    assert!(account.settle());
    assert_eq!((&describe(&account)["taskDefinition"], &show("backend")["memory"]), (&json!(revised), &json!("2048")));
    assert_eq!(show("backend")["containerDefinitions"], first["containerDefinitions"]);
}
