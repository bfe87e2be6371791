//! Tags on an RDS instance, an Aurora or Multi-AZ DB cluster.

use std::str::FromStr;

use super::{Reader, TagProblem};
use crate::arn::Region;

/// `steward:snapshot`: how many snapshots are kept of each kind of slot.
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
    /// `steward:snapshot`; `None` means that the database has not opted in.
    pub snapshot: Option<Buckets>,
    /// `steward:copy`: the region that snapshots are copied to.
    pub copy: Option<Region>,
}

impl FromStr for Buckets {
    type Err = String;

    /// Reads `daily:7 weekly:4 monthly:12`: each word at most once, each number 1 to 9999.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected for example \"daily:7 weekly:4 monthly:12\": each of hourly, daily, weekly, monthly, yearly at most once, with a number from 1 to 9999";
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

impl DatabaseTags {
    /// Reads a database's tags.
    ///
    /// # Errors
    /// Every tag that is not in the grammar. A database with a problem is left alone.
    pub fn parse<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<TagProblem>> {
        let mut reader = Reader::new(tags, &["steward:snapshot", "steward:copy"]);
        let snapshot = reader.read("steward:snapshot", str::parse);
        let copy = reader.read("steward:copy", |value| value.parse::<Region>().map_err(|error| error.to_string()));
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
    fn a_copy_needs_a_region() {
        let parse = |value| DatabaseTags::parse([("steward:snapshot", "daily:7"), ("steward:copy", value)]);
        assert_eq!(parse("eu-central-1").unwrap().copy.unwrap().as_str(), "eu-central-1");
        assert_eq!(parse("Frankfurt").unwrap_err().len(), 1);
    }
}
