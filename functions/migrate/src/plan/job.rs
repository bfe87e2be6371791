//! The task of a step: meant, asked for, watched, stopped when it takes too long, and judged by how it ended.

use jiff::{SignedDuration, Timestamp};
use shared::migration::RunState;

use super::{Act, Seen, TaskSeen, end, go_on, wait};
use crate::classify::{Task, Verdict, classify};
use crate::notice;
use crate::run::{Frozen, Job, Run, Step};

/// How long a call that got no answer is made again with its token. A token lives for an hour after its task stopped, so
/// after that it might start a second task.
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(45);
/// ECS may not know a task that it has just started.
const NEW: SignedDuration = SignedDuration::from_mins(10);
/// How often a task that did not even start is tried.
const TRIES: u32 = 3;
/// How soon ECS is told again to stop a task, and the task is looked at again.
const STOP_AGAIN: SignedDuration = SignedDuration::from_mins(2);
/// After this time people are told that a task does not stop.
const STOPS_LATE: SignedDuration = SignedDuration::from_mins(20);

/// Exit codes of a plan.
const NOTHING_PENDING: i32 = 0;
const PENDING: i32 = 10;
const DESTRUCTIVE: i32 = 20;

/// Whether a task that nobody named must not be asked for again: whether it ran can only be found by looking.
pub(crate) fn is_lost(job: &Job, now: Timestamp) -> bool {
    job.task.is_none() && now.duration_since(job.asked) >= ASK_AGAIN
}

pub(super) fn attend(run: &mut Run, step: Step, seen: &Seen, now: Timestamp) -> Act {
    let Some(frozen) = run.frozen.clone() else {
        end(run, RunState::Failed, "it was never frozen", now);
        return Act::Again;
    };
    let Some(job) = run.job.clone() else {
        return ask(run, step, &frozen, now);
    };
    match &seen.task {
        TaskSeen::None if is_lost(&job, now) => {
            lost(run, &job, "nobody can say whether its task ever ran: the call got no answer", now)
        }
        TaskSeen::None => Act::Start,
        TaskSeen::Missing(_) if now.duration_since(job.asked) < NEW => wait(now, SignedDuration::from_mins(1)),
        TaskSeen::Missing(task) => {
            lost(run, &job, &format!("ECS does not know task {} any more, and its end was not seen", task.id()), now)
        }
        TaskSeen::Found(task) if task.is_stopped => {
            run.log.clone_from(&seen.log);
            ended(run, &job, task, &frozen, now)
        }
        TaskSeen::Found(task) => watch(run, job, task, &frozen, now),
    }
}

/// Means to have a task. What is meant is written down before it is asked for.
fn ask(run: &mut Run, step: Step, frozen: &Frozen, now: Timestamp) -> Act {
    if let Some(at) = run.not_before.filter(|at| *at > now) {
        return Act::Wait(Some(at));
    }
    run.tasks += 1;
    let minutes = i64::try_from(frozen.timeout).unwrap_or(i64::MAX).min(24 * 60);
    let deadline = now.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX);
    run.job = Some(Job { step, number: run.tasks, asked: now, task: None, deadline, stop_asked: None });
    run.note(&format!("task {} is asked for", run.tasks), now);
    Act::Start
}

fn watch(run: &mut Run, mut job: Job, task: &Task, frozen: &Frozen, now: Timestamp) -> Act {
    job.task = Some(task.arn.clone());
    if now < job.deadline {
        let until = job.deadline;
        run.job = Some(job);
        return Act::Wait(Some(until));
    }
    if let Some(asked) = job.stop_asked.filter(|asked| now.duration_since(*asked) < STOP_AGAIN) {
        run.job = Some(job);
        return wait(asked, STOP_AGAIN);
    }
    job.stop_asked = Some(now);
    if run.state == RunState::Stopping {
        run.job = Some(job);
        if run.age(now) >= STOPS_LATE && run.told.insert("stopping".to_owned()) {
            run.untold.push(notice::does_not_stop(run, task));
        }
    } else {
        let why = format!("task {} still ran after {} minutes, and is stopped", task.arn.id(), frozen.timeout);
        run.turn(RunState::Stopping, &why, now);
        run.job = Some(job);
    }
    Act::Stop
}

/// A stopped task, and what follows from how it ended.
fn ended(run: &mut Run, job: &Job, task: &Task, frozen: &Frozen, now: Timestamp) -> Act {
    let stopped = run.state == RunState::Stopping;
    let over_time = format!("it was stopped after {} minutes", frozen.timeout);
    match (job.step, classify(task, frozen)) {
        (_, Verdict::NeverStarted(why)) if stopped => {
            end(run, RunState::Failed, &format!("{over_time} in which it had not started: {why}"), now);
        }
        (Step::Migrate, Verdict::Unknown(_)) if stopped => {
            run.touched = true;
            let why = format!("{over_time}. How far it came by then, only the database can say");
            end(run, RunState::Failed, &why, now);
        }
        (Step::Migrate, Verdict::Unknown(why)) => return unknown(run, &why, now),
        (Step::Plan, Verdict::Unknown(_)) if stopped => end(run, RunState::Failed, &over_time, now),
        (Step::Verify, Verdict::Unknown(_)) if stopped => end(run, RunState::Unknown, &over_time, now),
        // A plan changes nothing, so it can be asked again even if it ran.
        (_, Verdict::NeverStarted(why)) | (Step::Plan | Step::Verify, Verdict::Unknown(why)) => {
            return never_started(run, &why, now);
        }
        (Step::Plan, Verdict::Exited(code)) => planned(run, code, now),
        (Step::Migrate, Verdict::Exited(code)) => {
            run.touched = true;
            migrated(run, code, frozen, now);
        }
        (Step::Verify, Verdict::Exited(code)) => verified(run, code, now),
    }
    Act::Again
}

fn planned(run: &mut Run, code: i32, now: Timestamp) {
    match code {
        NOTHING_PENDING => end(run, RunState::Migrated, "the plan says that nothing is pending", now),
        PENDING => go_on(run, "the plan says that something is pending", now),
        DESTRUCTIVE if run.approved.is_some() => go_on(run, "the plan destroys something, and is approved", now),
        DESTRUCTIVE => {
            run.turn(RunState::Approval, "the plan says that something would be destroyed", now);
            run.untold.push(notice::approval(run));
        }
        code => {
            let why = format!("the plan ended with exit code {code}: 0 is nothing pending, 10 pending, 20 destructive");
            end(run, RunState::Failed, &why, now);
        }
    }
}

fn migrated(run: &mut Run, code: i32, frozen: &Frozen, now: Timestamp) {
    match code {
        0 if frozen.plan.is_some() => {
            run.turn(RunState::Verifying, "it ended with exit code 0; is anything pending still?", now);
        }
        0 => end(run, RunState::Migrated, "it ended with exit code 0", now),
        code => end(run, RunState::Failed, &format!("it ended with exit code {code}"), now),
    }
}

fn verified(run: &mut Run, code: i32, now: Timestamp) {
    match code {
        NOTHING_PENDING => {
            end(run, RunState::Migrated, "it ended with exit code 0, and nothing is pending any more", now);
        }
        PENDING | DESTRUCTIVE => {
            let why =
                "it ended with exit code 0, but the plan says that something is pending still: it did not migrate";
            end(run, RunState::Failed, why, now);
        }
        code => {
            let why = format!("it ended with exit code 0, but the plan could not be run again: exit code {code}");
            end(run, RunState::Unknown, &why, now);
        }
    }
}

/// Nothing ran: another task is asked for, under a number of its own, a few times.
pub(crate) fn never_started(run: &mut Run, why: &str, now: Timestamp) -> Act {
    run.tries += 1;
    let step = run.job.take().map_or(Step::Migrate, |job| job.step);
    if run.tries < TRIES {
        run.note(&format!("its task did not start or was lost: {why}"), now);
        let pause = SignedDuration::from_mins(2 * i64::from(run.tries) - 1);
        run.not_before = now.checked_add(pause).ok();
        return Act::Wait(run.not_before);
    }
    end(
        run,
        without_task(step),
        &format!("its task did not start or was lost, {TRIES} times; the last time: {why}"),
        now,
    );
    Act::Again
}

/// AWS refuses to start the task, and would again.
pub(crate) fn refused(run: &mut Run, why: &str, now: Timestamp) -> Act {
    let step = run.job.take().map_or(Step::Migrate, |job| job.step);
    end(run, without_task(step), &format!("its task cannot be started: {why}"), now);
    Act::Again
}

/// What a run comes to whose step gets no task. What was migrated stays migrated, whether or not it can be verified.
fn without_task(step: Step) -> RunState {
    if step == Step::Verify { RunState::Unknown } else { RunState::Failed }
}

/// A task of which nobody knows what it did.
fn lost(run: &mut Run, job: &Job, why: &str, now: Timestamp) -> Act {
    if job.step == Step::Plan {
        return never_started(run, why, now);
    }
    unknown(run, why, now)
}

fn unknown(run: &mut Run, why: &str, now: Timestamp) -> Act {
    run.touched = true;
    end(run, RunState::Unknown, why, now);
    Act::Again
}
