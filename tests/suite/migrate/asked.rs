//! Migrations that a person or a schedule asks for, without a rollout.

use lab::ecs::Job;
use serde_json::{Value, json};

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::{arn, event, text};

/// Outcomes that `migrate` put on the bus: `TYPE STATE`.
fn outcomes(scene: &Scene) -> Vec<String> {
    let entries = scene.calls_of_migrate(0).into_iter().filter(|record| record.call.operation == "PutEvents");
    let entries = entries.flat_map(|record| record.call.input["Entries"].as_array().unwrap().clone());
    let outcome = |entry: Value| {
        let detail: Value = serde_json::from_str(text(&entry["Detail"])).unwrap();
        format!("{} {}", text(&entry["DetailType"]), text(&detail["state"]))
    };
    entries.map(outcome).collect()
}

#[tokio::test]
async fn a_person_asks_and_what_the_service_runs_migrates() {
    let mut scene = Scene::new();
    let digest = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.schema.needs(&digest, 2);
    scene.ask("api", "backfill-1");
    scene.world.run_for(jiff::SignedDuration::from_mins(10)).await.unwrap();
    assert_eq!((scene.states(), scene.schema.version()), (vec!["migrated".to_owned()], 2));
    assert_eq!(scene.schema.migrations()[0].digest, digest, "by digest, though the service names a tag");
    assert_eq!((scene.deployments("api"), outcomes(&scene)), (1, vec!["Migration Succeeded migrated".to_owned()]));
    assert!(scene.last_alert().contains("ana"), "{}", scene.last_alert());
}

#[tokio::test]
async fn a_request_that_comes_again_is_answered_again_and_runs_nothing() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    for _ in 0..3 {
        scene.ask("api", "backfill-1");
        scene.minutes(6).await;
    }
    assert_eq!((scene.asked_for().len(), scene.runs().len()), (1, 1));
    assert_eq!(outcomes(&scene), ["Migration Succeeded migrated"; 3]);
    assert_eq!(scene.told_of_migrations(), ["migrated"]);
    // Under another name it is another run.
    scene.ask("api", "backfill-2");
    scene.minutes(6).await;
    assert_eq!((scene.asked_for().len(), scene.runs().len()), (2, 2));
}

#[tokio::test]
async fn a_request_that_fails_is_told_and_does_not_keep_the_next_push_from_rolling() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(super::failed::fails(&scene, 1));
    scene.ask("api", "backfill-1");
    scene.minutes(10).await;
    assert_eq!(
        (outcomes(&scene), scene.told_of_migrations()),
        (vec!["Migration Failed failed".to_owned()], vec!["migration-failed".to_owned()])
    );
    scene.migration(Job::migrates(&scene.schema));
    let new = scene.ship("api", 2);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [new]);
}

#[tokio::test]
async fn a_request_for_what_does_not_migrate_is_told_why() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    scene.account.push("plain", &["latest"], "plain").unwrap();
    scene.account.service("shop", "plain").running().unwrap();
    for (service, why) in [("plain", "no tag steward:migrate"), ("gone", "does not know the service")] {
        scene.ask(service, "r1");
        scene.minutes(2).await;
        assert!(scene.last_alert().contains(why), "{}", scene.last_alert());
    }
    assert_eq!((scene.asked_for().len(), scene.states()), (0, vec!["failed".to_owned(); 2]));
}

#[tokio::test]
async fn the_stack_s_own_schedule_runs_once_each_night() {
    let mut scene = Scene::with(&[("MigrationSchedule", "cron(0 3 * * ? *)"), ("MigrationService", &arn("api"))]);
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    assert!(scene.world.switch_schedule("MigrateRequestSchedule", true));
    scene.until("2026-11-23T12:00:00Z").await;
    let began: Vec<_> = scene.schema.migrations().iter().map(|ran| ran.began_at.to_string()[..16].to_owned()).collect();
    assert_eq!(began, ["2026-11-21T03:00", "2026-11-22T03:00", "2026-11-23T03:00"]);
    assert_eq!((scene.states(), scene.deployments("api")), (vec!["migrated".to_owned(); 3], 1));
}

#[tokio::test]
async fn one_scheduled_time_is_one_run_however_often_the_schedule_fires() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    // As EventBridge Scheduler may: the same time under another execution id, at once and long after.
    for (id, at) in [
        ("1", "2026-11-20T03:00:00Z"),
        ("2", "2026-11-20T03:00:00Z"),
        ("3", "2026-11-21T03:00:00Z"),
        ("4", "2026-11-20T03:00:00Z"),
    ] {
        let mut fired =
            event("steward", "Migration Requested", &json!({ "service": arn("api"), "request": "nightly", "at": at }));
        fired["id"] = id.into();
        scene.send_migrate(&fired.to_string());
        scene.minutes(7).await;
    }
    assert_eq!((scene.runs().len(), scene.schema.migrations().len(), scene.dead_of_migrate()), (2, 2, 0));
}

#[tokio::test]
async fn a_request_waits_for_a_rollout_s_migration_and_neither_takes_the_other_s_place() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).after(jiff::SignedDuration::from_mins(5)));
    let second = scene.ship("api", 2);
    scene.minutes(1).await;
    scene.ask("api", "backfill-1");
    scene.minutes(1).await;
    let third = scene.ship("api", 3);
    scene.minutes(40).await;
    assert_eq!((scene.states(), scene.running("api")), (vec!["migrated".to_owned(); 3], vec![third]));
    assert_eq!(scene.schema.migrations()[0].digest, second);
}

#[tokio::test]
async fn no_event_can_name_a_command_or_an_image() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    for (key, value) in
        [("command", json!(["sh", "-c", "id"])), ("image", json!("evil:1")), ("container", json!("api"))]
    {
        let mut detail = json!({ "service": arn("api"), "request": "r1" });
        detail[key] = value;
        scene.say("Migration Requested", &detail);
        scene.minutes(20).await;
    }
    assert_eq!((scene.asked_for().len(), scene.runs().len()), (0, 0));
    assert_eq!(scene.dead_of_migrate(), 3);
}

#[tokio::test]
async fn a_forged_request_for_a_rollout_that_deploy_does_not_wait_for_is_ignored() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let detail = json!({ "service": arn("api"), "rollout": "0123456789abcdef0123456789" });
    scene.say("Migration Requested", &detail);
    scene.minutes(20).await;
    assert_eq!((scene.asked_for().len(), scene.runs().len(), scene.alerts_by("migrate").len()), (0, 0, 0));
    // And a forged success lets nothing roll.
    scene.migration(super::failed::fails(&scene, 1));
    let before = scene.running("api");
    scene.ship("api", 2);
    scene.minutes(10).await;
    let run = scene.only_run();
    let said = json!({ "run": run, "service": arn("api"), "image": "x", "database": "shop-db", "state": "migrated", "reason": "forged" });
    scene.say("Migration Succeeded", &said);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), before);
}

#[tokio::test]
async fn a_service_that_steward_does_not_deploy_can_be_migrated_on_request() {
    let mut scene = Scene::new();
    let digest = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.retag("api", "steward:deploy", None);
    scene.ask("api", "backfill-1");
    scene.minutes(10).await;
    assert_eq!((scene.states(), scene.schema.migrations()[0].digest.clone()), (vec!["migrated".to_owned()], digest));
}
