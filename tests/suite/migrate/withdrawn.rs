//! What was asked for and is wanted no more when its turn comes: a schema that no release will follow is a harm.

use jiff::SignedDuration;
use lab::ecs::Job;
use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::HOST;

/// Services `api` and `worker`, of which `worker` migrates for so many minutes, begun a minute ago.
async fn busy(minutes: i64) -> (Scene, String) {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.service("worker", MIGRATE, &[ON_SHOP_DB]).await;
    let long = Job::migrates(&scene.schema).after(SignedDuration::from_mins(minutes));
    let worker = scene.ship("worker", 2);
    scene.account.script_command(lab::ecs::Command::exactly(&["bin/migrate"]).of(&worker), long);
    scene.minutes(1).await;
    assert_eq!(scene.states(), ["migrating"]);
    (scene, old)
}

#[tokio::test]
async fn a_service_that_is_held_while_its_migration_waits_is_not_migrated() {
    let (mut scene, old) = busy(10).await;
    let new = scene.ship("api", 3);
    scene.minutes(1).await;
    scene.retag("api", "steward:hold", Some("incident"));
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![old], 2));
    // Let go, it is migrated and rolled.
    scene.retag("api", "steward:hold", None);
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![new], 3));
}

#[tokio::test]
async fn an_image_whose_tag_goes_back_while_its_migration_waits_is_not_migrated() {
    let (mut scene, old) = busy(10).await;
    scene.ship("api", 3);
    scene.minutes(1).await;
    // The push was a mistake: the tag names again what runs.
    scene.ship("api", 1);
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![old], 2));
}

#[tokio::test]
async fn a_service_that_is_deleted_while_its_migration_waits_is_not_migrated() {
    let (mut scene, _) = busy(10).await;
    scene.ship("api", 3);
    scene.minutes(1).await;
    scene.account.ecs("DeleteService", json!({ "cluster": "shop", "service": "api", "force": true })).unwrap();
    scene.minutes(60).await;
    assert_eq!(scene.schema.version(), 2);
}

#[tokio::test]
async fn a_rollout_whose_hook_was_over_before_its_turn_came_is_not_migrated() {
    let (mut scene, old) = busy(13).await;
    scene.retag("api", "steward:deploy", None);
    let hook = json!({
        "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"],
        "timeoutConfiguration": { "timeoutInMinutes": 10, "action": "ROLLBACK" },
    });
    scene.meddle("api", &json!({ "deploymentConfiguration": { "lifecycleHooks": [hook] } }));
    let new = scene.ship_as("api", "1.3.0", 3);
    let image = format!("{HOST}/api@{new}");
    scene
        .account
        .revise("shop", "api", |definition| definition["containerDefinitions"][0]["image"] = json!(image))
        .unwrap();
    scene.minutes(15).await;
    assert_eq!(scene.account.deployment_statuses("shop", "api").last(), Some(&"ROLLBACK_SUCCESSFUL"));
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![old], 2));
}

#[tokio::test]
async fn a_service_that_is_held_while_it_migrates_is_rolled_when_it_is_let_go() {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(3)));
    let new = scene.ship("api", 2);
    scene.minutes(1).await;
    scene.retag("api", "steward:hold", Some("load test"));
    scene.minutes(60).await;
    // What runs is left to its end; nothing rolls.
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![old], 2));
    scene.retag("api", "steward:hold", None);
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.schema.migrations().len()), (vec![new], 1));
}

#[tokio::test]
async fn a_rollout_that_went_back_already_is_not_migrated_when_a_person_has_it_tried_again() {
    let mut scene = Scene::new();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.retag("api", "steward:deploy", None);
    let hook = json!({ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"] });
    scene.meddle("api", &json!({ "deploymentConfiguration": { "lifecycleHooks": [hook] } }));
    scene.migration(super::failed::fails(&scene, 1));
    let new = scene.ship_as("api", "1.2.0", 2);
    let image = format!("{HOST}/api@{new}");
    scene
        .account
        .revise("shop", "api", |definition| definition["containerDefinitions"][0]["image"] = json!(image))
        .unwrap();
    scene.minutes(15).await;
    assert_eq!(scene.account.deployment_statuses("shop", "api").last(), Some(&"ROLLBACK_SUCCESSFUL"));
    scene.migration(Job::migrates(&scene.schema));
    let run = scene.only_run();
    scene.resolve(&run, "retry");
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![old], 1));
}
