//! Why a task that runs ends, in the words that ECS has for it.

use super::model::{Container, Ending, Exit, Stop};

/// What ends a task that is RUNNING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// An essential container ends by itself with this exit code: 0 and 143 are as unexpected as 1, 139 is a native crash.
    Exit(i64),
    /// The container is killed for its memory. The exit code is mostly 137; when a child process was killed, what its
    /// parent makes of it, even 0.
    OutOfMemory {
        /// Exit code of the container.
        exit_code: i64,
    },
    /// The load balancer finds the task unhealthy, and the scheduler stops it.
    ElbHealth {
        /// What the containers answer to SIGTERM.
        exit_code: i64,
    },
    /// The container's own health check fails, and the scheduler stops the task.
    ContainerHealth {
        /// What the containers answer to SIGTERM.
        exit_code: i64,
    },
    /// Fargate Spot takes its capacity back: a warning, and two minutes later the stop.
    SpotInterruption,
    /// The container instance is terminated. No exit code is known.
    HostTerminated,
    /// AWS maintains what the task runs on.
    Maintenance,
    /// A person stops it, without a reason.
    StoppedByUser,
    /// Something else, as AWS may begin to say tomorrow.
    Other {
        /// The stop code, if there is one.
        stop_code: Option<&'static str>,
        /// `stoppedReason` of the task.
        reason: &'static str,
    },
}

impl StopCause {
    /// How the task stops. `group` is the ARN of the service's target group.
    pub(crate) fn stop(self, group: &str) -> Stop {
        let scheduler = "ServiceSchedulerInitiated";
        let (code, reason, ending, exit) = match self {
            Self::Exit(_) | Self::OutOfMemory { .. } => {
                (Some("EssentialContainerExited"), "Essential container in task exited", Ending::Lost, Exit::Asked)
            }
            Self::ElbHealth { exit_code } => {
                let reason = format!("Task failed ELB health checks in (target-group {group})");
                return Stop { code: Some(scheduler), reason, ending: Ending::Unhealthy, exit: Exit::With(exit_code) };
            }
            Self::ContainerHealth { exit_code } => {
                (Some(scheduler), "Task failed container health checks", Ending::Unhealthy, Exit::With(exit_code))
            }
            Self::SpotInterruption => {
                (Some("SpotInterruption"), "Your Spot Task was interrupted.", Ending::Displaced, Exit::Asked)
            }
            Self::HostTerminated => {
                (None, "Host EC2 (instance i-0a1b2c3d4e5f60718) terminated.", Ending::Lost, Exit::Unknown)
            }
            Self::Maintenance => (
                Some(scheduler),
                "ECS is performing maintenance on the underlying infrastructure hosting the task.",
                Ending::Displaced,
                Exit::Asked,
            ),
            Self::StoppedByUser => (Some("UserInitiated"), "Task stopped by user", Ending::Lost, Exit::Asked),
            Self::Other { stop_code, reason } => (stop_code, reason, Ending::Lost, Exit::Asked),
        };
        Stop { code, reason: reason.to_owned(), ending, exit }
    }

    /// What the container shows that ends by itself. Others end because they are asked to.
    pub(crate) fn mark(self, culprit: &mut Container) {
        match self {
            Self::Exit(exit_code) => culprit.exit_code = Some(exit_code),
            Self::OutOfMemory { exit_code } => {
                culprit.exit_code = Some(exit_code);
                culprit.reason = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
            }
            _ => {}
        }
    }

    /// Whether the container itself ends, and the task only because it is essential.
    pub(crate) fn is_of_container(self) -> bool {
        matches!(self, Self::Exit(_) | Self::OutOfMemory { .. })
    }
}
