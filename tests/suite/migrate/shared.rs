//! Services that share a database: one migrates at a time, and all are rolled.

use jiff::SignedDuration;
use lab::ecs::Job;
use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};

#[tokio::test]
async fn two_services_that_share_a_database_never_migrate_at_once_and_both_are_rolled() {
    let mut scene = Scene::new();
    for name in ["api", "worker"] {
        scene.service(name, MIGRATE, &[ON_SHOP_DB]).await;
    }
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(3)));
    let (api, worker) = (scene.ship("api", 2), scene.ship("worker", 3));
    scene.minutes(2).await;
    // One is at it, the other waits in the queue.
    let mut states = scene.states();
    states.sort();
    assert_eq!((states, scene.tasks().len()), (vec!["migrating".to_owned(), "waiting".to_owned()], 1));
    assert_eq!(scene.lock("shop-db")["queue"].as_array().unwrap().len(), 1);
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.running("worker")), (vec![api], vec![worker]));
    let ran = scene.schema.migrations();
    assert_eq!((ran.len(), scene.schema.most_at_once(), scene.schema.version()), (2, 1, 3));
    assert!(ran[0].ended_at.unwrap() <= ran[1].began_at);
    let lock = scene.lock("shop-db");
    assert_eq!((&lock["holder"], &lock["queue"], &lock["fence"]), (&json!(null), &json!([]), &json!(2)));
    assert_eq!(scene.told_of_migrations(), ["migrated"; 2]);
}

#[tokio::test]
async fn services_with_databases_of_their_own_do_not_wait_for_each_other() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.service("crm", &[("steward.migrate", "bin/other")], &[("steward:database", "crm-db")]).await;
    let other = lab::ecs::SimulatedSchema::at(1);
    scene.account.script_command(
        lab::ecs::Command::exactly(&["bin/other"]),
        Job::migrates(&other).after(SignedDuration::from_mins(3)),
    );
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(3)));
    scene.ship("api", 2);
    scene.account.push("crm", &["latest"], "crm 2").unwrap();
    scene.minutes(2).await;
    assert_eq!((scene.states(), scene.tasks().len()), (vec!["migrating".to_owned(); 2], 2));
    scene.minutes(20).await;
    assert_eq!(scene.states(), ["migrated"; 2]);
}

#[tokio::test]
async fn a_failed_migration_lets_the_next_service_begin() {
    let mut scene = Scene::new();
    for name in ["api", "worker"] {
        scene.service(name, MIGRATE, &[ON_SHOP_DB]).await;
    }
    let old = scene.running("api");
    let (bad, good) = (scene.ship("api", 2), scene.ship("worker", 3));
    let command = lab::ecs::Command::exactly(&["bin/migrate"]).of(&bad);
    scene.account.script_command(command, super::failed::fails(&scene, 1));
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.running("worker")), (old, vec![good]));
    let mut told = scene.told_of_migrations();
    told.sort();
    assert_eq!(told, ["migrated", "migration-failed"]);
}

#[tokio::test]
#[ignore = "names are compared as they are written"]
async fn one_database_is_one_however_its_name_is_written() {
    // RDS does not tell capitals from small letters in identifiers.
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.service("worker", MIGRATE, &[("steward:database", "Shop-DB")]).await;
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(3)));
    let (api, worker) = (scene.ship("api", 2), scene.ship("worker", 3));
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.running("worker")), (vec![api], vec![worker]));
    assert_eq!(scene.schema.most_at_once(), 1);
}

#[tokio::test]
async fn services_of_one_image_each_migrate_it_and_the_second_finds_it_done() {
    let mut scene = Scene::new();
    for name in ["api", "worker"] {
        scene.service_as(name, super::scene::PLANNED, &[ON_SHOP_DB], |setup| setup).await;
    }
    // Both are moved to one repository by their owner.
    scene.account.push("shop", &["latest"], "shop 1").unwrap();
    for name in ["api", "worker"] {
        let change = |definition: &mut serde_json::Value| {
            definition["containerDefinitions"][0]["image"] = json!(format!("{}/shop:latest", crate::support::HOST));
        };
        scene.account.revise("shop", name, change).unwrap();
    }
    scene.minutes(20).await;
    let new = scene.ship("shop", 2);
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.running("worker")), (vec![new.clone()], vec![new]));
    assert_eq!((scene.schema.migrations().len(), scene.told_of_migrations()), (1, vec!["migrated".to_owned()]));
}

#[tokio::test]
async fn twenty_services_of_one_image_take_their_turns_and_are_all_rolled() {
    const MANY: usize = 20;
    let mut scene = Scene::new().swept();
    let names: Vec<String> = (0..MANY).map(|number| format!("s{number}")).collect();
    for name in &names {
        scene.service(name, super::scene::PLANNED, &[ON_SHOP_DB]).await;
    }
    scene.account.push("shop", &["latest"], "shop 1").unwrap();
    for name in &names {
        let change = |definition: &mut serde_json::Value| {
            definition["containerDefinitions"][0]["image"] = json!(format!("{}/shop:latest", crate::support::HOST));
        };
        scene.account.revise("shop", name, change).unwrap();
    }
    scene.minutes(20).await;
    let (from, new) = (scene.calls_of_migrate(0).len(), scene.ship("shop", 2));
    scene.minutes(60).await;
    assert!(names.iter().all(|name| scene.running(name) == [new.clone()]));
    assert_eq!((scene.schema.migrations().len(), scene.told_of_migrations()), (1, vec!["migrated".to_owned()]));
    let calls = scene.calls_of_migrate(0).len() - from;
    println!("{MANY} services of one image: {calls} calls of migrate");
    assert!(calls < 60 * MANY, "{calls}");
    assert_eq!(scene.dead_of_migrate() + scene.dead().len(), 0);
}
