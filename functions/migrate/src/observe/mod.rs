//! Reads AWS into own plain types. Nothing here changes anything.

mod database;
mod service;
mod task;

pub(crate) use self::service::image;
use shared::arn::TaskDefinitionArn;
use shared::aws::Clients;
use shared::failure::CallFailure;
use shared::task_definition::{self, RawTaskDefinition};

/// Reads the account. It lives as long as the execution environment.
#[derive(Debug)]
pub(crate) struct Observer {
    clients: Clients,
}

impl Observer {
    /// An observer of one account and region.
    pub(crate) fn new(clients: Clients) -> Self {
        Self { clients }
    }

    /// One revision.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn definition(&self, arn: &TaskDefinitionArn) -> Result<RawTaskDefinition, CallFailure> {
        task_definition::describe(self.clients.ecs(), arn).await
    }
}
