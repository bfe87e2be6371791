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
        .collect();
    let size = input["ResourcesPerPage"].as_u64();
    let token = text(input, "PaginationToken");
    let (found, next) = page(found, size, (50, 100), token).map_err(|error| refused(&error.message))?;
    let found = found.into_iter().map(|(arn, tags)| json!({"ResourceARN": arn, "Tags": shown(tags)}));
    let found: Vec<Value> = found.collect();
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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::account::Account;
    use crate::clock::VirtualClock;

    fn account() -> Account {
        let account = Account::new(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
        for (name, deploy, hold) in [("a", "follow", None), ("b", "any", Some("me")), ("c", "off", None)] {
            let mut service = account.service("shop", name).image("nginx").tag("steward:deploy", deploy);
            if let Some(hold) = hold {
                service = service.tag("steward:hold", hold);
            }
            service.create().unwrap();
        }
        account.service("shop", "untagged").image("nginx").create().unwrap();
        account
    }

    fn found(account: &Account, input: &Value) -> Vec<String> {
        let state = account.lock();
        let body = get_resources(&state.ecs, state.context.now, input, false).unwrap();
        let list = body["ResourceTagMappingList"].as_array().unwrap();
        list.iter().map(|one| one["ResourceARN"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn check(filters: &Value, expected: &[&str]) {
        let input = json!({"ResourceTypeFilters": ["ecs:service"], "TagFilters": filters});
        assert_eq!(found(&account(), &input), expected);
    }

    #[test]
    fn filters_are_all_of_the_keys_and_any_of_the_values() {
        check(&json!([]), &["a", "b", "c"]);
        check(&json!([{"Key": "steward:deploy"}]), &["a", "b", "c"]);
        check(&json!([{"Key": "steward:deploy", "Values": ["follow", "any"]}]), &["a", "b"]);
        check(&json!([{"Key": "steward:deploy", "Values": ["follow", "any"]}, {"Key": "steward:hold"}]), &["b"]);
        check(&json!([{"Key": "steward:deploy", "Values": ["f"]}]), &[]);
        assert!(found(&account(), &json!({"ResourceTypeFilters": ["rds:db"]})).is_empty());
    }

    #[test]
    fn pages_are_as_long_as_asked_for() {
        let state = account();
        let state = state.lock();
        let body = get_resources(&state.ecs, state.context.now, &json!({"ResourcesPerPage": 2}), false).unwrap();
        assert_eq!(body["ResourceTagMappingList"].as_array().unwrap().len(), 2);
        let input = json!({"ResourcesPerPage": 2, "PaginationToken": body["PaginationToken"]});
        let body = get_resources(&state.ecs, state.context.now, &input, false).unwrap();
        assert_eq!(body["ResourceTagMappingList"][0]["Tags"], json!([{"Key": "steward:deploy", "Value": "off"}]));
        assert_eq!(body["PaginationToken"], "");
    }

    #[test]
    fn a_new_tag_is_seen_when_the_lag_is_over() {
        let account = account();
        account.read_lag(SignedDuration::from_secs(10));
        let service = "arn:aws:ecs:eu-west-1:123456789012:service/shop/a";
        let tags = json!([{"key": "steward:hold", "value": "x"}]);
        account.ecs("TagResource", json!({"resourceArn": service, "tags": tags})).unwrap();
        let held = json!({"TagFilters": [{"Key": "steward:hold"}]});
        // Created less than ten seconds ago: the tagging API does not know any of them yet.
        assert!(found(&account, &held).is_empty());
        account.advance(SignedDuration::from_secs(10));
        assert_eq!(found(&account, &held), ["a", "b"]);
    }
}
