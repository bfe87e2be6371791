//! Task definitions, kept as they were sent: a member that the lab does not know comes back all the same.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Ecs, client_exception};
use crate::context::{ACCOUNT_ID, Context, arn, epoch};
use crate::input::{items, page, required, text, texts};
use crate::wire::ApiError;

/// One revision of a family.
#[derive(Clone, Debug)]
pub(crate) struct TaskDefinition {
    pub(crate) arn: String,
    revision: usize,
    /// The request, without its tags.
    pub(crate) content: Map<String, Value>,
    pub(crate) tags: Vec<Value>,
    registered_at: Timestamp,
    registered_by: String,
    deregistered_at: Option<Timestamp>,
}

impl TaskDefinition {
    pub(crate) fn containers(&self) -> &[Value] {
        self.content.get("containerDefinitions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has_health_check(&self) -> bool {
        self.containers().iter().any(|container| container["healthCheck"].is_object())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.content.get(name).and_then(Value::as_str)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.deregistered_at.is_none()
    }

    fn describe(&self) -> Value {
        let mut shown = self.content.clone();
        let compatible = match shown.get("requiresCompatibilities") {
            Some(Value::Array(required)) if required.iter().any(|name| name == "FARGATE") => json!(["EC2", "FARGATE"]),
            _ => json!(["EC2"]),
        };
        let added = json!({
            "taskDefinitionArn": self.arn,
            "revision": self.revision,
            "status": if self.is_active() { "ACTIVE" } else { "INACTIVE" },
            "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
            "compatibilities": compatible,
            "registeredAt": epoch(self.registered_at),
            "registeredBy": self.registered_by,
        });
        shown.extend(added.as_object().cloned().unwrap_or_default());
        if let Some(at) = self.deregistered_at {
            shown.insert("deregisteredAt".to_owned(), epoch(at));
        }
        Value::Object(shown)
    }
}

impl Ecs {
    /// The task definition that `reference` means: `family` (its latest active revision), `family:revision`, or an ARN.
    pub(super) fn definition(&self, reference: &str) -> Result<&TaskDefinition, ApiError> {
        let short = reference.rsplit_once("task-definition/").map_or(reference, |(_, short)| short);
        let found = match short.split_once(':') {
            Some((family, revision)) => {
                let revision: Option<usize> = revision.parse().ok();
                self.definitions.get(family).and_then(|all| all.get(revision?.checked_sub(1)?))
            }
            None => self.definitions.get(short).and_then(|all| all.iter().rev().find(|one| one.is_active())),
        };
        found.ok_or_else(|| client_exception("Unable to describe task definition."))
    }

    pub(super) fn register_task_definition(&mut self, context: &Context, input: &Value) -> Result<Value, ApiError> {
        let missing = |name: &str| client_exception(format!("{name} can not be empty."));
        let family = required(input, "family").map_err(|_| missing("Family"))?;
        let containers = items(input, "containerDefinitions");
        if containers.is_empty() {
            return Err(missing("Container.list"));
        }
        if containers.iter().any(|container| text(container, "image").is_none_or(str::is_empty)) {
            return Err(client_exception("Container.image should not be null or empty."));
        }
        if family.len() > 255 || !family.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            return Err(client_exception("Family contains invalid characters or is too long."));
        }
        if containers.iter().all(|container| container["essential"] == false) {
            return Err(client_exception("At least one container must be essential."));
        }
        super::tags::check(input)?;
        let mut request = input.as_object().cloned().unwrap_or_default();
        request.remove("tags");
        let revisions = self.definitions.entry(family.to_owned()).or_default();
        let revision = revisions.len() + 1;
        revisions.push(TaskDefinition {
            arn: arn("ecs", &format!("task-definition/{family}:{revision}")),
            revision,
            content: request,
            tags: items(input, "tags").to_vec(),
            registered_at: context.now,
            registered_by: format!("arn:aws:iam::{ACCOUNT_ID}:role/lab"),
            deregistered_at: None,
        });
        let registered = revisions.last().map(TaskDefinition::describe);
        Ok(json!({"taskDefinition": registered, "tags": items(input, "tags")}))
    }

    pub(super) fn describe_task_definition(&self, input: &Value) -> Result<Value, ApiError> {
        let definition = self.definition(required(input, "taskDefinition")?)?;
        let mut body = json!({"taskDefinition": definition.describe()});
        if texts(input, "include").contains(&"TAGS") {
            body["tags"] = json!(definition.tags);
        }
        Ok(body)
    }

    pub(super) fn deregister_task_definition(&mut self, context: &Context, input: &Value) -> Result<Value, ApiError> {
        let arn = self.definition(required(input, "taskDefinition")?)?.arn.clone();
        let found = self.definitions.values_mut().flatten().find(|definition| definition.arn == arn);
        let definition = found.ok_or_else(|| client_exception("The specified task definition does not exist."))?;
        definition.deregistered_at.get_or_insert(context.now);
        Ok(json!({"taskDefinition": definition.describe()}))
    }

    pub(super) fn list_task_definitions(&self, input: &Value) -> Result<Value, ApiError> {
        let prefix = text(input, "familyPrefix");
        let active = text(input, "status").unwrap_or("ACTIVE") == "ACTIVE";
        let families =
            self.definitions.iter().filter(|(family, _)| prefix.is_none_or(|prefix| family.as_str() == prefix));
        let mut arns: Vec<_> =
            families.flat_map(|(_, all)| all).filter(|one| one.is_active() == active).map(|one| &one.arn).collect();
        if text(input, "sort") == Some("DESC") {
            arns.reverse();
        }
        let (arns, next) = page(arns, input["maxResults"].as_u64(), (100, 100), text(input, "nextToken"))?;
        Ok(json!({"taskDefinitionArns": arns, "nextToken": next}))
    }
}
