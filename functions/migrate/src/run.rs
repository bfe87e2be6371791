//! One run: what was asked for, frozen; how far it is; and all that happened to it. It is one item of the state table, and
//! its history stands in it, so that no step is ever written without its trace.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::alert::Alert;
use shared::arn::{ServiceArn, TaskArn, TaskDefinitionArn};
use shared::event::steward::{MigrationEnded, OwnEvent};
use shared::image::Digest;
use shared::migration::{RunId, RunState};
use shared::tags::RestorePoint;

/// Most entries of a run's history; the first one stays, then the oldest go.
const HISTORY: usize = 200;
/// How a task says whose it is. ECS takes no other signs than letters, digits, `-`, `/` and `_` here.
pub(crate) const STARTED_BY: &str = "steward/m/";

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Its name.
    pub id: RunId,
    /// How it stands. `deploy` reads this and the next.
    pub state: RunState,
    /// Why it stands so, for people.
    pub reason: String,
    /// The service.
    pub service: ServiceArn,
    /// What it is for.
    pub cause: Cause,
    /// Who asked, if not `deploy`.
    pub requested_by: Option<String>,
    /// The asking of `deploy`'s that it is for.
    pub asked: Option<Timestamp>,
    /// How often it has begun anew: what it asks for by name then has another name.
    pub round: u32,
    /// When it was asked for.
    pub begun: Timestamp,
    /// Since when it stands as it does.
    pub since: Timestamp,
    /// What is run, as it was when it was asked for; absent when it cannot be run.
    pub frozen: Option<Frozen>,
    /// The number of the lock that it holds or held.
    pub fence: u64,
    /// How many tasks were asked for in all: each has a number of its own.
    pub tasks: u32,
    /// How often the task of this step did not even start.
    pub tries: u32,
    /// Not before this time the step is tried again.
    pub not_before: Option<Timestamp>,
    /// The task of this step, from the moment on that it is meant to be.
    pub job: Option<Job>,
    /// The revision that its tasks run.
    pub definition: Option<TaskDefinitionArn>,
    /// What can be gone back to.
    pub restore: Option<Restore>,
    /// Who approved a plan that destroys something.
    pub approved: Option<String>,
    /// Whether the schema may have been touched.
    pub touched: bool,
    /// What was told while it was under way.
    pub told: BTreeSet<String>,
    /// The last lines of the task that ended last, without what looks like a secret.
    pub log: Vec<String>,
    /// What happened, the oldest first.
    pub history: Vec<Change>,
    /// Alerts that SNS has not taken yet.
    pub untold: Vec<Alert>,
    /// Events that the bus has not taken yet.
    pub unsent: Vec<OwnEvent>,
    /// Whether everything that its end asks for is done.
    pub closed: bool,
}

/// What a run is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// A rollout by `deploy`, which waits for it.
    Rollout,
    /// A schedule or a person asked.
    Request,
    /// A rollout of anybody's, which ECS holds at a lifecycle hook.
    Hook {
        /// ARN of the service deployment.
        service_deployment: String,
        /// Id of the hook.
        hook: String,
    },
}

/// What is run, as it was when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frozen {
    /// The container whose image and label migrate.
    pub container: String,
    /// Its image, named by digest.
    pub reference: String,
    /// The digest.
    pub digest: Digest,
    /// The revision that the tasks' own is made from.
    pub base: TaskDefinitionArn,
    /// The family that the tasks' own revisions are registered in.
    pub family: String,
    /// The command that migrates.
    pub command: Vec<String>,
    /// The command that says whether something is pending.
    pub plan: Option<Vec<String>>,
    /// Whether the release before can live with the new schema, as the image declares.
    pub compatible: bool,
    /// How long a task may take, in minutes.
    pub timeout: u64,
    /// The database's identifier in RDS.
    pub database: Option<String>,
    /// What is locked: the database, else the service itself.
    pub lock: String,
    /// What is taken before.
    pub restore_point: RestorePoint,
    /// Where the tasks run.
    pub placement: Placement,
    /// Driver and options of the container's logs.
    pub logs: Option<(String, HashMap<String, String>)>,
    /// The team's own runbook.
    pub runbook: Option<String>,
}

/// Where a task runs: as the service's tasks do, but never on capacity that may be taken away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Placement {
    /// For tasks with a network interface of their own.
    pub network: Option<Network>,
    /// Version of the Fargate platform.
    pub platform_version: Option<String>,
    /// `FARGATE`, `EC2` or `EXTERNAL`; absent with a strategy.
    pub launch_type: Option<String>,
    /// Capacity providers, if the service names some.
    pub strategy: Vec<Provider>,
}

/// `awsvpcConfiguration` of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Network {
    /// Subnets.
    pub subnets: Vec<String>,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// `ENABLED` or `DISABLED`.
    pub public_ip: Option<String>,
}

/// One item of a capacity provider strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Provider {
    /// Its name.
    pub name: String,
    /// Relative share.
    pub weight: i32,
    /// Least number of tasks.
    pub base: i32,
}

/// What a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Is something pending?
    Plan,
    /// The migration.
    Migrate,
    /// Is something pending still?
    Verify,
}

/// A task that is meant to be, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// What it is for.
    pub step: Step,
    /// Its number among the run's tasks.
    pub number: u32,
    /// When it was decided on.
    pub asked: Timestamp,
    /// The task, once ECS has named it.
    pub task: Option<TaskArn>,
    /// When it is stopped if it still runs.
    pub deadline: Timestamp,
    /// When ECS was last told to stop it.
    pub stop_asked: Option<Timestamp>,
}

/// What can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Restore {
    /// A moment that point-in-time recovery reaches.
    Mark {
        /// The moment.
        at: Timestamp,
    },
    /// A snapshot that `snapshot` takes.
    Snapshot {
        /// When it was last asked for.
        asked: Timestamp,
        /// Its identifier, once `snapshot` has named it.
        identifier: Option<String>,
        /// Why there will be none.
        failed: Option<String>,
    },
}

/// One entry of a run's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// When.
    pub at: Timestamp,
    /// How it stood from then on.
    pub state: RunState,
    /// Why.
    pub why: String,
}

impl Step {
    fn letter(self) -> char {
        match self {
            Self::Plan => 'p',
            Self::Migrate => 'm',
            Self::Verify => 'v',
        }
    }
}

impl Job {
    /// `clientToken`: the same for the same task, so that a repeated call starts no second one.
    pub(crate) fn token(&self, run: &RunId) -> String {
        format!("{run}-{}{}", self.step.letter(), self.number)
    }

    /// `startedBy`: by it every event of the task finds its run.
    pub(crate) fn started_by(&self, run: &RunId) -> String {
        format!("{STARTED_BY}{run}/{}{}", self.step.letter(), self.number)
    }
}

/// The run that a task says it is of.
pub(crate) fn run_of(started_by: &str) -> Option<RunId> {
    started_by.strip_prefix(STARTED_BY)?.split('/').next()?.parse().ok()
}

impl Restore {
    /// What to go back to, in words.
    pub(crate) fn words(&self, database: &str) -> String {
        match self {
            Self::Mark { at } => format!("point in time {} of {database}", at.strftime("%Y-%m-%dT%H:%M:%SZ")),
            Self::Snapshot { identifier: Some(identifier), .. } => format!("snapshot {identifier}"),
            Self::Snapshot { identifier: None, .. } => format!("a snapshot of {database} that is not named yet"),
        }
    }
}

impl Run {
    /// A run that waits for its lock, or failed already where it cannot be run at all.
    pub(crate) fn new(
        id: RunId,
        service: ServiceArn,
        cause: Cause,
        requested_by: Option<String>,
        frozen: Result<Frozen, String>,
        now: Timestamp,
    ) -> Self {
        let mut run = Self {
            id,
            state: RunState::Waiting,
            reason: String::new(),
            service,
            cause,
            requested_by,
            asked: None,
            round: 0,
            begun: now,
            since: now,
            frozen: None,
            fence: 0,
            tasks: 0,
            tries: 0,
            not_before: None,
            job: None,
            definition: None,
            restore: None,
            approved: None,
            touched: false,
            told: BTreeSet::new(),
            log: Vec::new(),
            history: Vec::new(),
            untold: Vec::new(),
            unsent: Vec::new(),
            closed: false,
        };
        match frozen {
            Ok(frozen) => {
                run.frozen = Some(frozen);
                run.turn(RunState::Waiting, "it was asked for", now);
            }
            // Its trace comes with all else that its end asks for.
            Err(why) => (run.state, run.reason) = (RunState::Failed, why),
        }
        run
    }

    /// The same run from the beginning, with what is to be run read anew. Its tasks go on counting, so that no token and no
    /// `startedBy` is ever used twice.
    pub(crate) fn anew(self, frozen: Result<Frozen, String>, now: Timestamp) -> Self {
        let (id, service, cause) = (self.id.clone(), self.service.clone(), self.cause.clone());
        let mut run = Self::new(id, service, cause, self.requested_by.clone(), frozen, now);
        run.carry_on(self);
        run
    }

    /// Takes over what stays of the same run before it began anew.
    pub(crate) fn carry_on(&mut self, former: Self) {
        self.tasks = former.tasks;
        self.round = former.round + 1;
        self.touched = former.touched;
        self.fence = former.fence;
        let mut history = former.history;
        history.append(&mut self.history);
        self.history = history;
        self.untold.splice(0..0, former.untold);
        self.unsent.splice(0..0, former.unsent);
    }

    /// Goes on to another state, with its trace. The task of the former step belongs to that step.
    pub(crate) fn turn(&mut self, state: RunState, why: &str, now: Timestamp) {
        self.state = state;
        why.clone_into(&mut self.reason);
        self.since = now;
        self.tries = 0;
        self.not_before = None;
        self.job = None;
        self.note(why, now);
    }

    /// Leaves a trace without going on.
    pub(crate) fn note(&mut self, why: &str, now: Timestamp) {
        self.history.push(Change { at: now, state: self.state, why: why.to_owned() });
        if self.history.len() > HISTORY {
            self.history.remove(1);
        }
    }

    /// What whoever asked is answered when it is over.
    pub(crate) fn answer(&self) -> OwnEvent {
        let ended = MigrationEnded {
            run: self.id.clone(),
            service: self.service.clone(),
            image: self.frozen.as_ref().map_or_else(String::new, |frozen| frozen.reference.clone()),
            database: self.lock().unwrap_or(self.service.as_str()).to_owned(),
            state: self.state,
            reason: self.reason.clone(),
        };
        if self.state == RunState::Migrated {
            OwnEvent::MigrationSucceeded(ended)
        } else {
            OwnEvent::MigrationFailed(ended)
        }
    }

    /// What is locked.
    pub(crate) fn lock(&self) -> Option<&str> {
        self.frozen.as_ref().map(|frozen| frozen.lock.as_str())
    }

    /// How long it has stood as it does.
    pub(crate) fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.since)
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
