//! `#names` and `:values` of a request. One that is not used is an error, as on AWS.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::lexer::{Token, syntax};
use super::{invalid, value};
use crate::wire::ApiError;

/// The placeholders of one request.
#[derive(Debug)]
pub(super) struct Placeholders {
    names: Map<String, Value>,
    values: Map<String, Value>,
    used: RefCell<BTreeSet<String>>,
}

/// One element of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Attribute(String),
    Index(usize),
}

/// Where an attribute is.
pub(super) type Path = Vec<Part>;

impl Placeholders {
    pub(super) fn of(input: &Value) -> Result<Self, ApiError> {
        let map = |key: &str| input.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        let values = map("ExpressionAttributeValues");
        values.values().try_for_each(value::check)?;
        Ok(Self { names: map("ExpressionAttributeNames"), values, used: RefCell::default() })
    }

    pub(super) fn value(&self, placeholder: &str) -> Result<Value, ApiError> {
        self.used.borrow_mut().insert(placeholder.to_owned());
        self.values.get(placeholder).cloned().ok_or_else(|| {
            invalid(format!(
                "Invalid expression: An expression attribute value used in expression is not defined; \
                 attribute value: {placeholder}"
            ))
        })
    }

    fn name(&self, placeholder: &str) -> Result<String, ApiError> {
        self.used.borrow_mut().insert(placeholder.to_owned());
        let name = self.names.get(placeholder).and_then(Value::as_str);
        name.map(str::to_owned).ok_or_else(|| {
            invalid(format!(
                "Invalid expression: An expression attribute name used in the document path is not defined; \
                 attribute name: {placeholder}"
            ))
        })
    }

    /// Reads a document path.
    pub(super) fn path(&self, tokens: &mut Vec<Token>) -> Result<Path, ApiError> {
        let mut path = vec![self.attribute(tokens)?];
        loop {
            match tokens.last() {
                Some(Token::Symbol(".")) => {
                    tokens.pop();
                    path.push(self.attribute(tokens)?);
                }
                Some(Token::Symbol("[")) => {
                    tokens.pop();
                    match (tokens.pop(), tokens.pop()) {
                        (Some(Token::Index(index)), Some(Token::Symbol("]"))) => path.push(Part::Index(index)),
                        _ => return Err(syntax("[")),
                    }
                }
                _ => return Ok(path),
            }
        }
    }

    fn attribute(&self, tokens: &mut Vec<Token>) -> Result<Part, ApiError> {
        match tokens.pop() {
            Some(Token::Name(placeholder)) => self.name(&placeholder).map(Part::Attribute),
            Some(Token::Word(word)) if RESERVED.contains(&word.to_ascii_uppercase().as_str()) => Err(invalid(format!(
                "Invalid expression: Attribute name is a reserved keyword; reserved keyword: {word}"
            ))),
            Some(Token::Word(word)) => Ok(Part::Attribute(word)),
            other => Err(syntax(&format!("{other:?}"))),
        }
    }

    /// Checks, after all expressions are read, that each placeholder was used.
    pub(super) fn all_used(&self) -> Result<(), ApiError> {
        let used = self.used.borrow();
        for (parameter, given) in [("Names", &self.names), ("Values", &self.values)] {
            if let Some(unused) = given.keys().find(|key| !used.contains(*key)) {
                let message = format!(
                    "Value provided in ExpressionAttribute{parameter} unused in expressions: keys: {{{unused}}}"
                );
                return Err(invalid(message));
            }
        }
        Ok(())
    }
}

/// Those of DynamoDB's 573 reserved words that are likely as attribute names, and the words of its expressions.
const RESERVED: [&str; 104] = [
    "ACTION",
    "ADD",
    "AGENT",
    "ALL",
    "AND",
    "ANY",
    "APPLICATION",
    "ARCHIVE",
    "ARRAY",
    "AS",
    "AT",
    "ATTRIBUTE",
    "AUTHORIZATION",
    "BASE",
    "BATCH",
    "BETWEEN",
    "BLOCK",
    "BUCKETS",
    "BY",
    "BYTES",
    "CAPACITY",
    "CLUSTER",
    "CODE",
    "CONDITION",
    "CONNECTION",
    "CONSISTENCY",
    "COUNT",
    "COUNTER",
    "CREATE",
    "CURRENT",
    "DATA",
    "DATABASE",
    "DATE",
    "DAY",
    "DEFAULT",
    "DELETE",
    "DESCRIBE",
    "DOMAIN",
    "DURATION",
    "END",
    "ERROR",
    "EXISTS",
    "EXPLAIN",
    "FAIL",
    "FILE",
    "FILTER",
    "FIRST",
    "GROUP",
    "HASH",
    "HOLD",
    "HOUR",
    "IN",
    "INDEX",
    "INSTANCE",
    "INTERVAL",
    "ITEM",
    "ITEMS",
    "KEY",
    "LAST",
    "LEVEL",
    "LIMIT",
    "LIST",
    "LOCATION",
    "LOCK",
    "MAP",
    "MESSAGE",
    "METHOD",
    "MODE",
    "NAME",
    "NOT",
    "NUMBER",
    "OBJECT",
    "OR",
    "OWNER",
    "PATH",
    "PLAN",
    "POLICY",
    "POSITION",
    "REASON",
    "REGION",
    "REMOVE",
    "RESOURCE",
    "RESULT",
    "ROLE",
    "ROLLBACK",
    "SET",
    "SIZE",
    "SNAPSHOT",
    "SOURCE",
    "START",
    "STATE",
    "STATUS",
    "SUBJECT",
    "TABLE",
    "TIME",
    "TIMESTAMP",
    "TOKEN",
    "TTL",
    "TYPE",
    "UPDATE",
    "USER",
    "VALUE",
    "VALUES",
    "YEAR",
];
