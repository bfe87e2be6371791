//! Sweeps of the functions' binaries over scenes of many sizes.

use std::path::Path;
use std::sync::Arc;

use lab::process::Process;
use lab::scale::look::{Look, of_binary};
use lab::scale::stand::Stand;
use lab::scale::{latency, scenes};
use lab::server::Server;
use lab::steward::{DEPLOY, HEAL, MIGRATE, SNAPSHOT};
use lab::template::Template;

use crate::Result;

/// What there is many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Services that run what they should: `deploy`.
    Services,
    /// Databases without a snapshot, and the same a week later: `snapshot`.
    Databases,
    /// Services that crash, in one cluster: `heal`.
    Crashing,
    /// Migrations under way: `migrate`.
    Migrating,
}

/// One measurement.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: What,
    /// Which look it was.
    pub(crate) look: &'static str,
    /// How many there were.
    pub(crate) size: usize,
    pub(crate) cost: Look,
}

impl What {
    pub(crate) const ALL: [Self; 4] = [Self::Services, Self::Databases, Self::Crashing, Self::Migrating];

    /// Sizes that are measured. `deploy` alone has to do with thousands in one sweep.
    pub(crate) fn sizes(self) -> &'static [usize] {
        match self {
            Self::Services => &[10, 100, 1000, 10_000],
            Self::Databases | Self::Migrating => &[10, 100, 1000],
            Self::Crashing => &[10, 100, 500],
        }
    }

    fn function(self) -> &'static str {
        match self {
            Self::Services => DEPLOY,
            Self::Databases => SNAPSHOT,
            Self::Crashing => HEAL,
            Self::Migrating => MIGRATE,
        }
    }
}

/// Sets a scene and lets the function's binary look at it: a new process, so that it has the start in it.
pub(crate) async fn measure(template: &Arc<Template>, what: What, size: usize, folder: &Path) -> Result<Vec<Row>> {
    let mut stand = Stand::new(template);
    let server = Server::start(stand.account.clone(), ([127, 0, 0, 1], 0).into()).await?;
    match what {
        What::Services => scenes::at_rest(&stand, size)?,
        What::Databases => scenes::databases(&stand, size),
        What::Crashing => scenes::crashing(&mut stand, size).await?,
        What::Migrating => scenes::migrating(&mut stand, size).await?,
    }
    let spec = stand.function(what.function())?;
    // The clock of the account is not the machine's.
    let process =
        || Process::new(&stand.account, &spec, folder, &server.endpoint()).with_variable("STEWARD_CLOCK", "event");
    let row = |look, cost| Row { what, look, size, cost };
    stand.account.calls_take(latency::usual);
    let first = of_binary(&stand, &spec, &mut process()).await?;
    if what != What::Databases {
        return Ok(vec![row("sweep", first)]);
    }
    scenes::nights(&stand, 7).await?;
    // This one notes how long each snapshot took.
    of_binary(&stand, &spec, &mut process()).await?;
    let rest = of_binary(&stand, &spec, &mut process()).await?;
    Ok(vec![row("first night", first), row("a week later, at rest", rest)])
}
