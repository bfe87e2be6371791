//! A whole partition of the state table at once. By itself, as only few functions are allowed to list.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use crate::failure::CallFailure;
use crate::state::{Key, Table};

/// Reads all items of a partition whose sort key begins with `prefix`, consistently; all of them if it is empty.
///
/// # Errors
/// The failed call, or an item that this version of Steward cannot read.
pub async fn items<T: DeserializeOwned + Default>(
    table: &Table,
    pk: &str,
    prefix: &str,
) -> Result<Vec<T>, CallFailure> {
    let query = table.client.query().table_name(&table.name).consistent_read(true);
    let query = query.expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()));
    // DynamoDB refuses an empty string as the value of a key.
    let query = if prefix.is_empty() {
        query.key_condition_expression("pk = :pk")
    } else {
        let prefix = AttributeValue::S(prefix.to_owned());
        let query = query.expression_attribute_values(":prefix", prefix);
        query.key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
    };
    let mut pages = query.into_paginator().items().send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.map_err(|error| CallFailure::new("dynamodb:Query", &table.name, &error))?;
        items.push(table.read::<T>(&Key::new(pk, prefix), &item)?.item);
    }
    Ok(items)
}
