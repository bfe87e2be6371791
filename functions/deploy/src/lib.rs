//! `deploy`: rolls the ECS services that run an image when it is pushed, watches the rollout, and never rolls again what
//! was rolled back.
//!
//! trigger -> observe -> plan -> apply -> record. An event is a hint where to look; what is done follows from what ECR
//! and ECS say now. `docs/deploy.md` is the user's page.

mod apply;
mod notice;
mod observe;
mod plan;
mod registered;
mod report;
mod rollback;
mod rollout;
mod sweep;
mod trigger;
mod turn;

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::alert::Topic;
use shared::arn::ServiceArn;
use shared::aws::Clients;
use shared::clock::{Clock, Deadline};
use shared::config::Config;
use shared::event::Event;
use shared::event::steward::DeployRequested;
use shared::failure::{CallFailure, HandlingError};
use shared::function::Function;
use shared::ingress::Handler;
use shared::policy::Policy;
use shared::report::Report;
use shared::state::Table;
use shared::tags::ServiceTags;

use crate::apply::Applier;
use crate::observe::{Candidate, Catalogs, Observed, Observer, Scope};
use crate::plan::{Decision, Plan, Settings};
use crate::report::Tell;
use crate::trigger::Trigger;

/// The function, with all that lives as long as its execution environment.
#[derive(Debug)]
pub struct Deploy {
    config: Config,
    clock: Clock,
    table: Table,
    observer: Observer,
    applier: Applier,
    /// When a sweep last asked to go on, if it has not got through since.
    sweeping: Option<Timestamp>,
    /// Whether outcomes, or rolls that would have waited, were left to a further sweep.
    owed: bool,
    /// Whether the sweep that is under way is such a one: nothing is left to another again.
    is_further: bool,
}

/// One invocation: the function, and the moment by which it must be done.
#[derive(Debug)]
pub struct Invocation<'a> {
    deploy: &'a mut Deploy,
    deadline: Deadline,
}

/// What one event is worth, and what has come of it so far.
struct Run<'a> {
    trigger: &'a Trigger,
    event: &'a str,
    deadline: Deadline,
    /// Rolls that this turn may still begin.
    rolls_left: usize,
    catalogs: Catalogs,
    report: Report,
    failures: Vec<CallFailure>,
}

impl Function for Deploy {
    type Settings = ();
    type Handler<'a> = Invocation<'a>;

    fn start(config: Config, clients: &Clients, clock: Clock) -> Self {
        let table = Table::new(clients.dynamodb().clone(), config.table.clone());
        let topic = Topic::new(clients.sns().clone(), config.topic.clone(), config.alert_format);
        let observer = Observer::new(clients.clone(), table.clone(), config.account.clone(), config.region.clone());
        let applier = Applier::new(clients.clone(), table.clone(), topic, clock.clone(), config.api_budget_percent);
        Self { config, clock, table, observer, applier, sweeping: None, owed: false, is_further: false }
    }

    fn until(&mut self, deadline: Deadline) -> Invocation<'_> {
        Invocation { deploy: self, deadline }
    }
}

impl Deploy {
    fn settings(&self) -> Settings {
        let Config { dry_run, rollout_timeout, heal_mode, .. } = self.config;
        Settings { dry_run, rollout_timeout, heal_mode }
    }
}

impl Handler for Invocation<'_> {
    type Report = Report;

    async fn handle(&mut self, event: Event) -> Result<Report, HandlingError> {
        let (deploy, deadline) = (&mut *self.deploy, self.deadline);
        let now = deploy.clock.now();
        let trigger = Trigger::read(&event, &deploy.config.account, &deploy.config.region, now)?;
        let mut run = Run {
            trigger: &trigger,
            event: &event.id,
            deadline,
            rolls_left: deploy.applier.rolls_in_a_turn(),
            catalogs: Catalogs::new(),
            report: Report::new("deploy", trigger.word(), deploy.config.dry_run),
            failures: Vec::new(),
        };
        // Boxed, as the SDK's calls nest deeply: on the heap, and once.
        let handled = Box::pin(deploy.handle(&mut run)).await;
        let Run { mut report, failures, .. } = run;
        // The sweep is its own retry. Any other message is delivered again, and finds done what was done.
        let failures = if trigger.is_sweep() { Vec::new() } else { failures };
        report.end(handled, &failures, deploy.clock.now())?;
        Ok(report)
    }
}

impl Deploy {
    async fn handle(&mut self, run: &mut Run<'_>) -> Result<(), CallFailure> {
        let services = match run.trigger {
            Trigger::Ignored(why) => {
                run.report.event("ignored", why);
                return Ok(());
            }
            Trigger::Sweep | Trigger::SweepContinued => return self.sweep(run).await,
            Trigger::Pushed { tag, .. } => self.observer.candidates(|candidate| may_concern(candidate, tag)).await?,
            Trigger::Announced { image, at } => {
                observe::announce(&self.table, image, *at).await?;
                self.observer.candidates(|candidate| may_concern(candidate, &image.tag)).await?
            }
            Trigger::DeploymentChanged { went_well: true, .. } if self.is_sweeping() => {
                self.owed = true;
                run.report
                    .event("ignored", "the sweep that is under way looks at it: good news of many services can wait");
                return Ok(());
            }
            Trigger::DeploymentChanged { service, deployment, .. } => {
                let memory = self.observer.memory(service).await?;
                if !memory.item.has_messages() && !memory.item.watches(deployment) {
                    run.report.event(
                        "ignored",
                        "the deployment is not one that is watched: somebody else's, a rollback's, or told already",
                    );
                    return Ok(());
                }
                vec![service.clone()]
            }
            Trigger::MigrationEnded { service, run: ended } => {
                let memory = self.observer.memory(service).await?;
                if memory.item.awaits.is_none_or(|awaits| awaits.what.run != *ended) {
                    run.report.event("ignored", "no roll waits for this migration");
                    return Ok(());
                }
                vec![service.clone()]
            }
            Trigger::RollbackRequested(request) => return self.roll_back(run, request).await,
            Trigger::Requested(DeployRequested { service: Some(service), .. }) => vec![service.clone()],
            Trigger::Requested(DeployRequested { after, .. }) => {
                let is_next = |arn: &ServiceArn| after.as_ref().is_none_or(|after| arn > after);
                self.observer.candidates(|candidate| is_next(&candidate.arn)).await?
            }
        };
        if services.is_empty() {
            run.report.event("ignored", "no service has opted in that this could concern");
        }
        match self.take_turn(run, services).await? {
            Some(rest) => self.go_on(run, &rest).await,
            None => Ok(()),
        }
    }

    /// Looks at some services, decides, and does what was decided. How many of them could be done in this turn.
    async fn look_and_roll(&mut self, run: &mut Run<'_>, chunk: &[Vec<ServiceArn>]) -> Result<usize, CallFailure> {
        let outcomes_only = matches!(run.trigger, Trigger::DeploymentChanged { .. });
        let scope = Scope { repository: run.trigger.repository(), outcomes_only };
        let seen: BTreeMap<ServiceArn, Observed> = self.observer.look(chunk, scope, &mut run.catalogs).await?;
        for (done, (arn, observed)) in seen.iter().enumerate() {
            let now = self.clock.now();
            let plan: Plan = plan::plan(self.settings(), run.trigger, run.event, arn, observed, &run.catalogs, now);
            if let Decision::Roll(roll) = &plan.decision {
                let waits = self.applier.waits_to_register(roll);
                if waits && run.trigger.is_sweep() && !self.is_further {
                    self.owed = true;
                    run.report.put_off();
                    continue;
                }
                let has_begun = run.rolls_left < self.applier.rolls_in_a_turn();
                let is_over = run.rolls_left == 0 || !self.applier.has_time(roll, run.deadline);
                if is_over || (waits && has_begun && run.trigger.becomes_a_sweep()) {
                    return Ok(done);
                }
                run.rolls_left -= 1;
            }
            let failure = self.applier.apply(&plan, observed, &mut self.observer).await.err();
            let failure = failure.or_else(|| observed.failure.clone());
            run.report.add(&plan, observed, failure.as_ref());
            // What AWS will refuse again as it stands is recorded, counted and told; it does not keep the message.
            run.failures.extend(failure);
        }
        Ok(seen.len())
    }
}

/// Whether a push of this tag could concern a service, by what the tagging API says of its tags. Tags that cannot be read
/// concern everything: they are reported.
fn may_concern(candidate: &Candidate, tag: &shared::image::ImageTag) -> bool {
    ServiceTags::of(&candidate.tags).map_or(true, |tags| tags.policy.may_concern(tag))
}

/// Whether the tagging API says that the service wants to be left alone.
fn is_off(candidate: &Candidate) -> bool {
    candidate.tags.iter().any(|(key, value)| key == shared::tags::DEPLOY && value.parse() == Ok(Policy::Off))
}
