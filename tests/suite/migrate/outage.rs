//! What `migrate` needs beside ECS is down for a while: alerts, the bus, schedules, logs, the state table.

use lab::faults::Fault;
use lab::wire::Call;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};

/// From now on these calls of `migrate` meet a fault.
fn down(scene: &Scene, operations: &'static [&'static str], fault: Fault) {
    let is_down = move |call: &Call| call.caller.contains("Migrate") && operations.contains(&call.operation.as_str());
    scene.account.inject(Box::new(move |call| if is_down(call) { fault } else { Fault::Ok }));
}

fn up(scene: &Scene) {
    scene.account.inject(Box::new(|_| Fault::Ok));
}

async fn scene() -> Scene {
    let mut scene = Scene::new().swept();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene
}

#[tokio::test]
async fn while_people_cannot_be_told_migrations_go_on_and_they_are_told_later_once() {
    for fault in [Fault::ServerError, Fault::Denied] {
        let mut scene = scene().await;
        down(&scene, &["Publish"], fault);
        for version in [2, 3] {
            let new = scene.ship("api", version);
            scene.minutes(30).await;
            assert_eq!(scene.running("api"), [new], "{version} {fault:?}");
        }
        assert!(scene.lock("shop-db")["holder"].is_null(), "the database is free, whoever was told");
        assert_eq!(scene.told_of_migrations(), [""; 0], "{fault:?}");
        up(&scene);
        scene.minutes(30).await;
        assert_eq!(scene.told_of_migrations(), ["migrated"; 2], "{fault:?}");
    }
}

#[tokio::test]
#[ignore = "alerts wait for events"]
async fn while_the_bus_is_down_people_are_told_of_a_failure_all_the_same() {
    for fault in [Fault::ServerError, Fault::EntriesFailed] {
        let mut scene = scene().await;
        scene.migration(super::failed::fails(&scene, 1));
        down(&scene, &["PutEvents"], fault);
        scene.ship("api", 2);
        scene.minutes(30).await;
        assert_eq!(scene.told_of_migrations(), ["migration-failed"], "{fault:?}");
        up(&scene);
        scene.minutes(30).await;
        assert_eq!(scene.told_of_migrations(), ["migration-failed"], "{fault:?}");
    }
}

#[tokio::test]
async fn while_the_bus_is_down_a_success_is_rolled_by_a_sweep() {
    let mut scene = scene().await;
    down(&scene, &["PutEvents"], Fault::ServerError);
    let new = scene.ship("api", 2);
    scene.minutes(60).await;
    assert_eq!(scene.running("api"), [new]);
    up(&scene);
    scene.minutes(30).await;
    assert_eq!(
        (scene.told_of_migrations(), scene.lock("shop-db")["holder"].is_null()),
        (vec!["migrated".to_owned()], true)
    );
}

#[tokio::test]
async fn without_schedules_events_and_sweeps_are_enough() {
    for fault in [Fault::ServerError, Fault::Denied] {
        let mut scene = scene().await;
        down(&scene, &["CreateSchedule"], fault);
        let new = scene.ship("api", 2);
        scene.minutes(30).await;
        assert_eq!(
            (scene.running("api"), scene.told_of_migrations()),
            (vec![new], vec!["migrated".to_owned()]),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_read_keeps_nobody_from_being_told() {
    for (fault, says) in [(Fault::ServerError, "exit code 1"), (Fault::Denied, "cannot be read")] {
        let mut scene = scene().await;
        scene.migration(super::failed::fails(&scene, 1));
        down(&scene, &["GetLogEvents"], fault);
        scene.ship("api", 2);
        scene.minutes(30).await;
        assert_eq!(scene.told_of_migrations(), ["migration-failed"], "{fault:?}");
        assert!(scene.last_alert().contains(says), "{}", scene.last_alert());
    }
}

#[tokio::test]
async fn what_looks_like_a_secret_in_the_last_lines_is_not_told_or_kept() {
    let mut scene = scene().await;
    let job =
        super::failed::fails(&scene, 1).says(&["connecting to postgres://shop:hunter2-do-not-tell@db/shop", "refused"]);
    scene.migration(job);
    scene.ship("api", 2);
    scene.minutes(30).await;
    assert!(scene.last_alert().contains("refused"), "{}", scene.last_alert());
    let kept = serde_json::json!(scene.world.dynamodb().items(&scene.world.template().tables[0].name)).to_string();
    assert!(!scene.last_alert().contains("hunter2") && !kept.contains("hunter2"));
}

#[tokio::test]
async fn an_outage_of_the_state_table_at_any_time_ends_in_one_migration_and_one_roll() {
    for after in [0, 10, 20, 40, 45] {
        let mut scene = scene().await;
        let new = scene.ship("api", 2);
        scene.seconds(after).await;
        let of_table = |call: &Call| call.service == "dynamodb";
        scene.account.inject(Box::new(move |call| if of_table(call) { Fault::ServerError } else { Fault::Ok }));
        scene.minutes(15).await;
        up(&scene);
        scene.minutes(60).await;
        assert_eq!((scene.running("api"), scene.schema.migrations().len()), (vec![new], 1), "after {after}");
        assert_eq!(
            (scene.told_of_migrations(), scene.states()),
            (vec!["migrated".to_owned()], vec!["migrated".to_owned()]),
            "after {after}"
        );
    }
}
