//! What does not go on by itself: tasks that do not stop, calls that are refused, outages, and decisions that come late.

use jiff::SignedDuration;
use lab::bus::Mishap;
use lab::ecs::{Behaviour, Command, Job, SimulatedSchema, StopCause};
use lab::faults::{Fault, Plan};
use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, PLANNED, Scene};
use crate::support::arn;

#[tokio::test]
async fn a_task_that_does_not_stop_is_told_once_and_its_lock_is_held_until_it_has() {
    let mut scene = Scene::with(&[("MigrationTimeoutMinutes", "2")]).swept();
    scene.service_as("api", MIGRATE, &[ON_SHOP_DB], |setup| setup.container_member("stopTimeout", json!(7200))).await;
    scene.migration(Job::migrates(&scene.schema).ending(Behaviour::Healthy).on_stop(137));
    let told = scene.alerts().len();
    scene.ship("api", 2);
    scene.minutes(15).await;
    assert_eq!((scene.states(), scene.told_since(told).len()), (vec!["stopping".to_owned()], 0));
    scene.minutes(75).await;
    assert_eq!(
        (scene.states(), scene.told_of_migrations()),
        (vec!["stopping".to_owned()], vec!["migration-waiting".to_owned()])
    );
    assert_eq!(scene.alerts_by("migrate")[0].attributes["severity"], "critical");
    scene.minutes(60).await;
    assert_eq!((scene.states(), scene.lock("shop-db")["holder"].is_null()), (vec!["failed".to_owned()], true));
    assert_eq!(scene.told_of_migrations(), ["migration-waiting", "migration-failed"]);
}

#[tokio::test]
async fn a_stop_that_aws_refuses_is_asked_for_again_and_the_lock_is_held() {
    let mut scene = Scene::with(&[("MigrationTimeoutMinutes", "2")]).swept();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).ending(Behaviour::Healthy));
    scene.account.inject(Plan::default().always("StopTask", Fault::Denied).chooser());
    scene.ship("api", 2);
    scene.minutes(40).await;
    assert_eq!(
        (scene.states(), scene.lock("shop-db")["holder"] == scene.only_run().as_str()),
        (vec!["stopping".to_owned()], true)
    );
    assert_eq!(scene.told_of_migrations(), ["migration-waiting"]);
    scene.account.inject(Box::new(|_| Fault::Ok));
    scene.minutes(15).await;
    assert_eq!((scene.states(), scene.lock("shop-db")["holder"].is_null()), (vec!["failed".to_owned()], true));
}

#[tokio::test]
async fn a_plan_that_hangs_is_stopped_and_nothing_was_changed() {
    let mut scene = Scene::with(&[("MigrationTimeoutMinutes", "2")]);
    let old = scene.service("api", PLANNED, &[ON_SHOP_DB]).await;
    scene.plan(Job::hangs());
    let new = scene.ship("api", 2);
    scene.minutes(20).await;
    assert_eq!(
        (scene.states(), scene.asked_for(), scene.running("api")),
        (vec!["failed".to_owned()], vec!["p1".to_owned()], vec![old])
    );
    assert!(scene.last_alert().contains("Nothing was changed"), "{}", scene.last_alert());
    assert_eq!((scene.ledger("shop-db").len(), scene.schema.satisfies(&new)), (0, false));
}

#[tokio::test]
async fn a_look_afterwards_that_hangs_leaves_it_unknown() {
    let mut scene = Scene::with(&[("MigrationTimeoutMinutes", "2")]);
    let old = scene.service("api", PLANNED, &[ON_SHOP_DB]).await;
    let schema = scene.schema.clone();
    scene.plan(Job::asks(move |_| match schema.version() {
        1 => Behaviour::CrashAfterRunning { exit_code: 10, after: SignedDuration::from_secs(5) },
        _ => Behaviour::Healthy,
    }));
    scene.ship("api", 2);
    scene.minutes(30).await;
    assert_eq!(
        (scene.states(), scene.running("api"), scene.schema.version()),
        (vec!["unknown".to_owned()], vec![old], 2)
    );
    // A person finds it done.
    let run = scene.only_run();
    scene.resolve(&run, "migrated");
    scene.minutes(20).await;
    assert_eq!((scene.states(), scene.schema.migrations().len()), (vec!["migrated".to_owned()], 1));
}

#[tokio::test]
async fn a_task_whose_end_was_not_seen_before_ecs_forgot_it_is_unknown() {
    let mut scene = Scene::new();
    let labels = &[MIGRATE[0], ("steward.migrate-timeout", "180")];
    let old = scene.service("api", labels, &[ON_SHOP_DB]).await;
    scene.ship("api", 2);
    scene.seconds(20).await;
    // Neither event nor sweep for three hours.
    scene.world.bus().disturb(Box::new(|_| Mishap::Lost));
    scene.world.run_for(SignedDuration::from_mins(190)).await.unwrap();
    assert_eq!(
        (scene.states(), scene.running("api"), scene.asked_for().len()),
        (vec!["unknown".to_owned()], vec![old], 1)
    );
    assert_eq!(scene.told_of_migrations(), ["migration-unknown"]);
}

#[tokio::test]
async fn a_call_of_which_nobody_heard_for_long_is_looked_for_and_not_made_again() {
    // It took effect each time, and its token would be worth nothing by now.
    let mut scene = Scene::new().swept();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(2)));
    scene.account.inject(Plan::default().always("RunTask", Fault::LostReply).chooser());
    let new = scene.ship("api", 2);
    scene.minutes(80).await;
    assert_eq!((scene.schema.migrations().len(), scene.states()), (1, vec!["migrated".to_owned()]));
    let asked = scene.inputs("RunTask");
    assert!(asked.len() > 1 && asked.iter().all(|input| input["clientToken"] == asked[0]["clientToken"]), "{asked:?}");
    // It was found among the tasks that have stopped, by who started it.
    assert!(scene.calls_of_migrate(0).iter().any(|record| record.call.operation == "ListTasks"));
    assert_eq!((scene.running("api"), scene.told_of_migrations()), (vec![new], vec!["migrated".to_owned()]));
}

#[tokio::test]
async fn to_try_an_old_image_again_while_a_newer_one_waits_is_refused_and_the_newer_one_comes_when_it_is_given_up() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let ending = Behaviour::Ends { cause: StopCause::HostTerminated, after: SignedDuration::from_secs(10) };
    let second = scene.ship("api", 2);
    scene
        .account
        .script_command(Command::exactly(&["bin/migrate"]).of(&second), Job::migrates(&scene.schema).ending(ending));
    scene.minutes(10).await;
    let third = scene.ship("api", 3);
    scene.minutes(10).await;
    let run = scene.runs()[0]["id"].as_str().unwrap().to_owned();
    scene.resolve(&run, "retry");
    scene.minutes(10).await;
    assert_eq!((scene.states(), scene.asked_for().len()), (["unknown", "waiting"].map(str::to_owned).to_vec(), 1));
    assert_eq!(scene.told_of_migrations(), ["migration-unknown", "migration-refused"]);
    scene.resolve(&run, "failed");
    scene.minutes(20).await;
    assert_eq!(
        (scene.states(), scene.running("api")),
        (["failed", "migrated"].map(str::to_owned).to_vec(), vec![third])
    );
}

#[tokio::test]
async fn a_superseded_image_that_is_wanted_again_is_migrated_after_all() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(5)));
    scene.ask("api", "backfill");
    scene.minutes(1).await;
    let second = scene.ship("api", 2);
    scene.minutes(1).await;
    scene.ship("api", 3);
    scene.minutes(1).await;
    assert_eq!(scene.states(), ["migrating", "superseded", "waiting"]);
    // The tag goes back to what was not wanted a minute ago.
    scene.ship("api", 2);
    scene.minutes(30).await;
    assert_eq!(scene.states(), ["migrated", "migrated", "superseded"]);
    assert_eq!((scene.running("api"), scene.schema.version()), (vec![second], 2));
}

#[tokio::test]
async fn a_service_that_is_deleted_while_it_migrates_gives_the_lock_up_at_the_end() {
    let mut scene = Scene::new();
    for name in ["api", "worker"] {
        scene.service(name, MIGRATE, &[ON_SHOP_DB]).await;
    }
    scene.migration(Job::migrates(&scene.schema).after(SignedDuration::from_mins(5)));
    scene.ship("api", 2);
    scene.minutes(1).await;
    scene.account.ecs("DeleteService", json!({ "cluster": "shop", "service": "api", "force": true })).unwrap();
    let next = scene.ship("worker", 3);
    scene.minutes(30).await;
    assert_eq!((scene.states(), scene.running("worker")), (vec!["migrated".to_owned(); 2], vec![next]));
    assert_eq!(scene.dead_of_migrate() + scene.dead().len(), 0);
}

#[tokio::test]
#[ignore = "a migration that was proven once counts for every later roll from the same revision"]
async fn after_the_database_was_restored_an_image_that_is_asked_for_again_is_migrated_again() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let good = scene.ship("api", 2);
    scene.minutes(20).await;
    let bad = scene.ship("api", 3);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), std::slice::from_ref(&bad));
    // People restore the database to before the migration and go back: the second of the choices that they are given.
    let restored = SimulatedSchema::at(2);
    restored.needs(&good, 2);
    restored.needs(&bad, 3);
    scene.migration(Job::migrates(&restored));
    scene.say("Rollback Requested", &json!({ "service": arn("api"), "requested-by": "ana", "over-migration": true }));
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [good]);
    // Later they want the third version once more.
    scene.say("Deploy Requested", &json!({ "service": arn("api"), "digest": bad, "requested-by": "ana" }));
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), std::slice::from_ref(&bad));
    assert!(restored.satisfies(&bad), "it runs on a schema that was not migrated");
}
