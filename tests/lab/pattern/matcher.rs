//! One element of a pattern's list: a plain value or an operator.

use serde_json::Value;

/// What a single value of an event is held against.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Matcher {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    Wildcard(Vec<Glob>),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
    AnythingBut(Vec<Matcher>),
}

/// A piece of a wildcard: one character, or any number of any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Glob {
    Char(char),
    Star,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Matcher {
    /// Reads an element of a pattern's list.
    pub(super) fn new(item: &Value) -> Result<Self, String> {
        let Value::Object(object) = item else {
            return if item.is_array() {
                Err("a list within a list".to_owned())
            } else {
                Ok(Self::Equals(item.clone()))
            };
        };
        let mut entries = object.iter();
        let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
            return Err("an operator is an object with one field".to_owned());
        };
        match operator.as_str() {
            "exists" => operand.as_bool().map(Self::Exists).ok_or_else(|| "exists takes true or false".to_owned()),
            "numeric" => numeric(operand),
            "anything-but" => anything_but(operand),
            _ => text_operator(operator, operand),
        }
    }

    /// Whether one of the leaves at a path matches; `absent` says that the path has no leaf anywhere in the event.
    pub(super) fn matches(&self, leaves: &[&Value], absent: bool) -> bool {
        match self {
            Self::Exists(wanted) => {
                if *wanted {
                    !leaves.is_empty()
                } else {
                    absent
                }
            }
            _ => leaves.iter().any(|leaf| self.matches_leaf(leaf)),
        }
    }

    fn matches_leaf(&self, leaf: &Value) -> bool {
        let text = leaf.as_str();
        match self {
            Self::Equals(value) => leaf == value,
            Self::EqualsIgnoreCase(other) => text.is_some_and(|text| lower(text) == lower(other)),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::PrefixIgnoreCase(prefix) => text.is_some_and(|text| lower(text).starts_with(&lower(prefix))),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::SuffixIgnoreCase(suffix) => text.is_some_and(|text| lower(text).ends_with(&lower(suffix))),
            Self::Wildcard(globs) => {
                text.is_some_and(|text| wildcard_matches(globs, &text.chars().collect::<Vec<_>>()))
            }
            Self::Numeric(bounds) => leaf
                .as_f64()
                .is_some_and(|number| bounds.iter().all(|(comparison, bound)| comparison.holds(number, *bound))),
            Self::AnythingBut(matchers) => !matchers.iter().any(|matcher| matcher.matches_leaf(leaf)),
            Self::Exists(_) => false,
        }
    }
}

impl Comparison {
    #[expect(clippy::float_cmp, reason = "EventBridge compares for equality, too")]
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

fn text_operator(operator: &str, operand: &Value) -> Result<Matcher, String> {
    if let (Some(ignoring), true) = (operand.get("equals-ignore-case"), matches!(operator, "prefix" | "suffix")) {
        let text = string(operator, ignoring)?;
        return Ok(if operator == "prefix" {
            Matcher::PrefixIgnoreCase(text)
        } else {
            Matcher::SuffixIgnoreCase(text)
        });
    }
    match operator {
        "prefix" => string(operator, operand).map(Matcher::Prefix),
        "suffix" => string(operator, operand).map(Matcher::Suffix),
        "equals-ignore-case" => string(operator, operand).map(Matcher::EqualsIgnoreCase),
        "wildcard" => wildcard(&string(operator, operand)?).map(Matcher::Wildcard),
        _ => Err(format!("operator `{operator}` is not known to the lab")),
    }
}

fn string(operator: &str, operand: &Value) -> Result<String, String> {
    operand.as_str().map(str::to_owned).ok_or_else(|| format!("{operator} takes a string"))
}

fn anything_but(operand: &Value) -> Result<Matcher, String> {
    let matchers = match operand {
        Value::Object(object) => {
            let mut entries = object.iter();
            let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
                return Err("anything-but takes one operator".to_owned());
            };
            let operands = operand.as_array().map_or_else(|| vec![operand], |list| list.iter().collect());
            if !operands.iter().all(|operand| operand.is_string()) {
                return Err(format!("{operator} within anything-but takes strings"));
            }
            if matches!(operator.as_str(), "prefix" | "suffix") && operands.iter().any(|operand| *operand == "") {
                return Err(format!("{operator} within anything-but takes no empty string"));
            }
            operands.into_iter().map(|operand| text_operator(operator, operand)).collect::<Result<Vec<_>, _>>()?
        }
        Value::Array(items) if items.iter().any(Value::is_string) && items.iter().any(Value::is_number) => {
            return Err("anything-but takes either strings or numbers".to_owned());
        }
        Value::Array(items) => items.iter().map(plain).collect::<Result<_, _>>()?,
        single => vec![plain(single)?],
    };
    if matchers.is_empty() { Err("anything-but takes a value".to_owned()) } else { Ok(Matcher::AnythingBut(matchers)) }
}

fn plain(value: &Value) -> Result<Matcher, String> {
    match value {
        Value::String(_) | Value::Number(_) => Ok(Matcher::Equals(value.clone())),
        _ => Err("anything-but takes strings, numbers or one operator".to_owned()),
    }
}

fn numeric(operand: &Value) -> Result<Matcher, String> {
    let problem = || "numeric takes a list such as [\">\", 0, \"<=\", 5]".to_owned();
    let items = operand.as_array().filter(|items| matches!(items.len(), 2 | 4)).ok_or_else(problem)?;
    let bound = |pair: &[Value]| {
        let [comparison, number] = pair else { return Err(problem()) };
        let comparison = match comparison.as_str() {
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::LessOrEqual,
            Some("=") => Comparison::Equal,
            Some(">=") => Comparison::GreaterOrEqual,
            Some(">") => Comparison::Greater,
            _ => return Err(problem()),
        };
        Ok((comparison, number.as_f64().ok_or_else(problem)?))
    };
    items.chunks(2).map(bound).collect::<Result<_, _>>().map(Matcher::Numeric)
}

fn wildcard(text: &str) -> Result<Vec<Glob>, String> {
    let mut globs = Vec::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        globs.push(match char {
            '*' if globs.last() == Some(&Glob::Star) => return Err("two stars in a row".to_owned()),
            '*' => Glob::Star,
            '\\' => match chars.next() {
                Some(escaped @ ('*' | '\\')) => Glob::Char(escaped),
                _ => return Err("a backslash escapes a star or a backslash".to_owned()),
            },
            plain => Glob::Char(plain),
        });
    }
    Ok(globs)
}

fn wildcard_matches(globs: &[Glob], text: &[char]) -> bool {
    match (globs.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((Glob::Char(wanted), globs)), Some((char, text))) => wanted == char && wildcard_matches(globs, text),
        (Some((Glob::Star, rest)), _) => {
            wildcard_matches(rest, text) || text.split_first().is_some_and(|(_, text)| wildcard_matches(globs, text))
        }
        _ => false,
    }
}
