//! Condition, filter and key condition expressions.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::lexer::{Token, syntax, tokens};
use super::placeholders::{Part, Path, Placeholders};
use super::{Item, value};
use crate::wire::ApiError;

/// A condition that was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Or(Box<Condition>, Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, &'static str, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    IsType(Path, Operand),
    BeginsWith(Path, Operand),
    Contains(Path, Operand),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Path(Path),
    Value(Value),
    Size(Path),
}

impl Condition {
    /// Reads an expression.
    pub(super) fn new(expression: &str, placeholders: &Placeholders) -> Result<Self, ApiError> {
        let mut parser = Parser { tokens: tokens(expression)?, placeholders };
        let condition = parser.or()?;
        match parser.tokens.last() {
            None => Ok(condition),
            Some(token) => Err(syntax(&format!("{token:?}"))),
        }
    }

    /// Whether it holds for `item`; for an item that does not exist, pass an empty one.
    pub(super) fn holds(&self, item: &Item) -> bool {
        let compare = |left: &Operand, right: &Operand| value::compare(&left.of(item)?, &right.of(item)?);
        match self {
            Self::Or(left, right) => left.holds(item) || right.holds(item),
            Self::And(left, right) => left.holds(item) && right.holds(item),
            Self::Not(inner) => !inner.holds(item),
            Self::Compare(left, operator, right) => match (*operator, left.of(item), right.of(item)) {
                ("=", Some(left), Some(right)) => value::equal(&left, &right),
                ("<>", Some(left), Some(right)) => !value::equal(&left, &right),
                ("<>", left, right) => left.is_some() != right.is_some(),
                ("<", ..) => compare(left, right) == Some(Ordering::Less),
                ("<=", ..) => compare(left, right).is_some_and(Ordering::is_le),
                (">", ..) => compare(left, right) == Some(Ordering::Greater),
                (">=", ..) => compare(left, right).is_some_and(Ordering::is_ge),
                _ => false,
            },
            Self::Between(middle, low, high) => {
                compare(low, middle).is_some_and(Ordering::is_le) && compare(middle, high).is_some_and(Ordering::is_le)
            }
            Self::In(operand, list) => {
                let candidates = list.iter().filter_map(|candidate| candidate.of(item));
                operand.of(item).is_some_and(|found| candidates.into_iter().any(|each| value::equal(&each, &found)))
            }
            Self::Exists(path) => at(item, path).is_some(),
            Self::NotExists(path) => at(item, path).is_none(),
            Self::IsType(path, kind) => {
                let kind = kind.of(item).and_then(|kind| Some(kind.get("S")?.as_str()?.to_owned()));
                at(item, path).and_then(value::parts).is_some_and(|(found, _)| Some(found) == kind.as_deref())
            }
            Self::BeginsWith(path, prefix) => {
                let text = |value: &Value| Some(value.get("S").or_else(|| value.get("B"))?.as_str()?.to_owned());
                let (found, prefix) = (at(item, path).and_then(text), prefix.of(item).as_ref().and_then(text));
                matches!((found, prefix), (Some(found), Some(prefix)) if found.starts_with(&prefix))
            }
            Self::Contains(path, part) => {
                let (Some(found), Some(part)) = (at(item, path).and_then(value::parts), part.of(item)) else {
                    return false;
                };
                match (found, value::parts(&part)) {
                    (("S", Value::String(text)), Some(("S", Value::String(part)))) => text.contains(part.as_str()),
                    (("L", Value::Array(items)), _) => items.iter().any(|each| value::equal(each, &part)),
                    (("SS" | "NS" | "BS", Value::Array(items)), Some((_, part))) => items.contains(part),
                    _ => false,
                }
            }
        }
    }

    /// Whether the partition key must equal a value, in this condition or in one side of its `AND`.
    pub(super) fn fixes(&self, partition_key: &str) -> bool {
        match self {
            Self::And(left, right) => left.fixes(partition_key) || right.fixes(partition_key),
            Self::Compare(Operand::Path(path), "=", Operand::Value(_)) => {
                matches!(path.as_slice(), [Part::Attribute(name)] if name == partition_key)
            }
            _ => false,
        }
    }

    /// The attribute that is held against an empty text, in a condition on keys: no key is empty, not even at its beginning.
    pub(super) fn compares_with_nothing(&self) -> Option<&str> {
        let is_empty =
            |operand: &Operand| matches!(operand, Operand::Value(value) if value["S"] == "" || value["B"] == "");
        let (path, operands): (_, Vec<&Operand>) = match self {
            Self::And(left, right) => return left.compares_with_nothing().or_else(|| right.compares_with_nothing()),
            Self::Compare(Operand::Path(path), _, operand) | Self::BeginsWith(path, operand) => (path, vec![operand]),
            Self::Between(Operand::Path(path), low, high) => (path, vec![low, high]),
            _ => return None,
        };
        let name =
            path.iter().find_map(|part| if let Part::Attribute(name) = part { Some(name.as_str()) } else { None });
        name.filter(|_| operands.into_iter().any(is_empty))
    }
}

impl Operand {
    fn of(&self, item: &Item) -> Option<Value> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Path(path) => at(item, path).cloned(),
            Self::Size(path) => {
                let (_, content) = value::parts(at(item, path)?)?;
                let size = match content {
                    Value::String(text) => text.len(),
                    Value::Array(items) => items.len(),
                    Value::Object(map) => map.len(),
                    _ => return None,
                };
                Some(json!({ "N": size.to_string() }))
            }
        }
    }
}

/// The attribute value at a path.
pub(super) fn at<'a>(item: &'a Item, path: &[Part]) -> Option<&'a Value> {
    let (Part::Attribute(first), rest) = path.split_first()? else { return None };
    rest.iter().try_fold(item.get(first)?, |value, part| match part {
        Part::Attribute(name) => value.get("M")?.get(name),
        Part::Index(index) => value.get("L")?.get(*index),
    })
}

struct Parser<'a> {
    tokens: Vec<Token>,
    placeholders: &'a Placeholders,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Condition, ApiError> {
        let mut left = self.and()?;
        while self.keyword("OR") {
            left = Condition::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Condition, ApiError> {
        let mut left = self.not()?;
        while self.keyword("AND") {
            left = Condition::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Condition, ApiError> {
        if self.keyword("NOT") { Ok(Condition::Not(Box::new(self.not()?))) } else { self.primary() }
    }

    fn primary(&mut self) -> Result<Condition, ApiError> {
        if self.symbol("(") {
            let inner = self.or()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Some(function) = self.function() {
            return self.call(&function);
        }
        let left = self.operand()?;
        if self.keyword("BETWEEN") {
            let low = self.operand()?;
            if !self.keyword("AND") {
                return Err(syntax("BETWEEN"));
            }
            return Ok(Condition::Between(left, low, self.operand()?));
        }
        if self.keyword("IN") {
            self.expect("(")?;
            let mut list = vec![self.operand()?];
            while self.symbol(",") {
                list.push(self.operand()?);
            }
            self.expect(")")?;
            return Ok(Condition::In(left, list));
        }
        match self.tokens.pop() {
            Some(Token::Symbol(operator @ ("=" | "<>" | "<" | "<=" | ">" | ">="))) => {
                Ok(Condition::Compare(left, operator, self.operand()?))
            }
            other => Err(syntax(&format!("{other:?}"))),
        }
    }

    /// The name of a condition function, if one is called next. `size` is an operand, not a condition.
    fn function(&mut self) -> Option<String> {
        let [.., Token::Symbol("("), Token::Word(word)] = self.tokens.as_slice() else { return None };
        let word = Some(word.clone()).filter(|word| word != "size")?;
        self.tokens.truncate(self.tokens.len() - 2);
        Some(word)
    }

    fn call(&mut self, function: &str) -> Result<Condition, ApiError> {
        let path = self.placeholders.path(&mut self.tokens)?;
        let condition = match function {
            "attribute_exists" => Condition::Exists(path),
            "attribute_not_exists" => Condition::NotExists(path),
            "attribute_type" | "begins_with" | "contains" => {
                self.expect(",")?;
                let operand = self.operand()?;
                match function {
                    "attribute_type" => Condition::IsType(path, operand),
                    "begins_with" => Condition::BeginsWith(path, operand),
                    _ => Condition::Contains(path, operand),
                }
            }
            _ => {
                return Err(super::invalid(format!("Invalid expression: Invalid function name; function: {function}")));
            }
        };
        self.expect(")")?;
        Ok(condition)
    }

    fn operand(&mut self) -> Result<Operand, ApiError> {
        match self.tokens.as_slice() {
            [.., Token::Value(placeholder)] => {
                let value = self.placeholders.value(placeholder)?;
                self.tokens.pop();
                Ok(Operand::Value(value))
            }
            [.., Token::Symbol("("), Token::Word(word)] if word == "size" => {
                self.tokens.truncate(self.tokens.len() - 2);
                let path = self.placeholders.path(&mut self.tokens)?;
                self.expect(")")?;
                Ok(Operand::Size(path))
            }
            _ => self.placeholders.path(&mut self.tokens).map(Operand::Path),
        }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        self.next_if(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword)))
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        self.next_if(|token| matches!(token, Token::Symbol(found) if *found == symbol))
    }

    fn next_if(&mut self, wanted: impl Fn(&Token) -> bool) -> bool {
        let found = self.tokens.last().is_some_and(wanted);
        if found {
            self.tokens.pop();
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), ApiError> {
        let near = self.tokens.last().map(|token| format!("{token:?}")).unwrap_or_default();
        if self.symbol(symbol) { Ok(()) } else { Err(syntax(&near)) }
    }
}
