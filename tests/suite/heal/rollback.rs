//! `steward:heal = auto`: a release that loops is rolled back by `deploy`, verified and told, or it is said why not.

use jiff::SignedDuration;
use lab::bus::Mishap;
use lab::ecs::Behaviour;
use lab::faults::{Fault, Plan};
use serde_json::{Value, json};

use super::scene::crash;
use crate::support::{Stack, arn, text};

/// Minutes from the first alert of one kind to the first of another.
fn between(stack: &Stack, first: &str, then: &str) -> i64 {
    let at = |kind: &str| {
        let alert = stack.alerts().into_iter().find(|alert| alert.attributes["kind"] == kind);
        alert.unwrap().at
    };
    at(then).duration_since(at(first)).as_mins()
}

/// Events of this kind that a function put on the bus.
fn put(stack: &Stack, kind: &str) -> Vec<Value> {
    let entries = stack.inputs("PutEvents").into_iter().flat_map(|input| input["Entries"].as_array().unwrap().clone());
    let of_kind = entries.filter(|entry| entry["DetailType"] == kind);
    of_kind.map(|entry| serde_json::from_str(text(&entry["Detail"])).unwrap()).collect()
}

fn without(stack: &mut Stack, kind: &'static str) {
    let lose = move |event: &Value| if event["detail-type"] == kind { Mishap::Lost } else { Mishap::None };
    stack.world.bus().disturb(Box::new(lose));
}

#[tokio::test]
async fn a_release_that_loops_is_rolled_back_verified_and_told() {
    let mut stack = Stack::healing("auto");
    let [old, _] = stack.crash_loop("api", "auto").await;
    stack.minutes(60).await;
    assert_eq!(stack.told_kinds(), ["rollback-asked shop/api", "healed shop/api"]);
    assert_eq!((stack.running("api"), stack.deployments("api")), (vec![old], 3));
    let updates = stack.inputs("UpdateService");
    assert_eq!(updates.len(), 1);
    assert!(
        updates[0]["desiredCount"].is_null() && text(&updates[0]["taskDefinition"]).ends_with("/api:1"),
        "{updates:?}"
    );
    let minutes = between(&stack, "rollback-asked", "healed");
    assert!((10..=16).contains(&minutes), "{minutes}");
    assert_eq!((put(&stack, "Rollback Requested").len(), put(&stack, "Rollback Answered").len()), (1, 1));
    assert_eq!(stack.watch("api")["incident"], Value::Null);
    // Two looks are made sure of, and nothing of them is left.
    let group = stack
        .world
        .template()
        .functions
        .iter()
        .find_map(|f| f.environment.get("STEWARD_SCHEDULE_GROUP"))
        .unwrap()
        .clone();
    assert_eq!(stack.world.scheduler().names(&group), ["0"; 0]);
}

#[tokio::test]
async fn a_release_of_steward_whose_tag_moved_goes_back_to_the_digest_that_ran_before_and_stays_there() {
    let mut stack = Stack::healing("auto");
    let old = stack.backend("follow", "latest", &[("steward:heal", "auto")]).await;
    let bad = stack.push(&["latest"], "2");
    stack.account.script(&bad, crash(1, 5));
    stack.minutes(60).await;
    assert_eq!(stack.running("backend"), std::slice::from_ref(&old), "{:?}", stack.told_kinds());
    assert_eq!(stack.told_kinds(), ["rollback-asked shop/backend", "healed shop/backend"]);
    assert!(stack.definition("backend").to_string().contains(&old), "pinned, as the tag leads to what was left");
    // The policy still wants the tag; what was left here is not rolled out again.
    stack.sweep().await;
    stack.sweep().await;
    assert_eq!(stack.running("backend"), [old]);
    // The fix is.
    let fix = stack.push(&["latest"], "3");
    stack.minutes(30).await;
    assert_eq!(stack.running("backend"), [fix]);
}

#[tokio::test]
async fn what_deploy_refuses_is_told_with_its_reason_and_not_asked_again() {
    let mut stack = Stack::healing("auto");
    stack.crash_loop("api", "auto").await;
    stack.account.inject(Plan::default().always("UpdateService", Fault::Denied).chooser());
    stack.minutes(90).await;
    let kinds = stack.told_kinds();
    println!("{kinds:?}");
    assert_eq!(kinds[..2], ["rollback-asked shop/api", "rollback-refused shop/api"]);
    assert!(stack.told()[1].message.contains("UpdateService"), "{}", stack.told()[1].message);
    assert_eq!(
        (put(&stack, "Rollback Requested").len(), kinds.iter().filter(|k| k.starts_with("rollback-refused")).count()),
        (1, 1)
    );
    assert_eq!(stack.deployments("api"), 2);
}

#[tokio::test]
async fn a_rollback_that_does_not_help_is_told_as_critical_and_switches_healing_off_until_a_person_says_so() {
    let mut stack = Stack::healing("auto");
    let [old, _] = stack.crash_loop("api", "auto").await;
    stack.account.script(&old, crash(1, 1));
    stack.minutes(60).await;
    let told = stack.told();
    println!("{:?}", stack.told_kinds());
    let failed: Vec<_> = told.iter().filter(|told| told.kind == "heal-failed").collect();
    assert_eq!((failed.len(), failed[0].severity.as_str()), (1, "critical"), "{:?}", stack.told_kinds());
    assert!(failed[0].message.contains("Healing Resumed"), "{}", failed[0].message);
    assert_eq!((put(&stack, "Rollback Requested").len(), stack.deployments("api")), (1, 3), "never a second step back");
    assert!(stack.watch("api")["switched_off"].is_string());
    // The next release fails too, a day later: it is told, and healing is still off.
    stack.account.script(&old, Behaviour::Healthy);
    stack.minutes(30).await;
    stack
        .account
        .ecs("UpdateService", json!({ "cluster": "shop", "service": "api", "forceNewDeployment": true }))
        .unwrap();
    stack.minutes(26 * 60).await;
    let before = stack.told().len();
    let digest = stack.account.push("api", &["1.2.0"], "api 3").unwrap();
    stack.account.script(&digest, crash(139, 5));
    let image = format!("{}/api:1.2.0", crate::support::HOST);
    stack
        .account
        .revise("shop", "api", |revision| revision["containerDefinitions"][0]["image"] = json!(image))
        .unwrap();
    stack.minutes(25).await;
    let told = stack.told().split_off(before);
    assert!(
        told.iter().any(|told| told.message.contains("- switched-off: ")),
        "{:?}",
        told.iter().map(|t| &t.message).collect::<Vec<_>>()
    );
    assert_eq!(put(&stack, "Rollback Requested").len(), 1);
    stack.say("Healing Resumed", &json!({ "service": arn("api"), "requested-by": "ana" }));
    stack.minutes(40).await;
    assert_eq!((stack.running("api"), put(&stack, "Rollback Requested").len()), (vec![old], 2));
    assert_eq!(stack.told_kinds().last().unwrap(), "healed shop/api");
}

#[tokio::test]
async fn an_answer_that_is_lost_changes_nothing_and_schedules_alone_verify() {
    let mut stack = Stack::healing("auto");
    let [old, _] = stack.crash_loop("api", "auto").await;
    without(&mut stack, "Rollback Answered");
    stack.minutes(7).await;
    stack.world.stop_schedules();
    stack.minutes(50).await;
    assert_eq!((stack.running("api"), stack.told_kinds().last().unwrap().as_str()), (vec![old], "healed shop/api"));
    let minutes = between(&stack, "rollback-asked", "healed");
    assert!((10..=16).contains(&minutes), "{minutes}");
}

#[tokio::test]
async fn a_request_that_is_lost_is_told_as_not_done_and_not_repeated() {
    let mut stack = Stack::healing("auto");
    stack.crash_loop("api", "auto").await;
    without(&mut stack, "Rollback Requested");
    stack.minutes(60).await;
    let kinds = stack.told_kinds();
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("heal-failed")).count(), 1, "{kinds:?}");
    assert!(stack.told().iter().any(|told| told.message.contains("was not rolled back in time")));
    assert_eq!((put(&stack, "Rollback Requested").len(), stack.deployments("api")), (1, 2));
}

#[tokio::test]
async fn a_request_that_comes_twice_is_one_rollback() {
    let mut stack = Stack::healing("auto");
    stack.crash_loop("api", "auto").await;
    stack.world.bus().disturb(Box::new(|event| {
        let is_own = event["source"] == "steward";
        let twice = Mishap::Duplicated { after: SignedDuration::from_secs(40), same_id: false };
        if is_own { twice } else { Mishap::None }
    }));
    stack.minutes(60).await;
    assert_eq!((stack.deployments("api"), stack.inputs("UpdateService").len()), (3, 1));
    assert_eq!(stack.told_kinds(), ["rollback-asked shop/api", "healed shop/api"]);
}

#[tokio::test]
async fn a_deployment_of_somebody_else_in_between_is_left_alone() {
    let mut stack = Stack::healing("auto");
    stack.crash_loop("api", "auto").await;
    let late = Mishap::HeldBack(SignedDuration::from_mins(2));
    stack
        .world
        .bus()
        .disturb(Box::new(move |event| if event["detail-type"] == "Rollback Requested" { late } else { Mishap::None }));
    while stack.told().is_empty() {
        stack.world.run_for(SignedDuration::from_secs(5)).await.unwrap();
    }
    let fix = stack.account.push("api", &["1.1.1"], "api fix").unwrap();
    let image = format!("{}/api:1.1.1", crate::support::HOST);
    stack
        .account
        .revise("shop", "api", |revision| revision["containerDefinitions"][0]["image"] = json!(image))
        .unwrap();
    stack.minutes(60).await;
    println!("{:?}", stack.told_kinds());
    assert_eq!((stack.running("api"), stack.inputs("UpdateService").len()), (vec![fix], 0));
    assert!(!stack.told_kinds().iter().any(|kind| kind.starts_with("heal-failed")), "{:?}", stack.told_kinds());
}
