//! Lifecycle hooks of the kind PAUSE: a service deployment waits at a stage until somebody says how it goes on.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::model::Key;
use super::setup::ServiceSetup;
use crate::account::Account;
use crate::context::epoch;
use crate::input::{invalid, items, text, texts};
use crate::wire::ApiError;

/// Lifecycle stages in their order. Tasks are started at `SCALE_UP`; what comes behind holds back the completion only.
pub(super) const STAGES: [&str; 11] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

/// Stages at which nothing can pause.
const WITHOUT_PAUSE: [&str; 5] =
    ["SCALE_UP", "TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"];

/// Most hooks of a kind.
const MOST: usize = 10;

/// Minutes that a hook waits unless it is told otherwise, and the most that it can be told to.
pub(super) const PATIENCE: (i64, i64) = (24 * 60, 14 * 24 * 60);

/// A pause at which a service deployment arrived.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(super) id: String,
    pub(super) stage: &'static str,
    /// `AWAITING_ACTION`, `SUCCEEDED`, `FAILED` or `TIMED_OUT`.
    pub(super) status: &'static str,
    pub(super) expires_at: Timestamp,
    /// What is done when it expires.
    pub(super) continues: bool,
}

impl Hook {
    pub(super) fn is_awaiting(&self) -> bool {
        self.status == "AWAITING_ACTION"
    }

    /// The deployment ended otherwise: nobody is asked any more.
    pub(crate) fn give_up(&mut self) {
        if self.is_awaiting() {
            self.status = "FAILED";
        }
    }

    /// The member of `lifecycleHookDetails`.
    pub(super) fn show(&self) -> Value {
        json!({
            "hookId": self.id,
            "targetType": "PAUSE",
            "status": self.status,
            "expiresAt": epoch(self.expires_at),
            "timeoutAction": if self.continues { "CONTINUE" } else { "ROLLBACK" },
        })
    }
}

/// A service deployment that waits at a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausedDeployment {
    /// ARN of the service deployment.
    pub deployment: String,
    /// Id of the hook.
    pub hook: String,
    /// Where it waits.
    pub stage: &'static str,
    /// When ECS itself decides.
    pub expires_at: Timestamp,
}

impl ServiceSetup {
    /// Lets each deployment wait at a stage (`PRE_SCALE_UP`), for so many minutes and then for what `on_timeout` says
    /// (`CONTINUE`, `ROLLBACK`), or as long and for what ECS takes by itself.
    pub fn pause(mut self, stage: &str, timeout: Option<(i64, &str)>) -> Self {
        let mut hook = json!({"targetType": "PAUSE", "lifecycleStages": [stage]});
        if let Some((minutes, on_timeout)) = timeout {
            hook["timeoutConfiguration"] = json!({"timeoutInMinutes": minutes, "action": on_timeout});
        }
        match self.request["deploymentConfiguration"]["lifecycleHooks"].as_array_mut() {
            Some(hooks) => hooks.push(hook),
            None => self.request["deploymentConfiguration"]["lifecycleHooks"] = json!([hook]),
        }
        self
    }
}

impl Account {
    /// The hooks at which deployments of a service wait.
    pub fn paused(&self, cluster: &str, service: &str) -> Vec<PausedDeployment> {
        let state = self.lock();
        let of_it = |key: &Key| key.0 == cluster && key.1 == service;
        let records = state.ecs.records.iter().filter(|(_, record)| of_it(&record.service));
        let waiting = records.flat_map(|(arn, record)| {
            record.hooks.iter().filter(|hook| hook.is_awaiting()).map(move |hook| PausedDeployment {
                deployment: arn.clone(),
                hook: hook.id.clone(),
                stage: hook.stage,
                expires_at: hook.expires_at,
            })
        });
        waiting.collect()
    }
}

/// Refuses hooks that AWS refuses.
pub(super) fn check(input: &Value) -> Result<(), ApiError> {
    let hooks = items(&input["deploymentConfiguration"], "lifecycleHooks");
    let (pauses, others): (Vec<&Value>, Vec<&Value>) = hooks.iter().partition(|hook| is_pause(hook));
    if pauses.len() > MOST || others.len() > MOST {
        return Err(invalid(format!("A service can have {MOST} lifecycle hooks of a kind.")));
    }
    for hook in pauses {
        let stages = texts(hook, "lifecycleStages");
        if stages.is_empty() {
            return Err(invalid("A lifecycle hook needs lifecycleStages."));
        }
        if let Some(wrong) = stages.iter().find(|stage| !STAGES.contains(stage) || WITHOUT_PAUSE.contains(stage)) {
            return Err(invalid(format!("A PAUSE hook cannot be configured at {wrong}.")));
        }
        let timeout = &hook["timeoutConfiguration"];
        if timeout["timeoutInMinutes"].as_i64().is_some_and(|minutes| !(1..=PATIENCE.1).contains(&minutes)) {
            return Err(invalid(format!("timeoutInMinutes must be between 1 and {}.", PATIENCE.1)));
        }
        if text(timeout, "action").is_some_and(|action| !matches!(action, "CONTINUE" | "ROLLBACK")) {
            return Err(invalid("action must be CONTINUE or ROLLBACK."));
        }
    }
    Ok(())
}

pub(super) fn is_pause(hook: &Value) -> bool {
    hook["targetType"] == "PAUSE"
}
