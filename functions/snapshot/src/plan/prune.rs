//! What becomes of every snapshot: what the policy keeps, and the rails that keep more.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use shared::tags::{Buckets, on_snapshot};

use super::retain::kept;
use super::{GRACE, MOST_DELETIONS, Plan, Row, Settings, Verdict, copy, is_old};
use crate::observe::model::{Own, Seen, Status, newest};
use crate::own::Purpose;
use crate::slot::Interval;

/// Requested snapshots that are kept however old they are: the last releases.
const LAST_REQUESTED: usize = 3;
/// Requested snapshots are kept for so long however many there are.
const REQUESTED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A failed request is kept for so long, for whoever looks into it.
const FAILED_REQUEST: SignedDuration = SignedDuration::from_hours(24);

/// What keeps snapshots of a region that the policy would delete.
struct Rails<'a> {
    keep_minimum: usize,
    /// A reason for which nothing at all is deleted.
    freeze: Option<String>,
    /// A reason for which no backup is deleted. What failed is none, and would only use up the quota.
    stale: Option<String>,
    /// Snapshots that something still needs, with the reason.
    needed: BTreeMap<&'a str, &'static str>,
}

/// Decides about all snapshots of a database, here and where they are copied to.
pub(super) fn prune(
    settings: &Settings,
    seen: &Seen,
    buckets: &Buckets,
    since: Timestamp,
    is_sweep: bool,
    plan: &mut Plan,
    now: Timestamp,
) {
    let freeze = if !is_sweep {
        Some("only a sweep deletes".to_owned())
    } else if now.duration_since(since) < GRACE {
        Some("the policy is new: nothing is deleted by it for a day".to_owned())
    } else {
        None
    };
    let stale = |snapshots: &[Own]| {
        let interval = Interval::shortest(buckets)?;
        let is_stale = is_old(newest(snapshots).map(Own::moment), interval, now);
        is_stale.then(|| "the newest backup is stale: nothing is deleted until there is a new one".to_owned())
    };
    let mut needed = copy::sources(seen, &plan.memory);
    let open: BTreeSet<_> = plan.memory.open_requests().map(|asked| asked.request.clone()).collect();
    for own in &seen.here {
        if matches!(&own.claim.purpose, Purpose::Requested { request } if open.contains(request)) {
            needed.insert(&own.snapshot.name, "its request is not answered yet");
        }
        // A policy that was finer has left newer ones of the same period. Without this one, the slot would get another.
        let of_now = Interval::shortest(buckets).map(|interval| settings.calendar.slot(interval, now).start);
        if own.is_scheduled_backup() && own.claim.slot() == of_now {
            needed.insert(&own.snapshot.name, "it is the snapshot of the slot that is now");
        }
    }
    let rails = Rails { keep_minimum: settings.keep_minimum, freeze: freeze.clone(), stale: stale(&seen.here), needed };
    let here = decide(settings, buckets, &seen.here, &rails, 0, now);
    plan.rows.extend(rows(seen, settings.region.as_str(), here));
    let deletions = plan.deletions().count();
    if let Some(elsewhere) = &seen.elsewhere
        && let Ok(copies) = &elsewhere.copies
    {
        let rails =
            Rails { keep_minimum: settings.keep_minimum, freeze, stale: stale(copies), needed: BTreeMap::new() };
        let there = decide(settings, buckets, copies, &rails, deletions, now);
        plan.rows.extend(rows(seen, elsewhere.region.as_str(), there));
    }
}

type Decided<'a> = Vec<(&'a Own, Verdict, String)>;

fn rows(seen: &Seen, region: &str, decided: Decided<'_>) -> Vec<Row> {
    let row = |(own, verdict, why): (&Own, Verdict, String)| Row {
        database: seen.database.arn.identifier().to_owned(),
        region: region.to_owned(),
        snapshot: own.snapshot.name.clone(),
        moment: own.moment(),
        verdict,
        why,
    };
    decided.into_iter().map(row).collect()
}

/// Decides about the snapshots of one region, the oldest first. `deletions` are decided already elsewhere.
fn decide<'a>(
    settings: &Settings,
    buckets: &Buckets,
    all: &'a [Own],
    rails: &Rails<'_>,
    mut deletions: usize,
    now: Timestamp,
) -> Decided<'a> {
    let mut sorted: Vec<&Own> = all.iter().collect();
    sorted.sort_by_key(|own| (own.moment(), &own.snapshot.name));
    let slots: Vec<Timestamp> =
        sorted.iter().filter(|own| own.is_scheduled_backup()).filter_map(|own| own.claim.slot()).collect();
    let kept = kept(buckets, &settings.calendar, &slots);
    let newest = newest(all).map(|own| own.snapshot.name.as_str());
    let requested = last_requested(&sorted);
    let mut backups = slots.len();
    let mut decided = Vec::new();
    for own in sorted {
        let (keep, why) = wanted(settings, buckets, own, &kept, &requested, now);
        let (verdict, why) = if keep {
            (Verdict::Keep, why)
        } else {
            let rail = rail(own, newest, backups, deletions, rails);
            rail.map_or((Verdict::Delete, why), |rail| (Verdict::Spare, rail))
        };
        if verdict == Verdict::Delete {
            deletions += 1;
            backups -= usize::from(own.is_scheduled_backup());
        }
        decided.push((own, verdict, why));
    }
    decided
}

/// Whether the policy wants a snapshot, and why or why not.
fn wanted(
    settings: &Settings,
    buckets: &Buckets,
    own: &Own,
    kept: &BTreeMap<Timestamp, Vec<String>>,
    requested: &BTreeSet<&str>,
    now: Timestamp,
) -> (bool, String) {
    let age = now.duration_since(own.claim.started);
    match (own.snapshot.status, &own.claim.purpose) {
        (Status::Creating, _) => (true, "it is being made".to_owned()),
        (Status::Other, _) => (true, "its status is none that is known here".to_owned()),
        (Status::Available, Purpose::Scheduled { .. }) if buckets.is_on_request() => {
            (true, "the policy has no slots by which it could be too old".to_owned())
        }
        (Status::Available, Purpose::Scheduled { slot, .. }) => match kept.get(slot) {
            Some(reasons) => (true, reasons.join(", ")),
            None => (false, "no slot of the policy keeps it".to_owned()),
        },
        (Status::Failed, Purpose::Scheduled { slot, .. }) => {
            // While its slot lasts, a failed one is what the next try is counted by. A failed copy only stands in the way.
            let is_copy = own.snapshot.tags.contains_key(on_snapshot::COPIED_FROM);
            let interval = Interval::shortest(buckets).unwrap_or(Interval::Daily);
            let is_over = settings.calendar.slot(interval, *slot).end <= now;
            (!is_over && !is_copy, "it failed, and is no backup".to_owned())
        }
        (Status::Available, Purpose::Requested { .. }) if requested.contains(own.snapshot.name.as_str()) => {
            (true, format!("one of the last {LAST_REQUESTED} that were requested"))
        }
        (Status::Available, Purpose::Requested { .. }) => {
            (age < REQUESTED, "requested, and kept for 7 days".to_owned())
        }
        (Status::Failed, Purpose::Requested { .. }) => (age < FAILED_REQUEST, "it failed, and is no backup".to_owned()),
    }
}

/// The first rail that keeps a snapshot which the policy would delete.
fn rail(own: &Own, newest: Option<&str>, backups: usize, deletions: usize, rails: &Rails<'_>) -> Option<String> {
    let name = own.snapshot.name.as_str();
    if let Some(hold) = own.snapshot.hold() {
        return Some(format!("a person holds it: {hold}"));
    }
    if newest == Some(name) {
        return Some("it is the newest backup".to_owned());
    }
    if let Some(why) = rails.needed.get(name) {
        return Some((*why).to_owned());
    }
    if own.is_scheduled_backup() && backups <= rails.keep_minimum {
        return Some(format!("at least {} are kept", rails.keep_minimum));
    }
    let stale = rails.stale.as_ref().filter(|_| own.snapshot.status != Status::Failed);
    if let Some(why) = rails.freeze.as_ref().or(stale) {
        return Some(why.clone());
    }
    (deletions >= MOST_DELETIONS).then(|| format!("at most {MOST_DELETIONS} are deleted at a time: the next sweep"))
}

fn last_requested<'a>(sorted: &[&'a Own]) -> BTreeSet<&'a str> {
    let requested = sorted.iter().rev().filter(|own| own.claim.slot().is_none());
    let available = requested.filter(|own| own.snapshot.status == Status::Available);
    available.take(LAST_REQUESTED).map(|own| own.snapshot.name.as_str()).collect()
}
