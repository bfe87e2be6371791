//! Events that ECS sends about things that the lab does not simulate, on request.

use serde_json::{Value, json};

use super::notices;
use crate::account::Account;
use crate::context::{arn, iso};

impl Account {
    /// Sends an `ECS Service Action` about a service, with the event type that AWS gives it (`ERROR` for a name that
    /// nobody knows): `SERVICE_TASK_PLACEMENT_FAILURE` with the reason `RESOURCE:FARGATE`, `ECS_OPERATION_THROTTLED`,
    /// one that is invented tomorrow. The event is all that happens.
    pub fn service_action(&self, cluster: &str, service: &str, name: &str, reason: Option<&str>) {
        let mut state = self.lock();
        let state = &mut *state;
        let key = (cluster.to_owned(), service.to_owned());
        let Some(service) = state.ecs.services.get(&key) else { return };
        let mut more = json!({});
        if let Some(reason) = reason {
            more["reason"] = json!(reason);
        }
        if name == "SERVICE_TASK_PLACEMENT_FAILURE" {
            more["capacityProviderArns"] = json!([arn("ecs", "capacity-provider/FARGATE")]);
        }
        notices::action_with(&mut state.context, service, event_type(name), name, more);
    }

    /// Sends any event of ECS about a service, as AWS may begin to tomorrow.
    pub fn ecs_event(&self, cluster: &str, service: &str, detail_type: &str, detail: &Value) {
        let mut state = self.lock();
        let mut detail = detail.clone();
        if detail["createdAt"].is_null() {
            detail["createdAt"] = iso(state.context.now).into();
        }
        let resource = arn("ecs", &format!("service/{cluster}/{service}"));
        state.context.emit("aws.ecs", detail_type, &[&resource], &detail);
    }
}

fn event_type(name: &str) -> &'static str {
    match name {
        "SERVICE_STEADY_STATE"
        | "TASKSET_STEADY_STATE"
        | "CAPACITY_PROVIDER_STEADY_STATE"
        | "SERVICE_DESIRED_COUNT_UPDATED"
        | "TASKS_STOPPED"
        | "SERVICE_DEPLOYMENT_IN_PROGRESS"
        | "SERVICE_DEPLOYMENT_COMPLETED" => "INFO",
        "SERVICE_TASK_START_IMPAIRED" | "SERVICE_DISCOVERY_INSTANCE_UNHEALTHY" | "VPC_LATTICE_TARGET_UNHEALTHY" => {
            "WARN"
        }
        _ => "ERROR",
    }
}
