//! `migrate`: runs database migrations as ECS tasks, one at a time for each database, and proves their outcome.
//!
//! trigger -> run -> look -> plan -> apply -> record. Whatever wakes it only says which run to look at; what a run does next
//! follows from its item in the state table and from what ECS and RDS say. `docs/migrate.md` is the user's page.

mod apply;
mod classify;
mod command;
mod engine;
mod lock;
mod notice;
mod observe;
mod open;
mod plan;
mod report;
mod request;
mod run;
mod trigger;

use std::collections::VecDeque;

use jiff::Timestamp;
use shared::alert::Topic;
use shared::aws::Clients;
use shared::bus::Bus;
use shared::clock::{Clock, Deadline};
use shared::config::Config;
use shared::event::Event;
use shared::failure::{CallFailure, HandlingError};
use shared::function::Function;
use shared::ingress::Handler;
use shared::migration::RunId;
use shared::report::Report;
use shared::schedule::Schedules;
use shared::state::Table;

use crate::apply::Applier;
pub use crate::notice::KINDS as ALERT_KINDS;
use crate::observe::Observer;
use crate::trigger::Trigger;

/// Message group of the function's queue.
const GROUP: &str = "migrate";

/// The function, with all that lives as long as its execution environment.
#[derive(Debug)]
pub struct Migrate {
    config: Config,
    clock: Clock,
    table: Table,
    topic: Topic,
    bus: Bus,
    schedules: Option<Schedules>,
    observer: Observer,
    applier: Applier,
}

/// One invocation: the function, and the moment by which it must be done.
#[derive(Debug)]
pub struct Invocation<'a> {
    migrate: &'a mut Migrate,
    deadline: Deadline,
}

/// What one event is worth, and what has come of it so far.
struct Context {
    deadline: Deadline,
    now: Timestamp,
    report: Report,
    failures: Vec<CallFailure>,
    /// Runs that have to be looked at: what ends lets the next begin.
    due: VecDeque<RunId>,
}

impl Function for Migrate {
    type Settings = ();
    type Handler<'a> = Invocation<'a>;

    fn start(config: Config, clients: &Clients, clock: Clock) -> Self {
        let table = Table::new(clients.dynamodb().clone(), config.table.clone());
        let topic = Topic::new(clients.sns().clone(), config.topic.clone(), config.alert_format);
        let bus = Bus::new(clients.events().clone());
        let schedules = config.schedules.clone();
        let schedules = schedules.map(|settings| Schedules::new(clients.scheduler().clone(), settings, GROUP));
        let (observer, applier) = (Observer::new(clients.clone()), Applier::new(clients.clone()));
        Self { config, clock, table, topic, bus, schedules, observer, applier }
    }

    fn until(&mut self, deadline: Deadline) -> Invocation<'_> {
        Invocation { migrate: self, deadline }
    }
}

impl Handler for Invocation<'_> {
    type Report = Report;

    async fn handle(&mut self, event: Event) -> Result<Report, HandlingError> {
        let (migrate, deadline) = (&mut *self.migrate, self.deadline);
        let now = event.now(migrate.clock.now(), migrate.config.clock_by_event);
        let trigger = Trigger::read(&event, &migrate.config.account)?;
        let report = Report::new("migrate", trigger.word(), migrate.config.dry_run);
        let mut context = Context { deadline, now, report, failures: Vec::new(), due: VecDeque::new() };
        // Boxed, as the SDK's calls nest deeply: on the heap, and once.
        let handled = Box::pin(migrate.handle(&trigger, &mut context)).await;
        let Context { mut report, failures, .. } = context;
        // The sweep is its own retry. Any other message is delivered again, and finds done what was done.
        let failures = if trigger == Trigger::Sweep { Vec::new() } else { failures };
        report.end(handled, &failures, now)?;
        Ok(report)
    }
}

impl Migrate {
    async fn handle(&mut self, trigger: &Trigger, context: &mut Context) -> Result<(), CallFailure> {
        match trigger {
            Trigger::Ignored(word, why) => context.report.event(word, why),
            Trigger::Requested(request, event) => self.requested(request, event, context).await?,
            Trigger::Hook(hook) => self.hooked(hook, context).await?,
            Trigger::Resolved(resolved) => self.resolved(resolved, context).await?,
            Trigger::SnapshotAnswered(run, request, answer) => {
                self.snapshot_answered(run, request, answer, context).await?;
            }
            Trigger::TaskStopped(run) | Trigger::Due(run) => context.due.push_back(run.clone()),
            Trigger::Sweep => return self.sweep(context).await,
        }
        self.attend_all(context).await
    }

    /// Looks at every run that is due, and at those whose turn comes by it.
    async fn attend_all(&mut self, context: &mut Context) -> Result<(), CallFailure> {
        while let Some(run) = context.due.pop_front() {
            if !context.deadline.allows_call(self.clock.now()) {
                context.report.stopped_early = true;
                break;
            }
            self.attend(&run, context).await?;
        }
        Ok(())
    }
}
