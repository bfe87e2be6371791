//! The choices of which a schedule is made, and how the next schedule follows from the last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much may go wrong in one schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Pushes whose event is lost, doubled or held back.
    pub mishaps: u32,
    /// AWS calls that meet a fault, and events of ECS that are lost or doubled.
    pub faults: u32,
    /// Both together.
    pub total: u32,
}

impl Bound {
    /// Nothing goes wrong.
    pub const NOTHING: Self = Self { mishaps: 0, faults: 0, total: 0 };

    /// This many mishaps, each with this many faults.
    pub const fn product(mishaps: u32, faults: u32) -> Self {
        Self { mishaps, faults, total: mishaps + faults }
    }
}

/// What a choice is about, and so what it costs to choose anything but the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// How the scene is played; costs nothing.
    Scene,
    /// What becomes of the event of a push.
    Mishap,
    /// What becomes of an AWS call or of an event of ECS.
    Fault,
}

/// One choice that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The alternative that was taken; 0 is that nothing goes wrong.
    pub pick: usize,
    /// How many there were.
    pub of: usize,
}

/// The choices of one schedule: first those of a script, then the first alternative each time, or the dice.
#[derive(Clone, Debug)]
pub struct Choices {
    script: Vec<usize>,
    made: Vec<Choice>,
    dice: Option<Dice>,
    bound: Bound,
    focus: Option<&'static str>,
    mishaps: u32,
    faults: u32,
    open: bool,
}

impl Choices {
    /// Follows `script`, and takes the first alternative after it.
    pub fn scripted(script: Vec<usize>, bound: Bound) -> Self {
        Self { script, made: Vec::new(), dice: None, bound, focus: None, mishaps: 0, faults: 0, open: true }
    }

    /// Throws dice. The same seed gives the same schedule.
    pub fn random(seed: u64, bound: Bound) -> Self {
        Self { dice: Some(Dice(seed)), ..Self::scripted(Vec::new(), bound) }
    }

    /// Lets no call fail but those of this operation, if one is named.
    #[must_use]
    pub fn at(self, operation: Option<&'static str>) -> Self {
        Self { focus: operation, ..self }
    }

    /// Whether calls of this operation may fail.
    pub fn may_fail(&self, operation: &str) -> bool {
        self.focus.is_none_or(|focus| focus == operation)
    }

    /// Chooses one of `of` alternatives. What the bound does not allow takes its place in the script all the same, so that
    /// a script means the same under every bound.
    pub fn choose(&mut self, kind: Kind, of: usize) -> usize {
        if !self.open {
            return 0;
        }
        let spent = self.mishaps + self.faults;
        let allowed = match kind {
            Kind::Scene => true,
            Kind::Mishap => self.mishaps < self.bound.mishaps && spent < self.bound.total,
            Kind::Fault => self.faults < self.bound.faults && spent < self.bound.total,
        };
        let of = if allowed { of.max(1) } else { 1 };
        let scripted = self.script.get(self.made.len()).copied().unwrap_or_default().min(of - 1);
        let pick = match &mut self.dice {
            Some(dice) if allowed => dice.pick(kind, of),
            _ => scripted,
        };
        self.made.push(Choice { pick, of });
        match kind {
            Kind::Mishap if pick > 0 => self.mishaps += 1,
            Kind::Fault if pick > 0 => self.faults += 1,
            _ => {}
        }
        pick
    }

    /// From now on nothing goes wrong any more.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// How many calls met a fault, or events of ECS a mishap.
    pub fn faults(&self) -> u32 {
        self.faults
    }

    /// How many events, or schedules, met a mishap.
    pub fn mishaps(&self) -> u32 {
        self.mishaps
    }

    /// What was taken, without the first alternatives at the end: a script for the same schedule.
    pub fn script(&self) -> Vec<usize> {
        let mut picks: Vec<usize> = self.made.iter().map(|choice| choice.pick).collect();
        picks.truncate(picks.iter().rposition(|pick| *pick > 0).map_or(0, |last| last + 1));
        picks
    }

    /// Scripts of all schedules that differ from this one in one choice, and in what follows from it.
    pub fn neighbours(&self) -> impl Iterator<Item = Vec<usize>> {
        let picks = |count: usize| self.made.iter().take(count).map(|choice| choice.pick);
        self.made.iter().enumerate().flat_map(move |(at, choice)| {
            let others = (0..choice.of).filter(move |pick| *pick != choice.pick);
            others.map(move |pick| picks(at).chain([pick]).collect())
        })
    }

    /// Script of the next schedule in depth-first order, or `None` after the last.
    pub fn next(&self) -> Option<Vec<usize>> {
        let last = self.made.iter().rposition(|choice| choice.pick + 1 < choice.of)?;
        let mut script: Vec<usize> = self.made.iter().take(last + 1).map(|choice| choice.pick).collect();
        if let Some(pick) = script.last_mut() {
            *pick += 1;
        }
        Some(script)
    }
}

/// Choices that the schedule and what it injects share.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Choices>>);

impl Shared {
    /// Shares `choices`.
    pub fn new(choices: Choices) -> Self {
        Self(Arc::new(Mutex::new(choices)))
    }

    /// The choices.
    pub fn lock(&self) -> MutexGuard<'_, Choices> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `SplitMix64`.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        usize::try_from(bits % (limit as u64)).unwrap_or_default()
    }

    /// Faults are rare, so that they fall on late calls as well as on early ones.
    fn pick(&mut self, kind: Kind, of: usize) -> usize {
        match kind {
            Kind::Scene | Kind::Mishap => self.below(of),
            Kind::Fault if self.below(12) == 0 => self.below(of),
            Kind::Fault => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs two scene choices and two faults, the second alternative of which opens another choice.
    fn all(bound: Bound) -> Vec<Vec<usize>> {
        let (mut script, mut seen) = (Some(Vec::new()), Vec::new());
        while let Some(next) = script {
            let mut choices = Choices::scripted(next, bound);
            choices.choose(Kind::Scene, 2);
            if choices.choose(Kind::Fault, 3) == 2 {
                choices.choose(Kind::Scene, 2);
            }
            choices.choose(Kind::Fault, 2);
            seen.push(choices.made.iter().map(|choice| choice.pick).collect());
            script = choices.next();
        }
        seen
    }

    #[test]
    fn depth_first_search_visits_every_schedule_within_the_bound_once() {
        assert_eq!(all(Bound::NOTHING), [[0, 0, 0], [1, 0, 0]]);
        let one = all(Bound::product(0, 1));
        assert_eq!(one.len(), 2 * (2 + 1 + 2), "{one:?}");
        let distinct: std::collections::BTreeSet<_> = one.iter().collect();
        assert_eq!(distinct.len(), one.len());
        assert_eq!(all(Bound::product(0, 2)).len(), 2 * (2 + 2 + 4));
    }

    #[test]
    fn the_neighbours_of_a_schedule_are_all_that_differ_from_it_in_one_choice() {
        let mut choices = Choices::scripted(vec![1], Bound::product(0, 1));
        choices.choose(Kind::Scene, 2);
        choices.choose(Kind::Fault, 3);
        choices.choose(Kind::Mishap, 4);
        let neighbours: Vec<_> = choices.neighbours().collect();
        assert_eq!(neighbours, [vec![0], vec![1, 1], vec![1, 2]], "a mishap is not within the bound");
    }

    #[test]
    fn a_seed_throws_the_same_dice_each_time() {
        let throw = |seed| {
            let mut choices = Choices::random(seed, Bound::product(4, 4));
            (0..200).for_each(|_| _ = choices.choose(Kind::Fault, 9));
            choices.script()
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
        assert_eq!(throw(7).iter().filter(|pick| **pick > 0).count(), 4);
    }
}
