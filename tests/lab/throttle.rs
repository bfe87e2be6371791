//! Request throttling: token buckets by virtual time, with the figures that AWS documents for ECS.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::wire::{ApiError, Call};

/// Operations that share a bucket, its burst, and its refill per second. An account and region has one of each.
const ECS: &[(&[&str], f64, f64)] = &[
    (&["RegisterTaskDefinition", "DeregisterTaskDefinition"], 20.0, 1.0),
    (&["CreateService", "UpdateService", "DeleteService"], 50.0, 5.0),
    (&["DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"], 50.0, 20.0),
    (&["DescribeServices", "ListServices"], 100.0, 20.0),
    (&["DescribeServiceRevisions"], 50.0, 20.0),
    (&["ListServiceDeployments", "DescribeServiceDeployments"], 50.0, 20.0),
    (&["TagResource", "UntagResource"], 20.0, 10.0),
    (&["ListTagsForResource"], 50.0, 20.0),
    (&["DescribeClusters", "ListClusters"], 50.0, 20.0),
    (&["DescribeTasks", "ListTasks"], 100.0, 20.0),
    (&["RunTask", "StartTask", "StopTask"], 100.0, 40.0),
];

/// The buckets of one account and region.
#[derive(Debug, Default)]
pub struct Throttle {
    off: bool,
    /// Tokens left and when that was true, by the first operation of the bucket.
    levels: BTreeMap<&'static str, (f64, Timestamp)>,
    /// The least that was left, as a share of the burst, by the first operation of the bucket.
    lowest: BTreeMap<&'static str, f64>,
}

impl Throttle {
    /// Switches throttling on (the default) or off.
    pub fn switch(&mut self, on: bool) {
        self.off = !on;
    }

    /// The least that was left of each bucket that was used since this was asked last, as a share of its burst, by the first
    /// operation of the bucket.
    pub fn take_lowest(&mut self) -> BTreeMap<&'static str, f64> {
        std::mem::take(&mut self.lowest)
    }

    /// Takes a token for `call`, or says what AWS says when there is none.
    pub fn admit(&mut self, call: &Call) -> Result<(), ApiError> {
        if self.off || call.service != "ecs" {
            return Ok(());
        }
        let operation = call.operation.as_str();
        let Some((operations, burst, rate)) = ECS.iter().find(|bucket| bucket.0.contains(&operation)) else {
            return Ok(());
        };
        let Some(name) = operations.first() else { return Ok(()) };
        let (level, since) = self.levels.entry(name).or_insert((*burst, call.at));
        let passed = call.at.duration_since(*since).as_secs_f64().max(0.0);
        *level = (*level + passed * rate).min(*burst);
        *since = call.at;
        let is_refused = *level < 1.0;
        if !is_refused {
            *level -= 1.0;
        }
        let lowest = self.lowest.entry(name).or_insert(1.0);
        *lowest = lowest.min(*level / burst);
        if is_refused { Err(exceeded()) } else { Ok(()) }
    }
}

/// The error of a throttled call.
pub fn exceeded() -> ApiError {
    ApiError::client("ThrottlingException", "Rate exceeded")
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use serde_json::Value;

    use super::*;

    fn call(operation: &str, at: Timestamp) -> Call {
        Call {
            service: "ecs".into(),
            operation: operation.into(),
            input: Value::Null,
            caller: String::new(),
            attempt: 1,
            region: String::new(),
            invocation: String::new(),
            at,
        }
    }

    #[track_caller]
    fn check(operation: &str, burst: usize, admitted_two_seconds_later: usize) {
        let mut throttle = Throttle::default();
        let start = Timestamp::UNIX_EPOCH;
        let mut admitted = |at| (0..200).filter(|_| throttle.admit(&call(operation, at)).is_ok()).count();
        assert_eq!(admitted(start), burst);
        assert_eq!(admitted(start + 2.seconds()), admitted_two_seconds_later);
    }

    #[test]
    fn a_burst_empties_the_bucket_and_time_refills_it() {
        check("UpdateService", 50, 10);
        check("RegisterTaskDefinition", 20, 2);
        check("DescribeServices", 100, 40);
        check("AnUnlistedOperation", 200, 200);
    }

    #[test]
    fn operations_of_one_bucket_share_its_tokens() {
        let mut throttle = Throttle::default();
        let at = Timestamp::UNIX_EPOCH;
        for _ in 0..25 {
            throttle.admit(&call("CreateService", at)).unwrap();
            throttle.admit(&call("UpdateService", at)).unwrap();
        }
        assert_eq!(throttle.admit(&call("DeleteService", at)).unwrap_err().code, "ThrottlingException");
        assert_eq!(throttle.take_lowest(), [("CreateService", 0.0)].into());
        assert_eq!(throttle.take_lowest(), [].into());
        throttle.switch(false);
        assert_eq!(throttle.admit(&call("DeleteService", at)), Ok(()));
    }
}
