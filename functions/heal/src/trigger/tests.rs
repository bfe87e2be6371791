//! What wakes `heal`, from the samples in `events/` and from what comes near them.

use serde_json::{Value, json};

use super::*;

const BACKEND: &str = "arn:aws:ecs:eu-west-1:123456789012:service/shop/backend";

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../../../events/", $name, ".json"))).unwrap()
    };
}

fn read(event: &Value) -> Result<Trigger, HandlingError> {
    let account = "123456789012".parse().unwrap();
    Trigger::read(&Event::read(event)?, &account, Timestamp::UNIX_EPOCH)
}

/// The word, the subject and the news.
fn about(event: &Value) -> (&'static str, String, News) {
    match read(event).unwrap() {
        Trigger::About(word, subject, news) => (word, subject.short(), news),
        other => panic!("{other:?}"),
    }
}

fn ignored(event: &Value) -> (&'static str, String) {
    match read(event).unwrap() {
        Trigger::Ignored(word, why) => (word, why),
        other => panic!("{other:?}"),
    }
}

fn rejected(event: &Value) -> String {
    match read(event) {
        Err(HandlingError::Rejected(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn stopped_tasks_of_the_samples_are_read_with_their_class_and_those_that_should_stop_are_dropped() {
    for (event, class, task) in [
        (sample!("ecs-task-stopped-app-exit"), Class::AppExit, "1dc5c17a2f0b4d0f8e5a2b7c9d3e4f50"),
        (sample!("ecs-task-stopped-cannot-pull"), Class::PullMissing, "3fd7e39c402d4f2fa07c4d9e1f506172"),
        (sample!("ecs-task-stopped-elb-health"), Class::ElbHealth, "51f905be624f414fc29e6fb031728394"),
        (sample!("ecs-task-stopped-out-of-memory"), Class::Oom, "2ec6d28b3f1c4e1f9f6b3c8d0e4f5061"),
        (sample!("ecs-task-stopped-secret"), Class::Secret, "40e8f4ad513e403fb18d5eaf20617283"),
        (sample!("ecs-task-stopped-spot"), Class::Spot, "731b27d08461436fe4b081d2539405b6"),
    ] {
        let (word, subject, news) = about(&event);
        assert_eq!((word, subject.as_str()), ("task-stopped", "shop/backend"));
        let News::Stopped(stopped) = news else { panic!("{news:?}") };
        assert_eq!((stopped.finding.class, stopped.task.id()), (class, task));
        assert_eq!(stopped.deployment.as_deref(), Some("ecs-svc/9223370521498765432"));
        assert_eq!(Some(stopped.at.to_string()[..10].to_owned()), event["time"].as_str().map(|t| t[..10].to_owned()));
    }
    let (word, why) = ignored(&sample!("ecs-task-stopped-scale-in"));
    assert!(word == "task-stopped" && why.contains("scaled in") && why.contains("stopTimeout"), "{why}");
}

#[test]
fn what_ecs_says_of_services_and_deployments_is_read_and_their_starts_are_dropped() {
    let (word, subject, news) = about(&sample!("ecs-service-start-impaired"));
    assert_eq!((word, subject.as_str(), news), ("service-action", "shop/backend", News::Impaired));
    let (_, _, news) = about(&sample!("ecs-service-placement-failure"));
    assert!(matches!(news, News::Bad(Class::Capacity, why) if why.ends_with(": RESOURCE:FARGATE")));
    for (event, expected) in [
        (sample!("ecs-deployment-completed"), DeploymentEvent::ServiceDeploymentCompleted),
        (sample!("ecs-deployment-failed"), DeploymentEvent::ServiceDeploymentFailed),
    ] {
        let (word, subject, news) = about(&event);
        assert_eq!((word, subject.as_str()), ("deployment-changed", "shop/backend"));
        assert!(
            matches!(news, News::Deployment(found, id, Some(_)) if found == expected && id.starts_with("ecs-svc/"))
        );
    }
    for event in [sample!("ecs-deployment-in-progress"), sample!("ecs-rollback-in-progress")] {
        assert_eq!(ignored(&event).0, "ignored");
    }
}

#[test]
fn what_deploy_people_and_schedules_say_is_read() {
    for (event, expected) in [
        (sample!("rollout-failed"), "rollout-failed"),
        (sample!("rollback-answered"), "rollback-answered"),
        (sample!("rollback-approved"), "rollback-approved"),
        (sample!("verification-due"), "verification-due"),
    ] {
        let (word, subject, news) = about(&event);
        assert_eq!((word, subject.as_str()), (expected, "shop/backend"));
        let is_right = match news {
            News::RolloutFailed(failed) => expected == "rollout-failed" && failed.is_back,
            News::Answered(answer) => expected == "rollback-answered" && answer.incident.starts_with("backend-"),
            News::Approved(approval) => expected == "rollback-approved" && approval.approved_by.contains("ana"),
            News::Look => expected == "verification-due",
            _ => false,
        };
        assert!(is_right, "{expected}");
    }
    assert_eq!(read(&sample!("sweep")).unwrap(), Trigger::Sweep);
    assert!(matches!(read(&sample!("mute-requested")).unwrap(), Trigger::Mute(mute) if mute.service.is_some()));
    assert!(matches!(read(&sample!("mute-requested-all")).unwrap(), Trigger::Mute(mute) if mute.all));
    let resumed = read(&sample!("healing-resumed")).unwrap();
    assert!(matches!(resumed, Trigger::About("healing-resumed", Subject::Service(_), News::Resumed(Some(_)))));
    let mut all = sample!("healing-resumed");
    all["detail"] = json!({ "all": true, "requested-by": "ana" });
    assert_eq!(read(&all).unwrap(), Trigger::ResumedInAccount(Some("ana".into())));
}

#[test]
fn near_misses_and_what_is_for_deploy_are_dropped_without_a_failure() {
    for (event, word) in [
        (sample!("near-misses/ecs-task-deprovisioning"), "ignored"),
        (sample!("near-misses/ecs-task-spot-warning"), "ignored"),
        (sample!("near-misses/ecs-task-stopped-other-account"), "ignored"),
        (sample!("near-misses/ecs-task-stopped-other-source"), "ignored"),
        (sample!("near-misses/ecs-deployment-other-account"), "ignored"),
        (sample!("near-misses/ecs-service-steady"), "ignored"),
        (sample!("near-misses/ecs-taskset-steady"), "ignored"),
        (sample!("near-misses/ecs-capacity-provider-steady"), "ignored"),
        (sample!("near-misses/ecs-container-instance-changed"), "unknown"),
        (sample!("near-misses/ecs-call-by-cloudtrail"), "unknown"),
        (sample!("near-misses/other-source"), "ignored"),
        (sample!("near-misses/steward-other-account"), "ignored"),
        (sample!("near-misses/steward-approval-other-account"), "ignored"),
        (sample!("near-misses/steward-other-detail-type"), "ignored"),
        (sample!("near-misses/ecr-image-scanned"), "ignored"),
        (sample!("ecs-daemon-start-impaired"), "unknown"),
        (sample!("ecr-image-pushed"), "ignored"),
        (sample!("deploy-requested"), "ignored"),
        (sample!("image-pushed"), "ignored"),
        (sample!("rollback-requested"), "ignored"),
        (sample!("rollback-requested-by-person"), "ignored"),
    ] {
        let (found, why) = ignored(&event);
        assert_eq!(found, word, "{}", event["detail-type"]);
        assert!(!why.is_empty());
    }
}

#[test]
fn a_task_counts_only_when_it_has_stopped_and_a_job_only_when_it_failed() {
    let mut event = sample!("ecs-task-stopped-app-exit");
    for status in ["RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "DELETED", "SOMETHING_NEW"] {
        event["detail"]["lastStatus"] = status.into();
        assert_eq!(ignored(&event).0, "ignored", "{status}");
    }
    event["detail"]["lastStatus"] = "STOPPED".into();
    event["detail"]["group"] = "family:report".into();
    event["detail"]["startedBy"] = "nightly".into();
    let (_, subject, news) = about(&event);
    let News::Stopped(stopped) = news else { panic!("{news:?}") };
    assert_eq!((subject.as_str(), stopped.finding.class), ("shop/family:report", Class::JobFailed));
    assert_eq!(stopped.deployment, None, "what a person wrote there is no deployment");
    event["detail"].as_object_mut().unwrap().remove("group");
    assert_eq!(about(&event).1, "shop/no group");
    event["detail"]["containers"][0]["exitCode"] = 0.into();
    assert!(ignored(&event).1.starts_with("job-ok"));
    event["detail"]["stopCode"] = "UserInitiated".into();
    assert!(ignored(&event).1.starts_with("user, of a job"));
}

#[test]
fn kinds_and_names_that_aws_may_add_are_no_failure() {
    let mut event = sample!("ecs-service-start-impaired");
    event["detail"]["eventName"] = "SERVICE_TASK_ABDUCTED".into();
    assert_eq!(ignored(&event), ("unknown", "the service action \"SERVICE_TASK_ABDUCTED\" is not known".into()));
    event["detail-type"] = "ECS Hook State Change".into();
    assert_eq!(ignored(&event).0, "unknown");
    let mut event = sample!("ecs-deployment-failed");
    event["detail"]["eventName"] = "SERVICE_DEPLOYMENT_BAKED".into();
    assert_eq!(ignored(&event).0, "unknown");
    let mut event = sample!("ecs-task-stopped-app-exit");
    event["detail"]["stopCode"] = "SomethingNew".into();
    event["detail"]["newField"] = json!({ "deep": [1, 2] });
    let (_, _, news) = about(&event);
    assert!(matches!(news, News::Stopped(stopped) if stopped.finding.class == Class::Unknown));
}

#[test]
fn arns_of_before_and_after_2021_name_the_same_service_and_task() {
    let old_service = "arn:aws:ecs:eu-west-1:123456789012:service/backend";
    let mut event = sample!("ecs-service-start-impaired");
    event["detail"]["clusterArn"] = "arn:aws:ecs:eu-west-1:123456789012:cluster/shop".into();
    event["resources"][0] = old_service.into();
    assert_eq!(about(&event).1, "shop/backend");
    event["detail"].as_object_mut().unwrap().remove("clusterArn");
    assert!(rejected(&event).contains("service/backend"), "no cluster is guessed");
    let mut event = sample!("ecs-task-stopped-app-exit");
    event["detail"]["taskArn"] = "arn:aws:ecs:eu-west-1:123456789012:task/1dc5c17a2f0b4d0f8e5a2b7c9d3e4f50".into();
    let (_, subject, news) = about(&event);
    assert_eq!(subject, "shop/backend");
    assert!(matches!(news, News::Stopped(stopped) if stopped.task.id() == "1dc5c17a2f0b4d0f8e5a2b7c9d3e4f50"));
}

#[test]
fn a_known_event_without_its_shape_is_rejected_and_says_what_is_wrong() {
    let with = |mut event: Value, pointer: &str, value: Value| {
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    for (event, words) in [
        (with(sample!("ecs-task-stopped-app-exit"), "/detail/taskArn", json!("no arn")), "ECS Task State Change"),
        (with(sample!("ecs-task-stopped-app-exit"), "/detail/clusterArn", json!(null)), "expected a string"),
        (with(sample!("ecs-task-stopped-app-exit"), "/detail/group", json!("service:a b")), "ARN of an ECS service"),
        (with(sample!("ecs-task-stopped-app-exit"), "/detail", json!("text")), "ECS Task State Change"),
        (with(sample!("ecs-service-start-impaired"), "/resources", json!([])), "resources names no service"),
        (with(sample!("ecs-deployment-failed"), "/resources/0", json!("x")), "ARN of an ECS service"),
        (with(sample!("ecs-deployment-failed"), "/detail/deploymentId", json!(7)), "ECS Deployment State Change"),
        (with(sample!("rollout-failed"), "/detail/service", json!("shop/backend")), "Rollout Failed"),
        (with(sample!("rollback-answered"), "/detail/outcome", json!("maybe")), "Rollback Answered"),
        (with(sample!("rollback-approved"), "/detail", json!({ "service": BACKEND, "incident": "i" })), "approved-by"),
        (with(sample!("rollback-approved"), "/detail/incident", json!(null)), "Rollback Approved"),
        (with(sample!("mute-requested"), "/detail/minutes", json!(20_000)), "a week"),
        (with(sample!("mute-requested"), "/detail", json!({ "minutes": 5, "why": "x" })), "it names nothing"),
        (with(sample!("healing-resumed"), "/detail", json!({ "service": BACKEND, "all": true })), "not both"),
        (with(sample!("healing-resumed"), "/detail", json!({})), "give service"),
        (with(sample!("healing-resumed"), "/detail", json!({ "al": true })), "al"),
        (with(sample!("verification-due"), "/detail", json!({})), "Verification Due"),
    ] {
        let why = rejected(&event);
        assert!(why.contains(words), "{words:?} is not in {why:?}");
    }
}

#[test]
fn ecs_own_words_are_kept_for_people_and_never_without_end() {
    let mut event = sample!("ecs-task-stopped-out-of-memory");
    let (_, _, news) = about(&event);
    let News::Stopped(stopped) = news else { panic!("{news:?}") };
    assert_eq!(
        stopped.said,
        "Essential container in task exited; backend: OutOfMemoryError: Container killed due to memory usage"
    );
    event["detail"]["stoppedReason"] = "\u{e9}".repeat(5_000).into();
    let (_, _, news) = about(&event);
    assert!(matches!(news, News::Stopped(stopped) if stopped.said.chars().count() == 600));
}

#[test]
fn a_stop_without_a_time_is_taken_for_one_at_the_time_of_its_event() {
    let mut event = sample!("ecs-task-stopped-app-exit");
    event["detail"].as_object_mut().unwrap().remove("stoppedAt");
    let (_, _, news) = about(&event);
    assert!(matches!(news, News::Stopped(stopped) if stopped.at.to_string() == "2026-11-20T09:31:44Z"));
}
