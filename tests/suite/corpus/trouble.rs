//! What AWS refuses, delays or has lost: nothing is given up that could still be done, and nothing stops for one service.

use jiff::SignedDuration;
use lab::faults::{Fault, Plan};
use serde_json::json;

use crate::support::{Stack, arn, pushed};

#[tokio::test]
async fn a_bucket_that_others_have_emptied_does_not_lose_the_push() {
    let mut stack = Stack::new();
    stack.backend("semver:minor", "1.0.0", &[]).await;
    let new = stack.push(&["1.1.0"], "2");
    // CI registers without a pause, and so do the SDK's retries meet an empty bucket.
    stack.account.inject(Plan::default().on("RegisterTaskDefinition", 1, Fault::Throttled).chooser());
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![new], 2));
    assert!(stack.dead().is_empty());
}

#[tokio::test]
async fn too_many_concurrent_attempts_at_a_family_do_not_lose_the_push() {
    let mut stack = Stack::new();
    stack.backend("semver:minor", "1.0.0", &[]).await;
    let new = stack.push(&["1.1.0"], "2");
    let refused = Fault::Refused(
        "ClientException",
        "Too many concurrent attempts to create a new revision of the specified family.",
    );
    stack.account.inject(Plan::default().on("RegisterTaskDefinition", 1, refused).chooser());
    stack.settle().await;
    assert_eq!(stack.running("backend"), [new]);
    assert_eq!((stack.dead().len(), stack.alerts_of("failed").len()), (0, 0), "{:?}", stack.alerts());
}

#[tokio::test]
async fn an_alert_that_sns_did_not_take_is_not_lost() {
    let (mut stack, _) = Stack::with_backend().await;
    stack.account.inject(Plan::default().always("Publish", Fault::Denied).chooser());
    stack.push(&["latest"], "2");
    stack.settle().await;
    assert_eq!((stack.deployments("backend"), stack.alerts().len()), (2, 0));
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.sweep().await;
    stack.sweep().await;
    assert_eq!(stack.alerts_of("rolled-out").len(), 1, "{:?}", stack.alerts());
}

#[tokio::test]
async fn a_service_that_vanished_does_not_keep_others_from_their_image() {
    let (mut stack, _) = Stack::with_backend().await;
    let gone = stack.account.service("shop", "a-gone").image("backend:latest").tag("steward:deploy", "follow");
    gone.running().unwrap();
    stack.settle().await;
    let input = json!({ "cluster": "shop", "service": "a-gone", "force": true });
    stack.account.ecs("DeleteService", input).unwrap();
    let new = stack.push(&["latest"], "2");
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.dead().len()), (vec![new], 0));
}

/// A cluster that is gone while the tagging API still lists its service.
fn without_cluster(stack: &Stack) {
    let service = stack.account.service("old", "ghost").image("backend:latest").tag("steward:deploy", "follow");
    service.running().unwrap();
    stack.account.inject(Box::new(|call| {
        let cluster = call.input["cluster"].as_str().unwrap_or_default();
        match call.operation.as_str() {
            "DescribeServices" if cluster == "old" => Fault::Refused("ClusterNotFoundException", "Cluster not found."),
            _ => Fault::Ok,
        }
    }));
}

#[tokio::test]
async fn a_cluster_that_vanished_does_not_keep_others_from_their_image_nor_hold_the_queue() {
    let (mut stack, _) = Stack::with_backend().await;
    without_cluster(&stack);
    stack.settle().await;
    let new = stack.push(&["latest"], "2");
    stack.world.run_for(SignedDuration::from_secs(60)).await.unwrap();
    assert_eq!(stack.running("backend"), [new]);
    assert_eq!((stack.waiting(), stack.dead().len()), (0, 0));
    assert_eq!(stack.decisions(&pushed("latest")).await, ["old/ghost gone", "shop/backend up-to-date"]);
}

#[tokio::test]
async fn a_task_definition_that_cannot_be_read_does_not_keep_others_from_their_image() {
    let (mut stack, _) = Stack::with_backend().await;
    let other = stack.account.service("shop", "a-unreadable").image("backend:latest").tag("steward:deploy", "follow");
    other.running().unwrap();
    stack.settle().await;
    stack.account.inject(Box::new(|call| {
        let family = call.input["taskDefinition"].as_str().unwrap_or_default();
        match call.operation.as_str() {
            "DescribeTaskDefinition" if family.contains("a-unreadable") => {
                Fault::Refused("ClientException", "Unable to describe task definition.")
            }
            _ => Fault::Ok,
        }
    }));
    // A new execution environment, which remembers no revision.
    stack.update(&[]);
    let new = stack.push(&["latest"], "2");
    stack.settle().await;
    assert_eq!((stack.running("backend"), stack.deployments("a-unreadable")), (vec![new], 1));
}

#[tokio::test]
async fn a_memory_that_cannot_be_read_does_not_keep_others_from_their_image() {
    let (mut stack, _) = Stack::with_backend().await;
    let other = stack.account.service("shop", "a-broken").image("backend:latest").tag("steward:deploy", "follow");
    other.running().unwrap();
    stack.settle().await;
    let clients = lab::steward::clients(&stack.account);
    let table = stack.world.template().tables[0].name.clone();
    let text = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
    let item =
        clients.dynamodb().put_item().table_name(&table).item("pk", text(&format!("SERVICE#{}", arn("a-broken"))));
    let item = item.item("sk", text("ROLLOUT")).item("data", text("{\"attempt\":7}"));
    let version = aws_sdk_dynamodb::types::AttributeValue::N("3".to_owned());
    item.item("version", version).send().await.unwrap();
    let new = stack.push(&["latest"], "2");
    stack.settle().await;
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("a-broken")), (vec![new], 1));
}

#[tokio::test]
async fn a_role_that_may_not_be_passed_is_not_tried_for_ever_and_is_told_once() {
    let mut stack = Stack::new();
    let old = stack.backend("semver:minor", "1.0.0", &[]).await;
    let denied = Fault::Refused("AccessDeniedException", "not authorized to perform: iam:PassRole");
    stack.account.inject(Plan::default().always("RegisterTaskDefinition", denied).chooser());
    stack.push(&["1.1.0"], "2");
    stack.settle().await;
    stack.sweep().await;
    stack.sweep().await;
    assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![old], 1));
    assert_eq!(stack.alerts_of("failed").len(), 1, "{:?}", stack.alerts());
    // Once it may be passed, nothing has to be pushed again.
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.sweep().await;
    assert_eq!(stack.running("backend"), [stack.account.digest("backend", "1.1.0").unwrap()]);
}

#[tokio::test]
async fn an_answer_that_was_lost_does_not_deploy_twice() {
    for (policy, first, second) in [("follow", "latest", "latest"), ("semver:minor", "1.0.0", "1.1.0")] {
        for fault in [Fault::CrashAfter, Fault::LateEffect(SignedDuration::from_secs(20))] {
            let mut stack = Stack::new();
            stack.backend(policy, first, &[]).await;
            stack.account.inject(Plan::default().on("UpdateService", 1, fault).chooser());
            let new = stack.push(&[second], "2");
            stack.settle().await;
            stack.sweep().await;
            assert_eq!((stack.running("backend"), stack.deployments("backend")), (vec![new], 2), "{policy} {fault:?}");
            assert_eq!(stack.alerts_of("rolled-out").len(), 1, "{policy} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_push_that_ecr_never_told_of_is_not_missed_by_the_sweep() {
    for (policy, first, second) in
        [("follow", "latest", "latest"), ("semver:minor", "1.0.0", "1.1.0"), ("any", "a", "b")]
    {
        let mut stack = Stack::new();
        stack.backend(policy, first, &[]).await;
        let new = stack.push_unheard(&[second], "2");
        stack.sweep().await;
        assert_eq!(stack.running("backend"), [new], "{policy}");
    }
}
