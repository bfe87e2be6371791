//! The Resource Groups Tagging API, over the tags of ECS services.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ecs::Ecs;
use crate::input::{items, page, text, texts};
use crate::service::unknown_operation;
use crate::wire::{ApiError, Call, Outcome, Reply};

/// Answers one call; reads services as `DescribeServices` would at the same time.
pub(crate) fn call(ecs: &Ecs, now: Timestamp, call: &Call, stale: bool) -> Outcome {
    match call.operation.as_str() {
        "GetResources" => get_resources(ecs, now, &call.input, stale).map(Reply::Json),
        _ => unknown_operation(call),
    }
}

fn get_resources(ecs: &Ecs, now: Timestamp, input: &Value, stale: bool) -> Result<Value, ApiError> {
    let types = texts(input, "ResourceTypeFilters");
    let filters = items(input, "TagFilters");
    if filters.len() > 50 || filters.iter().any(|filter| items(filter, "Values").len() > 20) {
        return Err(refused("At most 50 tag filters with 20 values each"));
    }
    let asked_for = types.is_empty() || types.contains(&"ecs:service") || types.contains(&"ecs");
    let all = if asked_for { ecs.tagged_services(now, stale) } else { Vec::new() };
    // A resource that never had a tag is not known to the tagging API.
    let found: Vec<_> = all
        .into_iter()
        .filter(|(_, tags)| !tags.is_empty() && filters.iter().all(|filter| passes(filter, tags)))
        .map(|(arn, tags)| json!({"ResourceARN": arn, "Tags": shown(tags)}))
        .collect();
    let size = input["ResourcesPerPage"].as_u64();
    let token = text(input, "PaginationToken");
    let (found, next) = page(found, size, (50, 100), token).map_err(|error| refused(&error.message))?;
    Ok(json!({"ResourceTagMappingList": found, "PaginationToken": next.unwrap_or_default()}))
}

fn passes(filter: &Value, tags: &BTreeMap<String, String>) -> bool {
    let values = texts(filter, "Values");
    let tag = text(filter, "Key").and_then(|key| tags.get(key));
    tag.is_some_and(|value| values.is_empty() || values.contains(&value.as_str()))
}

fn shown(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

fn refused(message: &str) -> ApiError {
    ApiError::client("InvalidParameterException", message)
}
