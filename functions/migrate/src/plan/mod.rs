//! The decision: pure. A run and what is seen of its lock, task and database go in; the run as it shall be and what is to
//! be done next come out, as data.
//!
//! Invariant: nothing under `plan` imports `aws_sdk_*`, does I/O or reads a clock.

mod job;
mod resolve;
mod restore;

use jiff::{SignedDuration, Timestamp};
use shared::arn::TaskArn;
use shared::migration::RunState;
use shared::tags::RestorePoint;

pub(crate) use self::job::{is_lost, never_started, refused};
pub(crate) use self::resolve::{Refused, resolve};
pub(crate) use self::restore::{answered, request_name, run_of_request};
use crate::classify::Task;
use crate::lock::Standing;
use crate::notice;
use crate::run::{Cause, Frozen, Run, Step};

/// How long a plan that destroys something waits for somebody to approve it.
const APPROVAL: SignedDuration = SignedDuration::from_hours(24);
/// After this time people are told that a run waits.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What is seen of all that a run's state depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// How it stands with the lock, and the lock's number.
    pub lock: Option<(Standing, u64)>,
    /// What it would run if it were asked for now, of one that has waited; or why it is not wanted any more.
    pub renewed: Option<Result<Frozen, String>>,
    /// Its task.
    pub task: TaskSeen,
    /// The last lines of that task, if it ended badly.
    pub log: Vec<String>,
    /// Its database.
    pub database: Option<Database>,
}

/// What ECS says of a run's task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum TaskSeen {
    /// No task is known, and none was found.
    #[default]
    None,
    /// It was named once, and ECS does not know it (any more).
    Missing(TaskArn),
    /// This.
    Found(Task),
}

/// What RDS says of a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Database {
    /// `available` and others; `None` when there is no such database.
    pub status: Option<String>,
    /// Up to when point-in-time recovery reaches; absent without automated backups.
    pub restorable: Option<Timestamp>,
    /// The snapshot that was asked for; `None` while there is none.
    pub snapshot: Option<Snapshot>,
}

/// What RDS says of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Snapshot {
    /// `available` and others.
    pub status: String,
    /// Identifier of the instance or cluster that it is of.
    pub of: String,
    /// When it was made; absent while it is being made.
    pub created: Option<Timestamp>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The run as it shall be: written before anything is called.
    pub run: Run,
    /// What is to be done.
    pub act: Act,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Look again at once: the next step can begin.
    Again,
    /// Start the task that the run means to have.
    Start,
    /// Stop the task.
    Stop,
    /// Nothing, until an event comes or this time.
    Wait(Option<Timestamp>),
}

/// Decides about one run.
pub(crate) fn turn(run: &Run, seen: &Seen, now: Timestamp) -> Turn {
    let mut run = run.clone();
    let act = match run.state {
        RunState::Waiting => waiting(&mut run, seen, now),
        RunState::Planning => job::attend(&mut run, Step::Plan, seen, now),
        RunState::Approval => approval(&mut run, now),
        RunState::RestorePoint => restore::attend(&mut run, seen.database.as_ref(), now),
        RunState::Migrating => job::attend(&mut run, Step::Migrate, seen, now),
        RunState::Verifying => job::attend(&mut run, Step::Verify, seen, now),
        RunState::Stopping => {
            let step = run.job.as_ref().map_or(Step::Migrate, |job| job.step);
            job::attend(&mut run, step, seen, now)
        }
        RunState::Migrated | RunState::Failed | RunState::Unknown | RunState::Superseded => Act::Wait(None),
    };
    Turn { run, act }
}

fn waiting(run: &mut Run, seen: &Seen, now: Timestamp) -> Act {
    match &seen.lock {
        None => Act::Wait(None),
        Some((Standing::Superseded(by), _)) => {
            end(run, RunState::Superseded, &format!("run {by} is for a newer image of the same service"), now);
            Act::Again
        }
        Some((Standing::Waits(ahead), _)) => {
            if run.age(now) < PATIENCE {
                return Act::Wait(None);
            }
            if run.told.insert("waiting".to_owned()) {
                run.untold.push(notice::waiting(run, ahead));
            }
            Act::Wait(None)
        }
        Some((Standing::Holds, fence)) => {
            run.fence = *fence;
            match &seen.renewed {
                None => {}
                // A lock of another name is not the one that it holds.
                Some(Ok(frozen)) if run.lock() == Some(&frozen.lock) => run.frozen = Some(frozen.clone()),
                Some(Ok(_)) => return withdrawn(run, "steward:database names another database by now", now),
                Some(Err(why)) => return withdrawn(run, why, now),
            }
            if run.frozen.as_ref().is_some_and(|frozen| frozen.plan.is_some()) {
                run.turn(RunState::Planning, "the lock is taken; is anything pending?", now);
            } else {
                go_on(run, "the lock is taken", now);
            }
            Act::Again
        }
    }
}

/// Nothing, until that long after `from`.
fn wait(from: Timestamp, pause: SignedDuration) -> Act {
    Act::Wait(from.checked_add(pause).ok())
}

/// While it waited it became what nobody wants: a schema that no release follows does harm.
fn withdrawn(run: &mut Run, why: &str, now: Timestamp) -> Act {
    let state = if run.cause == Cause::Request { RunState::Failed } else { RunState::Superseded };
    end(run, state, &format!("it is not wanted any more: {why}"), now);
    Act::Again
}

fn approval(run: &mut Run, now: Timestamp) -> Act {
    if run.age(now) >= APPROVAL {
        end(run, RunState::Failed, "nobody approved the plan within a day", now);
        return Act::Again;
    }
    Act::Wait(now.checked_add(APPROVAL - run.age(now)).ok())
}

/// To the restore point, if one is wanted, else to the migration.
fn go_on(run: &mut Run, why: &str, now: Timestamp) {
    let point = run.frozen.as_ref().map_or(RestorePoint::None, |frozen| frozen.restore_point);
    match point {
        RestorePoint::None => run.turn(RunState::Migrating, why, now),
        RestorePoint::Mark | RestorePoint::Snapshot => run.turn(RunState::RestorePoint, why, now),
    }
}

/// The end of a run that cannot be run at all; any other is left as it is.
pub(crate) fn end_if_refused(run: &mut Run, now: Timestamp) {
    if run.state == RunState::Failed {
        let why = std::mem::take(&mut run.reason);
        end(run, RunState::Failed, &why, now);
    }
}

/// The end of a run, with everything that is to be told of it.
pub(crate) fn end(run: &mut Run, state: RunState, why: &str, now: Timestamp) {
    run.turn(state, why, now);
    run.closed = false;
    run.unsent.push(run.answer());
    run.untold.extend(notice::ended(run));
}

#[cfg(test)]
mod tests;
