//! The ways in which migrations lose data or take production down. Each test is named after one of them, and asserts that
//! it does not happen.

use jiff::SignedDuration;
use lab::ecs::{Behaviour, Job, StopCause};
use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::{arn, event, text};

#[tokio::test]
async fn two_services_migrate_one_database_at_the_same_time() {
    let mut scene = Scene::new();
    for name in ["api", "worker", "front"] {
        scene.service(name, MIGRATE, &[ON_SHOP_DB]).await;
    }
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(2)));
    for (name, version) in [("api", 2), ("worker", 3), ("front", 4), ("api", 5)] {
        scene.ship(name, version);
        scene.ask("worker", &format!("r{version}"));
        scene.seconds(20).await;
    }
    scene.minutes(60).await;
    assert_eq!((scene.schema.most_at_once(), scene.schema.version(), scene.dead_of_migrate()), (1, 5, 0));
    assert!(scene.schema.migrations().len() > 4);
}

#[tokio::test]
async fn a_timeout_gives_the_lock_up_while_the_task_lives_on() {
    let mut scene = Scene::with(&[("MigrationTimeoutMinutes", "2")]).swept();
    for name in ["api", "worker"] {
        scene.service(name, MIGRATE, &[ON_SHOP_DB]).await;
    }
    let old = scene.running("api");
    let bad = scene.ship("api", 2);
    let stubborn = Job::migrates(&scene.schema).ending(Behaviour::Healthy).on_stop(137);
    scene.account.script_command(lab::ecs::Command::exactly(&["bin/migrate"]).of(&bad), stubborn);
    scene.minutes(1).await;
    let next = scene.ship("worker", 3);
    scene.minutes(30).await;
    let ran = scene.schema.migrations();
    assert_eq!((ran.len(), scene.schema.most_at_once(), ran[0].exit_code), (2, 1, Some(137)));
    // The next began when the first was dead, not when its time was up.
    assert!(ran[1].began_at > ran[0].ended_at.unwrap());
    assert_eq!((scene.running("api"), scene.running("worker")), (old, vec![next]));
}

#[tokio::test]
async fn a_rollback_brings_an_image_back_that_cannot_read_the_schema() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let new = scene.ship("api", 2);
    scene.minutes(20).await;
    for _ in 0..3 {
        scene.say("Rollback Requested", &json!({ "service": arn("api"), "requested-by": "ana" }));
        scene.minutes(10).await;
    }
    assert_eq!((scene.running("api"), scene.deployments("api")), (vec![new], 2));
}

#[tokio::test]
async fn a_migration_is_tried_again_that_had_done_its_first_half() {
    // What has no transactions around it keeps the first statements; the second run stumbles over them.
    for ending in [
        Behaviour::CrashAfterRunning { exit_code: 1, after: SignedDuration::from_secs(20) },
        Behaviour::Ends { cause: StopCause::HostTerminated, after: SignedDuration::from_secs(20) },
        Behaviour::OutOfMemory { after: SignedDuration::from_secs(20) },
    ] {
        let mut scene = Scene::new().swept();
        scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
        scene.migration(Job::migrates(&scene.schema).ending(ending).committing_at_once());
        scene.world.bus().disturb(Box::new(|_| lab::bus::Mishap::Duplicated {
            after: SignedDuration::from_mins(6),
            same_id: false,
        }));
        scene.ship("api", 2);
        scene.minutes(240).await;
        assert_eq!((scene.schema.migrations().len(), scene.told_of_migrations().len()), (1, 1));
        assert!(
            scene.last_alert().contains("may have stayed") || scene.last_alert().contains("not tried again"),
            "{}",
            scene.last_alert()
        );
    }
}

#[tokio::test]
async fn a_tag_moves_between_the_migration_and_the_roll() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(5)));
    let second = scene.ship("api", 2);
    scene.minutes(3).await;
    // The tag names another image by now, of which `deploy` has not heard.
    scene.world.bus().disturb(Box::new(|event| {
        if event["source"] == "aws.ecr" { lab::bus::Mishap::Lost } else { lab::bus::Mishap::None }
    }));
    let third = scene.ship("api", 3);
    scene.minutes(60).await;
    // At no moment ran what was not migrated (every look says so): the newest is migrated for itself, and then rolled.
    let ran: Vec<_> = scene.schema.migrations().into_iter().map(|ran| ran.digest).collect();
    assert_eq!((ran, scene.running("api")), (vec![second, third.clone()], vec![third]));
}

#[tokio::test]
async fn spot_capacity_is_taken_away_in_the_middle_because_the_service_runs_on_it() {
    let mut scene = Scene::new();
    scene.service_as("api", MIGRATE, &[], lab::ecs::ServiceSetup::spot).await;
    scene.ship("api", 2);
    scene.minutes(20).await;
    let runs = scene.inputs("RunTask");
    assert_eq!(runs.len(), 1);
    assert!(!runs[0].to_string().contains("SPOT") && runs[0].to_string().contains("FARGATE"), "{}", runs[0]);
}

#[tokio::test]
async fn the_end_of_another_deployment_or_task_is_taken_for_the_migration_s() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    // From its first rollout on the service names its image by digest.
    let old = scene.ship("api", 2);
    scene.minutes(20).await;
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(10)));
    scene.ship("api", 3);
    scene.minutes(2).await;
    let run = scene.runs().pop().unwrap()["id"].as_str().unwrap().to_owned();
    let task = scene.tasks().into_iter().find(|task| task["lastStatus"] == "RUNNING").unwrap();
    // A deployment of somebody's is complete; a task says that it is the run's, and has stopped with 0; another is named.
    scene.meddle("api", &json!({ "forceNewDeployment": true }));
    for arn in [text(&task["taskArn"]).to_owned(), format!("{}0", text(&task["taskArn"]))] {
        let detail = json!({
            "taskArn": arn, "clusterArn": task["clusterArn"], "lastStatus": "STOPPED", "desiredStatus": "STOPPED",
            "startedBy": format!("steward/m/{run}/m1"), "stopCode": "EssentialContainerExited", "version": 9,
            "containers": [{ "name": "api", "exitCode": 0, "lastStatus": "STOPPED", "image": "x" }],
        });
        let mut said = event("aws.ecs", "ECS Task State Change", &detail);
        said["id"] = format!("said-{arn}").into();
        scene.world.emit(&said);
    }
    scene.minutes(6).await;
    assert_eq!((scene.states().pop(), scene.running("api")), (Some("migrating".to_owned()), vec![old]));
    scene.minutes(30).await;
    assert_eq!((scene.states(), scene.schema.migrations().len()), (vec!["migrated".to_owned(); 2], 2));
}

#[tokio::test]
async fn one_night_is_migrated_twice() {
    let mut scene = Scene::with(&[("MigrationSchedule", "cron(0 3 * * ? *)"), ("MigrationService", &arn("api"))]);
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    assert!(scene.world.switch_schedule("MigrateRequestSchedule", true));
    scene.until("2026-11-21T03:30:00Z").await;
    // The schedule fires for the same time once more, an hour late.
    let detail = json!({ "service": arn("api"), "request": "schedule", "at": "2026-11-21T03:00:00Z" });
    let mut again = event("steward", "Migration Requested", &detail);
    again["id"] = "once-more".into();
    scene.send_migrate(&again.to_string());
    scene.until("2026-11-21T12:00:00Z").await;
    assert_eq!((scene.schema.migrations().len(), scene.runs().len()), (1, 1));
}

#[tokio::test]
async fn a_release_that_crashes_after_its_migration_is_migrated_and_rolled_again_and_again() {
    let mut scene = Scene::new().swept();
    assert!(scene.world.switch_schedule("HealSweepSchedule", true));
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let bad = scene.ship("api", 2);
    let crash = Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(2) };
    scene.account.script(&bad, crash);
    scene.minutes(120).await;
    // ECS takes it back by itself, over the migration or not; that is told, and not tried again.
    assert_eq!((scene.running("api"), scene.asked_for().len(), scene.deployments("api")), (vec![old], 1, 2));
    let told = scene.told_since(0);
    assert_eq!(told.iter().filter(|told| told.contains("rollout-failed")).count(), 1, "{told:?}");
    let fix = scene.ship("api", 3);
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.schema.migrations().len()), (vec![fix], 2));
}
