//! The share that is left to people: their own calls, put in between those that Steward made, against AWS's buckets.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::throttle::Throttle;
use crate::wire::Call;

/// Calls of `UpdateService` by people and their pipelines, as long as Steward is at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habit {
    /// How many at once.
    pub at_once: u32,
    /// How far apart.
    pub every: SignedDuration,
}

/// How many calls were refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Calls that people made.
    pub asked: usize,
    /// Of those, how many were throttled.
    pub people: usize,
    /// Of Steward's.
    pub steward: usize,
}

/// Lets people call by `habit` while Steward calls at these times.
pub fn beside(steward: &[Timestamp], habit: Habit) -> Refused {
    let (Some(first), Some(last)) = (steward.first(), steward.last()) else { return Refused::default() };
    let mut calls: Vec<(Timestamp, bool)> = steward.iter().map(|at| (*at, false)).collect();
    let mut at = *first;
    while at <= *last {
        calls.extend((0..habit.at_once).map(|_| (at, true)));
        at += habit.every;
    }
    calls.sort();
    let (mut throttle, mut refused) = (Throttle::default(), Refused::default());
    for (at, is_person) in calls {
        let is_refused = usize::from(throttle.admit(&update(at)).is_err());
        if is_person {
            refused.asked += 1;
            refused.people += is_refused;
        } else {
            refused.steward += is_refused;
        }
    }
    refused
}

fn update(at: Timestamp) -> Call {
    Call {
        service: "ecs".to_owned(),
        region: String::new(),
        operation: "UpdateService".to_owned(),
        input: Value::Null,
        caller: String::new(),
        attempt: 1,
        invocation: String::new(),
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steward at so many milliseconds a call, for ten minutes after a burst.
    fn steward(burst: usize, millis: i64) -> Vec<Timestamp> {
        let later = (1..=600_000 / millis).map(|n| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(n * millis));
        std::iter::repeat_n(Timestamp::UNIX_EPOCH, burst).chain(later).collect()
    }

    #[test]
    fn half_and_half_fit_and_more_than_half_does_not() {
        let pipeline = Habit { at_once: 25, every: SignedDuration::from_secs(10) };
        let refused = beside(&steward(25, 400), pipeline);
        assert_eq!((refused.asked, refused.people, refused.steward), (61 * 25, 0, 0));
        assert!(beside(&steward(50, 200), pipeline).people > 100);
        assert!(beside(&steward(25, 400), Habit { at_once: 40, ..pipeline }).people > 100);
    }
}
