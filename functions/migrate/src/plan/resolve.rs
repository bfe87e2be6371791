//! What a person decides about a run that the function cannot decide about.

use jiff::Timestamp;
use shared::event::steward::{MigrationResolved, Resolution};
use shared::migration::RunState;

use super::{end, go_on};
use crate::run::Run;

/// A decision that does not fit how the run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused(pub String);

/// Carries a person's decision into the run. `Ok(true)` when it is to begin anew, with what is to be run read anew.
///
/// # Errors
/// Says why it does not fit.
pub(crate) fn resolve(run: &mut Run, resolved: &MigrationResolved, now: Timestamp) -> Result<bool, Refused> {
    let by = resolved.resolved_by.as_deref().unwrap_or("a person");
    let why = resolved.why.trim();
    if why.is_empty() {
        return Err(Refused("why is empty: say what was looked at, it is kept with the run".to_owned()));
    }
    let said = format!("{by} decided: {why}");
    match (resolved.outcome, run.state) {
        (Resolution::Approved, RunState::Approval) => {
            run.approved = Some(by.to_owned());
            go_on(run, &said, now);
        }
        (Resolution::Migrated, RunState::Unknown | RunState::Failed) => {
            // Whoever brought the schema there, the release before has to live with it.
            run.touched = true;
            end(run, RunState::Migrated, &said, now);
        }
        (Resolution::Failed, RunState::Unknown | RunState::Approval | RunState::Waiting) => {
            end(run, RunState::Failed, &said, now);
        }
        (Resolution::Retry, RunState::Unknown | RunState::Failed) => {
            run.note(&said, now);
            return Ok(true);
        }
        (_, state) => {
            let fits = match state {
                RunState::Approval => "approved or failed",
                RunState::Unknown => "migrated, failed or retry",
                RunState::Failed => "migrated or retry",
                RunState::Waiting => "failed",
                _ => "nothing",
            };
            return Err(Refused(format!("the run is {}, and {fits} can be decided about it", state.as_str())));
        }
    }
    Ok(false)
}
