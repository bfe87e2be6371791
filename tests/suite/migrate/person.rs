//! A person's Deploy Requested of another image: it goes through the gate, and is rolled afterwards.

use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::arn;

#[tokio::test]
async fn an_image_that_a_person_asks_for_is_migrated_first_and_rolled_though_nobody_asks_again() {
    let mut scene = Scene::new();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let hotfix = scene.ship_as("api", "hotfix", 2);
    scene.minutes(5).await;
    assert_eq!(scene.runs().len(), 0, "no policy wants it");
    scene.say("Deploy Requested", &json!({ "service": arn("api"), "tag": "hotfix", "requested-by": "ana" }));
    scene.seconds(30).await;
    assert_eq!((scene.running("api"), scene.states()), (vec![old], vec!["migrating".to_owned()]));
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![hotfix.clone()], 2));
    // It stays until the pin is released, also through sweeps.
    scene.sweep().await;
    assert_eq!((scene.running("api"), scene.asked_for().len()), (vec![hotfix], 1));
}

#[tokio::test]
async fn an_image_that_a_person_asks_for_is_not_rolled_when_its_migration_fails() {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(super::failed::fails(&scene, 1));
    scene.ship_as("api", "hotfix", 2);
    scene.say("Deploy Requested", &json!({ "service": arn("api"), "tag": "hotfix", "requested-by": "ana" }));
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.asked_for().len(), scene.deployments("api")), (vec![old], 1, 1));
    assert_eq!(scene.told_of_migrations(), ["migration-failed"]);
}

#[tokio::test]
async fn asked_for_twice_while_it_migrates_it_is_migrated_and_rolled_once() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let hotfix = scene.ship_as("api", "hotfix", 2);
    for _ in 0..2 {
        scene.say("Deploy Requested", &json!({ "service": arn("api"), "tag": "hotfix", "requested-by": "ana" }));
        scene.seconds(10).await;
    }
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.asked_for().len(), scene.deployments("api")), (vec![hotfix], 1, 2));
}

#[tokio::test]
async fn to_go_forward_again_after_a_released_pin_migrates_what_the_policy_names() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let hotfix = scene.ship_as("api", "hotfix", 2);
    scene.say("Deploy Requested", &json!({ "service": arn("api"), "tag": "hotfix", "requested-by": "ana" }));
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [hotfix]);
    let latest = scene.ship("api", 3);
    scene.minutes(20).await;
    assert_eq!(scene.schema.version(), 2, "pinned");
    scene.say("Deploy Requested", &json!({ "service": arn("api"), "release-pin": true }));
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![latest], 3));
}

#[tokio::test]
async fn an_image_that_a_person_asked_for_is_rolled_when_its_migration_was_tried_again() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(super::failed::fails(&scene, 1));
    let hotfix = scene.ship_as("api", "hotfix", 2);
    scene.say("Deploy Requested", &json!({ "service": arn("api"), "tag": "hotfix", "requested-by": "ana" }));
    scene.minutes(10).await;
    scene.migration(lab::ecs::Job::migrates(&scene.schema));
    let run = scene.only_run();
    scene.resolve(&run, "retry");
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.asked_for()), (vec![hotfix], vec!["m1".to_owned(), "m2".to_owned()]));
}
