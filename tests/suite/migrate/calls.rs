//! What a migration costs in calls, from the push until its service is rolled; and what it costs to be woken for nothing.

use lab::account::CallRecord;
use lab::steward::{DEPLOY, MIGRATE as FUNCTION};
use serde_json::{Value, json};

use super::scene::{MIGRATE, ON_SHOP_DB, PLANNED, Scene};
use crate::support::event;

/// Operations of calls, each with how often.
fn counted(calls: Vec<CallRecord>) -> Vec<String> {
    let mut operations: Vec<_> = calls.into_iter().map(|record| record.call.operation).collect();
    operations.sort();
    operations.chunk_by(|a, b| a == b).map(|same| format!("{} {}", same.len(), same[0])).collect()
}

/// Calls of `migrate` and `deploy` from a push until it is rolled.
async fn of_a_push(labels: &[(&str, &str)], tags: &[(&str, &str)]) -> [Vec<String>; 2] {
    let mut scene = Scene::new().with_database();
    scene.service("api", labels, tags).await;
    // The first of a cold function is not what every push costs.
    scene.ship("api", 2);
    scene.minutes(60).await;
    let from = scene.calls().len();
    let new = scene.ship("api", 3);
    scene.minutes(60).await;
    assert_eq!(scene.running("api"), [new]);
    [FUNCTION, DEPLOY].map(|function| counted(scene.calls_of(function, from)))
}

#[tokio::test]
async fn a_migration_before_a_rollout_costs_what_its_table_says() {
    let [migrate, deploy] = of_a_push(MIGRATE, &[ON_SHOP_DB]).await;
    println!("a push: migrate {}; deploy {}", migrate.join(", "), deploy.join(", "));
    let expected = [
        "1 CreateSchedule",
        "1 DescribeServices",
        "2 DescribeTaskDefinition",
        "1 DescribeTasks",
        "10 GetItem",
        "1 Publish",
        "1 PutEvents",
        "13 PutItem",
        "1 RegisterTaskDefinition",
        "1 RunTask",
    ];
    assert_eq!(migrate, expected);
    let expected = [
        "4 BatchGetItem",
        "2 DescribeImages",
        "1 DescribeServiceDeployments",
        "3 DescribeServices",
        "1 DescribeTaskDefinition",
        "2 GetItem",
        "1 GetResources",
        "1 Publish",
        "1 PutEvents",
        "5 PutItem",
        "1 RegisterTaskDefinition",
        "1 UpdateService",
    ];
    assert_eq!(deploy, expected);
}

#[tokio::test]
async fn a_plan_costs_two_tasks_more() {
    let [migrate, _] = of_a_push(PLANNED, &[ON_SHOP_DB]).await;
    let expected = [
        "3 CreateSchedule",
        "1 DescribeServices",
        "2 DescribeTaskDefinition",
        "3 DescribeTasks",
        "13 GetItem",
        "1 Publish",
        "1 PutEvents",
        "19 PutItem",
        "1 RegisterTaskDefinition",
        "3 RunTask",
    ];
    assert_eq!(migrate, expected);
}

#[tokio::test]
async fn a_mark_costs_a_look_a_minute() {
    let [migrate, _] = of_a_push(MIGRATE, &[ON_SHOP_DB, ("steward:restore-point", "mark")]).await;
    let expected = [
        "5 CreateSchedule",
        "5 DescribeDBInstances",
        "1 DescribeServices",
        "2 DescribeTaskDefinition",
        "1 DescribeTasks",
        "14 GetItem",
        "1 Publish",
        "1 PutEvents",
        "15 PutItem",
        "1 RegisterTaskDefinition",
        "1 RunTask",
    ];
    assert_eq!(migrate, expected);
}

#[tokio::test]
async fn a_snapshot_costs_few_calls_more() {
    let [migrate, _] = of_a_push(MIGRATE, &[ON_SHOP_DB, ("steward:restore-point", "snapshot")]).await;
    let expected = [
        "2 CreateSchedule",
        "2 DescribeDBInstances",
        "1 DescribeDBSnapshots",
        "1 DescribeServices",
        "2 DescribeTaskDefinition",
        "1 DescribeTasks",
        "13 GetItem",
        "1 Publish",
        "2 PutEvents",
        "17 PutItem",
        "1 RegisterTaskDefinition",
        "1 RunTask",
    ];
    assert_eq!(migrate, expected);
}

#[tokio::test]
async fn a_sweep_without_open_runs_costs_one_call() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    scene.ship("api", 2);
    scene.minutes(30).await;
    let from = scene.calls().len();
    scene.send_migrate(include_str!("../../../events/sweep.json"));
    scene.seconds(10).await;
    assert_eq!(counted(scene.calls_of_migrate(from)), ["1 GetItem"]);
}

#[tokio::test]
async fn what_is_none_of_its_business_costs_no_call() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    let from = scene.calls().len();
    let stopped = |by: Value, status: &str| {
        event(
            "aws.ecs",
            "ECS Task State Change",
            &json!({ "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/shop/0f", "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/shop", "lastStatus": status, "desiredStatus": "STOPPED", "startedBy": by, "containers": [] }),
        )
    };
    let snapshot =
        json!({ "database": "arn:aws:rds:eu-west-1:123456789012:db:shop-db", "request": "release-7", "reason": "x" });
    let foreign = || {
        let mut foreign = event("steward", "Migration Requested", &json!({ "service": crate::support::arn("api") }));
        foreign["account"] = "999999999999".into();
        foreign
    };
    let events = [
        stopped(Value::Null, "STOPPED"),
        stopped(json!("ecs-svc/123"), "STOPPED"),
        stopped(json!("steward/m/no-run/m1"), "STOPPED"),
        stopped(json!("steward/m/0123456789abcdef0123456789/m1"), "RUNNING"),
        event("steward", "Snapshot Failed", &snapshot),
        event("aws.ecs", "ECS Service Action", &json!({})),
        foreign(),
    ];
    // Past the rules, straight into the queue: the function itself calls nothing either.
    for (index, mut event) in events.into_iter().enumerate() {
        event["id"] = format!("noise-{index}").into();
        scene.send_migrate(&event.to_string());
        scene.seconds(5).await;
    }
    assert_eq!((counted(scene.calls_of_migrate(from)), scene.dead_of_migrate()), (vec![], 0));
}
