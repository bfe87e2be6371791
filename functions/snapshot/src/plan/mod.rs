//! What is decided about a database: a pure function of what is seen, what is remembered, and the time.

mod conflict;
mod copy;
mod due;
mod health;
mod opted_out;
mod orphans;
mod prune;
mod quota;
mod request;
mod retain;
mod share;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use shared::arn::{AccountId, DatabaseArn, KeyArn, Region};
use shared::event::steward::SnapshotRequested;
use shared::tags::{Buckets, TagProblem};

pub(crate) use self::copy::refused as copy_refused;
pub(crate) use self::due::{put_off, refused as slot_refused};
pub(crate) use self::opted_out::opted_out;
pub(crate) use self::orphans::{orphans, stranded};
pub(crate) use self::quota::{Standing, quota};
pub(crate) use self::request::{PAUSE as REQUEST_PAUSE, refused as request_refused, suitable};
pub(crate) use self::share::refused as share_refused;
use crate::memory::{Memory, PolicySeen};
use crate::notice;
use crate::observe::model::{Readiness, Seen, newest};
use crate::own::Purpose;
use crate::slot::{Calendar, Interval};

/// For so long after a policy is first seen or changes nothing is deleted by it: time to see what it would do.
pub(crate) const GRACE: SignedDuration = SignedDuration::from_hours(24);
/// Most deletions of a database in one tick: a mistake is noticed before it has eaten everything.
pub(crate) const MOST_DELETIONS: usize = 10;

/// What the operator wants of all databases.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) owner: String,
    pub(crate) region: Region,
    pub(crate) calendar: Calendar,
    pub(crate) keep_minimum: usize,
    pub(crate) orphan_days: u16,
    pub(crate) share_with: Vec<AccountId>,
    pub(crate) keys: Vec<KeyArn>,
    pub(crate) dry_run: bool,
}

/// A snapshot that is to be taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Create {
    pub(crate) purpose: Purpose,
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) tags: Vec<(String, String)>,
}

/// A snapshot that is to be copied.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CopyOrder {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) region: Region,
    pub(crate) encrypted: bool,
    #[serde(skip)]
    pub(crate) tags: Vec<(String, String)>,
}

/// A snapshot whose sharing is to be changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Share {
    pub(crate) name: String,
    pub(crate) add: Vec<AccountId>,
    pub(crate) remove: Vec<AccountId>,
}

/// What becomes of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The policy keeps it.
    Keep,
    /// The policy would not keep it, and a rail does.
    Spare,
    /// It is deleted.
    Delete,
}

/// What becomes of one snapshot, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Identifier of the database.
    pub database: String,
    /// Name of the region that the snapshot is in.
    pub region: String,
    /// Identifier of the snapshot.
    pub snapshot: String,
    /// The moment that it holds.
    pub moment: Timestamp,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
}

/// How old the newest backup is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Age {
    /// Since when there is none newer.
    pub(crate) seconds: i64,
    /// As a share of the interval. A database that is stopped and backed up since has 0.
    pub(crate) ratio: f64,
    /// Whether people have to know.
    pub(crate) stale: bool,
}

/// What is decided about a database.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Plan {
    pub(crate) database: DatabaseArn,
    /// The decision about the slot, as a stable word.
    pub(crate) word: &'static str,
    /// Why.
    pub(crate) reason: String,
    pub(crate) creates: Vec<Create>,
    /// When a database that is not ready is looked at again.
    pub(crate) wait: Option<Timestamp>,
    pub(crate) shares: Vec<Share>,
    pub(crate) copy: Option<CopyOrder>,
    /// What becomes of every snapshot, those to delete included.
    pub(crate) rows: Vec<Row>,
    pub(crate) age: Option<Age>,
    /// A backup that was not seen as one before.
    pub(crate) arrived: bool,
    /// Snapshots that were not seen as failed before.
    pub(crate) failed: usize,
    /// The memory as it shall be.
    #[serde(skip)]
    pub(crate) memory: Memory,
}

impl Plan {
    fn new(seen: &Seen) -> Self {
        Self {
            database: seen.database.arn.clone(),
            word: "on-request",
            reason: "its policy has no slots: snapshots are taken on request".to_owned(),
            creates: Vec::new(),
            wait: None,
            shares: Vec::new(),
            copy: None,
            rows: Vec::new(),
            age: None,
            arrived: false,
            failed: 0,
            memory: seen.memory.item.clone(),
        }
    }

    fn decide(&mut self, word: &'static str, reason: impl Into<String>) {
        self.word = word;
        self.reason = reason.into();
    }

    /// What is to be deleted.
    pub(crate) fn deletions(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.verdict == Verdict::Delete)
    }
}

/// Decides about one database. `asked` is what the event asks of it. Only a sweep has the whole picture, and so only
/// then is anything copied, deleted, or forgotten.
pub(crate) fn plan(
    settings: &Settings,
    seen: &Seen,
    asked: Option<&SnapshotRequested>,
    is_sweep: bool,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::new(seen);
    if let Some(asked) = asked {
        request::note(&mut plan.memory, asked, &seen.here, now);
    }
    let buckets = match policy(settings, seen) {
        Ok(buckets) => buckets,
        Err(problems) => {
            let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
            plan.decide(
                "tags",
                format!("nothing is taken or deleted until its tags are corrected: {}", text.join("; ")),
            );
            plan.memory.tell(&text.join("\n"), notice::tags(&seen.database, &problems));
            request::fail_all(&mut plan.memory, seen, "the tags of the database cannot be read");
            // Its backups age all the same, by the policy that was last understood.
            let last = plan.memory.policy.clone();
            if let Some((interval, paced)) = last.and_then(|policy| Some((policy.interval?, policy.paced))) {
                health::health(settings, seen, interval, paced, &mut plan, now);
            }
            return plan;
        }
    };
    plan.memory.told.remove("tags");
    if seen.database.readiness() == Readiness::Deleting {
        plan.decide("deleting", "the database is being deleted; its snapshots stay");
        request::fail_all(&mut plan.memory, seen, "the database is being deleted");
        return plan;
    }
    let PolicySeen { since, paced, .. } = policy_seen(settings, seen, &buckets, &mut plan, now);
    health::note(seen, is_sweep, &mut plan, now);
    request::requests(settings, seen, &buckets, &mut plan, now);
    if let Some(interval) = Interval::shortest(&buckets) {
        due::due(settings, seen, interval, &buckets, &mut plan, now);
        health::health(settings, seen, interval, paced, &mut plan, now);
        conflict::conflict(settings, seen, interval, &mut plan, now);
        share::share(settings, seen, is_sweep, &mut plan);
        // Only a sweep knows how many copies are under way in all.
        if is_sweep {
            copy::copy(settings, seen, &mut plan, now);
        }
    }
    prune::prune(settings, seen, &buckets, since, is_sweep, &mut plan, now);
    let previous = seen.memory.item.policy.as_ref();
    // Not by the time: an event that is delivered twice has the same.
    if plan.memory.policy.as_ref() != previous {
        // Of a database that is new, people need only know what they would lose.
        if previous.is_some() || plan.rows.iter().any(|row| row.verdict == Verdict::Spare) {
            let text = plan.memory.policy.as_ref().map(|policy| policy.text.clone()).unwrap_or_default();
            let alert =
                notice::policy_changed(&seen.database, previous.map(|policy| policy.text.as_str()), &text, &plan.rows);
            plan.memory.tell(&text, alert);
        }
    }
    plan
}

/// What is taken while no memory can be read: the name of a snapshot follows from its slot, so that it needs none. All
/// else waits. `None` when there is nothing to take.
pub(crate) fn without_memory(settings: &Settings, seen: &Seen, now: Timestamp) -> Option<Plan> {
    let buckets = policy(settings, seen).ok()?;
    let interval = Interval::shortest(&buckets).filter(|_| seen.database.readiness() == Readiness::Ready)?;
    let mut plan = Plan::new(seen);
    due::due(settings, seen, interval, &buckets, &mut plan, now);
    plan.reason.push_str("; the state table cannot be read, and nothing else is done");
    (!plan.creates.is_empty()).then_some(plan)
}

/// The policy, if the tags make sense.
fn policy(settings: &Settings, seen: &Seen) -> Result<Buckets, Vec<TagProblem>> {
    let tags = seen.tags.as_ref().map_err(Clone::clone)?;
    let problem = |key: &str, value: &str, problem: &str| {
        vec![TagProblem { key: key.to_owned(), value: value.to_owned(), problem: problem.to_owned() }]
    };
    let copy = tags.copy.as_ref();
    if let Some(region) = copy.filter(|region| **region == settings.region) {
        return Err(problem("steward:copy", region.as_str(), "expected another region than the database's own"));
    }
    match (&tags.snapshot, copy) {
        (Some(buckets), Some(region)) if buckets.is_on_request() => Err(problem(
            "steward:copy",
            region.as_str(),
            "only scheduled snapshots are copied: give steward:snapshot slots",
        )),
        (Some(buckets), _) => Ok(*buckets),
        (None, region) => {
            let region = region.map(Region::as_str).unwrap_or_default();
            Err(problem("steward:copy", region, "it goes with steward:snapshot, which is missing"))
        }
    }
}

/// The policy as it is in force, written down anew when anything that retention depends on has changed.
fn policy_seen(settings: &Settings, seen: &Seen, buckets: &Buckets, plan: &mut Plan, now: Timestamp) -> PolicySeen {
    let copy = seen.tags.as_ref().ok().and_then(|tags| tags.copy.as_ref());
    let copy = copy.map(|region| format!(", copied to {region}")).unwrap_or_default();
    let calendar = settings.calendar.describe();
    let text = format!("{buckets}, {calendar}, at least {}{copy}", settings.keep_minimum);
    let interval = Interval::shortest(buckets);
    let before = plan.memory.policy.take();
    let policy = match before {
        Some(policy) if policy.text == text => policy,
        before => {
            let paced = before.filter(|policy| policy.interval == interval).map_or(now, |policy| policy.paced);
            PolicySeen { text, since: now, interval, paced }
        }
    };
    plan.memory.policy = Some(policy.clone());
    policy
}

/// How old the newest of some backups is, compared with what an interval allows.
fn is_old(newest: Option<Timestamp>, interval: Interval, now: Timestamp) -> bool {
    newest.is_none_or(|newest| now.duration_since(newest) > interval.length() * 3 / 2)
}

/// The moment of the newest backup here.
fn newest_here(seen: &Seen) -> Option<Timestamp> {
    newest(&seen.here).map(crate::observe::model::Own::moment)
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;
