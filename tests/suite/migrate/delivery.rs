//! Events that come twice, late, out of order, or not at all: one migration, one roll, one alert each.

use jiff::SignedDuration;
use lab::bus::Mishap;
use serde_json::Value;

use super::scene::{MIGRATE, ON_SHOP_DB, PLANNED, Scene};
use crate::support::text;

/// Pushes while events meet what is made anew for each push, and asserts that two hours later all is as ever.
async fn as_ever<M: FnMut(&Value) -> Mishap + Send + 'static>(swept: bool, make: impl Fn() -> M) {
    for (labels, tasks) in [(MIGRATE, 1), (PLANNED, 3)] {
        let scene = Scene::new();
        let mut scene = if swept { scene.swept() } else { scene };
        scene.service("api", labels, &[ON_SHOP_DB]).await;
        let told = scene.alerts().len();
        scene.world.bus().disturb(Box::new(make()));
        let new = scene.ship("api", 2);
        scene.minutes(120).await;
        let seen = (scene.running("api"), scene.deployments("api"), scene.states());
        assert_eq!(seen, (vec![new], 2, vec!["migrated".to_owned()]));
        assert_eq!((scene.asked_for().len(), scene.schema.migrations().len()), (tasks, 1));
        assert_eq!(scene.told_since(told), ["migrate migrated", "deploy rolled-out"]);
        assert_eq!(scene.dead_of_migrate() + scene.dead().len(), 0);
    }
}

fn is(event: &Value, kind: &str) -> bool {
    event["detail-type"] == kind
}

/// The first event of this kind never arrives; later ones do.
fn without_the_first(kind: &'static str) -> impl FnMut(&Value) -> Mishap + Send + 'static {
    let mut seen = false;
    move |event| {
        let is_first = is(event, kind) && !std::mem::replace(&mut seen, true);
        if is_first { Mishap::Lost } else { Mishap::None }
    }
}

#[tokio::test]
async fn every_event_that_comes_twice_is_as_one() {
    for after in [1, 360] {
        let after = SignedDuration::from_secs(after);
        as_ever(false, || move |_: &Value| Mishap::Duplicated { after, same_id: false }).await;
    }
}

#[tokio::test]
async fn events_that_come_late_change_nothing_but_the_time() {
    for minutes in [1, 7, 30] {
        let late = move |event: &Value| match text(&event["source"]) {
            "aws.ecs" => Mishap::HeldBack(SignedDuration::from_mins(minutes)),
            _ => Mishap::None,
        };
        as_ever(true, || late).await;
    }
}

#[tokio::test]
async fn events_that_overtake_each_other_change_nothing() {
    as_ever(false, || {
        // The later, the sooner: within a round of seven, what came first is told last.
        let mut count = 0;
        move |_: &Value| {
            count += 1;
            Mishap::HeldBack(SignedDuration::from_secs(90 - 15 * (count % 7)))
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_request_is_asked_for_again_by_a_sweep() {
    as_ever(true, || without_the_first("Migration Requested")).await;
}

#[tokio::test]
async fn a_lost_success_is_found_by_a_sweep() {
    as_ever(true, || without_the_first("Migration Succeeded")).await;
}

#[tokio::test]
async fn lost_ends_of_tasks_are_found_by_a_sweep() {
    as_ever(true, || |event: &Value| if is(event, "ECS Task State Change") { Mishap::Lost } else { Mishap::None })
        .await;
}

#[tokio::test]
async fn without_any_event_but_the_request_the_sweeps_do_it() {
    as_ever(true, || |event: &Value| if is(event, "Migration Requested") { Mishap::None } else { Mishap::Lost }).await;
}
