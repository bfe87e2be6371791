//! What cannot be migrated is told once, and does not roll.

use lab::ecs::Job;
use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};

/// Asserts that a push changes nothing and that people are told once, with these words.
async fn stays(scene: &mut Scene, teller: &str, words: &[&str]) {
    let (told, before, deployments) = (scene.alerts().len(), scene.running("api"), scene.deployments("api"));
    scene.ship("api", 2);
    scene.minutes(30).await;
    scene.sweep().await;
    assert_eq!((scene.running("api"), scene.deployments("api")), (before, deployments));
    assert_eq!(
        (scene.told_since(told), scene.asked_for().len(), scene.schema.version()),
        (vec![teller.to_owned()], 0, 1)
    );
    let alert = scene.alerts().pop().unwrap().message;
    assert!(words.iter().all(|word| alert.contains(word)), "{words:?}: {alert}");
}

#[tokio::test]
async fn a_tag_without_its_label_is_told_once_and_nothing_rolls() {
    let mut scene = Scene::new().swept();
    scene.service("api", &[], &[ON_SHOP_DB]).await;
    stays(&mut scene, "deploy blocked", &["steward:migrate", "docker label steward.migrate", "docs/migrate.md"]).await;
    assert_eq!(scene.runs().len(), 0);
}

#[tokio::test]
async fn a_tag_that_names_a_container_that_is_not_there_is_told_once_and_nothing_rolls() {
    let mut scene = Scene::new().swept();
    scene.service("api", MIGRATE, &[]).await;
    scene.retag("api", "steward:migrate", Some("web"));
    stays(&mut scene, "deploy blocked", &["web"]).await;
}

#[tokio::test]
async fn force_mode_is_refused_as_the_tag_may_move_between_migration_and_roll() {
    let mut scene = Scene::new().swept();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.retag("api", "steward:mode", Some("force"));
    stays(&mut scene, "deploy tags", &["steward:mode", "pin"]).await;
}

#[tokio::test]
async fn a_restore_point_without_a_database_is_refused() {
    let mut scene = Scene::new().swept();
    scene.service("api", MIGRATE, &[]).await;
    scene.retag("api", "steward:restore-point", Some("snapshot"));
    stays(&mut scene, "deploy tags", &["steward:database"]).await;
}

#[tokio::test]
async fn a_label_that_cannot_be_read_is_told_once_with_the_way_out() {
    for (label, words) in [
        ("bin/migrate && bin/seed", "[\"sh\", \"-c\""),
        ("[\"bin/migrate\"", "JSON"),
        ("bin/migrate 'now", "quote"),
        (" ", "empty"),
    ] {
        let mut scene = Scene::new().swept();
        scene.service("api", &[("steward.migrate", label)], &[ON_SHOP_DB]).await;
        stays(&mut scene, "migrate migration-failed", &[words, "Nothing was changed"]).await;
        assert_eq!(
            (scene.states(), scene.lock("shop-db")["holder"].is_null()),
            (vec!["failed".to_owned()], true),
            "{label}"
        );
    }
}

#[tokio::test]
async fn other_labels_that_cannot_be_read_stop_the_migration_too() {
    for (key, value) in [
        ("steward.migrate-timeout", "forever"),
        ("steward.migrate-compatible", "yes"),
        ("steward.migrate-plan", "a | b"),
    ] {
        let mut scene = Scene::new().swept();
        scene.service("api", &[MIGRATE[0], (key, value)], &[]).await;
        stays(&mut scene, "migrate migration-failed", &[key]).await;
    }
}

#[tokio::test]
async fn a_volume_that_only_a_service_can_configure_is_told() {
    let mut scene = Scene::new().swept();
    let volumes = json!([{ "name": "data", "configuredAtLaunch": true }]);
    let configured = json!([{ "name": "data", "managedEBSVolume": { "roleArn": "arn:aws:iam::123456789012:role/ebs", "sizeInGiB": 10 } }]);
    let setup =
        |setup: lab::ecs::ServiceSetup| setup.definition("volumes", volumes).with("volumeConfigurations", configured);
    scene.service_as("api", MIGRATE, &[], setup).await;
    stays(&mut scene, "migrate migration-failed", &["volume data"]).await;
}

#[tokio::test]
async fn a_held_service_is_neither_migrated_nor_rolled_and_both_come_when_it_is_let_go() {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB, ("steward:hold", "load test")]).await;
    let new = scene.ship("api", 2);
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.runs().len(), scene.schema.version()), (vec![old], 0, 1));
    scene.retag("api", "steward:hold", None);
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![new], 2));
}

#[tokio::test]
async fn a_service_that_is_only_planned_migrates_nothing() {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB, ("steward:mode", "plan")]).await;
    scene.ship("api", 2);
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.runs().len(), scene.asked_for().len()), (vec![old], 0, 0));
}

#[tokio::test]
async fn a_service_without_the_tag_rolls_at_once_as_ever() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    scene.retag("api", "steward:migrate", None);
    scene.migration(Job::exits(1));
    let new = scene.ship("api", 2);
    scene.schema.needs(&new, 1);
    let from = scene.calls().len();
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.runs().len()), (vec![new], 0));
    assert_eq!(scene.calls_of_migrate(from).len(), 0);
}
