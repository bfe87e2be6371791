//! The life of single tasks.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::ecs::Behaviour;

#[test]
fn a_crash_after_running_restarts_for_ever_without_a_deployment_event() {
    let account = with_service(1, Some(true));
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::OutOfMemory { after: SignedDuration::from_mins(1) });
    roll(&account);
    account.advance(SignedDuration::from_hours(1));
    let events = account.take_events();
    assert_eq!(names(&deployment_events(&events)), ["IN_PROGRESS", "COMPLETED"]);
    let crashes: Vec<_> =
        stops(&events).into_iter().filter(|task| task["stopCode"] == "EssentialContainerExited").collect();
    assert!(crashes.len() > 30, "{}", crashes.len());
    for task in crashes {
        assert_eq!(task["containers"][0]["exitCode"], 137);
        assert!(task["containers"][0]["reason"].as_str().unwrap().starts_with("OutOfMemoryError"));
        assert!(task["startedAt"].is_string());
    }
    assert_eq!(describe(&account)["deployments"][0]["failedTasks"], 0);
}

#[test]
fn task_events_count_their_version_up_and_end_with_stopped() {
    let account = with_service(1, None);
    roll(&account);
    account.settle();
    let events = account.take_events();
    let old = stops(&events)[0]["taskArn"].clone();
    let seen: Vec<_> = events
        .iter()
        .filter(|event| event["detail"]["taskArn"] == old)
        .map(|event| (event["detail"]["lastStatus"].as_str().unwrap(), event["detail"]["version"].as_u64().unwrap()))
        .collect();
    assert_eq!(seen, [("DEACTIVATING", 4), ("STOPPING", 5), ("DEPROVISIONING", 6), ("STOPPED", 7)]);
    let ending = events.iter().map(|event| &event["detail"]).filter(|detail| detail["taskArn"] == old);
    for detail in ending {
        assert_eq!(
            (&detail["stopCode"], detail["stoppingAt"].is_string()),
            (&json!("ServiceSchedulerInitiated"), true)
        );
        assert_eq!(detail["stoppedReason"], stops(&events)[0]["stoppedReason"]);
        let stopped = matches!(detail["lastStatus"].as_str(), Some("DEPROVISIONING" | "STOPPED"));
        assert_eq!(detail["containers"][0]["exitCode"].is_i64(), stopped, "{detail}");
    }
    let new = events.iter().filter(|event| event["detail"]["taskArn"].is_string() && event["detail"]["taskArn"] != old);
    let new: Vec<_> = new.map(|event| event["detail"]["lastStatus"].as_str().unwrap()).collect();
    assert_eq!(new, ["PROVISIONING", "PENDING", "RUNNING"]);
}

#[test]
fn a_person_who_stops_a_task_gets_another_one() {
    let account = with_service(1, Some(true));
    let task = account.ecs("ListTasks", json!({"cluster": "shop"})).unwrap()["taskArns"][0].clone();
    account.ecs("StopTask", json!({"cluster": "shop", "task": task, "reason": "why not"})).unwrap();
    account.settle();
    let events = account.take_events();
    assert_eq!(
        (&stops(&events)[0]["stopCode"], &stops(&events)[0]["stoppedReason"]),
        (&json!("UserInitiated"), &json!("why not"))
    );
    assert_eq!(deployment_events(&events), []);
    assert_eq!(describe(&account)["runningCount"], 1);
}
