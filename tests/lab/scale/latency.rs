//! How long calls and deliveries take here. AWS promises no such times and publishes none: these are round figures of the right
//! size, the same for every call of a kind.

use jiff::SignedDuration;

use crate::wire::Call;

/// From one invocation to the next: the poller's receive, and the way into the function.
pub const INVOCATION: SignedDuration = SignedDuration::from_millis(30);
/// From an event to its message in the queue.
pub const DELIVERY: SignedDuration = SignedDuration::from_millis(500);

/// How long a call takes.
pub fn usual(call: &Call) -> SignedDuration {
    let millis = match (call.service.as_str(), call.operation.as_str()) {
        ("dynamodb", _) => 8,
        ("ecs", "UpdateService") => 200,
        ("rds", operation) if !operation.starts_with("Describe") => 400,
        ("ecs", "RegisterTaskDefinition") | ("tagging" | "rds", _) => 150,
        ("ecs" | "ecr", _) => 60,
        _ => 30,
    };
    SignedDuration::from_millis(millis)
}
