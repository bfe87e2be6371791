//! Bad input and a broken surrounding: a clear error or a reported reason, the message kept, never a panic.

use jiff::SignedDuration;
use lab::faults::Fault;
use lab::fifo::Message;
use lab::function::FunctionError;
use serde_json::{Value, json};

use crate::support::{Stack, event, pushed, text};

/// Every call that a push, its rollout, a rollback and a sweep make.
const CALLS: [&str; 12] = [
    "GetResources",
    "BatchGetItem",
    "DescribeServices",
    "DescribeTaskDefinition",
    "DescribeImages",
    "DescribeServiceRevisions",
    "PutItem",
    "RegisterTaskDefinition",
    "UpdateService",
    "GetItem",
    "DescribeServiceDeployments",
    "Publish",
];

#[tokio::test]
async fn a_payload_that_is_no_event_is_not_swallowed() {
    let (stack, _) = Stack::with_backend().await;
    for payload in [
        json!(null),
        json!(7),
        json!("text"),
        json!([]),
        json!({}),
        json!({ "Records": [] }),
        json!({ "Records": [{ "eventSource": "aws:s3" }] }),
        json!({ "source": "aws.ecr" }),
        json!({ "detail-type": "ECR Image Action", "detail": {} }),
        event("aws.ecr", "ECR Image Action", &json!(null)),
        event("aws.ecr", "ECR Image Action", &json!("not json")),
        event("aws.ecr", "ECR Image Action", &json!({ "action-type": "PUSH", "result": "SUCCESS" })),
        event("aws.ecr", "ECR Image Action", &json!({ "action-type": 1, "result": [], "repository-name": {} })),
        event("aws.ecs", "ECS Deployment State Change", &json!({})),
        event(
            "aws.ecs",
            "ECS Deployment State Change",
            &json!({ "eventName": "SERVICE_DEPLOYMENT_COMPLETED", "deploymentId": "ecs-svc/1" }),
        ),
        event("steward", "Image Pushed", &json!({ "repository": "ghcr.io/acme/api" })),
        event("steward", "Image Pushed", &json!({ "repository": "", "tag": "", "digest": "" })),
        event("steward", "Deploy Requested", &json!({ "service": "x" })),
    ] {
        let answer = stack.invoke(&payload).await;
        let Err(FunctionError::Reported { kind, message }) = answer else { panic!("{payload}: {answer:?}") };
        assert_eq!(kind, "Rejected", "{payload}");
        assert!(message.len() > 15 && !message.contains("panicked"), "{payload}: {message}");
    }
    assert_eq!(stack.writes(), 0);
}

#[tokio::test]
async fn an_event_of_an_unknown_kind_is_not_an_error() {
    let (stack, _) = Stack::with_backend().await;
    for (source, kind) in
        [("aws.ecr", "ECR Image Scan"), ("aws.ec2", "ECR Image Action"), ("steward", "Migration Done")]
    {
        assert_eq!(stack.decisions(&event(source, kind, &json!({}))).await, ["event ignored"]);
    }
}

#[tokio::test]
async fn a_repository_or_tag_that_cannot_exist_is_not_passed_on() {
    let (stack, _) = Stack::with_backend().await;
    for (member, value) in [
        ("image-tag", "a b"),
        ("image-tag", "-x"),
        ("image-tag", "ü"),
        ("repository-name", ""),
        ("repository-name", "UPPER"),
        ("repository-name", "a//b"),
        ("repository-name", "../backend"),
    ] {
        let mut event = pushed("latest");
        event["detail"][member] = value.into();
        let answer = stack.invoke(&event).await;
        assert!(
            matches!(&answer, Err(FunctionError::Reported { kind, .. }) if kind == "Rejected"),
            "{value}: {answer:?}"
        );
    }
    let mut long = pushed(&"x".repeat(301));
    assert!(stack.invoke(&long).await.is_err());
    long["detail"]["image-tag"] = "x".repeat(300).into();
    assert!(stack.invoke(&long).await.is_ok());
}

#[tokio::test]
async fn a_table_that_is_not_there_is_not_taken_for_an_empty_one() {
    let (mut stack, old) = Stack::with_backend().await;
    let missing = Fault::Refused("ResourceNotFoundException", "Requested resource not found");
    stack.account.inject(Box::new(move |call| if call.service == "dynamodb" { missing } else { Fault::Ok }));
    stack.push(&["latest"], "2");
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.writes(), stack.dead().len()), (vec![old], 0, 1));
    let Err(FunctionError::Reported { message, .. }) = stack.invoke(&pushed("latest")).await else { panic!() };
    assert!(message.contains("dynamodb:BatchGetItem") && message.contains("not found"), "{message}");
}

/// A push of a good and then of a bad image in pin mode, and a sweep, while each call of `operation` meets `fault`; then
/// the fault is gone. Answers what the function gave up on meanwhile, and whether anything was reported.
async fn broken(policy: &str, operation: &'static str, fault: Fault) -> (Stack, Vec<Message>, bool) {
    let mut stack = Stack::new();
    let tags = if policy == "follow" { ["latest"; 2] } else { ["1.0.0", "1.1.0"] };
    stack.backend(policy, tags[0], &[]).await;
    // An execution environment that remembers nothing, so that every call is made.
    stack.update(&[]);
    let before = stack.world.invoked().len();
    stack.account.inject(Box::new(move |call| if call.operation == operation { fault } else { Fault::Ok }));
    let new = stack.push(&[tags[1]], "2");
    stack.settle().await;
    stack.sweep().await;
    let met = stack.calls().iter().any(|record| record.call.operation == operation && record.fault == fault);
    assert!(met || stack.deployments("backend") == 2, "{operation} is never called with {policy}");
    let invoked = &stack.world.invoked()[before..];
    let returned = invoked.iter().any(|invoked| !invoked.failed.is_empty() || invoked.result.is_err());
    let dead = stack.dead();
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.sweep().await;
    stack.sweep().await;
    assert_eq!(stack.running("backend"), [new], "{policy} {operation} {fault:?}");
    assert_eq!(stack.deployments("backend"), 2, "{policy} {operation} {fault:?}");
    assert_eq!(stack.alerts_of("rolled-out").len(), 1, "{policy} {operation} {fault:?}: {:?}", stack.alerts());
    (stack, dead, returned || !met)
}

#[tokio::test]
async fn no_call_that_is_denied_throttled_or_broken_loses_the_push_or_goes_unreported() {
    println!("{:<28} {:<14} {:<12} kept in the dead-letter queue", "call", "policy", "fault");
    for operation in CALLS {
        for policy in ["follow", "semver:minor"] {
            for (name, fault) in
                [("denied", Fault::Denied), ("throttled", Fault::Throttled), ("500", Fault::ServerError)]
            {
                let (_, dead, reported) = broken(policy, operation, fault).await;
                println!("{operation:<28} {policy:<14} {name:<12} {}", dead.len());
                assert!(reported, "{operation} {policy} {name}: nobody was told");
            }
        }
    }
}

#[tokio::test]
async fn an_access_that_is_denied_is_not_reported_without_the_action_that_is_missing() {
    for (policy, operation, action) in [
        ("follow", "GetResources", "tag:GetResources"),
        ("follow", "BatchGetItem", "dynamodb:BatchGetItem"),
        ("follow", "DescribeServices", "ecs:DescribeServices"),
        ("follow", "DescribeTaskDefinition", "ecs:DescribeTaskDefinition"),
        ("follow", "DescribeImages", "ecr:DescribeImages"),
        ("follow", "DescribeServiceRevisions", "ecs:DescribeServiceRevisions"),
        ("follow", "PutItem", "dynamodb:PutItem"),
        ("follow", "UpdateService", "ecs:UpdateService"),
        ("semver:minor", "RegisterTaskDefinition", "ecs:RegisterTaskDefinition"),
    ] {
        let mut stack = Stack::new();
        let tags = if policy == "follow" { ["latest"; 2] } else { ["1.0.0", "1.1.0"] };
        stack.backend(policy, tags[0], &[]).await;
        stack.account.inject(lab::faults::Plan::default().always(operation, Fault::Denied).chooser());
        stack.push_unheard(&[tags[1]], "2");
        let answer = stack.invoke(&pushed(tags[1])).await;
        let shown = match answer {
            Err(FunctionError::Reported { message, .. }) => message,
            other => panic!("{operation}: {other:?}"),
        };
        assert!(shown.contains(action), "{operation}: {shown}");
    }
}

#[tokio::test]
async fn a_sweep_that_meets_one_broken_service_does_not_stop_there() {
    let mut stack = Stack::new();
    stack.backend("semver:minor", "1.0.0", &[]).await;
    let other = stack.account.service("shop", "a-broken").image("backend:1.0.0").tag("steward:deploy", "semver:minor");
    other.running().unwrap();
    stack.settle().await;
    stack.account.inject(Box::new(|call| {
        let broken = text(&call.input["service"]).ends_with("a-broken");
        if broken && call.operation == "UpdateService" { Fault::Denied } else { Fault::Ok }
    }));
    let new = stack.push_unheard(&["1.1.0"], "2");
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("a-broken")), (vec![new], 1));
    assert_eq!(stack.alerts_of("failed").len(), 1);
    let _: Value = stack.invoke(&serde_json::from_str(include_str!("../../events/sweep.json")).unwrap()).await.unwrap();
    stack.world.run_for(SignedDuration::from_secs(1)).await.unwrap();
}
