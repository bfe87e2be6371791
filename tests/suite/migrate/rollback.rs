//! The way back over a migration: refused unless the image said that the former release can live with it, or a person does.

use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::arn;

const COMPATIBLE: &[(&str, &str)] = &[("steward.migrate", "bin/migrate"), ("steward.migrate-compatible", "true")];

/// A service that was migrated and rolled from the first version to the second. Answers both digests.
async fn rolled(labels: &[(&str, &str)], tags: &[(&str, &str)]) -> (Scene, [String; 2]) {
    let mut scene = Scene::new();
    let old = scene.service("api", labels, &[&[ON_SHOP_DB], tags].concat()).await;
    let new = scene.ship("api", 2);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), std::slice::from_ref(&new));
    (scene, [old, new])
}

fn back(scene: &mut Scene, over_migration: bool) {
    let detail = json!({ "service": arn("api"), "requested-by": "ana", "over-migration": over_migration });
    scene.say("Rollback Requested", &detail);
}

#[tokio::test]
async fn over_an_incompatible_migration_it_is_refused_with_three_choices_and_done_when_a_person_vouches() {
    let (mut scene, [old, new]) = rolled(MIGRATE, &[]).await;
    let told = scene.alerts().len();
    back(&mut scene, false);
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.deployments("api")), (vec![new.clone()], 2));
    assert_eq!(scene.told_since(told), ["deploy blocked"]);
    let alert = scene.alerts().pop().unwrap().message;
    for part in ["roll forward", "restore the database", "over-migration", &new] {
        assert!(alert.contains(part), "{part}: {alert}");
    }
    back(&mut scene, true);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [old]);
    assert_eq!(scene.schema.migrations().len(), 1, "nothing migrates on the way back");
}

#[tokio::test]
async fn the_refusal_names_the_restore_point() {
    let (mut scene, _) = {
        let mut scene = Scene::new().with_database();
        let old = scene.service("api", MIGRATE, &[ON_SHOP_DB, ("steward:restore-point", "snapshot")]).await;
        scene.ship("api", 2);
        scene.minutes(40).await;
        (scene, old)
    };
    let snapshot = scene.ours("shop-db")[0].id.clone();
    back(&mut scene, false);
    scene.minutes(5).await;
    let alert = scene.alerts().pop().unwrap().message;
    assert!(alert.contains(&snapshot), "{alert}");
}

#[tokio::test]
async fn over_a_migration_that_the_image_calls_compatible_it_is_done() {
    let (mut scene, [old, new]) = rolled(COMPATIBLE, &[]).await;
    assert_eq!(scene.ledger("shop-db"), [(new, "migrated".to_owned(), true)]);
    back(&mut scene, false);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [old]);
}

#[tokio::test]
async fn a_migration_by_another_service_of_the_same_database_is_in_the_way_too() {
    let (mut scene, [_, new]) = rolled(COMPATIBLE, &[]).await;
    scene.service("worker", MIGRATE, &[ON_SHOP_DB]).await;
    scene.ship("worker", 3);
    scene.minutes(20).await;
    let told = scene.alerts().len();
    back(&mut scene, false);
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.told_since(told)), (vec![new], vec!["deploy blocked".to_owned()]));
}

#[tokio::test]
async fn a_failed_migration_is_in_the_way_as_long_as_nobody_knows_what_it_left() {
    let (mut scene, [_, new]) = rolled(COMPATIBLE, &[]).await;
    scene
        .account
        .revise("shop", "api", |definition| {
            definition["containerDefinitions"][0]["dockerLabels"] = json!({ "steward.migrate": "bin/migrate" });
        })
        .unwrap();
    scene.minutes(20).await;
    scene.migration(super::failed::fails(&scene, 1));
    scene.ship("api", 3);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [new]);
}

#[tokio::test]
async fn heal_is_refused_over_a_migration_and_says_so() {
    let mut scene = Scene::with(&[("HealMode", "auto")]);
    assert!(scene.world.switch_schedule("HealSweepSchedule", true));
    scene.service("api", MIGRATE, &[ON_SHOP_DB, ("steward:heal", "auto")]).await;
    let new = scene.ship("api", 2);
    let crash = lab::ecs::Behaviour::CrashAfterRunning { exit_code: 1, after: jiff::SignedDuration::from_mins(5) };
    scene.account.script(&new, crash);
    scene.minutes(60).await;
    let definition = scene.definition("api").to_string();
    assert!(definition.contains(&new), "it was not taken back to what may not read the schema");
    let heal = scene.alerts_by("heal");
    assert!(heal.iter().any(|alert| alert.message.contains("roll forward")), "{heal:?}");
}

#[tokio::test]
async fn a_rollback_within_the_same_schema_is_done() {
    let mut scene = Scene::new();
    scene.service("api", super::scene::PLANNED, &[ON_SHOP_DB]).await;
    let second = scene.ship("api", 2);
    scene.minutes(20).await;
    // The third has nothing pending, so nothing is in the way back to the second.
    let third = scene.ship("api", 3);
    scene.schema.needs(&third, 2);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [third]);
    back(&mut scene, false);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [second]);
}
