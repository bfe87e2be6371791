//! What is promised of snapshots, written down once more from the documentation and in another way than in the function:
//! a table of days, and sets.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// The time zone of the scenes, and when days begin there: at a time that one night of each year leaves out.
pub(crate) const ZONE: &str = "Europe/Vienna";
pub(crate) const BEGINS: (i8, i8) = (2, 30);

/// Kinds of periods, the shortest first, as the tag spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Period {
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl Period {
    /// A backup is stale after one and a half of this.
    pub(crate) fn length(self) -> SignedDuration {
        SignedDuration::from_hours(match self {
            Self::Hourly => 1,
            Self::Daily => 24,
            Self::Weekly => 7 * 24,
            Self::Monthly => 31 * 24,
            Self::Yearly => 366 * 24,
        })
    }
}

/// A policy: how many are kept of each kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy(Vec<(Period, usize)>);

impl Policy {
    pub(crate) fn read(text: &str) -> Self {
        let kind = |word| match word {
            "hourly" => Period::Hourly,
            "daily" => Period::Daily,
            "weekly" => Period::Weekly,
            "monthly" => Period::Monthly,
            _ => Period::Yearly,
        };
        let parts = text.split_whitespace().filter_map(|part| part.split_once(':'));
        Self(parts.map(|(word, count)| (kind(word), count.parse().unwrap())).collect())
    }

    /// How often a snapshot is taken; `None`: only on request.
    pub(crate) fn finest(&self) -> Option<Period> {
        self.0.iter().map(|(period, _)| *period).min()
    }

    /// How many are kept of each kind.
    pub(crate) fn parts(&self) -> &[(Period, usize)] {
        &self.0
    }

    /// The slots that are kept of those that there are: of each kind the newest of each of the last periods that have one;
    /// and the oldest of all, while a kind has fewer periods than it may keep.
    pub(crate) fn promised(&self, days: &Days, slots: &BTreeSet<Timestamp>) -> BTreeSet<Timestamp> {
        let mut promised = BTreeSet::new();
        for (period, count) in &self.0 {
            let newest: BTreeMap<i64, Timestamp> =
                slots.iter().map(|slot| (days.label(*period, *slot), *slot)).collect();
            promised.extend(newest.values().rev().take(*count));
            if newest.len() < *count {
                promised.extend(slots.first());
            }
        }
        promised
    }
}

/// Every day of the years in question, with the moment at which it begins.
#[derive(Debug)]
pub(crate) struct Days(Vec<(Timestamp, Date)>);

impl Days {
    pub(crate) fn new() -> Self {
        let zone = TimeZone::get(ZONE).unwrap();
        let begins = |day: Date| day.at(BEGINS.0, BEGINS.1, 0, 0).to_zoned(zone.clone()).unwrap().timestamp();
        let days = date(2025, 1, 1).series(1.day()).take(5 * 366);
        Self(days.map(|day| (begins(day), day)).collect())
    }

    fn place(&self, at: Timestamp) -> usize {
        self.0.partition_point(|(start, _)| *start <= at) - 1
    }

    fn label_of(&self, period: Period, place: usize) -> i64 {
        let day = self.0[place].1;
        match period {
            Period::Weekly => {
                let week = day.iso_week_date();
                i64::from(week.year()) * 100 + i64::from(week.week())
            }
            Period::Monthly => i64::from(day.year()) * 100 + i64::from(day.month()),
            Period::Yearly => i64::from(day.year()),
            Period::Hourly | Period::Daily => i64::try_from(place).unwrap(),
        }
    }

    /// What tells the period of a moment from all others of its kind.
    pub(crate) fn label(&self, period: Period, at: Timestamp) -> i64 {
        if period == Period::Hourly { at.as_second().div_euclid(3600) } else { self.label_of(period, self.place(at)) }
    }

    /// The day that a moment belongs to.
    pub(crate) fn date(&self, at: Timestamp) -> Date {
        self.0[self.place(at)].1
    }

    /// When the period began that a moment is in.
    pub(crate) fn start(&self, period: Period, at: Timestamp) -> Timestamp {
        if period == Period::Hourly {
            return Timestamp::from_second(at.as_second().div_euclid(3600) * 3600).unwrap();
        }
        let mut place = self.place(at);
        let label = self.label_of(period, place);
        while place > 0 && self.label_of(period, place - 1) == label {
            place -= 1;
        }
        self.0[place].0
    }
}
