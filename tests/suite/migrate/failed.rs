//! A migration that ends badly: the service goes on with what it runs, people are told once, and nothing is tried again.

use jiff::SignedDuration;
use lab::ecs::{Behaviour, Job};

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};

/// A migration that ends with this exit code by itself, and has written this.
pub(super) fn fails(scene: &Scene, exit_code: i64) -> Job {
    let ending = Behaviour::CrashAfterRunning { exit_code, after: SignedDuration::from_secs(20) };
    Job::migrates(&scene.schema).ending(ending).says(&["== AddTotals", "column total cannot be cast to integer"])
}

#[tokio::test]
async fn after_a_failed_migration_the_old_version_serves_and_people_are_told_once_with_its_last_lines() {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(fails(&scene, 1));
    let (told, new) = (scene.alerts().len(), scene.ship("api", 2));
    scene.minutes(120).await;
    assert_eq!((scene.running("api"), scene.deployments("api"), scene.schema.version()), (vec![old.clone()], 1, 1));
    assert_eq!(scene.told_since(told), ["migrate migration-failed"]);
    let alert = scene.last_alert();
    for part in
        ["exit code 1", "column total cannot be cast to integer", &new, "keeps serving", "retry", &scene.only_run()]
    {
        assert!(alert.contains(part), "{part}: {alert}");
    }
    // Sweeps ask for it no more; and a day later it is the same.
    scene.world.run_for(SignedDuration::from_hours(24)).await.unwrap();
    assert_eq!((scene.asked_for(), scene.told_since(told).len()), (vec!["m1".to_owned()], 1));
    assert_eq!((scene.running("api"), scene.lock("shop-db")["holder"].is_null()), (vec![old], true));
    assert_eq!(scene.ledger("shop-db"), [(new, "failed".to_owned(), false)]);
    // The image that mends it is migrated and rolled.
    scene.migration(Job::migrates(&scene.schema));
    let fix = scene.ship("api", 3);
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![fix], 3));
}

#[tokio::test]
async fn a_failed_migration_that_a_person_has_tried_again_is_rolled_when_it_succeeds() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    scene.migration(fails(&scene, 1));
    let new = scene.ship("api", 2);
    scene.minutes(10).await;
    let run = scene.only_run();
    scene.migration(Job::migrates(&scene.schema));
    scene.resolve(&run, "retry");
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.states()), (vec![new], vec!["migrated".to_owned()]));
    // A number of its own, so that no token is ever used twice.
    assert_eq!(scene.asked_for(), ["m1", "m2"]);
    assert_eq!(scene.told_of_migrations(), ["migration-failed", "migrated"]);
}

#[tokio::test]
async fn a_failed_migration_that_a_person_calls_done_is_rolled() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    scene.migration(fails(&scene, 3).committing_at_once());
    let new = scene.ship("api", 2);
    scene.minutes(10).await;
    let run = scene.only_run();
    scene.resolve(&run, "migrated");
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.asked_for().len()), (vec![new], 1));
    let why = scene.run(&run)["reason"].to_string();
    assert!(why.contains("ana decided: looked at the table of migrations"), "{why}");
}
