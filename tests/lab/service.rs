//! How a further service joins the account.

use std::future::Future;
use std::pin::Pin;

use crate::wire::{Call, Outcome};

/// The answer to a call, when it comes.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A simulated service, registered with [`crate::account::Account::register`] under the name that [`Call::service`] has.
///
/// The account decodes HTTP, applies faults, and calls one service once at a time; so a service needs no lock against
/// other calls, only against its own owner.
pub trait Service: Send {
    /// Answers one call. An operation that the service does not have answers [`unknown_operation`].
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a>;
}

/// What AWS answers to an operation that does not exist.
pub fn unknown_operation(call: &Call) -> Outcome {
    Err(crate::wire::ApiError::client(
        "UnknownOperationException",
        format!("{} has no operation {}", call.service, call.operation),
    ))
}
