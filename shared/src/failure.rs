//! Failed AWS calls, told in terms of what the operator should do.

use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};

/// What kind of failure it is; each kind asks something else of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The function's role may not do it.
    Denied,
    /// The account's request rate is used up.
    Throttled,
    /// The resource does not exist.
    Missing,
    /// A conditional write found that somebody else had written.
    Conflict,
    /// AWS refused the request as it is.
    Invalid,
    /// No usable answer came: a timeout, a lost connection, a fault of the service. It may have taken effect.
    Unavailable,
}

impl FailureKind {
    /// Whether nothing happened, and nothing will by itself however often the call is made.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Denied | Self::Invalid | Self::Missing)
    }
}

/// One failed AWS call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// As IAM writes it: `ecs:UpdateService`.
    pub operation: &'static str,
    /// What it was called on.
    pub resource: String,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// AWS's error code; empty when no answer came.
    pub code: String,
    /// AWS's message, or what went wrong on the way.
    pub message: String,
}

/// Codes by which services say the same thing.
fn kind(code: &str, status: u16) -> FailureKind {
    match code {
        "AccessDeniedException"
        | "AccessDenied"
        | "AuthorizationError"
        | "AuthorizationErrorException"
        | "UnauthorizedOperation"
        | "UnrecognizedClientException"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "KMSAccessDeniedException"
        | "KMSAccessDenied" => FailureKind::Denied,
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException"
        | "LimitExceededException" => FailureKind::Throttled,
        "ServiceNotFoundException"
        | "ClusterNotFoundException"
        | "RepositoryNotFoundException"
        | "ImageNotFoundException"
        | "ResourceNotFoundException"
        | "NotFound"
        | "NotFoundException"
        | "ServiceNotActiveException"
        | "DBInstanceNotFound"
        | "DBSnapshotNotFound"
        | "DBClusterNotFoundFault"
        | "DBClusterSnapshotNotFoundFault"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue" => FailureKind::Missing,
        "ConditionalCheckFailedException" | "TransactionCanceledException" => FailureKind::Conflict,
        _ if status >= 500 || code.is_empty() => FailureKind::Unavailable,
        _ => FailureKind::Invalid,
    }
}

impl CallFailure {
    /// Reads an SDK error. Nothing of the request is kept: it may hold what must not be logged.
    pub fn new<E>(operation: &'static str, resource: impl fmt::Display, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + fmt::Debug,
    {
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let code = error.code().unwrap_or_default().to_owned();
        let message = match (error.message(), error) {
            (Some(message), _) => message.to_owned(),
            (None, SdkError::TimeoutError(_)) => "no answer in time".to_owned(),
            (None, SdkError::DispatchFailure(failure)) => {
                failure.as_connector_error().map_or_else(|| "not sent".to_owned(), |error| chain(error))
            }
            (None, SdkError::ResponseError(_)) => "the answer could not be read".to_owned(),
            (None, SdkError::ConstructionFailure(_)) => "the request could not be made from its parts".to_owned(),
            (None, _) => format!("HTTP status {status}"),
        };
        // A request that could not be built is ours, not the network's.
        let kind = match error {
            SdkError::ConstructionFailure(_) => FailureKind::Invalid,
            _ => kind(&code, status),
        };
        let message = message.chars().take(500).collect();
        Self { operation, resource: resource.to_string(), kind, code, message }
    }

    /// Whether the same call may succeed another time, by itself or after the operator has allowed it.
    pub fn is_worth_a_retry(&self) -> bool {
        !matches!(self.kind, FailureKind::Invalid | FailureKind::Missing)
    }

    /// What the operator should do about it.
    pub fn advice(&self) -> &'static str {
        match self.kind {
            FailureKind::Denied => {
                "allow it in the function's role (parameter PassRoleArns if iam:PassRole is named), and look for an SCP or permissions boundary that denies it"
            }
            FailureKind::Throttled => {
                "it is tried again; if it stays, raise the quota or lower the parameter ApiBudgetPercent"
            }
            FailureKind::Missing => "check that the resource exists in this account and region",
            FailureKind::Conflict => "it is tried again",
            FailureKind::Invalid => "read AWS's message: the request as it is will not be accepted",
            FailureKind::Unavailable => "it is tried again; it may have taken effect, which the next look will show",
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.code.is_empty() { String::new() } else { format!("{}: ", self.code) };
        write!(f, "{} on {} failed: {code}{} ({})", self.operation, self.resource, self.message, self.advice())
    }
}

impl std::error::Error for CallFailure {}

/// How the handling of one message ended when it did not end well.
#[derive(Debug, thiserror::Error)]
pub enum HandlingError {
    /// It can never be handled: no retry will change what it says.
    #[error("the message can never be handled: {0}")]
    Rejected(String),
    /// It may well succeed another time.
    #[error("{0}")]
    Failed(String),
}

impl From<CallFailure> for HandlingError {
    fn from(failure: CallFailure) -> Self {
        Self::Failed(failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_all_services_are_read_as_the_same_kinds() {
        assert_eq!(kind("ThrottledException", 400), FailureKind::Throttled);
        assert_eq!(kind("AccessDeniedException", 400), FailureKind::Denied);
        assert_eq!(kind("RepositoryNotFoundException", 400), FailureKind::Missing);
        assert_eq!(kind("InvalidParameterException", 400), FailureKind::Invalid);
        assert_eq!(kind("ServerException", 500), FailureKind::Unavailable);
        assert_eq!(kind("", 0), FailureKind::Unavailable);
    }

    #[test]
    fn a_failure_says_what_on_what_and_what_to_do() {
        let failure = CallFailure {
            operation: "ecs:UpdateService",
            resource: "shop/backend".into(),
            kind: FailureKind::Denied,
            code: "AccessDeniedException".into(),
            message: "not authorized".into(),
        };
        let text = failure.to_string();
        assert!(text.starts_with("ecs:UpdateService on shop/backend failed: AccessDeniedException: not authorized"));
        assert!(text.contains("allow it in the function's role"));
    }
}
