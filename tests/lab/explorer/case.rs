//! What is explored: a scene of one of the three kinds, and the design that stands in the place of the function.

use std::sync::Arc;

use super::choices::Choices;
use super::designs::Design;
use super::heal;
use super::properties::{self, Violation};
use super::scene::{SCENES, Scene};
use super::schedule::play;
use super::snapshot;
use crate::account::CallRecord;
use crate::template::Template;

/// A scene with a design.
#[derive(Clone, Copy, Debug)]
pub enum Case {
    /// Pushes, and `deploy` alone.
    Deploy(&'static Scene, Design),
    /// Tasks that end, and `heal` beside the real `deploy`.
    Heal(&'static heal::scene::Scene, heal::designs::Design),
    /// Databases whose backups are due, and `snapshot` alone.
    Snapshot(&'static snapshot::scene::Scene, snapshot::designs::Design),
}

/// A schedule that is over and judged.
#[derive(Debug)]
pub struct Judged {
    /// The choices that were made.
    pub choices: Choices,
    /// The calls since the trouble began.
    pub calls: Vec<CallRecord>,
    /// What happened, line by line, if that was asked for.
    pub trace: Vec<String>,
    /// What did not hold.
    pub violations: Vec<Violation>,
}

impl Case {
    /// The real functions in every scene.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_deploy = SCENES.iter().map(|scene| Self::Deploy(scene, Design::Deploy));
        let of_heal = heal::scene::SCENES.iter().map(|scene| Self::Heal(scene, heal::designs::Design::Heal));
        let real = snapshot::designs::Design::Snapshot;
        of_deploy.chain(of_heal).chain(snapshot::scene::SCENES.iter().map(move |scene| Self::Snapshot(scene, real)))
    }

    /// The real functions in the scene of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|case| case.name() == name)
    }

    /// Name of the scene.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deploy(scene, _) => scene.name,
            Self::Heal(scene, _) => scene.name,
            Self::Snapshot(scene, _) => scene.name,
        }
    }

    /// Plays one schedule and judges it. `seed` is that of the SDK's jitter.
    ///
    /// # Errors
    /// The lab could not do what the scene says: a mistake in the scene or in the lab.
    pub async fn play(
        self,
        template: &Arc<Template>,
        choices: Choices,
        seed: u64,
        traced: bool,
    ) -> Result<Judged, String> {
        let (played, violations) = match self {
            Self::Deploy(scene, design) => {
                let played = play(template, scene, design, choices, seed, traced).await?;
                let violations = properties::check(scene, &played);
                (played, violations)
            }
            Self::Heal(scene, design) => {
                let played = heal::schedule::play(template, scene, design, choices, seed, traced).await?;
                let violations = heal::properties::check(scene, &played);
                (played, violations)
            }
            Self::Snapshot(scene, design) => {
                let (played, watched) =
                    snapshot::schedule::play(template, scene, design, choices, seed, traced).await?;
                let violations = snapshot::properties::check(scene, &played, &watched);
                (played, violations)
            }
        };
        Ok(Judged { choices: played.choices, calls: played.calls, trace: played.trace, violations })
    }
}
