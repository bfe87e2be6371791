//! The stages of a service deployment, and how hooks hold it there.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::hooks::{Hook, PATIENCE, STAGES, is_pause};
use super::life::Step;
use super::model::{Rollout, Service, ServiceDeployment};
use super::{Ecs, notices};
use crate::context::Context;
use crate::input::{invalid, items, required, text, texts};
use crate::wire::ApiError;

/// Place of `SCALE_UP` among the stages.
const SCALE_UP: usize = 2;

impl ServiceDeployment {
    /// Name of the stage at which it is.
    pub(super) fn stage(&self) -> &'static str {
        STAGES.get(self.stage).copied().unwrap_or("CLEAN_UP")
    }

    fn is_waiting(&self) -> bool {
        self.hooks.iter().any(Hook::is_awaiting)
    }
}

impl Ecs {
    /// The record of the PRIMARY deployment, unless that is a rollback: hooks do not hold rollbacks.
    fn held_record(&self, service: &Service) -> Option<&ServiceDeployment> {
        let primary = service.deployments.first().filter(|primary| !primary.is_rollback)?;
        self.records.get(&primary.record)
    }

    /// Whether the PRIMARY deployment may not start tasks yet.
    pub(super) fn is_before_scale_up(&self, service: &Service) -> bool {
        self.held_record(service).is_some_and(|record| record.stage < SCALE_UP)
    }

    /// A new deployment enters its first stage.
    pub(super) fn begin_stages(&mut self, context: &mut Context, service: &Service) {
        self.open_hooks(context, service);
        self.pass_stages(context, service);
    }

    /// Goes on through the stages, until one holds the deployment or tasks are to be started. Answers whether all stages
    /// are behind it.
    pub(super) fn pass_stages(&mut self, context: &mut Context, service: &Service) -> bool {
        let Some(primary) = service.deployments.first().filter(|primary| !primary.is_rollback) else { return true };
        loop {
            let Some(record) = self.records.get_mut(&primary.record) else { return true };
            if record.is_waiting() {
                return false;
            }
            if record.stage + 1 >= STAGES.len() {
                return true;
            }
            record.stage += 1;
            if record.stage == SCALE_UP {
                return false;
            }
            self.open_hooks(context, service);
        }
    }

    /// Begins the pauses of the stage at which the deployment is.
    fn open_hooks(&mut self, context: &mut Context, service: &Service) {
        let Some(arn) = service.deployments.first().map(|primary| primary.record.clone()) else { return };
        let Some(record) = self.records.get_mut(&arn) else { return };
        let stage = record.stage();
        let configured = items(service.setting(&["deploymentConfiguration"]), "lifecycleHooks");
        let here = configured.iter().filter(|hook| is_pause(hook) && texts(hook, "lifecycleStages").contains(&stage));
        let opened: Vec<_> = here
            .map(|hook| {
                let timeout = &hook["timeoutConfiguration"];
                let minutes = timeout["timeoutInMinutes"].as_i64().unwrap_or(PATIENCE.0);
                Hook {
                    id: format!("ecs-pause-{}_{}", context.ids.hex(), context.ids.short()),
                    stage,
                    status: "AWAITING_ACTION",
                    expires_at: context.now + SignedDuration::from_mins(minutes),
                    continues: text(timeout, "action") == Some("CONTINUE"),
                }
            })
            .collect();
        record.hooks.extend(opened.iter().cloned());
        for hook in opened {
            notices::hook(context, service, &arn, &hook, "AWAITING_ACTION");
            self.set_timer(hook.expires_at, Step::HookExpires(arn.clone(), hook.id));
        }
    }

    pub(super) fn continue_service_deployment(
        &mut self,
        context: &mut Context,
        input: &Value,
    ) -> Result<Value, ApiError> {
        let (arn, id) = (required(input, "serviceDeploymentArn")?, required(input, "hookId")?);
        let missing = || ApiError::client("ServiceDeploymentNotFoundException", "Service deployment not found.");
        let record = self.records.get(arn).ok_or_else(missing)?;
        let hook = record.hooks.iter().find(|hook| hook.id == id);
        let hook = hook.ok_or_else(|| invalid("The lifecycle hook was not found in the service deployment."))?;
        if !hook.is_awaiting() {
            return Err(invalid(format!("The lifecycle hook does not await an action: it is {}.", hook.status)));
        }
        let continues = match text(input, "action").unwrap_or("CONTINUE") {
            "CONTINUE" => true,
            "ROLLBACK" => false,
            _ => return Err(invalid("action must be CONTINUE or ROLLBACK.")),
        };
        let status = if continues { "SUCCEEDED" } else { "FAILED" };
        self.decide(context, arn, id, status, continues);
        Ok(json!({"serviceDeploymentArn": arn}))
    }

    /// Nobody decided in time.
    pub(super) fn expire_hook(&mut self, context: &mut Context, arn: &str, id: &str) {
        let hooks = self.records.get(arn).into_iter().flat_map(|record| &record.hooks);
        let expired = hooks.into_iter().find(|hook| hook.id == id && hook.is_awaiting());
        if let Some(continues) = expired.map(|hook| hook.continues) {
            self.decide(context, arn, id, "TIMED_OUT", continues);
        }
    }

    /// A hook is over, and the deployment goes on or back.
    fn decide(&mut self, context: &mut Context, arn: &str, id: &str, status: &'static str, continues: bool) {
        let Some(record) = self.records.get_mut(arn) else { return };
        let Some(hook) = record.hooks.iter_mut().find(|hook| hook.id == id) else { return };
        hook.status = status;
        let (hook, key) = (hook.clone(), record.service.clone());
        record.updated_at = context.now;
        self.remember(&key, context.now);
        self.with_service(&key, |ecs, service| {
            notices::hook(context, service, arn, &hook, status);
            if continues {
                ecs.pass_stages(context, service);
            } else if service.status == "ACTIVE" {
                ecs.roll_back_at_hook(context, service);
            }
        });
        self.schedule(context, &key);
    }

    /// Goes back to what ran before. Tasks that still run stay as they are, if no others were started yet.
    fn roll_back_at_hook(&mut self, context: &mut Context, service: &mut Service) {
        let untouched = self.is_before_scale_up(service);
        let former = service.last_completed.clone();
        let why = "Service deployment rolled back because of a lifecycle hook.";
        if !self.roll_back(context, service, "Service deployment lifecycle hook", why) {
            let Some(primary) = service.deployments.first_mut() else { return };
            (primary.state, primary.reason) = (Rollout::Failed, why.to_owned());
            if let Some(record) = self.records.get_mut(&primary.record) {
                record.set("ROLLBACK_FAILED", Some(why), context.now);
            }
            return;
        }
        let former =
            service.deployments.iter_mut().find(|known| former.as_ref().is_some_and(|(id, _)| known.id == *id));
        let tasks = former.filter(|_| untouched).map(|former| std::mem::take(&mut former.tasks));
        if let (Some(tasks), Some(primary)) = (tasks, service.deployments.first_mut()) {
            primary.tasks = tasks;
        }
    }
}
