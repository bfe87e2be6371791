//! Steward's functions in this process: the real handlers over the real SDK, on the simulated account and its clock.

use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use deploy::Deploy;
use shared::aws::Clients;
use shared::clock::{Clock, Deadline};
use shared::config::Config;
use shared::ingress::{self, DeadLetters};

use crate::account::Account;
use crate::function::{Function, FunctionError, InProcess, Invocation};
use crate::template::FunctionSpec;

/// Logical id of `deploy` in the template.
pub const DEPLOY: &str = "DeployFunction";

/// A clock that stands where the account's stands.
pub fn clock(account: &Account) -> Clock {
    Clock::new(account.time(), account.time())
}

/// SDK clients whose calls the account answers.
pub async fn clients(account: &Account) -> Clients {
    let credentials = Credentials::new("steward", "secret", None, None, "lab");
    Clients::with_http_client(account.http_client(), &clock(account), Some((credentials, "eu-west-1".to_owned()))).await
}

/// An execution environment of `deploy`: what lives until Lambda takes it away, or until it is killed.
struct Environment {
    deploy: Deploy,
    dead_letters: Option<DeadLetters>,
}

/// `deploy`, configured as `spec` says, running in this process. A kill in the middle of an invocation takes its
/// execution environment with it; the next invocation starts a new one.
pub fn deploy(account: &Account, spec: &FunctionSpec) -> Box<dyn Function> {
    let warm: Arc<Mutex<Option<Environment>>> = Arc::default();
    let (account_of_handler, variables) = (account.clone(), spec.environment.clone());
    let handler = move |invocation: Invocation| {
        let (account, variables, warm) = (account_of_handler.clone(), variables.clone(), warm.clone());
        async move {
            let kept = warm.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut environment = match kept {
                Some(environment) => environment,
                None => start(&account, |name| variables.get(name).cloned()).await?,
            };
            let Environment { deploy, dead_letters } = &mut environment;
            let mut handler = deploy.until(Deadline::at(invocation.deadline));
            let answer = ingress::serve(invocation.payload, dead_letters.as_ref(), &mut handler).await;
            *warm.lock().unwrap_or_else(PoisonError::into_inner) = Some(environment);
            answer.map_err(reported)
        }
    };
    Box::new(InProcess::new(account, handler))
}

async fn start(account: &Account, variable: impl Fn(&str) -> Option<String>) -> Result<Environment, FunctionError> {
    let variable = |name: &str| match name {
        "AWS_REGION" => Some("eu-west-1".to_owned()),
        name => variable(name),
    };
    let config = Config::read(variable).map_err(|error| FunctionError::Crashed(error.to_string()))?;
    let clients = clients(account).await;
    let dead_letters = config.dead_letter_queue.clone().map(|url| DeadLetters::new(clients.sqs().clone(), url));
    Ok(Environment { deploy: Deploy::new(config, &clients, clock(account)), dead_letters })
}

fn reported(error: ingress::InvocationError) -> FunctionError {
    let message = error.to_string();
    let kind = lambda_runtime::Diagnostic::from(error).error_type;
    FunctionError::Reported { kind, message }
}
