//! What an invocation of `migrate` tells: a decision record for each run that was looked at, and metrics.

use shared::migration::RunState;
use shared::report::Report;

use crate::run::Run;

/// What `migrate` tells beyond what every function does.
pub(crate) trait Tell {
    /// How a run stands now, and how it stood `before`.
    fn run(&mut self, run: &Run, before: Option<RunState>);
    /// A sweep is over: so many runs are open, and the oldest of them so long.
    fn swept_with(&mut self, open: usize, oldest_minutes: i64);
}

impl Tell for Report {
    fn run(&mut self, run: &Run, before: Option<RunState>) {
        if before != Some(run.state) {
            match run.state {
                RunState::Migrated => self.metrics.count("MigrationsSucceeded", 1),
                RunState::Failed => self.metrics.count("MigrationsFailed", 1),
                RunState::Unknown => self.metrics.count("MigrationsUnknown", 1),
                _ => {}
            }
        }
        let word = if self.dry_run && before.is_none() { "would-migrate" } else { run.state.as_str() };
        let frozen = run.frozen.as_ref();
        let task = run.job.as_ref().and_then(|job| job.task.as_ref());
        self.record(
            self.about(run.service.short(), word, run.reason.clone())
                .saw("run", Some(run.id.to_string()))
                .saw("was", before.map(RunState::as_str))
                .saw("lock", frozen.map(|frozen| frozen.lock.clone()))
                .saw("image", frozen.map(|frozen| frozen.reference.clone()))
                .saw("tasks", Some(run.tasks))
                .saw("task", task.map(|task| task.id().to_owned()))
                .saw("requested_by", run.requested_by.clone()),
        );
    }

    fn swept_with(&mut self, open: usize, oldest_minutes: i64) {
        self.swept();
        self.metrics.count("OpenRuns", open);
        self.metrics.count("OldestRunMinutes", usize::try_from(oldest_minutes).unwrap_or_default());
        self.metrics.count("MigrationsUnknown", 0);
    }
}
