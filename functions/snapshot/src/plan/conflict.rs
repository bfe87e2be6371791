//! Slots that get in the way of something else: the automated backup, the maintenance window, hours in which the database
//! is stopped. Nothing breaks by it, but snapshots come late, or not at all.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::due::is_habitually_stopped;
use super::{Plan, Settings};
use crate::notice;
use crate::observe::model::Seen;
use crate::slot::Interval;

/// A snapshot is asked for within the first minutes of its slot: by the tick that comes next.
const LEAD: i64 = 30;
const MINUTES_OF_DAY: i64 = 24 * 60;

/// Tells once what is in the way, and again only when it is something else.
pub(super) fn conflict(settings: &Settings, seen: &Seen, interval: Interval, plan: &mut Plan, now: Timestamp) {
    let found = found(settings, seen, interval, plan, now);
    if found.is_empty() {
        plan.memory.told.remove("schedule-conflict");
    } else {
        let content = found.join("\n");
        plan.memory.tell(&content, notice::conflict(&seen.database, &found));
    }
}

fn found(settings: &Settings, seen: &Seen, interval: Interval, plan: &Plan, now: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    // Hourly slots meet every window once a day, and wait it out.
    if interval != Interval::Hourly {
        let start = settings.calendar.slot(interval, now).start;
        let slot = start.to_zoned(TimeZone::UTC);
        let minute = i64::from(slot.hour()) * 60 + i64::from(slot.minute());
        let at = slot.strftime("%H:%M");
        if let Some(window) = seen.database.backup_window.as_deref()
            && daily(window).is_some_and(|window| meets(minute, window))
        {
            found.push(format!("slots begin at {at} UTC, and the backup window is {window} UTC"));
        }
        if let Some(window) = seen.database.maintenance_window.as_deref()
            && weekly(window).is_some_and(|window| meets(minute, window))
        {
            found.push(format!("slots begin at {at} UTC, and the maintenance window is {window} UTC"));
        }
    }
    if is_habitually_stopped(&plan.memory) {
        found.push("the database was stopped in the last three slots".to_owned());
    }
    found
}

/// A window of the day, `hh24:mi-hh24:mi`: minute of its beginning, and how many minutes it has.
fn daily(window: &str) -> Option<(i64, i64)> {
    let (start, end) = window.split_once('-')?;
    let minute = |text: &str| {
        let time = Time::strptime("%H:%M", text).ok()?;
        Some(i64::from(time.hour()) * 60 + i64::from(time.minute()))
    };
    let (start, end) = (minute(start)?, minute(end)?);
    Some((start, (end - start).rem_euclid(MINUTES_OF_DAY)))
}

/// A window of the week, `ddd:hh24:mi-ddd:hh24:mi`. The day does not matter: a slot of each day meets it once a week.
fn weekly(window: &str) -> Option<(i64, i64)> {
    let (start, end) = window.split_once('-')?;
    let time = |text: &str| text.split_once(':').map(|(_, time)| time.to_owned());
    daily(&format!("{}-{}", time(start)?, time(end)?))
}

/// Whether the first half hour of a slot and a window overlap.
fn meets(minute: i64, (start, length): (i64, i64)) -> bool {
    (minute - start).rem_euclid(MINUTES_OF_DAY) < length || (start - minute).rem_euclid(MINUTES_OF_DAY) < LEAD
}
