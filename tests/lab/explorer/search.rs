//! Runs schedules: all within a bound, or as many by chance as time allows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::case::{Case, Judged};
use super::choices::{Bound, Choices};
use super::coverage::Coverage;
use super::designs::Design;
use super::heal;
use super::migrate;
use super::properties::{Property, Violation};
use super::scene::Scene;
use super::snapshot;
use crate::template::Template;

/// Most violations that are kept; more say nothing new.
const KEPT: usize = 50;

/// What can go wrong in a schedule that is thrown with dice.
pub const RANDOM: Bound = Bound { mishaps: 2, faults: 4, total: 6 };

/// A schedule in which something did not hold.
#[derive(Clone, Debug)]
pub struct Found {
    /// The scene.
    pub scene: &'static str,
    /// Script of its choices, with which it can be replayed.
    pub script: Vec<usize>,
    /// Seed of the SDK's jitter.
    pub seed: u64,
    /// What did not hold.
    pub violation: Violation,
}

impl Found {
    /// How much had to go wrong.
    pub fn weight(&self) -> (usize, usize) {
        (self.script.iter().filter(|pick| **pick > 0).count(), self.script.len())
    }

    /// The schedule as an argument of `--replay`.
    pub fn replay(&self) -> String {
        let taken = self.script.iter().enumerate().filter(|(_, pick)| **pick > 0);
        let picks: Vec<String> = taken.map(|(at, pick)| format!("{at}={pick}")).collect();
        format!("{}:{}:{}", self.scene, self.seed, picks.join(","))
    }
}

/// Reads what [`Found::replay`] wrote: scene, seed, script.
pub fn read_replay(text: &str) -> Option<(Case, u64, Vec<usize>)> {
    let mut parts = text.splitn(3, ':');
    let (case, seed) = (Case::named(parts.next()?)?, parts.next()?.parse().ok()?);
    let mut script = Vec::new();
    for pick in parts.next()?.split(',').filter(|pick| !pick.is_empty()) {
        let (at, pick) = pick.split_once('=')?;
        let at: usize = at.parse().ok()?;
        script.resize(script.len().max(at + 1), 0);
        *script.get_mut(at)? = pick.parse().ok()?;
    }
    Some((case, seed, script))
}

/// What came of a search.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Schedules that were run.
    pub schedules: u64,
    /// Whether that was all of them.
    pub complete: bool,
    /// Which call met which fault.
    pub coverage: Coverage,
    /// Schedules in which something did not hold, and what; the first ones.
    pub found: Vec<Found>,
    /// How many there were.
    pub violations: u64,
}

impl Tally {
    /// Adds another search's results.
    pub fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.complete &= other.complete;
        self.coverage.add(&other.coverage);
        self.violations += other.violations;
        self.found.extend(other.found.iter().cloned());
    }

    /// The schedule for which the least had to go wrong.
    pub fn shortest(&self) -> Option<&Found> {
        self.found.iter().min_by_key(|found| found.weight())
    }
}

/// A search through the schedules of one scene.
#[derive(Debug)]
pub struct Search {
    template: Arc<Template>,
    case: Case,
    /// Only this property counts, if any is named.
    only: Option<Property>,
    /// Only calls of this operation fail, if any is named.
    at: Option<&'static str>,
    tally: Tally,
    runtime: tokio::runtime::Runtime,
}

impl Search {
    /// A search through the schedules of `case`.
    ///
    /// # Errors
    /// No runtime could be made.
    pub fn new(template: Arc<Template>, case: Case) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let tally = Tally { complete: true, ..Tally::default() };
        Ok(Self { template, case, only: None, at: None, tally, runtime })
    }

    /// Lets nothing but `property` count.
    #[must_use]
    pub fn only(self, property: Property) -> Self {
        Self { only: Some(property), ..self }
    }

    /// Lets no call fail but those of `operation`, if one is named.
    #[must_use]
    pub fn at(self, operation: Option<&'static str>) -> Self {
        Self { at: operation, ..self }
    }

    /// How many schedules it ran so far.
    pub fn schedules(&self) -> u64 {
        self.tally.schedules
    }

    /// What came of it.
    pub fn tally(self) -> Tally {
        self.tally
    }

    /// Plays one schedule. What cannot be played, or panics, is a violation too.
    pub fn play(&self, choices: Choices, seed: u64, traced: bool) -> Result<Judged, Violation> {
        let playing = AssertUnwindSafe(|| self.runtime.block_on(self.case.play(&self.template, choices, seed, traced)));
        let unplayable = |text: String| Violation { property: Property::Plays, text };
        match catch_unwind(playing) {
            Ok(played) => played.map_err(unplayable),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().cloned();
                let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Err(unplayable(format!("panicked: {}", said.unwrap_or_default())))
            }
        }
    }

    /// Runs one schedule and judges it; answers the choices that were made, unless it could not be played.
    fn run(&mut self, choices: Choices, script: &[usize], seed: u64) -> Option<Choices> {
        self.tally.schedules += 1;
        let (script, violations, choices) = match self.play(choices.at(self.at), seed, false) {
            Ok(played) => {
                self.tally.coverage.count(&played.calls);
                (played.choices.script(), played.violations, Some(played.choices))
            }
            Err(violation) => (script.to_vec(), vec![violation], None),
        };
        for violation in violations {
            if self.only.is_none_or(|only| only == violation.property) {
                self.tally.violations += 1;
                if self.tally.found.len() < KEPT {
                    self.tally.found.push(Found { scene: self.case.name(), script: script.clone(), seed, violation });
                }
            }
        }
        choices
    }

    /// Runs every schedule within `bound`, or until time is up. With `first` it stops at the first that violates.
    pub fn exhaust(&mut self, bound: Bound, until: Option<Instant>, first: bool) {
        let mut script = Some(Vec::new());
        while let Some(next) = script {
            if is_past(until) {
                self.tally.complete = false;
                return;
            }
            let choices = self.run(Choices::scripted(next.clone(), bound), &next, 0);
            if first && !self.tally.found.is_empty() {
                return;
            }
            script = choices.and_then(|choices| choices.next());
        }
    }

    /// Runs every `stride`th of the schedules that differ in one choice from the one in which nothing goes wrong, as far as
    /// `bound` allows. With `first` it stops at the first that violates.
    pub fn sample(&mut self, bound: Bound, stride: usize, first: bool) {
        let Some(base) = self.run(Choices::scripted(Vec::new(), bound), &[], 0) else { return };
        for script in base.neighbours().skip(stride / 2).step_by(stride) {
            self.run(Choices::scripted(script.clone(), bound), &script, 0);
            if first && !self.tally.found.is_empty() {
                return;
            }
        }
    }

    /// Runs every `stride`th of the schedules in which one fault goes with one mishap, for each mishap.
    pub fn sample_pairs(&mut self, stride: usize) {
        let mishap = Bound::product(1, 0);
        let Some(base) = self.run(Choices::scripted(Vec::new(), mishap), &[], 0) else { return };
        for (number, script) in base.neighbours().enumerate() {
            let both = Choices::scripted(script.clone(), Bound::product(1, 1));
            let Some(with) = self.run(both, &script, 0) else { continue };
            // Another part of them for each mishap.
            for script in with.neighbours().skip(number % stride).step_by(stride) {
                self.run(Choices::scripted(script.clone(), Bound::product(1, 1)), &script, 0);
            }
        }
    }

    /// Runs random schedules, from `seed` on, until time is up.
    pub fn random(&mut self, seed: u64, until: Instant) {
        let mut seed = seed;
        while !is_past(Some(until)) {
            self.run(Choices::random(seed, RANDOM), &[], seed);
            seed = seed.wrapping_add(1);
        }
    }
}

/// A wrong design, where it fails, and what it breaks there.
#[derive(Clone, Copy, Debug)]
pub struct Wrong {
    /// Its name.
    pub name: &'static str,
    case: Case,
    breaks: Property,
    /// The call whose faults show it; all of them where none is named.
    at: Option<&'static str>,
}

impl Wrong {
    /// The small design without a flaw in the place of this one, where there is one: nothing must be found in it.
    pub fn sound(self) -> Option<Self> {
        match self.case {
            Case::Snapshot(scene, design) if design.is_flaw_of_sound() => {
                let design = snapshot::designs::Design::Sound;
                let at = self.at.map(|_| "CreateDBSnapshot");
                Some(Self { name: design.name(), case: Case::Snapshot(scene, design), at, ..self })
            }
            Case::Migrate(scene, _) => {
                let design = migrate::designs::Design::Sound;
                Some(Self { name: design.name(), case: Case::Migrate(scene, design), ..self })
            }
            _ => None,
        }
    }
}

/// All designs that are known to be wrong.
pub fn wrong() -> impl Iterator<Item = Wrong> {
    let of_deploy = Design::WRONG.into_iter().filter_map(|design| {
        let (scene, breaks) = design.breaks();
        Some(Wrong { name: design.name(), case: Case::Deploy(Scene::named(scene)?, design), breaks, at: None })
    });
    let of_heal = heal::designs::Design::WRONG.into_iter().filter_map(|design| {
        let (scene, breaks) = design.breaks();
        let case = Case::Heal(heal::scene::Scene::named(scene)?, design);
        Some(Wrong { name: design.name(), case, breaks, at: design.fails_at() })
    });
    let of_snapshot = snapshot::designs::Design::WRONG.into_iter().filter_map(|design| {
        let (scene, breaks) = design.breaks();
        let case = Case::Snapshot(snapshot::scene::Scene::named(scene)?, design);
        Some(Wrong { name: design.name(), case, breaks, at: design.fails_at() })
    });
    let of_migrate = migrate::designs::Design::WRONG.into_iter().filter_map(|design| {
        let (scene, breaks) = design.breaks();
        let case = Case::Migrate(migrate::scene::Scene::named(scene)?, design);
        Some(Wrong { name: design.name(), case, breaks, at: None })
    });
    of_deploy.chain(of_heal).chain(of_snapshot).chain(of_migrate)
}

/// Searches for the schedule with which a design breaks what it is known to break, the smaller bounds first.
///
/// # Errors
/// No runtime could be made.
pub fn expose(template: &Arc<Template>, design: Wrong, until: Instant) -> std::io::Result<Option<Found>> {
    let (mishap, fault) = (Bound::product(1, 0), Bound::product(0, 1));
    let both = [Bound::NOTHING, mishap, fault, Bound::product(2, 0), Bound::product(1, 1)];
    // The schedules of the pair are long: there it is known which call must fail.
    let bounds = if design.at.is_some() { &[fault][..] } else { &both };
    for bound in bounds {
        let search = Search::new(Arc::clone(template), design.case)?;
        let mut search = search.only(design.breaks).at(design.at);
        search.exhaust(*bound, Some(until), true);
        if let Some(found) = search.tally().shortest() {
            return Ok(Some(found.clone()));
        }
    }
    Ok(None)
}

/// The moment that is so far away. Only how long to search depends on real time, never what is found.
#[expect(clippy::disallowed_methods, reason = "the search is bounded in real time")]
pub fn after(duration: Duration) -> Instant {
    Instant::now() + duration
}

#[expect(clippy::disallowed_methods, reason = "the search is bounded in real time")]
fn is_past(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}
