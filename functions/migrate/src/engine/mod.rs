//! The engine: looks at a run, decides, writes what is meant, does it, writes what came of it. Entered again at any point,
//! by whatever event, it goes on from what is written.

mod begin;
mod close;

use jiff::{SignedDuration, Timestamp};
use shared::clock;
use shared::event::steward::MigrationDue;
use shared::failure::CallFailure;
use shared::migration::{RunId, RunState};
use shared::outbox;
use shared::state::Versioned;

use crate::apply::Started;
use crate::classify::{Verdict, classify};
use crate::lock::{Lock, Standing};
use crate::plan::{self, Act, Seen, TaskSeen, Turn};
use crate::report::Tell;
use crate::run::{Job, Restore, Run};
use crate::{Context, Migrate, open};

/// Most steps that one look takes a run; each ends in a wait, in an end, or in the next state.
const TURNS: usize = 24;
/// How soon a task that was told to stop is looked at.
const AFTER_STOP: SignedDuration = SignedDuration::from_mins(2);

/// A run that has waited this long for the lock is looked at anew before it begins: it may not be wanted any more.
const STALE: SignedDuration = SignedDuration::from_mins(1);

/// A run as it was read, with the version that a write must still find.
type Held = Versioned<Option<Run>>;

impl Migrate {
    /// Takes a run as far as it goes.
    pub(crate) async fn attend(&mut self, id: &RunId, context: &mut Context) -> Result<(), CallFailure> {
        let mut held: Held = self.table.get(&id.key()).await?;
        let Some(before) = held.item.as_ref().map(|run| run.state) else {
            context.report.event("ignored", &format!("there is no run {id}"));
            return Ok(());
        };
        if self.config.dry_run {
            context.report.event("ignored", "nothing is done, it is only planned");
            return Ok(());
        }
        let driven = Box::pin(self.drive(&mut held, context)).await;
        if let Some(run) = &held.item {
            context.report.run(run, Some(before));
            if let Err(failure) = driven {
                context.report.failed(run.service.short(), &failure);
                context.failures.push(failure);
            }
        }
        Ok(())
    }

    async fn drive(&mut self, held: &mut Held, context: &mut Context) -> Result<(), CallFailure> {
        for _ in 0..TURNS {
            let Some(run) = held.item.clone() else {
                return Ok(());
            };
            if run.state.is_over() {
                return self.close(held, context).await;
            }
            if !context.deadline.allows_call(self.clock.now()) {
                context.report.stopped_early = true;
                return Ok(());
            }
            let seen = self.look(&run, context).await?;
            let Turn { run: next, act } = plan::turn(&run, &seen, context.now);
            self.write(held, next).await?;
            // A topic that is out of reach is no reason to leave a migration where it is; the message comes again for it.
            context.failures.extend(self.send(held).await?);
            match act {
                Act::Again => {}
                Act::Start => {
                    if let Some(until) = self.start(held, context.now).await? {
                        return self.look_again(&run.id, until).await;
                    }
                }
                Act::Stop => {
                    if let Some(task) = run_task(held) {
                        self.applier.stop(&run, &task).await?;
                    }
                    let at = context.now.checked_add(AFTER_STOP).ok();
                    return self.look_again(&run.id, at).await;
                }
                Act::Wait(at) => return self.look_again(&run.id, at).await,
            }
        }
        Ok(())
    }

    /// What a run's state depends on, and nothing else.
    async fn look(&mut self, run: &Run, context: &mut Context) -> Result<Seen, CallFailure> {
        let mut seen = Seen::default();
        let Some(frozen) = &run.frozen else {
            return Ok(seen);
        };
        match run.state {
            RunState::Waiting => {
                let key = Lock::key(&frozen.lock);
                let mut lock: Versioned<Lock> = self.table.get(&key).await?;
                let before = lock.item.clone();
                let standing = lock.item.attend(run);
                if standing == Standing::Holds && run.age(context.now) >= STALE {
                    seen.renewed = Some(self.renew(run).await?);
                }
                seen.lock = Some((standing, lock.item.fence));
                if lock.item != before {
                    self.table.put(&key, &mut lock, None).await?;
                }
                // Those that gave way are told so now, and not by the next sweep.
                let gone = before.queue.iter().filter(|queued| !lock.item.queue.contains(queued));
                context.due.extend(gone.map(|queued| queued.run.clone()).filter(|gone| *gone != run.id));
            }
            RunState::RestorePoint => {
                let snapshot = match &run.restore {
                    Some(Restore::Snapshot { identifier, .. }) => identifier.as_deref(),
                    _ => None,
                };
                let name = frozen.database.as_deref().unwrap_or_default();
                seen.database = Some(self.observer.database(name, snapshot).await?);
            }
            _ => {
                if let Some(job) = &run.job {
                    seen.task = self.task(run, job, context.now).await?;
                }
                if let TaskSeen::Found(task) = &seen.task
                    && task.is_stopped
                    && !matches!(classify(task, frozen), Verdict::Exited(0 | 10))
                {
                    seen.log = self.observer.log(frozen, &task.arn).await;
                }
            }
        }
        Ok(seen)
    }

    async fn task(&self, run: &Run, job: &Job, now: Timestamp) -> Result<TaskSeen, CallFailure> {
        let cluster = run.service.cluster();
        match (&job.task, &run.frozen) {
            (Some(task), _) => self.observer.task(cluster, task).await,
            (None, Some(frozen)) if plan::is_lost(job, now) => self.observer.find(cluster, &run.id, job, frozen).await,
            _ => Ok(TaskSeen::None),
        }
    }

    /// Asks for the task that is meant and written down. When to look at it again; `None` when the run goes on at once.
    async fn start(&mut self, held: &mut Held, now: Timestamp) -> Result<Option<Option<Timestamp>>, CallFailure> {
        let Some(mut run) = held.item.clone() else {
            return Ok(None);
        };
        let (Some(frozen), Some(job)) = (run.frozen.clone(), run.job.clone()) else {
            return Ok(None);
        };
        let definition = match run.definition.clone() {
            Some(definition) => Ok(definition),
            None => self.applier.register(&self.observer, &frozen).await,
        };
        let definition = match definition {
            Ok(definition) => definition,
            Err(failure) if failure.kind.is_final() => {
                plan::refused(&mut run, &failure.to_string(), now);
                return self.write(held, run).await.map(|()| None);
            }
            Err(failure) => return Err(failure),
        };
        if run.definition.is_none() {
            run.definition = Some(definition.clone());
            self.write(held, run.clone()).await?;
        }
        let act = match self.applier.start(&self.observer, &run, &job, &frozen, &definition).await? {
            Started::Task(arn) => {
                let until = job.deadline;
                run.job = Some(Job { task: Some(arn), ..job });
                Act::Wait(Some(until))
            }
            Started::NotPlaced(why) => plan::never_started(&mut run, &why, now),
            Started::Refused(why) => plan::refused(&mut run, &why, now),
        };
        self.write(held, run).await?;
        Ok(match act {
            Act::Wait(at) => Some(at),
            Act::Again | Act::Start | Act::Stop => None,
        })
    }

    /// Writes a run, if it is another than what is written.
    async fn write(&self, held: &mut Held, run: Run) -> Result<(), CallFailure> {
        if held.item.as_ref() == Some(&run) {
            return Ok(());
        }
        let key = run.id.key();
        let before = held.item.replace(run);
        let written = self.table.put(&key, held, None).await;
        if written.is_err() {
            held.item = before;
        }
        written
    }

    /// Sends what waits: events first, which others wait for. What could not be sent stays, and is why this gives a failure.
    async fn send(&self, held: &mut Held) -> Result<Option<CallFailure>, CallFailure> {
        let Some(mut run) = held.item.clone().filter(|run| !run.unsent.is_empty() || !run.untold.is_empty()) else {
            return Ok(None);
        };
        let sent = outbox::send(&self.bus, &self.topic, &mut run.unsent, &mut run.untold).await;
        self.write(held, run).await?;
        Ok(sent.err())
    }

    /// Has the run looked at again at that time. Without it the next sweep does.
    async fn look_again(&self, run: &RunId, at: Option<Timestamp>) -> Result<(), CallFailure> {
        let (Some(schedules), Some(at)) = (&self.schedules, at) else {
            return Ok(());
        };
        // Schedules keep to the minute. Looks that are due in the same one are one look: the second has the first one's name.
        let minutes = (at.as_second() + 59) / 60;
        let at = Timestamp::from_second(minutes * 60).unwrap_or(at);
        let name = format!("migrate-{run}-{}", at.as_second());
        schedules.once(&name, at, "Migration Due", &MigrationDue { run: run.clone() }).await
    }

    /// Everything that is open, and what is measured of it.
    pub(crate) async fn sweep(&mut self, context: &mut Context) -> Result<(), CallFailure> {
        let mut oldest = 0;
        let runs = open::list(&self.table).await?;
        for id in &runs {
            let run: Held = self.table.get(&id.key()).await?;
            match run.item {
                Some(run) => {
                    oldest = oldest.max(context.now.duration_since(run.begun).as_mins());
                    context.due.push_back(id.clone());
                }
                // It was entered and never written: whoever asked will ask again.
                None if !self.config.dry_run => open::leave(&self.table, id).await?,
                None => {}
            }
        }
        let first = clock::first_of_sweep(context.now, context.due.len());
        context.due.rotate_left(first);
        self.attend_all(context).await?;
        context.report.swept_with(runs.len(), oldest);
        Ok(())
    }
}

fn run_task(held: &Held) -> Option<shared::arn::TaskArn> {
    held.item.as_ref()?.job.as_ref()?.task.clone()
}
