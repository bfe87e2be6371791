//! The plan: what its exit code says before the migration, and what it must say after it.

use lab::ecs::{Behaviour, Job};
use serde_json::Value;

use super::scene::{MIGRATE, ON_SHOP_DB, PLANNED, Scene};

/// A scene with a push, ten minutes after it.
async fn pushed(plan: impl FnOnce(&Scene) -> Job) -> (Scene, [String; 2]) {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", PLANNED, &[ON_SHOP_DB]).await;
    let plan = plan(&scene);
    scene.plan(plan);
    let new = scene.ship("api", 2);
    scene.minutes(10).await;
    (scene, [old, new])
}

#[tokio::test]
async fn what_is_pending_is_migrated_and_looked_at_once_more() {
    let (mut scene, [_, new]) = pushed(|scene| Job::plans(&scene.schema)).await;
    scene.minutes(10).await;
    assert_eq!(
        (scene.asked_for(), scene.states()),
        (["p1", "m2", "v3"].map(str::to_owned).to_vec(), vec!["migrated".to_owned()])
    );
    assert_eq!((scene.running("api"), scene.told_of_migrations()), (vec![new], vec!["migrated".to_owned()]));
}

#[tokio::test]
async fn where_nothing_is_pending_nothing_is_migrated_or_told_and_it_is_rolled() {
    let mut scene = Scene::new();
    scene.service("api", PLANNED, &[ON_SHOP_DB]).await;
    let new = scene.ship("api", 2);
    scene.schema.needs(&new, 1);
    scene.minutes(20).await;
    assert_eq!((scene.asked_for(), scene.states()), (vec!["p1".to_owned()], vec!["migrated".to_owned()]));
    assert_eq!(
        (scene.running("api"), scene.told_of_migrations().len(), scene.ledger("shop-db").len()),
        (vec![new], 0, 0)
    );
}

#[tokio::test]
async fn a_plan_that_ends_otherwise_stops_everything_before_anything_was_changed() {
    for code in [1, 2, 5, 127, 255] {
        let (mut scene, [old, _]) = pushed(|_| Job::exits(code).says(&["no such table: schema_migrations"])).await;
        scene.minutes(60).await;
        assert_eq!((scene.asked_for(), scene.states()), (vec!["p1".to_owned()], vec!["failed".to_owned()]), "{code}");
        assert_eq!(
            (scene.running("api"), scene.told_of_migrations()),
            (vec![old], vec!["migration-failed".to_owned()]),
            "{code}"
        );
        let alert = scene.last_alert();
        for part in [format!("exit code {code}").as_str(), "Nothing was changed", "no such table"] {
            assert!(alert.contains(part), "{part}: {alert}");
        }
        assert_eq!((scene.ledger("shop-db").len(), scene.lock("shop-db")["holder"].is_null()), (0, true));
    }
}

#[tokio::test]
async fn what_destroys_something_waits_for_approval_and_is_migrated_then() {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", PLANNED, &[ON_SHOP_DB]).await;
    scene.schema.destroys(2);
    let new = scene.ship("api", 2);
    scene.minutes(180).await;
    assert_eq!((scene.asked_for(), scene.states()), (vec!["p1".to_owned()], vec!["approval".to_owned()]));
    assert_eq!((scene.running("api"), scene.told_of_migrations()), (vec![old], vec!["migration-approval".to_owned()]));
    let run = scene.only_run();
    assert!(scene.last_alert().contains("approved") && scene.last_alert().contains(&run), "{}", scene.last_alert());
    scene.resolve(&run, "approved");
    scene.minutes(20).await;
    assert_eq!((scene.asked_for(), scene.schema.version()), (["p1", "m2", "v3"].map(str::to_owned).to_vec(), 2));
    assert_eq!((scene.running("api"), scene.run(&run)["approved"].clone()), (vec![new], Value::from("ana")));
}

#[tokio::test]
async fn what_nobody_approves_within_a_day_is_given_up() {
    let mut scene = Scene::new();
    let old = scene.service("api", PLANNED, &[ON_SHOP_DB]).await;
    scene.schema.destroys(2);
    scene.ship("api", 2);
    scene.world.run_for(jiff::SignedDuration::from_hours(23)).await.unwrap();
    assert_eq!(scene.states(), ["approval"]);
    scene.world.run_for(jiff::SignedDuration::from_hours(2)).await.unwrap();
    assert_eq!((scene.states(), scene.asked_for()), (vec!["failed".to_owned()], vec!["p1".to_owned()]));
    assert_eq!(
        (scene.running("api"), scene.told_of_migrations()),
        (vec![old], ["migration-approval", "migration-failed"].map(str::to_owned).to_vec())
    );
    assert!(scene.lock("shop-db")["holder"].is_null());
}

#[tokio::test]
async fn what_a_person_gives_up_is_not_migrated() {
    let mut scene = Scene::new();
    let old = scene.service("api", PLANNED, &[ON_SHOP_DB]).await;
    scene.schema.destroys(2);
    scene.ship("api", 2);
    scene.minutes(5).await;
    let run = scene.only_run();
    scene.resolve(&run, "failed");
    scene.minutes(60).await;
    assert_eq!(
        (scene.states(), scene.asked_for(), scene.running("api")),
        (vec!["failed".to_owned()], vec!["p1".to_owned()], vec![old])
    );
}

#[tokio::test]
async fn an_exit_code_of_0_with_something_pending_still_is_a_failure() {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", PLANNED, &[ON_SHOP_DB]).await;
    // As a tool does that finds its lock taken, and goes home content.
    scene.migration(Job::exits(0));
    scene.ship("api", 2);
    scene.minutes(120).await;
    assert_eq!(
        (scene.asked_for(), scene.states()),
        (["p1", "m2", "v3"].map(str::to_owned).to_vec(), vec!["failed".to_owned()])
    );
    assert_eq!((scene.running("api"), scene.told_of_migrations()), (vec![old], vec!["migration-failed".to_owned()]));
    assert!(scene.last_alert().contains("pending still"), "{}", scene.last_alert());
}

#[tokio::test]
async fn what_cannot_be_looked_at_afterwards_is_unknown() {
    let mut scene = Scene::new();
    let old = scene.service("api", PLANNED, &[ON_SHOP_DB]).await;
    let schema = scene.schema.clone();
    // The plan works before the migration, and not after it.
    scene.plan(Job::asks(move |_| Behaviour::CrashAfterRunning {
        exit_code: if schema.version() == 1 { 10 } else { 1 },
        after: jiff::SignedDuration::from_secs(5),
    }));
    scene.ship("api", 2);
    scene.minutes(20).await;
    assert_eq!(
        (scene.states(), scene.running("api"), scene.schema.version()),
        (vec!["unknown".to_owned()], vec![old], 2)
    );
    assert_eq!(
        (scene.told_of_migrations(), scene.lock("shop-db")["holder"].is_null()),
        (vec!["migration-unknown".to_owned()], false)
    );
}

#[tokio::test]
async fn a_plan_that_was_lost_is_asked_again_as_it_changes_nothing() {
    let mut scene = Scene::new();
    scene.service("api", PLANNED, &[]).await;
    let (schema, asked) = (scene.schema.clone(), std::sync::atomic::AtomicUsize::new(0));
    scene.plan(Job::asks(move |_| {
        let after = jiff::SignedDuration::from_secs(5);
        match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Behaviour::Ends { cause: lab::ecs::StopCause::SpotInterruption, after },
            _ => Behaviour::CrashAfterRunning { exit_code: if schema.version() == 1 { 10 } else { 0 }, after },
        }
    }));
    let new = scene.ship("api", 2);
    scene.minutes(30).await;
    assert_eq!(
        (scene.asked_for(), scene.running("api")),
        (["p1", "p2", "m3", "v4"].map(str::to_owned).to_vec(), vec![new])
    );
    assert_eq!(scene.told_of_migrations(), ["migrated"]);
}

#[tokio::test]
async fn without_a_plan_every_image_is_migrated() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    let new = scene.ship("api", 2);
    scene.schema.needs(&new, 1);
    scene.minutes(20).await;
    assert_eq!((scene.asked_for(), scene.running("api")), (vec!["m1".to_owned()], vec![new]));
}
