//! A task definition as ECS sent it: raw JSON, so that no field is lost that this SDK does not know yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::TaskDefinitionField;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::{Map, Value};

use crate::arn::TaskDefinitionArn;
use crate::failure::{CallFailure, FailureKind};

/// What ECS adds to a task definition when it is read, and refuses when it is registered. Everything else goes both ways
/// (checked against the API model).
const OUTPUT_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// A task definition with every field that ECS sent.
#[derive(Debug, Clone, PartialEq)]
pub struct RawTaskDefinition {
    definition: Map<String, Value>,
    tags: Vec<Value>,
}

impl RawTaskDefinition {
    /// Reads the body of a `DescribeTaskDefinition` answer.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| format!("the answer is not JSON: {error}"))?;
        let Some(Value::Object(definition)) = body.get("taskDefinition").cloned() else {
            return Err("the answer holds no taskDefinition".to_owned());
        };
        let tags = body.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(Self { definition, tags })
    }

    /// Names and images of the containers.
    pub fn images(&self) -> Vec<(&str, &str)> {
        let containers = self.definition.get("containerDefinitions").and_then(Value::as_array);
        containers
            .into_iter()
            .flatten()
            .filter_map(|container| Some((container.get("name")?.as_str()?, container.get("image")?.as_str()?)))
            .collect()
    }

    /// Whether a service can still be set to it.
    pub fn is_active(&self) -> bool {
        self.definition.get("status").and_then(Value::as_str) == Some("ACTIVE")
    }

    /// The family.
    pub fn family(&self) -> &str {
        self.definition.get("family").and_then(Value::as_str).unwrap_or_default()
    }

    /// What `networkMode` says; ECS's default is `bridge`.
    pub fn network_mode(&self) -> &str {
        self.definition.get("networkMode").and_then(Value::as_str).unwrap_or("bridge")
    }

    /// Whether it was registered for Fargate, and for nothing else.
    pub fn is_for_fargate(&self) -> bool {
        let listed = self.definition.get("requiresCompatibilities").and_then(Value::as_array);
        listed.is_some_and(|listed| listed.iter().all(|name| name == "FARGATE") && !listed.is_empty())
    }

    /// The volumes whose settings a service gives when it starts a task (`configuredAtLaunch`).
    pub fn volumes_configured_at_launch(&self) -> Vec<&str> {
        let volumes = self.definition.get("volumes").and_then(Value::as_array).into_iter().flatten();
        let at_launch = |volume: &&Value| volume.get("configuredAtLaunch").and_then(Value::as_bool) == Some(true);
        volumes.filter(at_launch).filter_map(|volume| volume.get("name")?.as_str()).collect()
    }

    /// Whether there is a container of that name.
    pub fn has_container(&self, name: &str) -> bool {
        self.container(name).is_some()
    }

    /// A docker label of a container.
    pub fn label(&self, container: &str, label: &str) -> Option<&str> {
        self.container(container)?.get("dockerLabels")?.get(label)?.as_str()
    }

    /// Driver and options of a container's log configuration, if it has one.
    pub fn log_configuration(&self, container: &str) -> Option<(&str, HashMap<String, String>)> {
        let configuration = self.container(container)?.get("logConfiguration")?;
        let options = configuration.get("options").and_then(Value::as_object).into_iter().flatten();
        let options = options.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Some((configuration.get("logDriver")?.as_str()?, options.collect()))
    }

    fn container(&self, name: &str) -> Option<&Map<String, Value>> {
        let containers = self.definition.get("containerDefinitions").and_then(Value::as_array).into_iter().flatten();
        containers.filter_map(Value::as_object).find(|container| container_name(container) == name)
    }

    /// The body of a `RegisterTaskDefinition` request: the same with other images, and nothing else changed.
    pub fn with_images(&self, images: &BTreeMap<String, String>) -> Value {
        self.changed(|_, name, container| {
            if let Some(image) = images.get(name) {
                container.insert("image".to_owned(), image.clone().into());
            }
        })
    }

    /// The body of a `RegisterTaskDefinition` request for a task that runs to its end: `container` in another image. The
    /// task ends when this container ends, and with none of the others; it is not started again when it ends.
    pub fn for_job(&self, family: &str, container: &str, image: &str) -> Value {
        self.changed(|definition, name, fields| {
            definition.insert("family".to_owned(), family.into());
            let is_job = name == container;
            fields.insert("essential".to_owned(), is_job.into());
            if is_job {
                fields.insert("image".to_owned(), image.into());
                // What restarts a server when it ends would run a migration again and again.
                fields.remove("restartPolicy");
            }
        })
    }

    /// The same, as far as a request takes it, with `change` done to each container. Tags whose key begins with `aws:` are
    /// AWS's own and refused in a request, so they stay behind.
    fn changed(&self, change: impl Fn(&mut Map<String, Value>, &str, &mut Map<String, Value>)) -> Value {
        let mut definition = self.definition.clone();
        definition.retain(|field, _| !OUTPUT_ONLY.contains(&field.as_str()));
        let mut containers = definition.get("containerDefinitions").and_then(Value::as_array).cloned();
        for container in containers.iter_mut().flatten().filter_map(Value::as_object_mut) {
            let name = container_name(container).to_owned();
            change(&mut definition, &name, container);
        }
        if let Some(containers) = containers {
            definition.insert("containerDefinitions".to_owned(), containers.into());
        }
        let is_own = |tag: &&Value| !tag.get("key").and_then(Value::as_str).unwrap_or_default().starts_with("aws:");
        let tags: Vec<Value> = self.tags.iter().filter(is_own).cloned().collect();
        if !tags.is_empty() {
            definition.insert("tags".to_owned(), tags.into());
        }
        Value::Object(definition)
    }
}

fn container_name(container: &Map<String, Value>) -> &str {
    container.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Keeps the body of an answer. The SDK reads it into its own types too, and drops there what it does not know.
#[derive(Debug, Clone, Default)]
struct KeepBody(Arc<Mutex<Vec<u8>>>);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for KeepBody {
    fn name(&self) -> &'static str {
        "KeepBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(body) = context.response().body().bytes() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        }
        Ok(())
    }
}

/// Reads one revision.
pub async fn describe(client: &Client, arn: &TaskDefinitionArn) -> Result<RawTaskDefinition, CallFailure> {
    const OPERATION: &str = "ecs:DescribeTaskDefinition";
    let kept = KeepBody::default();
    let request = client.describe_task_definition().task_definition(arn.as_str()).include(TaskDefinitionField::Tags);
    let answer = request.customize().interceptor(kept.clone()).send().await;
    answer.map_err(|error| CallFailure::new(OPERATION, arn.short(), &error))?;
    let body = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    RawTaskDefinition::read(&body).map_err(|message| CallFailure {
        operation: OPERATION,
        resource: arn.short().to_owned(),
        kind: FailureKind::Unavailable,
        code: "UnreadableAnswer".to_owned(),
        message,
    })
}

/// Registers a revision with this body. The SDK signs, sends and retries; the body is ours, because the SDK's types would
/// drop every field that they do not know.
///
/// # Errors
/// The failed call.
pub async fn register(client: &Client, body: &Value) -> Result<TaskDefinitionArn, CallFailure> {
    const OPERATION: &str = "ecs:RegisterTaskDefinition";
    let family = body.get("family").and_then(Value::as_str).unwrap_or_default();
    let body = body.to_string();
    let request = client.register_task_definition().family(family);
    let request = request.customize().mutate_request(move |request| {
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = body.clone().into();
    });
    let answer = request.send().await.map_err(|error| retriable(CallFailure::new(OPERATION, family, &error)))?;
    let arn = answer.task_definition().and_then(|definition| definition.task_definition_arn()).unwrap_or_default();
    arn.parse().map_err(|error| CallFailure {
        operation: OPERATION,
        resource: family.to_owned(),
        kind: FailureKind::Unavailable,
        code: "UnreadableAnswer".to_owned(),
        message: format!("the answer names no revision: {error}"),
    })
}

/// "Too many concurrent attempts to create a new revision" comes as a `ClientException` and means: later.
fn retriable(failure: CallFailure) -> CallFailure {
    if failure.message.contains("Too many concurrent attempts") {
        return CallFailure { kind: FailureKind::Throttled, ..failure };
    }
    failure
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition() -> RawTaskDefinition {
        let body = json!({
            "taskDefinition": {
                "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7", "revision": 7,
                "family": "shop", "networkMode": "awsvpc", "newField": { "kept": true },
                "requiresCompatibilities": ["FARGATE"],
                "containerDefinitions": [
                    { "name": "api", "image": "shop:1", "essential": true, "restartPolicy": { "enabled": true },
                      "dockerLabels": { "steward.migrate": "bin/migrate" },
                      "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "/shop" } } },
                    { "name": "proxy", "image": "envoy:3", "essential": true },
                ],
            },
            "tags": [{ "key": "team", "value": "shop" }, { "key": "aws:cloudformation:stack-name", "value": "x" }],
        });
        RawTaskDefinition::read(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_task_of_a_job_ends_with_its_container_alone_and_is_not_started_again() {
        let job = definition().for_job("steward-migrate-shop", "api", "shop@sha256:0f");
        assert_eq!(job["family"], "steward-migrate-shop");
        let containers = &job["containerDefinitions"];
        assert_eq!((&containers[0]["essential"], &containers[1]["essential"]), (&json!(true), &json!(false)));
        assert_eq!((&containers[0]["image"], &containers[1]["image"]), (&json!("shop@sha256:0f"), &json!("envoy:3")));
        assert_eq!(containers[0].get("restartPolicy"), None);
        assert_eq!(job["newField"], json!({ "kept": true }), "what this version does not know stays");
        assert_eq!(job["tags"], json!([{ "key": "team", "value": "shop" }]));
        assert_eq!((job.get("revision"), job.get("taskDefinitionArn")), (None, None));
    }

    #[test]
    fn labels_logs_and_kinds_are_read_by_container() {
        let definition = definition();
        assert_eq!(definition.label("api", "steward.migrate"), Some("bin/migrate"));
        assert_eq!((definition.label("proxy", "steward.migrate"), definition.label("gone", "x")), (None, None));
        assert_eq!(definition.log_configuration("api").map(|(driver, _)| driver), Some("awslogs"));
        assert!(definition.is_for_fargate() && definition.has_container("proxy") && !definition.has_container("gone"));
        assert_eq!((definition.network_mode(), definition.volumes_configured_at_launch().len()), ("awsvpc", 0));
    }
}
