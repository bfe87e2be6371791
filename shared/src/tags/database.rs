//! Tags on an RDS instance, an Aurora or Multi-AZ DB cluster, and on the snapshots that Steward takes of them.

use std::fmt;
use std::str::FromStr;

use super::{Reader, TagProblem};
use crate::arn::Region;

/// The word by which a database opts in to snapshots on request alone.
const ON_REQUEST: &str = "on-request";

/// `steward:snapshot`: how many snapshots are kept of each kind of slot. None of any kind means `on-request`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Buckets {
    /// One an hour, this many.
    pub hourly: u16,
    /// One a day, this many.
    pub daily: u16,
    /// One a week, this many.
    pub weekly: u16,
    /// One a month, this many.
    pub monthly: u16,
    /// One a year, this many.
    pub yearly: u16,
}

/// All that the tags of a database say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseTags {
    /// `steward:snapshot`; `None` means that the database has not opted in, empty buckets that it has for requests alone.
    pub snapshot: Option<Buckets>,
    /// `steward:copy`: the region that snapshots are copied to.
    pub copy: Option<Region>,
}

impl FromStr for Buckets {
    type Err = String;

    /// Reads `daily:7 weekly:4 monthly:12`: each word at most once, each number 1 to 9999; or `on-request`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected for example \"daily:7 weekly:4 monthly:12\": each of hourly, daily, weekly, monthly, yearly at most once, with a number from 1 to 9999; or \"on-request\"";
        if text == ON_REQUEST {
            return Ok(Self::default());
        }
        let mut buckets = Self::default();
        for part in text.split(' ') {
            let (name, count) = part.split_once(':').ok_or(expected)?;
            let slot = match name {
                "hourly" => &mut buckets.hourly,
                "daily" => &mut buckets.daily,
                "weekly" => &mut buckets.weekly,
                "monthly" => &mut buckets.monthly,
                "yearly" => &mut buckets.yearly,
                _ => return Err(expected.to_owned()),
            };
            let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()) && !count.starts_with('0');
            match count.parse() {
                Ok(count) if digits && *slot == 0 && count <= 9999 => *slot = count,
                _ => return Err(expected.to_owned()),
            }
        }
        Ok(buckets)
    }
}

impl Buckets {
    /// Whether there are no slots: snapshots are taken on request alone.
    pub fn is_on_request(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Buckets {
    /// Writes the tag's value, the shortest interval first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hourly, daily, weekly, monthly, yearly } = *self;
        let all = [("hourly", hourly), ("daily", daily), ("weekly", weekly), ("monthly", monthly), ("yearly", yearly)];
        let words: Vec<String> =
            all.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name}:{count}")).collect();
        f.write_str(if words.is_empty() { ON_REQUEST.to_owned() } else { words.join(" ") }.as_str())
    }
}

/// Keys of the tags on a snapshot. A snapshot is Steward's only if its name follows from them; a tag alone proves
/// nothing, as snapshots inherit tags from databases, and databases from snapshots.
pub mod on_snapshot {
    /// Name of the stack that took it.
    pub const OWNER: &str = "steward:owner";
    /// `scheduled` or `requested`.
    pub const CLASS: &str = "steward:class";
    /// The policy that it was taken under.
    pub const POLICY: &str = "steward:policy";
    /// Beginning of its slot, in UTC.
    pub const SLOT: &str = "steward:slot";
    /// Name of the request that it was taken for.
    pub const REQUEST: &str = "steward:request";
    /// Resource id of its database, which a change of the database's name leaves as it is.
    pub const RESOURCE: &str = "steward:resource";
    /// Identifier of its database when it was taken.
    pub const DATABASE: &str = "steward:database";
    /// When it was asked for, in UTC.
    pub const STARTED: &str = "steward:started";
    /// The region that it was copied from.
    pub const COPIED_FROM: &str = "steward:copied-from";
    /// A person's: keeps the snapshot for ever.
    pub const HOLD: &str = "steward:hold";
    /// All of them.
    pub const KEYS: [&str; 10] = [OWNER, CLASS, POLICY, SLOT, REQUEST, RESOURCE, DATABASE, STARTED, COPIED_FROM, HOLD];
}

/// Key by which a database opts in to `snapshot`.
pub const SNAPSHOT: &str = "steward:snapshot";
/// Key by which a database's snapshots are copied.
const COPY: &str = "steward:copy";

impl DatabaseTags {
    /// Reads a database's tags. A database that was restored from one of Steward's snapshots may have inherited the
    /// snapshot's tags: they say nothing about it, and are no mistake.
    ///
    /// # Errors
    /// Every tag that is not in the grammar. A database with a problem is left alone.
    pub fn parse<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<TagProblem>> {
        let mut reader = Reader::new(tags, &[SNAPSHOT, COPY], &on_snapshot::KEYS);
        let snapshot = reader.read(SNAPSHOT, str::parse);
        let copy = reader.read(COPY, |value| value.parse::<Region>().map_err(|error| error.to_string()));
        reader.finish(Self { snapshot, copy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_in_any_order() {
        let buckets: Buckets = "monthly:12 daily:7 weekly:4".parse().unwrap();
        assert_eq!(buckets, Buckets { daily: 7, weekly: 4, monthly: 12, ..Buckets::default() });
    }

    #[test]
    fn buckets_that_could_keep_nothing_or_are_unclear_are_refused() {
        for text in [
            "",
            "daily",
            "daily:",
            "daily:0",
            "daily:-1",
            "daily:7 daily:8",
            "daily:7  weekly:4",
            "fortnightly:2",
            "daily:99999",
            "daily:7,weekly:4",
            "daily:+7",
        ] {
            assert!(text.parse::<Buckets>().is_err(), "{text}");
        }
    }

    #[test]
    fn buckets_are_written_as_they_are_read() {
        for text in ["hourly:24 daily:7 weekly:4 monthly:12 yearly:1", "daily:7", "on-request"] {
            assert_eq!(text.parse::<Buckets>().unwrap().to_string(), text);
        }
        assert!("on-request".parse::<Buckets>().unwrap().is_on_request());
        assert!("on-request daily:7".parse::<Buckets>().is_err());
    }

    #[test]
    fn tags_that_came_with_a_restored_snapshot_are_no_mistake_and_no_opt_in() {
        let tags = [("steward:owner", "steward"), ("steward:slot", "2026-11-21T02:00:00Z"), ("steward:hold", "audit")];
        assert_eq!(DatabaseTags::parse(tags).unwrap(), DatabaseTags { snapshot: None, copy: None });
        assert!(DatabaseTags::parse([("steward:snapshots", "daily:7")]).is_err());
    }

    #[test]
    fn a_copy_needs_a_region() {
        let parse = |value| DatabaseTags::parse([("steward:snapshot", "daily:7"), ("steward:copy", value)]);
        assert_eq!(parse("eu-central-1").unwrap().copy.unwrap().as_str(), "eu-central-1");
        assert_eq!(parse("Frankfurt").unwrap_err().len(), 1);
    }
}
