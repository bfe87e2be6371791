//! `deploy`, the same code, with everything that the SDK does when nobody tells it otherwise: the HTTP client of its default
//! features (rustls on aws-lc, the system's root certificates) and its default loader of configuration and credentials. `shared::function::serve`
//! is repeated here because it makes Steward's own clients.

use std::sync::Arc;

use aws_config::BehaviorVersion;
use deploy::Deploy;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use shared::aws::Clients;
use shared::clock::{Clock, Deadline};
use shared::config::{Config, environment};
use shared::function::Function;
use shared::ingress::{self, DeadLetters};
use shared::telemetry;
use tokio::sync::Mutex;

// The flavour that `#[tokio::main]` and the runtime's own examples have.
#[tokio::main]
async fn main() -> Result<(), Error> {
    let clock = Clock::system();
    let config = Config::read(environment)?;
    telemetry::start(config.log_level, clock.clone());
    let clients = Clients::with_config(aws_config::load_defaults(BehaviorVersion::latest()).await);
    // Clients are made at start, as AWS's examples for Lambda have it. Our own functions make one when it is first used.
    clients.dynamodb().config();
    clients.ecr().config();
    clients.ecs().config();
    clients.events().config();
    clients.sns().config();
    clients.sqs().config();
    clients.tagging().config();
    let dead_letters = config.dead_letter_queue.clone();
    let dead_letters = dead_letters.map(|url| DeadLetters::new(clients.sqs().clone(), url));
    let function = Arc::new(Mutex::new(Deploy::start(config, &clients, clock)));
    let dead_letters = Arc::new(dead_letters);
    run(service_fn(move |event: LambdaEvent<Value>| {
        let (function, dead_letters) = (function.clone(), dead_letters.clone());
        async move {
            let millis = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
            let deadline = Deadline::at(Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX));
            let mut function = function.lock().await;
            ingress::serve(event.payload, (*dead_letters).as_ref(), &mut function.until(deadline)).await
        }
    }))
    .await
}
