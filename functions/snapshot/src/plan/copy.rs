//! Copies in another region: the newest backup that is not there yet, one at a time for a database, so that each builds
//! on the one before.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use shared::failure::CallFailure;

use super::{CopyOrder, Plan, Settings};
use crate::memory::{CopyTries, Memory};
use crate::notice;
use crate::observe::model::{Database, Elsewhere, Own, Seen, Status, newest};
use crate::own::tags_of_copy;

/// Most copies under way in a region: RDS allows twenty, and other people copy too.
const MOST_UNDER_WAY: usize = 4;
/// Most tries of one copy; then the next snapshot is copied instead.
const MOST_TRIES: u32 = 5;
/// After so long since its source was taken a copy that does not end is told, and the next one does not wait for it.
const SLOW: SignedDuration = SignedDuration::from_hours(24);
/// Pause after the first refusal; it doubles.
const PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// Orders the copy that is due.
pub(super) fn copy(settings: &Settings, seen: &Seen, plan: &mut Plan, now: Timestamp) {
    let Some(elsewhere) = &seen.elsewhere else {
        plan.memory.copy = None;
        return;
    };
    let Ok(copies) = &elsewhere.copies else {
        return;
    };
    if newest(copies).map(|own| &own.snapshot.name) == newest(&seen.here).map(|own| &own.snapshot.name) {
        plan.memory.copy = None;
        plan.memory.told.remove("copy-failed");
    }
    note_failure(seen, elsewhere, copies, &mut plan.memory, now);
    if let Some(slow) = copies.iter().find(|own| own.snapshot.status == Status::Creating && is_slow(own, now)) {
        let name = &slow.snapshot.name;
        if plan.memory.told_of.insert(format!("{name}/slow")) {
            let why = format!("the copy {name} is still being made, a day after its source");
            plan.memory.untold.push(notice::copy_failed(&seen.database, &elsewhere.region, &why));
        }
    }
    let Some(source) = due(seen, copies, &plan.memory) else {
        return;
    };
    let tried = plan.memory.copy.as_ref().filter(|tries| tries.name == source.snapshot.name);
    let is_pausing = tried.is_some_and(|tries| now < tries.at);
    // One of this database that is under way is waited for; of all databases there are only so many.
    let is_busy = copies.iter().any(|own| own.snapshot.status == Status::Creating && !is_slow(own, now));
    if is_pausing || is_busy || elsewhere.under_way >= MOST_UNDER_WAY {
        return;
    }
    plan.copy = Some(CopyOrder {
        name: source.snapshot.name.clone(),
        source: source.snapshot.arn.clone(),
        region: elsewhere.region.clone(),
        encrypted: source.snapshot.encrypted,
        tags: tags_of_copy(&source.snapshot.tags, settings.region.as_str()),
    });
}

/// Whether a copy takes so long that the next one does not wait for it.
fn is_slow(own: &Own, now: Timestamp) -> bool {
    now.duration_since(own.claim.started) > SLOW
}

/// Counts a copy that was begun and has failed, once. It is deleted by this sweep or the next, and made again then.
fn note_failure(seen: &Seen, elsewhere: &Elsewhere, copies: &[Own], memory: &mut Memory, now: Timestamp) {
    let Some(name) = newest(&seen.here).map(|own| own.snapshot.name.as_str()) else {
        return;
    };
    let has_failed = copies.iter().any(|own| own.snapshot.status == Status::Failed && own.snapshot.name == name);
    let known = memory.copy.take().filter(|tries| tries.name == name);
    memory.copy = match known {
        Some(tries) if tries.has_failed || !has_failed => Some(CopyTries { has_failed, ..tries }),
        None if !has_failed => None,
        known => {
            let before = known.map_or(0, |tries| tries.tries);
            Some(CopyTries { name: name.to_owned(), tries: before + 1, at: later(before, now), has_failed })
        }
    };
    if has_failed {
        let why = format!("RDS says that the copy {name} has failed");
        memory.tell(&format!("{name}/copy"), notice::copy_failed(&seen.database, &elsewhere.region, &why));
    }
}

/// When a copy is tried again: the pause doubles with each try.
fn later(tries: u32, now: Timestamp) -> Timestamp {
    let pause = PAUSE * 2_i32.saturating_pow(tries.min(MOST_TRIES));
    now.saturating_add(pause).unwrap_or(now)
}

/// The newest backup, unless it is there, or on its way, or was given up.
fn due<'a>(seen: &'a Seen, copies: &[Own], memory: &Memory) -> Option<&'a Own> {
    let source = newest(&seen.here)?;
    let is_there = copies.iter().any(|own| own.snapshot.name == source.snapshot.name);
    let is_given_up =
        memory.copy.as_ref().is_some_and(|tries| tries.name == source.snapshot.name && tries.tries >= MOST_TRIES);
    (!is_there && !is_given_up).then_some(source)
}

/// Snapshots that must stay for a copy: sources of copies under way and of the one that is due. Where it is not known
/// what is there, every one of them.
pub(super) fn sources<'a>(seen: &'a Seen, memory: &Memory) -> BTreeMap<&'a str, &'static str> {
    let Some(Elsewhere { copies, .. }) = &seen.elsewhere else {
        return BTreeMap::new();
    };
    let name = |own: &'a Own| own.snapshot.name.as_str();
    let Ok(copies) = copies else {
        let why = "its copy cannot be looked for in the other region";
        return seen.here.iter().map(|own| (name(own), why)).collect();
    };
    let is_under_way = |own: &&Own| {
        copies.iter().any(|copy| copy.snapshot.status == Status::Creating && copy.snapshot.name == own.snapshot.name)
    };
    let under_way = seen.here.iter().filter(is_under_way).map(|own| (name(own), "it is being copied"));
    let due = due(seen, copies, memory).map(|own| (name(own), "it is to be copied"));
    under_way.chain(due).collect()
}

/// A copy was refused or its key cannot be used. It is tried again after a pause, and given up in the end.
pub(crate) fn refused(
    memory: &mut Memory,
    database: &Database,
    order: &CopyOrder,
    failure: &CallFailure,
    is_later: bool,
    now: Timestamp,
) {
    let before = memory.copy.take().filter(|tries| tries.name == order.name).map_or(0, |tries| tries.tries);
    let at = later(before, now);
    // What is only a matter of time costs no try.
    let tries = if is_later { before } else { before + 1 };
    memory.copy = Some(CopyTries { name: order.name.clone(), tries, at, has_failed: false });
    if !is_later {
        let content = format!("{} {}", failure.operation, failure.code);
        memory.tell(&content, notice::copy_failed(database, &order.region, &failure.to_string()));
    }
}
