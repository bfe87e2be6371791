//! The classes of what may happen to a task or a service: how bad each is, and what may be done about it.

use serde::{Deserialize, Serialize};
use shared::alert::Severity;

/// What happened. The first twenty-five are how a task ended, the rest is what ECS says of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Class {
    /// A task that Steward itself stopped or ran.
    Own,
    /// Spot capacity was taken back.
    Spot,
    /// A person stopped it.
    User,
    /// The service scheduler stopped it: scaled in, or replaced by a deployment.
    Scheduler,
    /// Its host went away, or AWS maintains it.
    Host,
    /// Out of memory, and ECS says so.
    Oom,
    /// The image does not exist, or not for this platform.
    PullMissing,
    /// The image may not be pulled.
    PullDenied,
    /// The registry is out of reach or throttles.
    PullTransient,
    /// A secret or parameter does not exist or may not be read.
    Secret,
    /// The network or a file system is out of reach before the start.
    InfrastructureNetwork,
    /// The log configuration is not accepted.
    LogConfig,
    /// The command cannot be started.
    BadStart,
    /// The load balancer's health check failed.
    ElbHealth,
    /// The container's own health check failed.
    ContainerHealth,
    /// Killed by the kernel for what its code did: abort, segmentation fault.
    NativeCrash,
    /// Killed, and nobody says why.
    SigkillUnknown,
    /// The application ended with an error.
    AppExit,
    /// The application ended by itself without an error; a service should not end.
    UnexpectedExit,
    /// A job ended as it should.
    JobOk,
    /// A job failed.
    JobFailed,
    /// AWS has no capacity, or a quota is used up.
    Capacity,
    /// The agent or container runtime of a host failed.
    Agent,
    /// It did not start, and no known text says why.
    StartUnknown,
    /// Nothing that is known.
    Unknown,
    /// The service's configuration does not work.
    Configuration,
    /// ECS itself is throttled.
    Throttled,
    /// The service's health cannot be told, or is bad outside of its tasks.
    Degraded,
    /// A deployment failed, and no stopped task says why.
    DeploymentFailed,
}

/// How a stop counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As it should be: nothing is looked at.
    Normal,
    /// A person is at work: healing waits.
    HandsOff,
    /// ECS replaces the task by itself; only if it does not, people hear of it.
    Replaced,
    /// Something is wrong with the service.
    Abnormal,
}

/// On which condition a rollback may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cure {
    /// Whatever changed: a release may have brought it.
    Rollback,
    /// Only if the revision changed one of these.
    RollbackIfChanged(&'static [Part]),
    /// Only if it began within half an hour of the deployment.
    RollbackIfSoon,
    /// A rollback does not help, or may do harm.
    None,
}

/// A part of a revision that may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// An image.
    Image,
    /// Task role or execution role.
    Role,
    /// Names or sources of secrets.
    Secrets,
    /// The log configuration.
    Logging,
    /// Ports or health checks.
    Ports,
}

impl Class {
    /// Every class.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 29] = [
        Self::Own,
        Self::Spot,
        Self::User,
        Self::Scheduler,
        Self::Host,
        Self::Oom,
        Self::PullMissing,
        Self::PullDenied,
        Self::PullTransient,
        Self::Secret,
        Self::InfrastructureNetwork,
        Self::LogConfig,
        Self::BadStart,
        Self::ElbHealth,
        Self::ContainerHealth,
        Self::NativeCrash,
        Self::SigkillUnknown,
        Self::AppExit,
        Self::UnexpectedExit,
        Self::JobOk,
        Self::JobFailed,
        Self::Capacity,
        Self::Agent,
        Self::StartUnknown,
        Self::Unknown,
        Self::Configuration,
        Self::Throttled,
        Self::Degraded,
        Self::DeploymentFailed,
    ];

    /// How a stop of this class counts.
    pub(crate) fn standing(self) -> Standing {
        match self {
            Self::Own | Self::Scheduler | Self::JobOk => Standing::Normal,
            Self::User => Standing::HandsOff,
            Self::Spot | Self::Host => Standing::Replaced,
            _ => Standing::Abnormal,
        }
    }

    /// How urgent one occurrence is; `None` is no news before it is a loop.
    pub(crate) fn single(self) -> Option<Severity> {
        match self {
            Self::Own
            | Self::User
            | Self::Scheduler
            | Self::Spot
            | Self::Host
            | Self::JobOk
            | Self::AppExit
            | Self::UnexpectedExit => None,
            Self::Oom
            | Self::PullTransient
            | Self::ElbHealth
            | Self::ContainerHealth
            | Self::NativeCrash
            | Self::SigkillUnknown
            | Self::JobFailed
            | Self::Agent
            | Self::StartUnknown
            | Self::Unknown
            | Self::Throttled
            | Self::Degraded => Some(Severity::Warning),
            Self::PullMissing
            | Self::PullDenied
            | Self::Secret
            | Self::InfrastructureNetwork
            | Self::LogConfig
            | Self::BadStart
            | Self::Capacity
            | Self::Configuration
            | Self::DeploymentFailed => Some(Severity::Critical),
        }
    }

    /// How urgent a loop of it is.
    pub(crate) fn in_a_loop(self) -> Severity {
        match self {
            Self::Own | Self::User | Self::Scheduler | Self::JobOk => Severity::Info,
            Self::Spot | Self::Host | Self::UnexpectedExit | Self::Throttled | Self::Degraded => Severity::Warning,
            _ => Severity::Critical,
        }
    }

    /// Whether a rollback may help.
    pub(crate) fn cure(self) -> Cure {
        match self {
            Self::Oom
            | Self::PullMissing
            | Self::BadStart
            | Self::ContainerHealth
            | Self::NativeCrash
            | Self::AppExit
            | Self::UnexpectedExit => Cure::Rollback,
            Self::ElbHealth => Cure::RollbackIfChanged(&[Part::Image, Part::Ports]),
            Self::PullDenied => Cure::RollbackIfChanged(&[Part::Image, Part::Role]),
            Self::Secret => Cure::RollbackIfChanged(&[Part::Secrets, Part::Role]),
            Self::LogConfig => Cure::RollbackIfChanged(&[Part::Logging]),
            Self::SigkillUnknown => Cure::RollbackIfSoon,
            _ => Cure::None,
        }
    }

    /// Whether it explains the stops of tasks that come with it, so that they are no news of their own. A host that went
    /// away explains no other stop: the tasks that went with it say so themselves, and a replacement that does not start
    /// has a reason of its own.
    pub(crate) fn inhibits(self) -> bool {
        matches!(self, Self::Capacity | Self::Throttled | Self::DeploymentFailed)
    }

    /// Whether it never ran, so that it cannot have logged anything.
    pub(crate) fn is_before_start(self) -> bool {
        matches!(
            self,
            Self::PullMissing
                | Self::PullDenied
                | Self::PullTransient
                | Self::Secret
                | Self::InfrastructureNetwork
                | Self::LogConfig
                | Self::Capacity
                | Self::StartUnknown
        )
    }

    /// A stable word, for records, filters and queries.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Spot => "spot",
            Self::User => "user",
            Self::Scheduler => "scheduler",
            Self::Host => "host",
            Self::Oom => "out-of-memory",
            Self::PullMissing => "pull-missing",
            Self::PullDenied => "pull-denied",
            Self::PullTransient => "pull-transient",
            Self::Secret => "secret",
            Self::InfrastructureNetwork => "infrastructure-network",
            Self::LogConfig => "log-config",
            Self::BadStart => "bad-start",
            Self::ElbHealth => "elb-health",
            Self::ContainerHealth => "container-health",
            Self::NativeCrash => "native-crash",
            Self::SigkillUnknown => "sigkill-unknown",
            Self::AppExit => "app-exit",
            Self::UnexpectedExit => "unexpected-exit",
            Self::JobOk => "job-ok",
            Self::JobFailed => "job-failed",
            Self::Capacity => "capacity",
            Self::Agent => "agent",
            Self::StartUnknown => "start-unknown",
            Self::Unknown => "unknown",
            Self::Configuration => "configuration",
            Self::Throttled => "throttled",
            Self::Degraded => "degraded",
            Self::DeploymentFailed => "deployment-failed",
        }
    }

    /// What people can do about it, first things first.
    pub(crate) fn advice(self) -> &'static [&'static str] {
        match self {
            Self::Oom => &[
                "Compare the memory of task and container with what it uses; raise the limit, or look for a leak in what changed.",
            ],
            Self::PullMissing => {
                &["Push the image, or name one that exists for the platform of the service; this never cures itself."]
            }
            Self::PullDenied => &[
                "Check that the image exists under this name, and what the execution role and the repository policy allow.",
            ],
            Self::PullTransient => &[
                "Look at the route to the registry (NAT, endpoints) and at its rate limits; ECS tries again, with pauses of up to 27 minutes.",
                "When the cause is gone: aws ecs update-service --force-new-deployment ends the pause.",
            ],
            Self::Secret => &[
                "Check that the secret or parameter exists under this ARN, and that the execution role may read and decrypt it.",
            ],
            Self::InfrastructureNetwork => &[
                "Look at subnets, security groups, endpoints and file systems; a rollback would meet the same network.",
            ],
            Self::LogConfig => &["Create the log group, or let the execution role do it; check the logging options."],
            Self::BadStart => &["Check command, entry point and file permissions in the image."],
            Self::ElbHealth => {
                &["Check port, path and grace period of the health check, then the application's own start."]
            }
            Self::ContainerHealth => &["Run the health check's command in the container; check its start period."],
            Self::NativeCrash => &["Look for a native library that changed; a core dump tells most."],
            Self::SigkillUnknown => {
                &["Nobody said why it was killed. A child process out of memory looks like this: watch the memory."]
            }
            Self::AppExit | Self::UnexpectedExit | Self::JobFailed => &["Read the last lines that it logged."],
            Self::Capacity => {
                &["Look at the account's quotas and at the capacity providers; Spot services can fall back to FARGATE."]
            }
            Self::Agent => &["Drain the container instance, and look at its agent."],
            Self::Host | Self::Spot => &["Look at the capacity of the cluster: ECS has not replaced the tasks yet."],
            Self::Configuration => &["Read ECS's reason; correct the service or its task definition."],
            Self::Throttled => &["Find what calls so often; healing waits until ECS is not throttled any more."],
            Self::Degraded => &["Look at service discovery, load balancer and VPC Lattice of the service."],
            Self::DeploymentFailed => &["Look at the service's events: aws ecs describe-services."],
            Self::StartUnknown | Self::Unknown => {
                &["Read ECS's own words above; Steward does not know them and does nothing."]
            }
            Self::Own | Self::User | Self::Scheduler | Self::JobOk => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_one_word_in_records_and_in_state_and_no_two_share_it() {
        let mut words = std::collections::BTreeSet::new();
        for class in Class::ALL {
            assert!(words.insert(class.word()), "{class:?}");
            let kept = serde_json::to_value(class).unwrap();
            assert_eq!(serde_json::from_value::<Class>(kept).unwrap(), class);
        }
    }

    #[test]
    fn a_loop_is_never_less_urgent_than_a_single_stop_and_all_that_is_abnormal_says_what_to_do() {
        for class in Class::ALL {
            assert!(class.single().is_none_or(|single| single <= class.in_a_loop()), "{class:?}");
            assert!(class.standing() != Standing::Abnormal || !class.advice().is_empty(), "{class:?}");
        }
    }

    #[test]
    fn what_is_not_abnormal_or_not_understood_is_never_healed() {
        for class in Class::ALL {
            if class.standing() != Standing::Abnormal || matches!(class, Class::Unknown | Class::StartUnknown) {
                assert_eq!(class.cure(), Cure::None, "{class:?}");
            }
        }
    }
}
