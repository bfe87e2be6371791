//! What every function of Steward is to Lambda: started once for an execution environment, then one invocation at a time.

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::aws::Clients;
use crate::clock::{Clock, Deadline};
use crate::config::{Config, OwnSettings, environment};
use crate::ingress::{self, DeadLetters, Handler};
use crate::telemetry;

/// A function, with all that lives as long as its execution environment.
pub trait Function: Sized + 'static {
    /// Settings that the other functions do not have.
    type Settings: OwnSettings;
    /// Handles the events of one invocation.
    type Handler<'a>: Handler
    where
        Self: 'a;

    /// The function with its configuration and clients. Calls nothing.
    fn start(config: Config<Self::Settings>, clients: &Clients, clock: Clock) -> Self;

    /// The handler for one invocation that must have ended by `deadline`.
    fn until(&mut self, deadline: Deadline) -> Self::Handler<'_>;
}

/// The whole of a function's process: configuration, logs, clients, and the loop of the Lambda runtime.
///
/// # Errors
/// What keeps it from starting, which is logged too.
pub async fn serve<F: Function>() -> Result<(), Error> {
    let clock = Clock::system();
    let config = Config::<F::Settings>::read(environment);
    telemetry::start(config.as_ref().map_or(tracing::Level::INFO, |config| config.log_level), clock.clone());
    let config = config.inspect_err(|error| tracing::error!(reason = %error, "cannot start"))?;
    let clients = Clients::connect(environment, &clock);
    let clients = clients.inspect_err(|error| tracing::error!(reason = %error, "cannot start"))?;
    let dead_letters = config.dead_letter_queue.clone();
    let dead_letters = dead_letters.map(|url| DeadLetters::new(clients.sqs().clone(), url));
    // Lambda sends one event at a time to an environment; the lock only tells the compiler so.
    let function = Mutex::new(F::start(config, &clients, clock));
    run(service_fn(async |event: LambdaEvent<Value>| {
        let millis = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let deadline = Deadline::at(Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX));
        let mut function = function.lock().await;
        ingress::serve(event.payload, dead_letters.as_ref(), &mut function.until(deadline)).await
    }))
    .await
}
