//! Radio silence: what no guard is for goes its way, and nobody is told.

use jiff::SignedDuration;
use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, PLANNED, Scene};

#[tokio::test]
async fn an_image_of_another_container_rolls_without_a_migration() {
    let mut scene = Scene::new();
    scene.account.push("proxy", &["latest"], "proxy 1").unwrap();
    scene.service_as("api", MIGRATE, &[ON_SHOP_DB], |setup| setup.image("proxy:latest")).await;
    let (told, proxy) = (scene.alerts().len(), scene.account.push("proxy", &["latest"], "proxy 2").unwrap());
    scene.minutes(20).await;
    assert!(scene.running("api").contains(&proxy));
    assert_eq!((scene.runs().len(), scene.asked_for().len()), (0, 0));
    assert_eq!(scene.told_since(told), ["deploy rolled-out"]);
}

#[tokio::test]
async fn days_without_a_push_pass_without_a_word_and_with_one_call_a_sweep() {
    let mut scene = Scene::new().swept();
    for (name, labels) in [("api", MIGRATE), ("worker", PLANNED)] {
        scene.service(name, labels, &[ON_SHOP_DB]).await;
        scene.ship(name, 2);
        scene.minutes(30).await;
    }
    let (calls, told) = (scene.calls().len(), scene.alerts().len());
    scene.world.run_for(SignedDuration::from_hours(48)).await.unwrap();
    let made = scene.calls_of_migrate(calls);
    assert!(made.iter().all(|record| record.call.operation == "GetItem"), "{:?}", made.first());
    assert_eq!((made.len(), scene.told_since(told).len()), (48 * 12, 0));
    assert_eq!(scene.dead_of_migrate() + scene.dead().len(), 0);
}

#[tokio::test]
async fn a_migration_that_goes_well_is_told_by_nobody_else() {
    let mut scene = Scene::with(&[("HealMode", "auto")]).swept();
    assert!(scene.world.switch_schedule("HealSweepSchedule", true));
    scene.service("api", MIGRATE, &[ON_SHOP_DB, ("steward:heal", "auto")]).await;
    let told = scene.alerts().len();
    scene.ship("api", 2);
    scene.minutes(120).await;
    assert_eq!(scene.told_since(told), ["migrate migrated", "deploy rolled-out"]);
}

#[tokio::test]
async fn a_database_tag_without_a_migration_locks_nothing() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.retag("api", "steward:migrate", None);
    let new = scene.ship("api", 2);
    scene.schema.needs(&new, 1);
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.lock("shop-db")), (vec![new], json!(null)));
}

#[tokio::test]
async fn a_short_wait_for_the_lock_is_no_news() {
    let mut scene = Scene::new().swept();
    for name in ["api", "worker"] {
        scene.service(name, MIGRATE, &[ON_SHOP_DB]).await;
    }
    let job = lab::ecs::Job::migrates(&scene.schema).after(SignedDuration::from_mins(14));
    scene.migration(job);
    let told = scene.alerts().len();
    scene.ship("api", 2);
    scene.ship("worker", 3);
    scene.minutes(90).await;
    let mut kinds = scene.told_since(told);
    kinds.sort();
    assert_eq!(kinds, ["deploy rolled-out", "deploy rolled-out", "migrate migrated", "migrate migrated"]);
}

#[tokio::test]
async fn a_slow_migration_within_its_time_is_neither_stopped_nor_told() {
    let labels = &[MIGRATE[0], ("steward.migrate-timeout", "300")];
    let mut scene = Scene::new().swept();
    scene.service("api", labels, &[ON_SHOP_DB]).await;
    scene.migration(lab::ecs::Job::migrates(&scene.schema).after(SignedDuration::from_hours(4)));
    let (told, new) = (scene.alerts().len(), scene.ship("api", 2));
    scene.world.run_for(SignedDuration::from_hours(4)).await.unwrap();
    assert_eq!((scene.states(), scene.told_since(told).len()), (vec!["migrating".to_owned()], 0));
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.inputs("StopTask").len()), (vec![new], 0));
}
