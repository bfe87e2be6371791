//! What becomes of snapshots that are being made: how long they take, and whether they ever are.

use std::collections::{BTreeMap, VecDeque};

use jiff::SignedDuration;

/// How long a snapshot or a copy takes when nobody says otherwise.
const USUAL: SignedDuration = SignedDuration::from_mins(7);

/// What becomes of a snapshot or a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It is available after this time.
    Takes(SignedDuration),
    /// It is failed after this time; no event tells.
    FailsAfter(SignedDuration),
    /// It is creating for ever.
    Hangs,
}

impl Default for Course {
    fn default() -> Self {
        Self::Takes(USUAL)
    }
}

/// Courses by what they are for: the ARN of a database, or a region for copies into it.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    standing: BTreeMap<String, Course>,
    next: BTreeMap<String, VecDeque<Course>>,
}

impl Scripts {
    pub(super) fn always(&mut self, of: &str, course: Course) {
        self.standing.insert(of.to_owned(), course);
    }

    pub(super) fn next(&mut self, of: &str, course: Course) {
        self.next.entry(of.to_owned()).or_default().push_back(course);
    }

    /// The course of what begins now.
    pub(super) fn take(&mut self, of: &str) -> Course {
        let ordered = self.next.get_mut(of).and_then(VecDeque::pop_front);
        ordered.or_else(|| self.standing.get(of).copied()).unwrap_or_default()
    }
}
