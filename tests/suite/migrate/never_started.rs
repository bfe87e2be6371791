//! A task of which nothing ever ran: it is tried again, under a token of its own, three times in all.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use lab::ecs::{Behaviour, Job, ResourceError, StartFailure, Timings};

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::text;

/// Client tokens of every task that was asked for.
fn tokens(scene: &Scene) -> BTreeSet<String> {
    scene.inputs("RunTask").iter().map(|input| text(&input["clientToken"]).to_owned()).collect()
}

#[tokio::test]
async fn a_task_that_cannot_start_is_tried_three_times_with_tokens_of_their_own_and_then_told() {
    for behaviour in [
        Behaviour::CannotPull,
        Behaviour::FailsToStart(StartFailure::ResourceInitialization(ResourceError::SecretDenied)),
        // Of these ECS shows no containers.
        Behaviour::FailsToStart(StartFailure::CapacityUnavailable),
        Behaviour::FailsToStart(StartFailure::NetworkInterfaceTimeout),
    ] {
        let mut scene = Scene::new();
        let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
        scene.migration(Job::migrates(&scene.schema).ending(behaviour));
        let told = scene.alerts().len();
        scene.ship("api", 2);
        scene.minutes(30).await;
        assert_eq!((scene.asked_for(), tokens(&scene).len()), (["m1", "m2", "m3"].map(str::to_owned).to_vec(), 3));
        assert_eq!((scene.states(), scene.running("api")), (vec!["failed".to_owned()], vec![old]));
        assert_eq!(scene.told_since(told), ["migrate migration-failed"]);
        assert!(
            scene.last_alert().contains("3 times") && scene.last_alert().contains("Nothing was changed"),
            "{}",
            scene.last_alert()
        );
        assert_eq!((scene.lock("shop-db")["holder"].is_null(), scene.ledger("shop-db").len()), (true, 0));
    }
}

#[tokio::test]
async fn no_room_that_is_answered_with_success_is_no_task_and_is_tried_again() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    for reason in ["Capacity is unavailable at this time", "RESOURCE:ENI"] {
        scene.account.fail_run_task(reason);
    }
    let new = scene.ship("api", 2);
    scene.minutes(20).await;
    assert_eq!((scene.asked_for(), tokens(&scene).len()), (["m1", "m2", "m3"].map(str::to_owned).to_vec(), 3));
    assert_eq!((scene.running("api"), scene.told_of_migrations()), (vec![new], vec!["migrated".to_owned()]));
}

#[tokio::test]
async fn no_room_at_all_is_told_with_the_reason() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    (0..4).for_each(|_| scene.account.fail_run_task("RESOURCE:MEMORY"));
    scene.ship("api", 2);
    scene.minutes(30).await;
    assert_eq!((scene.asked_for().len(), scene.told_of_migrations()), (3, vec!["migration-failed".to_owned()]));
    assert!(scene.last_alert().contains("RESOURCE:MEMORY"), "{}", scene.last_alert());
}

#[tokio::test]
async fn a_task_that_is_still_pulling_at_the_timeout_is_stopped_and_nothing_was_changed() {
    let mut scene = Scene::with(&[("MigrationTimeoutMinutes", "5")]);
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.account.timings(Timings { pull: SignedDuration::from_mins(10), ..Timings::default() });
    scene.ship("api", 2);
    scene.minutes(30).await;
    assert_eq!(
        (scene.states(), scene.running("api"), scene.asked_for().len()),
        (vec!["failed".to_owned()], vec![old], 1)
    );
    assert!(scene.last_alert().contains("Nothing was changed"), "{}", scene.last_alert());
    assert_eq!((scene.lock("shop-db")["holder"].is_null(), scene.ledger("shop-db").len()), (true, 0));
}

#[tokio::test]
async fn a_container_that_was_started_in_a_task_that_never_ran_may_have_changed_something() {
    let mut scene = Scene::with(&[("MigrationTimeoutMinutes", "5")]);
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(Job::migrates(&scene.schema).ending(Behaviour::StaysPending));
    scene.ship("api", 2);
    scene.minutes(30).await;
    assert_eq!(
        (scene.states(), scene.running("api"), scene.asked_for().len()),
        (vec!["failed".to_owned()], vec![old], 1)
    );
    assert!(scene.last_alert().contains("only the database can say"), "{}", scene.last_alert());
}

#[tokio::test]
async fn a_task_that_ends_before_it_was_ever_seen_running_is_judged_by_its_exit_code() {
    for (exit_code, state) in [(0, "migrated"), (1, "failed")] {
        let mut scene = Scene::new();
        scene.service("api", MIGRATE, &[]).await;
        let behaviour = Behaviour::CrashAtStart { exit_code, after: SignedDuration::from_millis(300) };
        scene.migration(Job::behaves(behaviour));
        // An image that needs nothing of the schema.
        scene.ship("api", 2);
        scene.schema.needs(&lab::ecr::Build::from("api 2").digest(), 1);
        scene.minutes(20).await;
        assert_eq!((scene.states(), scene.asked_for().len()), (vec![state.to_owned()], 1));
    }
}
