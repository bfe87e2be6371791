//! Backups that failed, do not end, or have stopped coming.

use jiff::{SignedDuration, Timestamp};

use super::due::is_covered;
use super::{Age, Plan, Settings, newest_here};
use crate::notice;
use crate::observe::model::{Seen, Status, newest};
use crate::slot::Interval;

/// Least time after which a snapshot that is being made counts as stuck.
const STUCK: SignedDuration = SignedDuration::from_hours(2);
/// What a new backup settles.
const TROUBLE: [&str; 3] = ["backup-stale", "snapshot-missed", "snapshot-refused"];

/// How long a snapshot of this database may take: three times as long as usual, and two hours at least.
pub(super) fn patience(plan: &Plan) -> SignedDuration {
    let usual = plan.memory.usual_duration().unwrap_or_default();
    STUCK.max(SignedDuration::from_secs(i64::from(usual) * 3))
}

/// Notes a new backup and how long it took; tells of snapshots that failed or do not end, each once.
pub(super) fn note(seen: &Seen, is_sweep: bool, plan: &mut Plan, now: Timestamp) {
    if let Some(newest) = newest(&seen.here)
        && plan.memory.newest.as_deref() != Some(&newest.snapshot.name)
    {
        let took = now.duration_since(newest.claim.started).as_secs();
        // One that is seen for the first time long after says nothing about how long it took.
        if let Ok(took) = u32::try_from(took)
            && plan.memory.newest.is_some()
            && SignedDuration::from_secs(took.into()) <= STUCK * 12
        {
            plan.memory.took(took);
        }
        plan.memory.newest = Some(newest.snapshot.name.clone());
        plan.arrived = true;
    }
    let patience = patience(plan);
    for own in &seen.here {
        let (name, age) = (&own.snapshot.name, now.duration_since(own.claim.started));
        let stuck = format!("{name}/stuck");
        match own.snapshot.status {
            Status::Failed if plan.memory.told_of.insert(name.clone()) => {
                plan.memory.untold.push(notice::failed(&seen.database, name));
                plan.failed += 1;
            }
            Status::Creating if age > patience && plan.memory.told_of.insert(stuck) => {
                plan.memory.untold.push(notice::stuck(&seen.database, name, age));
            }
            _ => {}
        }
    }
    let exists = |told: &String| {
        // What was told of it stands behind the name: `/stuck`, `/slow`.
        let name = told.split('/').next().unwrap_or(told);
        seen.here.iter().any(|own| own.snapshot.name == name)
    };
    if is_sweep {
        plan.memory.told_of.retain(exists);
    }
}

/// Measures the age of the newest backup, and tells when backups have stopped and when they come again.
pub(super) fn health(
    settings: &Settings,
    seen: &Seen,
    interval: Interval,
    paced: Timestamp,
    plan: &mut Plan,
    now: Timestamp,
) {
    let newest = newest_here(seen);
    let covered = is_covered(seen, interval);
    // Written down once an hour, not at each look.
    let is_behind = |rested: Timestamp| now.duration_since(rested) >= SignedDuration::from_hours(1);
    if covered && plan.memory.rested.is_none_or(is_behind) {
        plan.memory.rested = Some(now);
    }
    // A backup is judged from when the policy asked for one that often, and does not age while its database is stopped.
    let start = [newest, Some(paced), plan.memory.rested].into_iter().flatten().max().unwrap_or(paced);
    let (age, length) = (now.duration_since(start), interval.length());
    let stale = !covered && age > length * 3 / 2;
    let ratio = if covered { 0.0 } else { (age.as_secs_f64() / length.as_secs_f64()).max(0.0) };
    let seconds = now.duration_since(newest.unwrap_or(paced)).as_secs();
    plan.age = Some(Age { seconds, ratio, stale });
    if stale {
        let when = newest.map(|newest| settings.calendar.local(newest));
        let content = plan.memory.newest.clone().unwrap_or_default();
        let alert = notice::stale(&seen.database, when.as_deref(), interval, age, &plan.reason);
        plan.memory.tell(&content, alert);
        return;
    }
    let is_good = matches!(plan.word, "up-to-date" | "stopped");
    if is_good && TROUBLE.iter().any(|kind| plan.memory.told.contains_key(*kind)) {
        for kind in TROUBLE {
            plan.memory.told.remove(kind);
        }
        plan.memory.told.remove("backup-resumed");
        let when = newest.map(|newest| settings.calendar.local(newest)).unwrap_or_default();
        plan.memory.tell(&when, notice::resumed(&seen.database, &when));
    }
}
