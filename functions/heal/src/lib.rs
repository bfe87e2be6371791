//! `heal`: says what broke and why, once, and asks for a rollback where it is safe.
//!
//! trigger -> observe -> plan -> apply -> record. Stops are counted, incidents are told when they begin, change, grow and
//! end, and a rollback is asked of `deploy` only when every named guard holds. It changes nothing in ECS itself.
//! `docs/heal.md` is the user's page.

mod apply;
mod board;
mod classify;
mod notice;
mod observe;
mod plan;
mod report;
mod sweep;
mod trigger;
mod watch;

use std::pin::Pin;

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
use shared::mute::Mutes;
use shared::report::Report;
use shared::schedule::Schedules;
use shared::state::Table;

use crate::apply::Applier;
use crate::board::Ledger;
pub use crate::notice::KINDS as ALERT_KINDS;
use crate::observe::{Evidence, Observer};
use crate::plan::Settings;
use crate::report::Tell;
use crate::trigger::{News, Subject, Trigger};

/// The SDK's calls nest deeply: on the heap, and behind one pointer.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Message group of the function's queue.
const GROUP: &str = "heal";

/// The function, with all that lives as long as its execution environment.
#[derive(Debug)]
pub struct Heal {
    config: Config,
    clock: Clock,
    table: Table,
    observer: Observer,
    applier: Applier,
}

/// One invocation: the function, and the moment by which it must be done.
#[derive(Debug)]
pub struct Invocation<'a> {
    heal: &'a mut Heal,
    deadline: Deadline,
}

/// What one event is worth, and what has come of it so far.
struct Run<'a> {
    event: &'a str,
    deadline: Deadline,
    report: Report,
}

impl Function for Heal {
    type Settings = ();
    type Handler<'a> = Invocation<'a>;

    fn start(config: Config, clients: &Clients, clock: Clock) -> Self {
        let table = Table::new(clients.dynamodb().clone(), config.table.clone());
        let topic = Topic::new(clients.sns().clone(), config.topic.clone(), config.alert_format);
        let (account, region) = (config.account.clone(), config.region.clone());
        let observer = Observer::new(clients.clone(), table.clone(), clock.clone(), account, region);
        let schedules = config.schedules.clone();
        let schedules = schedules.map(|settings| Schedules::new(clients.scheduler().clone(), settings, GROUP));
        let bus = Bus::new(clients.events().clone());
        let applier = Applier { table: table.clone(), topic, bus, schedules };
        Self { config, clock, table, observer, applier }
    }

    fn until(&mut self, deadline: Deadline) -> Invocation<'_> {
        Invocation { heal: self, deadline }
    }
}

impl Heal {
    fn settings(&self) -> Settings<'_> {
        let Config { dry_run, heal_mode: mode, rollout_timeout, ref function, .. } = self.config;
        Settings { function: function.as_deref(), dry_run, mode, rollout_timeout }
    }
}

impl Handler for Invocation<'_> {
    type Report = Report;

    async fn handle(&mut self, event: Event) -> Result<Report, HandlingError> {
        let (heal, deadline) = (&mut *self.heal, self.deadline);
        let now = event.now(heal.clock.now(), heal.config.clock_by_event);
        let trigger = Trigger::read(&event, &heal.config.account, now)?;
        let report = Report::new("heal", trigger.word(), heal.config.dry_run);
        let mut run = Run { event: &event.id, deadline, report };
        let handled: Boxed<'_, _> = Box::pin(heal.handle(&mut run, &trigger, now));
        let handled = handled.await;
        run.report.end(handled, &[], now)?;
        Ok(run.report)
    }
}

impl Heal {
    async fn handle(&mut self, run: &mut Run<'_>, trigger: &Trigger, now: Timestamp) -> Result<(), CallFailure> {
        match trigger {
            Trigger::Ignored(word, why) => {
                let word = if *word == "unknown" { "unknown" } else { "ignored" };
                run.report.about_event(word, why);
                Ok(())
            }
            Trigger::About(_, subject, news) => self.attend_boxed(run, subject, news, now).await.map(drop),
            Trigger::Sweep => Box::pin(self.sweep(run, now)).await,
            Trigger::Mute(request) => {
                let mut mutes = self.observer.mutes().await?;
                mutes.item.request(request, now);
                if !self.config.dry_run {
                    self.table.put(&Mutes::key(), &mut mutes, None).await?;
                }
                run.report.event("muted", "the mutes in force follow");
                run.report.muted(&mutes.item, now);
                Ok(())
            }
            Trigger::ResumedInAccount(by) => {
                let mut ledger = self.observer.ledger().await?;
                ledger.item.failed.clear();
                if !self.config.dry_run {
                    self.table.put(&Ledger::key(), &mut ledger, None).await?;
                }
                let who = by.as_deref().unwrap_or("a person");
                run.report.event("resumed", &format!("{who} switched healing on again in the account"));
                Ok(())
            }
        }
    }

    /// As [`Heal::attend`], on the heap.
    fn attend_boxed<'a>(
        &'a mut self,
        run: &'a mut Run<'_>,
        subject: &'a Subject,
        news: &'a News,
        now: Timestamp,
    ) -> Boxed<'a, Result<bool, CallFailure>> {
        Box::pin(self.attend(run, subject, news, now))
    }

    /// Attends to one subject. Whether nothing is open and nothing waits there any more.
    async fn attend(
        &mut self,
        run: &mut Run<'_>,
        subject: &Subject,
        news: &News,
        now: Timestamp,
    ) -> Result<bool, CallFailure> {
        let Some(seen) = self.observer.look(subject, news, now).await? else {
            run.report.not_opted_in(&subject.short());
            return Ok(true);
        };
        let settings = self.settings();
        let step = plan::attend(settings, run.event, subject, news, &seen, now);
        let evidence = match (&seen.service, &step.desk.watch.incident) {
            (Some(service), Some(incident)) if step.needs_evidence() => {
                let closer: Boxed<'_, Evidence> = Box::pin(self.observer.look_closer(service, incident));
                closer.await
            }
            _ => Evidence::default(),
        };
        let plan = plan::conclude(settings, subject, &seen, step, &evidence, now);
        run.report.add(&plan);
        let watch = plan.watch.as_ref().unwrap_or(&seen.watch.item);
        let is_done = watch.incident.is_none();
        self.applier.apply(plan, &seen).await?;
        Ok(is_done)
    }
}
