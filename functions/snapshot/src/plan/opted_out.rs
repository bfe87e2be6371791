//! A database that had opted in and has not any more.

use super::{Plan, Row, Settings, Verdict, request};
use crate::memory::Memory;
use crate::observe::model::Seen;

/// Forgets the policy and what was told under it, so that a tag that comes back is a new policy: nobody was to wait for
/// backups meanwhile. Answers the requests that are open. All snapshots stay.
pub(crate) fn opted_out(settings: &Settings, seen: &Seen) -> Plan {
    let mut plan = Plan::new(seen);
    plan.decide("opted-out", "its tag steward:snapshot is gone: nothing more is taken, and its snapshots stay");
    request::fail_all(&mut plan.memory, seen, "the database has opted out");
    let Memory { policy, wait, told, copy, rested, stopped_slots, stopped_slot, .. } = &mut plan.memory;
    (*policy, *wait, *copy, *rested) = (None, None, None, None);
    (*stopped_slots, *stopped_slot) = (0, None);
    told.clear();
    plan.rows = seen
        .here
        .iter()
        .map(|own| Row {
            database: seen.database.arn.identifier().to_owned(),
            region: settings.region.to_string(),
            snapshot: own.snapshot.name.clone(),
            moment: own.moment(),
            verdict: Verdict::Keep,
            why: "its database has opted out: it stays until somebody deletes it".to_owned(),
        })
        .collect();
    plan
}
