//! The deployment circuit breaker's arithmetic.

use serde_json::Value;

use super::model::Service;

/// What a service's `deploymentConfiguration.deploymentCircuitBreaker` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breaker {
    pub(crate) enabled: bool,
    pub(crate) rollback: bool,
    /// A task that becomes healthy sets the count of failures back to zero.
    pub(crate) reset_on_healthy_task: bool,
    /// Failures that trip it.
    pub(crate) threshold: usize,
}

impl Breaker {
    /// The breaker of a service.
    pub(crate) fn of(service: &Service) -> Self {
        Self::read(service.setting(&["deploymentConfiguration", "deploymentCircuitBreaker"]), service.desired)
    }

    fn read(setting: &Value, desired: usize) -> Self {
        let flag = |name: &str, default| setting[name].as_bool().unwrap_or(default);
        Self {
            enabled: flag("enable", false),
            rollback: flag("rollback", false),
            reset_on_healthy_task: flag("resetOnHealthyTask", true),
            threshold: threshold(&setting["thresholdConfiguration"], desired),
        }
    }
}

fn threshold(setting: &Value, desired: usize) -> usize {
    let value = setting["value"].as_u64().and_then(|value| usize::try_from(value).ok());
    match (setting["type"].as_str(), value) {
        (Some("COUNT"), Some(count)) => count,
        (Some("UNBOUNDED_PERCENT"), Some(percent)) => (desired * percent).div_ceil(100).max(1),
        (_, percent) => (desired * percent.unwrap_or(50)).div_ceil(100).clamp(3, 200),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(setting: &Value, desired: usize, expected: usize) {
        assert_eq!(threshold(setting, desired), expected);
    }

    #[test]
    fn the_threshold_is_half_of_desired_between_3_and_200_unless_it_is_set() {
        check(&Value::Null, 1, 3);
        check(&Value::Null, 7, 4);
        check(&Value::Null, 25, 13);
        check(&Value::Null, 1000, 200);
        check(&json!({"type": "COUNT", "value": 10}), 2, 10);
        check(&json!({"type": "BOUNDED_PERCENT", "value": 100}), 2, 3);
        check(&json!({"type": "UNBOUNDED_PERCENT", "value": 100}), 2, 2);
    }
}
