//! `snapshot`: takes, copies and prunes RDS and Aurora snapshots, and notices when backups stop.

use serde::Serialize;
use shared::aws::Clients;
use shared::clock::{Clock, Deadline};
use shared::config::Config;
use shared::event::Event;
use shared::failure::HandlingError;
use shared::function::Function;
use shared::ingress::Handler;

/// The function, with all that lives as long as its execution environment.
#[derive(Debug)]
pub struct Snapshot;

/// One invocation.
#[derive(Debug)]
pub struct Invocation;

/// The return value.
#[derive(Debug, Serialize)]
pub struct Report;

impl Function for Snapshot {
    type Handler<'a> = Invocation;

    fn start(_: Config, _: &Clients, _: Clock) -> Self {
        Self
    }

    fn until(&mut self, _: Deadline) -> Invocation {
        Invocation
    }
}

impl Handler for Invocation {
    type Report = Report;

    async fn handle(&mut self, _: Event) -> Result<Report, HandlingError> {
        Ok(Report)
    }
}
