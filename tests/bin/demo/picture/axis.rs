//! The time axis of one act: linear, with its own scale, and ticks at round times.

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};

use super::model::{Act, Clock};

/// Distances of ticks, in seconds: from 5 seconds to a week.
const STEPS: [i64; 17] =
    [5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, DAY, 2 * DAY, 7 * DAY];

const DAY: i64 = 86_400;

/// The shortest time that an axis spans: some acts are over in the moment in which they begin.
const SHORTEST: SignedDuration = SignedDuration::from_secs(20);

/// Maps times to places.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    from: Timestamp,
    seconds: f64,
    left: f64,
    width: f64,
}

impl Axis {
    /// The axis of an act, from `left` and `width` wide.
    pub(super) fn of(act: &Act, left: f64, width: f64) -> Self {
        Self { from: act.from, seconds: act.span().max(SHORTEST).as_secs_f64(), left, width }
    }

    /// Where a moment is. What lies outside of the act is at its edge.
    pub(super) fn at(&self, moment: Timestamp) -> f64 {
        let share = moment.duration_since(self.from).as_secs_f64() / self.seconds;
        self.left + share.clamp(0.0, 1.0) * self.width
    }

    /// Places and words of the ticks: at most `most` of them.
    pub(super) fn ticks(&self, clock: &Clock, most: usize) -> Vec<(f64, String)> {
        let Some(step) = STEPS.into_iter().find(|step| self.seconds / seconds(*step) <= count(most)) else {
            return Vec::new();
        };
        let end = self.from + SignedDuration::from_secs_f64(self.seconds);
        let mut ticks = Vec::new();
        let mut next = first(clock, self.from, step);
        while let Some(at) = next.filter(|at| *at <= end && ticks.len() <= most) {
            if at >= self.from {
                ticks.push((self.at(at), words(clock, at, step)));
            }
            next = following(clock, at, step);
        }
        ticks
    }
}

/// A round time at or before this one.
fn first(clock: &Clock, from: Timestamp, step: i64) -> Option<Timestamp> {
    match clock {
        Clock::Since(start) => {
            let passed = from.duration_since(*start).as_secs();
            start.checked_add(SignedDuration::from_secs(passed - passed.rem_euclid(step))).ok()
        }
        Clock::Dated(zone) => {
            let midnight = from.to_zoned(zone.clone()).start_of_day().ok()?.timestamp();
            let passed = from.duration_since(midnight).as_secs();
            let rest = if step >= DAY { passed } else { passed.rem_euclid(step) };
            from.checked_sub(SignedDuration::from_secs(rest)).ok()
        }
    }
}

/// The next round time. Days begin at midnight, also where one of them is shorter.
fn following(clock: &Clock, at: Timestamp, step: i64) -> Option<Timestamp> {
    match clock {
        Clock::Dated(zone) if step >= DAY => {
            let date = at.to_zoned(zone.clone()).date().checked_add(jiff::Span::new().days(step / DAY)).ok()?;
            Some(date.to_datetime(Time::midnight()).to_zoned(zone.clone()).ok()?.timestamp())
        }
        _ => at.checked_add(SignedDuration::from_secs(step)).ok(),
    }
}

/// A tick in as few letters as say it.
fn words(clock: &Clock, at: Timestamp, step: i64) -> String {
    match clock {
        Clock::Since(_) if step < 60 => clock.told(at),
        Clock::Since(_) => {
            let told = clock.told(at);
            told.strip_suffix(":00").unwrap_or(&told).to_owned()
        }
        Clock::Dated(zone) => {
            let zoned = at.to_zoned(zone.clone());
            zoned.strftime(if step >= DAY { "%-d %b" } else { "%-d %b %H:%M" }).to_string()
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a week in seconds is far below 2^52")]
fn seconds(whole: i64) -> f64 {
    whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "a handful of ticks")]
fn count(whole: usize) -> f64 {
    whole as f64
}

/// A duration in words, rounded to what matters: `22 s`, `5 min`, `1 h 12 min`, `17 days`.
pub(super) fn spoken(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match (seconds / DAY, seconds / 3600, seconds / 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) if minutes < 10 && seconds % 60 != 0 => format!("{minutes} min {} s", seconds % 60),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) if minutes % 60 != 0 => format!("{hours} h {} min", minutes % 60),
        (0, hours, _) => format!("{hours} h"),
        (1, ..) => "1 day".to_owned(),
        (days, ..) => format!("{days} days"),
    }
}
