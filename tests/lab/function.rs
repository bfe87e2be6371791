//! Who answers an invocation: an async closure in this process, or a binary (see [`crate::process`]).

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::account::Account;

/// One invocation, as Lambda hands it to a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// `AwsRequestId`.
    pub id: String,
    /// The payload.
    pub payload: Value,
    /// How long it may take.
    pub timeout: SignedDuration,
    /// Virtual time at which it must have ended.
    pub deadline: Timestamp,
}

/// Why an invocation has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionError {
    /// The function itself said so.
    Reported {
        /// `errorType`.
        kind: String,
        /// `errorMessage`.
        message: String,
    },
    /// It took longer than its timeout and was killed.
    TimedOut,
    /// It died.
    Crashed(String),
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported { kind, message } => write!(f, "{kind}: {message}"),
            Self::TimedOut => write!(f, "timed out"),
            Self::Crashed(how) => write!(f, "crashed: {how}"),
        }
    }
}

impl std::error::Error for FunctionError {}

/// The result of an invocation, when it comes.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Value, FunctionError>> + 'a>>;

/// A function that can be invoked, one invocation at a time.
pub trait Function {
    /// Runs one invocation to its end.
    fn invoke(&mut self, invocation: Invocation) -> Running<'_>;

    /// Lines that it wrote to its log since the last call.
    fn take_log(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// A closure as a function. It dies as on Lambda: when the account orders a crash, or at its deadline in virtual time,
/// its future is dropped where it stands. It must wait for nothing but the account: time passes here when nobody does
/// anything else.
pub struct InProcess<F> {
    account: Account,
    handler: F,
}

impl<F> fmt::Debug for InProcess<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl<F, R> InProcess<F>
where
    F: FnMut(Invocation) -> R,
    R: Future<Output = Result<Value, FunctionError>> + 'static,
{
    /// `handler` as a function in `account`.
    pub fn new(account: &Account, handler: F) -> Self {
        Self { account: account.clone(), handler }
    }
}

impl<F, R> Function for InProcess<F>
where
    F: FnMut(Invocation) -> R,
    R: Future<Output = Result<Value, FunctionError>> + 'static,
{
    fn invoke(&mut self, invocation: Invocation) -> Running<'_> {
        let crash = self.account.crash();
        let account = self.account.clone();
        let left = invocation.deadline.duration_since(account.clock().now());
        // An order that nobody took belongs to an earlier caller.
        crash.take();
        let running = (self.handler)(invocation);
        Box::pin(async move {
            // The wait for the deadline is one of the account's waits: no sleep of the handler can jump over it.
            tokio::select! {
                biased;
                () = crash.ordered() => Err(FunctionError::Crashed("killed in the middle of a call".to_owned())),
                result = running => result,
                () = account.deadline_in(left) => Err(FunctionError::TimedOut),
            }
        })
    }
}
