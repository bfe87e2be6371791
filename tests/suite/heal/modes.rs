//! How far healing may go: the tag, the parameter, mutes, and the switch for everything.

use jiff::SignedDuration;
use lab::bus::Mishap;
use serde_json::{Value, json};

use super::scene::crash;
use crate::support::{Stack, arn};

/// A looping release under a parameter and a tag, until after it is told.
async fn looped(cap: &str, tag: &str) -> Stack {
    let mut stack = Stack::healing(cap);
    stack.crash_loop("api", tag).await;
    stack.minutes(30).await;
    stack
}

#[tokio::test]
async fn the_parameter_caps_what_the_tag_asks_for() {
    for (cap, tag, asked, words) in [
        ("dry-run", "dry-run", 0, "would have been rolled back to api:1"),
        ("auto", "dry-run", 0, "would have been rolled back to api:1"),
        ("dry-run", "auto", 0, "would have been rolled back to api:1"),
        ("approve", "auto", 0, "It waits for approval"),
        ("off", "auto", 0, "the parameter HealMode allows off"),
        ("auto", "auto", 1, "deploy was asked to roll the service back to api:1"),
    ] {
        let stack = looped(cap, tag).await;
        let told = stack.told().remove(0);
        assert!(told.message.contains(words), "{cap} {tag}: {}", told.message);
        assert_eq!((stack.writes(), stack.deployments("api")), (asked, 2 + asked), "{cap} {tag}");
    }
}

#[tokio::test]
async fn tags_that_cannot_be_read_are_told_and_heal_nothing() {
    let stack = looped("auto", "yes please").await;
    assert!(!stack.told().is_empty() && stack.writes() == 0, "{:?}", stack.told_kinds());
    assert!(stack.told()[0].message.contains("tags cannot be read"), "{}", stack.told()[0].message);
}

#[tokio::test]
async fn in_a_dry_run_of_the_stack_nothing_is_written_told_or_asked() {
    let mut stack = Stack::with(&[("HealMode", "auto"), ("DryRun", "true")]);
    stack.crash_loop("api", "auto").await;
    stack.minutes(60).await;
    assert_eq!((stack.told().len(), stack.writes()), (0, 0));
    for operation in ["PutItem", "UpdateItem", "Publish", "PutEvents", "CreateSchedule"] {
        assert!(stack.inputs(operation).is_empty(), "{operation}");
    }
}

#[tokio::test]
async fn a_mute_of_healing_stops_a_rollback_at_the_last_moment() {
    let mut stack = Stack::healing("auto");
    stack.crash_loop("api", "auto").await;
    let late = Mishap::HeldBack(SignedDuration::from_mins(2));
    stack
        .world
        .bus()
        .disturb(Box::new(move |event| if event["detail-type"] == "Rollback Requested" { late } else { Mishap::None }));
    while stack.told().is_empty() {
        stack.world.run_for(SignedDuration::from_secs(5)).await.unwrap();
    }
    assert_eq!(stack.told_kinds(), ["rollback-asked shop/api"]);
    stack.say("Mute Requested", &json!({ "all": true, "minutes": 30, "what": "healing", "why": "stop" }));
    stack.minutes(10).await;
    let told = stack.told();
    assert_eq!(told[1].kind, "rollback-refused");
    assert!(told[1].message.contains("healing is muted"), "{}", told[1].message);
    assert_eq!((stack.writes(), stack.deployments("api")), (0, 2));
}

#[tokio::test]
async fn a_mute_of_everything_holds_alerts_and_healing_back_and_what_is_still_so_is_told_when_it_ends() {
    let mut stack = Stack::healing("auto");
    stack.well("api", &[("steward:heal", "auto")]).await;
    stack.say("Mute Requested", &json!({ "service": arn("api"), "minutes": 60, "why": "load test" }));
    stack.release("api", crash(1, 5)).await;
    stack.minutes(50).await;
    assert_eq!((stack.told_kinds(), stack.writes()), (Vec::<String>::new(), 0));
    assert!(stack.watch("api")["incident"]["count"].as_u64().unwrap() >= 3);
    stack.minutes(20).await;
    assert_eq!(stack.told_kinds(), ["rollback-asked shop/api"]);
}

#[tokio::test]
async fn a_mute_that_makes_no_sense_is_refused_and_the_queue_goes_on() {
    let mut stack = Stack::healing("auto");
    for detail in [
        json!({ "minutes": 5, "why": "nothing named" }),
        json!({ "all": true, "minutes": 20_000, "why": "for ever" }),
        json!({ "all": true, "minutes": 5, "why": " " }),
    ] {
        stack.say("Mute Requested", &detail);
        stack.minutes(1).await;
    }
    assert_eq!((stack.dead_of_heal(), stack.kept("HEAL", "MUTES")), (3, Value::Null));
}
