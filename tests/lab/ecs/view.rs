//! Services and tasks as the API and the events show them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::clusters::cluster_arn;
use super::model::{Container, Deployment, Service, Task};
use super::{Ecs, TaskDefinition, tags};
use crate::context::{ACCOUNT_ID, arn, epoch};

/// A service as `DescribeServices` shows it. Without `with_tags` it has no member `tags`.
pub(super) fn service(ecs: &Ecs, service: &Service, with_tags: bool) -> Value {
    let (running, pending) = counts(ecs, &service.deployments);
    let mut shown = service.settings.clone();
    let defaults = json!({
        "loadBalancers": [], "serviceRegistries": [], "placementConstraints": [], "placementStrategy": [],
        "launchType": "FARGATE", "schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": false, "enableExecuteCommand": false, "propagateTags": "NONE",
    });
    let by_provider = shown.contains_key("capacityProviderStrategy");
    let defaults = defaults.as_object().into_iter().flatten();
    for (name, value) in defaults.filter(|(name, _)| *name != "launchType" || !by_provider) {
        shown.entry(name.clone()).or_insert_with(|| value.clone());
    }
    shown.insert("deploymentConfiguration".to_owned(), deployment_configuration(service));
    let revisions: Vec<_> =
        service.deployments.iter().map(|deployment| revision_counts(ecs, service, deployment)).collect();
    let notes: Vec<_> = service
        .notes
        .iter()
        .map(|(id, at, message)| json!({"id": id, "createdAt": epoch(*at), "message": message}))
        .collect();
    let own = json!({
        "serviceArn": service.arn,
        "serviceName": service.key.1,
        "clusterArn": cluster_arn(&service.key.0),
        "status": service.status,
        "desiredCount": service.desired,
        "runningCount": running,
        "pendingCount": pending,
        "taskDefinition": service.task_definition,
        "deployments": service.deployments.iter().enumerate().map(|(index, d)| deployment(ecs, service, index, d)).collect::<Vec<_>>(),
        "events": notes,
        "createdAt": epoch(service.created_at),
        "createdBy": format!("arn:aws:iam::{ACCOUNT_ID}:role/lab"),
        "currentServiceDeployment": service.record,
        "currentServiceRevisions": revisions,
    });
    shown.extend(own.as_object().cloned().unwrap_or_default());
    if with_tags {
        shown.insert("tags".to_owned(), tags::list(&service.tags));
    }
    Value::Object(shown)
}

/// What is set, and the defaults of what is not.
pub(super) fn deployment_configuration(service: &Service) -> Value {
    let mut shown = json!({
        "deploymentCircuitBreaker": {"enable": false, "rollback": false},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    });
    if let (Some(shown), Some(set)) = (shown.as_object_mut(), service.setting(&["deploymentConfiguration"]).as_object())
    {
        shown.extend(set.clone());
    }
    shown
}

fn counts(ecs: &Ecs, deployments: &[Deployment]) -> (usize, usize) {
    let tasks = || deployments.iter().flat_map(|deployment| &deployment.tasks).filter_map(|id| ecs.tasks.get(id));
    (tasks().filter(|task| task.is_running()).count(), tasks().filter(|task| task.is_pending()).count())
}

/// The PRIMARY deployment wants all tasks; of the others only what is left is wanted.
fn deployment(ecs: &Ecs, service: &Service, index: usize, deployment: &Deployment) -> Value {
    let (running, pending) = counts(ecs, std::slice::from_ref(deployment));
    json!({
        "id": deployment.id,
        "status": if index == 0 { "PRIMARY" } else { "ACTIVE" },
        "taskDefinition": deployment.task_definition,
        "desiredCount": if index == 0 { service.desired } else { running },
        "pendingCount": pending,
        "runningCount": running,
        "failedTasks": deployment.failed,
        "createdAt": epoch(deployment.created_at),
        "updatedAt": epoch(deployment.updated_at),
        "launchType": service.settings.get("launchType").cloned().unwrap_or_else(|| json!("FARGATE")),
        "rolloutState": deployment.state.name(),
        "rolloutStateReason": deployment.reason,
    })
}

fn revision_counts(ecs: &Ecs, service: &Service, deployment: &Deployment) -> Value {
    let (running, pending) = counts(ecs, std::slice::from_ref(deployment));
    let primary = service.deployments.first().is_some_and(|primary| primary.id == deployment.id);
    json!({
        "arn": deployment.revision,
        "requestedTaskCount": if primary { service.desired } else { running },
        "runningTaskCount": running,
        "pendingTaskCount": pending,
    })
}

/// ARN of a task.
pub(super) fn task_arn(task: &Task) -> String {
    task_arn_of(&task.cluster, &task.id)
}

/// ARN of the task `id` in a cluster.
pub(super) fn task_arn_of(cluster: &str, id: &str) -> String {
    arn("ecs", &format!("task/{cluster}/{id}"))
}

/// A task as `DescribeTasks` (times by `time` as numbers) and events (times as text, with `updated_at`) show it.
pub(super) fn task(
    task: &Task,
    definition: Option<&TaskDefinition>,
    updated_at: impl Into<Option<Timestamp>>,
    time: impl Fn(Timestamp) -> Value,
) -> Value {
    let of_definition = |name: &str, default: &str| definition.and_then(|d| d.text(name)).unwrap_or(default).to_owned();
    let containers: Vec<_> = task.containers.iter().map(|one| container(task, one)).collect();
    let overrides: Vec<_> = task.containers.iter().map(|one| json!({"name": one.name})).collect();
    let mut shown = json!({
        "taskArn": task_arn(task),
        "clusterArn": cluster_arn(&task.cluster),
        "taskDefinitionArn": task.definition,
        "group": task.group,
        "version": task.version,
        "lastStatus": task.status,
        "desiredStatus": task.wanted,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "availabilityZone": "eu-west-1a",
        "connectivity": "CONNECTED",
        "cpu": of_definition("cpu", "256"),
        "memory": of_definition("memory", "512"),
        "containers": containers,
        "overrides": {"containerOverrides": overrides},
        "attachments": [],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "enableExecuteCommand": false,
        "createdAt": time(task.created_at),
    });
    let Some(members) = shown.as_object_mut() else { return shown };
    let times = [
        ("pullStartedAt", task.pull_started_at),
        ("pullStoppedAt", task.pull_stopped_at),
        ("startedAt", task.started_at),
        ("stoppingAt", task.stopping_at),
        ("executionStoppedAt", task.execution_stopped_at),
        ("stoppedAt", task.stopped_at),
        ("updatedAt", updated_at.into()),
    ];
    members.extend(times.into_iter().filter_map(|(name, at)| Some((name.to_owned(), time(at?)))));
    if let Some(stop) = &task.stop {
        members.extend(stop.code.map(|code| ("stopCode".to_owned(), code.into())));
        members.insert("stoppedReason".to_owned(), stop.reason.clone().into());
    }
    members.extend(task.started_by.clone().map(|by| ("startedBy".to_owned(), by.into())));
    members.extend(task.settings.clone());
    members.insert("healthStatus".to_owned(), task.health.unwrap_or("UNKNOWN").into());
    shown
}

fn container(task: &Task, container: &Container) -> Value {
    let status = match task.status {
        _ if container.exit_code.is_some() => "STOPPED",
        "PROVISIONING" => "PENDING",
        "DEACTIVATING" | "STOPPING" => "RUNNING",
        "DEPROVISIONING" => "STOPPED",
        status => status,
    };
    let mut shown = Map::new();
    let mut add = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    let id = container.runtime_id.as_deref().unwrap_or("pending");
    add(
        "containerArn",
        arn("ecs", &format!("container/{}/{}/{}-{}", task.cluster, task.id, container.name, &id[..7.min(id.len())]))
            .into(),
    );
    add("name", container.name.clone().into());
    add("image", container.image.clone().into());
    add("lastStatus", status.into());
    add("taskArn", task_arn(task).into());
    add("networkInterfaces", json!([]));
    add("cpu", "0".into());
    let optional = [
        ("imageDigest", container.digest.clone().map(Value::from)),
        ("runtimeId", container.runtime_id.clone().map(Value::from)),
        ("exitCode", container.exit_code.map(Value::from)),
        ("reason", container.reason.clone().map(Value::from)),
    ];
    shown.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(shown)
}
