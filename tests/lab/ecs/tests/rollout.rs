//! Rolling updates.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::ecr::Build;
use crate::ecs::Behaviour;

#[test]
fn a_first_rollout_brings_up_what_is_desired_and_completes() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").desired(3).create().unwrap();
    assert_eq!(describe(&account)["pendingCount"], 3);
    assert!(account.settle());
    let service = describe(&account);
    assert_eq!(
        (&service["runningCount"], &service["deployments"][0]["rolloutState"]),
        (&json!(3), &json!("COMPLETED"))
    );
    assert_eq!(names(&deployment_events(&account.take_events())), ["IN_PROGRESS", "COMPLETED"]);
    assert_eq!(account.running("shop", "backend"), [Build::from("v1").digest()]);
}

#[test]
fn a_rolling_update_replaces_every_task_and_never_falls_below_the_minimum() {
    let account = with_service(4, None);
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    let reply = roll(&account);
    let id = reply["deployments"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(reply["deployments"].as_array().unwrap().len(), 2);
    while !account.is_steady() {
        account.advance_to(account.next_due().unwrap());
        let service = describe(&account);
        assert!(service["runningCount"].as_u64().unwrap() >= 4, "{service}");
        let places = service["runningCount"].as_u64().unwrap() + service["pendingCount"].as_u64().unwrap();
        assert!(places <= 8, "{service}");
    }
    let events = account.take_events();
    assert_eq!(deployment_events(&events), [("IN_PROGRESS".to_owned(), id.clone()), ("COMPLETED".to_owned(), id)]);
    assert!(stops(&events).iter().all(|task| task["stoppedReason"].as_str().unwrap().starts_with("Scaling activity")));
    assert_eq!(account.running("shop", "backend"), [v2]);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "SUCCESSFUL"]);
}

#[test]
fn a_rolling_update_without_room_above_stops_old_tasks_first() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").desired(2).percent(50, 100).running().unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    roll(&account);
    while !account.is_steady() {
        account.advance_to(account.next_due().unwrap());
        let service = describe(&account);
        let running = service["runningCount"].as_u64().unwrap();
        assert!(running >= 1 && running + service["pendingCount"].as_u64().unwrap() <= 2, "{service}");
    }
    assert_eq!(account.running("shop", "backend"), [v2]);
}

#[test]
fn a_newer_update_supersedes_the_one_under_way() {
    let account = with_service(2, Some(true));
    account.push("backend", &["latest"], "v2").unwrap();
    roll(&account);
    account.advance(SignedDuration::from_secs(10));
    let v3 = account.push("backend", &["latest"], "v3").unwrap();
    roll(&account);
    assert!(account.settle());
    assert_eq!(names(&deployment_events(&account.take_events())), ["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]);
    assert_eq!(account.running("shop", "backend"), [v3]);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
}

#[test]
fn a_tag_that_moves_during_a_rollout_does_not_mix_digests() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").desired(3).percent(0, 100).running().unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    roll(&account);
    account.advance(SignedDuration::from_secs(10));
    account.push("backend", &["latest"], "v3").unwrap();
    assert!(account.settle());
    account.ecs("UpdateService", json!({"cluster": "shop", "service": "backend", "desiredCount": 5})).unwrap();
    assert!(account.settle());
    assert_eq!(account.running("shop", "backend"), [v2]);
    assert_eq!(describe(&account)["runningCount"], 5);
}

#[test]
fn a_digest_that_was_deleted_cannot_be_pulled_again() {
    let account = with_service(1, None);
    let v1 = account.digest("backend", "latest").unwrap();
    account.push("backend", &["latest"], "v2").unwrap();
    account.delete_image("backend", &v1);
    account.ecs("UpdateService", json!({"cluster": "shop", "service": "backend", "desiredCount": 2})).unwrap();
    account.advance(SignedDuration::from_mins(5));
    let events = account.take_events();
    let reason = stops(&events)[0]["stoppedReason"].as_str().unwrap().to_owned();
    assert!(reason.contains(&format!("backend@{v1}: not found")), "{reason}");
    assert_eq!(account.running("shop", "backend"), [v1]);
}

#[test]
fn nothing_to_run_completes_at_once() {
    let account = account();
    account.service("shop", "backend").image("backend:latest").desired(0).create().unwrap();
    assert_eq!(names(&deployment_events(&account.take_events())), ["IN_PROGRESS", "COMPLETED"]);
    assert_eq!(account.next_due(), None);
}

#[test]
fn a_lagging_read_shows_the_service_before_the_write_and_then_after_it() {
    let account = with_service(1, None);
    account.read_lag(SignedDuration::from_secs(3));
    let before = describe(&account)["deployments"][0]["id"].clone();
    let after = roll(&account)["deployments"][0]["id"].clone();
    assert_eq!(describe(&account)["deployments"][0]["id"], before);
    account.advance(SignedDuration::from_secs(4));
    assert_eq!(describe(&account)["deployments"][0]["id"], after);
}

#[test]
fn a_deleted_service_drains_and_becomes_inactive() {
    let account = with_service(2, None);
    let request = json!({"cluster": "shop", "service": "backend"});
    assert_eq!(account.ecs("DeleteService", request.clone()).unwrap_err().code, "InvalidParameterException");
    account.ecs("DeleteService", json!({"cluster": "shop", "service": "backend", "force": true})).unwrap();
    assert_eq!(describe(&account)["status"], "DRAINING");
    account.advance(SignedDuration::from_mins(1));
    assert_eq!(describe(&account)["status"], "INACTIVE");
    assert_eq!(account.ecs("UpdateService", request).unwrap_err().code, "ServiceNotActiveException");
}

#[test]
fn two_accounts_that_live_through_the_same_send_the_same_events() {
    let live = || {
        let account = with_service(3, Some(true));
        let v2 = account.push("backend", &["latest"], Build::from("v2").multi_arch()).unwrap();
        account.script(&v2, Behaviour::CannotPull);
        roll(&account);
        account.settle();
        account.take_events()
    };
    assert_eq!(live(), live());
}
