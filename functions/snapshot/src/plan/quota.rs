//! Quotas of manual snapshots: told before they bite.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::alert::Alert;
use shared::arn::{DatabaseKind, Region};
use shared::failure::CallFailure;

use crate::notice;
use crate::observe::model::{Quota, Quotas, Seen};
use crate::slot::Interval;

/// From here on people are told, in percent.
const NEAR: u64 = 80;
/// Below this they may be told again.
const FAR: u64 = 75;

/// What is remembered of the account: the item `SNAPSHOT` / `ACCOUNT`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Standing {
    /// Regions whose quota was told as nearly used up.
    pub(crate) near: Vec<String>,
    /// Alerts that SNS has not taken yet.
    pub(crate) untold: Vec<Alert>,
}

/// Judges the quotas. The highest use in percent, and what shall be remembered.
pub(crate) fn quota(
    quotas: &BTreeMap<Region, Result<Quotas, CallFailure>>,
    databases: &[Seen],
    own_region: &Region,
    before: &Standing,
) -> (u64, Standing) {
    let mut after = before.clone();
    let mut highest = 0;
    for (region, quotas) in quotas {
        let Ok(quotas) = quotas else {
            continue;
        };
        for (kind, quota) in [(DatabaseKind::Instance, quotas.instances), (DatabaseKind::Cluster, quotas.clusters)] {
            highest = highest.max(quota.percent());
            let (key, promised) = (format!("{region} {kind}"), promised(databases, kind, region, own_region, quota));
            let is_told = after.near.contains(&key);
            if quota.percent() >= NEAR && !is_told {
                after.untold.push(notice::quota(region, kind, quota, promised));
                after.near.push(key);
            } else if quota.percent() < FAR && is_told {
                after.near.retain(|told| *told != key);
            }
        }
    }
    (highest, after)
}

/// How many snapshots there will be when every policy has all that it keeps, what is not ours included.
fn promised(databases: &[Seen], kind: DatabaseKind, region: &Region, own_region: &Region, quota: Quota) -> u64 {
    let of_kind = databases.iter().filter(|seen| seen.database.arn.kind() == kind);
    let (mut promised, mut ours) = (0, 0);
    for seen in of_kind {
        let Ok(tags) = &seen.tags else {
            continue;
        };
        let there = seen.elsewhere.as_ref().filter(|elsewhere| elsewhere.region == *region);
        let listed = if region == own_region {
            seen.here.len()
        } else if let Some(elsewhere) = there {
            elsewhere.copies.as_ref().map_or(0, Vec::len)
        } else {
            continue;
        };
        let counts = tags.snapshot.iter().flat_map(Interval::of).map(|(_, count)| count as u64);
        promised += counts.sum::<u64>().max(listed as u64);
        ours += listed as u64;
    }
    quota.used.saturating_sub(ours) + promised
}
