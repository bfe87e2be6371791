//! What is open: the item `MIGRATE` / `OPEN`, by which the sweep finds every run whose end is not done with. A run is
//! entered before it is written, and taken out when nothing is left to do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use shared::failure::CallFailure;
use shared::migration::RunId;
use shared::state::{Key, Table, Versioned};

/// The runs that are open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Open {
    /// Their names.
    pub runs: BTreeSet<RunId>,
}

fn key() -> Key {
    Key::new("MIGRATE", "OPEN")
}

/// The runs that are open.
///
/// # Errors
/// The failed call.
pub(crate) async fn list(table: &Table) -> Result<BTreeSet<RunId>, CallFailure> {
    Ok(table.get::<Open>(&key()).await?.item.runs)
}

/// Enters a run.
///
/// # Errors
/// The failed call.
pub(crate) async fn enter(table: &Table, run: &RunId) -> Result<(), CallFailure> {
    change(table, |runs| runs.insert(run.clone())).await
}

/// Takes a run out.
///
/// # Errors
/// The failed call.
pub(crate) async fn leave(table: &Table, run: &RunId) -> Result<(), CallFailure> {
    change(table, |runs| runs.remove(run)).await
}

async fn change(table: &Table, change: impl FnOnce(&mut BTreeSet<RunId>) -> bool) -> Result<(), CallFailure> {
    let mut open: Versioned<Open> = table.get(&key()).await?;
    if change(&mut open.item.runs) {
        table.put(&key(), &mut open, None).await?;
    }
    Ok(())
}
