//! Update expressions: `SET`, `REMOVE`, `ADD`, `DELETE`.

use serde_json::{Value, json};

use super::condition::at;
use super::lexer::{Token, syntax, tokens};
use super::placeholders::{Part, Path, Placeholders};
use super::{Item, invalid, value};
use crate::wire::ApiError;

/// An update that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Update {
    actions: Vec<Action>,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Set(Path, Term),
    Remove(Path),
    Add(Path, Value),
    Delete(Path, Value),
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Value(Value),
    Path(Path),
    IfNotExists(Path, Box<Term>),
    ListAppend(Box<Term>, Box<Term>),
    Sum(Box<Term>, bool, Box<Term>),
}

impl Update {
    /// Reads an expression.
    pub(super) fn new(expression: &str, placeholders: &Placeholders) -> Result<Self, ApiError> {
        let mut tokens = tokens(expression)?;
        let mut actions = Vec::new();
        while let Some(token) = tokens.pop() {
            let Token::Word(clause) = &token else { return Err(syntax(&format!("{token:?}"))) };
            let clause = clause.to_ascii_uppercase();
            loop {
                let path = placeholders.path(&mut tokens)?;
                actions.push(match clause.as_str() {
                    "SET" => {
                        expect(&mut tokens, "=")?;
                        Action::Set(path, sum(&mut tokens, placeholders)?)
                    }
                    "REMOVE" => Action::Remove(path),
                    "ADD" | "DELETE" => {
                        let Some(Token::Value(placeholder)) = tokens.pop() else { return Err(syntax(&clause)) };
                        let value = placeholders.value(&placeholder)?;
                        if clause == "ADD" { Action::Add(path, value) } else { Action::Delete(path, value) }
                    }
                    _ => return Err(syntax(&clause)),
                });
                if !matches!(tokens.last(), Some(Token::Symbol(","))) {
                    break;
                }
                tokens.pop();
            }
        }
        Ok(Self { actions })
    }

    /// Names of the attributes that it touches.
    pub(super) fn touches(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().filter_map(|action| match action {
            Action::Set(path, _) | Action::Remove(path) | Action::Add(path, _) | Action::Delete(path, _) => {
                match path.first() {
                    Some(Part::Attribute(name)) => Some(name.as_str()),
                    _ => None,
                }
            }
        })
    }

    /// The item after the update. All terms see the item as it was before.
    pub(super) fn apply(&self, before: &Item) -> Result<Item, ApiError> {
        let mut item = before.clone();
        for action in &self.actions {
            match action {
                Action::Set(path, term) => set(&mut item, path, term.of(before)?)?,
                Action::Remove(path) => remove(&mut item, path),
                Action::Add(path, operand) => {
                    let value = match at(before, path) {
                        None => operand.clone(),
                        Some(old) => added(old, operand)?,
                    };
                    set(&mut item, path, value)?;
                }
                Action::Delete(path, operand) => match at(before, path).map(|old| without(old, operand)).transpose()? {
                    Some(Some(value)) => set(&mut item, path, value)?,
                    Some(None) => remove(&mut item, path),
                    None => {}
                },
            }
        }
        Ok(item)
    }
}

impl Term {
    fn of(&self, item: &Item) -> Result<Value, ApiError> {
        let missing = || invalid("The provided expression refers to an attribute that does not exist in the item");
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Path(path) => at(item, path).cloned().ok_or_else(missing),
            Self::IfNotExists(path, default) => at(item, path).cloned().map_or_else(|| default.of(item), Ok),
            Self::ListAppend(first, second) => match (first.of(item)?.get("L"), second.of(item)?.get("L")) {
                (Some(Value::Array(first)), Some(Value::Array(second))) => {
                    let joined = [first.as_slice(), second.as_slice()].concat();
                    Ok(json!({ "L": joined }))
                }
                _ => Err(wrong_type()),
            },
            Self::Sum(left, plus, right) => sum_of(&left.of(item)?, *plus, &right.of(item)?),
        }
    }
}

fn sum_of(left: &Value, plus: bool, right: &Value) -> Result<Value, ApiError> {
    let number = |value: &Value| value.get("N").and_then(|text| value::number(text.as_str()?)).ok_or_else(wrong_type);
    let (left, right) = (number(left)?, number(right)?);
    Ok(json!({ "N": (if plus { left + right } else { left - right }).to_string() }))
}

fn added(old: &Value, operand: &Value) -> Result<Value, ApiError> {
    match (value::parts(old), value::parts(operand)) {
        (Some(("N", _)), Some(("N", _))) => sum_of(old, true, operand),
        (Some((kind @ ("SS" | "NS" | "BS"), Value::Array(old))), Some((other, Value::Array(new)))) if kind == other => {
            let fresh = new.iter().filter(|item| !old.contains(item));
            Ok(json!({ kind: old.iter().chain(fresh).collect::<Vec<_>>() }))
        }
        _ => Err(wrong_type()),
    }
}

/// A set without some elements; `None` when nothing is left.
fn without(old: &Value, operand: &Value) -> Result<Option<Value>, ApiError> {
    match (value::parts(old), value::parts(operand)) {
        (Some((kind @ ("SS" | "NS" | "BS"), Value::Array(old))), Some((other, Value::Array(gone))))
            if kind == other =>
        {
            let left: Vec<&Value> = old.iter().filter(|item| !gone.contains(item)).collect();
            Ok(if left.is_empty() { None } else { Some(json!({ kind: left })) })
        }
        _ => Err(wrong_type()),
    }
}

fn wrong_type() -> ApiError {
    invalid("An operand in the update expression has an incorrect data type")
}

fn set(item: &mut Item, path: &[Part], value: Value) -> Result<(), ApiError> {
    let bad_path = || invalid("The document path provided in the update expression is invalid for update");
    match path {
        [Part::Attribute(name)] => {
            item.insert(name.clone(), value);
            Ok(())
        }
        [Part::Attribute(name), rest @ ..] => {
            let map = item.get_mut(name).and_then(|outer| outer.get_mut("M")?.as_object_mut());
            set(map.ok_or_else(bad_path)?, rest, value)
        }
        _ => Err(invalid("the lab does not update elements of lists")),
    }
}

fn remove(item: &mut Item, path: &[Part]) {
    match path {
        [Part::Attribute(name)] => {
            item.shift_remove(name);
        }
        [Part::Attribute(name), rest @ ..] => {
            if let Some(map) = item.get_mut(name).and_then(|outer| outer.get_mut("M")?.as_object_mut()) {
                remove(map, rest);
            }
        }
        _ => {}
    }
}

fn sum(tokens: &mut Vec<Token>, placeholders: &Placeholders) -> Result<Term, ApiError> {
    let left = term(tokens, placeholders)?;
    let plus = match tokens.last() {
        Some(Token::Symbol("+")) => true,
        Some(Token::Symbol("-")) => false,
        _ => return Ok(left),
    };
    tokens.pop();
    Ok(Term::Sum(Box::new(left), plus, Box::new(term(tokens, placeholders)?)))
}

fn term(tokens: &mut Vec<Token>, placeholders: &Placeholders) -> Result<Term, ApiError> {
    match tokens.as_slice() {
        [.., Token::Value(placeholder)] => {
            let value = placeholders.value(placeholder)?;
            tokens.pop();
            Ok(Term::Value(value))
        }
        [.., Token::Symbol("("), Token::Word(function)] => {
            let function = function.clone();
            tokens.truncate(tokens.len() - 2);
            let call = match function.as_str() {
                "if_not_exists" => {
                    let path = placeholders.path(tokens)?;
                    expect(tokens, ",")?;
                    Term::IfNotExists(path, Box::new(sum(tokens, placeholders)?))
                }
                "list_append" => {
                    let first = term(tokens, placeholders)?;
                    expect(tokens, ",")?;
                    Term::ListAppend(Box::new(first), Box::new(term(tokens, placeholders)?))
                }
                _ => {
                    return Err(invalid(format!(
                        "Invalid UpdateExpression: Invalid function name; function: {function}"
                    )));
                }
            };
            expect(tokens, ")")?;
            Ok(call)
        }
        _ => placeholders.path(tokens).map(Term::Path),
    }
}

fn expect(tokens: &mut Vec<Token>, symbol: &str) -> Result<(), ApiError> {
    match tokens.pop() {
        Some(Token::Symbol(found)) if found == symbol => Ok(()),
        other => Err(syntax(&format!("{other:?}"))),
    }
}
