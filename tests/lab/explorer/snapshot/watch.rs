//! What there was at each moment: before and after each invocation, and in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::scene::{FAR, Scene};
use crate::account::Account;
use crate::function::{Function, Invocation, Running};
use crate::rds::{RdsRegion, SnapshotSeen};

/// When a day of snapshots begins.
const BEGINS: SignedDuration = SignedDuration::from_hours(2);

/// What was seen of a scene.
#[derive(Debug, Default)]
pub struct Watched {
    /// Moments, oldest first, since the trouble began. The first is its beginning, the last the end.
    pub looks: Vec<Look>,
    /// Resource ids of the databases.
    pub resources: BTreeMap<String, String>,
    /// Snapshots that are held.
    pub held: BTreeSet<String>,
}

/// The snapshots at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// In the stack's region.
    pub here: Vec<SnapshotSeen>,
    /// Where copies go.
    pub far: Vec<SnapshotSeen>,
}

/// The date of the slot in which a snapshot was taken.
pub fn date(seen: &SnapshotSeen) -> String {
    let begun: Timestamp = seen.original_at - BEGINS;
    begun.strftime("%Y-%m-%d").to_string()
}

/// Whether a snapshot was asked for by somebody.
pub fn is_requested(seen: &SnapshotSeen) -> bool {
    seen.tags.get("steward:class").is_some_and(|class| class == "requested")
}

/// Looks at the account again and again.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    account: Account,
    watched: Arc<Mutex<Watched>>,
}

impl Watch {
    pub(super) fn new(account: &Account) -> Self {
        Self { account: account.clone(), watched: Arc::default() }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks now.
    pub(super) fn look(&self) {
        let of = |region: RdsRegion| region.snapshots();
        let look = Look { here: of(self.account.rds()), far: of(self.account.rds_in(FAR)) };
        let mut watched = self.watched();
        if watched.looks.last() != Some(&look) {
            watched.looks.push(look);
        }
    }

    /// Forgets what was, and begins anew.
    pub(super) fn begin(&self) {
        self.watched().looks.clear();
        self.look();
    }

    /// Everything that was seen, up to now.
    pub(super) fn end(&self, scene: &Scene) -> Watched {
        self.look();
        let mut watched = std::mem::take(&mut *self.watched());
        let all: Vec<&SnapshotSeen> = watched.looks.iter().flat_map(|look| &look.here).collect();
        let held = all.iter().filter(|seen| seen.tags.contains_key("steward:hold")).map(|seen| seen.id.clone());
        let held: BTreeSet<String> = held.chain(scene.of_people().map(str::to_owned)).collect();
        let resources = all.iter().map(|seen| (seen.database.clone(), seen.resource_id.clone())).collect();
        (watched.held, watched.resources) = (held, resources);
        watched
    }
}

/// A function that is watched.
pub(super) struct Attended {
    pub(super) function: Box<dyn Function>,
    pub(super) watch: Watch,
}

impl Function for Attended {
    fn invoke(&mut self, invocation: Invocation) -> Running<'_> {
        let Self { function, watch } = self;
        watch.look();
        Box::pin(async move {
            let result = function.invoke(invocation).await;
            watch.look();
            result
        })
    }
}
