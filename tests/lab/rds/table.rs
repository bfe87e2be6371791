//! A list of things by identifier, and what it was before its last writes: for reads that lag.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use jiff::{SignedDuration, Timestamp};

/// Something that remembers what it looks like, until it is changed.
pub(super) trait Kept: Clone {
    /// It is about to be changed.
    fn touched(&mut self);
}

#[derive(Debug)]
struct Former<T> {
    written: Timestamp,
    id: String,
    /// Nothing, before its creation.
    before: Option<T>,
}

/// The list.
#[derive(Debug)]
pub(super) struct Table<T> {
    now: BTreeMap<String, T>,
    /// Oldest first; the last one always, others as long as a read may not have seen the write.
    former: VecDeque<Former<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { now: BTreeMap::new(), former: VecDeque::new() }
    }
}

/// How a read sees a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) now: Timestamp,
    pub(super) lag: SignedDuration,
    /// As before the last write.
    pub(super) stale: bool,
}

/// Things in the order of their identifiers.
pub(super) type Listed<'a, T> = Box<dyn Iterator<Item = (&'a str, &'a T)> + 'a>;

impl<T: Kept> Table<T> {
    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.now.get(id)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.now.values()
    }

    pub(super) fn insert(&mut self, now: Timestamp, lag: SignedDuration, id: String, value: T) {
        let before = self.now.insert(id.clone(), value);
        self.remember(now, lag, id, before);
    }

    pub(super) fn remove(&mut self, now: Timestamp, lag: SignedDuration, id: &str) -> Option<T> {
        let gone = self.now.remove(id)?;
        self.remember(now, lag, id.to_owned(), Some(gone.clone()));
        Some(gone)
    }

    /// Changes something; `None` when it is not there.
    pub(super) fn edit<R>(
        &mut self,
        now: Timestamp,
        lag: SignedDuration,
        id: &str,
        change: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let value = self.now.get_mut(id)?;
        let before = value.clone();
        value.touched();
        let result = change(value);
        self.remember(now, lag, id.to_owned(), Some(before));
        Some(result)
    }

    fn remember(&mut self, now: Timestamp, lag: SignedDuration, id: String, before: Option<T>) {
        while self.former.front().is_some_and(|former| former.written + lag <= now) {
            self.former.pop_front();
        }
        self.former.push_back(Former { written: now, id, before });
    }

    /// What reads do not see as it is: by identifier, what they see instead.
    fn unseen(&self, sight: Sight) -> BTreeMap<&str, Option<&T>> {
        let mut unseen = BTreeMap::new();
        if sight.stale {
            unseen.extend(self.former.back().map(|former| (former.id.as_str(), former.before.as_ref())));
            return unseen;
        }
        for former in self.former.iter().filter(|former| former.written + sight.lag > sight.now) {
            unseen.entry(former.id.as_str()).or_insert(former.before.as_ref());
        }
        unseen
    }

    /// Whether a read sees anything as it is no more.
    pub(super) fn lags(&self, sight: Sight) -> bool {
        !self.unseen(sight).is_empty()
    }

    /// The thing with this identifier as a read sees it.
    pub(super) fn seen(&self, id: &str, sight: Sight) -> Option<&T> {
        match self.unseen(sight).get(id) {
            Some(before) => *before,
            None => self.now.get(id),
        }
    }

    /// What a read sees behind this identifier, or from the start.
    pub(super) fn list<'a>(&'a self, after: Option<&str>, sight: Sight) -> Listed<'a, T> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let now = self.now.range::<str, _>((from, Bound::Unbounded)).map(|(id, value)| (id.as_str(), value));
        let unseen = self.unseen(sight);
        if unseen.is_empty() {
            return Box::new(now);
        }
        let mut seen: BTreeMap<&str, &T> = now.collect();
        for (id, before) in unseen {
            match before.filter(|_| after.is_none_or(|after| id > after)) {
                Some(before) => seen.insert(id, before),
                None => seen.remove(id),
            };
        }
        Box::new(seen.into_iter())
    }
}
