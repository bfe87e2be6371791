//! What the API does with a table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::condition::Condition;
use super::placeholders::Placeholders;
use super::table::{Key, Table, name_in};
use super::update::Update;
use super::{Item, invalid, no_such_table};
use crate::wire::ApiError;

type Tables = BTreeMap<String, Table>;
type Reply = Result<Value, ApiError>;

pub(super) fn get(table: &Table, input: &Value) -> Reply {
    let (key, _) = table.key(input.get("Key"))?;
    Ok(table.get(&key).map_or_else(|| json!({}), |item| json!({ "Item": item })))
}

pub(super) fn put(table: &mut Table, input: &Value) -> Reply {
    let write = Write::put(table, input)?;
    write.check(table)?;
    let old = write.apply(table)?;
    Ok(returned(input, old.as_ref(), None, &write))
}

pub(super) fn delete(table: &mut Table, input: &Value) -> Reply {
    let write = Write::delete(table, input)?;
    write.check(table)?;
    let old = write.apply(table)?;
    Ok(returned(input, old.as_ref(), None, &write))
}

pub(super) fn update(table: &mut Table, input: &Value) -> Reply {
    let write = Write::update(table, input)?;
    write.check(table)?;
    let old = write.apply(table)?;
    Ok(returned(input, old.as_ref(), table.get(&write.key), &write))
}

fn returned(input: &Value, old: Option<&Item>, new: Option<&Item>, write: &Write) -> Value {
    let touched = |item: &Item| -> Item {
        let Effect::Update(_, update) = &write.effect else { return Item::new() };
        update.touches().filter_map(|name| Some((name.to_owned(), item.get(name)?.clone()))).collect()
    };
    let attributes = match input.get("ReturnValues").and_then(Value::as_str) {
        Some("ALL_OLD") => old.cloned(),
        Some("ALL_NEW") => new.cloned(),
        Some("UPDATED_OLD") => old.map(touched),
        Some("UPDATED_NEW") => new.map(touched),
        _ => None,
    };
    attributes.map_or_else(|| json!({}), |attributes| json!({ "Attributes": attributes }))
}

/// One conditional write, read but not done.
struct Write {
    key: Key,
    condition: Option<Condition>,
    returns_item: bool,
    effect: Effect,
}

enum Effect {
    Put(Item),
    Update(Item, Update),
    Delete,
    Nothing,
}

impl Write {
    fn new(
        input: &Value,
        key: Key,
        effect: impl FnOnce(&Placeholders) -> Result<Effect, ApiError>,
    ) -> Result<Self, ApiError> {
        let placeholders = Placeholders::of(input)?;
        let effect = effect(&placeholders)?;
        let condition = condition(input, "ConditionExpression", &placeholders)?;
        placeholders.all_used()?;
        let returns_item = input.get("ReturnValuesOnConditionCheckFailure").is_some_and(|value| value == "ALL_OLD");
        Ok(Self { key, condition, returns_item, effect })
    }

    fn put(table: &Table, input: &Value) -> Result<Self, ApiError> {
        let item = input.get("Item").and_then(Value::as_object).cloned().unwrap_or_default();
        Self::new(input, table.checked(&item)?, |_| Ok(Effect::Put(item)))
    }

    fn delete(table: &Table, input: &Value) -> Result<Self, ApiError> {
        Self::new(input, table.key(input.get("Key"))?.0, |_| Ok(Effect::Delete))
    }

    fn check_only(table: &Table, input: &Value) -> Result<Self, ApiError> {
        Self::new(input, table.key(input.get("Key"))?.0, |_| Ok(Effect::Nothing))
    }

    fn update(table: &Table, input: &Value) -> Result<Self, ApiError> {
        let (key, key_item) = table.key(input.get("Key"))?;
        let expression = input.get("UpdateExpression").and_then(Value::as_str);
        Self::new(input, key, |placeholders| {
            let update = expression.map(|text| Update::new(text, placeholders)).transpose()?.unwrap_or_default();
            if let Some(name) = update.touches().find(|name| key_item.contains_key(*name)) {
                let message = "One or more parameter values were invalid: Cannot update attribute";
                return Err(invalid(format!("{message} {name}. This attribute is part of the key")));
            }
            Ok(Effect::Update(key_item, update))
        })
    }

    /// The item that keeps the write from being done, as an error.
    fn check(&self, table: &Table) -> Result<(), ApiError> {
        let found = table.get(&self.key);
        let nothing = Item::new();
        if self.condition.as_ref().is_none_or(|condition| condition.holds(found.unwrap_or(&nothing))) {
            return Ok(());
        }
        let extra = match found {
            Some(item) if self.returns_item => json!({ "Item": item }),
            _ => Value::Null,
        };
        Err(ApiError { extra, ..ApiError::client("ConditionalCheckFailedException", "The conditional request failed") })
    }

    /// Does the write; gives the item as it was.
    fn apply(&self, table: &mut Table) -> Result<Option<Item>, ApiError> {
        match &self.effect {
            Effect::Put(item) => Ok(table.put(self.key.clone(), item.clone())),
            Effect::Delete => Ok(table.remove(&self.key)),
            Effect::Nothing => Ok(None),
            Effect::Update(key_item, update) => {
                let item = update.apply(table.get(&self.key).unwrap_or(key_item))?;
                table.checked(&item)?;
                Ok(table.put(self.key.clone(), item))
            }
        }
    }
}

fn condition(input: &Value, key: &str, placeholders: &Placeholders) -> Result<Option<Condition>, ApiError> {
    let expression = input.get(key).and_then(Value::as_str);
    expression.map(|text| Condition::new(text, placeholders)).transpose()
}

pub(super) fn transact_write(tables: &mut Tables, input: &Value) -> Reply {
    let items = input.get("TransactItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() || items.len() > 100 {
        return Err(invalid("Member must have length between 1 and 100"));
    }
    let mut writes = Vec::new();
    let mut seen = BTreeSet::new();
    for item in items {
        let Some((kind, request)) = item.as_object().and_then(|object| object.iter().next()) else {
            return Err(invalid("TransactItems can only contain one of Check, Put, Update or Delete"));
        };
        let name = name_in(request.get("TableName").and_then(Value::as_str).unwrap_or_default()).to_owned();
        let table = tables.get(&name).ok_or_else(no_such_table)?;
        let write = match kind.as_str() {
            "Put" => Write::put(table, request)?,
            "Update" => Write::update(table, request)?,
            "Delete" => Write::delete(table, request)?,
            "ConditionCheck" => Write::check_only(table, request)?,
            _ => return Err(invalid("TransactItems can only contain one of Check, Put, Update or Delete")),
        };
        if !seen.insert((name.clone(), write.key.clone())) {
            return Err(invalid("Transaction request cannot include multiple operations on one item"));
        }
        writes.push((name, write));
    }
    let checks: Vec<Option<ApiError>> =
        writes.iter().map(|(name, write)| write.check(tables.get(name)?).err()).collect();
    if checks.iter().any(Option::is_some) {
        return Err(cancelled(&checks));
    }
    let before = tables.clone();
    for (name, write) in &writes {
        let applied = tables.get_mut(name).map(|table| write.apply(table)).transpose();
        if let Err(error) = applied {
            *tables = before;
            return Err(error);
        }
    }
    Ok(json!({}))
}

/// One reason for each item, in order; `None` for those that would have been done.
fn cancelled(checks: &[Option<ApiError>]) -> ApiError {
    let code = |check: &Option<ApiError>| if check.is_some() { "ConditionalCheckFailed" } else { "None" };
    let reason = |check: &Option<ApiError>| match check {
        None => json!({ "Code": "None" }),
        Some(error) => {
            let mut reason = json!({ "Code": code(check), "Message": error.message });
            if let (Some(item), Some(object)) = (error.extra.get("Item"), reason.as_object_mut()) {
                object.insert("Item".to_owned(), item.clone());
            }
            reason
        }
    };
    let codes: Vec<&str> = checks.iter().map(code).collect();
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons";
    let extra = json!({ "CancellationReasons": checks.iter().map(reason).collect::<Vec<_>>() });
    let message = format!("{message} [{}]", codes.join(", "));
    ApiError { extra, ..ApiError::client("TransactionCanceledException", message) }
}

pub(super) fn batch_get(tables: &Tables, input: &Value) -> Reply {
    let requests = input.get("RequestItems").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut responses = serde_json::Map::new();
    let mut seen = BTreeSet::new();
    for (name, request) in &requests {
        let table = tables.get(name_in(name)).ok_or_else(no_such_table)?;
        let mut found = Vec::new();
        for key in request.get("Keys").and_then(Value::as_array).into_iter().flatten() {
            let (key, _) = table.key(Some(key))?;
            found.extend(table.get(&key).map(|item| json!(item)));
            if !seen.insert((table.name(), key)) {
                return Err(invalid("Provided list of item keys contains duplicates"));
            }
        }
        responses.insert(name.clone(), found.into());
    }
    if seen.is_empty() || seen.len() > 100 {
        return Err(invalid("Too many items requested for the BatchGetItem call, or none"));
    }
    Ok(json!({ "Responses": responses, "UnprocessedKeys": {} }))
}

pub(super) fn query(table: &Table, input: &Value) -> Reply {
    let placeholders = Placeholders::of(input)?;
    let keys = condition(input, "KeyConditionExpression", &placeholders)?
        .ok_or_else(|| invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified"))?;
    if !keys.fixes(table.partition_key()) {
        return Err(invalid(format!("Query condition missed key schema element: {}", table.partition_key())));
    }
    if let Some(name) = keys.compares_with_nothing() {
        return Err(super::table::empty_key(name));
    }
    let filter = condition(input, "FilterExpression", &placeholders)?;
    placeholders.all_used()?;
    page(table, input, &|item| keys.holds(item), filter.as_ref())
}

pub(super) fn scan(table: &Table, input: &Value) -> Reply {
    let placeholders = Placeholders::of(input)?;
    let filter = condition(input, "FilterExpression", &placeholders)?;
    placeholders.all_used()?;
    page(table, input, &|_| true, filter.as_ref())
}

/// One page of what `wanted` lets through. The limit counts items before the filter, as on AWS.
fn page(table: &Table, input: &Value, wanted: &dyn Fn(&Item) -> bool, filter: Option<&Condition>) -> Reply {
    let backward = input.get("ScanIndexForward").is_some_and(|forward| forward == false);
    let limit = input.get("Limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let mut matching: Vec<&Item> = table.items().filter(|item| wanted(item)).collect();
    if backward {
        matching.reverse();
    }
    if let Some(start) = input.get("ExclusiveStartKey").filter(|start| !start.is_null()) {
        let (start, _) = table.key(Some(start))?;
        matching.retain(|item| match table.checked(item) {
            Ok(key) => {
                if backward {
                    key < start
                } else {
                    key > start
                }
            }
            Err(_) => false,
        });
    }
    let more = limit.is_some_and(|limit| matching.len() > limit);
    matching.truncate(limit.unwrap_or(usize::MAX));
    let last = matching.last().filter(|_| more).map(|item| table.key_item(item));
    let scanned = matching.len();
    matching.retain(|item| filter.is_none_or(|filter| filter.holds(item)));
    let mut reply = json!({ "Count": matching.len(), "ScannedCount": scanned });
    if let Some(object) = reply.as_object_mut() {
        if input.get("Select").is_none_or(|select| select != "COUNT") {
            object.insert("Items".to_owned(), json!(matching));
        }
        if let Some(last) = last {
            object.insert("LastEvaluatedKey".to_owned(), json!(last));
        }
    }
    Ok(reply)
}
