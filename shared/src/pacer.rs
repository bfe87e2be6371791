//! Pacing: a share of the account's request rates, so that people and CI keep theirs.
//!
//! A token bucket of our own in front of AWS's. Waiting costs no call. Figures are AWS's documented buckets per account
//! and region (Amazon ECS developer guide, "Request throttling").

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;

/// A documented bucket: how many at once, and how many a second after that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests that may come at once.
    pub burst: u32,
    /// Requests a second that are refilled.
    pub per_second: u32,
}

/// `CreateService`, `UpdateService`, `DeleteService` together.
pub const SERVICE_MODIFY: Rate = Rate { burst: 50, per_second: 5 };
/// `RegisterTaskDefinition` and `DeregisterTaskDefinition` together.
pub const TASK_DEFINITION_MODIFY: Rate = Rate { burst: 20, per_second: 1 };

/// A bucket that holds a share of a [`Rate`]. It lives as long as the execution environment: with one message at a time
/// there is one environment, so its memory of the last minutes is the stack's.
#[derive(Debug)]
pub struct Pacer {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    since: Option<Timestamp>,
}

impl Pacer {
    /// A full bucket of `percent` of `rate`; at least one request at a time.
    pub fn new(rate: Rate, percent: u8) -> Self {
        let share = f64::from(percent) / 100.0;
        let capacity = (f64::from(rate.burst) * share).floor().max(1.0);
        Self { capacity, per_second: f64::from(rate.per_second) * share, tokens: capacity, since: None }
    }

    /// How many requests may come at once.
    pub fn at_once(&self) -> usize {
        // At least one, and at most a bucket's burst: a whole number that every type holds.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
        let whole = self.capacity as usize;
        whole
    }

    /// Takes one token at `now` and says how long to wait before the request may be sent.
    pub fn take(&mut self, now: Timestamp) -> Duration {
        let elapsed = self.since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.capacity) - 1.0;
        self.since = Some(now);
        // Below zero the token is borrowed from the future; that future is the wait.
        Duration::from_secs_f64((-self.tokens / self.per_second).max(0.0))
    }

    /// How long a request would wait at `now`, without taking a token.
    pub fn wait(&self, now: Timestamp) -> Duration {
        Self { ..*self }.take(now)
    }

    /// Takes one token and waits for it.
    pub async fn ready(&mut self, clock: &Clock) {
        let wait = self.take(clock.now());
        if !wait.is_zero() {
            clock.sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_service_bucket_is_25_at_once_and_then_one_each_400_ms() {
        let (mut pacer, start) = (Pacer::new(SERVICE_MODIFY, 50), Timestamp::UNIX_EPOCH);
        assert!((0..25).all(|_| pacer.take(start).is_zero()));
        assert_eq!(pacer.take(start), Duration::from_millis(400));
        assert_eq!(pacer.take(start), Duration::from_millis(800));
    }

    #[test]
    fn a_bucket_refills_with_time_and_never_above_its_capacity() {
        let (mut pacer, start) = (Pacer::new(TASK_DEFINITION_MODIFY, 50), Timestamp::UNIX_EPOCH);
        assert!((0..10).all(|_| pacer.take(start).is_zero()));
        assert_eq!(pacer.wait(start), Duration::from_secs(2));
        let later = Timestamp::from_second(86_400).unwrap();
        assert!((0..10).all(|_| pacer.take(later).is_zero()));
        assert!(!pacer.take(later).is_zero());
    }

    #[test]
    fn the_smallest_share_still_lets_one_request_through_at_a_time() {
        let mut pacer = Pacer::new(TASK_DEFINITION_MODIFY, 1);
        assert!(pacer.take(Timestamp::UNIX_EPOCH).is_zero());
        assert_eq!(pacer.take(Timestamp::UNIX_EPOCH), Duration::from_secs(100));
    }
}
