//! The calendar: when slots begin and end, in the user's time zone.
//!
//! A slot is one interval of the shortest kind in a policy. A day begins at a time of day that the user chose, so that a
//! snapshot at one in the morning still belongs to the night before; weeks begin on Monday, months and years on the 1st,
//! at the same time of day. Hours are those of UTC. Days of 23 and 25 hours are days.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use shared::tags::Buckets;

/// A kind of slot, the shortest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Interval {
    /// An hour.
    Hourly,
    /// A day.
    Daily,
    /// A week from Monday.
    Weekly,
    /// A month.
    Monthly,
    /// A year.
    Yearly,
}

impl Interval {
    /// All kinds with how many of each a policy keeps, the shortest first.
    pub(crate) fn of(buckets: &Buckets) -> [(Self, usize); 5] {
        let Buckets { hourly, daily, weekly, monthly, yearly } = *buckets;
        [
            (Self::Hourly, hourly.into()),
            (Self::Daily, daily.into()),
            (Self::Weekly, weekly.into()),
            (Self::Monthly, monthly.into()),
            (Self::Yearly, yearly.into()),
        ]
    }

    /// The shortest kind of a policy, which sets how often snapshots are taken; `None` when they are taken on request.
    pub(crate) fn shortest(buckets: &Buckets) -> Option<Self> {
        Self::of(buckets).into_iter().find(|(_, count)| *count > 0).map(|(interval, _)| interval)
    }

    /// The longest that a slot of this kind can be, give or take a change of the clock.
    pub(crate) fn length(self) -> SignedDuration {
        const DAY: i64 = 24;
        SignedDuration::from_hours(match self {
            Self::Hourly => 1,
            Self::Daily => DAY,
            Self::Weekly => 7 * DAY,
            Self::Monthly => 31 * DAY,
            Self::Yearly => 366 * DAY,
        })
    }

    /// The word of the tag.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }
}

/// One slot: from `start` until just before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// When it begins. It is also what the slot is known by.
    pub(crate) start: Timestamp,
    /// When the next one begins.
    pub(crate) end: Timestamp,
}

/// When days begin, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calendar {
    zone: TimeZone,
    begins: Time,
}

impl Calendar {
    /// Days that begin at `begins` by the clock of `zone`.
    pub(crate) fn new(zone: TimeZone, begins: Time) -> Self {
        Self { zone, begins }
    }

    /// The slot that `instant` falls in. Any slot's start falls in that slot.
    pub(crate) fn slot(&self, interval: Interval, instant: Timestamp) -> Slot {
        if interval == Interval::Hourly {
            let start = Timestamp::from_second(instant.as_second().div_euclid(3600) * 3600).unwrap_or(instant);
            return Slot { start, end: start.saturating_add(SignedDuration::from_hours(1)).unwrap_or(start) };
        }
        let day = self.day(instant);
        let (first, next) = match interval {
            Interval::Hourly | Interval::Daily => (day, day.saturating_add(1.day())),
            Interval::Weekly => {
                let monday = day.saturating_sub(i32::from(day.weekday().to_monday_zero_offset()).days());
                (monday, monday.saturating_add(7.days()))
            }
            Interval::Monthly => (day.first_of_month(), day.first_of_month().saturating_add(1.month())),
            Interval::Yearly => (day.first_of_year(), day.first_of_year().saturating_add(1.year())),
        };
        Slot { start: self.beginning(first), end: self.beginning(next) }
    }

    /// When days begin, for people.
    pub(crate) fn describe(&self) -> String {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        format!("days from {} {zone}", self.begins.strftime("%H:%M"))
    }

    /// The time of day at which `instant` is, by the clock of the zone.
    pub(crate) fn local(&self, instant: Timestamp) -> String {
        instant.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
    }

    /// The day that an instant belongs to: the last one that has begun by then. It is not always the date on the clock, or
    /// the one before: where the clock jumps over midnight, a day can begin on the next date.
    fn day(&self, instant: Timestamp) -> Date {
        let date = self.zone.to_datetime(instant).date();
        let dates = (-1..=2).map(|days: i32| date.saturating_sub(days.days()));
        dates.into_iter().find(|date| self.beginning(*date) <= instant).unwrap_or(date)
    }

    /// When a day begins. A time of day that the clock leaves out is taken as much later as the clock jumps; of one that
    /// comes twice, the first is taken.
    fn beginning(&self, date: Date) -> Timestamp {
        let ambiguous = self.zone.to_ambiguous_timestamp(date.to_datetime(self.begins));
        ambiguous.compatible().unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests;
