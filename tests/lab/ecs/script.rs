//! What tests may say about tasks: how an image behaves, and how long things take.

use jiff::SignedDuration;

use super::causes::StopCause;
use super::failures::{PullError, StartFailure};
use crate::account::Account;

/// How the tasks of an image behave. Scripted per digest with [`Account::script`]; unscripted images are healthy, which
/// for the task of a job means that it hangs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Starts, becomes healthy, runs for ever.
    #[default]
    Healthy,
    /// The container ends before the task is RUNNING, this long after its start.
    CrashAtStart {
        /// Exit code of the container.
        exit_code: i64,
        /// Time from the container's start to its end.
        after: SignedDuration,
    },
    /// The container ends this long after the task became RUNNING.
    CrashAfterRunning {
        /// Exit code of the container.
        exit_code: i64,
        /// Time from RUNNING to the end.
        after: SignedDuration,
    },
    /// The container is killed for its memory, this long after the task became RUNNING.
    OutOfMemory {
        /// Time from RUNNING to the kill.
        after: SignedDuration,
    },
    /// The task is ended in another way, this long after it became RUNNING.
    Ends {
        /// What ends it.
        cause: StopCause,
        /// Time from RUNNING to the end.
        after: SignedDuration,
    },
    /// The image cannot be pulled.
    CannotPull,
    /// The task does not start for another reason.
    FailsToStart(StartFailure),
    /// The task stays PENDING.
    StaysPending,
    /// Runs, but never passes its health check. Without a container health check or a load balancer this is
    /// [`Behaviour::Healthy`].
    NeverHealthy,
}

impl Behaviour {
    /// What keeps the task from starting.
    pub(super) fn start_failure(self) -> Option<StartFailure> {
        match self {
            Self::CannotPull => Some(StartFailure::CannotPull(PullError::NotFound)),
            Self::FailsToStart(failure) => Some(failure),
            _ => None,
        }
    }

    /// What ends the container, and how long after RUNNING.
    pub(super) fn end(self) -> Option<(StopCause, SignedDuration)> {
        match self {
            Self::CrashAfterRunning { exit_code, after } => Some((StopCause::Exit(exit_code), after)),
            Self::OutOfMemory { after } => Some((StopCause::OutOfMemory { exit_code: 137 }, after)),
            Self::Ends { cause, after } => Some((cause, after)),
            _ => None,
        }
    }
}

/// How long the steps of a task's life take, in virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// From PROVISIONING to the start of the pull.
    pub provision: SignedDuration,
    /// The pull, successful or not.
    pub pull: SignedDuration,
    /// From RUNNING to HEALTHY, where there is a health check.
    pub healthy: SignedDuration,
    /// From RUNNING to UNHEALTHY, where the health check never passes.
    pub unhealthy: SignedDuration,
    /// From the stop request, or the crash, to STOPPED.
    pub stop: SignedDuration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            provision: SignedDuration::from_secs(8),
            pull: SignedDuration::from_secs(9),
            healthy: SignedDuration::from_secs(15),
            unhealthy: SignedDuration::from_secs(60),
            stop: SignedDuration::from_secs(5),
        }
    }
}

impl Account {
    /// From now on, tasks that pull `digest` behave so.
    pub fn script(&self, digest: &str, behaviour: Behaviour) {
        self.lock().ecs.scripts.insert(digest.to_owned(), behaviour);
    }

    /// Sets how long the steps of tasks take that are not under way yet.
    pub fn timings(&self, timings: Timings) {
        self.lock().ecs.timings = timings;
    }

    /// Lets reads of ECS services (`DescribeServices`, tagging `GetResources`) lag this far behind writes. Zero by default.
    pub fn read_lag(&self, lag: SignedDuration) {
        self.lock().ecs.history.set_lag(lag);
    }
}
