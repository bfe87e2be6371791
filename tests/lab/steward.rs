//! Steward's functions in this process: the real handlers over the real SDK, on the simulated account and its clock.

use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use deploy::Deploy;
use heal::Heal;
use migrate::Migrate;
use shared::aws::Clients;
use shared::clock::{Clock, Deadline};
use shared::config::Config;
use shared::function;
use shared::ingress::{self, DeadLetters};
use snapshot::Snapshot;

use crate::account::Account;
use crate::function::{Function, FunctionError, InProcess, Invocation};
use crate::template::{FunctionSpec, Template};
use crate::world::World;

/// Logical id of `deploy` in the template.
pub const DEPLOY: &str = "DeployFunction";
/// Logical id of `heal` in the template.
pub const HEAL: &str = "HealFunction";
/// Logical id of `migrate` in the template.
pub const MIGRATE: &str = "MigrateFunction";
/// Logical id of `snapshot` in the template.
pub const SNAPSHOT: &str = "SnapshotFunction";

/// The function that `spec` names by its folder; `None` when it is none of Steward's.
pub fn function(account: &Account, spec: &FunctionSpec) -> Option<Box<dyn Function>> {
    match spec.binary.as_str() {
        "deploy" => Some(deploy(account, spec)),
        "heal" => Some(host::<Heal>(account, spec)),
        "migrate" => Some(host::<Migrate>(account, spec)),
        "snapshot" => Some(host::<Snapshot>(account, spec)),
        _ => None,
    }
}

/// Puts all functions of `template` into `world`, each with its own variables and execution environment.
///
/// # Errors
/// Names a function that is not known here.
pub fn attach(world: &mut World, template: &Template) -> Result<(), String> {
    let account = world.account().clone();
    for spec in &template.functions {
        let function = function(&account, spec).ok_or_else(|| format!("the lab cannot host {}", spec.binary))?;
        world.attach(&spec.id, function);
    }
    Ok(())
}

/// `deploy`, configured as `spec` says, running in this process.
pub fn deploy(account: &Account, spec: &FunctionSpec) -> Box<dyn Function> {
    host::<Deploy>(account, spec)
}

/// A clock that stands where the account's stands.
pub fn clock(account: &Account) -> Clock {
    Clock::new(account.time(), account.time())
}

/// SDK clients whose calls the account answers.
pub fn clients(account: &Account) -> Clients {
    clients_of(account, "steward")
}

/// SDK clients that sign as `caller`.
fn clients_of(account: &Account, caller: &str) -> Clients {
    let credentials = Credentials::new(caller, "secret", None, None, "lab");
    Clients::with_http_client(account.http_client(), &clock(account), credentials, "eu-west-1")
}

/// An execution environment: what lives until Lambda takes it away, or until it is killed.
struct Environment<S> {
    function: S,
    dead_letters: Option<DeadLetters>,
}

/// A function, configured as `spec` says, running in this process. It signs with its name, as its process does. A kill in
/// the middle of an invocation takes its execution environment with it; the next invocation starts a new one.
pub fn host<S: function::Function>(account: &Account, spec: &FunctionSpec) -> Box<dyn Function> {
    let warm: Arc<Mutex<Option<Environment<S>>>> = Arc::default();
    let (inside, spec) = (account.clone(), spec.clone());
    let handler = move |invocation: Invocation| {
        let (account, spec, warm) = (inside.clone(), spec.clone(), warm.clone());
        async move {
            let kept = warm.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut environment = match kept {
                Some(environment) => environment,
                None => start::<S>(&account, &spec)?,
            };
            let Environment { function, dead_letters } = &mut environment;
            let mut handler = function.until(Deadline::at(invocation.deadline));
            let answer = ingress::serve(invocation.payload, dead_letters.as_ref(), &mut handler).await;
            drop(handler);
            *warm.lock().unwrap_or_else(PoisonError::into_inner) = Some(environment);
            answer.map_err(reported)
        }
    };
    Box::new(InProcess::new(account, handler))
}

fn start<S: function::Function>(account: &Account, spec: &FunctionSpec) -> Result<Environment<S>, FunctionError> {
    let variable = |name: &str| match name {
        "AWS_REGION" => Some(crate::context::REGION.to_owned()),
        name => spec.environment.get(name).cloned(),
    };
    let config = Config::<S::Settings>::read(variable).map_err(|error| FunctionError::Crashed(error.to_string()))?;
    let clients = clients_of(account, &spec.name);
    let dead_letters = config.dead_letter_queue.clone().map(|url| DeadLetters::new(clients.sqs().clone(), url));
    Ok(Environment { function: S::start(config, &clients, clock(account)), dead_letters })
}

fn reported(error: ingress::InvocationError) -> FunctionError {
    let message = error.to_string();
    let kind = lambda_runtime::Diagnostic::from(error).error_type;
    FunctionError::Reported { kind, message }
}

#[cfg(test)]
mod tests;
