//! What stands in the place of `heal`: itself, or a design that is known to be wrong. Each must be found.
//!
//! The wrong designs are small on purpose: they hear of stopped tasks only, and never end an incident.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ecs::types::Service;
use serde_json::{Value, json};
use shared::alert::{Alert, Severity, Topic};
use shared::aws::Clients;
use shared::bus::Bus;
use shared::config::AlertFormat;
use shared::event::steward::{OwnEvent, RollbackRequested};

use super::super::properties::Property;
use super::super::scene::CLUSTER;
use crate::account::Account;
use crate::function::{Function, FunctionError, InProcess, Invocation};
use crate::pattern::Pattern;
use crate::steward;
use crate::template::{FunctionSpec, Template};

/// So many stops are a loop.
const LOOP: usize = 3;

/// A design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// The real one.
    Heal,
    /// Hears of tasks in any state that have a stop code, and counts each event.
    AnyState,
    /// Takes exit code 137 for a lack of memory.
    Code137,
    /// Writes down that people were told, and tells them then.
    MarkBefore,
    /// Keeps in memory what was asked.
    BudgetInMemory,
    /// Goes back to the revision before.
    PreviousRevision,
}

impl Design {
    /// The wrong ones.
    pub const WRONG: [Self; 5] =
        [Self::AnyState, Self::Code137, Self::MarkBefore, Self::BudgetInMemory, Self::PreviousRevision];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Heal => "heal",
            Self::AnyState => "counts tasks that have not stopped",
            Self::Code137 => "137 means out of memory",
            Self::MarkBefore => "marked as told before it is told",
            Self::BudgetInMemory => "budget in memory",
            Self::PreviousRevision => "back to the revision before",
        }
    }

    /// The scene in which it fails, and what it breaks there.
    pub fn breaks(self) -> (&'static str, Property) {
        match self {
            Self::Heal | Self::AnyState | Self::Code137 => ("heal-quiet", Property::Groundless),
            // None of these tells the end of anything, and there nothing of it must be told.
            Self::MarkBefore => ("heal-fails", Property::Told),
            Self::BudgetInMemory => ("heal-fails", Property::Window),
            Self::PreviousRevision => ("heal-release", Property::Target),
        }
    }

    /// The call whose fault shows that it is wrong. The others fail where nothing goes wrong.
    pub fn fails_at(self) -> Option<&'static str> {
        match self {
            Self::MarkBefore => Some("Publish"),
            // Whoever is killed there comes back without a memory.
            Self::BudgetInMemory => Some("GetItem"),
            _ => None,
        }
    }

    /// The template with the rule that it would have.
    pub(super) fn template(self, template: &Arc<Template>) -> Result<Arc<Template>, String> {
        if self != Self::AnyState {
            return Ok(Arc::clone(template));
        }
        let mut own = Template::clone(template);
        for rule in own.rules.iter_mut().filter(|rule| rule.id == "HealTaskStoppedRule") {
            let pattern = json!({ "source": ["aws.ecs"], "detail-type": ["ECS Task State Change"] });
            rule.pattern = Pattern::new(&pattern).map_err(|error| error.to_string())?;
        }
        Ok(Arc::new(own))
    }

    /// The function of `spec`; in the place of `heal`, the design.
    pub(super) fn function(self, account: &Account, spec: &FunctionSpec) -> Option<Box<dyn Function>> {
        if self == Self::Heal || spec.id != steward::HEAL {
            return steward::function(account, spec);
        }
        let variable = |name: &str| spec.environment.get(name).cloned().unwrap_or_default();
        let (table, topic) = (variable("STEWARD_TABLE"), variable("STEWARD_TOPIC_ARN"));
        let (inside, warm) = (account.clone(), Arc::new(Mutex::new(0)));
        Some(Box::new(InProcess::new(account, move |invocation| {
            let (account, table, topic, warm) = (inside.clone(), table.clone(), topic.clone(), Arc::clone(&warm));
            async move {
                let clients = steward::clients(&account);
                // A kill takes the memory with it.
                let asked = std::mem::take(&mut *warm.lock().unwrap_or_else(PoisonError::into_inner));
                let mut own = Own { design: self, clients, table, topic, asked };
                let handled = own.handle(&invocation).await;
                *warm.lock().unwrap_or_else(PoisonError::into_inner) = own.asked;
                handled?;
                Ok(json!({ "batchItemFailures": [] }))
            }
        })))
    }
}

fn failed(error: impl Display) -> FunctionError {
    FunctionError::Reported { kind: "Failed".to_owned(), message: error.to_string() }
}

/// A wrong design at work.
struct Own {
    design: Design,
    clients: Clients,
    table: String,
    topic: String,
    /// How often it asked, in memory.
    asked: usize,
}

impl Own {
    async fn handle(&mut self, invocation: &Invocation) -> Result<(), FunctionError> {
        let body = invocation.payload["Records"][0]["body"].as_str().unwrap_or_default();
        let event: Value = serde_json::from_str(body).unwrap_or_default();
        let detail = &event["detail"];
        let group = detail["group"].as_str().unwrap_or_default();
        let Some(service) = group.strip_prefix("service:") else { return Ok(()) };
        let is_killed = detail["containers"][0]["exitCode"] == 137;
        if self.design == Design::Code137 && is_killed {
            self.tell(service, "a container ran out of memory").await?;
        }
        if detail["stopCode"] != "EssentialContainerExited" {
            return Ok(());
        }
        let task = detail["taskArn"].as_str().unwrap_or_default();
        let seen = match self.design {
            Design::AnyState => format!("{task} {}", detail["version"]),
            _ => task.to_owned(),
        };
        let deployment = detail["startedBy"].as_str().unwrap_or_default();
        let key = if self.design == Design::PreviousRevision {
            format!("{service} {deployment}")
        } else {
            service.to_owned()
        };
        let (mut stops, was_told) = self.read(&key).await?;
        if stops.contains(&seen) {
            return Ok(());
        }
        stops.push(seen);
        let is_loop = stops.len() >= LOOP;
        if is_loop && !was_told {
            if self.design == Design::MarkBefore {
                self.write(&key, &stops, true).await?;
            }
            self.tell(service, "its tasks end again and again").await?;
        }
        if is_loop && (!was_told || self.design == Design::BudgetInMemory) {
            self.heal(service, detail["taskDefinitionArn"].as_str().unwrap_or_default()).await?;
        }
        self.write(&key, &stops, is_loop).await
    }

    async fn heal(&mut self, service: &str, definition: &str) -> Result<(), FunctionError> {
        match self.design {
            Design::BudgetInMemory if self.asked == 0 => {
                self.asked += 1;
                let arn = crate::context::arn("ecs", &format!("service/{CLUSTER}/{service}"));
                let request = RollbackRequested {
                    service: arn.parse().map_err(failed)?,
                    incident: Some(definition.to_owned()),
                    deployment: None,
                    to: None,
                    approved_by: None,
                    requested_by: None,
                    over_migration: false,
                };
                let bus = Bus::new(self.clients.events().clone());
                bus.put(&OwnEvent::RollbackRequested(request)).await.map_err(failed)
            }
            // What ECS is still rolling out or back is left to it.
            Design::PreviousRevision if self.runs_alone(service, definition).await? => {
                let (family, number) = definition.rsplit_once(':').unwrap_or_default();
                let before = number.parse::<u32>().unwrap_or(1).saturating_sub(1).max(1);
                let request = self.clients.ecs().update_service().cluster(CLUSTER).service(service);
                request.task_definition(format!("{family}:{before}")).send().await.map(drop).map_err(failed)
            }
            _ => Ok(()),
        }
    }

    /// Whether the service has one deployment, of this revision.
    async fn runs_alone(&self, service: &str, definition: &str) -> Result<bool, FunctionError> {
        let request = self.clients.ecs().describe_services().cluster(CLUSTER).services(service);
        let answer = request.send().await.map_err(failed)?;
        let deployments = answer.services().first().map_or(&[][..], Service::deployments);
        Ok(matches!(deployments, [only] if only.task_definition() == Some(definition)))
    }

    async fn tell(&self, service: &str, what: &str) -> Result<(), FunctionError> {
        let alert = Alert {
            function: "heal".to_owned(),
            kind: "crash-loop".to_owned(),
            severity: Severity::Critical,
            title: format!("{CLUSTER}/{service}: {what}"),
            subject: format!("{CLUSTER}/{service}"),
            resource: crate::context::arn("ecs", &format!("service/{CLUSTER}/{service}")),
            body: what.to_owned(),
            next_steps: Vec::new(),
            facts: Vec::new(),
            sections: Vec::new(),
            thread: service.to_owned(),
            runbook: None,
        };
        let topic = Topic::new(self.clients.sns().clone(), self.topic.clone(), AlertFormat::Text);
        topic.publish(&alert).await.map_err(failed)
    }

    fn key(service: &str) -> HashMap<String, AttributeValue> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        [("pk".to_owned(), text(service)), ("sk".to_owned(), text("STOPS"))].into()
    }

    async fn read(&self, service: &str) -> Result<(Vec<String>, bool), FunctionError> {
        let request = self.clients.dynamodb().get_item().table_name(&self.table).consistent_read(true);
        let answer = request.set_key(Some(Self::key(service))).send().await.map_err(failed)?;
        let data = answer.item().and_then(|item| item.get("data")).and_then(|data| data.as_s().ok());
        Ok(data.and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default())
    }

    async fn write(&self, service: &str, stops: &[String], told: bool) -> Result<(), FunctionError> {
        let data = AttributeValue::S(json!([stops, told]).to_string());
        let request = self.clients.dynamodb().put_item().table_name(&self.table);
        request.set_item(Some(Self::key(service))).item("data", data).send().await.map(drop).map_err(failed)
    }
}
