//! The scenes: who is there, what is pushed, and what must have come of it in the end.
//!
//! What must come of it is written down by hand for each scene. Nothing here asks `deploy` or its policies.

use jiff::SignedDuration;
use serde_json::json;

use crate::account::Account;
use crate::context::REGISTRY;
use crate::ecr::Build;
use crate::ecs::Behaviour;
use crate::wire::ApiError;

/// Cluster of all services of all scenes.
pub const CLUSTER: &str = "shop";

/// A small account and two things that happen in it.
#[derive(Debug)]
pub struct Scene {
    /// One word.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Services that run when it begins.
    pub services: &'static [Service],
    /// What happened before, without trouble.
    pub before: &'static [Step],
    /// What happens: with trouble.
    pub steps: &'static [Step],
    /// Seconds from one step to the next; each is tried.
    pub gaps: &'static [i64],
    /// Whether an event may be lost for good: not where nothing else tells of the image.
    pub loses: bool,
    /// What must be so in the end.
    pub expected: &'static [Expected],
}

/// A service.
#[derive(Debug)]
pub struct Service {
    /// Its name, also that of its first container.
    pub name: &'static str,
    /// Image of its first container; without a registry it is the account's own.
    pub image: &'static str,
    /// Image of a second one.
    pub sidecar: Option<&'static str>,
    /// Tags.
    pub tags: &'static [(&'static str, &'static str)],
}

/// Something that happens.
#[derive(Debug)]
pub enum Step {
    /// A push to ECR: repository, tag, content. Content that begins with `bad` ends at its start.
    Push(&'static str, &'static str, &'static str),
    /// `Image Pushed`: an image reference, content.
    Announce(&'static str, &'static str),
    /// Somebody sets the first container of a service to an image.
    ByHand(&'static str, &'static str),
    /// A message that is no event.
    Rubbish,
}

/// What must be so of a service in the end.
#[derive(Debug)]
pub struct Expected {
    /// The service.
    pub service: &'static str,
    /// Content that it runs: one of these.
    pub runs: &'static [&'static str],
    /// Whether nobody may have written it.
    pub untouched: bool,
    /// Kind of an alert that tells why it is blocked.
    pub told: Option<&'static str>,
}

const FOLLOW: &[(&str, &str)] = &[("steward:deploy", "follow")];
const SEMVER: &[(&str, &str)] = &[("steward:deploy", "semver:minor")];
const HELD: &[(&str, &str)] = &[("steward:deploy", "follow"), ("steward:hold", "load test")];
const OFF: &[(&str, &str)] = &[("steward:deploy", "off")];

const BACKEND: Service = Service { name: "backend", image: "backend:latest", sidecar: None, tags: FOLLOW };
const API: Service = Service { name: "api", image: "api:1.0.0", sidecar: None, tags: SEMVER };

const SHORT_AND_LONG: &[i64] = &[5, 1200];
/// Before the breaker trips, while ECS rolls back, and after it.
const AROUND_A_ROLLBACK: &[i64] = &[5, 100, 1200];

const fn runs(service: &'static str, content: &'static [&'static str]) -> Expected {
    Expected { service, runs: content, untouched: false, told: None }
}

/// All scenes.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "follow",
        about: "a mutable tag moves twice",
        services: &[BACKEND],
        before: &[],
        steps: &[Step::Push("backend", "latest", "2"), Step::Push("backend", "latest", "3")],
        gaps: SHORT_AND_LONG,
        loses: true,
        expected: &[runs("backend", &["3"])],
    },
    Scene {
        name: "semver",
        about: "two releases of a service with a sidecar, pinned by digest",
        services: &[Service { sidecar: Some("public.ecr.aws/envoy/envoy:v1.35"), ..API }],
        before: &[],
        steps: &[Step::Push("api", "1.1.0", "2"), Step::Push("api", "1.2.0", "3")],
        gaps: SHORT_AND_LONG,
        loses: true,
        expected: &[runs("api", &["3"])],
    },
    Scene {
        name: "bad-fix",
        about: "a mutable tag moves to an image that ends at its start, then to a fix",
        services: &[BACKEND],
        before: &[],
        steps: &[Step::Push("backend", "latest", "bad"), Step::Push("backend", "latest", "3")],
        gaps: AROUND_A_ROLLBACK,
        loses: true,
        expected: &[runs("backend", &["3"])],
    },
    Scene {
        name: "good-bad",
        about: "a mutable tag moves to a good image, then to one that ends at its start",
        services: &[BACKEND],
        before: &[],
        steps: &[Step::Push("backend", "latest", "2"), Step::Push("backend", "latest", "bad")],
        gaps: SHORT_AND_LONG,
        loses: true,
        // Where the good image never ran to its steady state, ECS rolls back beyond it, and no tag names it any more.
        expected: &[Expected { told: Some("rolled-back"), ..runs("backend", &["1", "2"]) }],
    },
    Scene {
        name: "release-bad-fix",
        about: "a release that ends at its start, then its fix",
        services: &[API],
        before: &[],
        steps: &[Step::Push("api", "1.1.0", "bad"), Step::Push("api", "1.2.0", "3")],
        gaps: AROUND_A_ROLLBACK,
        loses: true,
        expected: &[runs("api", &["3"])],
    },
    Scene {
        name: "release-good-bad",
        about: "a good release, then one that ends at its start",
        services: &[API],
        before: &[],
        steps: &[Step::Push("api", "1.1.0", "2"), Step::Push("api", "1.2.0", "bad")],
        gaps: AROUND_A_ROLLBACK,
        loses: true,
        expected: &[Expected { told: Some("rolled-back"), ..runs("api", &["2"]) }],
    },
    Scene {
        name: "beside",
        about: "a held, an untagged and an opted-out service beside one that follows, and a message that is no event",
        services: &[
            BACKEND,
            Service { name: "held", tags: HELD, ..BACKEND },
            Service { name: "off", tags: OFF, ..BACKEND },
            Service { name: "untagged", tags: &[], ..BACKEND },
        ],
        before: &[],
        steps: &[Step::Push("backend", "latest", "2"), Step::Rubbish, Step::Push("backend", "latest", "3")],
        gaps: &[5],
        loses: true,
        expected: &[
            runs("backend", &["3"]),
            Expected { untouched: true, told: Some("held"), ..runs("held", &["1"]) },
            Expected { untouched: true, ..runs("off", &["1"]) },
            Expected { untouched: true, ..runs("untagged", &["1"]) },
        ],
    },
    Scene {
        name: "by-hand",
        about: "somebody has set the service back to an older release; then there are newer ones",
        services: &[API],
        before: &[Step::Push("api", "1.1.0", "2"), Step::ByHand("api", "api:1.0.0")],
        steps: &[Step::Push("api", "1.2.0", "3"), Step::Push("api", "1.3.0", "4")],
        gaps: &[5],
        loses: true,
        expected: &[Expected { untouched: true, told: Some("pinned"), ..runs("api", &["1"]) }],
    },
    Scene {
        name: "announced",
        about: "images of another registry, known only by what was announced",
        services: &[Service { name: "web", image: "ghcr.io/acme/web:latest", sidecar: None, tags: FOLLOW }],
        before: &[],
        steps: &[Step::Announce("ghcr.io/acme/web:latest", "2"), Step::Announce("ghcr.io/acme/web:latest", "3")],
        gaps: &[5],
        loses: false,
        expected: &[runs("web", &["3"])],
    },
];

/// Whether content ends at its start.
pub fn is_bad(content: &str) -> bool {
    content.starts_with("bad")
}

/// Digest of content.
pub fn digest(content: &str) -> String {
    Build::from(content).digest()
}

impl Scene {
    /// The scene of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENES.iter().find(|scene| scene.name == name)
    }

    /// Contents that end at their start.
    pub fn bad(&self) -> impl Iterator<Item = &'static str> {
        let content = |step: &Step| match step {
            Step::Push(_, _, content) | Step::Announce(_, content) => Some(*content),
            Step::ByHand(..) | Step::Rubbish => None,
        };
        self.steps.iter().filter_map(content).filter(|content| is_bad(content))
    }

    /// Makes the services and lets them come to their steady state.
    pub(super) fn set_up(&self, account: &Account) -> Result<(), ApiError> {
        for service in self.services {
            if let Some((repository, tag)) = service.image.split_once(':').filter(|(path, _)| !path.contains('/')) {
                account.push(repository, &[tag], "1")?;
            }
            let mut setup = account.service(CLUSTER, service.name).image(service.image).breaker(true);
            if let Some(image) = service.sidecar {
                setup = setup.image(image);
            }
            for (key, value) in service.tags {
                setup = setup.tag(key, value);
            }
            setup.create()?;
        }
        for content in self.bad() {
            let behaviour = Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(1) };
            account.script(&digest(content), behaviour);
        }
        account.settle();
        account.advance(SignedDuration::from_mins(5));
        Ok(())
    }
}

/// Sets the first container of a service to another image, as a person would with the AWS CLI.
pub(super) fn set_by_hand(account: &Account, service: &str, image: &str) -> Result<(), ApiError> {
    let container = json!({"name": service, "image": format!("{REGISTRY}/{image}"), "essential": true});
    let definition = json!({
        "family": service, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256",
        "memory": "512", "containerDefinitions": [container],
    });
    let registered = account.ecs("RegisterTaskDefinition", definition)?;
    let revision = &registered["taskDefinition"]["taskDefinitionArn"];
    account.ecs("UpdateService", json!({"cluster": CLUSTER, "service": service, "taskDefinition": revision}))?;
    Ok(())
}
