//! A table: items in the order of their keys.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Item, invalid, value};
use crate::context::arn;
use crate::wire::ApiError;

/// Largest item in bytes; measured on its JSON here, which is a little larger than what DynamoDB counts.
const MAX_ITEM: usize = 400 * 1024;

/// Values of partition key and sort key.
pub(super) type Key = (String, String);

#[derive(Clone, Debug)]
pub(super) struct Table {
    name: String,
    partition_key: String,
    sort_key: Option<String>,
    items: BTreeMap<Key, Item>,
}

/// Name of a table given by name or ARN.
pub(super) fn name_in(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or_default()
}

/// What DynamoDB says to a key without a letter.
pub(super) fn empty_key(name: &str) -> ApiError {
    invalid(format!(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
         string value. Key: {name}"
    ))
}

impl Table {
    pub(super) fn new(name: &str, partition_key: &str, sort_key: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            partition_key: partition_key.to_owned(),
            sort_key: sort_key.map(str::to_owned),
            items: BTreeMap::new(),
        }
    }

    pub(super) fn described(&self) -> Value {
        let mut schema = vec![json!({ "AttributeName": self.partition_key, "KeyType": "HASH" })];
        schema.extend(self.sort_key.iter().map(|name| json!({ "AttributeName": name, "KeyType": "RANGE" })));
        let definitions = self.key_names().map(|name| json!({ "AttributeName": name, "AttributeType": "S" }));
        json!({
            "TableName": self.name,
            "TableStatus": "ACTIVE",
            "TableArn": arn("dynamodb", &format!("table/{}", self.name)),
            "KeySchema": schema,
            "AttributeDefinitions": definitions.collect::<Vec<_>>(),
            "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
            "ItemCount": self.items.len(),
        })
    }

    /// Names of the key attributes.
    pub(super) fn key_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.partition_key.as_str()).chain(self.sort_key.as_deref())
    }

    pub(super) fn partition_key(&self) -> &str {
        &self.partition_key
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn items(&self) -> impl DoubleEndedIterator<Item = &Item> {
        self.items.values()
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Item> {
        self.items.get(key)
    }

    pub(super) fn put(&mut self, key: Key, item: Item) -> Option<Item> {
        self.items.insert(key, item)
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Item> {
        self.items.remove(key)
    }

    /// The key attributes of an item.
    pub(super) fn key_item(&self, item: &Item) -> Item {
        self.key_names().filter_map(|name| Some((name.to_owned(), item.get(name)?.clone()))).collect()
    }

    /// Reads a parameter that consists of the key attributes and nothing else.
    pub(super) fn key(&self, key: Option<&Value>) -> Result<(Key, Item), ApiError> {
        let item = key.and_then(Value::as_object).cloned().unwrap_or_default();
        if item.len() != self.key_names().count() || !self.key_names().all(|name| item.contains_key(name)) {
            return Err(invalid("The provided key element does not match the schema"));
        }
        Ok((self.key_of(&item)?, item))
    }

    /// The key of an item, after a check of the whole item.
    pub(super) fn checked(&self, item: &Item) -> Result<Key, ApiError> {
        for value in item.values() {
            value::check(value)?;
        }
        if Value::Object(item.clone()).to_string().len() > MAX_ITEM {
            return Err(invalid("Item size has exceeded the maximum allowed size"));
        }
        self.key_of(item)
    }

    fn key_of(&self, item: &Item) -> Result<Key, ApiError> {
        let part = |name: &str| {
            let value = item.get(name).and_then(Value::as_object);
            let missing = || format!("One or more parameter values were invalid: Missing the key {name} in the item");
            let (kind, value) = value.and_then(|value| value.iter().next()).ok_or_else(|| invalid(missing()))?;
            match value.as_str() {
                Some(text) if kind == "S" && !text.is_empty() => Ok(text.to_owned()),
                Some(_) if kind == "S" => Err(empty_key(name)),
                _ => Err(invalid(format!(
                    "One or more parameter values were invalid: Type mismatch for key {name} expected: S actual: {kind}"
                ))),
            }
        };
        let sort = self.sort_key.as_deref().map_or(Ok(String::new()), part)?;
        Ok((part(&self.partition_key)?, sort))
    }
}
