//! Sharing with other accounts, as the stack's parameter says.

use shared::arn::AccountId;
use shared::failure::CallFailure;

use super::{Plan, Settings, Share};
use crate::memory::Memory;
use crate::notice;
use crate::observe::model::{Database, Seen};

/// Most changes in one tick.
const MOST: usize = 10;

/// Orders what has to be shared, or no longer.
pub(super) fn share(settings: &Settings, seen: &Seen, is_sweep: bool, plan: &mut Plan) {
    let backups: Vec<&str> =
        seen.here.iter().filter(|own| own.is_scheduled_backup()).map(|own| own.snapshot.name.as_str()).collect();
    if is_sweep {
        plan.memory.shared.retain(|name, _| backups.contains(&name.as_str()));
    }
    if settings.share_with.is_empty() {
        // Without the parameter the role may not change sharing at all, so that a person has to end it.
        if plan.memory.shared.is_empty() {
            plan.memory.told.remove("share-failed");
        } else {
            let names: Vec<&str> = plan.memory.shared.keys().map(String::as_str).collect();
            let alert = notice::still_shared(&seen.database, &names);
            plan.memory.tell("still shared", alert);
        }
        return;
    }
    let without = |these: &[AccountId], those: &[AccountId]| -> Vec<AccountId> {
        these.iter().filter(|account| !those.contains(account)).cloned().collect()
    };
    for name in backups {
        let with = plan.memory.shared.get(name).map(Vec::as_slice).unwrap_or_default();
        let (add, remove) = (without(&settings.share_with, with), without(with, &settings.share_with));
        if !(add.is_empty() && remove.is_empty()) && plan.shares.len() < MOST {
            plan.shares.push(Share { name: name.to_owned(), add, remove });
        }
    }
}

/// AWS refused to share, and would again.
pub(crate) fn refused(memory: &mut Memory, database: &Database, failure: &CallFailure) {
    memory.tell(&failure.code, notice::share_failed(database, failure));
}
