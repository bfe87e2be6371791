//! Events on request.

use serde_json::json;

use super::*;

#[track_caller]
fn check(name: &str, reason: Option<&str>, kind: &str) {
    let account = with_service(1, None);
    account.service_action("shop", "backend", name, reason);
    let events = account.take_events();
    let detail = &events[0]["detail"];
    assert_eq!((&detail["eventName"], &detail["eventType"]), (&json!(name), &json!(kind)));
    assert_eq!(detail["reason"].as_str(), reason);
    assert_eq!(detail["clusterArn"], "arn:aws:ecs:eu-west-1:123456789012:cluster/shop");
    assert_eq!(events[0]["resources"], json!(["arn:aws:ecs:eu-west-1:123456789012:service/shop/backend"]));
    assert!(account.is_steady(), "the event is all that happens");
}

#[test]
fn a_service_action_has_the_event_type_that_aws_gives_it() {
    check("SERVICE_TASK_PLACEMENT_FAILURE", Some("RESOURCE:FARGATE"), "ERROR");
    check("SERVICE_TASK_CONFIGURATION_FAILURE", Some("The subnet does not exist."), "ERROR");
    check("ECS_OPERATION_THROTTLED", None, "ERROR");
    check("SERVICE_HEALTH_UNKNOWN", None, "ERROR");
    check("SERVICE_DISCOVERY_INSTANCE_UNHEALTHY", None, "WARN");
    check("SERVICE_DESIRED_COUNT_UPDATED", None, "INFO");
    check("SERVICE_OF_TOMORROW", None, "ERROR");
}

#[test]
fn an_event_that_nobody_knows_yet_can_be_sent() {
    let account = with_service(1, None);
    account.ecs_event("shop", "backend", "ECS Weather", &json!({"eventName": "RAIN"}));
    let events = account.take_events();
    assert_eq!((&events[0]["detail-type"], &events[0]["detail"]["eventName"]), (&json!("ECS Weather"), &json!("RAIN")));
    assert_eq!((&events[0]["source"], events.len()), (&json!("aws.ecs"), 1));
}
