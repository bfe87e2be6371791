//! Several pushes while one migrates: the newest takes the place of those that wait, and never of the one that runs.

use jiff::SignedDuration;
use lab::ecs::Job;
use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};

#[tokio::test]
async fn a_newer_push_takes_the_place_of_one_that_waits_and_never_of_one_that_runs() {
    let mut scene = Scene::new();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(10)));
    let second = scene.ship("api", 2);
    scene.minutes(2).await;
    scene.ship("api", 3);
    scene.minutes(2).await;
    assert_eq!(scene.states(), ["migrating", "waiting"]);
    let fourth = scene.ship("api", 4);
    scene.minutes(2).await;
    assert_eq!(scene.states(), ["migrating", "superseded", "waiting"]);
    // The one that runs is left alone, and is not stopped.
    assert_eq!((scene.tasks().len(), scene.inputs("StopTask").len(), scene.running("api")), (1, 0, vec![old]));
    scene.minutes(40).await;
    assert_eq!(scene.states(), ["migrated", "superseded", "migrated"]);
    let ran: Vec<_> = scene.schema.migrations().into_iter().map(|ran| ran.digest).collect();
    assert_eq!((ran, scene.running("api")), (vec![second, fourth.clone()], vec![fourth]));
    assert_eq!(scene.lock("shop-db")["queue"], json!([]));
    // What nobody wants any more is no news.
    assert_eq!(scene.told_of_migrations(), ["migrated"; 2]);
}

#[tokio::test]
async fn a_push_of_one_service_does_not_take_the_place_of_another_service_s() {
    let mut scene = Scene::new();
    for name in ["api", "worker", "front"] {
        scene.service(name, MIGRATE, &[ON_SHOP_DB]).await;
    }
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(5)));
    scene.ship("api", 2);
    scene.minutes(1).await;
    let (worker, front) = (scene.ship("worker", 3), scene.ship("front", 4));
    scene.minutes(1).await;
    let api = scene.ship("api", 5);
    scene.minutes(60).await;
    assert_eq!(scene.states(), ["migrated"; 4]);
    assert_eq!(
        ["api", "worker", "front"].map(|name| scene.running(name)),
        [api, worker, front].map(|digest| vec![digest])
    );
}

#[tokio::test]
async fn a_newer_push_waits_until_a_failed_one_has_ended_and_is_rolled() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let bad = scene.ship("api", 2);
    let command = lab::ecs::Command::exactly(&["bin/migrate"]).of(&bad);
    scene.account.script_command(command, super::failed::fails(&scene, 1).after(SignedDuration::from_mins(5)));
    scene.minutes(2).await;
    let good = scene.ship("api", 3);
    scene.minutes(20).await;
    assert_eq!(
        (scene.states(), scene.running("api")),
        (["failed", "migrated"].map(str::to_owned).to_vec(), vec![good])
    );
}
