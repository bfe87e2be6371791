//! The slot that is now: whether its snapshot is there, under way, due, or has to wait.

use jiff::{SignedDuration, Timestamp};
use shared::failure::CallFailure;
use shared::tags::Buckets;

use super::{Create, Plan, Settings, is_old, newest_here};
use crate::memory::{Memory, Wait};
use crate::notice;
use crate::observe::model::{Database, Readiness, Seen, Status};
use crate::own::{MOST_ATTEMPTS, Purpose};
use crate::slot::{Interval, Slot};

/// Pauses between tries while a database is not ready, in minutes; the last one is repeated.
const PAUSES: [i64; 5] = [5, 10, 20, 40, 60];
/// Longest that people are not told of a slot that waits.
const PATIENCE: SignedDuration = SignedDuration::from_hours(6);
/// Slots in a row that find a database stopped before it is called a habit.
const HABIT: u8 = 3;

/// Decides about the slot that is now. Slots that have passed are not made up for: their moment is gone.
pub(super) fn due(
    settings: &Settings,
    seen: &Seen,
    interval: Interval,
    buckets: &Buckets,
    plan: &mut Plan,
    now: Timestamp,
) {
    let slot = settings.calendar.slot(interval, now);
    if plan.memory.wait.as_ref().is_some_and(|wait| wait.slot != slot.start) {
        plan.memory.wait = None;
    }
    let tries: Vec<(u32, Status)> = seen
        .here
        .iter()
        .filter_map(|own| match own.claim.purpose {
            Purpose::Scheduled { slot: of, attempt } if of == slot.start => Some((attempt, own.snapshot.status)),
            _ => None,
        })
        .collect();
    let when = settings.calendar.local(slot.start);
    if tries.iter().any(|(_, status)| *status == Status::Available) {
        plan.memory.wait = None;
        plan.memory.stopped_slots = 0;
        return plan.decide("up-to-date", format!("the slot of {when} has its snapshot"));
    }
    if tries.iter().any(|(_, status)| *status != Status::Failed) {
        plan.memory.wait = None;
        plan.memory.stopped_slots = 0;
        return plan.decide("under-way", format!("the snapshot of the slot of {when} is being made"));
    }
    let attempt = tries.iter().map(|(attempt, _)| attempt + 1).max().unwrap_or(1);
    if attempt > MOST_ATTEMPTS {
        let why = format!("{MOST_ATTEMPTS} snapshots of the slot of {when} have failed; the next slot is tried again");
        return plan.decide("given-up", why);
    }
    let database = &seen.database;
    match database.readiness() {
        Readiness::Ready => {
            let purpose = Purpose::Scheduled { slot: slot.start, attempt };
            plan.decide("take", format!("the slot of {when} has no snapshot yet"));
            plan.creates.push(create(settings, database, purpose, buckets, now));
        }
        Readiness::Broken => {
            let why = format!("the database is {} and cannot be snapshotted until it is repaired", database.status);
            plan.memory.tell(
                &format!("{} {}", day(settings, slot), database.status),
                notice::missed(database, &why, &when, true),
            );
            plan.decide("broken", why);
        }
        Readiness::Stopped if is_covered(seen, interval) => {
            stopped(&mut plan.memory, slot);
            plan.memory.wait = None;
            plan.decide("stopped", "the database is stopped, and its newest backup was fresh when it stopped");
        }
        Readiness::Stopped => {
            stopped(&mut plan.memory, slot);
            let why = "the database is stopped, and it had no fresh backup then for all that is known";
            wait(settings, database, slot, interval, why, plan, now);
        }
        Readiness::Busy | Readiness::Deleting => {
            let why = format!("the database is {}, which allows no snapshot", database.status);
            wait(settings, database, slot, interval, &why, plan, now);
        }
    }
}

/// A snapshot with everything that goes into the one call that makes it.
pub(super) fn create(
    settings: &Settings,
    database: &Database,
    purpose: Purpose,
    buckets: &Buckets,
    now: Timestamp,
) -> Create {
    let name = purpose.name(&settings.owner, &database.resource, database.arn.identifier());
    let tags = purpose.tags(&settings.owner, database, &buckets.to_string(), now);
    Create { purpose, name, tags }
}

/// Whether a stopped database had a fresh backup when it was stopped. A stopped database does not change, so that its
/// backup does not age.
pub(super) fn is_covered(seen: &Seen, interval: Interval) -> bool {
    let stopped = (seen.database.readiness() == Readiness::Stopped).then(|| seen.database.stopped()).flatten();
    stopped.is_some_and(|stopped| !is_old(newest_here(seen), interval, stopped))
}

/// What a slot that has to wait is told by: once a day, however short the slots are.
fn day(settings: &Settings, slot: Slot) -> String {
    settings.calendar.slot(Interval::Daily, slot.start).start.to_string()
}

fn wait(
    settings: &Settings,
    database: &Database,
    slot: Slot,
    interval: Interval,
    why: &str,
    plan: &mut Plan,
    now: Timestamp,
) {
    let put_off = put_off(&mut plan.memory, slot, now);
    // A request may want to look sooner.
    plan.wait = plan.wait.into_iter().chain(put_off).min();
    let since = plan.memory.wait.as_ref().map_or(now, |wait| wait.since);
    if now.duration_since(since) >= (interval.length() / 4).min(PATIENCE) {
        let when = settings.calendar.local(slot.start);
        plan.memory.tell(&day(settings, slot), notice::missed(database, why, &when, false));
    }
    plan.decide("waiting", why);
}

/// Puts a slot off. The time at which a one-time schedule has to look again; `None` when one is set already, or when the
/// slot ends before.
pub(crate) fn put_off(memory: &mut Memory, slot: Slot, now: Timestamp) -> Option<Timestamp> {
    let wait = memory.wait.get_or_insert(Wait { slot: slot.start, tries: 0, since: now, at: now });
    if wait.at > now {
        return None;
    }
    let pause = usize::try_from(wait.tries).ok().and_then(|tries| PAUSES.get(tries)).or(PAUSES.last());
    let pause = SignedDuration::from_mins(pause.copied().unwrap_or(60));
    wait.tries += 1;
    wait.at = now.saturating_add(pause).unwrap_or(now);
    (wait.at < slot.end).then_some(wait.at)
}

/// AWS refused the snapshot of a slot, and would again.
pub(crate) fn refused(memory: &mut Memory, database: &Database, failure: &CallFailure) {
    let content = format!("{} {}", failure.operation, failure.code);
    memory.tell(&content, notice::refused(database, failure));
}

/// Counts the slots in a row that found the database stopped, each once.
fn stopped(memory: &mut Memory, slot: Slot) {
    if memory.stopped_slot.is_none_or(|last| last < slot.start) {
        memory.stopped_slot = Some(slot.start);
        memory.stopped_slots = memory.stopped_slots.saturating_add(1).min(HABIT);
    }
}

/// Whether slots find the database stopped again and again.
pub(super) fn is_habitually_stopped(memory: &Memory) -> bool {
    memory.stopped_slots >= HABIT
}
