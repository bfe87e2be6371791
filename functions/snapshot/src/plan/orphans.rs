//! Snapshots of databases that are gone: all that is left of them. They are kept for ever, unless the operator says for
//! how long; the last ones even then.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use shared::arn::Region;
use shared::tags::on_snapshot;

use super::{MOST_DELETIONS, Row, Settings, Verdict};
use crate::observe::model::{Own, newest};

/// What becomes of the snapshots of databases that are gone, by region and resource id. Only a sweep sees them.
pub(crate) fn orphans(settings: &Settings, orphans: &BTreeMap<(Region, String), Vec<Own>>, now: Timestamp) -> Vec<Row> {
    orphans.iter().flat_map(|((region, _), all)| of_one(settings, region, all, now)).collect()
}

/// Copies of databases that are not copied to that region any more: they stay.
pub(crate) fn stranded(copies: &[(Region, Own)]) -> Vec<Row> {
    let why = "its database is not copied to this region any more: it stays until somebody deletes it";
    copies.iter().map(|(region, own)| row(region, own, Verdict::Keep, why.to_owned())).collect()
}

fn row(region: &Region, own: &Own, verdict: Verdict, why: String) -> Row {
    Row {
        database: own.snapshot.tags.get(on_snapshot::DATABASE).cloned().unwrap_or_default(),
        region: region.to_string(),
        snapshot: own.snapshot.name.clone(),
        moment: own.moment(),
        verdict,
        why,
    }
}

fn of_one(settings: &Settings, region: &Region, all: &[Own], now: Timestamp) -> Vec<Row> {
    let mut sorted: Vec<&Own> = all.iter().collect();
    sorted.sort_by_key(|own| (own.moment(), &own.snapshot.name));
    let mut backups = sorted.iter().filter(|own| own.is_scheduled_backup()).count();
    let newest = newest(all).map(|own| own.snapshot.name.as_str());
    let longest = SignedDuration::from_hours(24 * i64::from(settings.orphan_days));
    let mut deletions = 0;
    let mut rows = Vec::new();
    for own in sorted {
        let snapshot = &own.snapshot;
        let keep = if settings.orphan_days == 0 {
            Some("its database is gone: it is kept for ever".to_owned())
        } else if now.duration_since(own.moment()) <= longest {
            Some(format!("its database is gone: it is kept for {} days", settings.orphan_days))
        } else if let Some(hold) = snapshot.hold() {
            Some(format!("a person holds it: {hold}"))
        } else if newest == Some(snapshot.name.as_str()) || !own.is_scheduled_backup() {
            Some("its database is gone: it is the newest backup, or one that was requested".to_owned())
        } else if backups <= settings.keep_minimum {
            Some(format!("at least {} are kept", settings.keep_minimum))
        } else if deletions >= MOST_DELETIONS {
            Some("a later sweep deletes it".to_owned())
        } else {
            None
        };
        let verdict = if keep.is_some() { Verdict::Keep } else { Verdict::Delete };
        if verdict == Verdict::Delete {
            deletions += 1;
            backups -= 1;
        }
        let gone = || format!("its database is gone, and it is older than {} days", settings.orphan_days);
        rows.push(row(region, own, verdict, keep.unwrap_or_else(gone)));
    }
    rows
}
