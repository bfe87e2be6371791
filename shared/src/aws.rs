//! Clients: one configuration, each client made when it is first used.
//!
//! Three costs hidden in the SDK's defaults are not paid here (docs/adr/0001): CPU jitter entropy (no aws-lc), the loading
//! of all native root certificates from many files (one bundle is read), and a second TLS stack (no default features).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::arn::Region;
use crate::clock::{Clock, Deadline};

/// One attempt of one call.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Establishing a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Control planes throttle hard; standard mode backs off between these. Not adaptive: its client-wide rate limiter would
/// start anew with every environment and only add waiting. Pacing is ours ([`crate::pacer`]).
const ATTEMPTS: u32 = 3;

/// Root certificates: the operator's own first, then where Amazon Linux and Debian keep theirs.
const BUNDLE_VARIABLES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];
const BUNDLE_FILES: [&str; 3] =
    ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"];

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The bundle that the operator named cannot be read.
    #[error(
        "the root certificates named by {variable} cannot be read from {path}: {source}; correct the variable or remove it"
    )]
    Bundle {
        /// `AWS_CA_BUNDLE` or `SSL_CERT_FILE`.
        variable: &'static str,
        /// The path that it names.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no bundle anywhere.
    #[error("no root certificates found; set SSL_CERT_FILE to a PEM bundle")]
    NoBundle,
    /// The TLS stack refused its configuration.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// The AWS clients of a function. Cloning is cheap; clones share connections.
#[derive(Debug, Clone)]
pub struct Clients {
    config: SdkConfig,
    made: Arc<Made>,
}

#[derive(Debug, Default)]
struct Made {
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    events: OnceLock<aws_sdk_eventbridge::Client>,
    logs: OnceLock<aws_sdk_cloudwatchlogs::Client>,
    scheduler: OnceLock<aws_sdk_scheduler::Client>,
    ecr: OnceLock<aws_sdk_ecr::Client>,
    ecs: OnceLock<aws_sdk_ecs::Client>,
    rds: OnceLock<aws_sdk_rds::Client>,
    tagging: OnceLock<aws_sdk_resourcegroupstagging::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

/// Makes a client with a retry quota of its own. The SDK's default quota is shared by all clients of a service in the
/// process, so that one that has failed often would take the retries of another.
macro_rules! client {
    ($sdk:ident, $config:expr) => {{
        let quota = $sdk::config::retry::RetryPartition::custom(stringify!($sdk)).build();
        let config = $sdk::config::Builder::from(&$config).retry_partition(quota).build();
        $sdk::Client::from_conf(config)
    }};
}

impl Clients {
    /// Reads region, credentials and endpoints from the environment, as every AWS tool does.
    ///
    /// # Errors
    /// When TLS cannot be set up; nothing is called yet.
    pub async fn connect(variable: impl Fn(&str) -> Option<String>, clock: &Clock) -> Result<Self, ConnectError> {
        let http = https_client(&root_certificates(variable)?)?;
        Ok(Self::with_http_client(http, clock, None).await)
    }

    /// Clients over the given HTTP client; with `credentials` none are looked for in the environment.
    pub async fn with_http_client(
        http: SharedHttpClient,
        clock: &Clock,
        credentials: Option<(aws_credential_types::Credentials, String)>,
    ) -> Self {
        let (time, sleep) = clock.parts();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .time_source(time)
            .sleep_impl(sleep)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts());
        if let Some((credentials, region)) = credentials {
            loader = loader.empty_test_environment().credentials_provider(credentials);
            loader = loader.region(aws_config::Region::new(region));
        }
        Self { config: loader.load().await, made: Arc::default() }
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.made.dynamodb.get_or_init(|| client!(aws_sdk_dynamodb, self.config))
    }

    /// ECR.
    pub fn ecr(&self) -> &aws_sdk_ecr::Client {
        self.made.ecr.get_or_init(|| client!(aws_sdk_ecr, self.config))
    }

    /// ECS.
    pub fn ecs(&self) -> &aws_sdk_ecs::Client {
        self.made.ecs.get_or_init(|| client!(aws_sdk_ecs, self.config))
    }

    /// EventBridge.
    pub fn events(&self) -> &aws_sdk_eventbridge::Client {
        self.made.events.get_or_init(|| client!(aws_sdk_eventbridge, self.config))
    }

    /// CloudWatch Logs. A task's log group may be in another region than the task.
    pub fn logs(&self) -> &aws_sdk_cloudwatchlogs::Client {
        self.made.logs.get_or_init(|| client!(aws_sdk_cloudwatchlogs, self.config))
    }

    /// EventBridge Scheduler.
    pub fn scheduler(&self) -> &aws_sdk_scheduler::Client {
        self.made.scheduler.get_or_init(|| client!(aws_sdk_scheduler, self.config))
    }

    /// RDS, in the function's own region.
    pub fn rds(&self) -> &aws_sdk_rds::Client {
        self.made.rds.get_or_init(|| client!(aws_sdk_rds, self.config))
    }

    /// RDS in another region: a copy is called for where it is to be.
    pub fn rds_in(&self, region: &Region) -> aws_sdk_rds::Client {
        client!(aws_sdk_rds, self.in_region(region))
    }

    /// KMS in another region, where a copy's key is.
    pub fn kms_in(&self, region: &Region) -> aws_sdk_kms::Client {
        client!(aws_sdk_kms, self.in_region(region))
    }

    fn in_region(&self, region: &Region) -> SdkConfig {
        self.config.to_builder().region(aws_config::Region::new(region.as_str().to_owned())).build()
    }

    /// Resource Groups Tagging API.
    pub fn tagging(&self) -> &aws_sdk_resourcegroupstagging::Client {
        self.made.tagging.get_or_init(|| client!(aws_sdk_resourcegroupstagging, self.config))
    }

    /// SNS.
    pub fn sns(&self) -> &aws_sdk_sns::Client {
        self.made.sns.get_or_init(|| client!(aws_sdk_sns, self.config))
    }

    /// SQS.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.made.sqs.get_or_init(|| client!(aws_sdk_sqs, self.config))
    }
}

/// All attempts of a call end within [`Deadline::OPERATION`], which handlers check before they start one.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(Deadline::OPERATION)
        .build()
}

/// The bundle's PEM text. Private roots are possible: both variables name a bundle of the operator's own.
fn root_certificates(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<u8>, ConnectError> {
    for name in BUNDLE_VARIABLES {
        if let Some(path) = variable(name).filter(|path| !path.is_empty()) {
            return std::fs::read(&path).map_err(|source| ConnectError::Bundle { variable: name, path, source });
        }
    }
    BUNDLE_FILES.iter().find_map(|path| std::fs::read(path).ok()).ok_or(ConnectError::NoBundle)
}

fn https_client(bundle: &[u8]) -> Result<SharedHttpClient, ConnectError> {
    let roots = TrustStore::empty().with_pem_certificate(bundle);
    let context = TlsContext::builder().with_trust_store(roots).build();
    let context = context.map_err(|error| ConnectError::Tls(error.to_string()))?;
    Ok(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_the_operator_names_and_that_is_not_there_is_an_error_and_never_replaced() {
        let named = |name: &str| (name == "AWS_CA_BUNDLE").then(|| "/nowhere/private.pem".to_owned());
        let error = root_certificates(named).unwrap_err().to_string();
        assert!(error.contains("AWS_CA_BUNDLE") && error.contains("/nowhere/private.pem"), "{error}");
    }

    #[test]
    fn a_call_with_all_its_attempts_fits_into_what_a_deadline_allows() {
        let timeouts = timeouts();
        assert_eq!(timeouts.operation_timeout(), Some(Deadline::OPERATION));
        assert!(
            timeouts.operation_attempt_timeout().unwrap() * 2 < Deadline::OPERATION,
            "one retry must have its time"
        );
    }
}
