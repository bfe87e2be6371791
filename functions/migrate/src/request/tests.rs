//! What is frozen, by value.

use serde_json::{Value, json};

use super::*;
use crate::run::Network;
use crate::run::fixtures::{digest, frozen, service as arn};

fn service() -> Service {
    Service {
        arn: arn(),
        is_active: true,
        tags: [("steward:migrate", "api"), ("steward:database", "shop-db")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        task_definition: None,
        revisions: Vec::new(),
        placement: Placement {
            network: Some(Network { subnets: vec!["subnet-1".into()], security_groups: Vec::new(), public_ip: None }),
            platform_version: Some("LATEST".to_owned()),
            launch_type: Some("FARGATE".to_owned()),
            strategy: Vec::new(),
        },
    }
}

fn definition(labels: &Value) -> RawTaskDefinition {
    let body = json!({ "taskDefinition": {
        "family": "shop", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{ "name": "api", "image": "shop:1", "dockerLabels": labels }, { "name": "proxy" }],
    }});
    RawTaskDefinition::read(body.to_string().as_bytes()).unwrap()
}

fn frozen_from(service: &Service, labels: &Value) -> Result<Frozen, String> {
    let base = frozen().base;
    let image = Image { reference: frozen().reference, digest: digest() };
    freeze(service, tags(service)?, &base, &definition(labels), image, Duration::from_mins(15))
}

#[test]
fn what_the_labels_and_tags_say_is_frozen() {
    let labels = json!({ "steward.migrate": "bin/migrate", "steward.migrate-plan": "[\"bin/pending\"]",
        "steward.migrate-timeout": "40", "steward.migrate-compatible": "true" });
    let frozen = frozen_from(&service(), &labels).unwrap();
    assert_eq!((frozen.command, frozen.plan), (vec!["bin/migrate".into()], Some(vec!["bin/pending".into()])));
    assert_eq!((frozen.timeout, frozen.compatible, frozen.lock.as_str()), (40, true, "shop-db"));
    assert_eq!(frozen.family, "steward-migrate-shop");
}

#[test]
fn what_is_left_out_is_the_cautious_choice() {
    let mut service = service();
    service.tags.pop();
    let frozen = frozen_from(&service, &json!({ "steward.migrate": "bin/migrate" })).unwrap();
    assert_eq!((frozen.timeout, frozen.compatible, frozen.plan), (15, false, None));
    assert_eq!(frozen.lock, arn().to_string(), "without a database the service is locked by itself");
}

#[test]
fn every_problem_says_what_to_do_and_freezes_nothing() {
    for (labels, word) in [
        (json!({}), "docker label steward.migrate"),
        (json!({ "steward.migrate": "" }), "empty"),
        (json!({ "steward.migrate": "x", "steward.migrate-plan": "'" }), "steward.migrate-plan"),
        (json!({ "steward.migrate": "x", "steward.migrate-timeout": "0" }), "1 to 720"),
        (json!({ "steward.migrate": "x", "steward.migrate-compatible": "yes" }), "true or false"),
    ] {
        let problem = frozen_from(&service(), &labels).unwrap_err();
        assert!(problem.contains(word), "{problem}");
    }
    let good = json!({ "steward.migrate": "x" });
    let mut other = service();
    other.tags = vec![("steward:migrate".into(), "gone".into())];
    assert!(frozen_from(&other, &good).unwrap_err().contains("container gone"));
    other.tags.push(("steward:hold".into(), "audit".into()));
    assert!(frozen_from(&other, &good).unwrap_err().contains("audit"));
    let idle = Service { is_active: false, ..service() };
    assert!(frozen_from(&idle, &good).unwrap_err().contains("not active"));
    let mut bare = service();
    bare.placement.network = None;
    assert!(frozen_from(&bare, &good).unwrap_err().contains("network"));
}

#[test]
fn spot_is_never_migrated_on_whatever_the_service_runs_on() {
    let mut service = service();
    let provider = |name: &str, weight, base| Provider { name: name.to_owned(), weight, base };
    service.placement.launch_type = None;
    for (strategy, expected) in [
        (vec![provider("FARGATE_SPOT", 1, 0)], vec![provider("FARGATE", 1, 0)]),
        (vec![provider("FARGATE", 0, 1), provider("FARGATE_SPOT", 4, 0)], vec![provider("FARGATE", 4, 1)]),
        (vec![provider("FARGATE_SPOT", 0, 0)], vec![provider("FARGATE", 1, 0)]),
        (vec![provider("machines", 2, 0)], vec![provider("machines", 2, 0)]),
    ] {
        service.placement.strategy = strategy;
        let frozen = frozen_from(&service, &json!({ "steward.migrate": "x" })).unwrap();
        assert_eq!((frozen.placement.strategy, frozen.placement.launch_type), (expected, None));
    }
    service.placement.strategy = Vec::new();
    let frozen = frozen_from(&service, &json!({ "steward.migrate": "x" })).unwrap();
    assert_eq!(frozen.placement.launch_type.as_deref(), Some("FARGATE"), "the cluster's default might be Spot");
}
