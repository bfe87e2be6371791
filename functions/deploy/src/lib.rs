//! `deploy`: rolls the ECS services that run an image when it is pushed, watches the rollout, and never rolls again what
//! was rolled back.
//!
//! trigger -> observe -> plan -> apply -> record. An event is a hint where to look; what is done follows from what ECR
//! and ECS say now. `docs/deploy.md` is the user's page.

mod apply;
mod notice;
mod observe;
mod plan;
mod report;
mod rollback;
mod rollout;
mod sweep;
mod trigger;

use std::collections::BTreeMap;

use shared::alert::Topic;
use shared::arn::ServiceArn;
use shared::aws::Clients;
use shared::clock::{Clock, Deadline};
use shared::config::Config;
use shared::event::Event;
use shared::failure::{CallFailure, HandlingError};
use shared::function::Function;
use shared::ingress::Handler;
use shared::policy::Policy;
use shared::state::Table;
use shared::tags::ServiceTags;

use crate::apply::{Applied, Applier, Registered};
use crate::observe::{Candidate, Catalogs, Observed, Observer, Scope, batches};
use crate::plan::{Decision, Plan, Reason, Settings};
pub use crate::report::Report;
use crate::trigger::Trigger;

/// Batches of services that are looked at together: fifty services, so that what is decided on was seen a moment ago.
const BATCHES_AT_ONCE: usize = 5;

/// The function, with all that lives as long as its execution environment.
#[derive(Debug)]
pub struct Deploy {
    config: Config,
    clock: Clock,
    table: Table,
    observer: Observer,
    applier: Applier,
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
    catalogs: Catalogs,
    registered: Registered,
    report: Report,
    failures: Vec<CallFailure>,
}

impl Function for Deploy {
    type Handler<'a> = Invocation<'a>;

    fn start(config: Config, clients: &Clients, clock: Clock) -> Self {
        let table = Table::new(clients.dynamodb().clone(), config.table.clone());
        let topic = Topic::new(clients.sns().clone(), config.topic.clone(), config.alert_format);
        let observer = Observer::new(clients.clone(), table.clone(), config.account.clone(), config.region.clone());
        let applier = Applier::new(clients.clone(), table.clone(), topic, clock.clone(), config.api_budget_percent);
        Self { config, clock, table, observer, applier }
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
            catalogs: Catalogs::new(),
            registered: Registered::default(),
            report: Report::new(trigger.word(), deploy.config.dry_run),
            failures: Vec::new(),
        };
        // Boxed, as the SDK's calls nest deeply: on the heap, and once.
        let handled = Box::pin(deploy.handle(&mut run)).await;
        let Run { report, failures, .. } = run;
        report.emit(deploy.clock.now());
        handled?;
        // The sweep is its own retry. Any other message is delivered again, and finds done what was done.
        match failures.first() {
            Some(first) if trigger != Trigger::Sweep => {
                let rest = failures.len() - 1;
                let others = if rest > 0 { format!(" (and {rest} more)") } else { String::new() };
                Err(HandlingError::Failed(format!("{first}{others}")))
            }
            _ => Ok(report),
        }
    }
}

impl Deploy {
    async fn handle(&mut self, run: &mut Run<'_>) -> Result<(), CallFailure> {
        let services = match run.trigger {
            Trigger::Ignored(why) => {
                run.report.ignored(why);
                return Ok(());
            }
            Trigger::Sweep => return self.sweep(run).await,
            Trigger::Pushed { tag, .. } => self.observer.candidates(|candidate| may_concern(candidate, tag)).await?,
            Trigger::Announced { image, at } => {
                observe::announce(&self.table, image, *at).await?;
                self.observer.candidates(|candidate| may_concern(candidate, &image.tag)).await?
            }
            Trigger::DeploymentChanged { service, deployment } => {
                let memory = self.observer.memory(service).await?;
                if !memory.item.has_messages() && !memory.item.watches(deployment) {
                    run.report.ignored(
                        "the deployment is not one that is watched: somebody else's, a rollback's, or told already",
                    );
                    return Ok(());
                }
                vec![service.clone()]
            }
            Trigger::MigrationEnded { service, run: ended } => {
                let memory = self.observer.memory(service).await?;
                if memory.item.awaits.is_none_or(|awaits| awaits.what.run != *ended) {
                    run.report.ignored("no roll waits for this migration");
                    return Ok(());
                }
                vec![service.clone()]
            }
            Trigger::RollbackRequested(request) => return self.roll_back(run, request).await,
            Trigger::Requested(request) => match &request.service {
                Some(service) => vec![service.clone()],
                None => self.observer.candidates(|_| true).await?,
            },
        };
        if services.is_empty() {
            run.report.ignored("no service has opted in that this could concern");
        }
        let batches = batches(services);
        for (index, chunk) in batches.chunks(BATCHES_AT_ONCE).enumerate() {
            if !run.deadline.allows_call(self.clock.now()) {
                let left = batches.iter().skip(index * BATCHES_AT_ONCE).flatten();
                left.for_each(|service| run.report.deferred(service));
                break;
            }
            self.look_and_roll(run, chunk).await?;
        }
        Ok(())
    }

    /// Looks at some services, decides, and does what was decided. Whether all of it could be done in time.
    async fn look_and_roll(&mut self, run: &mut Run<'_>, chunk: &[Vec<ServiceArn>]) -> Result<bool, CallFailure> {
        let outcomes_only = matches!(run.trigger, Trigger::DeploymentChanged { .. });
        let scope = Scope { repository: run.trigger.repository(), outcomes_only };
        let seen: BTreeMap<ServiceArn, Observed> = self.observer.look(chunk, scope, &mut run.catalogs).await?;
        let mut in_time = true;
        for (arn, observed) in &seen {
            let now = self.clock.now();
            let mut plan: Plan = plan::plan(self.settings(), run.trigger, run.event, arn, observed, &run.catalogs, now);
            let (observer, registered) = (&mut self.observer, &mut run.registered);
            let mut failure = observed.failure.clone();
            match self.applier.apply(&plan, observed, observer, registered, run.deadline).await {
                Applied::Done => {}
                Applied::NoTime => {
                    plan.decision = Decision::Left(Reason::NoTime);
                    in_time = false;
                }
                Applied::Failed(failed) => failure = Some(failed),
            }
            run.report.add(&plan, observed, failure.as_ref());
            // What AWS will refuse again as it stands is recorded, counted and told; it must not keep the message.
            run.failures.extend(failure.filter(CallFailure::is_worth_a_retry));
        }
        Ok(in_time)
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
