//! Reading a form of the Query protocol: lists are numbered from 1 in the names of its parameters.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kind::refused;
use super::model::Tags;
use crate::input::text;
use crate::wire::ApiError;

/// The texts `prefix.1`, `prefix.2`...
pub(super) fn list<'a>(input: &'a Value, prefix: &str) -> Vec<&'a str> {
    (1..).map_while(|number: u32| text(input, &format!("{prefix}.{number}"))).collect()
}

/// Filters with their values.
pub(super) fn filters(input: &Value) -> Vec<(&str, Vec<&str>)> {
    let filter = |number: u32| {
        let prefix = format!("Filters.Filter.{number}");
        let name = text(input, &format!("{prefix}.Name"))?;
        Some((name, list(input, &format!("{prefix}.Values.Value"))))
    };
    (1..).map_while(filter).collect()
}

/// The tags of a call, checked as RDS checks them; none given is an empty map.
pub(super) fn tags(input: &Value) -> Result<Tags, ApiError> {
    let pair = |number: u32| {
        let key = text(input, &format!("Tags.Tag.{number}.Key"))?;
        Some((key.to_owned(), text(input, &format!("Tags.Tag.{number}.Value")).unwrap_or_default().to_owned()))
    };
    let pairs: Vec<_> = (1..).map_while(pair).collect();
    if let Some((key, _)) = pairs.iter().find(|(key, value)| !is_fine(key, value)) {
        return Err(refused(format!("The tag {key} is invalid: a reserved prefix, a wrong length or character.")));
    }
    let count = pairs.len();
    let tags: BTreeMap<_, _> = pairs.into_iter().collect();
    if tags.len() < count {
        return Err(refused("Duplicate tag keys found."));
    }
    room_for(&tags)?;
    Ok(tags)
}

/// Nothing has more than 50 tags.
pub(super) fn room_for(tags: &Tags) -> Result<(), ApiError> {
    if tags.len() > 50 { Err(refused("A resource can have at most 50 tags.")) } else { Ok(()) }
}

fn is_fine(key: &str, value: &str) -> bool {
    let known = |char: char| char.is_alphanumeric() || char.is_whitespace() || "_.:/=+-@".contains(char);
    let reserved = ["aws:", "rds:"].iter().any(|prefix| key.starts_with(prefix));
    let sizes = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
    !reserved && sizes && key.chars().all(known) && value.chars().all(known)
}

/// A yes or no; no, when it is not given.
pub(super) fn flag(input: &Value, name: &str) -> bool {
    text(input, name) == Some("true")
}

/// The identifier in the ARN of a database or snapshot, or the identifier itself: those of automated snapshots have a
/// colon of their own.
pub(super) fn identifier(text: &str) -> &str {
    if text.starts_with("arn:") { text.splitn(7, ':').nth(6).unwrap_or_default() } else { text }
}
