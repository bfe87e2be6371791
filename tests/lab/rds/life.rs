//! What happens by itself: snapshots become available or fail, stopped databases start.

use jiff::Timestamp;

use super::Rds;
use super::kind::Kind;
use super::model::Snapshot;
use super::notices::Notice;
use super::script::Course;
use crate::context::Context;

/// Something that is due at a time.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A snapshot is available, or failed.
    Settle { region: String, kind: Kind, id: String, number: u64, fails: bool },
    /// A database starts that was stopped until this time.
    Restart { region: String, kind: Kind, id: String, at: Timestamp },
}

impl Rds {
    /// Puts a snapshot that is creating into its region, with what becomes of it.
    pub(super) fn begin(&mut self, region: &str, mut snapshot: Snapshot, course: Course) {
        let (after, fails) = match course {
            Course::Takes(time) => (Some(time), false),
            Course::FailsAfter(time) => (Some(time), true),
            Course::Hangs => (None, false),
        };
        let now = snapshot.begun_at;
        let (kind, id, number) = (snapshot.kind, snapshot.id.clone(), snapshot.number);
        snapshot.until = after.map(|after| now + after);
        if let Some(until) = snapshot.until {
            self.set_timer(until, Step::Settle { region: region.to_owned(), kind, id, number, fails });
        }
        let lag = self.lag;
        self.region(region).add_snapshot(now, lag, snapshot);
    }

    pub(super) fn take_step(&mut self, context: &mut Context, step: Step) {
        match step {
            Step::Settle { region, kind, id, number, fails } => {
                let same = |snapshot: &&Snapshot| snapshot.number == number && snapshot.status == "creating";
                if self.region(&region).snapshots(kind).get(&id).as_ref().is_some_and(same) {
                    self.settle(context, &region, kind, &id, fails);
                }
            }
            Step::Restart { region, kind, id, at } => {
                let due = self.region(&region).databases(kind).get(&id).is_some_and(|it| it.restart_at == Some(at));
                if due {
                    self.change_status(context.now, &region, kind, &id, "available");
                }
            }
        }
    }

    /// Ends the making of a snapshot. A failure has no event.
    pub(super) fn settle(&mut self, context: &mut Context, region: &str, kind: Kind, id: &str, fails: bool) {
        let (now, lag) = (context.now, self.lag);
        let status = if fails { "failed" } else { "available" };
        let snapshots = self.region(region).snapshots_mut(kind);
        let settled = snapshots.edit(now, lag, id, |snapshot| {
            status.clone_into(&mut snapshot.status);
            snapshot.clone()
        });
        let Some(snapshot) = settled else { return };
        if snapshot.source.is_none() {
            self.release(now, region, &snapshot);
        }
        if !fails {
            let notice = if snapshot.source.is_some() { Notice::Copied } else { Notice::Created };
            super::notices::send(context, region, &snapshot, notice);
        }
    }

    /// An instance is `backing-up` while a snapshot of it is taken.
    pub(super) fn release(&mut self, now: Timestamp, region: &str, snapshot: &Snapshot) {
        let of_it = |it: &super::model::Database| it.resource_id == snapshot.resource_id && it.status == "backing-up";
        let database = self.region(region).databases(snapshot.kind).values().find(|it| of_it(it));
        if let Some(id) = database.map(|database| database.id.clone()) {
            self.change_status(now, region, snapshot.kind, &id, "available");
        }
    }

    /// Gives a database another status; whatever it is, it will not start by itself.
    pub(super) fn change_status(&mut self, now: Timestamp, region: &str, kind: Kind, id: &str, to: &str) -> bool {
        let lag = self.lag;
        let databases = self.region(region).databases_mut(kind);
        let changed = databases.edit(now, lag, id, |database| {
            to.clone_into(&mut database.status);
            if database.restart_at.take().is_some() {
                database.restorable_to = None;
            }
        });
        changed.is_some()
    }
}
