use serde_json::{Value, json};

use super::*;
use crate::run::fixtures::run;

fn read(source: &str, kind: &str, detail: Value) -> Result<Trigger, HandlingError> {
    let event =
        json!({ "source": source, "detail-type": kind, "account": "123456789012", "id": "e-1", "detail": detail });
    Trigger::read(&Event::read(&event).unwrap(), &"123456789012".parse().unwrap())
}

#[track_caller]
fn is_ignored(source: &str, kind: &str, detail: Value) {
    let trigger = read(source, kind, detail).unwrap();
    assert!(matches!(trigger, Trigger::Ignored("ignored", _)), "{trigger:?}");
}

fn stopped(started_by: &str, status: &str) -> Value {
    json!({ "taskArn": "t", "clusterArn": "c", "lastStatus": status, "startedBy": started_by })
}

#[test]
fn a_stopped_task_of_a_run_leads_to_its_run_and_no_other_task_does() {
    let id = run("a").id;
    let kind = "ECS Task State Change";
    let trigger = read("aws.ecs", kind, stopped(&format!("steward/m/{id}/m1"), "STOPPED")).unwrap();
    assert_eq!(trigger, Trigger::TaskStopped(id.clone()));
    is_ignored("aws.ecs", kind, stopped(&format!("steward/m/{id}/m1"), "RUNNING"));
    is_ignored("aws.ecs", kind, stopped("ecs-svc/1", "STOPPED"));
    is_ignored("aws.ecs", kind, stopped("steward/m/short/m1", "STOPPED"));
    is_ignored("aws.ecs", kind, json!({ "taskArn": "t", "clusterArn": "c", "lastStatus": "STOPPED" }));
}

#[test]
fn an_answer_of_snapshot_counts_only_where_the_request_was_ours() {
    let id = run("a").id;
    let detail = |request: &str| json!({ "request": request, "database": "shop-db", "reason": "quota" });
    let trigger = read("steward", "Snapshot Failed", detail(&format!("mig-{id}"))).unwrap();
    assert_eq!(
        trigger,
        Trigger::SnapshotAnswered(id.clone(), format!("mig-{id}").parse().unwrap(), Err("quota".to_owned()))
    );
    is_ignored("steward", "Snapshot Failed", detail("before-release"));
    is_ignored("steward", "Snapshot Failed", detail("mig-x"));
}

#[test]
fn a_request_can_name_neither_a_command_nor_an_image() {
    let service = "arn:aws:ecs:eu-west-1:123456789012:service/shop/api";
    for field in ["command", "image", "container", "task-definition", "overrides"] {
        let refused = read("steward", "Migration Requested", json!({ "service": service, (field): "x" }));
        assert!(matches!(refused, Err(HandlingError::Rejected(_))), "{field}");
    }
    assert!(read("steward", "Migration Requested", json!({ "service": service })).is_ok());
}

#[test]
fn a_hook_concerns_us_only_while_it_waits_before_anything_new_starts() {
    let detail = |event: &str, stage: &str| json!({ "eventName": event, "hookId": "h", "serviceDeploymentArn": "d", "serviceArn": "s", "lifecycleStage": stage });
    let kind = "ECS Hook State Change";
    let waits = read("aws.ecs", kind, detail("HOOK_AWAITING_ACTION", "PRE_SCALE_UP")).unwrap();
    assert!(matches!(waits, Trigger::Hook(_)));
    is_ignored("aws.ecs", kind, detail("HOOK_SUCCEEDED", "PRE_SCALE_UP"));
    is_ignored("aws.ecs", kind, detail("HOOK_AWAITING_ACTION", "POST_TEST_TRAFFIC_SHIFT"));
}

#[test]
fn events_of_other_accounts_and_of_unknown_kinds_lead_nowhere() {
    let event = json!({ "source": "steward", "detail-type": "Sweep", "account": "210987654321", "detail": {} });
    let trigger = Trigger::read(&Event::read(&event).unwrap(), &"123456789012".parse().unwrap()).unwrap();
    assert!(matches!(trigger, Trigger::Ignored("ignored", _)));
    assert!(matches!(read("steward", "Tea Requested", json!({})).unwrap(), Trigger::Ignored("unknown", _)));
}
