//! What goes over the wire between a client and the simulated account, freed of HTTP.

use jiff::Timestamp;
use serde_json::Value;

/// One API call, decoded from an HTTP request of the AWS JSON, the REST JSON or the AWS Query protocol.
#[derive(Clone, Debug)]
pub struct Call {
    /// Service as the lab names it: `ecs`, `ecr`, `tagging`, `dynamodb`, `sns`, `sqs`, `sts`, `events`, `logs`, `scheduler`, `rds`, `kms`.
    pub service: String,
    /// Region that the request is signed for, else that of its host. Empty in a call that did not come over HTTP: the account's own.
    pub region: String,
    /// Operation as the API names it, for example `UpdateService`.
    pub operation: String,
    /// The input members. For the Query protocol: the form's parameters, as one flat object of strings.
    pub input: Value,
    /// Access key id of the caller, from the `authorization` header; empty when unsigned.
    pub caller: String,
    /// 1 for the first attempt of the SDK, 2 for its first retry (`amz-sdk-request`).
    pub attempt: u32,
    /// The same for all attempts of one SDK call (`amz-sdk-invocation-id`).
    pub invocation: String,
    /// Virtual time at which the call arrived.
    pub at: Timestamp,
}

/// A successful answer, in the protocol of its service.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Body of the AWS JSON protocols.
    Json(Value),
    /// Body of the AWS Query protocol.
    Xml(String),
}

/// An error as AWS would answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// Error code, for example `ThrottlingException`.
    pub code: String,
    /// Message for people.
    pub message: String,
    /// Members beyond code and message, merged into the body (JSON protocols only), for example `CancellationReasons`.
    pub extra: Value,
}

impl ApiError {
    /// An error that is the caller's: status 400.
    pub fn client(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into(), extra: Value::Null }
    }
}

impl Call {
    /// The region that answers.
    pub fn region(&self) -> &str {
        if self.region.is_empty() { crate::context::REGION } else { &self.region }
    }
}

/// What an operation answers.
pub type Outcome = Result<Reply, ApiError>;
