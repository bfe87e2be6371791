//! `steward:heal = approve`: a person says yes, in time or not.

use serde_json::json;

use super::scene::Told;
use crate::support::{Stack, arn};

/// A service that loops and waits for approval; the alert.
async fn asked() -> (Stack, [String; 2], Told) {
    let mut stack = Stack::healing("auto");
    let digests = stack.crash_loop("api", "approve").await;
    stack.minutes(9).await;
    assert_eq!(stack.told_kinds(), ["crash-loop shop/api"]);
    let told = stack.told().remove(0);
    assert!(
        told.message.contains("Rollback Approved") && told.message.contains(told.fact("incident")),
        "{}",
        told.message
    );
    assert!(stack.inputs("PutEvents").is_empty());
    (stack, digests, told)
}

fn approve(stack: &mut Stack, incident: &str) {
    stack.say("Rollback Approved", &json!({ "service": arn("api"), "incident": incident, "approved-by": "ana" }));
}

#[tokio::test]
async fn a_rollback_that_is_approved_in_time_is_done_once_and_verified() {
    let (mut stack, [old, _], told) = asked().await;
    approve(&mut stack, told.fact("incident"));
    stack.minutes(1).await;
    approve(&mut stack, told.fact("incident"));
    stack.minutes(40).await;
    let kinds: Vec<String> = stack.told_kinds();
    assert_eq!(kinds, ["crash-loop shop/api", "rollback-asked shop/api", "healed shop/api"]);
    assert_eq!((stack.running("api"), stack.inputs("UpdateService").len()), (vec![old], 1));
}

#[tokio::test]
async fn an_approval_that_is_late_or_of_another_incident_is_of_no_use_and_told_so() {
    let (mut stack, _, told) = asked().await;
    approve(&mut stack, "i-0000000000");
    stack.minutes(1).await;
    assert_eq!(stack.told_kinds().last().unwrap(), "rollback-refused shop/api");
    // With ten stops it was proposed again; the hour counts from then.
    stack.minutes(95).await;
    approve(&mut stack, told.fact("incident"));
    stack.minutes(1).await;
    let last = stack.told().pop().unwrap();
    assert!(last.kind == "rollback-refused" && last.message.contains("is over"), "{}", last.message);
    assert_eq!((stack.inputs("PutEvents").len(), stack.writes()), (0, 0));
}

#[tokio::test]
async fn an_approval_is_judged_anew_and_what_stands_in_its_way_is_named() {
    let (mut stack, _, told) = asked().await;
    stack.say(
        "Mute Requested",
        &json!({ "service": arn("api"), "minutes": 30, "what": "healing", "why": "I look at it" }),
    );
    stack.minutes(1).await;
    approve(&mut stack, told.fact("incident"));
    stack.minutes(1).await;
    let last = stack.told().pop().unwrap();
    assert!(last.kind == "rollback-refused" && last.message.contains("mute"), "{}", last.message);
    assert_eq!((stack.inputs("PutEvents").len(), stack.writes()), (0, 0));
}
