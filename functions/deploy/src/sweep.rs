//! The sweep: the same look at everything that has opted in, with no event at all. It is what guarantees convergence.
//!
//! It stops well before the invocation ends and remembers where; the next one goes on from there.

use serde::{Deserialize, Serialize};
use shared::arn::ServiceArn;
use shared::failure::CallFailure;
use shared::state::{Key, Versioned};

use crate::observe::batches;
use crate::{BATCHES_AT_ONCE, Deploy, Run, is_off};

/// Where the last sweep stopped: the item `SWEEP#deploy` / `CURSOR`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Cursor {
    /// The last service that was looked at; `None` when the sweep got through.
    after: Option<ServiceArn>,
}

impl Deploy {
    pub(crate) async fn sweep(&mut self, run: &mut Run<'_>) -> Result<(), CallFailure> {
        let key = Key::new("SWEEP#deploy", "CURSOR");
        let mut cursor: Versioned<Cursor> = self.table.get(&key).await?;
        let before = cursor.item.clone();
        let services = self.observer.candidates(|candidate| !is_off(candidate)).await?;
        let remaining: Vec<ServiceArn> =
            services.into_iter().filter(|service| before.after.as_ref().is_none_or(|after| service > after)).collect();
        let batches = batches(remaining);
        cursor.item.after = None;
        // Where the sweep stands if it has to stop now: nothing of this chunk has been looked at.
        let mut passed = before.after.clone();
        for chunk in batches.chunks(BATCHES_AT_ONCE) {
            let in_time = run.deadline.allows_call(self.clock.now()) && self.look_and_roll(run, chunk).await?;
            if !in_time {
                // Looking again at a service that was done costs little and changes nothing.
                cursor.item.after = passed;
                run.report.stopped_early();
                break;
            }
            passed = chunk.last().and_then(|batch| batch.last()).cloned();
        }
        if !run.report.is_stopped_early() {
            run.report.swept();
        }
        if cursor.item != before && !self.config.dry_run {
            self.table.put(&key, &mut cursor, None).await?;
        }
        Ok(())
    }
}
