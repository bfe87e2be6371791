//! DynamoDB: tables with string keys, conditional writes, transactions, queries.
//!
//! Own code, though there is a crate that does this in-process (`winterbaume-dynamodb` 0.3). It was tried: right in most,
//! and 70 to 80 microseconds a call. But `ReturnValuesOnConditionCheckFailure` has no effect in it, and a key without its
//! sort key is taken; a clean build of it takes six CPU minutes; and it turns on the default features of `aws-config`,
//! which brings a second TLS stack and `aws-lc-sys` into every function of the workspace (docs/adr/0001).
//!
//! Not simulated: secondary indexes, streams, PartiQL, list elements in update paths, capacity, and expiry by TTL (an
//! expired item stays, as it may for days on AWS).

mod condition;
mod lexer;
mod operations;
mod placeholders;
mod table;
mod update;
mod value;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use crate::service::{Answer, Service, unknown_operation};
use crate::wire::{ApiError, Call, Outcome, Reply};
use table::Table;

/// An item: attribute values by name, in the notation of the API (`{"S": "text"}`).
pub type Item = Map<String, Value>;

/// The DynamoDB service. Clones share the tables.
#[derive(Clone, Debug, Default)]
pub struct DynamoDb(Arc<Mutex<BTreeMap<String, Table>>>);

impl Service for DynamoDb {
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a> {
        Box::pin(std::future::ready(self.answer(call)))
    }
}

impl DynamoDb {
    /// Makes a table, or leaves the one of that name as it is.
    pub fn create(&self, name: &str, partition_key: &str, sort_key: Option<&str>) {
        self.lock().entry(name.to_owned()).or_insert_with(|| Table::new(name, partition_key, sort_key));
    }

    /// All items of a table, sorted by key; empty when there is no such table.
    pub fn items(&self, table: &str) -> Vec<Item> {
        self.lock().get(table).map(|table| table.items().cloned().collect()).unwrap_or_default()
    }

    /// Answers one call.
    pub fn answer(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let mut tables = self.lock();
        let reply = match call.operation.as_str() {
            "ListTables" => json!({ "TableNames": tables.keys().collect::<Vec<_>>() }),
            "CreateTable" => return create(&mut tables, input),
            "BatchGetItem" => operations::batch_get(&tables, input)?,
            "TransactWriteItems" => operations::transact_write(&mut tables, input)?,
            "DescribeTable" => json!({ "Table": table_of(&mut tables, input)?.described() }),
            "GetItem" => operations::get(table_of(&mut tables, input)?, input)?,
            "PutItem" => operations::put(table_of(&mut tables, input)?, input)?,
            "UpdateItem" => operations::update(table_of(&mut tables, input)?, input)?,
            "DeleteItem" => operations::delete(table_of(&mut tables, input)?, input)?,
            "Query" => operations::query(table_of(&mut tables, input)?, input)?,
            "Scan" => operations::scan(table_of(&mut tables, input)?, input)?,
            _ => return unknown_operation(call),
        };
        Ok(Reply::Json(reply))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Table>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn table_of<'a>(tables: &'a mut BTreeMap<String, Table>, input: &Value) -> Result<&'a mut Table, ApiError> {
    let name = input.get("TableName").and_then(Value::as_str).unwrap_or_default();
    tables.get_mut(table::name_in(name)).ok_or_else(no_such_table)
}

fn create(tables: &mut BTreeMap<String, Table>, input: &Value) -> Outcome {
    let name = input.get("TableName").and_then(Value::as_str).ok_or_else(|| invalid("TableName is missing"))?;
    if tables.contains_key(name) {
        return Err(ApiError::client("ResourceInUseException", format!("Table already exists: {name}")));
    }
    let key = |kind: &str| {
        let schema = input.get("KeySchema")?.as_array()?;
        schema.iter().find(|key| key.get("KeyType").is_some_and(|value| value == kind))?.get("AttributeName")?.as_str()
    };
    let partition = key("HASH").ok_or_else(|| invalid("No hash key specified in schema"))?;
    let definitions =
        input.get("AttributeDefinitions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if definitions.iter().any(|definition| definition.get("AttributeType").is_some_and(|kind| kind != "S")) {
        return Err(invalid("the lab has tables with string keys only"));
    }
    let table = Table::new(name, partition, key("RANGE"));
    let described = table.described();
    tables.insert(name.to_owned(), table);
    Ok(Reply::Json(json!({ "TableDescription": described })))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::client("ValidationException", message)
}

fn no_such_table() -> ApiError {
    ApiError::client("ResourceNotFoundException", "Requested resource not found")
}

#[cfg(test)]
mod tests;
