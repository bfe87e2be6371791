//! The only code here that changes anything: alerts and answers, the memory, snapshots, copies, sharing, schedules.
//!
//! Names are deterministic, so that no intent has to be written before a call: a repeated step finds what the first one
//! did. Snapshots are made first and deleted last.

mod calls;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use shared::alert::Topic;
use shared::arn::{DatabaseKind, Region};
use shared::bus::Bus;
use shared::clock::{Clock, Deadline};
use shared::event::steward::{OwnEvent, SnapshotDue};
use shared::failure::{CallFailure, FailureKind};
use shared::outbox;
use shared::schedule::Schedules;
use shared::state::{Key, Table, Versioned};

pub(crate) use self::calls::Keys;
use self::calls::{Refusal, is_later};
use crate::memory::Memory;
use crate::observe::model::{Own, Seen};
use crate::observe::{Observer, Place};
use crate::own::Purpose;
use crate::plan::{self, CopyOrder, Create, Plan, Row, Settings, Standing};
use crate::slot::Interval;

/// Most alerts that wait for SNS; should it be out of reach for long, the oldest are dropped first.
const OUTBOX_LIMIT: usize = 20;

/// Changes the account.
#[derive(Debug)]
pub(crate) struct Applier {
    pub(crate) table: Table,
    pub(crate) topic: Topic,
    pub(crate) bus: Bus,
    pub(crate) schedules: Option<Schedules>,
    pub(crate) clock: Clock,
    pub(crate) kms: Keys,
}

/// What came of a plan.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) taken: Vec<String>,
    pub(crate) copied: Option<String>,
    pub(crate) copy_refused: bool,
    pub(crate) deleted: Vec<Row>,
    pub(crate) failures: Vec<CallFailure>,
    /// Failures that a requester is answered with: the same message would only be answered again.
    pub(crate) answered: Vec<CallFailure>,
    /// Something was left for want of time.
    pub(crate) out_of_time: bool,
}

/// What a plan is carried out with.
pub(crate) struct Site<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) observer: &'a mut Observer,
    pub(crate) deadline: Deadline,
    pub(crate) now: Timestamp,
}

impl Applier {
    /// Carries out the plan for one database. One failure does not keep the rest from being done.
    pub(crate) async fn apply(&self, plan: &Plan, seen: &Seen, site: &mut Site<'_>) -> Done {
        let mut done = Done::default();
        let mut memory = Versioned { item: plan.memory.clone(), version: seen.memory.version };
        let mut written = seen.memory.item.clone();
        // What was asked for must outlive whatever comes next.
        if let Err(failure) = self.tell_and_write(seen, &mut memory, &mut written, &mut done).await {
            done.failures.push(failure);
            return done;
        }
        let mut waits: Vec<Timestamp> = plan.wait.into_iter().collect();
        let mut over_quota = Vec::new();
        for create in &plan.creates {
            if !self.has_time(site, &mut done) {
                return done;
            }
            match self.create(create, seen, site).await {
                Ok(()) => done.taken.push(create.name.clone()),
                Err(Refusal::Quota(failure)) => over_quota.push((create, failure)),
                Err(refusal) => waits.extend(refused(&mut memory.item, create, refusal, seen, site, &mut done)),
            }
        }
        for share in &plan.shares {
            if !self.has_time(site, &mut done) {
                break;
            }
            match calls::share(&site.observer.rds(&site.settings.region), seen.database.arn.kind(), share).await {
                Ok(()) => {
                    memory.item.shared.insert(share.name.clone(), site.settings.share_with.clone());
                    memory.item.told.remove("share-failed");
                }
                Err(failure) => {
                    if failure.kind == FailureKind::Denied || !failure.is_worth_a_retry() {
                        plan::share_refused(&mut memory.item, &seen.database, &failure);
                    }
                    done.failures.push(failure);
                    break;
                }
            }
        }
        if let Some(order) = &plan.copy
            && self.has_time(site, &mut done)
        {
            self.copy(order, seen, site, &mut memory.item, &mut done).await;
        }
        self.delete(plan.deletions(), seen, site, &mut done).await;
        // The quota may have room now: once more, and then it is told.
        for (create, failure) in over_quota {
            let again = if done.deleted.is_empty() {
                Err(Refusal::Quota(failure))
            } else {
                self.create(create, seen, site).await
            };
            match again {
                Ok(()) => done.taken.push(create.name.clone()),
                Err(refusal) => waits.extend(refused(&mut memory.item, create, refusal, seen, site, &mut done)),
            }
        }
        if let Some(at) = waits.into_iter().min() {
            self.look_again(seen, at, &mut done).await;
        }
        if let Err(failure) = self.tell_and_write(seen, &mut memory, &mut written, &mut done).await {
            done.failures.push(failure);
        }
        done
    }

    /// Takes the snapshots of a plan that nothing is remembered for, and does nothing else.
    pub(crate) async fn take(&self, plan: &Plan, seen: &Seen, site: &mut Site<'_>) -> Done {
        let mut done = Done::default();
        for create in &plan.creates {
            if !self.has_time(site, &mut done) {
                break;
            }
            match self.create(create, seen, site).await {
                Ok(()) => done.taken.push(create.name.clone()),
                Err(refusal) => done.failures.push(refusal.into_failure()),
            }
        }
        done
    }

    /// Deletes snapshots of databases that are gone.
    pub(crate) async fn delete_orphans(
        &self,
        rows: &[Row],
        orphans: &BTreeMap<(Region, String), Vec<Own>>,
        site: &mut Site<'_>,
    ) -> Done {
        let mut done = Done::default();
        for row in rows.iter().filter(|row| row.verdict == plan::Verdict::Delete) {
            if let Some((region, kind)) = orphan(orphans, row)
                && self.has_time(site, &mut done)
            {
                let client = site.observer.rds(region);
                note_deletion(row, calls::delete(&client, kind, &row.snapshot).await, &mut done);
            }
        }
        done
    }

    /// Tells what is due about the account as a whole, and remembers it.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn account(&self, before: &Versioned<Standing>, after: Standing) -> Result<(), CallFailure> {
        let mut standing = Versioned { item: after, version: before.version };
        let sent = outbox::send(&self.bus, &self.topic, &mut Vec::new(), &mut standing.item.untold).await;
        if standing.item != before.item {
            self.table.put(&account_key(), &mut standing, None).await?;
        }
        sent
    }

    /// Answers a request about a database that is none.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn answer(&self, answer: &OwnEvent) -> Result<(), CallFailure> {
        self.bus.put(answer).await
    }

    fn has_time(&self, site: &Site<'_>, done: &mut Done) -> bool {
        let has_time = site.deadline.allows_call(self.clock.now());
        done.out_of_time |= !has_time;
        has_time
    }

    async fn create(&self, create: &Create, seen: &Seen, site: &mut Site<'_>) -> Result<(), Refusal> {
        let client = site.observer.rds(&site.settings.region);
        let (kind, database) = (seen.database.arn.kind(), seen.database.arn.identifier());
        let made = calls::create(&client, kind, database, create).await;
        is_there(made, site.observer, (&client, Place::Here), kind, &create.name).await
    }

    async fn copy(&self, order: &CopyOrder, seen: &Seen, site: &mut Site<'_>, memory: &mut Memory, done: &mut Done) {
        let key = site.settings.keys.iter().find(|key| key.region() == order.region.as_str());
        let key = match self.kms.usable(order, key).await {
            Ok(key) => key,
            Err(failure) => {
                let is_later = is_later(&failure);
                plan::copy_refused(memory, &seen.database, order, &failure, is_later, site.now);
                done.copy_refused = !is_later;
                done.failures.push(failure);
                return;
            }
        };
        let (client, kind) = (site.observer.rds(&order.region), seen.database.arn.kind());
        let made = calls::copy(&client, kind, order, key.as_deref()).await;
        match is_there(made, site.observer, (&client, Place::Elsewhere), kind, &order.name).await {
            // How often it was tried is forgotten when the copy is there.
            Ok(()) => done.copied = Some(order.name.clone()),
            Err(refusal) => {
                let is_later = matches!(refusal, Refusal::Quota(_) | Refusal::NotReady(_) | Refusal::Failed(_));
                let failure = refusal.into_failure();
                plan::copy_refused(memory, &seen.database, order, &failure, is_later, site.now);
                done.copy_refused = !is_later;
                done.failures.push(failure);
            }
        }
    }

    async fn delete<'a>(&self, rows: impl Iterator<Item = &'a Row>, seen: &Seen, site: &mut Site<'_>, done: &mut Done) {
        for row in rows {
            if !self.has_time(site, done) {
                return;
            }
            let Ok(region) = row.region.parse::<Region>() else {
                continue;
            };
            let client = site.observer.rds(&region);
            note_deletion(row, calls::delete(&client, seen.database.arn.kind(), &row.snapshot).await, done);
        }
    }

    /// Sets a one-time schedule. Without it, the next sweep looks again.
    async fn look_again(&self, seen: &Seen, at: Timestamp, done: &mut Done) {
        let Some(schedules) = &self.schedules else {
            return;
        };
        let name = format!("snapshot-{}-{}", seen.database.resource.to_ascii_lowercase(), at.as_second());
        let name: String = name.chars().take(64).collect();
        let detail = SnapshotDue { database: seen.database.arn.clone() };
        if let Err(failure) = schedules.once(&name, at, "Snapshot Due", &detail).await {
            done.failures.push(failure);
        }
    }

    /// Has the sweep go on in a minute: a thousand databases take more than one invocation can do.
    ///
    /// # Errors
    /// The failed call. Without it the next sweep goes on.
    pub(crate) async fn sweep_again(&self) -> Result<(), CallFailure> {
        let Some(schedules) = &self.schedules else {
            return Ok(());
        };
        // From now on, not from when the sweep began: that is two minutes ago.
        let at = self.clock.now() + SignedDuration::from_mins(1);
        let name = format!("snapshot-sweep-{}", at.as_second());
        schedules.once(&name, at, "Sweep", &serde_json::Map::new()).await
    }

    /// Sends what waits, and writes the memory if it is another than what is written. The error is of the writing.
    async fn tell_and_write(
        &self,
        seen: &Seen,
        memory: &mut Versioned<Memory>,
        written: &mut Memory,
        done: &mut Done,
    ) -> Result<(), CallFailure> {
        let Memory { untold, unsent, .. } = &mut memory.item;
        if let Err(failure) = outbox::send(&self.bus, &self.topic, unsent, untold).await {
            done.failures.push(failure);
        }
        let surplus = memory.item.untold.len().saturating_sub(OUTBOX_LIMIT);
        memory.item.untold.drain(..surplus);
        if memory.item != *written {
            self.table.put(&Memory::key(&seen.database.resource), memory, None).await?;
            *written = memory.item.clone();
        }
        Ok(())
    }
}

/// Key of what is remembered of the account.
pub(crate) fn account_key() -> Key {
    Key::new("SNAPSHOT", "ACCOUNT")
}

/// One of that name that exists already is the one that was to be made, if it is ours.
async fn is_there(
    made: Result<(), Refusal>,
    observer: &Observer,
    (client, place): (&aws_sdk_rds::Client, Place),
    kind: DatabaseKind,
    name: &str,
) -> Result<(), Refusal> {
    match made {
        Err(Refusal::Exists(failure)) => match observer.is_ours(client, place, kind, name).await {
            Ok(Some(true)) => Ok(()),
            Ok(Some(false)) => Err(Refusal::Refused(failure)),
            // It exists, and what RDS lists is behind: the next look sees it.
            Ok(None) => Err(Refusal::Failed(failure)),
            Err(failure) => Err(Refusal::Failed(failure)),
        },
        other => other,
    }
}

/// What follows from a snapshot that was not taken. The time at which to look again, if there is one.
fn refused(
    memory: &mut Memory,
    create: &Create,
    refusal: Refusal,
    seen: &Seen,
    site: &Site<'_>,
    done: &mut Done,
) -> Option<Timestamp> {
    let buckets = seen.tags.as_ref().ok().and_then(|tags| tags.snapshot);
    let slot =
        buckets.as_ref().and_then(Interval::shortest).map(|interval| site.settings.calendar.slot(interval, site.now));
    match refusal {
        // RDS knows better than its own description whether the database is ready.
        Refusal::NotReady(_) => match create.purpose {
            Purpose::Scheduled { .. } => plan::put_off(memory, slot?, site.now),
            Purpose::Requested { .. } => site.now.checked_add(plan::REQUEST_PAUSE).ok(),
        },
        refusal => {
            let is_told = matches!(refusal, Refusal::Refused(_) | Refusal::Quota(_) | Refusal::Exists(_));
            let failure = refusal.into_failure();
            if is_told {
                match create.purpose {
                    Purpose::Scheduled { .. } => plan::slot_refused(memory, &seen.database, &failure),
                    Purpose::Requested { .. } => {
                        plan::request_refused(memory, &seen.database, &create.purpose, &failure.to_string());
                        done.answered.push(failure);
                        return None;
                    }
                }
            }
            done.failures.push(failure);
            None
        }
    }
}

/// Where the snapshot of a row is, and of which kind. A copy has the name of its source.
fn orphan<'a>(orphans: &'a BTreeMap<(Region, String), Vec<Own>>, row: &Row) -> Option<(&'a Region, DatabaseKind)> {
    let of_region = orphans.iter().filter(|((region, _), _)| region.as_str() == row.region);
    let mut all = of_region.flat_map(|((region, _), all)| all.iter().map(move |own| (region, own)));
    let (region, own) = all.find(|(_, own)| own.snapshot.name == row.snapshot)?;
    Some((region, calls::kind_of(&own.snapshot.arn)?))
}

fn note_deletion(row: &Row, deleted: Result<bool, CallFailure>, done: &mut Done) {
    match deleted {
        Ok(true) => done.deleted.push(row.clone()),
        // It is gone already, or RDS wants it to be left for now.
        Ok(false) => {}
        Err(failure) => done.failures.push(failure),
    }
}

#[cfg(test)]
mod tests;
