//! The example of docs/heal.md is what the real code tells.

use std::collections::BTreeSet;

use serde_json::json;

use super::scene::{LOGS, crash};
use crate::support::{HOST, Stack};

/// What a container writes between its start and its end.
const LINES: [&str; 4] = [
    "listening on :8080",
    "catalog: loading with token=9f8e7d6c",
    "catalog: unknown field \"price_v2\" in row 311",
    "Error: catalog not loaded, giving up",
];

#[tokio::test]
async fn the_example_of_the_page_is_what_is_told() {
    let mut stack = Stack::healing("auto");
    stack.well("api", &[("steward:heal", "dry-run"), ("steward:runbook", "https://wiki.acme.example/api")]).await;
    stack.minutes(360).await;
    let digest = stack.account.push("api", &["1.1.0"], "api 2").unwrap();
    stack.account.script(&digest, crash(1, 5));
    let revised = stack.account.revise("shop", "api", |revision| {
        let container = &mut revision["containerDefinitions"][0];
        container["image"] = json!(format!("{HOST}/api:1.1.0"));
        container["environment"] = json!([{ "name": "CATALOG_FORMAT", "value": "2" }]);
    });
    revised.unwrap();
    let mut started = BTreeSet::new();
    for _ in 0..20 {
        stack.minutes(1).await;
        let tasks = stack.account.ecs("ListTasks", json!({ "cluster": "shop", "serviceName": "api" })).unwrap();
        for task in tasks["taskArns"].as_array().unwrap() {
            let id = task.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            if started.insert(id.clone()) {
                for line in LINES {
                    stack.world.logs().write(LOGS, &format!("api/api/{id}"), stack.world.now(), line);
                }
            }
        }
    }
    let page = include_str!("../../../docs/heal.md");
    let example = page.split("\n## What an alert says\n").nth(1).unwrap();
    let example = example.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(stack.told()[0].message.trim(), example.trim());
}
