//! RDS: databases that can be snapshotted, and KMS keys that encrypt snapshots.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{IdentifierError, regional, text_type};

/// What a database is to RDS. The two have different calls, errors and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseKind {
    /// A DB instance that is no member of a cluster.
    Instance,
    /// An Aurora cluster or a Multi-AZ DB cluster.
    Cluster,
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "DB instance",
            Self::Cluster => "DB cluster",
        })
    }
}

/// ARN of a DB instance (`arn:aws:rds:REGION:ACCOUNT:db:ID`) or of a DB cluster (`...:cluster:ID`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseArn {
    text: String,
    kind: DatabaseKind,
}

impl FromStr for DatabaseArn {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (kind, identifier) = regional(text, "rds")?.split_once(':')?;
            let kind = match kind {
                "db" => DatabaseKind::Instance,
                "cluster" => DatabaseKind::Cluster,
                _ => return None,
            };
            is_database_identifier(identifier).then_some(kind)
        };
        match parse() {
            Some(kind) => Ok(Self { text: text.to_owned(), kind }),
            None => Err(IdentifierError::new(
                text,
                "the ARN of a DB instance or DB cluster (arn:aws:rds:REGION:ACCOUNT:db:ID, ...:cluster:ID)",
            )),
        }
    }
}

impl DatabaseArn {
    /// Whether it is an instance or a cluster.
    pub fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// The identifier, in lower case as RDS keeps it.
    pub fn identifier(&self) -> &str {
        self.text.rsplit(':').next().unwrap_or_default()
    }
}

/// ARN of a KMS key: `arn:aws:kms:REGION:ACCOUNT:key/ID`. An alias is refused: IAM does not know keys by alias.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyArn(String);

impl FromStr for KeyArn {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = regional(text, "kms").and_then(|rest| rest.strip_prefix("key/"));
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        match id {
            Some(id) if !id.is_empty() && id.bytes().all(word) => Ok(Self(text.to_owned())),
            _ => Err(IdentifierError::new(text, "the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID)")),
        }
    }
}

impl KeyArn {
    /// Name of the region that the key is in.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }
}

/// RDS identifiers begin with a letter and hold letters, digits and single hyphens, none at the end.
pub(crate) fn is_database_identifier(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && !text.ends_with('-')
        && !text.contains("--")
}

text_type!(DatabaseArn => text, KeyArn => 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_and_clusters_are_told_apart_and_snapshots_are_neither() {
        let kind = |rest: &str| format!("arn:aws:rds:eu-west-1:123456789012:{rest}").parse::<DatabaseArn>();
        assert_eq!(kind("db:shop").unwrap().kind(), DatabaseKind::Instance);
        let cluster = kind("cluster:shop-2").unwrap();
        assert_eq!((cluster.kind(), cluster.identifier()), (DatabaseKind::Cluster, "shop-2"));
        for bad in ["snapshot:shop", "db:", "db:-a", "db:a--b", "db:a-", "db:a/b"] {
            assert!(kind(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_named_by_its_id_and_never_by_an_alias() {
        let key: KeyArn = "arn:aws:kms:eu-central-1:123456789012:key/0f1e-2d".parse().unwrap();
        assert_eq!(key.region(), "eu-central-1");
        for bad in ["arn:aws:kms:eu-central-1:123456789012:alias/rds", "None", "", "key/0f"] {
            assert!(bad.parse::<KeyArn>().is_err(), "{bad}");
        }
    }
}
