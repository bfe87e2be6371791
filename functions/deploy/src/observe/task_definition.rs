//! A task definition as ECS sent it: raw JSON, so that no field is lost that this SDK does not know yet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::TaskDefinitionField;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::{Map, Value};
use shared::arn::TaskDefinitionArn;
use shared::failure::{CallFailure, FailureKind};

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
pub(crate) struct RawTaskDefinition {
    definition: Map<String, Value>,
    tags: Vec<Value>,
}

impl RawTaskDefinition {
    /// Reads the body of a `DescribeTaskDefinition` answer.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| format!("the answer is not JSON: {error}"))?;
        let Some(Value::Object(definition)) = body.get("taskDefinition").cloned() else {
            return Err("the answer holds no taskDefinition".to_owned());
        };
        let tags = body.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(Self { definition, tags })
    }

    /// Names and images of the containers.
    pub(crate) fn images(&self) -> Vec<(&str, &str)> {
        let containers = self.definition.get("containerDefinitions").and_then(Value::as_array);
        containers
            .into_iter()
            .flatten()
            .filter_map(|container| Some((container.get("name")?.as_str()?, container.get("image")?.as_str()?)))
            .collect()
    }

    /// Whether a service can still be set to it.
    pub(crate) fn is_active(&self) -> bool {
        self.definition.get("status").and_then(Value::as_str) == Some("ACTIVE")
    }

    /// The family.
    pub(crate) fn family(&self) -> &str {
        self.definition.get("family").and_then(Value::as_str).unwrap_or_default()
    }

    /// The body of a `RegisterTaskDefinition` request: the same with other images, and nothing else changed.
    ///
    /// Tags whose key begins with `aws:` are AWS's own and refused in a request, so they stay behind.
    pub(crate) fn with_images(&self, images: &BTreeMap<String, String>) -> Value {
        let mut definition = self.definition.clone();
        definition.retain(|field, _| !OUTPUT_ONLY.contains(&field.as_str()));
        let containers = definition.get_mut("containerDefinitions").and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            if let (Some(image), Some(container)) = (images.get(name), container.as_object_mut()) {
                container.insert("image".to_owned(), image.clone().into());
            }
        }
        let is_own = |tag: &&Value| !tag.get("key").and_then(Value::as_str).unwrap_or_default().starts_with("aws:");
        let tags: Vec<Value> = self.tags.iter().filter(is_own).cloned().collect();
        if !tags.is_empty() {
            definition.insert("tags".to_owned(), tags.into());
        }
        Value::Object(definition)
    }
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
pub(super) async fn describe(client: &Client, arn: &TaskDefinitionArn) -> Result<RawTaskDefinition, CallFailure> {
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
