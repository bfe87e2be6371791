//! `examples/backend-and-frontend`: two repositories whose names begin alike, and a secret in Parameter Store.

use lab::ecs::{Behaviour, StartFailure, StopCause};

use super::scene::{Deployed, image};
use crate::support::Stack;

/// What ECS says of a parameter that the execution role may not read, as people quote it.
const SSM: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
    failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): AccessDeniedException: User: \
    arn:aws:sts::123456789012:assumed-role/portal-ExecutionRole/f83b93a4dc3442a18eaaf8c2a235cd37 is not authorized to \
    perform: ssm:GetParameters on resource: arn:aws:ssm:eu-west-1:123456789012:parameter/portal/session-key because no \
    identity-based policy allows the ssm:GetParameters action status code: 400";

async fn portal() -> (Stack, Deployed, [String; 2]) {
    let mut stack = Stack::whole(&[]);
    let digests =
        [stack.push_to("portal/api", &["latest"], "api 1"), stack.push_to("portal/api-admin", &["latest"], "admin 1")];
    let images = [image("portal/api:latest"), image("portal/api-admin:latest")];
    let given = [("BackendImage", images[0].as_str()), ("FrontendImage", images[1].as_str())];
    let deployed = stack.create("backend-and-frontend", "portal", &given).await;
    (stack, deployed, digests)
}

fn running(stack: &Stack, deployed: &Deployed) -> [Vec<String>; 2] {
    ["backend", "frontend"].map(|service| deployed.running(stack, service))
}

fn deployments(stack: &Stack, deployed: &Deployed) -> [usize; 2] {
    ["backend", "frontend"].map(|service| deployed.deployments(stack, service))
}

#[tokio::test]
async fn each_service_rolls_by_its_own_repository_though_one_name_begins_with_the_other() {
    let (mut stack, deployed, [api, admin]) = portal().await;
    assert_eq!(running(&stack, &deployed), [[api.clone()], [admin]]);
    let newer_admin = stack.push_to("portal/api-admin", &["latest"], "admin 2");
    stack.minutes(30).await;
    assert_eq!(
        (running(&stack, &deployed), deployments(&stack, &deployed)),
        ([vec![api], vec![newer_admin.clone()]], [1, 2])
    );
    let newer_api = stack.push_to("portal/api", &["latest"], "api 2");
    stack.minutes(30).await;
    assert_eq!(running(&stack, &deployed), [[newer_api], [newer_admin]]);
    assert_eq!(deployments(&stack, &deployed), [2, 2]);
    assert_eq!(stack.told_of_all(0), ["deploy rolled-out portal/frontend", "deploy rolled-out portal/backend"]);
}

#[tokio::test]
async fn a_parameter_that_may_not_be_read_is_told_at_the_first_task_with_its_class() {
    let (mut stack, deployed, [api, _]) = portal().await;
    stack.account.outage(
        &[("portal", "backend")],
        Behaviour::FailsToStart(StartFailure::Other { stop_code: Some("TaskFailedToStart"), reason: SSM }),
    );
    stack.account.end_task("portal", "backend", StopCause::HostTerminated).unwrap();
    stack.minutes(3).await;
    assert_eq!(stack.told_of_all(0).first().map(String::as_str), Some("heal task-stopped portal/backend"));
    let alert = stack.alerts().remove(0).message;
    assert!(alert.contains("secret"), "{alert}");
    // The other task serves on, and nothing was changed.
    stack.minutes(30).await;
    assert_eq!(running(&stack, &deployed)[0], [api]);
    assert_eq!((deployments(&stack, &deployed), stack.writes()), ([1, 1], 0));
}

#[tokio::test]
async fn what_the_execution_role_may_read_is_the_parameter_that_the_task_names() {
    let (_, deployed, _) = portal().await;
    let mut roles = deployed.stack.of("AWS::IAM::Role");
    let statement = roles.next().unwrap().properties["Policies"][0]["PolicyDocument"]["Statement"][0].clone();
    let definition = deployed.stack.of("AWS::ECS::TaskDefinition").next().unwrap();
    assert_eq!(statement["Resource"], definition.properties["ContainerDefinitions"][0]["Secrets"][0]["ValueFrom"]);
    assert_eq!((&statement["Action"], roles.next()), (&"ssm:GetParameters".into(), None));
}
