//! Scenarios, told by what an observer sees: what runs, which events came, how the rollouts ended.

mod actions;
mod breaker;
mod commands;
mod ends;
mod hooks;
mod jobs;
mod records;
mod rollout;
mod schema;
mod tasks;
mod trouble;

use serde_json::{Value, json};

use crate::account::Account;
use crate::clock::VirtualClock;

/// An account with a repository `backend`, whose tag `latest` is the build `v1`, and a way to see its events.
fn account() -> Account {
    let account = Account::new(VirtualClock::starting_at("2026-01-05T09:00:00Z".parse().unwrap()));
    account.push("backend", &["latest"], "v1").unwrap();
    account
}

fn with_service(desired: usize, breaker: Option<bool>) -> Account {
    let account = account();
    let mut setup = account.service("shop", "backend").image("backend:latest").desired(desired);
    if let Some(rollback) = breaker {
        setup = setup.breaker(rollback);
    }
    setup.running().unwrap();
    account.take_events();
    account
}

fn roll(account: &Account) -> Value {
    let request = json!({"cluster": "shop", "service": "backend", "forceNewDeployment": true});
    account.ecs("UpdateService", request).unwrap()["service"].clone()
}

/// Names of the deployment events since the last look, with the id that each is about.
fn deployment_events(events: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let wanted = events.iter().filter(|event| event["detail-type"] == "ECS Deployment State Change");
    wanted
        .map(|e| {
            (text(&e["detail"]["eventName"]).replace("SERVICE_DEPLOYMENT_", ""), text(&e["detail"]["deploymentId"]))
        })
        .collect()
}

fn names(events: &[(String, String)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

fn stops(events: &[Value]) -> Vec<&Value> {
    let mut stops: Vec<_> = events.iter().filter(|event| event["detail-type"] == "ECS Task State Change").collect();
    stops.retain(|event| event["detail"]["lastStatus"] == "STOPPED");
    stops.iter().map(|event| &event["detail"]).collect()
}

fn describe(account: &Account) -> Value {
    let request = json!({"cluster": "shop", "services": ["backend"], "include": ["TAGS"]});
    account.ecs("DescribeServices", request).unwrap()["services"][0].clone()
}

/// Names of the service actions.
fn actions(events: &[Value]) -> Vec<&str> {
    let wanted = events.iter().filter(|event| event["detail-type"] == "ECS Service Action");
    wanted.map(|event| event["detail"]["eventName"].as_str().unwrap()).collect()
}
