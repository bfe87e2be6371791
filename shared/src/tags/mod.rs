//! The tags by which users opt in: the whole grammar, read into types.
//!
//! ECS and RDS tag values allow letters, digits, space and `_ . : / = + - @` only, so the grammar uses nothing else.
//! A value that does not parse never falls back to a default that acts: it is a [`TagProblem`], and the resource is left
//! alone. The user's page is `docs/tags.md`; a test holds the two together.

mod database;
mod service;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::database::{Buckets, DatabaseTags, SNAPSHOT, on_snapshot};
pub use self::service::{HealLevel, MigrateTags, Mode, RestorePoint, ServiceTags};

/// Prefix of every key that is Steward's.
pub const PREFIX: &str = "steward:";

/// Key by which an ECS service opts in to `deploy`.
pub const DEPLOY: &str = "steward:deploy";

/// Key by which an ECS service says how far healing may go.
pub const HEAL: &str = "steward:heal";

/// Key by which an ECS service says which container migrates its database.
pub const MIGRATE: &str = "steward:migrate";

/// A tag that is not in the grammar: what it says and what it may say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TagProblem {
    /// The key, for example `steward:mode`.
    pub key: String,
    /// The value that is there.
    pub value: String,
    /// What is wrong with it and what is allowed.
    pub problem: String,
}

impl fmt::Display for TagProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {:?}: {}", self.key, self.value, self.problem)
    }
}

/// Collects the values of one resource's tags, and every problem at once.
#[derive(Debug)]
struct Reader<'a> {
    tags: Vec<(&'a str, &'a str)>,
    problems: Vec<TagProblem>,
}

impl<'a> Reader<'a> {
    /// Takes the tags with Steward's prefix; those whose key is neither in `known` nor in `ignored` are problems already.
    fn new(tags: impl IntoIterator<Item = (&'a str, &'a str)>, known: &[&str], ignored: &[&str]) -> Self {
        let tags: Vec<_> = tags.into_iter().filter(|(key, _)| key.starts_with(PREFIX)).collect();
        let unknown = tags.iter().filter(|(key, _)| !known.contains(key) && !ignored.contains(key));
        let problems = unknown
            .map(|(key, value)| TagProblem {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
                problem: format!("unknown key; known here are {}", known.join(", ")),
            })
            .collect();
        Self { tags, problems }
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.tags.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }

    /// The value of `key` as `parse` reads it. A value that does not parse becomes a problem and reads as absent.
    fn read<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.text(key)?;
        match parse(value) {
            Ok(parsed) => Some(parsed),
            Err(problem) => {
                self.problems.push(TagProblem { key: key.to_owned(), value: value.to_owned(), problem });
                None
            }
        }
    }

    fn finish<T>(mut self, value: T) -> Result<T, Vec<TagProblem>> {
        self.problems.sort();
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }
}

/// One of a few words.
fn word<T: Copy>(value: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("expected one of: {}", allowed.join(", "))
    })
}
