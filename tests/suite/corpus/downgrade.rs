//! No event, tag or order of events brings an older image back by itself.

use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Stack, arn, pushed, requested};

#[tokio::test]
async fn an_event_that_comes_late_does_not_bring_back_the_older_image() {
    let (mut stack, _) = Stack::with_backend().await;
    stack.push(&["latest"], "2");
    let late = stack.account.take_events();
    stack.account.advance(SignedDuration::from_secs(30));
    let newest = stack.push(&["latest"], "3");
    stack.settle().await;
    for event in &late {
        stack.world.emit(event);
    }
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![newest], 2));
}

#[tokio::test]
async fn an_event_that_comes_twice_does_not_deploy_twice() {
    let (mut stack, _) = Stack::with_backend().await;
    let new = stack.push(&["latest"], "2");
    let events = stack.account.take_events();
    // At once, within the window of deduplication, and long after.
    for _ in 0..3 {
        events.iter().chain(&events).for_each(|event| stack.world.emit(event));
        stack.settle().await;
    }
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![new], 2));
}

#[tokio::test]
async fn the_image_that_runs_already_is_not_deployed_under_another_tag() {
    let mut stack = Stack::new();
    let digest = stack.backend("any", "a", &[]).await;
    stack.push(&["b", "c"], "1");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![digest], 1));
}

#[tokio::test]
async fn a_tag_that_moves_back_does_not_downgrade_in_silence() {
    let (mut stack, _) = Stack::with_backend().await;
    stack.world.run_for(SignedDuration::from_secs(60)).await.unwrap();
    let new = stack.push(&["latest"], "2");
    stack.settle().await;
    // A pipeline of an old commit runs again.
    stack.push(&["latest"], "1");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![new], 2));
    assert_eq!(stack.alerts_of("blocked").len(), 1, "{:?}", stack.alerts());
}

#[tokio::test]
async fn a_lower_version_that_is_pushed_later_does_not_downgrade() {
    let mut stack = Stack::new();
    let digest = stack.backend("semver:major", "1.4.0", &[]).await;
    stack.push(&["1.3.9"], "patch of the old line");
    stack.push(&["2.0.0-rc.1"], "prerelease");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![digest], 1));
}

#[tokio::test]
async fn the_deletion_of_the_newest_image_does_not_downgrade() {
    for (policy, first, second) in [("any", "a", "b"), ("prefix:r-", "r-1", "r-2"), ("semver:minor", "1.0.0", "1.1.0")]
    {
        let mut stack = Stack::new();
        stack.backend(policy, first, &[]).await;
        let new = stack.push(&[second], "2");
        stack.settle().await;
        stack.account.delete_image("backend", second);
        stack.settle().await;
        stack.sweep().await;
        assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![new], 2), "{policy}");
    }
}

#[tokio::test]
async fn an_older_image_is_not_refused_to_a_person_who_asks_for_it() {
    let mut stack = Stack::new();
    let old = stack.backend("semver:minor", "1.0.0", &[]).await;
    stack.push(&["1.1.0"], "2");
    stack.settle().await;
    stack.direct(&requested(&json!({ "service": arn("backend"), "digest": old, "requested-by": "ana" }))).await;
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![old.clone()], 3));
    // And it is not undone: what a person asked for stands until it is released.
    stack.push(&["1.2.0"], "3");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.alerts_of("pinned").len()), (vec![old], 1));
    stack.direct(&requested(&json!({ "service": arn("backend"), "release-pin": true }))).await;
    stack.settle().await;
    assert_eq!(stack.running("backend"), [stack.account.digest("backend", "1.2.0").unwrap()]);
}

#[tokio::test]
async fn a_push_of_another_tag_does_not_start_what_already_runs_where_no_digest_is_known() {
    let mut stack = Stack::new();
    stack.push_unheard(&["latest"], "1");
    // Scaled to 0 from the start: no task ever pulled, so no digest is recorded.
    let service = stack.account.service("shop", "backend").image("backend:latest").desired(0);
    service.tag("steward:deploy", "follow").running().unwrap();
    stack.push(&["dev"], "something else");
    stack.settle().await;
    stack.direct(&pushed("feature-7")).await;
    stack.settle().await;
    assert_eq!(stack.deployments("backend"), 1);
    stack.push(&["latest"], "2");
    stack.settle().await;
    assert_eq!(stack.deployments("backend"), 2);
}
