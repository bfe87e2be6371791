//! Retention: which snapshots a policy keeps. Computed over what exists, not over the day that a job ran.
//!
//! For each kind, the newest snapshot of each of the last N periods that have one is kept. Periods without a snapshot do
//! not count: an outage does not use up what is kept. While a kind has fewer periods than it may keep, the oldest
//! snapshot of all is kept with it, as it is all that there is of its period.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::tags::Buckets;

use crate::slot::{Calendar, Interval};

/// Why each of the slots is kept. Slots that are not in it are not kept. The order of `slots` does not matter.
pub(crate) fn kept(buckets: &Buckets, calendar: &Calendar, slots: &[Timestamp]) -> BTreeMap<Timestamp, Vec<String>> {
    let mut newest_first: Vec<Timestamp> = slots.to_vec();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    newest_first.dedup();
    let mut kept: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
    for (interval, count) in Interval::of(buckets).into_iter().filter(|(_, count)| *count > 0) {
        let mut last = None;
        let mut periods = 0;
        for slot in &newest_first {
            let period = calendar.slot(interval, *slot).start;
            if last == Some(period) {
                continue;
            }
            last = Some(period);
            periods += 1;
            if periods > count {
                break;
            }
            kept.entry(*slot).or_default().push(format!("{} {periods} of {count}", interval.word()));
        }
        if periods < count
            && let Some(oldest) = newest_first.last()
        {
            let reasons = kept.entry(*oldest).or_default();
            if reasons.is_empty() {
                reasons.push(format!("oldest of all, as {} has {periods} of {count}", interval.word()));
            }
        }
    }
    kept
}
