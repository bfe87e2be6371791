//! Start-up only: configuration, logs, clients, and the loop of the Lambda runtime.

use heal::Heal;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use shared::aws::Clients;
use shared::clock::{Clock, Deadline};
use shared::config::{Config, environment};
use shared::ingress::{self, DeadLetters};
use shared::telemetry;
use tokio::sync::Mutex;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let clock = Clock::system();
    let config = Config::read(environment);
    telemetry::start(config.as_ref().map_or(tracing::Level::INFO, |config| config.log_level), clock.clone());
    let config = config.inspect_err(|error| tracing::error!(reason = %error, "cannot start"))?;
    let clients = Clients::connect(environment, &clock).await;
    let clients = clients.inspect_err(|error| tracing::error!(reason = %error, "cannot start"))?;
    let dead_letters = config.dead_letter_queue.clone();
    let dead_letters = dead_letters.map(|url| DeadLetters::new(clients.sqs().clone(), url));
    // Lambda sends one event at a time to an environment; the lock only tells the compiler so.
    let heal = Mutex::new(Heal::new(config, &clients, clock));
    run(service_fn(async |event: LambdaEvent<Value>| {
        let millis = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let deadline = Deadline::at(Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX));
        let mut heal = heal.lock().await;
        ingress::serve(event.payload, dead_letters.as_ref(), &mut heal.until(deadline)).await
    }))
    .await
}
