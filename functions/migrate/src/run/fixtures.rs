//! Runs to test with.

use super::*;

/// A second of the tests' time.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn service() -> ServiceArn {
    "arn:aws:ecs:eu-west-1:123456789012:service/shop/api".parse().unwrap()
}

pub(crate) fn digest() -> Digest {
    format!("sha256:{}", "0f".repeat(32)).parse().unwrap()
}

/// What a service with a plan and a database asks for.
pub(crate) fn frozen() -> Frozen {
    Frozen {
        container: "api".to_owned(),
        reference: format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop@{}", digest()),
        digest: digest(),
        base: "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7".parse().unwrap(),
        family: "steward-migrate-shop".to_owned(),
        command: vec!["bin/migrate".to_owned()],
        plan: None,
        compatible: false,
        timeout: 15,
        database: Some("shop-db".to_owned()),
        lock: "shop-db".to_owned(),
        restore_point: RestorePoint::None,
        placement: Placement::default(),
        logs: None,
        runbook: None,
    }
}

/// A run before a rollout, just asked for.
pub(crate) fn run(name: &str) -> Run {
    let id = RunId::of_request(&service(), name, None);
    Run::new(id, service(), Cause::Rollout, None, Ok(frozen()), at(0))
}
