//! Why a task never reaches RUNNING, in the words that ECS has for it.

use crate::context::{ACCOUNT_ID, REGION};

/// What keeps a task from reaching RUNNING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFailure {
    /// An image cannot be pulled (`CannotPullContainerError`).
    CannotPull(PullError),
    /// What the task needs besides its images is not there (`ResourceInitializationError`).
    ResourceInitialization(ResourceError),
    /// The command is not in the image (`CannotStartContainerError`).
    CommandNotFound,
    /// The memory limit is too low even for the start (`CannotStartContainerError`).
    OutOfMemoryAtInit,
    /// The container cannot be created (`CannotCreateContainerError`).
    CannotCreate,
    /// The container runtime does not answer (`ContainerRuntimeTimeoutError`).
    ContainerRuntimeTimeout,
    /// Docker does not answer (`DockerTimeoutError`).
    DockerTimeout,
    /// An error inside ECS (`InternalError`).
    Internal,
    /// The network interface does not come up. The task has no containers.
    NetworkInterfaceTimeout,
    /// Fargate has no capacity. The task has no containers.
    CapacityUnavailable,
    /// The account runs as many tasks as it may. The task has no containers.
    TaskLimit,
    /// Something else, as AWS may begin to say tomorrow.
    Other {
        /// The stop code, if there is one.
        stop_code: Option<&'static str>,
        /// `stoppedReason` of the task.
        reason: &'static str,
    },
}

/// Why an image cannot be pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullError {
    /// There is no such tag or digest.
    NotFound,
    /// The registry answers 403.
    Forbidden,
    /// The role may not ask ECR for a token (`CannotPullECRContainerError`).
    NotAuthorized,
    /// Docker Hub: missing, or not permitted; it does not tell which.
    MissingOrPrivate,
    /// The registry answers 429.
    RateLimited,
    /// The registry is not reached.
    Timeout,
    /// The disk is full.
    NoSpace,
    /// The image is for other processors.
    WrongPlatform,
}

/// What a task needs and does not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceError {
    /// The execution role may not read a secret.
    SecretDenied,
    /// A secret does not exist.
    SecretNotFound,
    /// Secrets or registry are not reached over the network.
    Network,
    /// The log group does not exist.
    LogGroupNotFound,
    /// The file system cannot be mounted.
    FileSystem,
}

impl StartFailure {
    pub(crate) fn stop_code(self) -> Option<&'static str> {
        match self {
            Self::Other { stop_code, .. } => stop_code,
            _ => Some("TaskFailedToStart"),
        }
    }

    /// Whether the images are pulled before it shows.
    pub(crate) fn is_after_pull(self) -> bool {
        matches!(
            self,
            Self::CannotPull(_)
                | Self::CommandNotFound
                | Self::OutOfMemoryAtInit
                | Self::CannotCreate
                | Self::ContainerRuntimeTimeout
                | Self::DockerTimeout
        )
    }

    /// Whether the task is shown without containers.
    pub(crate) fn has_no_containers(self) -> bool {
        matches!(self, Self::NetworkInterfaceTimeout | Self::CapacityUnavailable | Self::TaskLimit)
    }

    /// `stoppedReason` of the task, and `reason` of the container that runs `image`.
    pub(crate) fn reasons(self, image: &str) -> (String, Option<String>) {
        let container = |text: &str| ("Task failed to start".to_owned(), Some(text.to_owned()));
        let task = |text: &str| (text.to_owned(), None);
        match self {
            Self::CannotPull(error) => {
                let text = error.reason(image);
                (text.clone(), Some(text))
            }
            Self::ResourceInitialization(error) => (error.reason(), None),
            Self::CommandNotFound => container(
                "CannotStartContainerError: failed to create shim task: OCI runtime create failed: runc create failed: \
                 unable to start container process: exec: \"/app/start\": stat /app/start: no such file or directory: \
                 unknown",
            ),
            Self::OutOfMemoryAtInit => container(
                "CannotStartContainerError: failed to create shim task: OCI runtime create failed: runc create failed: \
                 unable to start container process: container init was OOM-killed (memory limit too low?): unknown",
            ),
            Self::CannotCreate => container(
                "CannotCreateContainerError: Error response from daemon: invalid mount config for type \"volume\": \
                 invalid mount path",
            ),
            Self::ContainerRuntimeTimeout => {
                container("ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m: ")
            }
            Self::DockerTimeout => {
                container("DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s")
            }
            Self::Internal => task("InternalError: An internal error occurred while starting the task."),
            Self::NetworkInterfaceTimeout => task("Timeout waiting for network interface provisioning to complete."),
            Self::CapacityUnavailable => {
                task("Capacity is unavailable at this time. Please try again later or in a different availability zone")
            }
            Self::TaskLimit => task("You've reached the limit on the number of tasks you can run concurrently"),
            Self::Other { reason, .. } => task(reason),
        }
    }
}

impl PullError {
    /// The reason as the agent puts it, for the image reference `image`.
    pub(crate) fn reason(self, image: &str) -> String {
        let registry = image.split('/').next().unwrap_or(image);
        let retried = |times: usize| {
            format!(
                "CannotPullContainerError: pull image manifest has been retried {times} time(s): failed to resolve ref {image}"
            )
        };
        match self {
            Self::NotFound => format!("{}: {image}: not found", retried(1)),
            Self::Forbidden => {
                format!("{}: unexpected status from HEAD request to https://{registry}/v2/: 403 Forbidden", retried(1))
            }
            Self::NotAuthorized => format!(
                "CannotPullECRContainerError: AccessDeniedException: User: \
                 arn:aws:sts::{ACCOUNT_ID}:assumed-role/execution/ecs-task is not authorized to perform: \
                 ecr:GetAuthorizationToken on resource: *"
            ),
            Self::MissingOrPrivate => format!(
                "{}: pull access denied, repository does not exist or may require authorization: server message: \
                 insufficient_scope: authorization failed",
                retried(1)
            ),
            Self::RateLimited => format!(
                "{}: unexpected status code https://{registry}/v2/: 429 Too Many Requests - Server message: \
                 toomanyrequests: You have reached your pull rate limit.",
                retried(5)
            ),
            Self::Timeout => format!(
                "{}: failed to do request: Head \"https://{registry}/v2/\": dial tcp 10.0.3.7:443: i/o timeout",
                retried(5)
            ),
            Self::NoSpace => "CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer: \
                              write /var/lib/containerd: no space left on device: unknown"
                .to_owned(),
            Self::WrongPlatform => "CannotPullContainerError: pull image manifest has been retried 1 time(s): image \
                                    Manifest does not contain descriptor matching platform 'linux/amd64'"
                .to_owned(),
        }
    }
}

impl ResourceError {
    fn reason(self) -> String {
        let secret = "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve \
                      secret from asm: service call has been retried 1 time(s): failed to fetch secret \
                      from secrets manager: ";
        let text = match self {
            Self::SecretDenied => format!(
                "{secret}AccessDeniedException: User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/execution/ecs-task is not \
                 authorized to perform: secretsmanager:GetSecretValue because no identity-based policy allows the \
                 secretsmanager:GetSecretValue action"
            ),
            Self::SecretNotFound => {
                format!("{secret}ResourceNotFoundException: Secrets Manager can't find the specified secret.")
            }
            Self::Network => format!(
                "unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a \
                 connection issue between the task and Amazon ECR. Check your task network configuration. Post \
                 \"https://api.ecr.{REGION}.amazonaws.com/\": dial tcp 10.0.3.7:443: i/o timeout"
            ),
            Self::LogGroupNotFound => "failed to validate logger args: create stream has been retried 1 times: failed to \
                                       create Cloudwatch log stream: ResourceNotFoundException: The specified log group \
                                       does not exist. : exit status 1"
                .to_owned(),
            Self::FileSystem => "failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve the \
                                 name of the file system: unsuccessful EFS utils command execution; code: 1"
                .to_owned(),
        };
        format!("ResourceInitializationError: {text}")
    }
}
