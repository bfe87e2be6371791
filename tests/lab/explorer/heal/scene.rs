//! The scenes of the pair: what breaks, what must be told of it, and what must run in the end. All of that is written down
//! by hand.

use jiff::SignedDuration;

use super::super::scene::{CLUSTER, digest, is_bad};
use crate::account::Account;
use crate::ecs::Behaviour;
use crate::wire::ApiError;

/// A small account, and what breaks in it.
#[derive(Debug)]
pub struct Scene {
    /// One word.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Services that run when it begins.
    pub services: &'static [Service],
    /// What happened before, without trouble; each is waited for.
    pub before: &'static [Step],
    /// What happens: with trouble.
    pub steps: &'static [Step],
    /// Whether both functions are told to change nothing.
    pub dry_run: bool,
    /// What must have come of it.
    pub expected: &'static [Expected],
}

/// A service.
#[derive(Debug)]
pub struct Service {
    /// Its name, also that of its container.
    pub name: &'static str,
    /// Its image.
    pub image: &'static str,
    /// `steward:deploy`.
    pub policy: &'static str,
    /// `steward:heal`.
    pub heal: &'static str,
    /// The circuit breaker: on, and with a rollback.
    pub breaker: bool,
}

/// Something that happens.
#[derive(Debug)]
pub enum Step {
    /// A push to ECR: repository, tag, content. What becomes of its tasks is in the content's name: [`behaviour`].
    Push(&'static str, &'static str, &'static str),
    /// From now on tasks of this content behave as those of the other.
    Turn(&'static str, &'static str),
    /// The oldest task of a service ends with this exit code.
    End(&'static str, i64),
    /// A message that is no event comes to `heal`.
    Rubbish,
    /// So many minutes pass; every five of them `heal` sweeps.
    Wait(i64),
}

/// What must have come of a service.
#[derive(Debug)]
pub struct Expected {
    /// The service.
    pub service: &'static str,
    /// Content that it runs in the end, unless people were told that a rollback did not help.
    pub runs: &'static str,
    /// Content that it may be rolled back to, if it may be at all.
    pub back_to: Option<&'static str>,
    /// What is told of it.
    pub told: &'static [Told],
}

/// Something that people are told.
#[derive(Debug)]
pub struct Told {
    /// Kinds of alerts that say it, one as good as the other.
    pub kinds: &'static [&'static str],
    /// How often, where nothing goes wrong.
    pub times: usize,
    /// Whether it is told whatever goes wrong.
    pub always: bool,
}

const fn once(kinds: &'static [&'static str]) -> Told {
    Told { kinds, times: 1, always: true }
}

/// Told once where nothing goes wrong; what goes wrong may take the reason for it away.
const fn calmly(kinds: &'static [&'static str]) -> Told {
    Told { kinds, times: 1, always: false }
}

/// What says that something began.
const NEWS: &[&str] = &["rollback-asked", "crash-loop", "task-stopped", "service-impaired", "rollout-failed"];
/// What says how a rollback ended.
const ENDS: &[&str] = &["healed", "heal-failed", "resolved", "rollback-refused"];

const BACKEND: Service =
    Service { name: "backend", image: "backend:latest", policy: "follow", heal: "auto", breaker: true };
const API: Service = Service { name: "api", image: "api:1.0.0", policy: "semver:minor", heal: "auto", breaker: true };

/// All scenes.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "heal-crash",
        about: "what a mutable tag brings ends again and again, after its rollout was completed",
        services: &[BACKEND],
        before: &[Step::Push("backend", "latest", "2")],
        steps: &[Step::Push("backend", "latest", "broken"), Step::Rubbish, Step::Wait(30)],
        dry_run: false,
        expected: &[Expected { service: "backend", runs: "2", back_to: Some("2"), told: &[once(NEWS), once(ENDS)] }],
    },
    Scene {
        name: "heal-release",
        about: "a release ends again and again; the revision before it had been rolled back by ECS",
        services: &[API],
        before: &[Step::Push("api", "1.0.1", "bad")],
        steps: &[Step::Push("api", "1.1.0", "broken"), Step::Wait(30)],
        dry_run: false,
        expected: &[Expected { service: "api", runs: "1", back_to: Some("1"), told: &[once(NEWS), once(ENDS)] }],
    },
    Scene {
        name: "heal-two",
        about: "two releases at once: one ends by itself, one for its memory",
        services: &[BACKEND, API],
        before: &[],
        steps: &[Step::Push("backend", "latest", "broken"), Step::Push("api", "1.1.0", "leaking"), Step::Wait(30)],
        dry_run: false,
        expected: &[
            Expected { service: "backend", runs: "1", back_to: Some("1"), told: &[once(NEWS), once(ENDS)] },
            // Out of memory is news the first time already.
            Expected {
                service: "api",
                runs: "1",
                back_to: Some("1"),
                told: &[once(&["task-stopped"]), once(&["rollback-asked", "crash-loop"]), once(ENDS)],
            },
        ],
    },
    Scene {
        name: "heal-fails",
        about: "what is gone back to does not work any more either; then there is a fix",
        services: &[BACKEND],
        before: &[],
        steps: &[
            Step::Push("backend", "latest", "broken"),
            Step::Turn("1", "broken"),
            Step::Wait(25),
            Step::Push("backend", "latest", "3"),
            Step::Wait(20),
        ],
        dry_run: false,
        expected: &[Expected {
            service: "backend",
            runs: "3",
            back_to: Some("1"),
            // At the third stop and at the tenth, whichever deployment they are of.
            told: &[
                Told { kinds: &["rollback-asked", "crash-loop"], times: 2, always: true },
                calmly(&["heal-failed"]),
                calmly(&["resolved"]),
            ],
        }],
    },
    Scene {
        name: "heal-dry-run",
        about: "a service of which only people are told; then there is a fix",
        services: &[Service { heal: "dry-run", ..BACKEND }],
        before: &[],
        steps: &[
            Step::Push("backend", "latest", "broken"),
            Step::Wait(15),
            Step::Push("backend", "latest", "3"),
            Step::Wait(20),
        ],
        dry_run: false,
        expected: &[Expected {
            service: "backend",
            runs: "3",
            back_to: None,
            // At the third stop and at the tenth.
            told: &[Told { kinds: &["crash-loop"], times: 2, always: true }, once(&["resolved"])],
        }],
    },
    Scene {
        name: "heal-silent",
        about: "a stack that is told to change nothing",
        services: &[BACKEND],
        before: &[],
        steps: &[Step::Turn("1", "broken"), Step::End("backend", 1), Step::Wait(20)],
        dry_run: true,
        expected: &[Expected { service: "backend", runs: "1", back_to: None, told: &[] }],
    },
    Scene {
        name: "heal-rollout",
        about: "a rollout that the circuit breaker rolls back",
        services: &[BACKEND],
        before: &[Step::Push("backend", "latest", "2")],
        steps: &[Step::Push("backend", "latest", "bad"), Step::Wait(25)],
        dry_run: false,
        expected: &[Expected {
            service: "backend",
            runs: "2",
            // ECS does that.
            back_to: None,
            told: &[once(&["rollout-failed"]), calmly(&["resolved"])],
        }],
    },
    Scene {
        name: "heal-stop",
        about: "a rollout that never ends, as the circuit breaker is off",
        services: &[Service { breaker: false, ..BACKEND }],
        before: &[],
        steps: &[Step::Push("backend", "latest", "bad"), Step::Wait(30)],
        dry_run: false,
        expected: &[Expected { service: "backend", runs: "1", back_to: Some("1"), told: &[once(NEWS), once(ENDS)] }],
    },
    Scene {
        name: "heal-quiet",
        about: "one task ends once, and a rollout replaces one that has to be killed: nothing is wrong",
        services: &[BACKEND],
        before: &[Step::Push("backend", "latest", "stubborn")],
        steps: &[Step::End("backend", 1), Step::Wait(5), Step::Push("backend", "latest", "3"), Step::Wait(15)],
        dry_run: false,
        expected: &[Expected { service: "backend", runs: "3", back_to: None, told: &[] }],
    },
];

/// How tasks of a content behave. `bad` ends at its start, `broken` and `leaking` when they have run for a while.
pub fn behaviour(content: &str) -> Behaviour {
    let after = SignedDuration::from_secs(40);
    match content {
        "broken" => Behaviour::CrashAfterRunning { exit_code: 1, after },
        "leaking" => Behaviour::OutOfMemory { after },
        content if is_bad(content) => Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(1) },
        _ => Behaviour::Healthy,
    }
}

impl Step {
    fn content(&self, to: &str) -> Option<&'static str> {
        match self {
            Self::Push(repository, _, content) if *repository == to => Some(*content),
            _ => None,
        }
    }
}

impl Scene {
    /// The scene of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENES.iter().find(|scene| scene.name == name)
    }

    /// Contents that are pushed to a repository, before the trouble and in it.
    pub(super) fn pushed(&self, to: &str) -> impl Iterator<Item = &'static str> {
        self.before.iter().chain(self.steps).filter_map(move |step| step.content(to))
    }

    /// Contents that are pushed to a repository in the trouble.
    pub(super) fn pushed_in_trouble(&self, to: &str) -> impl Iterator<Item = &'static str> {
        self.steps.iter().filter_map(move |step| step.content(to))
    }

    /// Makes the services and lets them come to their steady state.
    pub(super) fn set_up(&self, account: &Account) -> Result<(), ApiError> {
        for service in self.services {
            if let Some((repository, tag)) = service.image.split_once(':') {
                account.push(repository, &[tag], "1")?;
            }
            let setup = account.service(CLUSTER, service.name).image(service.image);
            let setup = if service.breaker { setup.breaker(true) } else { setup };
            let setup = setup.tag("steward:deploy", service.policy).tag("steward:heal", service.heal);
            setup.logs("/shop", service.name).create()?;
            for content in self.pushed(service.name) {
                account.script(&digest(content), behaviour(content));
            }
        }
        // It does not end when it is asked to.
        account.exit_on_stop(&digest("stubborn"), 137);
        account.settle();
        account.advance(SignedDuration::from_mins(5));
        Ok(())
    }
}
