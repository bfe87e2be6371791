//! Splits an expression into tokens.

use super::invalid;
use crate::wire::ApiError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A word as written: a keyword, a function or an attribute.
    Word(String),
    /// `#name`, with the sharp.
    Name(String),
    /// `:value`, with the colon.
    Value(String),
    /// A number within brackets.
    Index(usize),
    /// `=`, `<>`, `<`, `<=`, `>`, `>=`, and punctuation.
    Symbol(&'static str),
}

const SYMBOLS: [&str; 14] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "[", "]", "+", "-"];

/// The tokens of `expression`, last one first, so that a parser pops them.
pub(super) fn tokens(expression: &str) -> Result<Vec<Token>, ApiError> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = |from: usize| {
            let tail = rest.get(from..).unwrap_or_default();
            from + tail.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).unwrap_or(tail.len())
        };
        let (token, used) = if first == '#' || first == ':' {
            let used = length(1);
            let text = rest.get(..used).unwrap_or_default().to_owned();
            (if first == '#' { Token::Name(text) } else { Token::Value(text) }, used)
        } else if first.is_ascii_digit() {
            let used = length(0);
            (Token::Index(rest.get(..used).and_then(|text| text.parse().ok()).ok_or_else(|| syntax(rest))?), used)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let used = length(0);
            (Token::Word(rest.get(..used).unwrap_or_default().to_owned()), used)
        } else {
            let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)).ok_or_else(|| syntax(rest))?;
            (Token::Symbol(symbol), symbol.len())
        };
        tokens.push(token);
        rest = rest.get(used..).unwrap_or_default().trim_start();
    }
    tokens.reverse();
    Ok(tokens)
}

/// The error for an expression that cannot be read from `near` on.
pub(super) fn syntax(near: &str) -> ApiError {
    let near: String = near.chars().take(20).collect();
    invalid(format!("Invalid expression: Syntax error; near: \"{near}\""))
}
