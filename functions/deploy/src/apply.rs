//! The only code here that changes anything: alerts, the memory, task definitions, services. In that order for each
//! service, so that whatever is interrupted is found again.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::StopServiceDeploymentStopType;
use jiff::Timestamp;
use shared::alert::Topic;
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::aws::Clients;
use shared::bus::Bus;
use shared::clock::{Clock, Deadline};
use shared::failure::{CallFailure, FailureKind};
use shared::outbox;
use shared::pacer::{self, Pacer};
use shared::state::{Table, Versioned};
use shared::task_definition;

use crate::notice;
use crate::observe::{Observed, Observer};
use crate::plan::rollback::How;
use crate::plan::{By, Decision, Plan, Roll};
use crate::registered::Registered;
use crate::rollout::{Attempt, AttemptState, Rollout};

/// Changes the account. It lives as long as the execution environment, and so do its pacers.
#[derive(Debug)]
pub(crate) struct Applier {
    clients: Clients,
    table: Table,
    topic: Topic,
    bus: Bus,
    clock: Clock,
    services: Pacer,
    definitions: Pacer,
    registered: Registered,
}

impl Applier {
    /// An applier that uses `budget_percent` of the account's request rates.
    pub(crate) fn new(clients: Clients, table: Table, topic: Topic, clock: Clock, budget_percent: u8) -> Self {
        let services = Pacer::new(pacer::SERVICE_MODIFY, budget_percent);
        let definitions = Pacer::new(pacer::TASK_DEFINITION_MODIFY, budget_percent);
        let bus = Bus::new(clients.events().clone());
        Self { clients, table, topic, bus, clock, services, definitions, registered: Registered::default() }
    }

    /// Where events are put.
    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Rolls that one invocation may begin: as many as the budget lets through at once.
    pub(crate) fn rolls_in_a_turn(&self) -> usize {
        self.services.at_once()
    }

    /// Carries out the plan for one service.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn apply(
        &mut self,
        plan: &Plan,
        observed: &Observed,
        observer: &mut Observer,
    ) -> Result<(), CallFailure> {
        let Some(memory) = plan.memory.clone() else {
            return Ok(());
        };
        let mut memory = Versioned { item: memory, version: observed.memory.version };
        // `migrate` reads from the item what it is asked for, so that stands there before it is asked.
        if memory.item.awaits != observed.memory.item.awaits {
            self.write(&plan.service, &mut memory).await?;
        }
        let published = self.publish(&mut memory.item).await;
        self.write(&plan.service, &mut memory).await?;
        let rolled = match &plan.decision {
            Decision::Roll(roll) => self.roll(&plan.service, roll, &mut memory, observed, observer).await,
            _ => Ok(()),
        };
        rolled.and(published)
    }

    /// Writes the intent of a way back, and makes its call.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn go_back(
        &mut self,
        service: &ServiceArn,
        how: &How,
        memory: &mut Versioned<Rollout>,
        observer: &mut Observer,
    ) -> Result<(), CallFailure> {
        self.write(service, memory).await?;
        match how {
            How::Back { roll, .. } => self.update(service, roll, &mut memory.item, observer).await,
            How::Stop { service_deployment } => {
                self.services.ready(&self.clock).await;
                let request = self.clients.ecs().stop_service_deployment();
                let request = request.service_deployment_arn(service_deployment);
                let answer = request.stop_type(StopServiceDeploymentStopType::Rollback).send().await;
                answer.map_err(|error| CallFailure::new("ecs:StopServiceDeployment", service.short(), &error))?;
                Ok(())
            }
        }
    }

    /// Sends what waits, and writes the memory whatever came of that.
    ///
    /// # Errors
    /// The failed call. What was not sent is in the memory.
    pub(crate) async fn settle_up(
        &mut self,
        service: &ServiceArn,
        memory: &mut Versioned<Rollout>,
    ) -> Result<(), CallFailure> {
        let sent = self.publish(&mut memory.item).await;
        self.write(service, memory).await?;
        sent
    }

    /// Whether the roll would wait for a revision to be registered. That is paced by a slower bucket than rolls are.
    pub(crate) fn waits_to_register(&self, roll: &Roll) -> bool {
        let now = self.clock.now();
        self.needs_registration(roll, now) && !self.definitions.wait(now).is_zero()
    }

    fn needs_registration(&self, roll: &Roll, now: Timestamp) -> bool {
        roll.by == By::Pin && self.registered.find(roll, now).is_none()
    }

    /// Whether the roll could be waited for and carried out before the deadline.
    pub(crate) fn has_time(&self, roll: &Roll, deadline: Deadline) -> bool {
        let now = self.clock.now();
        let (mut wait, mut calls) = (self.services.wait(now), 1);
        if self.needs_registration(roll, now) {
            wait += self.definitions.wait(now);
            calls += 1;
        }
        let time = wait + Deadline::OPERATION * calls;
        deadline.remaining(now) > time && deadline.allows_call(now + wait)
    }

    /// Sends what waits in the outbox. What SNS or the bus does not take stays there for the next look.
    async fn publish(&self, memory: &mut Rollout) -> Result<(), CallFailure> {
        outbox::send(&self.bus, &self.topic, &mut memory.unsent, &mut memory.untold).await
    }

    async fn write(&self, service: &ServiceArn, memory: &mut Versioned<Rollout>) -> Result<(), CallFailure> {
        self.table.put(&Rollout::key(service), memory, None).await
    }

    /// The intent is written. Now the call, and what came of it.
    async fn roll(
        &mut self,
        service: &ServiceArn,
        roll: &Roll,
        memory: &mut Versioned<Rollout>,
        observed: &Observed,
        observer: &mut Observer,
    ) -> Result<(), CallFailure> {
        let rolled = self.update(service, roll, &mut memory.item, observer).await;
        if let (Err(failure), Some(attempt)) = (&rolled, &mut memory.item.attempt) {
            // Where no answer came, the call may still take effect: the intent stays as it is, for the next look.
            if failure.kind == FailureKind::Unavailable {
                return rolled;
            }
            attempt.state = AttemptState::Refused;
            if let Some(seen) = &observed.service {
                notice::tell_failure(&mut memory.item, seen, &roll.images, failure);
                // A topic that is out of reach keeps its alert in the outbox; the failure that counts is the roll's.
                let _ = self.publish(&mut memory.item).await;
            }
        }
        let written = self.write(service, memory).await;
        rolled.and(written)
    }

    async fn update(
        &mut self,
        service: &ServiceArn,
        roll: &Roll,
        memory: &mut Rollout,
        observer: &mut Observer,
    ) -> Result<(), CallFailure> {
        let Some(attempt) = &mut memory.attempt else {
            return Ok(());
        };
        let client = self.clients.ecs().clone();
        let request = client.update_service().cluster(service.cluster()).service(service.as_str());
        let request = match roll.by {
            By::Force => request.force_new_deployment(true),
            By::Pin => {
                let revision = match attempt.task_definition.take() {
                    Some(revision) => revision,
                    None => self.register(&client, roll, observer).await?,
                };
                request.task_definition(attempt.task_definition.insert(revision).as_str())
            }
        };
        self.services.ready(&self.clock).await;
        let answer = request.send().await;
        let answer = answer.map_err(|error| CallFailure::new("ecs:UpdateService", service.short(), &error))?;
        if let (By::Pin, Some(revision)) = (&roll.by, &attempt.task_definition) {
            // It was active a moment ago: ECS has taken it.
            self.registered.keep(roll, revision.clone(), self.clock.now());
        }
        note_deployment(attempt, answer.service());
        memory.use_up_proof(&roll.images);
        Ok(())
    }

    /// Registers the copy of the base revision, once for all services that share it.
    async fn register(
        &mut self,
        client: &Client,
        roll: &Roll,
        observer: &mut Observer,
    ) -> Result<TaskDefinitionArn, CallFailure> {
        if let Some(revision) = self.registered.find(roll, self.clock.now()) {
            return Ok(revision.clone());
        }
        let base = observer.definition(&roll.base).await?;
        self.definitions.ready(&self.clock).await;
        let revision = task_definition::register(client, &base.with_images(&roll.references())).await?;
        self.registered.keep(roll, revision.clone(), self.clock.now());
        Ok(revision)
    }
}

/// The reply names the deployment that the call made, so that nothing has to be asked to know what to watch.
fn note_deployment(attempt: &mut Attempt, service: Option<&aws_sdk_ecs::types::Service>) {
    let primary = service.map(aws_sdk_ecs::types::Service::deployments).unwrap_or_default();
    let primary = primary.iter().find(|deployment| deployment.status() == Some("PRIMARY"));
    attempt.state = AttemptState::Rolling;
    attempt.deployment = primary.and_then(|deployment| deployment.id().map(str::to_owned));
    attempt.service_deployment = service.and_then(|service| service.current_service_deployment().map(str::to_owned));
}
