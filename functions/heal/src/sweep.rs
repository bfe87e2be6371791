//! The sweep: looks at everything that is open, closes what events did not, tells what was held back, sends what could not
//! be sent, and ends storms. What needs no look costs one query.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use shared::arn::ClusterArn;
use shared::clock;
use shared::failure::CallFailure;

use crate::board::{Board, SubjectKey};
use crate::plan::board_pass;
use crate::report::Tell;
use crate::trigger::{News, Subject};
use crate::{Heal, Run};

impl Heal {
    pub(crate) async fn sweep(&mut self, run: &mut Run<'_>, now: Timestamp) -> Result<(), CallFailure> {
        let mutes = self.observer.mutes().await?.item;
        run.report.muted(&mutes, now);
        let boards: BTreeMap<ClusterArn, Board> = self
            .observer
            .boards()
            .await?
            .into_iter()
            .filter_map(|board| Some((board.cluster.clone()?, board)))
            .collect();
        let mut subjects: Vec<Subject> = boards
            .values()
            .flat_map(|board| board.open.values().map(|entry| SubjectKey::into(entry.subject.clone())))
            .collect();
        let first = clock::first_of_sweep(now, subjects.len());
        subjects.rotate_left(first);
        self.observer.prepare(subjects.iter().filter_map(|subject| subject.service().cloned()).collect()).await;
        let (open, mut done) = (subjects.len(), BTreeSet::new());
        for subject in subjects {
            if !run.deadline.allows_call(self.clock.now()) {
                run.report.stopped_early = true;
                break;
            }
            match self.attend_boxed(run, &subject, &News::Look, now).await {
                Ok(is_done) => drop(is_done.then(|| done.insert(subject.short()))),
                // One that cannot be looked at must not keep the others from it.
                Err(failure) => run.report.failed(&subject.short(), &failure),
            }
        }
        for cluster in boards.keys() {
            if let Err(failure) = self.sweep_board(run, cluster, &done, &mutes, now).await {
                run.report.failed(cluster.name(), &failure);
            }
        }
        run.report.swept_with(open);
        Ok(())
    }

    async fn sweep_board(
        &mut self,
        run: &mut Run<'_>,
        cluster: &ClusterArn,
        done: &BTreeSet<String>,
        mutes: &shared::mute::Mutes,
        now: Timestamp,
    ) -> Result<(), CallFailure> {
        let key = Board::key(cluster);
        let mut board = self.observer.board(&key).await?;
        let before = board.item.clone();
        board_pass(&mut board.item, done, mutes, cluster.name(), now);
        if let Some(storm) = &board.item.storm {
            run.report.storm(cluster.name(), storm.subjects.len());
        }
        let is_due = board.item != before || !board.item.outbox.is_empty();
        if is_due && !self.config.dry_run {
            self.applier.board(&key, &mut board).await?.map_or(Ok(()), Err)?;
        }
        Ok(())
    }
}
