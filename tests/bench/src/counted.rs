//! `deploy` once more, in this binary: it logs after each event how often memory was asked for since it started.

use std::alloc::System;
use std::io::Write as _;

use deploy::Deploy;
use serde_json::json;
use shared::aws::Clients;
use shared::clock::{Clock, Deadline};
use shared::config::Config;
use shared::event::Event;
use shared::failure::HandlingError;
use shared::function::Function;
use shared::ingress::Handler;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// `deploy`, counted.
pub(crate) struct Counted(Deploy);

/// An invocation of it.
pub(crate) struct Counting<'a>(<Deploy as Function>::Handler<'a>);

impl Function for Counted {
    type Settings = ();
    type Handler<'a> = Counting<'a>;

    fn start(config: Config, clients: &Clients, clock: Clock) -> Self {
        Self(Deploy::start(config, clients, clock))
    }

    fn until(&mut self, deadline: Deadline) -> Counting<'_> {
        Counting(self.0.until(deadline))
    }
}

impl Handler for Counting<'_> {
    type Report = <<Deploy as Function>::Handler<'static> as Handler>::Report;

    async fn handle(&mut self, event: Event) -> Result<Self::Report, HandlingError> {
        let handled = self.0.handle(event).await;
        let stats = ALLOCATOR.stats();
        let asked = stats.allocations + stats.reallocations;
        let line = json!({ "allocations": asked, "allocated-bytes": stats.bytes_allocated });
        let _ = writeln!(std::io::stdout(), "{line}");
        handled
    }
}
