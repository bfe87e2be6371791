//! `deploy`, the same code, with everything that the SDK does when nobody tells it otherwise: the HTTP client of its default
//! features (rustls on aws-lc, the system's root certificates) and its default chain of credentials. `shared::function::serve`
//! is repeated here because it makes Steward's own HTTP client.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, ConnectorBuilder};
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

/// As `default_https_client` of `aws-smithy-runtime` makes it, which is private there.
fn default_client() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

// The flavour that `#[tokio::main]` and the runtime's own examples have.
#[tokio::main]
async fn main() -> Result<(), Error> {
    let clock = Clock::system();
    let config = Config::read(environment)?;
    telemetry::start(config.log_level, clock.clone());
    let clients = Clients::with_http_client(default_client(), &clock, None).await;
    let dead_letters = config.dead_letter_queue.clone();
    let dead_letters = dead_letters.map(|url| DeadLetters::new(clients.sqs().clone(), url));
    let function = std::sync::Arc::new(Mutex::new(Deploy::start(config, &clients, clock)));
    let dead_letters = std::sync::Arc::new(dead_letters);
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
