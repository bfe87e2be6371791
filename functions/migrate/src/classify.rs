//! How a task ended: by proof, not by the absence of bad news. A missing exit code says nothing, and an exit code of 0
//! counts only where the container ended by itself and was the right one in the right image.

use shared::arn::TaskArn;

use crate::run::Frozen;

/// A task as ECS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    /// Its ARN.
    pub arn: TaskArn,
    /// `startedBy`.
    pub started_by: Option<String>,
    /// Whether it is `STOPPED`. In no other state is anything final.
    pub is_stopped: bool,
    /// Whether it ever was `RUNNING`.
    pub has_started: bool,
    /// `stopCode`.
    pub stop_code: Option<String>,
    /// `stoppedReason`, for people.
    pub stopped_reason: Option<String>,
    /// Its containers; may be none.
    pub containers: Vec<Container>,
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Container {
    /// Its name.
    pub name: String,
    /// Absent when it never ran, and sometimes when it did.
    pub exit_code: Option<i32>,
    /// `OutOfMemoryError: ...` and the like.
    pub reason: Option<String>,
    /// The image reference.
    pub image: Option<String>,
    /// What the reference was resolved to.
    pub digest: Option<String>,
}

/// What a stopped task proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The command ended by itself, with this exit code.
    Exited(i32),
    /// Nothing of it ever ran.
    NeverStarted(String),
    /// It ran, and nobody can say how far.
    Unknown(String),
}

/// Exit codes of a process that was killed from outside: SIGKILL and SIGTERM.
const KILLED: [i32; 2] = [137, 143];

/// What a stopped task proves.
pub(crate) fn classify(task: &Task, frozen: &Frozen) -> Verdict {
    let reason = task.stopped_reason.clone().unwrap_or_else(|| "ECS gives no reason".to_owned());
    let code = task.stop_code.as_deref().unwrap_or("no stop code");
    let container = task.containers.iter().find(|container| container.name == frozen.container);
    let Some((container, exit)) = container.and_then(|container| Some((container, container.exit_code?))) else {
        // A task may run and stop so fast that no RUNNING is ever recorded; but then its container has an exit code.
        return if task.has_started {
            Verdict::Unknown(format!("container {} has no exit code ({code}: {reason})", frozen.container))
        } else {
            let why = container.and_then(|container| container.reason.clone()).unwrap_or(reason);
            Verdict::NeverStarted(format!("{code}: {why}"))
        };
    };
    let is_frozen = container.image.as_ref() == Some(&frozen.reference)
        || container.digest.as_deref() == Some(frozen.digest.as_str());
    if !is_frozen {
        let image = container.image.as_deref().unwrap_or("an image that is not named");
        return Verdict::Unknown(format!("it ran {image} and not {}", frozen.reference));
    }
    let detail = container.reason.as_ref().map(|reason| format!(", {reason}")).unwrap_or_default();
    if task.stop_code.as_deref() != Some("EssentialContainerExited") {
        return Verdict::Unknown(format!(
            "it was ended from outside ({code}: {reason}), with exit code {exit}{detail}"
        ));
    }
    if KILLED.contains(&exit) {
        return Verdict::Unknown(format!("its process was killed (exit code {exit}{detail})"));
    }
    Verdict::Exited(exit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixtures::frozen;

    fn task(stop_code: &str, exit_code: Option<i32>) -> Task {
        let container =
            Container { name: "api".into(), exit_code, image: Some(frozen().reference), ..Container::default() };
        let sidecar = Container { name: "proxy".into(), exit_code: Some(0), ..Container::default() };
        Task {
            arn: "arn:aws:ecs:eu-west-1:123456789012:task/shop/0f".parse().unwrap(),
            started_by: None,
            is_stopped: true,
            has_started: true,
            stop_code: (!stop_code.is_empty()).then(|| stop_code.to_owned()),
            stopped_reason: None,
            containers: vec![sidecar, container],
        }
    }

    #[track_caller]
    fn is_unknown(task: &Task) {
        assert!(matches!(classify(task, &frozen()), Verdict::Unknown(_)), "{:?}", classify(task, &frozen()));
    }

    #[test]
    fn the_exit_code_of_the_right_container_in_the_right_image_is_the_proof() {
        assert_eq!(classify(&task("EssentialContainerExited", Some(0)), &frozen()), Verdict::Exited(0));
        assert_eq!(classify(&task("EssentialContainerExited", Some(1)), &frozen()), Verdict::Exited(1));
        let fast = Task { has_started: false, ..task("EssentialContainerExited", Some(0)) };
        assert_eq!(classify(&fast, &frozen()), Verdict::Exited(0), "too fast for RUNNING, and it ran");
    }

    #[test]
    fn a_missing_exit_code_is_never_success() {
        is_unknown(&task("EssentialContainerExited", None));
        let mut gone = task("EssentialContainerExited", Some(0));
        gone.containers.truncate(1);
        is_unknown(&gone);
        gone.containers.clear();
        is_unknown(&gone);
    }

    #[test]
    fn what_was_ended_from_outside_is_unknown_whatever_its_exit_code() {
        for code in ["SpotInterruption", "TerminationNotice", "InfrastructureHealth", "UserInitiated", "Newest", ""] {
            for exit in [Some(0), Some(1), Some(143), None] {
                is_unknown(&task(code, exit));
            }
        }
        is_unknown(&task("EssentialContainerExited", Some(137)));
    }

    #[test]
    fn what_never_ran_is_told_from_what_ran() {
        for code in ["TaskFailedToStart", "UserInitiated", ""] {
            let task = Task { has_started: false, containers: Vec::new(), ..task(code, None) };
            assert!(matches!(classify(&task, &frozen()), Verdict::NeverStarted(_)), "{code}");
        }
    }

    #[test]
    fn an_exit_code_of_another_image_proves_nothing() {
        let mut task = task("EssentialContainerExited", Some(0));
        task.containers[1].image = Some("shop:latest".to_owned());
        is_unknown(&task);
        task.containers[1].digest = Some(frozen().digest.to_string());
        assert_eq!(classify(&task, &frozen()), Verdict::Exited(0), "named by tag, but resolved to the same");
    }
}
