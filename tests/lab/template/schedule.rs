//! Schedule expressions: `rate(..)`, `cron(..)` in UTC, `at(..)`.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// When a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Each time that this has passed, counted from the start of the schedule.
    Rate(SignedDuration),
    /// Minutes, hours, days of the month, months, days of the week (1 is Sunday), years that are allowed; `None`: all.
    Cron(Box<[Option<Vec<i16>>; 6]>),
    /// Once.
    At(Timestamp),
}

impl Expression {
    /// Reads an expression.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let problem = || format!("schedule expression `{text}` is not known to the lab");
        let (kind, inner) = text.strip_suffix(')').and_then(|text| text.split_once('(')).ok_or_else(problem)?;
        match kind {
            "rate" => {
                let (count, unit) = inner.split_once(' ').ok_or_else(problem)?;
                let count = count.parse::<i64>().ok().filter(|count| *count > 0).ok_or_else(problem)?;
                let minutes = match unit.trim_end_matches('s') {
                    "minute" => 1,
                    "hour" => 60,
                    "day" => 24 * 60,
                    _ => return Err(problem()),
                };
                Ok(Self::Rate(SignedDuration::from_mins(count * minutes)))
            }
            "cron" => {
                let fields: Vec<&str> = inner.split_whitespace().collect();
                let fields: [&str; 6] = fields.try_into().map_err(|_| problem())?;
                let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199)];
                let mut read = [const { None }; 6];
                for ((field, bound), read) in fields.into_iter().zip(bounds).zip(&mut read) {
                    *read = values(field, bound).map_err(|()| problem())?;
                }
                Ok(Self::Cron(Box::new(read)))
            }
            "at" => {
                let time: DateTime = inner.parse().map_err(|_| problem())?;
                // Nothing but yyyy-mm-ddThh:mm:ss: no fraction, no zone, no blank.
                if time.to_string() != inner || inner.len() != 19 {
                    return Err(problem());
                }
                Ok(Self::At(time.to_zoned(TimeZone::UTC).map_err(|_| problem())?.timestamp()))
            }
            _ => Err(problem()),
        }
    }

    /// The first time after `after`; a rate counts from `start`.
    pub fn next(&self, start: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => (*at > after).then_some(*at),
            Self::Rate(every) => {
                let passed = after.duration_since(start).as_secs().max(0) / every.as_secs();
                Some(start + *every * i32::try_from(passed + 1).ok()?)
            }
            Self::Cron(fields) => next_cron(fields, after),
        }
    }
}

/// Walks minute by minute within days that fit, day by day otherwise, for two years.
fn next_cron(fields: &[Option<Vec<i16>>; 6], after: Timestamp) -> Option<Timestamp> {
    let [minutes, hours, days, months, weekdays, years] = fields;
    let allows = |field: &Option<Vec<i16>>, value: i16| field.as_ref().is_none_or(|values| values.contains(&value));
    let mut time = after.to_zoned(TimeZone::UTC).datetime();
    time = time.with().second(0).subsec_nanosecond(0).build().ok()?.checked_add(1.minute()).ok()?;
    let end = time.checked_add(2.years()).ok()?;
    while time < end {
        let day_fits = allows(days, time.day().into())
            && allows(months, time.month().into())
            && allows(weekdays, i16::from(time.weekday().to_sunday_one_offset()))
            && allows(years, time.year());
        if !day_fits {
            time = time.date().tomorrow().ok()?.at(0, 0, 0, 0);
        } else if allows(hours, time.hour().into()) && allows(minutes, time.minute().into()) {
            return time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        } else {
            time = time.checked_add(1.minute()).ok()?;
        }
    }
    None
}

/// The values of one field: `*`, `?`, numbers, lists, ranges, steps. `Err` is a field that is not understood.
fn values(field: &str, bounds: (i16, i16)) -> Result<Option<Vec<i16>>, ()> {
    if matches!(field, "*" | "?") {
        return Ok(None);
    }
    listed(field, bounds).map(Some).ok_or(())
}

fn listed(field: &str, (low, high): (i16, i16)) -> Option<Vec<i16>> {
    let mut values = Vec::new();
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, "1"), |(range, step)| (range, step));
        let step: usize = step.parse().ok().filter(|step| *step > 0)?;
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None if range == "*" => (low, high),
            None if part.contains('/') => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        if from < low || to > high || from > to {
            return None;
        }
        values.extend((from..=to).step_by(step));
    }
    Some(values)
}

/// A number, or the name of a weekday or month.
fn number(text: &str) -> Option<i16> {
    const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let named =
        |names: &[&str]| names.iter().position(|name| *name == text).and_then(|index| i16::try_from(index + 1).ok());
    text.parse().ok().or_else(|| named(&WEEKDAYS)).or_else(|| named(&MONTHS))
}
