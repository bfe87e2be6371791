//! A task that ended so that nobody can say what it did: nothing goes on until a person has decided.

use jiff::SignedDuration;
use lab::ecs::{Behaviour, Job, StopCause};
use serde_json::Value;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};

const AFTER: SignedDuration = SignedDuration::from_secs(10);

fn ends(cause: StopCause) -> Behaviour {
    Behaviour::Ends { cause, after: AFTER }
}

/// Scene with a service whose migration ended so.
async fn after(behaviour: Behaviour) -> (Scene, [String; 2], String) {
    let mut scene = Scene::new().swept();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).ending(behaviour));
    let new = scene.ship("api", 2);
    scene.minutes(10).await;
    let run = scene.only_run();
    (scene, [old, new], run)
}

#[tokio::test]
async fn whatever_ends_a_task_from_outside_pages_a_person_and_nothing_is_tried_again() {
    for (behaviour, says) in [
        (ends(StopCause::HostTerminated), "no exit code"),
        (ends(StopCause::SpotInterruption), "SpotInterruption"),
        (Behaviour::OutOfMemory { after: AFTER }, "137"),
        (ends(StopCause::StoppedByUser), "UserInitiated"),
        (ends(StopCause::Exit(143)), "143"),
        (ends(StopCause::Other { stop_code: Some("Tomorrow"), reason: "Something new." }), "Tomorrow"),
    ] {
        let (mut scene, [old, new], run) = after(behaviour).await;
        let told = scene.told_of_migrations();
        assert_eq!(
            (scene.states(), told),
            (vec!["unknown".to_owned()], vec!["migration-unknown".to_owned()]),
            "{says}"
        );
        let alert = scene.alerts_by("migrate").remove(0);
        assert_eq!(alert.attributes["severity"], "critical", "{says}");
        for part in [says, "Migration Resolved", &run, "table of migrations"] {
            assert!(alert.message.contains(part), "{part}: {}", alert.message);
        }
        // A day of sweeps later nothing has changed: not tried again, not rolled, not unlocked, not told again.
        scene.world.run_for(SignedDuration::from_hours(24)).await.unwrap();
        assert_eq!((scene.asked_for(), scene.running("api")), (vec!["m1".to_owned()], vec![old]), "{says}");
        assert_eq!(
            (&scene.lock("shop-db")["holder"], scene.told_of_migrations().len()),
            (&Value::from(run), 1),
            "{says}"
        );
        assert_eq!(scene.ledger("shop-db"), [(new, "unknown".to_owned(), false)], "{says}");
    }
}

#[tokio::test]
async fn while_nobody_knows_another_service_waits_for_the_database_and_people_are_told_so() {
    let (mut scene, _, run) = after(ends(StopCause::HostTerminated)).await;
    scene.service("worker", MIGRATE, &[ON_SHOP_DB]).await;
    let before = scene.running("worker");
    scene.migration(Job::migrates(&scene.schema));
    let new = scene.ship("worker", 3);
    scene.minutes(50).await;
    assert_eq!((scene.running("worker"), scene.told_of_migrations().len()), (before, 1));
    scene.minutes(30).await;
    assert_eq!(scene.told_of_migrations(), ["migration-unknown", "migration-waiting"]);
    assert!(scene.last_alert().contains(&run), "{}", scene.last_alert());
    scene.resolve(&run, "failed");
    scene.minutes(20).await;
    assert_eq!((scene.running("worker"), scene.schema.version()), (vec![new], 3));
}

#[tokio::test]
async fn a_person_finds_it_migrated_and_it_is_rolled_without_another_run() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).ending(ends(StopCause::HostTerminated)).committing_at_once());
    let new = scene.ship("api", 2);
    scene.minutes(10).await;
    let run = scene.only_run();
    scene.resolve(&run, "migrated");
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.asked_for()), (vec![new.clone()], vec!["m1".to_owned()]));
    assert_eq!((scene.states(), scene.lock("shop-db")["holder"].is_null()), (vec!["migrated".to_owned()], true));
    assert_eq!(scene.ledger("shop-db"), [(new, "migrated".to_owned(), false)]);
}

#[tokio::test]
async fn a_person_finds_it_failed_and_nothing_is_rolled_and_the_lock_is_free() {
    let (mut scene, [old, _], run) = after(ends(StopCause::HostTerminated)).await;
    scene.resolve(&run, "failed");
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.states()), (vec![old], vec!["failed".to_owned()]));
    assert_eq!((scene.asked_for().len(), scene.lock("shop-db")["holder"].is_null()), (1, true));
    // The next push is migrated as ever.
    scene.migration(Job::migrates(&scene.schema));
    let next = scene.ship("api", 3);
    scene.minutes(20).await;
    assert_eq!(scene.running("api"), [next]);
}

#[tokio::test]
async fn a_person_has_it_run_again_and_it_is_rolled() {
    let (mut scene, [_, new], run) = after(ends(StopCause::SpotInterruption)).await;
    scene.migration(Job::migrates(&scene.schema));
    scene.resolve(&run, "retry");
    scene.minutes(20).await;
    assert_eq!((scene.running("api"), scene.asked_for()), (vec![new], vec!["m1".to_owned(), "m2".to_owned()]));
    assert_eq!((scene.states(), scene.lock("shop-db")["holder"].is_null()), (vec!["migrated".to_owned()], true));
    // Decided twice, it is decided once: the second is answered, and changes nothing.
    scene.resolve(&run, "retry");
    scene.minutes(10).await;
    assert_eq!((scene.asked_for().len(), scene.states()), (2, vec!["migrated".to_owned()]));
    assert_eq!(scene.told_of_migrations(), ["migration-unknown", "migrated", "migration-refused"]);
}

#[tokio::test]
async fn a_decision_about_a_run_that_nobody_knows_changes_nothing() {
    let (mut scene, _, run) = after(ends(StopCause::HostTerminated)).await;
    let kept = scene.run(&run);
    scene.resolve("00000000000000000000000000", "migrated");
    scene.minutes(5).await;
    assert_eq!((scene.run(&run), scene.runs().len(), scene.dead_of_migrate()), (kept, 1, 0));
    // Without a reason it is not taken either.
    let detail = serde_json::json!({ "run": run, "outcome": "migrated", "why": " " });
    scene.say("Migration Resolved", &detail);
    scene.minutes(5).await;
    assert_eq!(
        (scene.states(), scene.told_of_migrations().pop()),
        (vec!["unknown".to_owned()], Some("migration-refused".to_owned()))
    );
}
