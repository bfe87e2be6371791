//! Sharing a manual snapshot with other accounts: its attribute `restore`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::kind::{Kind, refused};
use super::{Asked, Rds, form, view};
use crate::input::text;
use crate::kms::Kms;
use crate::wire::ApiError;

/// Accounts that a snapshot can be shared with.
const MOST_ACCOUNTS: usize = 20;

impl Rds {
    pub(super) fn modify_attribute(&mut self, asked: &mut Asked<'_>, kind: Kind) -> Result<String, ApiError> {
        let (region, input, now, lag) = (asked.call.region(), &asked.call.input, asked.context.now, self.lag);
        let id = text(input, kind.snapshot_id()).unwrap_or_default().to_ascii_lowercase();
        if text(input, "AttributeName") != Some("restore") {
            return Err(refused("The only attribute is restore."));
        }
        let snapshots = self.region(region).snapshots_mut(kind);
        let snapshot = snapshots.get(&id).ok_or_else(|| kind.no_snapshot(&id))?;
        let added = form::list(input, "ValuesToAdd.AttributeValue");
        let removed = form::list(input, "ValuesToRemove.AttributeValue");
        if snapshot.taken_by != "manual" || snapshot.status != "available" {
            return Err(kind.snapshot_state("Only manual snapshots that are available can be shared."));
        }
        let is_account = |value: &str| value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(wrong) = added.iter().chain(&removed).find(|value| **value != "all" && !is_account(value)) {
            return Err(refused(format!("{wrong} is no account id.")));
        }
        if snapshot.key.is_some() && added.contains(&"all") {
            return Err(kind.snapshot_state("An encrypted snapshot cannot be public."));
        }
        if !added.is_empty() && snapshot.key.as_ref().is_some_and(|key| *key == Kms::of_rds(region)) {
            return Err(kind.snapshot_state("A snapshot encrypted with the default key of RDS cannot be shared."));
        }
        let mut shared: BTreeSet<String> = snapshot.shared_with.clone();
        shared.extend(added.iter().map(|&account| account.to_owned()));
        shared.retain(|account| !removed.contains(&account.as_str()));
        if shared.len() > MOST_ACCOUNTS {
            let message = format!("A snapshot cannot be shared with more than {MOST_ACCOUNTS} accounts.");
            return Err(ApiError::client("SharedSnapshotQuotaExceeded", message));
        }
        let xml = shown(kind, &id, &shared);
        snapshots.edit(now, lag, &id, |snapshot| snapshot.shared_with = shared);
        Ok(xml)
    }

    pub(super) fn describe_attributes(&mut self, asked: &mut Asked<'_>, kind: Kind) -> Result<String, ApiError> {
        let id = text(&asked.call.input, kind.snapshot_id()).unwrap_or_default().to_ascii_lowercase();
        let snapshot = self.region(asked.call.region()).snapshots(kind).get(&id);
        let snapshot = snapshot.ok_or_else(|| kind.no_snapshot(&id))?;
        Ok(shown(kind, &id, &snapshot.shared_with))
    }
}

fn shown(kind: Kind, id: &str, shared: &BTreeSet<String>) -> String {
    let what = kind.snapshot();
    let mut xml = format!("<{what}AttributesResult>");
    view::leaf(&mut xml, kind.snapshot_id(), id);
    let _ = write!(xml, "<{what}Attributes><{what}Attribute><AttributeName>restore</AttributeName><AttributeValues>");
    for account in shared {
        view::leaf(&mut xml, "AttributeValue", account);
    }
    xml + &format!("</AttributeValues></{what}Attribute></{what}Attributes></{what}AttributesResult>")
}
