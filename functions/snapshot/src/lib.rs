//! `snapshot`: takes, copies and prunes RDS and Aurora snapshots, and notices when backups stop.
//!
//! trigger -> observe -> plan -> apply -> record. What is due follows from the policies in the databases' tags, from the
//! snapshots that exist, and from the time; whatever wakes it only says where to look. `docs/snapshot.md` is the user's page.

mod apply;
mod memory;
mod notice;
mod observe;
mod own;
mod plan;
mod report;
mod settings;
mod slot;
mod trigger;

use std::collections::BTreeMap;
use std::pin::Pin;

use jiff::Timestamp;
use shared::alert::Topic;
use shared::arn::Region;
use shared::aws::Clients;
use shared::bus::Bus;
use shared::clock::{Clock, Deadline};
use shared::config::Config;
use shared::event::Event;
use shared::event::steward::{OwnEvent, SnapshotFailed, SnapshotRequested};
use shared::failure::{CallFailure, HandlingError};
use shared::function::Function;
use shared::ingress::Handler;
use shared::schedule::Schedules;
use shared::state::{Table, Versioned};

use crate::apply::{Applier, Done, Site, account_key};
pub use crate::notice::KINDS as ALERT_KINDS;
use crate::observe::model::{Database, Own, Seen, newest};
use crate::observe::{Account, Observer};
use crate::plan::{Plan, Settings, Standing};
pub use crate::plan::{Row, Verdict};
pub use crate::report::Report;
use crate::settings::SnapshotSettings;
pub use crate::settings::VARIABLES;
use crate::slot::Calendar;
use crate::trigger::Trigger;

/// The SDK's calls nest deeply: on the heap, and behind one pointer.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Message group of the function's queue.
const GROUP: &str = "snapshot";

/// The function, with all that lives as long as its execution environment.
#[derive(Debug)]
pub struct Snapshot {
    config: Config<SnapshotSettings>,
    settings: Settings,
    clock: Clock,
    table: Table,
    observer: Observer,
    applier: Applier,
}

/// One invocation: the function, and the moment by which it must be done.
#[derive(Debug)]
pub struct Invocation<'a> {
    snapshot: &'a mut Snapshot,
    deadline: Deadline,
}

/// What one event is worth, and what has come of it so far.
struct Run<'a> {
    trigger: &'a Trigger,
    deadline: Deadline,
    now: Timestamp,
    report: Report,
    failures: Vec<CallFailure>,
    /// Whether a snapshot was taken, copied or deleted.
    got_on: bool,
}

impl Function for Snapshot {
    type Settings = SnapshotSettings;
    type Handler<'a> = Invocation<'a>;

    fn start(config: Config<SnapshotSettings>, clients: &Clients, clock: Clock) -> Self {
        let table = Table::new(clients.dynamodb().clone(), config.table.clone());
        let topic = Topic::new(clients.sns().clone(), config.topic.clone(), config.alert_format);
        let bus = Bus::new(clients.events().clone());
        let schedules = config.schedules.clone();
        let schedules = schedules.map(|settings| Schedules::new(clients.scheduler().clone(), settings, GROUP));
        let snapshots = config.own.clone();
        let (owner, region) = (snapshots.owner.clone(), config.region.clone());
        let observer = Observer::new(clients.clone(), table.clone(), owner, region.clone());
        let kms = apply::Keys::new(clients.clone());
        let applier = Applier { table: table.clone(), topic, bus, schedules, clock: clock.clone(), kms };
        let settings = Settings {
            owner: snapshots.owner,
            region,
            calendar: Calendar::new(snapshots.time_zone, snapshots.begins),
            keep_minimum: snapshots.keep_minimum.into(),
            orphan_days: snapshots.orphan_days,
            share_with: snapshots.share_with,
            keys: snapshots.keys,
            dry_run: config.dry_run,
        };
        Self { config, settings, clock, table, observer, applier }
    }

    fn until(&mut self, deadline: Deadline) -> Invocation<'_> {
        Invocation { snapshot: self, deadline }
    }
}

impl Handler for Invocation<'_> {
    type Report = Report;

    async fn handle(&mut self, event: Event) -> Result<Report, HandlingError> {
        let (snapshot, deadline) = (&mut *self.snapshot, self.deadline);
        let now = event.now(snapshot.clock.now(), snapshot.config.clock_by_event);
        let trigger = Trigger::read(&event, &snapshot.config.account)?;
        let report = Report::new(trigger.word(), &snapshot.config);
        let mut run = Run { trigger: &trigger, deadline, now, report, failures: Vec::new(), got_on: false };
        let handled: Boxed<'_, _> = Box::pin(snapshot.handle(&mut run));
        let handled = handled.await;
        let Run { mut report, failures, .. } = run;
        // The sweep is its own retry. Any other message is delivered again, and finds done what was done.
        let failures = if trigger == Trigger::Sweep { Vec::new() } else { failures };
        report.base.end(handled, &failures, now)?;
        report.emit_ages(now);
        Ok(report)
    }
}

impl Snapshot {
    async fn handle(&mut self, run: &mut Run<'_>) -> Result<(), CallFailure> {
        if let Trigger::Ignored(word, why) = run.trigger {
            run.report.base.event(word, why);
            return Ok(());
        }
        let asked = match run.trigger {
            Trigger::Requested(asked) => Some(asked),
            _ => None,
        };
        let looked: Boxed<'_, Result<Account, CallFailure>> = Box::pin(self.look(run));
        let mut account = looked.await?;
        for (database, why) in &account.left {
            run.report.left(database.arn.identifier(), why);
        }
        for (database, failure) in &account.unreadable {
            run.report.base.failed(database.arn.identifier(), failure);
            // A request must not get lost over it: the message stays until the item is mended.
            if asked.is_some() {
                return Err(failure.clone());
            }
        }
        if *run.trigger == Trigger::Sweep && account.databases.is_empty() {
            run.report.base.event("no-database", "no database has opted in");
        }
        // Should time be short, those go first whose backup is the oldest.
        account.databases.sort_by_key(|seen| newest(&seen.here).map(Own::moment));
        if let Some(failure) = account.forgotten.take() {
            let taken: Boxed<'_, ()> = Box::pin(self.take_only(run, &account.databases));
            taken.await;
            return Err(failure);
        }
        let mut ordered: BTreeMap<Region, usize> = BTreeMap::new();
        for seen in &mut account.databases {
            if let Some(elsewhere) = &mut seen.elsewhere {
                elsewhere.under_way += ordered.get(&elsewhere.region).copied().unwrap_or_default();
            }
            if !run.deadline.allows_call(self.clock.now()) {
                run.report.base.stopped_early = true;
                break;
            }
            let attended: Boxed<'_, Option<Region>> = Box::pin(self.attend(run, seen, asked));
            if let Some(region) = attended.await {
                *ordered.entry(region).or_default() += 1;
            }
        }
        for seen in &account.opted_out {
            let forgotten: Boxed<'_, ()> = Box::pin(self.carry_out(run, seen, plan::opted_out(&self.settings, seen)));
            forgotten.await;
        }
        if *run.trigger == Trigger::Sweep {
            self.sweep_rest(run, &account).await?;
            // One that got nowhere would get nowhere again at once: that waits for the schedule.
            if run.report.base.stopped_early && run.got_on && !self.settings.dry_run {
                // Without it the next sweep goes on.
                if let Err(failure) = self.applier.sweep_again().await {
                    run.report.base.failed("sweep", &failure);
                }
            }
        }
        Ok(())
    }

    /// Takes what is due while no memory can be read, and does nothing else.
    async fn take_only(&mut self, run: &mut Run<'_>, databases: &[Seen]) {
        for seen in databases {
            let Some(plan) = plan::without_memory(&self.settings, seen, run.now) else {
                continue;
            };
            let done = if self.settings.dry_run {
                Done::default()
            } else {
                let Self { settings, observer, applier, .. } = self;
                let mut site = Site { settings, observer, deadline: run.deadline, now: run.now };
                applier.take(&plan, seen, &mut site).await
            };
            run.report.add(&plan, &done);
        }
    }

    /// Decides about one database, and does it. The region that a copy was ordered in, if one was.
    async fn attend(&mut self, run: &mut Run<'_>, seen: &Seen, asked: Option<&SnapshotRequested>) -> Option<Region> {
        let is_sweep = *run.trigger == Trigger::Sweep;
        let plan = plan::plan(&self.settings, seen, asked, is_sweep, run.now);
        let region = plan.copy.as_ref().map(|order| order.region.clone());
        self.carry_out(run, seen, plan).await;
        region
    }

    async fn carry_out(&mut self, run: &mut Run<'_>, seen: &Seen, plan: Plan) {
        let done = if self.settings.dry_run {
            Done::default()
        } else {
            let Self { settings, observer, applier, .. } = self;
            let mut site = Site { settings, observer, deadline: run.deadline, now: run.now };
            applier.apply(&plan, seen, &mut site).await
        };
        run.report.add(&plan, &done);
        run.got_on |= !done.taken.is_empty() || !done.deleted.is_empty() || done.copied.is_some();
        if done.out_of_time {
            run.report.base.stopped_early = true;
        }
        run.failures.extend(done.failures);
    }

    /// What a sweep does besides: databases that are gone, quotas, and what is measured.
    async fn sweep_rest(&mut self, run: &mut Run<'_>, account: &Account) -> Result<(), CallFailure> {
        let rows = plan::orphans(&self.settings, &account.orphans, run.now);
        let done = if self.settings.dry_run {
            Done::default()
        } else {
            let Self { settings, observer, applier, .. } = self;
            let mut site = Site { settings, observer, deadline: run.deadline, now: run.now };
            applier.delete_orphans(&rows, &account.orphans, &mut site).await
        };
        run.report.orphans(&rows, &done);
        run.report.rows(&plan::stranded(&account.stranded), &Done::default());
        for (region, failure) in
            account.quotas.iter().filter_map(|(region, quota)| Some((region, quota.as_ref().err()?)))
        {
            run.report.base.failed(&format!("quotas of {region}"), failure);
        }
        let mut percent = None;
        if account.quotas.values().any(Result::is_ok) {
            let before: Versioned<Standing> = self.table.get(&account_key()).await?;
            let (highest, after) =
                plan::quota(&account.quotas, &account.databases, &self.settings.region, &before.item);
            percent = Some(highest);
            if !self.settings.dry_run
                && let Err(failure) = self.applier.account(&before, after).await
            {
                run.report.base.failed("account", &failure);
            }
        }
        run.report.swept(account.databases.len(), percent);
        Ok(())
    }

    /// Looks at what the trigger is about: everything, or one database.
    async fn look(&mut self, run: &mut Run<'_>) -> Result<Account, CallFailure> {
        let observer = &mut self.observer;
        let mut all = Vec::new();
        let resource = match run.trigger {
            Trigger::Changed(kind, name) => {
                let Some(resource) = observer.database_of(*kind, name).await? else {
                    run.report.base.event("ignored", "there is no such snapshot, or it is not Steward's");
                    return Ok(Account::default());
                };
                Some(resource)
            }
            Trigger::Due(arn) => {
                all = observer.databases().await?;
                all.iter().find(|database| database.arn == *arn).map(|database| database.resource.clone())
            }
            Trigger::Requested(asked) => {
                all = observer.databases().await?;
                self.suitable(run, asked, &all).await?
            }
            Trigger::Sweep | Trigger::Ignored(..) => return observer.look().await,
        };
        if all.is_empty() {
            all = self.observer.databases().await?;
        }
        let Some(database) = all.iter().find(|database| Some(&database.resource) == resource.as_ref()) else {
            run.report.base.event("ignored", "there is no database for it");
            return Ok(Account::default());
        };
        self.observer.look_at(database).await
    }

    /// Resource id of the database that a request means. One that cannot be snapshotted is answered at once.
    async fn suitable(
        &self,
        run: &mut Run<'_>,
        asked: &SnapshotRequested,
        all: &[Database],
    ) -> Result<Option<String>, CallFailure> {
        match plan::suitable(asked, all) {
            Ok(database) => Ok(Some(database.resource.clone())),
            Err(reason) => {
                run.report.base.event("refused", &format!("{} for {}: {reason}", asked.request, asked.database));
                let (request, database) = (asked.request.clone(), asked.database.clone());
                if !self.settings.dry_run {
                    self.applier
                        .answer(&OwnEvent::SnapshotFailed(SnapshotFailed { request, database, reason }))
                        .await?;
                }
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod fixtures;
