//! A migration that does not end: it is stopped, and its lock is given up when it has stopped, not before.

use lab::ecs::{Behaviour, Job};
use serde_json::{Value, json};

use super::scene::{ON_SHOP_DB, Scene};

const FIVE_MINUTES: &[(&str, &str)] = &[("steward.migrate", "bin/migrate"), ("steward.migrate-timeout", "5")];

#[tokio::test]
async fn a_migration_that_hangs_is_stopped_at_its_timeout_and_gives_the_lock_up_when_it_has_stopped() {
    let mut scene = Scene::new();
    let old = scene.service("api", FIVE_MINUTES, &[ON_SHOP_DB]).await;
    // It does not heed SIGTERM: for half a minute more it holds the database.
    scene.migration(Job::migrates(&scene.schema).ending(Behaviour::Healthy).on_stop(137));
    let told = scene.alerts().len();
    let new = scene.ship("api", 2);
    scene.seconds(4 * 60 + 50).await;
    assert_eq!((scene.states(), scene.inputs("StopTask").len()), (vec!["migrating".to_owned()], 0));
    scene.seconds(25).await;
    let (run, task) = (scene.only_run(), scene.tasks().remove(0));
    assert_eq!((scene.states(), scene.inputs("StopTask").len()), (vec!["stopping".to_owned()], 1));
    assert_eq!((&task["desiredStatus"], &task["lastStatus"] == "STOPPED"), (&json!("STOPPED"), false));
    assert_eq!(scene.lock("shop-db")["holder"], run.as_str());
    assert_eq!(scene.told_since(told), [""; 0], "while it lives nothing is known");
    scene.seconds(60).await;
    assert_eq!((scene.states(), &scene.lock("shop-db")["holder"]), (vec!["failed".to_owned()], &Value::Null));
    scene.minutes(60).await;
    assert_eq!(
        (scene.told_since(told), scene.inputs("StopTask").len()),
        (vec!["migrate migration-failed".to_owned()], 1)
    );
    assert!(scene.last_alert().contains("stopped after 5 minutes"), "{}", scene.last_alert());
    assert_eq!((scene.running("api"), scene.asked_for()), (vec![old], vec!["m1".to_owned()]));
    assert_eq!(scene.ledger("shop-db"), [(new, "failed".to_owned(), false)]);
    // The database is free for the next.
    scene.migration(Job::migrates(&scene.schema));
    let next = scene.ship("api", 3);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [next]);
}

#[tokio::test]
async fn without_a_label_the_timeout_is_that_of_the_stack() {
    let mut scene = Scene::with(&[("MigrationTimeoutMinutes", "2")]);
    scene.service("api", super::scene::MIGRATE, &[]).await;
    scene.migration(Job::migrates(&scene.schema).ending(Behaviour::Healthy));
    scene.ship("api", 2);
    scene.seconds(100).await;
    assert_eq!(scene.states(), ["migrating"]);
    scene.minutes(1).await;
    assert_eq!(scene.states(), ["failed"]);
    assert!(scene.last_alert().contains("stopped after 2 minutes"), "{}", scene.last_alert());
}
