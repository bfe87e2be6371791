//! How a stopped task looks, one line for each way to end.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::ecs::{Behaviour, PullError, ResourceError, StartFailure, StopCause};

/// What an event says of an end: stop code, first words of the reason, exit code and first words of the container's reason.
#[derive(Clone, Copy, Debug)]
struct Shown(Option<&'static str>, &'static str, Option<i64>, &'static str);

#[track_caller]
fn compare(task: &Value, Shown(stop_code, reason, exit_code, of_container): Shown) {
    assert_eq!(task["stopCode"].as_str(), stop_code, "{task}");
    let (whole, container) = (task["stoppedReason"].as_str().unwrap(), &task["containers"][0]);
    assert!(whole.starts_with(reason), "{whole}");
    assert_eq!(container["exitCode"].as_i64(), exit_code, "{container}");
    let why = container["reason"].as_str().unwrap_or_default();
    assert!(why.starts_with(of_container) && why.is_empty() == of_container.is_empty(), "{container}");
}

/// Ends the only task of a service that is long rolled out, and looks at its end.
#[track_caller]
fn check_end(cause: StopCause, shown: Shown) {
    let account = with_service(1, Some(true));
    account.advance(SignedDuration::from_hours(30));
    let ended = account.end_task("shop", "backend", cause).unwrap();
    account.advance(SignedDuration::from_mins(5));
    let events = account.take_events();
    let stops = stops(&events);
    assert_eq!((stops.len(), &stops[0]["taskArn"]), (1, &json!(ended)));
    assert!(stops[0]["startedAt"].is_string(), "it ran");
    compare(stops[0], shown);
    assert!(actions(&events).iter().all(|name| *name == "SERVICE_STEADY_STATE"), "{:?}", actions(&events));
    assert_eq!(deployment_events(&events), [], "ECS never tells of what ends after the rollout");
    assert_eq!(describe(&account)["runningCount"], 1, "it is replaced");
}

#[test]
fn a_task_that_ran_says_what_ended_it() {
    let (essential, scheduler) = (Some("EssentialContainerExited"), Some("ServiceSchedulerInitiated"));
    for code in [0, 1, 2, 134, 137, 139, 143, 255] {
        check_end(StopCause::Exit(code), Shown(essential, "Essential container in task exited", Some(code), ""));
    }
    for code in [137, 1, 0] {
        let oom = "OutOfMemoryError: Container killed due to memory usage";
        let cause = StopCause::OutOfMemory { exit_code: code };
        check_end(cause, Shown(essential, "Essential container in task exited", Some(code), oom));
    }
    let health = "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:";
    check_end(StopCause::ElbHealth { exit_code: 143 }, Shown(scheduler, health, Some(143), ""));
    check_end(StopCause::ElbHealth { exit_code: 0 }, Shown(scheduler, health, Some(0), ""));
    let cause = StopCause::ContainerHealth { exit_code: 143 };
    check_end(cause, Shown(scheduler, "Task failed container health checks", Some(143), ""));
    check_end(StopCause::HostTerminated, Shown(None, "Host EC2 (instance i-", None, ""));
    let maintenance = "ECS is performing maintenance on the underlying infrastructure hosting the task";
    check_end(StopCause::Maintenance, Shown(scheduler, maintenance, Some(0), ""));
    check_end(StopCause::StoppedByUser, Shown(Some("UserInitiated"), "Task stopped by user", Some(0), ""));
    let interrupted = Shown(Some("SpotInterruption"), "Your Spot Task was interrupted.", Some(0), "");
    check_end(StopCause::SpotInterruption, interrupted);
    let cause = StopCause::Other { stop_code: Some("MoonPhase"), reason: "The moon is full." };
    check_end(cause, Shown(Some("MoonPhase"), "The moon is full.", Some(0), ""));
}

/// Lets a service roll out an image whose tasks do not start, and looks at the first of them.
#[track_caller]
fn check_start(failure: StartFailure, pulled: bool, containers: usize, shown: Shown) {
    let account = with_service(1, Some(true));
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::FailsToStart(failure));
    roll(&account);
    assert!(account.settle());
    let events = account.take_events();
    let task = stops(&events)[0];
    assert_eq!(task["containers"].as_array().unwrap().len(), containers);
    assert!(task["startedAt"].is_null(), "it never ran");
    assert_eq!(task["pullStartedAt"].is_string(), pulled, "{task}");
    compare(task, shown);
    assert!(actions(&events).contains(&"SERVICE_TASK_START_IMPAIRED"));
    assert_eq!(names(&deployment_events(&events)), ["IN_PROGRESS", "FAILED", "IN_PROGRESS", "COMPLETED"]);
}

#[test]
fn a_task_that_never_ran_says_what_it_lacked() {
    let code = Some("TaskFailedToStart");
    let pulls = [
        (PullError::NotFound, "CannotPullContainerError: "),
        (PullError::Forbidden, "CannotPullContainerError: "),
        (PullError::NotAuthorized, "CannotPullECRContainerError: AccessDeniedException"),
        (PullError::MissingOrPrivate, "CannotPullContainerError: "),
        (PullError::RateLimited, "CannotPullContainerError: "),
        (PullError::Timeout, "CannotPullContainerError: "),
        (PullError::NoSpace, "CannotPullContainerError: "),
        (PullError::WrongPlatform, "CannotPullContainerError: "),
    ];
    for (error, text) in pulls {
        check_start(StartFailure::CannotPull(error), true, 1, Shown(code, text, None, text));
    }
    let resources = [
        ResourceError::SecretDenied,
        ResourceError::SecretNotFound,
        ResourceError::Network,
        ResourceError::LogGroupNotFound,
        ResourceError::FileSystem,
    ];
    for error in resources {
        let shown = Shown(code, "ResourceInitializationError: ", None, "");
        check_start(StartFailure::ResourceInitialization(error), false, 1, shown);
    }
    let of_container = |text| Shown(code, "Task failed to start", None, text);
    check_start(StartFailure::CommandNotFound, true, 1, of_container("CannotStartContainerError: "));
    check_start(StartFailure::OutOfMemoryAtInit, true, 1, of_container("CannotStartContainerError: "));
    check_start(StartFailure::CannotCreate, true, 1, of_container("CannotCreateContainerError: "));
    check_start(StartFailure::ContainerRuntimeTimeout, true, 1, of_container("ContainerRuntimeTimeoutError: "));
    check_start(StartFailure::DockerTimeout, true, 1, of_container("DockerTimeoutError: "));
    check_start(StartFailure::Internal, false, 1, Shown(code, "InternalError: ", None, ""));
    let network = Shown(code, "Timeout waiting for network interface", None, "");
    check_start(StartFailure::NetworkInterfaceTimeout, false, 0, network);
    check_start(StartFailure::CapacityUnavailable, false, 0, Shown(code, "Capacity is unavailable", None, ""));
    check_start(StartFailure::TaskLimit, false, 0, Shown(code, "You've reached the limit", None, ""));
    let other = StartFailure::Other { stop_code: None, reason: "No room for GPUs." };
    check_start(other, false, 1, Shown(None, "No room for GPUs.", None, ""));
}

/// The words by which people and programs tell the causes of a failed pull apart.
#[test]
fn the_reason_of_a_failed_pull_tells_its_cause() {
    let reason = |error: PullError| error.reason("example.com/backend:latest");
    assert!(reason(PullError::NotFound).ends_with("example.com/backend:latest: not found"));
    assert!(reason(PullError::Forbidden).contains("403 Forbidden"));
    assert!(reason(PullError::RateLimited).contains("toomanyrequests"));
    assert!(reason(PullError::Timeout).contains("i/o timeout"));
    assert!(reason(PullError::NoSpace).contains("no space left"));
    assert!(reason(PullError::WrongPlatform).contains("platform"));
    assert!(reason(PullError::MissingOrPrivate).contains("does not exist or may require"));
}
