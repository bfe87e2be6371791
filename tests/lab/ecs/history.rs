//! Eventual consistency: what services were before they were written, for reads that lag.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::model::{Key, Service};

/// Former states of services.
#[derive(Debug, Default)]
pub(crate) struct History {
    lag: SignedDuration,
    /// For each service, oldest first: when it was written, and what it was before (nothing, before its creation).
    former: BTreeMap<Key, Vec<(Timestamp, Option<Service>)>>,
}

impl History {
    pub(crate) fn set_lag(&mut self, lag: SignedDuration) {
        self.lag = lag;
    }

    /// Keeps `before`, which a write at `now` is about to change, and forgets what no read can see any more.
    pub(crate) fn remember(&mut self, key: &Key, now: Timestamp, before: Option<&Service>) {
        let former = self.former.entry(key.clone()).or_default();
        former.retain(|(written, _)| *written + self.lag > now);
        former.push((now, before.cloned()));
    }

    /// The service as a read sees it at `now`. With `stale`: as it was before its last write.
    pub(crate) fn visible<'a>(
        &'a self,
        key: &Key,
        now: Timestamp,
        stale: bool,
        current: &'a BTreeMap<Key, Service>,
    ) -> Option<&'a Service> {
        let former = self.former.get(key).map_or(&[][..], Vec::as_slice);
        let seen = if stale { former.last() } else { former.iter().find(|(written, _)| *written + self.lag > now) };
        match seen {
            Some((_, before)) => before.as_ref(),
            None => current.get(key),
        }
    }
}
