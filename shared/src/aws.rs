//! Clients: one configuration, each client made when it is first used.
//!
//! Three costs hidden in the SDK's defaults are not paid here (docs/adr/0001): CPU jitter entropy (no aws-lc), the loading
//! of all native root certificates from many files (one bundle is read), and a second TLS stack (no default features).

use std::ops::Deref;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

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
    /// There is nothing to sign requests with, or no region to send them to.
    #[error(
        "{0} is not set: Lambda sets it for every function; elsewhere, export it (aws configure export-credentials)"
    )]
    Missing(&'static str),
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
    /// The file that the operator named is no bundle: without a root every handshake would fail, and say only that.
    #[error("there is no certificate in {path}, which {variable} names; a PEM bundle is expected")]
    NoCertificate {
        /// `AWS_CA_BUNDLE` or `SSL_CERT_FILE`.
        variable: &'static str,
        /// The path that it names.
        path: String,
    },
    /// There is no bundle anywhere.
    #[error("no root certificates found; set SSL_CERT_FILE to a PEM bundle")]
    NoBundle,
    /// The TLS stack refused its configuration.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// A client that is made when it is first used: each one reads its service's whole table of AWS's partitions, and a process
/// calls few of the services that it may call. Clones share it.
#[derive(Debug, Clone)]
pub struct Lazy<C>(Arc<LazyLock<C, Make<C>>>);

type Make<C> = Box<dyn FnOnce() -> C + Send>;

impl<C> Lazy<C> {
    fn new(make: impl FnOnce() -> C + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(make))))
    }
}

impl<C: Send + 'static> From<C> for Lazy<C> {
    fn from(client: C) -> Self {
        Self::new(|| client)
    }
}

impl<C> Deref for Lazy<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

/// The AWS clients of a function. Cloning is cheap; clones share connections.
#[derive(Debug, Clone)]
pub struct Clients {
    config: Arc<SdkConfig>,
    dynamodb: Lazy<aws_sdk_dynamodb::Client>,
    events: Lazy<aws_sdk_eventbridge::Client>,
    logs: Lazy<aws_sdk_cloudwatchlogs::Client>,
    scheduler: Lazy<aws_sdk_scheduler::Client>,
    ecr: Lazy<aws_sdk_ecr::Client>,
    ecs: Lazy<aws_sdk_ecs::Client>,
    rds: Lazy<aws_sdk_rds::Client>,
    tagging: Lazy<aws_sdk_resourcegroupstagging::Client>,
    sns: Lazy<aws_sdk_sns::Client>,
    sqs: Lazy<aws_sdk_sqs::Client>,
}

/// Makes a client with a retry quota of its own. The SDK's default quota is shared by all clients of a service in the
/// process, so that one that has failed often would take the retries of another.
macro_rules! client {
    (lazy $sdk:ident, $config:expr) => {{
        let config = Arc::clone(&$config);
        Lazy::new(move || client!($sdk, *config))
    }};
    ($sdk:ident, $config:expr) => {{
        let quota = $sdk::config::retry::RetryPartition::custom(stringify!($sdk)).build();
        let config = $sdk::config::Builder::from(&$config).retry_partition(quota).build();
        $sdk::Client::from_conf(config)
    }};
}

impl Clients {
    /// Reads region, credentials and endpoints from the environment, where Lambda puts them.
    ///
    /// The SDK's own loader would look through profiles, container and instance metadata as well, which no function has:
    /// its code is a tenth of the binary, and its profile files are looked for at each start (docs/adr/0001).
    ///
    /// # Errors
    /// What is missing, or why TLS cannot be set up; nothing is called yet.
    pub fn connect(variable: fn(&str) -> Option<String>, clock: &Clock) -> Result<Self, ConnectError> {
        let text = |name: &str| variable(name).filter(|value| !value.is_empty());
        let required = |name| text(name).ok_or(ConnectError::Missing(name));
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            text("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let http = https_client(root_certificates(variable)?)?;
        let is_on = |name| text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let mut config = sdk_config(http, clock, credentials, required("AWS_REGION")?)
            .to_builder()
            .use_fips(is_on("AWS_USE_FIPS_ENDPOINT"))
            .use_dual_stack(is_on("AWS_USE_DUALSTACK_ENDPOINT"))
            .service_config(Endpoints(variable));
        config.set_endpoint_url(text(ENDPOINT));
        Ok(Self::with_config(config.build()))
    }

    /// Clients with a configuration that was made elsewhere: what measures the defaults of the SDK comes this way.
    pub fn with_config(config: SdkConfig) -> Self {
        let config = Arc::new(config);
        Self {
            dynamodb: client!(lazy aws_sdk_dynamodb, config),
            events: client!(lazy aws_sdk_eventbridge, config),
            logs: client!(lazy aws_sdk_cloudwatchlogs, config),
            scheduler: client!(lazy aws_sdk_scheduler, config),
            ecr: client!(lazy aws_sdk_ecr, config),
            ecs: client!(lazy aws_sdk_ecs, config),
            rds: client!(lazy aws_sdk_rds, config),
            tagging: client!(lazy aws_sdk_resourcegroupstagging, config),
            sns: client!(lazy aws_sdk_sns, config),
            sqs: client!(lazy aws_sdk_sqs, config),
            config,
        }
    }

    /// Clients over the given HTTP client, with nothing of the environment.
    pub fn with_http_client(http: SharedHttpClient, clock: &Clock, credentials: Credentials, region: &str) -> Self {
        Self::with_config(sdk_config(http, clock, credentials, region.to_owned()))
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> &Lazy<aws_sdk_dynamodb::Client> {
        &self.dynamodb
    }

    /// ECR.
    pub fn ecr(&self) -> &Lazy<aws_sdk_ecr::Client> {
        &self.ecr
    }

    /// ECS.
    pub fn ecs(&self) -> &Lazy<aws_sdk_ecs::Client> {
        &self.ecs
    }

    /// EventBridge.
    pub fn events(&self) -> &Lazy<aws_sdk_eventbridge::Client> {
        &self.events
    }

    /// CloudWatch Logs. A task's log group may be in another region than the task.
    pub fn logs(&self) -> &Lazy<aws_sdk_cloudwatchlogs::Client> {
        &self.logs
    }

    /// EventBridge Scheduler.
    pub fn scheduler(&self) -> &Lazy<aws_sdk_scheduler::Client> {
        &self.scheduler
    }

    /// RDS, in the function's own region.
    pub fn rds(&self) -> &Lazy<aws_sdk_rds::Client> {
        &self.rds
    }

    /// RDS in another region: a copy is called for where it is to be.
    pub fn rds_in(&self, region: &Region) -> Lazy<aws_sdk_rds::Client> {
        let config = Arc::new(self.in_region(region));
        client!(lazy aws_sdk_rds, config)
    }

    /// KMS in another region, where a copy's key is.
    pub fn kms_in(&self, region: &Region) -> aws_sdk_kms::Client {
        client!(aws_sdk_kms, self.in_region(region))
    }

    fn in_region(&self, region: &Region) -> SdkConfig {
        self.config.to_builder().region(aws_types::region::Region::new(region.as_str().to_owned())).build()
    }

    /// Resource Groups Tagging API.
    pub fn tagging(&self) -> &Lazy<aws_sdk_resourcegroupstagging::Client> {
        &self.tagging
    }

    /// SNS.
    pub fn sns(&self) -> &Lazy<aws_sdk_sns::Client> {
        &self.sns
    }

    /// SQS.
    pub fn sqs(&self) -> &Lazy<aws_sdk_sqs::Client> {
        &self.sqs
    }
}

fn sdk_config(http: SharedHttpClient, clock: &Clock, credentials: Credentials, region: String) -> SdkConfig {
    let (time, sleep) = clock.parts();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .time_source(time)
        .sleep_impl(sleep)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(aws_types::region::Region::new(region))
        .build()
}

/// The variable that sends all calls elsewhere; with a service's name behind it, that service's.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Endpoints of single services: `AWS_ENDPOINT_URL_ECS`, `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`.
#[derive(Debug)]
struct Endpoints(fn(&str) -> Option<String>);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace([' ', '-'], "_");
        let value = (self.0)(&format!("{}_{service}", key.env())).or_else(|| (self.0)(key.env()));
        value.filter(|value| key.env() == ENDPOINT && !value.is_empty())
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
            return match std::fs::read(&path) {
                Ok(bundle) if has_certificates(&bundle) => Ok(bundle),
                Ok(_) => Err(ConnectError::NoCertificate { variable: name, path }),
                Err(source) => Err(ConnectError::Bundle { variable: name, path, source }),
            };
        }
    }
    let mut read = BUNDLE_FILES.iter().filter_map(|path| std::fs::read(path).ok());
    read.find(|bundle| has_certificates(bundle)).ok_or(ConnectError::NoBundle)
}

/// Finds the first certificate, which is near the beginning.
fn has_certificates(bundle: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    bundle.windows(BEGIN.len()).any(|window| window == BEGIN)
}

fn https_client(bundle: Vec<u8>) -> Result<SharedHttpClient, ConnectError> {
    let roots = TrustStore::empty().with_pem_certificate(bundle);
    let context = TlsContext::builder().with_trust_store(roots).build();
    let context = context.map_err(|error| ConnectError::Tls(error.to_string()))?;
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https();
    Ok(SharedHttpClient::new(Unchecked(client)))
}

/// The SDK's HTTP client without the check that each new service client makes of it: that builds a whole connector, with
/// every root certificate of the bundle, and throws it away. With seven clients it was half of a cold start.
#[derive(Debug)]
struct Unchecked(SharedHttpClient);

impl HttpClient for Unchecked {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_bundle_that_the_operator_names_and_that_is_not_there_is_an_error_and_never_replaced() {
        let named = |name: &str| (name == "AWS_CA_BUNDLE").then(|| "/nowhere/private.pem".to_owned());
        let error = root_certificates(named).unwrap_err().to_string();
        assert!(error.contains("AWS_CA_BUNDLE") && error.contains("/nowhere/private.pem"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_bundle_is_an_error_that_names_it_and_its_variable() {
        let named = |name: &str| (name == "SSL_CERT_FILE").then(|| "Cargo.toml".to_owned());
        let error = root_certificates(named).unwrap_err().to_string();
        assert!(error.contains("no certificate in Cargo.toml, which SSL_CERT_FILE names"), "{error}");
    }

    fn of_one_service(name: &str) -> Option<String> {
        let set = [("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://logs")];
        set.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    }

    #[test]
    fn an_endpoint_of_one_service_goes_before_that_of_all() {
        let endpoint = |service| {
            let key = ServiceConfigKey::builder().service_id(service).profile("endpoint_url").env(ENDPOINT).build();
            Endpoints(of_one_service).load_config(key.unwrap())
        };
        assert_eq!(endpoint("CloudWatch Logs").as_deref(), Some("http://logs"));
        assert_eq!(endpoint("ECS").as_deref(), Some("http://all"));
        let other = ServiceConfigKey::builder().service_id("ECS").profile("x").env("AWS_SOMETHING").build();
        assert_eq!(Endpoints(of_one_service).load_config(other.unwrap()), None);
    }

    #[test]
    fn a_client_is_made_once_for_all_clones_and_not_before_it_is_used() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let client = Lazy::new(move || count.fetch_add(1, Ordering::Relaxed));
        let clone = client.clone();
        assert_eq!(made.load(Ordering::Relaxed), 0);
        assert_eq!((*client, *clone), (0, 0));
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn without_credentials_it_is_said_which_variable_is_missing() {
        let error = Clients::connect(of_one_service, &Clock::system()).unwrap_err().to_string();
        assert!(error.starts_with("AWS_ACCESS_KEY_ID is not set"), "{error}");
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
