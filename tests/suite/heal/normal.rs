//! What is as it should be: nobody hears of it.

use jiff::SignedDuration;
use lab::ecs::StopCause;
use serde_json::json;

use crate::support::Stack;

async fn api(tags: &[(&str, &str)]) -> Stack {
    let mut stack = Stack::healing("auto");
    stack.well("api", tags).await;
    stack
}

fn nothing() -> Vec<String> {
    Vec::new()
}

#[tokio::test]
async fn a_task_that_is_killed_as_it_is_scaled_in_is_no_news_and_costs_no_call() {
    let mut stack = Stack::healing("auto");
    let digest = stack.well("api", &[("steward:heal", "auto")]).await;
    stack.account.exit_on_stop(&digest, 137);
    let before = stack.calls().len();
    stack.world.stop_schedules();
    stack.account.ecs("UpdateService", json!({ "cluster": "shop", "service": "api", "desiredCount": 0 })).unwrap();
    stack.minutes(10).await;
    assert_eq!(stack.told_kinds(), nothing());
    let stopped = stack.account.ecs("ListTasks", json!({ "cluster": "shop", "desiredStatus": "STOPPED" })).unwrap();
    assert_eq!(stopped["taskArns"].as_array().unwrap().len(), 2);
    assert_eq!(stack.calls().len(), before);
}

#[tokio::test]
async fn a_health_check_that_fails_is_no_scale_in_although_ecs_gives_both_one_stop_code() {
    for exit_code in [0, 143, 137] {
        let mut stack = api(&[("steward:heal", "auto")]).await;
        stack.account.end_task("shop", "api", StopCause::ElbHealth { exit_code }).unwrap();
        stack.minutes(2).await;
        assert_eq!(stack.told_kinds(), ["task-stopped shop/api"], "exit code {exit_code}");
        assert_eq!(stack.told()[0].fact("class"), "elb-health");
    }
}

#[tokio::test]
async fn a_spot_task_that_is_replaced_is_no_news_and_one_that_is_not_is_told_after_five_minutes() {
    let mut stack = api(&[("steward:heal", "auto")]).await;
    stack.account.end_task("shop", "api", StopCause::SpotInterruption).unwrap();
    stack.minutes(30).await;
    assert_eq!(stack.told_kinds(), nothing());

    // The replacement gets no place.
    let mut stack = api(&[("steward:heal", "auto")]).await;
    stack.account.outage(&[("shop", "api")], lab::ecs::Behaviour::StaysPending);
    stack.account.end_task("shop", "api", StopCause::SpotInterruption).unwrap();
    stack.minutes(6).await;
    assert_eq!(stack.told_kinds(), nothing(), "ECS has five minutes");
    stack.minutes(7).await;
    assert_eq!(stack.told_kinds(), ["service-impaired shop/api"]);
    assert!(stack.told()[0].message.contains("1 of 2 tasks run"), "{}", stack.told()[0].message);
}

#[tokio::test]
async fn a_task_that_a_person_stops_is_no_news() {
    let mut stack = api(&[("steward:heal", "auto")]).await;
    for _ in 0..3 {
        stack.account.end_tasks("shop", "api", StopCause::StoppedByUser);
        stack.minutes(2).await;
    }
    stack.minutes(20).await;
    assert_eq!(stack.told_kinds(), nothing());
}

#[tokio::test]
async fn a_release_replaces_all_tasks_and_nobody_hears_of_it() {
    let mut stack = Stack::healing("auto");
    let old = stack.well("api", &[("steward:heal", "auto")]).await;
    stack.account.exit_on_stop(&old, 137);
    let new = stack.release("api", lab::ecs::Behaviour::Healthy).await;
    stack.minutes(30).await;
    assert_eq!((stack.running("api"), stack.told_kinds()), (vec![new], nothing()));
}

#[tokio::test]
async fn a_service_without_a_tag_costs_one_call_a_stop_and_is_never_told_of() {
    for tags in
        [&[("team", "shop")][..], &[("steward:heal", "off")], &[("steward:deploy", "follow"), ("steward:heal", "off")]]
    {
        let mut stack = api(tags).await;
        stack.world.stop_schedules();
        let before = stack.calls().len();
        stack.account.end_task("shop", "api", StopCause::OutOfMemory { exit_code: 137 }).unwrap();
        stack.minutes(5).await;
        let calls: Vec<String> = stack.calls().into_iter().skip(before).map(|record| record.call.operation).collect();
        assert_eq!(calls, ["DescribeServices"], "{tags:?}");
        stack.account.outage(&[("shop", "api")], super::scene::crash(1, 1));
        stack.world.run_for(SignedDuration::from_mins(30)).await.unwrap();
        assert_eq!(stack.told_kinds(), nothing(), "{tags:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_rolled_by_steward_is_watched_without_a_tag_of_its_own() {
    let mut stack = Stack::healing("auto");
    stack.backend("follow", "latest", &[]).await;
    stack.account.end_task("shop", "backend", StopCause::OutOfMemory { exit_code: 137 }).unwrap();
    stack.minutes(2).await;
    assert_eq!(stack.told_kinds(), ["task-stopped shop/backend"]);
}
