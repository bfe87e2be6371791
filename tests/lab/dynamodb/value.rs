//! Attribute values: what is one, and how two of them compare.

use std::cmp::Ordering;

use serde_json::Value;

use super::invalid;
use crate::wire::ApiError;

/// Type and content of an attribute value.
pub(super) fn parts(value: &Value) -> Option<(&str, &Value)> {
    let mut entries = value.as_object()?.iter();
    match (entries.next(), entries.next()) {
        (Some((kind, content)), None) => Some((kind, content)),
        _ => None,
    }
}

/// Checks that `value` is an attribute value.
pub(super) fn check(value: &Value) -> Result<(), ApiError> {
    let problem = || {
        invalid(
            "Supplied AttributeValue has an unknown type, or is empty, must contain exactly one of the supported datatypes",
        )
    };
    let (kind, content) = parts(value).ok_or_else(problem)?;
    let texts = || content.as_array().filter(|items| !items.is_empty() && items.iter().all(Value::is_string));
    let right = match kind {
        "S" | "B" => content.is_string(),
        "N" => match content.as_str().and_then(number) {
            Some(_) => true,
            None => return Err(invalid("A value provided cannot be converted into a number")),
        },
        "BOOL" => content.is_boolean(),
        "NULL" => content == true,
        "SS" | "BS" | "NS" => texts().is_some(),
        "L" => return content.as_array().ok_or_else(problem)?.iter().try_for_each(check),
        "M" => return content.as_object().ok_or_else(problem)?.values().try_for_each(check),
        _ => false,
    };
    if right { Ok(()) } else { Err(problem()) }
}

/// A number, as far as a double can tell: versions, times and counts are exact.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Equal as DynamoDB sees it: `1` and `1.0` are, a number and a string never are.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (parts(left), parts(right)) {
        (Some(("N", _)), Some(("N", _))) => compare(left, right) == Some(Ordering::Equal),
        (Some((kind @ ("SS" | "NS" | "BS"), left)), Some((other, right))) if kind == other => {
            let sorted = |set: &Value| {
                let mut items: Vec<String> = set.as_array().into_iter().flatten().map(Value::to_string).collect();
                items.sort();
                items
            };
            sorted(left) == sorted(right)
        }
        _ => left == right,
    }
}

/// The order of two values of one type that has an order.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    let ((kind, left), (other, right)) = (parts(left)?, parts(right)?);
    let (left, right) = (left.as_str()?, right.as_str()?);
    match (kind, other) {
        ("N", "N") => number(left)?.partial_cmp(&number(right)?),
        ("S", "S") | ("B", "B") => Some(left.as_bytes().cmp(right.as_bytes())),
        _ => None,
    }
}
