//! How tasks end, in ECS's own words: a line for each text that is known of each class.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Name, exit code and reason of a container.
type Container<'a> = (&'a str, Option<i32>, Option<&'a str>);

const EXITED: &str = "EssentialContainerExited";
const NOT_STARTED: &str = "TaskFailedToStart";
const SCHEDULER: &str = "ServiceSchedulerInitiated";
const ESSENTIAL: &str = "Essential container in task exited";

fn task(group: &str, code: Option<&str>, reason: Option<&str>, containers: &[Container<'_>]) -> TaskStateChange {
    let container = |(name, exit_code, reason): &Container<'_>| json!({ "name": name, "exitCode": exit_code, "reason": reason, "image": "ghcr.io/acme/api:1" });
    let containers: Vec<Value> = containers.iter().map(container).collect();
    let detail = json!({
        "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/shop/0f", "lastStatus": "STOPPED", "group": group,
        "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/shop", "containers": containers,
        "stopCode": code, "stoppedReason": reason,
    });
    serde_json::from_value(detail).unwrap()
}

/// What a task of a service is, whose only container ended with `exit`.
fn of_service(code: &str, reason: &str, exit: Option<i32>) -> Finding {
    classify(&task("service:api", Some(code), Some(reason), &[("api", exit, None)]))
}

/// The class by the task's reason and by the container's: ECS writes the same texts to either place.
fn in_both_places(code: &str, text: &str, exit: Option<i32>) -> [Class; 2] {
    let of_container = task("service:api", Some(code), Some(ESSENTIAL), &[("api", exit, Some(text))]);
    [of_service(code, text, exit).class, classify(&of_container).class]
}

#[test]
fn every_stop_that_ecs_did_on_purpose_or_repairs_itself_is_told_from_the_failures_with_the_same_code() {
    for (code, reason, exit, class) in [
        ("UserInitiated", "steward: migration is over", Some(137), Class::Own),
        ("SpotInterruption", "Your Spot Task was interrupted.", Some(143), Class::Spot),
        ("TerminationNotice", "", None, Class::Spot),
        ("", "Your Spot Task was interrupted.", Some(137), Class::Spot),
        ("UserInitiated", "Task stopped by user", Some(137), Class::User),
        ("UserInitiated", "it looked stuck", None, Class::User),
        ("", "Container instance deregistration forced by user", Some(137), Class::User),
        (
            SCHEDULER,
            "Scaling activity initiated by (deployment ecs-svc/9223370521498765432)",
            Some(0),
            Class::Scheduler,
        ),
        (
            SCHEDULER,
            "Scaling activity initiated by deployment ecs-svc/9223370521498765432",
            Some(137),
            Class::Scheduler,
        ),
        (EXITED, "Host EC2 (instance i-0a1b2c3d) terminated.", Some(137), Class::Host),
        ("", "Host EC2 (instance i-0a1b2c3d) stopped.", None, Class::Host),
        ("InfrastructureHealth", "", None, Class::Host),
        (
            SCHEDULER,
            "ECS is performing maintenance on the underlying infrastructure hosting the task",
            Some(143),
            Class::Host,
        ),
    ] {
        assert_eq!(of_service(code, reason, exit).class, class, "{code} {reason}");
    }
    let mut own = task("family:migrate", Some(EXITED), Some(ESSENTIAL), &[("migrate", Some(1), None)]);
    own.started_by = Some("steward/m/0123456789abcdef0123456789/m1".into());
    assert_eq!(classify(&own).class, Class::Own);
    own.started_by = Some("stewardship-nightly".into());
    assert_ne!(classify(&own).class, Class::Own, "a job of somebody's whose name only begins so");
}

#[test]
fn out_of_memory_is_what_ecs_calls_so_whatever_the_exit_code_and_137_alone_is_not() {
    let words = "OutOfMemoryError: Container killed due to memory usage";
    for exit in [Some(0), Some(1), Some(137), None] {
        assert_eq!(in_both_places(EXITED, words, exit), [Class::Oom; 2], "{exit:?}");
    }
    let init = "CannotStartContainerError: Error response from daemon: OCI runtime create failed: container init was OOM-killed (memory limit too low?)";
    assert_eq!(in_both_places(NOT_STARTED, init, None), [Class::Oom; 2]);
    let killed = of_service(EXITED, ESSENTIAL, Some(137));
    assert_eq!(killed.class, Class::SigkillUnknown);
    assert!(killed.cause.contains("does not say why"), "{}", killed.cause);
}

#[test]
fn an_image_that_cannot_be_pulled_is_missing_forbidden_or_out_of_reach() {
    let ecr = "pull image manifest has been retried 1 time(s): failed to resolve ref 123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:1.4.2:";
    for (text, class) in [
        (format!("{ecr} 123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:1.4.2: not found"), Class::PullMissing),
        ("Error response from daemon: manifest unknown: Requested image not found".into(), Class::PullMissing),
        (
            "The repository with name 'api' does not exist in the registry with id '123456789012'".into(),
            Class::PullMissing,
        ),
        ("no matching manifest for linux/arm64 in the manifest list entries".into(), Class::PullMissing),
        ("image Manifest does not contain descriptor matching platform 'linux/arm64'".into(), Class::PullMissing),
        (format!("{ecr} unexpected status from HEAD request: 403 Forbidden"), Class::PullDenied),
        (format!("{ecr} pulling from host failed with status code [manifests 1.4.2]: 403"), Class::PullDenied),
        ("Error response from daemon: Get https://registry/v2/: no basic auth credentials".into(), Class::PullDenied),
        (
            "pull access denied for acme/api, repository does not exist or may require 'docker login'".into(),
            Class::PullDenied,
        ),
        ("AccessDeniedException: User is not authorized to perform: ecr:BatchGetImage".into(), Class::PullDenied),
        ("failed to authorize: unauthorized".into(), Class::PullDenied),
        (format!("{ecr} unexpected status code: 429 Too Many Requests"), Class::PullTransient),
        ("toomanyrequests: You have reached your pull rate limit.".into(), Class::PullTransient),
        (format!("{ecr} dial tcp 10.0.0.1:443: i/o timeout"), Class::PullTransient),
        ("dial tcp 10.0.0.1:443: connect: no route to host".into(), Class::PullTransient),
        ("context deadline exceeded".into(), Class::PullTransient),
        ("dial tcp 10.0.0.1:443: connect: connection refused".into(), Class::PullTransient),
        ("net/http: TLS handshake timeout".into(), Class::PullTransient),
        ("net/http: request canceled (Client.Timeout exceeded while awaiting headers)".into(), Class::PullTransient),
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device".into(), Class::PullTransient),
        ("something that nobody has seen yet".into(), Class::StartUnknown),
    ] {
        for name in ["CannotPullContainerError", "CannotPullECRContainerError"] {
            let text = format!("{name}: {text}");
            assert_eq!(in_both_places(NOT_STARTED, &text, None), [class; 2], "{text}");
        }
    }
}

#[test]
fn numbers_and_words_in_the_name_of_an_image_say_nothing_about_why_it_was_not_pulled() {
    for (image, why, class) in [
        ("403429403429.dkr.ecr.eu-west-1.amazonaws.com/api:1.4.2", "not found", Class::PullMissing),
        ("ghcr.io/acme/api:403", "not found", Class::PullMissing),
        ("ghcr.io/acme/api:429", "dial tcp: i/o timeout", Class::PullTransient),
        ("ghcr.io/platform/api:1", "dial tcp: i/o timeout", Class::PullTransient),
        ("ghcr.io/platform/api:1", "403 Forbidden", Class::PullDenied),
    ] {
        let text = format!("CannotPullContainerError: failed to resolve ref {image}: {image}: {why}");
        assert_eq!(of_service(NOT_STARTED, &text, None).class, class, "{text}");
    }
}

#[test]
fn what_a_task_needs_before_its_start_is_missing_forbidden_out_of_reach_or_misconfigured() {
    let fetch = "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm:";
    for (text, class) in [
        (format!("{fetch} AccessDeniedException: User is not authorized to perform: secretsmanager:GetSecretValue"), Class::Secret),
        (format!("{fetch} ResourceNotFoundException: Secrets Manager can't find the specified secret."), Class::Secret),
        ("unable to pull secrets or registry auth: invalid parameters: shop/backend/url".into(), Class::Secret),
        ("AccessDeniedException: not authorized to read arn:aws:secretsmanager:eu-west-1:123456789012:secret:user-prefs".into(), Class::Secret),
        ("ResourceNotFoundException: can't find the specified secret. secret:amount-limits".into(), Class::Secret),
        (format!("{fetch} RequestError: send request failed: context deadline exceeded"), Class::InfrastructureNetwork),
        ("unable to pull secrets or registry auth: dial tcp 52.1.2.3:443: i/o timeout".into(), Class::InfrastructureNetwork),
        ("There is a connection issue. Please check your task network configuration.".into(), Class::InfrastructureNetwork),
        ("failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve fs-0a1b.efs.eu-west-1.amazonaws.com".into(), Class::InfrastructureNetwork),
        ("failed to invoke EFS utils commands to set up EFS volumes: mount.nfs4: access denied by server".into(), Class::InfrastructureNetwork),
        ("failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.".into(), Class::LogConfig),
        ("failed to initialize logging driver: AccessDeniedException".into(), Class::LogConfig),
        ("something that nobody has seen yet".into(), Class::StartUnknown),
    ] {
        let text = format!("ResourceInitializationError: {text}");
        assert_eq!(in_both_places(NOT_STARTED, &text, None), [class; 2], "{text}");
    }
    for text in ["NetworkNamespaceError: failed to create", "ENIInformationError: not found"] {
        assert_eq!(in_both_places(NOT_STARTED, text, None), [Class::InfrastructureNetwork; 2], "{text}");
    }
    let waiting = "Timeout waiting for network interface provisioning to complete.";
    assert_eq!(of_service(NOT_STARTED, waiting, None).class, Class::InfrastructureNetwork);
}

#[test]
fn the_other_names_of_errors_are_a_bad_command_a_broken_host_or_no_capacity() {
    for (text, class) in [
        ("CannotStartContainerError: exec: \"serve\": executable file not found in $PATH", Class::BadStart),
        ("CannotCreateContainerError: invalid mount config for type \"bind\"", Class::BadStart),
        (
            "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: AccessDenied",
            Class::LogConfig,
        ),
        ("DockerTimeoutError: Could not transition to created; timed out after waiting 4m0s", Class::Agent),
        ("ContainerRuntimeTimeoutError: Could not transition to created; timed out", Class::Agent),
        ("ContainerRuntimeError: shim died", Class::Agent),
        ("DockerStateError: container state improper", Class::Agent),
        ("InternalError: unable to unmarshal", Class::Agent),
        ("ContainerVanishedError: no longer there", Class::Agent),
        ("CannotInspectContainerError: Could not transition to inspecting", Class::Agent),
        ("CannotStopContainerError: Could not transition to stopped", Class::Agent),
    ] {
        assert_eq!(in_both_places(NOT_STARTED, text, None), [class; 2], "{text}");
    }
    for text in [
        "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        "You've reached the limit on the number of tasks you can run concurrently",
        "TaskFailedToStart: RESOURCE:GPU",
    ] {
        assert_eq!(of_service(NOT_STARTED, text, None).class, Class::Capacity, "{text}");
    }
    for text in ["TaskStoppedBeforePullBeginError: Task stopped before image pull could begin", "", "who knows"] {
        assert_eq!(of_service(NOT_STARTED, text, None).class, Class::StartUnknown, "{text}");
    }
}

#[test]
fn a_failed_health_check_is_one_whatever_the_exit_code_or_the_container_says() {
    let elb = "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/0f1e)";
    for exit in [Some(0), Some(143), Some(137), None] {
        assert_eq!(of_service(SCHEDULER, elb, exit).class, Class::ElbHealth, "{exit:?}");
        assert_eq!(of_service(SCHEDULER, "Task failed container health checks", exit).class, Class::ContainerHealth);
        assert_eq!(of_service(SCHEDULER, "Task failed Cloud Map health checks", exit).class, Class::Degraded);
    }
    let slow = [("api", None, Some("CannotStopContainerError: Could not transition to stopped; timed out"))];
    let stopped = task("service:api", Some(SCHEDULER), Some(elb), &slow);
    assert_eq!(classify(&stopped).class, Class::ElbHealth);
}

#[test]
fn an_exit_code_is_read_only_where_a_container_ended_by_itself() {
    for (exit, class) in [
        (0, Class::UnexpectedExit),
        (143, Class::UnexpectedExit),
        (1, Class::AppExit),
        (2, Class::AppExit),
        (255, Class::AppExit),
        (-1, Class::AppExit),
        (126, Class::BadStart),
        (127, Class::BadStart),
        (134, Class::NativeCrash),
        (139, Class::NativeCrash),
        (137, Class::SigkillUnknown),
    ] {
        let found = of_service(EXITED, ESSENTIAL, Some(exit));
        assert_eq!(found.class, class, "{exit}");
        assert!(found.cause.contains("api") && found.cause.contains(&exit.to_string()), "{}", found.cause);
        for (code, reason) in [(SCHEDULER, "something new"), ("SomethingNew", ESSENTIAL), ("", "")] {
            assert_eq!(of_service(code, reason, Some(exit)).class, Class::Unknown, "{code} {exit}");
        }
        let job = if exit == 0 { Class::JobOk } else { Class::JobFailed };
        for group in ["family:report", "nightly", ""] {
            for code in [Some(EXITED), None] {
                let stopped = task(group, code, Some(ESSENTIAL), &[("report", Some(exit), None)]);
                assert_eq!(classify(&stopped).class, job, "{group} {exit}");
            }
        }
    }
    assert_eq!(of_service(EXITED, ESSENTIAL, None).class, Class::Unknown);
}

#[test]
fn the_container_that_is_blamed_is_the_one_that_failed_and_not_one_that_ended_with_the_task() {
    let blamed = |containers: &[Container<'_>]| {
        let found = classify(&task("service:api", Some(EXITED), Some(ESSENTIAL), containers));
        (found.class, found.container.unwrap())
    };
    for code in [0, 137, 143] {
        let exit = [("log-router", Some(code), None), ("api", Some(1), None)];
        assert_eq!(blamed(&exit), (Class::AppExit, "api".into()), "{code}");
    }
    let memory = [("log-router", Some(1), None), ("api", Some(0), Some("OutOfMemoryError: Container killed"))];
    assert_eq!(blamed(&memory), (Class::Oom, "api".into()));
    assert_eq!(blamed(&[("api", Some(0), None), ("log-router", Some(0), None)]), (Class::UnexpectedExit, "api".into()));
}

#[test]
fn a_task_without_containers_reason_or_known_code_is_unknown_and_no_failure() {
    for (code, reason, class) in [
        (Some(NOT_STARTED), None, Class::StartUnknown),
        (Some(EXITED), None, Class::Unknown),
        (Some(EXITED), Some(ESSENTIAL), Class::Unknown),
        (Some("SomethingNew"), Some("nobody knows"), Class::Unknown),
        (Some(SCHEDULER), None, Class::Unknown),
        (None, None, Class::Unknown),
    ] {
        for group in ["service:api", "family:report"] {
            let found = classify(&task(group, code, reason, &[]));
            assert_eq!((found.class, found.container), (class, None), "{group} {code:?} {reason:?}");
        }
    }
    let none = classify(&task("service:api", Some(NOT_STARTED), Some("CannotPullContainerError: not found"), &[]));
    assert_eq!((none.class, none.cause.as_str()), (Class::PullMissing, "its image does not exist"));
}

#[test]
fn a_service_action_is_bad_impaired_fine_or_unknown() {
    for (name, class) in [
        ("SERVICE_TASK_PLACEMENT_FAILURE", Class::Capacity),
        ("SERVICE_TASK_CONFIGURATION_FAILURE", Class::Configuration),
        ("ECS_OPERATION_THROTTLED", Class::Throttled),
        ("SERVICE_DISCOVERY_OPERATION_THROTTLED", Class::Throttled),
        ("SERVICE_HEALTH_UNKNOWN", Class::Degraded),
        ("SERVICE_DISCOVERY_INSTANCE_UNHEALTHY", Class::Degraded),
        ("VPC_LATTICE_TARGET_UNHEALTHY", Class::Degraded),
        ("SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED", Class::Degraded),
    ] {
        assert!(matches!(signal(name), Signal::Bad(found, _) if found == class), "{name}");
        assert_eq!(class.cure(), Cure::None, "what ECS says of a service alone heals nothing: {name}");
    }
    assert_eq!(signal("SERVICE_TASK_START_IMPAIRED"), Signal::Impaired);
    for name in ["SERVICE_STEADY_STATE", "SERVICE_DEPLOYMENT_FAILED", "SERVICE_DESIRED_COUNT_UPDATED", "TASKS_STOPPED"]
    {
        assert_eq!(signal(name), Signal::Fine, "{name}");
    }
    assert_eq!(signal("SERVICE_TASK_ABDUCTED"), Signal::Unknown);
}

/// Codes as ECS sends them, and others.
fn code() -> impl Strategy<Value = Option<String>> {
    let known = prop::sample::select(vec![EXITED, NOT_STARTED, SCHEDULER, "UserInitiated", "InfrastructureHealth"]);
    prop_oneof![Just(None), known.prop_map(|code| Some(code.to_owned())), "\\PC{0,20}".prop_map(Some)]
}

/// Pieces of ECS's words and foreign ones, in any order.
fn words() -> impl Strategy<Value = Option<String>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "CannotPullContainerError: ",
            "ResourceInitializationError: ",
            "OutOfMemoryError",
            "health checks",
            "ELB",
            ": ",
            "403",
            "resource:",
            "\u{130}",
            "efs",
            "steward:",
            "Scaling activity initiated by",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ];
    prop::option::of(prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_stop_has_a_class_and_a_cause_whatever_it_says(
        group in prop::sample::select(vec!["service:api", "family:api", ""]), code in code(), reason in words(),
        containers in prop::collection::vec(("[a-z]{1,8}", prop::option::of(any::<i32>()), words()), 0..4),
    ) {
        let containers: Vec<Container<'_>> = containers.iter().map(|(n, exit, why)| (n.as_str(), *exit, why.as_deref())).collect();
        let found = classify(&task(group, code.as_deref(), reason.as_deref(), &containers));
        prop_assert!(!found.cause.is_empty());
        prop_assert_eq!(found.container.is_some(), !containers.is_empty());
    }

    #[test]
    fn a_text_that_nobody_knows_never_heals(
        code in prop_oneof![Just(NOT_STARTED.to_owned()), Just(SCHEDULER.to_owned()), "[A-Z][a-z]{3,12}"],
        text in "[a-z]{1,5}( [a-z]{1,5}){0,6}", exit in prop::option::of(0..=255_i32),
        name in prop::sample::select(vec!["", "NewError: ", "CannotPullContainerError: ", "ResourceInitializationError: "]),
    ) {
        let found = of_service(&code, &format!("{name}{text}"), exit);
        prop_assert_eq!(found.class.cure(), Cure::None, "{:?}", found);
    }

    #[test]
    fn the_case_of_a_text_says_nothing(exit in prop::option::of(0..=255_i32), loud in any::<bool>(), which in 0..6_usize) {
        let text = ["OutOfMemoryError: x", "CannotPullContainerError: not found", "Task failed ELB health checks",
            "Scaling activity initiated by x", "Your Spot Task was interrupted.", "Host EC2 (instance i-1) stopped"][which];
        let other = if loud { text.to_uppercase() } else { text.to_lowercase() };
        prop_assert_eq!(of_service(SCHEDULER, text, exit).class, of_service(SCHEDULER, &other, exit).class);
    }
}
