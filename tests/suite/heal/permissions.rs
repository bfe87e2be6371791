//! The role of `heal` in `template.yaml` against the calls that the real function makes, both ways.

use std::collections::BTreeSet;

use lab::ecs::{Behaviour, StopCause};
use lab::steward::HEAL;
use serde_json::json;

use super::scene::{LOGS, crash};
use crate::permissions::{assert_allowed, called};
use crate::support::Stack;

/// Stories that take every path of `heal` that calls AWS, and with it `deploy`'s way back.
pub(crate) async fn every_path() -> Vec<Stack> {
    let mut healed = Stack::healing("auto");
    healed.crash_loop("api", "auto").await;
    let before = healed.world.now();
    healed.minutes(40).await;
    assert!(healed.world.now() > before && healed.told_kinds().contains(&"healed shop/api".to_owned()));

    let mut others = Stack::healing("dry-run");
    let bad = others.account.push("nightly", &["1"], "1").unwrap();
    others
        .account
        .script(&bad, Behaviour::Ends { cause: StopCause::Exit(1), after: jiff::SignedDuration::from_secs(9) });
    let container =
        json!({ "name": "nightly", "image": format!("{}/nightly:1", crate::support::HOST), "essential": true });
    let definition = json!({ "family": "nightly", "containerDefinitions": [container] });
    others.account.ecs("RegisterTaskDefinition", definition).unwrap();
    let tags = json!([{ "key": "steward:heal", "value": "dry-run" }]);
    others.account.ecs("RunTask", json!({ "cluster": "shop", "taskDefinition": "nightly", "tags": tags })).unwrap();
    others.well("api", &[("steward:heal", "dry-run")]).await;
    let task = others.account.end_task("shop", "api", StopCause::OutOfMemory { exit_code: 137 }).unwrap();
    let id = task.rsplit('/').next().unwrap();
    others.world.logs().write(LOGS, &format!("api/api/{id}"), others.world.now(), "out of memory");
    others.account.service_action("shop", "api", "SERVICE_TASK_START_IMPAIRED", None);
    others.say("Mute Requested", &json!({ "all": true, "minutes": 5, "why": "test" }));
    others.say("Healing Resumed", &json!({ "all": true }));
    others.send_heal("{ not json");
    others.minutes(20).await;

    // Without a circuit breaker the rollout itself is stopped.
    let mut stopped = Stack::healing("auto");
    stopped.account.push("api", &["1"], "1").unwrap();
    stopped.account.service("shop", "api").image("api:1").desired(2).tag("steward:heal", "auto").running().unwrap();
    stopped.minutes(20).await;
    stopped.release("api", Behaviour::CrashAtStart { exit_code: 1, after: jiff::SignedDuration::from_secs(2) }).await;
    stopped.minutes(30).await;

    // A tag that has moved: what ran before is pinned.
    let mut moved = Stack::healing("auto");
    moved.backend("follow", "latest", &[("steward:heal", "auto")]).await;
    let bad = moved.push(&["latest"], "2");
    moved.account.script(&bad, crash(1, 5));
    moved.minutes(40).await;
    vec![healed, others, stopped, moved]
}

#[tokio::test]
async fn the_role_of_heal_allows_no_more_and_no_less_than_what_is_called() {
    let mut made = BTreeSet::new();
    for stack in every_path().await {
        called(&stack, HEAL, &mut made);
    }
    assert_allowed("HealRole", &made);
    assert!(
        made.iter().all(|action| !action.starts_with("ecs:") || ["List", "Desc"].contains(&&action[4..8])),
        "{made:?}"
    );
}
