//! Service deployments, service revisions and task definitions, as they are read and stopped.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::ecs::Behaviour;

#[test]
fn a_stopped_service_deployment_rolls_back_without_a_breaker() {
    let account = with_service(1, None);
    let v1 = account.digest("backend", "latest").unwrap();
    let v2 = account.push("backend", &["latest"], "v2").unwrap();
    account.script(&v2, Behaviour::CannotPull);
    let record = roll(&account)["currentServiceDeployment"].clone();
    account.advance(SignedDuration::from_mins(2));
    account.ecs("StopServiceDeployment", json!({"serviceDeploymentArn": record, "stopType": "ROLLBACK"})).unwrap();
    assert!(account.settle());
    assert_eq!(account.running("shop", "backend"), [v1]);
    assert_eq!(account.deployment_statuses("shop", "backend"), ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL"]);
    let again = account.ecs("StopServiceDeployment", json!({"serviceDeploymentArn": record}));
    assert_eq!(again.unwrap_err().code, "ConflictException");
}
