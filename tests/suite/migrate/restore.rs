//! What can be gone back to is there before anything is changed: a moment, or a snapshot by the real `snapshot` function.

use jiff::{SignedDuration, Timestamp};
use lab::rds::Course;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::text;

const MARK: (&str, &str) = ("steward:restore-point", "mark");
const SNAPSHOT: (&str, &str) = ("steward:restore-point", "snapshot");

/// A scene with a database and a service that takes this before it migrates.
async fn with(point: (&str, &str)) -> (Scene, String) {
    let mut scene = Scene::new().swept().with_database();
    assert!(scene.world.switch_schedule("SnapshotSweepSchedule", true));
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB, point]).await;
    (scene, old)
}

/// When the migration was begun.
fn begun(scene: &Scene) -> Timestamp {
    scene.schema.migrations()[0].began_at
}

#[tokio::test]
async fn without_a_restore_point_the_database_is_not_even_looked_at() {
    for tags in [vec![ON_SHOP_DB], vec![ON_SHOP_DB, ("steward:restore-point", "none")]] {
        let mut scene = Scene::new().with_database();
        scene.service("api", MIGRATE, &tags).await;
        scene.rds().set_status("shop-db", "modifying");
        let new = scene.ship("api", 2);
        scene.minutes(20).await;
        assert_eq!(scene.running("api"), [new]);
        assert!(scene.calls_of_migrate(0).iter().all(|record| record.call.service != "rds"));
    }
}

#[tokio::test]
async fn a_mark_is_a_moment_that_point_in_time_recovery_reaches_before_anything_is_changed() {
    for cluster in [false, true] {
        let mut scene = Scene::new();
        let rds = scene.rds();
        let setup = if cluster { rds.aurora("shop-db", 2) } else { rds.instance("shop-db") };
        setup.create();
        scene.service("api", MIGRATE, &[ON_SHOP_DB, MARK]).await;
        let asked = scene.world.now();
        let new = scene.ship("api", 2);
        scene.minutes(30).await;
        assert_eq!(scene.running("api"), [new], "{cluster}");
        let run = scene.only_run();
        let mark: Timestamp = text(&scene.run(&run)["restore"]["mark"]["at"]).parse().unwrap();
        assert!(mark >= asked && mark < begun(&scene), "{cluster}");
        // Half of the time it takes more than a look, as RDS ships its logs every five minutes.
        assert!(begun(&scene).duration_since(mark) <= SignedDuration::from_mins(11), "{cluster}");
        let second = mark.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        assert!(scene.last_alert().contains(&second), "{}", scene.last_alert());
    }
}

#[tokio::test]
async fn where_point_in_time_recovery_stands_still_nothing_is_migrated() {
    let (mut scene, old) = with(MARK).await;
    assert!(scene.rds().logs_stand_still("shop-db", true));
    scene.ship("api", 2);
    scene.minutes(90).await;
    assert_eq!(
        (scene.states(), scene.asked_for().len(), scene.running("api")),
        (vec!["failed".to_owned()], 0, vec![old])
    );
    assert_eq!(scene.told_of_migrations(), ["migration-failed"]);
    assert!(scene.last_alert().contains("point-in-time recovery") && scene.lock("shop-db")["holder"].is_null());
}

#[tokio::test]
async fn a_mark_without_automated_backups_is_refused_with_the_way_out() {
    let mut scene = Scene::new();
    scene.rds().instance("shop-db").retention(0).create();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB, MARK]).await;
    scene.ship("api", 2);
    scene.minutes(10).await;
    assert_eq!(
        (scene.states(), scene.asked_for().len(), scene.running("api")),
        (vec!["failed".to_owned()], 0, vec![old])
    );
    assert!(scene.last_alert().contains("steward:restore-point = snapshot"), "{}", scene.last_alert());
}

#[tokio::test]
async fn a_snapshot_is_there_before_anything_is_changed() {
    for cluster in [false, true] {
        let mut scene = Scene::new();
        let rds = scene.rds();
        let setup = if cluster { rds.aurora("shop-db", 1) } else { rds.instance("shop-db") };
        setup.tag("steward:snapshot", "on-request").create();
        scene.service("api", MIGRATE, &[ON_SHOP_DB, SNAPSHOT]).await;
        let (told, new) = (scene.alerts().len(), scene.ship("api", 2));
        scene.minutes(5).await;
        assert_eq!((scene.states(), scene.asked_for().len()), (vec!["restore-point".to_owned()], 0), "{cluster}");
        scene.minutes(25).await;
        assert_eq!((scene.running("api"), scene.schema.version()), (vec![new], 2), "{cluster}");
        let taken = scene.ours("shop-db");
        assert_eq!(taken.len(), 1, "{cluster}");
        assert_eq!(taken[0].tags["steward:request"], format!("mig-{}", scene.only_run()));
        assert!(scene.last_alert().contains(&taken[0].id), "{}", scene.last_alert());
        assert_eq!(scene.told_since(told), ["migrate migrated", "deploy rolled-out"], "{cluster}");
        let answered = scene.answers();
        assert_eq!(answered.len(), 1, "{answered:?}");
    }
}

#[tokio::test]
async fn where_the_snapshot_fails_nothing_is_migrated_and_nothing_is_rolled() {
    let (mut scene, old) = with(SNAPSHOT).await;
    assert!(scene.rds().snapshots_go("shop-db", Course::FailsAfter(SignedDuration::from_mins(5))));
    scene.ship("api", 2);
    scene.minutes(180).await;
    assert_eq!(
        (scene.states(), scene.asked_for().len(), scene.running("api")),
        (vec!["failed".to_owned()], 0, vec![old])
    );
    assert_eq!((scene.schema.version(), scene.told_of_migrations()), (1, vec!["migration-failed".to_owned()]));
    assert!(
        scene.last_alert().contains("no restore point") && scene.last_alert().contains("Nothing was changed"),
        "{}",
        scene.last_alert()
    );
    assert!(scene.lock("shop-db")["holder"].is_null());
}

#[tokio::test]
async fn a_database_that_takes_no_requests_for_snapshots_is_not_migrated() {
    let mut scene = Scene::new();
    scene.rds().instance("shop-db").create();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB, SNAPSHOT]).await;
    scene.ship("api", 2);
    scene.minutes(20).await;
    assert_eq!(
        (scene.states(), scene.asked_for().len(), scene.running("api")),
        (vec!["failed".to_owned()], 0, vec![old])
    );
    assert!(scene.last_alert().contains("steward:snapshot"), "{}", scene.last_alert());
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_told_and_not_migrated() {
    for point in [MARK, SNAPSHOT] {
        let mut scene = Scene::new();
        let old = scene.service("api", MIGRATE, &[ON_SHOP_DB, point]).await;
        scene.ship("api", 2);
        scene.minutes(20).await;
        assert_eq!(
            (scene.states(), scene.asked_for().len(), scene.running("api")),
            (vec!["failed".to_owned()], 0, vec![old])
        );
        assert!(scene.last_alert().contains("no such instance or cluster"), "{}", scene.last_alert());
    }
}

#[tokio::test]
async fn a_database_that_is_busy_is_waited_for_and_not_for_ever() {
    let (mut scene, old) = with(MARK).await;
    assert!(scene.rds().set_status("shop-db", "modifying"));
    let new = scene.ship("api", 2);
    scene.minutes(20).await;
    assert_eq!((scene.states(), scene.running("api")), (vec!["restore-point".to_owned()], vec![old]));
    assert!(scene.rds().set_status("shop-db", "available"));
    scene.minutes(30).await;
    assert_eq!(scene.running("api"), std::slice::from_ref(&new));
    assert!(scene.rds().set_status("shop-db", "storage-full"));
    scene.ship("api", 3);
    scene.minutes(60).await;
    assert_eq!((scene.states().pop(), scene.running("api")), (Some("failed".to_owned()), vec![new]));
    assert!(scene.last_alert().contains("storage-full"), "{}", scene.last_alert());
}

#[tokio::test]
async fn a_snapshot_of_which_the_answer_is_lost_is_asked_for_again_and_not_taken_twice() {
    let (mut scene, _) = with(SNAPSHOT).await;
    let lost = std::sync::atomic::AtomicUsize::new(0);
    scene.world.bus().disturb(Box::new(move |event| {
        let is_first = event["detail-type"] == "Snapshot Available"
            && lost.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        if is_first { lab::bus::Mishap::Lost } else { lab::bus::Mishap::None }
    }));
    let new = scene.ship("api", 2);
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.ours("shop-db").len()), (vec![new], 1));
}

#[tokio::test]
async fn what_is_pending_is_known_before_a_snapshot_is_taken() {
    let mut scene = Scene::new().with_database();
    scene.service("api", super::scene::PLANNED, &[ON_SHOP_DB, SNAPSHOT]).await;
    let new = scene.ship("api", 2);
    scene.schema.needs(&new, 1);
    scene.minutes(30).await;
    assert_eq!((scene.running("api"), scene.ours("shop-db").len()), (vec![new], 0));
}

#[tokio::test]
async fn a_migration_that_is_tried_again_takes_a_restore_point_of_its_own() {
    for point in [MARK, SNAPSHOT] {
        let (mut scene, _) = with(point).await;
        scene.migration(super::failed::fails(&scene, 1));
        let new = scene.ship("api", 2);
        scene.minutes(60).await;
        assert_eq!(scene.states(), ["failed"]);
        let first = scene.last_alert();
        // A day of orders later: to go back to yesterday would lose them.
        scene.world.run_for(SignedDuration::from_hours(24)).await.unwrap();
        scene.migration(lab::ecs::Job::migrates(&scene.schema));
        let (run, asked) = (scene.only_run(), scene.world.now());
        scene.resolve(&run, "retry");
        scene.minutes(60).await;
        assert_eq!(scene.running("api"), [new]);
        let restore = scene.run(&run)["restore"].clone();
        let taken: Timestamp = if point == MARK {
            text(&restore["mark"]["at"]).parse().unwrap()
        } else {
            let name = text(&restore["snapshot"]["identifier"]);
            scene.rds().snapshot(name).unwrap().tags["steward:started"].parse().unwrap()
        };
        assert!(taken >= asked, "{} is of before {asked}; first: {first}", scene.last_alert());
    }
}

#[tokio::test]
async fn after_a_snapshot_that_failed_a_person_s_retry_takes_another() {
    let (mut scene, _) = with(SNAPSHOT).await;
    assert!(scene.rds().snapshots_go("shop-db", Course::FailsAfter(SignedDuration::from_mins(5))));
    let new = scene.ship("api", 2);
    scene.minutes(60).await;
    assert_eq!(scene.states(), ["failed"]);
    assert!(scene.rds().snapshots_go("shop-db", Course::default()));
    let run = scene.only_run();
    scene.resolve(&run, "retry");
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.states()), (vec![new], vec!["migrated".to_owned()]));
}
