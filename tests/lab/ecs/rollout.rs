//! Rollouts: how a deployment begins, fails, is rolled back, and completes.

use super::breaker::Breaker;
use super::model::{Deployment, Rollout, Service};
use super::{Ecs, notices};
use crate::context::Context;

/// The reason of a rollout that the circuit breaker ended.
const TRIPPED: &str = "ECS deployment circuit breaker: task(s) failed to start.";

impl Ecs {
    /// Trips the circuit breaker when the PRIMARY deployment has lost enough tasks.
    pub(super) fn check_breaker(&mut self, context: &mut Context, service: &mut Service) {
        let breaker = Breaker::of(service);
        let Some(primary) = service.deployments.first_mut() else { return };
        if primary.state != Rollout::InProgress || !breaker.enabled {
            return;
        }
        let failures = primary.failed;
        if let Some(record) = self.records.get_mut(&primary.record).filter(|_| !primary.is_rollback) {
            record.breaker = ("MONITORING", failures, breaker.threshold);
        }
        if failures < breaker.threshold {
            return;
        }
        (primary.state, primary.reason) = (Rollout::Failed, TRIPPED.to_owned());
        let (primary, is_rollback) = (primary.clone(), primary.is_rollback);
        notices::deployment(context, service, "SERVICE_DEPLOYMENT_FAILED", &primary);
        if let Some(record) = self.records.get_mut(&primary.record) {
            record.breaker = ("TRIGGERED", failures, breaker.threshold);
        }
        let rolled_back = breaker.rollback && !is_rollback && {
            let why = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
            self.roll_back(context, service, "ECS deployment circuit breaker", why)
        };
        if !rolled_back && let Some(record) = self.records.get_mut(&primary.record) {
            let status = if breaker.rollback { "ROLLBACK_FAILED" } else { "STOPPED" };
            record.set(status, Some(TRIPPED), context.now);
        }
    }

    /// Deploys the service revision of the last completed deployment again. `false` when there is none.
    pub(super) fn roll_back(&mut self, context: &mut Context, service: &mut Service, who: &str, why: &str) -> bool {
        let Some((deployment, revision)) = service.last_completed.clone() else { return false };
        let Some(failed) = service.deployments.first() else { return false };
        let record = failed.record.clone();
        if let Some(record) = self.records.get_mut(&record) {
            record.set("ROLLBACK_IN_PROGRESS", Some(why), context.now);
            record.rollback = Some((why.to_owned(), context.now, revision.clone()));
        }
        let reason = format!("{who}: rolling back to deploymentId {deployment}.");
        self.deploy_revision(context, service, &revision, record, reason, true);
        true
    }

    /// Makes a new PRIMARY deployment of a service revision.
    pub(super) fn deploy_revision(
        &mut self,
        context: &mut Context,
        service: &mut Service,
        revision: &str,
        record: String,
        reason: String,
        is_rollback: bool,
    ) {
        let known = self.revisions.get(revision).map(|known| known.task_definition.clone());
        service.task_definition = known.unwrap_or_else(|| service.task_definition.clone());
        let deployment = Deployment {
            id: format!("ecs-svc/{}", context.ids.digits()),
            task_definition: service.task_definition.clone(),
            revision: revision.to_owned(),
            record,
            created_at: context.now,
            updated_at: context.now,
            state: Rollout::InProgress,
            reason,
            failed: 0,
            unstarted: 0,
            credited: 0,
            not_before: context.now,
            is_rollback,
            impaired: false,
            tasks: Vec::new(),
        };
        service.steady = false;
        service.deployments.insert(0, deployment.clone());
        notices::deployment(context, service, "SERVICE_DEPLOYMENT_IN_PROGRESS", &deployment);
    }

    /// Completes the PRIMARY deployment: it is what a later rollback goes to.
    pub(super) fn finish_rollout(&mut self, context: &mut Context, service: &mut Service) {
        service.deployments.truncate(1);
        let Some(primary) = service.deployments.first_mut() else { return };
        primary.state = Rollout::Completed;
        primary.reason = format!("ECS deployment {} completed.", primary.id);
        (primary.failed, primary.updated_at) = (0, context.now);
        let primary = primary.clone();
        if let Some(record) = self.records.get_mut(&primary.record) {
            let status = if primary.is_rollback { "ROLLBACK_SUCCESSFUL" } else { "SUCCESSFUL" };
            record.set(status, None, context.now);
            if record.breaker.0 == "MONITORING" {
                record.breaker.0 = "MONITORING_COMPLETE";
            }
        }
        service.last_completed = Some((primary.id.clone(), primary.revision.clone()));
        notices::deployment(context, service, "SERVICE_DEPLOYMENT_COMPLETED", &primary);
        notices::note(context, service, &format!("(deployment {}) deployment completed.", primary.id));
    }
}
