//! What a person asks for, and what becomes of the policy then.

use jiff::SignedDuration;
use lab::ecr::Build;
use lab::ecs::Behaviour;
use serde_json::{Value, json};

use crate::support::{HOST, Stack};

async fn ask(stack: &mut Stack, detail: Value) {
    let mut detail = detail;
    detail["service"] = "arn:aws:ecs:eu-west-1:123456789012:service/shop/backend".into();
    let event =
        json!({ "detail-type": "Deploy Requested", "source": "steward", "account": "123456789012", "detail": detail });
    stack.direct(&event).await;
    stack.settle().await;
}

async fn with_service(tag: &str, policy: &str) -> Stack {
    let mut stack = Stack::new();
    stack.account.push("backend", &[tag], "1").unwrap();
    let service = stack.account.service("shop", "backend").image(&format!("{HOST}/backend:{tag}"));
    service.desired(2).breaker(true).tag("steward:deploy", policy).running().unwrap();
    stack.settle().await;
    stack
}

#[tokio::test]
async fn to_try_an_image_again_that_failed_does_not_keep_the_policy_from_the_next_push() {
    for (tags, policy) in [(["latest"; 3], "follow"), (["1.0.0", "1.1.0", "1.2.0"], "semver:minor")] {
        let mut stack = with_service(tags[0], policy).await;
        let bad = Build::from("2").digest();
        let crash = Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(2) };
        stack.account.script(&bad, crash);
        stack.account.push("backend", &[tags[1]], "2").unwrap();
        stack.settle().await;
        assert_eq!(stack.alerts_of("rollout-failed").len(), 1, "{policy}");
        // Its surroundings were at fault, and are well again.
        stack.account.script(&bad, Behaviour::Healthy);
        ask(&mut stack, json!({ "digest": bad })).await;
        assert_eq!(stack.running("backend"), [bad], "{policy}");
        let next = stack.account.push("backend", &[tags[2]], "3").unwrap();
        stack.settle().await;
        assert_eq!(stack.running("backend"), [next], "{policy}: {:?}", stack.alerts());
        assert!(stack.alerts_of("pinned").is_empty(), "{policy}");
    }
}

#[tokio::test]
async fn to_ask_for_what_the_policy_names_anyway_is_no_pin() {
    let mut stack = with_service("1.0.0", "semver:minor").await;
    ask(&mut stack, json!({ "tag": "1.0.0" })).await;
    let next = stack.account.push("backend", &["1.1.0"], "2").unwrap();
    stack.settle().await;
    assert_eq!(stack.running("backend"), [next]);
}

#[tokio::test]
async fn to_ask_for_an_older_image_is_a_pin_until_it_is_released() {
    let mut stack = with_service("1.0.0", "semver:minor").await;
    let old = stack.running("backend").remove(0);
    let new = stack.account.push("backend", &["1.1.0"], "2").unwrap();
    stack.settle().await;
    ask(&mut stack, json!({ "tag": "1.0.0", "requested-by": "ana" })).await;
    stack.sweep().await;
    stack.settle().await;
    assert_eq!(stack.running("backend"), [old]);
    assert_eq!(stack.alerts_of("pinned").len(), 1);
    ask(&mut stack, json!({ "release-pin": true })).await;
    assert_eq!(stack.running("backend"), [new]);
}
