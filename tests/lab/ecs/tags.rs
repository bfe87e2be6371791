//! Tags of services and task definitions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::model::{Key, Service};
use super::{Ecs, TaskDefinition};
use crate::input::{invalid, items, required, text, texts};
use crate::wire::ApiError;

/// Most tags of a resource.
const MOST: usize = 50;

/// Refuses tags that AWS refuses: of a reserved key, too long, too many, or with a character outside the grammar.
pub(super) fn check(input: &Value) -> Result<(), ApiError> {
    let tags = items(input, "tags");
    if tags.len() > MOST {
        return Err(invalid("The number of tags exceeds the maximum of 50."));
    }
    for tag in tags {
        let (key, value) = (text(tag, "key").unwrap_or_default(), text(tag, "value").unwrap_or_default());
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("Tag keys that start with aws: are reserved."));
        }
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(invalid(format!("Tag {key} has an invalid length.")));
        }
        if !key.chars().chain(value.chars()).all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
        {
            return Err(invalid(format!("Tag {key} has characters that are not allowed.")));
        }
    }
    Ok(())
}

/// Tags as ECS lists them, by key.
pub(super) fn read(tags: &[Value]) -> BTreeMap<String, String> {
    let member = |tag: &Value, name| text(tag, name).unwrap_or_default().to_owned();
    tags.iter().map(|tag| (member(tag, "key"), member(tag, "value"))).collect()
}

/// Tags as ECS lists them.
pub(super) fn list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// The tags of a new task of a service: its own with `enableECSManagedTags`, others as `propagateTags` says.
pub(super) fn of_task(service: &Service, definition: Option<&TaskDefinition>) -> BTreeMap<String, String> {
    let mut tags = match service.setting(&["propagateTags"]).as_str() {
        Some("SERVICE") => service.tags.clone(),
        Some("TASK_DEFINITION") => definition.map(|known| read(&known.tags)).unwrap_or_default(),
        _ => BTreeMap::new(),
    };
    if service.setting(&["enableECSManagedTags"]) == true {
        tags.insert("aws:ecs:clusterName".to_owned(), service.key.0.clone());
        tags.insert("aws:ecs:serviceName".to_owned(), service.key.1.clone());
    }
    tags
}

impl Ecs {
    pub(super) fn tag_resource(&mut self, now: Timestamp, input: &Value) -> Result<Value, ApiError> {
        check(input)?;
        let added = items(input, "tags");
        self.change_tags(now, input, |tags| {
            tags.extend(read(added));
            tags.len() <= MOST
        })
    }

    pub(super) fn untag_resource(&mut self, now: Timestamp, input: &Value) -> Result<Value, ApiError> {
        let removed = texts(input, "tagKeys");
        self.change_tags(now, input, |tags| {
            tags.retain(|key, _| !removed.contains(&key.as_str()));
            true
        })
    }

    fn change_tags(
        &mut self,
        now: Timestamp,
        input: &Value,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> bool,
    ) -> Result<Value, ApiError> {
        let (resource, changed) = (required(input, "resourceArn")?, &mut BTreeMap::new());
        if let Some(key) = service_key(resource).filter(|key| self.services.contains_key(key)) {
            self.remember(&key, now);
            let tags = self.services.get_mut(&key).map_or(changed, |service| &mut service.tags);
            let mut wanted = tags.clone();
            if !change(&mut wanted) {
                return Err(invalid("The number of tags exceeds the maximum of 50."));
            }
            *tags = wanted;
            return Ok(json!({}));
        }
        if let Some(task) = self.task_of_arn(resource) {
            let mut wanted = task.tags.clone();
            if !change(&mut wanted) {
                return Err(invalid("The number of tags exceeds the maximum of 50."));
            }
            task.tags = wanted;
            return Ok(json!({}));
        }
        let definition = self.definitions.values_mut().flatten().find(|definition| definition.arn == resource);
        let definition = definition.ok_or_else(|| missing(resource))?;
        let mut tags = read(&definition.tags);
        if !change(&mut tags) {
            return Err(invalid("The number of tags exceeds the maximum of 50."));
        }
        definition.tags = list(&tags).as_array().cloned().unwrap_or_default();
        Ok(json!({}))
    }

    pub(super) fn list_tags_for_resource(&self, input: &Value) -> Result<Value, ApiError> {
        let resource = required(input, "resourceArn")?;
        if let Some(service) = service_key(resource).and_then(|key| self.services.get(&key)) {
            return Ok(json!({"tags": list(&service.tags)}));
        }
        let definition = self.definitions.values().flatten().find(|definition| definition.arn == resource);
        let definition = definition.ok_or_else(|| missing(resource))?;
        Ok(json!({"tags": definition.tags}))
    }
}

/// Cluster and name of a service's ARN `...:service/CLUSTER/NAME`.
fn service_key(arn: &str) -> Option<Key> {
    let (cluster, name) = arn.split_once(":service/")?.1.split_once('/')?;
    Some((cluster.to_owned(), name.to_owned()))
}

fn missing(resource: &str) -> ApiError {
    ApiError::client("ResourceNotFoundException", format!("The specified resource {resource} was not found."))
}
