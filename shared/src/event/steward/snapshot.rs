//! A snapshot on request: by `migrate` before a migration, or by a person.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::arn::{DatabaseArn, IdentifierError, text_type};

/// The name that a requester gives to what it asks for. Asked again by the same name, it is the same snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestName(String);

impl FromStr for RequestName {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentifierError::new(text, "the name of a request (1 to 32 small letters, digits and hyphens)"))
        }
    }
}

text_type!(RequestName => 0);

/// Detail of `Snapshot Requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SnapshotRequested {
    /// ARN or identifier of the DB instance or DB cluster.
    pub database: String,
    /// The name of the request.
    pub request: RequestName,
    /// Who asks, shown in records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
}

/// Detail of `Snapshot Available`: what was asked for is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SnapshotAvailable {
    /// The name of the request.
    pub request: RequestName,
    /// The database.
    pub database: DatabaseArn,
    /// ARN of the snapshot.
    pub snapshot: String,
    /// Identifier of the snapshot.
    pub identifier: String,
    /// The moment that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

/// Detail of `Snapshot Failed`: what was asked for will not be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SnapshotFailed {
    /// The name of the request.
    pub request: RequestName,
    /// The database as the request named it.
    pub database: String,
    /// Why, for people.
    pub reason: String,
}

/// Detail of `Snapshot Due`: a one-time schedule that `snapshot` has set for a database that was not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SnapshotDue {
    /// The database.
    pub database: DatabaseArn,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_by_small_letters_digits_and_hyphens() {
        for good in ["a", "before-1-4-2", "0123456789abcdefghijklmnopqrstuv"] {
            assert!(good.parse::<RequestName>().is_ok(), "{good}");
        }
        for bad in ["", "A", "a b", "a_b", "0123456789abcdefghijklmnopqrstuvw"] {
            assert!(bad.parse::<RequestName>().is_err(), "{bad}");
        }
    }
}
