//! What the container of a job does: its course, its words, its end when it is asked to.

use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;

use super::commands::JobStart;
use super::schema::SimulatedSchema;
use super::script::Behaviour;

/// How long the container of a job runs when nobody says otherwise.
const USUAL: SignedDuration = SignedDuration::from_secs(20);

/// Exit code of a program that SIGTERM ends.
const TERMINATED: i64 = 143;

type Decision = Arc<dyn Fn(&JobStart) -> Behaviour + Send + Sync>;

/// What the container of a job does. When it is asked to end it ends with 143, unless it is told otherwise.
#[derive(Clone)]
#[must_use = "nothing happens before `Account::script_command`"]
pub struct Job {
    pub(super) course: Course,
    pub(super) lines: Vec<String>,
    on_stop: i64,
}

#[derive(Clone)]
pub(super) enum Course {
    Behaves(Behaviour),
    Asks(Decision),
    Plans(SimulatedSchema, SignedDuration),
    Migrates { schema: SimulatedSchema, ending: Behaviour, commits: bool },
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("lines", &self.lines).field("on_stop", &self.on_stop).finish_non_exhaustive()
    }
}

impl Job {
    /// It ends with this exit code, 20 seconds after RUNNING.
    pub fn exits(exit_code: i64) -> Self {
        Self::behaves(Behaviour::CrashAfterRunning { exit_code, after: USUAL })
    }

    /// It runs until somebody stops it.
    pub fn hangs() -> Self {
        Self::behaves(Behaviour::Healthy)
    }

    /// It ends, or never starts, in one of the ways that images have.
    pub fn behaves(behaviour: Behaviour) -> Self {
        Self::of(Course::Behaves(behaviour))
    }

    /// Each task asks anew what it is to do, when its images are pulled. The closure must not use the account.
    pub fn asks(decide: impl Fn(&JobStart) -> Behaviour + Send + Sync + 'static) -> Self {
        Self::of(Course::Asks(Arc::new(decide)))
    }

    /// It looks at a schema when it is RUNNING, and ends 20 seconds later: 0 when nothing is pending for its image, 10 when
    /// something is, 20 when that destroys something.
    pub fn plans(schema: &SimulatedSchema) -> Self {
        Self::of(Course::Plans(schema.clone(), USUAL))
    }

    /// It brings a schema to what its image needs, and ends with 0, 20 seconds after RUNNING. The schema has changed when it
    /// ends so; all or nothing.
    pub fn migrates(schema: &SimulatedSchema) -> Self {
        let ending = Behaviour::CrashAfterRunning { exit_code: 0, after: USUAL };
        Self::of(Course::Migrates { schema: schema.clone(), ending, commits: false })
    }

    fn of(course: Course) -> Self {
        Self { course, lines: Vec::new(), on_stop: TERMINATED }
    }

    /// A migration that ends otherwise. It changes nothing then, unless it ends with 0 by itself or has committed before.
    pub fn ending(mut self, behaviour: Behaviour) -> Self {
        match &mut self.course {
            Course::Migrates { ending, .. } => *ending = behaviour,
            other => *other = Course::Behaves(behaviour),
        }
        self
    }

    /// A migration that commits as soon as it runs, whatever becomes of its task.
    pub fn committing_at_once(mut self) -> Self {
        if let Course::Migrates { commits, .. } = &mut self.course {
            *commits = true;
        }
        self
    }

    /// It takes this long, where it has an end of its own.
    pub fn after(mut self, time: SignedDuration) -> Self {
        match &mut self.course {
            Course::Behaves(behaviour) | Course::Migrates { ending: behaviour, .. } => match behaviour {
                Behaviour::CrashAtStart { after, .. }
                | Behaviour::CrashAfterRunning { after, .. }
                | Behaviour::OutOfMemory { after }
                | Behaviour::Ends { after, .. } => *after = time,
                _ => {}
            },
            Course::Plans(_, after) => *after = time,
            Course::Asks(_) => {}
        }
        self
    }

    /// It writes these lines to its `awslogs` stream when it starts.
    pub fn says(mut self, lines: &[&str]) -> Self {
        self.lines = lines.iter().map(|&line| line.to_owned()).collect();
        self
    }

    /// It ends with this code when it is asked to. 137 is that of a program that does not heed SIGTERM and is killed after
    /// its `stopTimeout`.
    pub fn on_stop(mut self, exit_code: i64) -> Self {
        self.on_stop = exit_code;
        self
    }

    pub(super) fn asked_exit(&self) -> i64 {
        self.on_stop
    }

    /// How it behaves as far as that is known before it starts.
    pub(super) fn behaviour(&self, start: impl FnOnce() -> JobStart) -> Behaviour {
        match &self.course {
            Course::Behaves(behaviour) | Course::Migrates { ending: behaviour, .. } => *behaviour,
            Course::Asks(decide) => decide(&start()),
            Course::Plans(..) => Behaviour::Healthy,
        }
    }
}
