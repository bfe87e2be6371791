//! What is Steward's own: the names that snapshots get, and the proof that a snapshot is one of them.
//!
//! A name follows from owner, database and slot, so that a repeated call finds what the first one made. And a snapshot is
//! ours only if its name follows from its tags: tags alone are inherited (a person's snapshot takes those of its
//! database, a restored database those of its snapshot), names are not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use shared::event::steward::RequestName;
use shared::tags::{PREFIX, on_snapshot as tag};

use crate::observe::model::{Database, Snapshot};

/// Most tries for one slot.
pub(crate) const MOST_ATTEMPTS: u32 = 3;
/// Most tags that AWS takes on one resource.
const MOST_TAGS: usize = 50;
/// Longest part of a name that is the database's.
const DATABASE_IN_SCHEDULED: usize = 25;
const DATABASE_IN_REQUESTED: usize = 20;
const REQUEST: usize = 16;

/// What a snapshot was taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    /// A slot of the policy.
    Scheduled {
        /// Beginning of the slot.
        slot: Timestamp,
        /// Which try of the slot it is, from 1.
        attempt: u32,
    },
    /// A request.
    Requested {
        /// Its name.
        request: RequestName,
    },
}

/// What the tags of one of our snapshots say, and its name confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// What it was taken for.
    pub(crate) purpose: Purpose,
    /// Resource id of its database.
    pub(crate) resource: String,
    /// When it was asked for.
    pub(crate) started: Timestamp,
}

impl Purpose {
    /// The name of a snapshot: letters, digits and single hyphens, at most 63, so that both kinds of databases take it.
    pub(crate) fn name(&self, owner: &str, resource: &str, database: &str) -> String {
        match self {
            Self::Scheduled { slot, attempt } => {
                let hash = fingerprint(&[owner, resource, "slot", &slot.to_string()]);
                let again = if *attempt > 1 { format!("-{attempt}") } else { String::new() };
                let slot = slot.strftime("%Y%m%dt%H%M");
                format!("steward-{}-{slot}-{hash}{again}", word(database, DATABASE_IN_SCHEDULED))
            }
            Self::Requested { request } => {
                let hash = fingerprint(&[owner, resource, "request", request.as_str()]);
                let request = word(request.as_str(), REQUEST);
                format!("steward-{}-req-{request}-{hash}", word(database, DATABASE_IN_REQUESTED))
            }
        }
    }

    /// The tags of a snapshot: Steward's own, and as many of the database's as there is room for. What makes a database
    /// opt in is left out, so that one that is restored from the snapshot does not opt in by itself.
    pub(crate) fn tags(&self, owner: &str, database: &Database, policy: &str, now: Timestamp) -> Vec<(String, String)> {
        let seconds = |instant: &Timestamp| instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (class, of) = match self {
            Self::Scheduled { slot, .. } => ("scheduled", (tag::SLOT, seconds(slot))),
            Self::Requested { request } => ("requested", (tag::REQUEST, request.to_string())),
        };
        let own = [
            (tag::OWNER, owner.to_owned()),
            (tag::CLASS, class.to_owned()),
            (tag::POLICY, policy.to_owned()),
            of,
            (tag::RESOURCE, database.resource.clone()),
            (tag::DATABASE, database.arn.identifier().to_owned()),
            (tag::STARTED, seconds(&now)),
        ];
        let theirs = database.tags.iter().filter(|(key, _)| !is_reserved(key)).cloned();
        // One is left free for a hold, and one for what a copy adds.
        own.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(theirs).take(MOST_TAGS - 2).collect()
    }
}

impl Claim {
    /// The claim of a snapshot that is ours; `None` for everybody else's.
    pub(crate) fn of(owner: &str, snapshot: &Snapshot) -> Option<Self> {
        let text = |key: &str| snapshot.tags.get(key).map(String::as_str);
        let (resource, database) = (text(tag::RESOURCE)?, text(tag::DATABASE)?);
        // What RDS says of the snapshot's database outweighs the tag. A copy may have lost it.
        let is_same = snapshot.resource.as_deref().is_none_or(|actual| actual == resource);
        if text(tag::OWNER)? != owner || !is_same {
            return None;
        }
        let purpose = match text(tag::CLASS)? {
            "scheduled" => {
                let slot = text(tag::SLOT)?.parse().ok()?;
                let attempts = (1..=MOST_ATTEMPTS).map(|attempt| Purpose::Scheduled { slot, attempt });
                attempts.into_iter().find(|purpose| purpose.name(owner, resource, database) == snapshot.name)?
            }
            "requested" => Purpose::Requested { request: text(tag::REQUEST)?.parse().ok()? },
            _ => return None,
        };
        let is_named = purpose.name(owner, resource, database) == snapshot.name;
        let started = text(tag::STARTED)?.parse().ok()?;
        is_named.then(|| Self { purpose, resource: resource.to_owned(), started })
    }

    /// Beginning of the slot; `None` for a requested snapshot.
    pub(crate) fn slot(&self) -> Option<Timestamp> {
        match self.purpose {
            Purpose::Scheduled { slot, .. } => Some(slot),
            Purpose::Requested { .. } => None,
        }
    }
}

/// The tags of a copy: those of its source, and where it comes from.
pub(crate) fn tags_of_copy(source: &BTreeMap<String, String>, region: &str) -> Vec<(String, String)> {
    let own = source.iter().filter(|(key, _)| key.starts_with(PREFIX) && *key != tag::HOLD && *key != tag::COPIED_FROM);
    let theirs = source.iter().filter(|(key, _)| !is_reserved(key));
    let from = [(tag::COPIED_FROM.to_owned(), region.to_owned())];
    let tags = own.chain(theirs).map(|(key, value)| (key.clone(), value.clone()));
    from.into_iter().chain(tags).take(MOST_TAGS - 1).collect()
}

/// Whether a tag is Steward's or AWS's, and so not one that a snapshot takes over from its database.
fn is_reserved(key: &str) -> bool {
    [PREFIX, "aws:", "rds:"].iter().any(|prefix| key.starts_with(prefix))
}

/// A text as part of an identifier: small letters, digits, single hyphens, none at the ends; `x` when nothing is left.
fn word(text: &str, longest: usize) -> String {
    let mut word = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        if word.len() == longest {
            break;
        }
        if c.is_ascii_alphanumeric() {
            word.push(c);
        } else if !word.is_empty() && !word.ends_with('-') {
            word.push('-');
        }
    }
    let word = word.trim_end_matches('-');
    if word.is_empty() { "x".to_owned() } else { word.to_owned() }
}

/// Eight hexadecimal digits: 32 bits tell the few databases apart whose names are cut to the same.
fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let bytes = hash.finalize();
    let number = bytes.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{number:08x}")
}

#[cfg(test)]
mod tests;
