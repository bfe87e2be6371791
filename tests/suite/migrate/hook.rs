//! Gate mode: a rollout of anybody's that ECS holds at a lifecycle hook goes on when its migration is proven, and back when
//! it failed.

use jiff::SignedDuration;
use lab::ecs::{Behaviour, Job, StopCause};
use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::HOST;

/// A service that Steward does not deploy, whose deployments from now on wait at this stage.
async fn held_at(stage: &str, tag: Option<&str>) -> (Scene, String) {
    let mut scene = Scene::new();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.retag("api", "steward:deploy", None);
    scene.retag("api", "steward:migrate", tag);
    hold(&scene, stage);
    (scene, old)
}

fn hold(scene: &Scene, stage: &str) {
    let hook = json!({
        "targetType": "PAUSE", "lifecycleStages": [stage],
        "timeoutConfiguration": { "timeoutInMinutes": 240, "action": "ROLLBACK" },
    });
    scene.meddle("api", &json!({ "deploymentConfiguration": { "lifecycleHooks": [hook] } }));
}

/// A pipeline deploys a version, its image named by digest. Answers the digest.
fn deploy(scene: &Scene, version: u32) -> String {
    let digest = scene.ship_as("api", &format!("1.{version}.0"), version);
    let image = format!("{HOST}/api@{digest}");
    set(scene, &image);
    digest
}

fn set(scene: &Scene, image: &str) {
    let change = |definition: &mut serde_json::Value| definition["containerDefinitions"][0]["image"] = json!(image);
    scene.account.revise("shop", "api", change).unwrap();
}

/// What ECS was told about its hooks.
fn told_ecs(scene: &Scene, from: usize) -> Vec<String> {
    let calls = scene.calls_of_migrate(from).into_iter();
    let calls = calls.filter(|record| record.call.operation == "ContinueServiceDeployment");
    calls.map(|record| record.call.input["action"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_pipeline_s_rollout_goes_on_when_its_migration_is_proven() {
    let (mut scene, old) = held_at("PRE_SCALE_UP", Some("api")).await;
    let (from, runs) = (scene.calls().len(), scene.runs().len());
    let new = deploy(&scene, 2);
    scene.seconds(30).await;
    assert_eq!((scene.running("api"), scene.account.paused("shop", "api").len()), (vec![old], 1));
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![new.clone()], 2));
    assert_eq!((told_ecs(&scene, from), scene.runs().len() - runs), (vec!["CONTINUE".to_owned()], 1));
    assert_eq!(scene.schema.migrations().last().unwrap().digest, new, "of the revision that waits, not of what runs");
}

#[tokio::test]
async fn a_pipeline_s_rollout_goes_back_when_its_migration_fails() {
    let (mut scene, old) = held_at("PRE_SCALE_UP", Some("api")).await;
    scene.migration(super::failed::fails(&scene, 1));
    let (from, told) = (scene.calls().len(), scene.told_of_migrations().len());
    deploy(&scene, 2);
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), told_ecs(&scene, from)), (vec![old], vec!["ROLLBACK".to_owned()]));
    assert_eq!(scene.account.deployment_statuses("shop", "api").last(), Some(&"ROLLBACK_SUCCESSFUL"));
    assert_eq!(scene.told_of_migrations()[told..], ["migration-failed"]);
    assert!(scene.last_alert().contains("roll the waiting deployment back"), "{}", scene.last_alert());
}

#[tokio::test]
async fn while_nobody_knows_what_it_did_the_rollout_waits_until_a_person_decides() {
    for (outcome, action) in [("migrated", "CONTINUE"), ("failed", "ROLLBACK")] {
        let (mut scene, old) = held_at("PRE_SCALE_UP", Some("api")).await;
        let after = SignedDuration::from_secs(10);
        let ending = Behaviour::Ends { cause: StopCause::HostTerminated, after };
        scene.migration(Job::migrates(&scene.schema).ending(ending).committing_at_once());
        let from = scene.calls().len();
        let new = deploy(&scene, 2);
        scene.minutes(60).await;
        assert_eq!((scene.running("api"), told_ecs(&scene, from).len()), (vec![old.clone()], 0));
        let run = scene.runs().pop().unwrap()["id"].as_str().unwrap().to_owned();
        scene.resolve(&run, outcome);
        scene.minutes(30).await;
        let runs = if outcome == "migrated" { new } else { old };
        assert_eq!((scene.running("api"), told_ecs(&scene, from)), (vec![runs], vec![action.to_owned()]));
    }
}

#[tokio::test]
async fn other_stages_are_left_to_those_who_approve_there() {
    let (mut scene, _) = held_at("POST_SCALE_UP", Some("api")).await;
    let from = scene.calls().len();
    deploy(&scene, 2);
    scene.schema.needs(&lab::ecr::Build::from("api 2").digest(), 1);
    scene.minutes(30).await;
    assert_eq!((scene.account.paused("shop", "api").len(), scene.calls_of_migrate(from).len()), (1, 0));
}

#[tokio::test]
async fn a_service_without_the_tag_is_left_alone() {
    let (mut scene, old) = held_at("PRE_SCALE_UP", None).await;
    let from = scene.calls().len();
    deploy(&scene, 2);
    scene.minutes(30).await;
    assert_eq!((scene.account.paused("shop", "api").len(), scene.running("api")), (1, vec![old]));
    let calls: Vec<_> = scene.calls_of_migrate(from).into_iter().map(|record| record.call.operation).collect();
    assert_eq!((calls, scene.alerts_by("migrate").len()), (vec!["DescribeServices".to_owned()], 0));
}

#[tokio::test]
async fn a_hook_that_is_told_twice_is_answered_once_and_migrated_once() {
    let (mut scene, _) = held_at("PRE_SCALE_UP", Some("api")).await;
    let before = scene.asked_for().len();
    scene
        .world
        .bus()
        .disturb(Box::new(|_| lab::bus::Mishap::Duplicated { after: SignedDuration::from_mins(6), same_id: false }));
    let new = deploy(&scene, 2);
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.asked_for().len() - before), (vec![new], 1));
    assert_eq!(scene.dead_of_migrate(), 0);
}

#[tokio::test]
async fn a_hook_that_somebody_else_has_answered_meanwhile_is_no_failure() {
    let (mut scene, _) = held_at("PRE_SCALE_UP", Some("api")).await;
    scene.migration(Job::migrates(&scene.schema).committing_at_once().after(SignedDuration::from_mins(2)));
    let new = deploy(&scene, 2);
    scene.minutes(1).await;
    let paused = scene.account.paused("shop", "api").remove(0);
    let go_on = json!({ "serviceDeploymentArn": paused.deployment, "hookId": paused.hook, "action": "CONTINUE" });
    scene.account.ecs("ContinueServiceDeployment", go_on).unwrap();
    scene.minutes(20).await;
    assert_eq!(
        (scene.running("api"), scene.states().pop(), scene.dead_of_migrate()),
        (vec![new], Some("migrated".to_owned()), 0)
    );
    assert!(scene.lock("shop-db")["holder"].is_null());
}

#[tokio::test]
async fn a_rollout_that_names_its_image_by_tag_is_told_and_goes_back() {
    // Before the first task has started, ECS does not say what the tag leads to.
    let (mut scene, old) = held_at("PRE_SCALE_UP", Some("api")).await;
    scene.ship_as("api", "1.2.0", 2);
    let from = scene.calls().len();
    set(&scene, &format!("{HOST}/api:1.2.0"));
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), told_ecs(&scene, from)), (vec![old], vec!["ROLLBACK".to_owned()]));
    assert!(scene.last_alert().contains("name the image by digest"), "{}", scene.last_alert());
    assert_eq!(scene.asked_for().len(), 0);
}

#[tokio::test]
async fn steward_s_own_rollout_at_a_hook_is_let_through_by_a_plan_that_finds_nothing_pending() {
    let mut scene = Scene::new();
    scene.service("api", super::scene::PLANNED, &[ON_SHOP_DB]).await;
    hold(&scene, "PRE_SCALE_UP");
    let new = scene.ship("api", 2);
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.account.paused("shop", "api").len()), (vec![new], 0));
    // Once before the rollout is begun, and once at the hook.
    assert_eq!(
        (scene.asked_for(), scene.schema.migrations().len()),
        (["p1", "m2", "v3", "p1"].map(str::to_owned).to_vec(), 1)
    );
}
