//! `DeleteDBSnapshot` and `DeleteDBClusterSnapshot`. There is no way back, and copies that are under way end.

use super::kind::Kind;
use super::notices::{self, Notice};
use super::{Asked, Rds, form, view};
use crate::context::Context;
use crate::input::text;
use crate::wire::ApiError;

impl Rds {
    pub(super) fn delete_snapshot(&mut self, asked: &mut Asked<'_>, kind: Kind) -> Result<String, ApiError> {
        let (region, now, lag) = (asked.call.region(), asked.context.now, self.lag);
        let id = text(&asked.call.input, kind.snapshot_id()).unwrap_or_default().to_ascii_lowercase();
        let id = form::identifier(&id);
        let keeps_failed = self.keeps_failed;
        let stands = self.region(region);
        let snapshot = stands.snapshots(kind).get(id).ok_or_else(|| kind.no_snapshot(id))?;
        if snapshot.taken_by != "manual" {
            return Err(kind.snapshot_state("Only manual snapshots may be deleted."));
        }
        if snapshot.status != "available" && (snapshot.status != "failed" || keeps_failed) {
            let message = format!("The snapshot {id} is {}: it cannot be deleted.", snapshot.status);
            return Err(kind.snapshot_state(message));
        }
        let gone = stands.drop_snapshot(now, lag, kind, id).ok_or_else(|| kind.no_snapshot(id))?;
        self.cancel_copies(asked.context, kind, &gone.arn);
        let mut xml = String::new();
        view::snapshot(&mut xml, &gone, now);
        notices::send(asked.context, region, &gone, Notice::Deleted);
        Ok(xml)
    }

    /// Ends the copies of a snapshot that are under way, in every region.
    pub(super) fn cancel_copies(&mut self, context: &mut Context, kind: Kind, source: &str) {
        let (now, lag) = (context.now, self.lag);
        for (region, stands) in &mut self.regions {
            let of_it = |it: &&super::model::Snapshot| it.status == "creating" && it.source.as_deref() == Some(source);
            let copies: Vec<_> = stands.snapshots(kind).values().filter(of_it).map(|it| it.id.clone()).collect();
            for id in copies {
                let failed = stands.snapshots_mut(kind).edit(now, lag, &id, |copy| {
                    "failed".clone_into(&mut copy.status);
                    copy.clone()
                });
                if let Some(copy) = failed {
                    notices::send(context, region, &copy, Notice::CopyCancelled);
                }
            }
        }
    }
}
