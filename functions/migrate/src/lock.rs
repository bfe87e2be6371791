//! One migration at a time for each database. A lock has no lease that could run out: it is freed when its run is over,
//! and a run is not over while its task may live.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::arn::ServiceArn;
use shared::migration::RunId;
use shared::state::Key;

use crate::run::{Cause, Run};

/// The lock of one database: the item `DATABASE#<database>` / `LOCK`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Lock {
    /// The run that migrates.
    pub holder: Option<RunId>,
    /// How often it was taken. What was written under a smaller number is of before.
    pub fence: u64,
    /// Those that wait, the first first.
    pub queue: Vec<Queued>,
    /// The newest run before a rollout, of each service: what waits of older ones is not wanted any more.
    pub newest: BTreeMap<ServiceArn, Newest>,
}

/// A run that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Queued {
    /// The run.
    pub run: RunId,
    /// Its service.
    pub service: ServiceArn,
    /// Whether it is one before a rollout, which a newer one replaces.
    pub rollout: bool,
}

/// The newest run of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Newest {
    /// When it was asked for.
    pub at: Timestamp,
    /// The run; of two of one moment the greater name counts as the newer.
    pub run: RunId,
}

/// How a run stands with the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has the lock.
    Holds,
    /// It waits for this one.
    Waits(RunId),
    /// A newer image of the same service is asked for.
    Superseded(RunId),
}

impl Lock {
    /// Key of the item.
    pub(crate) fn key(database: &str) -> Key {
        Key::new(format!("DATABASE#{database}"), "LOCK")
    }

    /// Takes the lock for a run, or lets it wait. Asked again, the answer is the same.
    pub(crate) fn attend(&mut self, run: &Run) -> Standing {
        if self.holder.as_ref() == Some(&run.id) {
            return Standing::Holds;
        }
        if run.cause == Cause::Rollout {
            let mine = Newest { at: run.begun, run: run.id.clone() };
            if let Some(newest) = self.newest.get(&run.service).filter(|newest| **newest > mine) {
                let by = newest.run.clone();
                self.queue.retain(|queued| queued.run != run.id);
                return Standing::Superseded(by);
            }
            self.newest.insert(run.service.clone(), mine);
            self.queue.retain(|queued| !queued.rollout || queued.service != run.service || queued.run == run.id);
        }
        let first = self.queue.first().map(|queued| queued.run.clone());
        match self.holder.clone().or(first.filter(|first| *first != run.id)) {
            None => {
                self.queue.retain(|queued| queued.run != run.id);
                self.holder = Some(run.id.clone());
                self.fence += 1;
                Standing::Holds
            }
            Some(ahead) => {
                if !self.queue.iter().any(|queued| queued.run == run.id) {
                    let rollout = run.cause == Cause::Rollout;
                    self.queue.push(Queued { run: run.id.clone(), service: run.service.clone(), rollout });
                }
                Standing::Waits(ahead)
            }
        }
    }

    /// Gives up the lock, or the place in the queue. The run whose turn it is then.
    pub(crate) fn leave(&mut self, run: &RunId) -> Option<RunId> {
        if self.holder.as_ref() == Some(run) {
            self.holder = None;
        }
        self.queue.retain(|queued| queued.run != *run);
        self.holder.is_none().then(|| self.queue.first().map(|queued| queued.run.clone())).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixtures::run;

    fn rollout(name: &str, at: i64) -> Run {
        Run { begun: Timestamp::from_second(at).unwrap(), ..run(name) }
    }

    #[test]
    fn one_holds_and_the_others_wait_in_the_order_in_which_they_came() {
        let mut lock = Lock::default();
        let of = |name: &str, service: &str| Run { service: service.parse().unwrap(), ..run(name) };
        let arn = |name: &str| format!("arn:aws:ecs:eu-west-1:123456789012:service/shop/{name}");
        let (a, b, c) = (of("a", &arn("a")), of("b", &arn("b")), of("c", &arn("c")));
        assert_eq!(lock.attend(&a), Standing::Holds);
        assert_eq!(lock.attend(&b), Standing::Waits(a.id.clone()));
        assert_eq!(lock.attend(&c), Standing::Waits(a.id.clone()));
        assert_eq!(lock.attend(&a), Standing::Holds, "asked again, it is the same");
        assert_eq!(lock.fence, 1);
        assert_eq!(lock.leave(&a.id), Some(b.id.clone()));
        assert_eq!(lock.attend(&c), Standing::Waits(b.id.clone()), "it is not its turn");
        assert_eq!((lock.attend(&b), lock.fence), (Standing::Holds, 2));
    }

    #[test]
    fn a_newer_image_takes_the_place_of_what_waits_and_never_of_what_runs() {
        let mut lock = Lock::default();
        let (first, second, third) = (rollout("1", 1), rollout("2", 2), rollout("3", 3));
        assert_eq!(lock.attend(&first), Standing::Holds);
        assert_eq!(lock.attend(&second), Standing::Waits(first.id.clone()));
        assert_eq!(lock.attend(&third), Standing::Waits(first.id.clone()));
        assert_eq!(lock.attend(&second), Standing::Superseded(third.id.clone()));
        assert_eq!(lock.attend(&first), Standing::Holds);
        assert_eq!(lock.leave(&first.id), Some(third.id.clone()));
        assert_eq!(lock.attend(&third), Standing::Holds);
    }

    #[test]
    fn what_a_schedule_asked_for_is_not_replaced_by_a_rollout() {
        let mut lock = Lock::default();
        let nightly = Run { cause: Cause::Request, ..rollout("n", 2) };
        assert_eq!(lock.attend(&rollout("1", 1)), Standing::Holds);
        assert!(matches!(lock.attend(&nightly), Standing::Waits(_)));
        assert!(matches!(lock.attend(&rollout("3", 3)), Standing::Waits(_)));
        assert_eq!(lock.queue.len(), 2);
    }

    #[test]
    fn two_of_one_moment_do_not_replace_each_other_in_turns() {
        let mut lock = Lock::default();
        let holder = Run { cause: Cause::Request, ..rollout("h", 1) };
        lock.attend(&holder);
        let (a, b) = (rollout("a", 5), rollout("b", 5));
        let (older, newer) = if a.id < b.id { (a, b) } else { (b, a) };
        lock.attend(&newer);
        for _ in 0..3 {
            assert_eq!(lock.attend(&older), Standing::Superseded(newer.id.clone()));
            assert_eq!(lock.attend(&newer), Standing::Waits(holder.id.clone()));
        }
    }
}
