//! Takes out of foreign text what looks like a secret, before people are shown it.
//!
//! A log line is not ours: it may hold whatever the application was careless enough to write. Better a word too many is
//! hidden than one too few.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

const HIDDEN: &str = "[redacted]";

/// The part of a name by which its value is a secret.
macro_rules! names {
    () => {
        "(?:passw|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|authorization|cookie|session[_-]?id|signature|dsn)"
    };
}

/// Each pattern hides its whole match, except for the groups `keep` before and `tail` after.
const PATTERNS: [&str; 8] = [
    // User and password in a connection string; the scheme and the host stay.
    r"(?P<keep>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/@]*:[^\s@]*(?P<tail>@)",
    // A private key, up to the end of the line.
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*",
    // `Authorization: Bearer ...`, `Basic ...`
    r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}",
    // A JSON Web Token.
    r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
    // Keys whose form gives them away: AWS, GitHub, Slack, Stripe, Google.
    r"\b(?:(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}|gh[pousr]_[A-Za-z0-9]{16,}|xox[a-z]-[A-Za-z0-9-]{8,}|[sr]k_(?:live|test)_[A-Za-z0-9]{8,}|AIza[A-Za-z0-9_-]{20,})",
    // A name that says secret, and its quoted value.
    concat!(
        r#"(?i)(?P<keep>[A-Za-z0-9_.-]*"#,
        names!(),
        r#"[A-Za-z0-9_.-]*["']?\s*(?:=>|[:=])\s*)(?:"(?:[^"\\]|\\.)*"?|'[^']*'?)"#
    ),
    // The same with a bare value.
    concat!(r#"(?i)(?P<keep>[A-Za-z0-9_.-]*"#, names!(), r#"[A-Za-z0-9_.-]*\s*(?:=>|[:=])\s*)[^\s,;&"'\[]+"#),
    // An option of a command line, and its value as the next word.
    concat!(r"(?i)(?P<keep>(?:^|\s)--?[A-Za-z0-9_.-]*", names!(), r"[A-Za-z0-9_.-]*\s+)[^\s\[-]\S*"),
];

static SECRETS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| PATTERNS.iter().filter_map(|text| Regex::new(text).ok()).collect());
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("[A-Za-z0-9/+_=-]{32,}").ok());

/// The text with everything hidden that looks like a secret.
pub fn secrets(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    for pattern in SECRETS.iter() {
        let replaced = pattern.replace_all(&text, |found: &Captures<'_>| {
            let group = |name| found.name(name).map_or("", |group| group.as_str());
            format!("{}{HIDDEN}{}", group("keep"), group("tail"))
        });
        if let Cow::Owned(replaced) = replaced {
            text = Cow::Owned(replaced);
        }
    }
    let Some(words) = WORDS.as_ref() else {
        return text.into_owned();
    };
    words
        .replace_all(&text, |found: &Captures<'_>| hide_random(found.get(0).map_or("", |word| word.as_str())))
        .into_owned()
}

/// A long word of mixed case and digits is a key more often than anything else. Digests and ids are of one case.
fn hide_random(word: &str) -> String {
    let has = |is: fn(&char) -> bool, least: usize| word.chars().filter(is).count() >= least;
    let is_mixed = has(char::is_ascii_uppercase, 3) && has(char::is_ascii_lowercase, 3);
    let is_random = is_mixed && has(char::is_ascii_digit, 1);
    if is_random { HIDDEN.to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(SECRETS.len(), PATTERNS.len());
        assert!(WORDS.is_some());
    }

    #[test]
    fn secrets_are_hidden_and_what_they_belong_to_stays() {
        for (line, shown) in [
            (
                "connect postgres://app:hunter22@db.internal:5432/shop",
                "connect postgres://[redacted]@db.internal:5432/shop",
            ),
            ("redis://:s3cr3t@cache:6379", "redis://[redacted]@cache:6379"),
            ("password=hunter22 user=app", "password=[redacted] user=app"),
            (r#"{"dbPassword": "hun\"ter 22", "port": 1}"#, r#"{"dbPassword": [redacted], "port": 1}"#),
            ("serve --token hunter22 --port 80", "serve --token [redacted] --port 80"),
            ("serve --no-token --port 80", "serve --no-token --port 80"),
            ("DB_PASSWORD: hunter22", "DB_PASSWORD: [redacted]"),
            ("config {'api_key': 'abc def'}", "config {'api_key': [redacted]}"),
            ("Authorization: Bearer abcdef123456", "Authorization: [redacted] [redacted]"),
            ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "got [redacted]"),
            ("key AKIAIOSFODNN7EXAMPLE denied", "key [redacted] denied"),
            ("aws wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY x", "aws [redacted] x"),
            ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[redacted]"),
            ("-----BEGIN RSA PRIVATE KEY-----MIIE", "[redacted]"),
        ] {
            assert_eq!(secrets(line), shown);
        }
    }

    #[test]
    fn ordinary_lines_stay_as_they_are() {
        for line in [
            "panicked at src/main.rs:12: no such table: users",
            "pulled api@sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "connect to https://api.example.com/v1/health timed out after 5s",
            "GET /health 500 in 12 ms",
        ] {
            assert_eq!(secrets(line), line);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_password_never_gets_through_whatever_stands_around_it(before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            let line = format!("{before} DATABASE_PASSWORD=correcthorse {after}");
            prop_assert!(!secrets(&line).contains("correcthorse"), "{}", secrets(&line));
            let line = format!("{before} mysql://root:correcthorse@db {after}");
            prop_assert!(!secrets(&line).contains("correcthorse"), "{}", secrets(&line));
        }
    }
}
