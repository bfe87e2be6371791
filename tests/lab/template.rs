//! Reads `template.yaml`, so that what the lab delivers through is what gets deployed.
//!
//! Of a template the lab takes queues, rules, schedules and their groups, functions with their event source mappings, topics and tables,
//! with all intrinsic functions resolved. Other resources are only looked at where these refer to them. What cannot be
//! resolved is an error that names the resource: a rule that went missing quietly would prove nothing.

mod intrinsics;
mod resources;
mod schedule;
mod stack;
mod yaml;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;

use crate::fifo::QueueSpec;
use crate::pattern::Pattern;
use intrinsics::Resolver;
pub use schedule::Expression;
pub use stack::{Resource, Stack};

/// What the lab takes of a template, each list sorted as in the template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// `AWS::SQS::Queue`.
    pub queues: Vec<QueueSpec>,
    /// `AWS::Events::Rule`.
    pub rules: Vec<Rule>,
    /// `AWS::Scheduler::Schedule`.
    pub schedules: Vec<Schedule>,
    /// `AWS::Scheduler::ScheduleGroup`: the names.
    pub schedule_groups: Vec<String>,
    /// `AWS::Serverless::Function`.
    pub functions: Vec<FunctionSpec>,
    /// `AWS::SNS::Topic`, by logical id: the ARN.
    pub topics: BTreeMap<String, String>,
    /// `AWS::DynamoDB::Table`.
    pub tables: Vec<TableSpec>,
}

/// A rule on the default bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Logical id.
    pub id: String,
    /// What it matches.
    pub pattern: Pattern,
    /// The pattern as written, resolved.
    pub source: Value,
    /// `State` is not `DISABLED`.
    pub enabled: bool,
    /// Where it sends.
    pub targets: Vec<Target>,
}

/// The target of a rule or schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// ARN of the target.
    pub arn: String,
    /// `SqsParameters.MessageGroupId`.
    pub group: Option<String>,
    /// What is sent.
    pub input: Input,
    /// ARN of the queue for what cannot be delivered.
    pub dead_letter: Option<String>,
}

/// What a target is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The event itself.
    Event,
    /// This text.
    Text(String),
    /// The part of the event at this JSON pointer.
    Part(String),
}

/// A schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Logical id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Name of its group.
    pub group: String,
    /// The properties as written, resolved.
    pub source: Value,
    /// When it fires.
    pub expression: Expression,
    /// `State` is not `DISABLED`.
    pub enabled: bool,
    /// Where it sends.
    pub target: Target,
}

/// A function, with its part of `Globals` merged in.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionSpec {
    /// Logical id.
    pub id: String,
    /// Function name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Last folder of `CodeUri`: the name of the binary.
    pub binary: String,
    /// How long one invocation may take.
    pub timeout: SignedDuration,
    /// Memory in MiB.
    pub memory: u64,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Event source mappings.
    pub sources: Vec<Source>,
}

/// An event source mapping: a queue feeds a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// ARN of the queue.
    pub queue: String,
    /// Messages per invocation, at most.
    pub batch_size: usize,
    /// `FunctionResponseTypes` has `ReportBatchItemFailures`.
    pub reports_failures: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// Logical id.
    pub id: String,
    /// Table name.
    pub name: String,
    /// Name of the partition key.
    pub partition_key: String,
    /// Name of the sort key.
    pub sort_key: Option<String>,
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Logical id of the resource, or the section.
    pub at: String,
    /// What is wrong there.
    pub problem: String,
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "template, {}: {}", self.at, self.problem)
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads a template, with `parameters` over the defaults that it declares.
    pub fn read(text: &str, parameters: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let document = yaml::parse(text).map_err(|problem| fault("document", problem))?;
        let resolver = Resolver::new(&document, resources::STACK, parameters)?;
        let mut template = Self::default();
        for (id, resource) in resolver.resources() {
            let exists = match resource.get("Condition").and_then(Value::as_str) {
                Some(condition) => resolver.condition(condition).map_err(|problem| fault(id, problem))?,
                None => true,
            };
            if exists {
                template.take(id, resource, &resolver).map_err(|problem| fault(id, problem))?;
            }
        }
        Ok(template)
    }

    /// The function with this logical id.
    pub fn function(&self, id: &str) -> Option<&FunctionSpec> {
        self.functions.iter().find(|function| function.id == id)
    }

    /// The queue with this logical id.
    pub fn queue(&self, id: &str) -> Option<&QueueSpec> {
        self.queues.iter().find(|queue| queue.id == id)
    }
}

fn fault(at: &str, problem: impl Into<String>) -> TemplateError {
    TemplateError { at: at.to_owned(), problem: problem.into() }
}

#[cfg(test)]
mod tests;
