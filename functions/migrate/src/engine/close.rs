//! The end of a run: the ledger is written, a waiting rollout answered, the lock given up, and everybody told.

use jiff::SignedDuration;
use shared::failure::CallFailure;
use shared::migration::{Entry, Ledger, RunState, ledger_key};
use shared::state::Versioned;

use super::Held;
use crate::lock::Lock;
use crate::run::{Cause, Run};
use crate::{Context, Migrate, open};

/// How long a run that is over is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

impl Migrate {
    /// Does all that the end of a run asks for. Done again, it changes nothing.
    pub(super) async fn close(&mut self, held: &mut Held, context: &mut Context) -> Result<(), CallFailure> {
        let Some(run) = held.item.clone().filter(|run| !run.closed) else {
            return Ok(());
        };
        self.note_in_ledger(&run, context).await?;
        if let Cause::Hook { service_deployment, hook } = &run.cause {
            match run.state {
                RunState::Migrated => self.applier.continue_rollout(service_deployment, hook, true).await?,
                RunState::Failed => self.applier.continue_rollout(service_deployment, hook, false).await?,
                // Nobody knows what it did: ECS waits until somebody has decided, or until the hook's own time is over.
                _ => {}
            }
        }
        // While nobody knows what a run did, no other may begin.
        if run.state != RunState::Unknown {
            self.give_up_lock(&run, context).await?;
        }
        if let Some(failure) = self.send(held).await? {
            return Err(failure);
        }
        let Some(run) = held.item.clone() else {
            return Ok(());
        };
        held.item = Some(Run { closed: true, ..run.clone() });
        let expires = context.now.checked_add(KEPT).ok().filter(|_| run.state != RunState::Unknown);
        self.table.put(&run.id.key(), held, expires).await?;
        open::leave(&self.table, &run.id).await
    }

    /// The schema may have changed: by that later rollbacks are judged.
    async fn note_in_ledger(&self, run: &Run, context: &Context) -> Result<(), CallFailure> {
        let Some(frozen) = run.frozen.as_ref().filter(|_| run.touched) else {
            return Ok(());
        };
        let key = ledger_key(&frozen.lock);
        let mut ledger: Versioned<Ledger> = self.table.get(&key).await?;
        let entry = Entry {
            run: run.id.clone(),
            service: run.service.clone(),
            reference: frozen.reference.clone(),
            digest: frozen.digest.clone(),
            at: context.now,
            state: run.state,
            compatible: frozen.compatible,
            restore_point: run.restore.as_ref().map(|restore| restore.words(&frozen.lock)),
        };
        if ledger.item.entries.iter().any(|known| known.run == entry.run && known.state == entry.state) {
            return Ok(());
        }
        ledger.item.note(entry, run.fence);
        self.table.put(&key, &mut ledger, None).await
    }

    async fn give_up_lock(&self, run: &Run, context: &mut Context) -> Result<(), CallFailure> {
        let Some(database) = run.lock() else {
            return Ok(());
        };
        let key = Lock::key(database);
        let mut lock: Versioned<Lock> = self.table.get(&key).await?;
        let before = lock.item.clone();
        let next = lock.item.leave(&run.id);
        if lock.item != before {
            self.table.put(&key, &mut lock, None).await?;
        }
        context.due.extend(next);
        Ok(())
    }
}
