//! A dry run: everything is decided, and nothing is done.

use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::arn;

/// Calls of `migrate` that change anything anywhere.
fn changes(scene: &Scene, from: usize) -> Vec<String> {
    let calls = scene.calls_of_migrate(from).into_iter().map(|record| record.call.operation);
    calls
        .filter(|operation| !["Get", "Batch", "Describe", "List"].iter().any(|read| operation.starts_with(read)))
        .collect()
}

#[tokio::test]
async fn a_dry_run_asks_for_nothing_runs_nothing_writes_nothing_and_rolls_nothing() {
    let mut scene = Scene::with(&[("DryRun", "true")]).swept().with_database();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB, ("steward:restore-point", "snapshot")]).await;
    scene.ship("api", 2);
    scene.ask("api", "r1");
    scene.minutes(60).await;
    assert_eq!((scene.running("api"), scene.deployments("api"), scene.schema.version()), (vec![old], 1, 1));
    assert_eq!((scene.runs().len(), scene.tasks().len(), changes(&scene, 0)), (0, 0, vec![]));
    assert!(!scene.calls_of_migrate(0).is_empty(), "it did look");
    assert_eq!((scene.dead_of_migrate(), scene.alerts_by("migrate").len()), (0, 0));
}

#[tokio::test]
async fn a_dry_run_that_is_switched_on_leaves_open_runs_as_they_are() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    scene.migration(lab::ecs::Job::migrates(&scene.schema).after(jiff::SignedDuration::from_mins(5)));
    scene.ship("api", 2);
    scene.minutes(2).await;
    let run = scene.only_run();
    let (kept, lock) = (scene.run(&run), scene.lock("shop-db"));
    scene.update(&[("DryRun", "true")]);
    let mut scene = scene.swept();
    let from = scene.calls().len();
    scene.resolve(&run, "failed");
    let said = json!({ "service": arn("api"), "rollout": run });
    scene.say("Migration Requested", &said);
    // Longer than the task takes, and shorter than ECS remembers how it ended.
    scene.minutes(30).await;
    assert_eq!((scene.run(&run), scene.lock("shop-db"), changes(&scene, from)), (kept, lock, vec![]));
    // Switched off again, it goes on from what ECS says by then.
    scene.update(&[]);
    scene.minutes(20).await;
    assert_eq!((scene.states(), scene.schema.migrations().len()), (vec!["migrated".to_owned()], 1));
}
