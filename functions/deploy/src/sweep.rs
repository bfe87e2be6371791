//! The sweep: the same look at everything that has opted in, with no event at all. It is what guarantees convergence.
//!
//! What a turn is not enough for goes on in the next one: the cursor says where, an event that it is time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::arn::ServiceArn;
use shared::event::steward::{OwnEvent, SweepContinued};
use shared::failure::CallFailure;
use shared::state::{Key, Versioned};

use crate::report::Tell;
use crate::trigger::Trigger;
use crate::turn::Rest;
use crate::{Deploy, Run, is_off};

/// After so long without a sign of life a sweep that was to go on is taken for lost: its event was.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Where the last sweep stopped: the item `SWEEP#deploy` / `CURSOR`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Cursor {
    /// The last service that was looked at; `None` when the sweep got through, or goes on from the beginning.
    after: Option<ServiceArn>,
    /// When the sweep asked to go on; `None` when it got through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Timestamp>,
}

/// Whether an event is on its way with which a sweep goes on that asked for it then.
fn is_under_way(asked: Option<Timestamp>, now: Timestamp) -> bool {
    asked.is_some_and(|asked| now.duration_since(asked) < PATIENCE)
}

impl Cursor {
    fn key() -> Key {
        Key::new("SWEEP#deploy", "CURSOR")
    }
}

impl Deploy {
    /// Whether a sweep goes on between the messages, as far as this execution environment knows. It spares the calls for
    /// every single success of a roll over many services: those would take longer than the roll itself.
    pub(crate) fn is_sweeping(&self) -> bool {
        is_under_way(self.sweeping, self.clock.now())
    }

    pub(crate) async fn sweep(&mut self, run: &mut Run<'_>) -> Result<(), CallFailure> {
        let mut cursor: Versioned<Cursor> = self.table.get(&Cursor::key()).await?;
        let before = cursor.item.clone();
        let is_continued = *run.trigger == Trigger::SweepContinued;
        if !is_continued && is_under_way(before.asked, self.clock.now()) {
            run.report.sweep_under_way();
            return Ok(());
        }
        // Who has opted in is asked once for all turns of a sweep: that alone is a call for every hundred services.
        let known = self.observer.known(self.clock.now()).filter(|_| is_continued);
        let services = if let Some(known) = known {
            known
        } else {
            let services = self.observer.candidates(|candidate| !is_off(candidate)).await?;
            self.observer.keep(&services, self.clock.now());
            services
        };
        let remaining: Vec<ServiceArn> =
            services.into_iter().filter(|service| before.after.as_ref().is_none_or(|after| service > after)).collect();
        cursor.item = Cursor::default();
        self.sweeping = None;
        if let Some(rest) = self.take_turn(run, remaining).await? {
            run.report.stopped_early = true;
            run.report.gave_way(&rest);
            // A turn without a single service would come to nothing again at once: that waits for the schedule.
            let asked = if rest.after.is_some() { self.ask_to_go_on(rest.after.clone()).await? } else { None };
            cursor.item = Cursor { after: rest.after.or_else(|| before.after.clone()), asked };
        } else {
            // Once more from the beginning, for what was left to it.
            self.is_further = std::mem::take(&mut self.owed);
            if self.is_further {
                cursor.item.asked = self.ask_to_go_on(None).await?;
            }
        }
        run.report.swept_all();
        if cursor.item != before && !self.config.dry_run {
            self.table.put(&Cursor::key(), &mut cursor, None).await?;
        }
        Ok(())
    }

    /// What a push was not enough for is left to a sweep that begins there.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn sweep_from(&mut self, rest: &Rest) -> Result<(), CallFailure> {
        let Some(after) = rest.after.clone().filter(|_| !self.config.dry_run) else {
            return Ok(());
        };
        let mut cursor: Versioned<Cursor> = self.table.get(&Cursor::key()).await?;
        if is_under_way(cursor.item.asked, self.clock.now()) {
            // One that is past the place has to come back to it. It need not be woken: it is under way.
            if cursor.item.after.as_ref().is_none_or(|there| *there <= after) {
                return Ok(());
            }
            cursor.item.after = Some(after);
        } else {
            let asked = self.ask_to_go_on(Some(after.clone())).await?;
            cursor.item = Cursor { after: Some(after), asked };
        }
        self.table.put(&Cursor::key(), &mut cursor, None).await
    }

    /// Puts the event that continues the sweep. It waits behind this invocation's message, so that it may come before
    /// the cursor is written.
    async fn ask_to_go_on(&mut self, after: Option<ServiceArn>) -> Result<Option<Timestamp>, CallFailure> {
        if self.config.dry_run {
            return Ok(None);
        }
        self.bus().put(&OwnEvent::SweepContinued(SweepContinued { after })).await?;
        self.sweeping = Some(self.clock.now());
        Ok(self.sweeping)
    }
}
