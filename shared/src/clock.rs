//! The one place where the clock is read and where time is waited for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use jiff::Timestamp;

/// A clock that can be read and waited on. Handlers and the SDK share one, so that a test moves both at once.
#[derive(Clone)]
pub struct Clock {
    time: SharedTimeSource,
    sleep: SharedAsyncSleep,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

impl Clock {
    /// A clock made of an SDK time source and an SDK sleep.
    pub fn new(time: impl TimeSource + 'static, sleep: impl AsyncSleep + 'static) -> Self {
        Self { time: SharedTimeSource::new(time), sleep: SharedAsyncSleep::new(sleep) }
    }

    /// The machine's clock, waiting on tokio.
    pub fn system() -> Self {
        Self::new(System, System)
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        Timestamp::try_from(self.time.now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Waits for `duration`.
    pub fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let sleep = self.sleep.sleep(duration);
        Box::pin(sleep)
    }

    /// The SDK's view of the same clock.
    pub(crate) fn parts(&self) -> (SharedTimeSource, SharedAsyncSleep) {
        (self.time.clone(), self.sleep.clone())
    }
}

#[derive(Debug)]
struct System;

impl TimeSource for System {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl AsyncSleep for System {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(duration))
    }
}

/// The moment by which an invocation must have ended, less a reserve for telling what was left undone.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Timestamp,
}

impl Deadline {
    /// Longest that one AWS operation may take with all its attempts. No call is started with less than this left.
    pub const OPERATION: Duration = Duration::from_secs(12);
    /// Kept for writing state, alert and record after the last call.
    const RESERVE: Duration = Duration::from_secs(8);

    /// A deadline at Lambda's own (`Lambda-Runtime-Deadline-Ms`).
    pub fn at(at: Timestamp) -> Self {
        Self { at }
    }

    /// Whether a call may be started at `now`, so that it and what must follow it end in time.
    pub fn allows_call(&self, now: Timestamp) -> bool {
        self.remaining(now) >= Self::OPERATION + Self::RESERVE
    }

    /// What is left at `now`; zero when it has passed.
    pub fn remaining(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.at.duration_since(now)).unwrap_or(Duration::ZERO)
    }
}

/// Which of `many` a sweep begins with: each five minutes another, as its time may not be enough for all. Zero of none.
pub fn first_of_sweep(now: Timestamp, many: usize) -> usize {
    // Steps of the golden ratio: of any number, each is soon near the beginning.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let turn = u64::try_from(now.as_second() / 300).unwrap_or_default();
    let place = (u128::from(turn.wrapping_mul(STEP)) * many as u128) >> 64;
    usize::try_from(place).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_begin_with_everybody_in_turn_and_with_nobody_where_nobody_is() {
        let first = |turn: i64, many| first_of_sweep(Timestamp::from_second(turn * 300).unwrap(), many);
        for many in [2, 10, 37, 74] {
            let begun: std::collections::BTreeSet<usize> = (0..300).map(|turn| first(turn, many)).collect();
            assert_eq!(begun, (0..many).collect(), "of {many}");
        }
        assert_eq!(first(7, 0), 0);
    }

    #[test]
    fn no_call_is_started_when_it_could_outlive_the_invocation() {
        let now = Timestamp::UNIX_EPOCH;
        let deadline = |seconds| Deadline::at(Timestamp::from_second(seconds).unwrap());
        assert!(deadline(20).allows_call(now));
        assert!(!deadline(19).allows_call(now));
        assert!(!deadline(-5).allows_call(now));
        assert_eq!(deadline(-5).remaining(now), Duration::ZERO);
    }
}
