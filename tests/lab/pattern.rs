//! EventBridge event patterns: does an event match what a rule asks for?
//!
//! The rules of the game, as EventBridge has them: each field of the pattern must match; a field's list is an "or"; an
//! array in the event matches when one of its elements does, and all fields below an array of objects must match within
//! one and the same object; a field that the event does not have matches nothing but `exists: false`. An operator that
//! this file does not know is an error, never a silent "no".

mod matcher;

use serde_json::{Map, Value};

use matcher::Matcher;

/// A pattern that was read and found valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Node);

/// Why a pattern is not valid, with the path to the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Dotted path within the pattern, empty for the root.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl std::fmt::Display for PatternError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "event pattern at `{}`: {}", self.path, self.problem)
    }
}

impl std::error::Error for PatternError {}

/// One object of the pattern: all fields, and of each `$or` one alternative, must match.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    fields: Vec<(String, Field)>,
    alternatives: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
enum Field {
    Nested(Node),
    AnyOf(Vec<Matcher>),
}

impl Pattern {
    /// Reads a pattern.
    pub fn new(pattern: &Value) -> Result<Self, PatternError> {
        let Value::Object(fields) = pattern else { return Err(error("", "a pattern is an object")) };
        node(fields, "").map(Self)
    }

    /// Whether `event` (the full envelope) matches.
    pub fn matches(&self, event: &Value) -> bool {
        self.0.matches(event, &[event])
    }
}

impl Node {
    /// `one` is the object in question, `all` every object at the same path of the event: `exists: false` speaks of the
    /// path, not of one element of an array.
    fn matches(&self, one: &Value, all: &[&Value]) -> bool {
        let field_matches = |(name, field): &(String, Field)| {
            let here = one.get(name);
            let everywhere: Vec<&Value> = all.iter().filter_map(|each| each.get(name)).flat_map(elements).collect();
            match field {
                Field::Nested(node) => {
                    let candidates = here.map(elements).unwrap_or_default();
                    // A nested pattern may consist of `exists: false` alone, which an absent object satisfies.
                    (candidates.is_empty() && node.matches(&Value::Null, &everywhere))
                        || candidates.iter().any(|each| node.matches(each, &everywhere))
                }
                Field::AnyOf(matchers) => {
                    let leaves = here.map(leaves).unwrap_or_default();
                    let absent = !everywhere.iter().any(|each| is_leaf(each));
                    matchers.iter().any(|matcher| matcher.matches(&leaves, absent))
                }
            }
        };
        self.fields.iter().all(field_matches)
            && (self.alternatives.is_empty() || self.alternatives.iter().any(|node| node.matches(one, all)))
    }
}

/// The elements of an array, nested arrays laid flat; anything else is its own only element.
fn elements(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(elements).collect(),
        single => vec![single],
    }
}

fn leaves(value: &Value) -> Vec<&Value> {
    elements(value).into_iter().filter(|each| is_leaf(each)).collect()
}

fn is_leaf(value: &Value) -> bool {
    !value.is_object()
}

fn error(path: &str, problem: impl Into<String>) -> PatternError {
    PatternError { path: path.to_owned(), problem: problem.into() }
}

fn node(object: &Map<String, Value>, path: &str) -> Result<Node, PatternError> {
    if object.is_empty() {
        return Err(error(path, "an empty object matches nothing that could be meant"));
    }
    let mut fields = Vec::new();
    let mut alternatives = Vec::new();
    for (name, value) in object {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Array(items) if name == "$or" => {
                if items.len() < 2 {
                    return Err(error(&path, "$or needs two alternatives or more"));
                }
                for item in items {
                    let Value::Object(object) = item else { return Err(error(&path, "$or lists objects")) };
                    alternatives.push(node(object, &path)?);
                }
            }
            Value::Object(object) => fields.push((name.clone(), Field::Nested(node(object, &path)?))),
            Value::Array(items) if items.is_empty() => return Err(error(&path, "an empty list matches nothing")),
            Value::Array(items) => {
                let matchers = items.iter().map(|item| Matcher::new(item).map_err(|problem| error(&path, problem)));
                fields.push((name.clone(), Field::AnyOf(matchers.collect::<Result<_, _>>()?)));
            }
            _ => return Err(error(&path, "a value must be in a list")),
        }
    }
    Ok(Node { fields, alternatives })
}

#[cfg(test)]
mod tests;
