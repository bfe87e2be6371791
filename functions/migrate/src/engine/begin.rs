//! How a run comes to be, and how it begins anew: asked for by `deploy`, by a schedule, by a person, or by a rollout that
//! waits. What it will do is read from the service; of the event only that it was asked for.

use jiff::Timestamp;
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::event::ecs::HookStateChange;
use shared::event::steward::{MigrationRequested, MigrationResolved, RequestName};
use shared::failure::{CallFailure, FailureKind};
use shared::migration::{Awaited, RolloutHead, RunId, RunState, rollout_key};
use shared::task_definition::RawTaskDefinition;

use super::Held;
use crate::observe::image;
use crate::plan::{self, Refused};
use crate::report::Tell;
use crate::request::{self, Image};
use crate::run::{Cause, Frozen, Run};
use crate::{Context, Migrate, notice, open};

/// Why a run is left alone that `deploy` does not ask for.
const NOT_AWAITED: &str = "deploy does not wait for this run any more";

/// Whether a run that there is has to be run once more for who asks now. What nobody knows about is a person's.
fn begins_anew(run: &Run, asked: Option<Timestamp>) -> bool {
    match run.state {
        RunState::Superseded => true,
        RunState::Migrated | RunState::Failed => run.closed && run.asked != asked,
        _ => false,
    }
}

impl Migrate {
    /// Somebody wants a migration.
    pub(crate) async fn requested(
        &mut self,
        request: &MigrationRequested,
        event: &str,
        context: &mut Context,
    ) -> Result<(), CallFailure> {
        let service = &request.service;
        let (id, cause) = if let Some(run) = &request.rollout {
            (run.clone(), Cause::Rollout)
        } else {
            let name = request.request.as_ref().map_or(event, |name| name.as_str());
            if name.is_empty() {
                context.report.event("refused", "a request needs a name (request), or the event an id");
                return Ok(());
            }
            (RunId::of_request(service, name, request.at), Cause::Request)
        };
        self.begin(id, service, cause, request.requested_by.clone(), context).await
    }

    /// A rollout waits. It is ours to answer where the service migrates.
    pub(crate) async fn hooked(&mut self, hook: &HookStateChange, context: &mut Context) -> Result<(), CallFailure> {
        let Ok(service) = hook.service_arn.parse::<ServiceArn>() else {
            context.report.event("ignored", "the hook names no service");
            return Ok(());
        };
        let seen = self.observer.service(&service).await?;
        let migrates = |tags: &[(String, String)]| tags.iter().any(|(key, _)| key == shared::tags::MIGRATE);
        if !seen.is_some_and(|seen| migrates(&seen.tags)) {
            context.report.event("ignored", "the service has no tag steward:migrate: its hook is somebody else's");
            return Ok(());
        }
        let (service_deployment, id) = (hook.service_deployment_arn.clone(), hook.hook_id.clone());
        let run = RunId::of_hook(&service_deployment, &id);
        self.begin(run, &service, Cause::Hook { service_deployment, hook: id }, None, context).await
    }

    /// Makes the run, or finds the one that there is.
    async fn begin(
        &mut self,
        id: RunId,
        service: &ServiceArn,
        cause: Cause,
        requested_by: Option<String>,
        context: &mut Context,
    ) -> Result<(), CallFailure> {
        let Some(awaited) = self.awaited(&id, service, &cause).await? else {
            context.report.event("ignored", NOT_AWAITED);
            return Ok(());
        };
        let asked = awaited.as_ref().map(|awaited| awaited.since);
        let mut held: Held = self.table.get(&id.key()).await?;
        let known = held.item.clone();
        if let Some(run) = known.clone().filter(|run| !begins_anew(run, asked)) {
            if run.state.is_over() && run.closed {
                return self.answer_again(&run, context).await;
            }
            // It is proven after it was asked for, whoever asked first.
            if !self.config.dry_run {
                self.write(&mut held, Run { asked, ..run }).await?;
            }
            context.due.push_back(id);
            return Ok(());
        }
        let frozen = self.freeze(service, &cause, awaited).await?;
        let mut run = Run::new(id.clone(), service.clone(), cause, requested_by, frozen, context.now);
        run.asked = asked;
        if let Some(known) = known {
            run.carry_on(known);
        }
        plan::end_if_refused(&mut run, context.now);
        if self.config.dry_run {
            context.report.run(&run, None);
            return Ok(());
        }
        open::enter(&self.table, &id).await?;
        held.item = Some(run);
        self.table.put(&id.key(), &mut held, None).await?;
        context.due.push_back(id);
        Ok(())
    }

    /// Whoever asks again has missed the answer.
    async fn answer_again(&self, run: &Run, context: &mut Context) -> Result<(), CallFailure> {
        context.report.run(run, Some(run.state));
        if self.config.dry_run {
            return Ok(());
        }
        self.bus.put(&run.answer()).await
    }

    /// What `deploy` waits for, of a run before a rollout. The outer `None` is that it does not wait for this one.
    async fn awaited(
        &self,
        id: &RunId,
        service: &ServiceArn,
        cause: &Cause,
    ) -> Result<Option<Option<Awaited>>, CallFailure> {
        if *cause != Cause::Rollout {
            return Ok(Some(None));
        }
        let head = self.table.get::<RolloutHead>(&rollout_key(service)).await?.item;
        Ok(head.awaits.filter(|awaited| awaited.run == *id).map(Some))
    }

    /// What a run that has waited would do if it were asked for now, or why it is not wanted any more.
    pub(super) async fn renew(&self, run: &Run) -> Result<Result<Frozen, String>, CallFailure> {
        if !self.is_waited_for(&run.cause).await? {
            return Ok(Err("the rollout does not wait at its hook any more".to_owned()));
        }
        match self.awaited(&run.id, &run.service, &run.cause).await? {
            None => Ok(Err(NOT_AWAITED.to_owned())),
            Some(awaited) => self.freeze(&run.service, &run.cause, awaited).await,
        }
    }

    /// Whether the rollout still waits that a run at a hook is for. Of other runs that is not asked here.
    async fn is_waited_for(&self, cause: &Cause) -> Result<bool, CallFailure> {
        match cause {
            Cause::Hook { service_deployment, hook } => self.observer.waits(service_deployment, hook).await,
            Cause::Rollout | Cause::Request => Ok(true),
        }
    }

    /// What a run will do, or why it cannot be run.
    async fn freeze(
        &self,
        service: &ServiceArn,
        cause: &Cause,
        awaited: Option<Awaited>,
    ) -> Result<Result<Frozen, String>, CallFailure> {
        let Some(seen) = self.observer.service(service).await? else {
            return Ok(Err("ECS does not know the service".to_owned()));
        };
        let tags = match request::tags(&seen) {
            Ok(tags) => tags,
            Err(why) => return Ok(Err(why)),
        };
        let chosen = match awaited {
            Some(Awaited { container, .. }) if container != tags.0.container => {
                Err(format!("steward:migrate names {} by now, and {container} was asked for", tags.0.container))
            }
            Some(Awaited { reference, digest, base, .. }) => Ok((base, Image { reference, digest })),
            None => self.running(&seen, &tags.0.container, cause).await?,
        };
        let (base, image) = match chosen {
            Ok(chosen) => chosen,
            Err(why) => return Ok(Err(why)),
        };
        let timeout = self.config.migration_timeout;
        Ok(match self.definition(&base).await? {
            Ok(definition) => request::freeze(&seen, tags, &base, &definition, image, timeout),
            Err(why) => Err(why),
        })
    }

    /// The revision and image that a service is set to, or that a waiting rollout goes to.
    async fn running(
        &self,
        seen: &request::Service,
        container: &str,
        cause: &Cause,
    ) -> Result<Result<(TaskDefinitionArn, Image), String>, CallFailure> {
        let revision = match cause {
            Cause::Hook { service_deployment, .. } => self.observer.target(service_deployment).await?,
            _ => None,
        };
        let base = revision.as_ref().map(|revision| revision.task_definition.clone()).or(seen.task_definition.clone());
        let Some(base) = base else {
            return Ok(Err("the service has no task definition".to_owned()));
        };
        let definition = match self.definition(&base).await? {
            Ok(definition) => definition,
            Err(why) => return Ok(Err(why)),
        };
        let reference = definition.images().into_iter().find(|(name, _)| *name == container);
        let Some(reference) = reference.map(|(_, image)| image.to_owned()) else {
            return Ok(Err(format!("{} has no container {container}, which steward:migrate names", base.short())));
        };
        let resolved = if reference.contains('@') || revision.is_some() {
            revision
        } else {
            self.observer.revisions(&seen.revisions).await?.pop()
        };
        Ok(image(container, &reference, resolved.as_ref()).map(|image| (base, image)))
    }

    /// A revision, or why there is none: it may have been deleted.
    async fn definition(&self, arn: &TaskDefinitionArn) -> Result<Result<RawTaskDefinition, String>, CallFailure> {
        match self.observer.definition(arn).await {
            Ok(definition) => Ok(Ok(definition)),
            Err(failure) if matches!(failure.kind, FailureKind::Invalid | FailureKind::Missing) => {
                Ok(Err(failure.to_string()))
            }
            Err(failure) => Err(failure),
        }
    }

    /// A person decides about a run.
    pub(crate) async fn resolved(
        &mut self,
        resolved: &MigrationResolved,
        context: &mut Context,
    ) -> Result<(), CallFailure> {
        let mut held: Held = self.table.get(&resolved.run.key()).await?;
        let Some(mut run) = held.item.clone() else {
            context.report.event("refused", &format!("there is no run {}: an alert names it", resolved.run));
            return Ok(());
        };
        let before = run.state;
        let decided = match plan::resolve(&mut run, resolved, context.now) {
            Ok(false) => Ok(()),
            Ok(true) if !self.is_waited_for(&run.cause).await? => {
                Err(Refused("the rollout that it was for does not wait any more".to_owned()))
            }
            Ok(true) => match self.awaited(&run.id, &run.service, &run.cause).await? {
                Some(awaited) => {
                    let asked = awaited.as_ref().map(|awaited| awaited.since);
                    let frozen = self.freeze(&run.service, &run.cause, awaited).await?;
                    run = Run { asked, ..run.anew(frozen, context.now) };
                    plan::end_if_refused(&mut run, context.now);
                    Ok(())
                }
                None => Err(Refused(NOT_AWAITED.to_owned())),
            },
            Err(refused) => Err(refused),
        };
        if let Err(Refused(why)) = &decided {
            context.report.event("refused", why);
            run.untold.push(notice::refused(&run, why));
        }
        if self.config.dry_run {
            return Ok(());
        }
        context.report.run(&run, Some(before));
        open::enter(&self.table, &run.id).await?;
        run.closed = false;
        let id = run.id.clone();
        held.item = Some(run);
        self.table.put(&id.key(), &mut held, None).await?;
        context.due.push_back(id);
        Ok(())
    }

    /// `snapshot` has answered. Whether it is true, the next look says.
    pub(crate) async fn snapshot_answered(
        &mut self,
        id: &RunId,
        request: &RequestName,
        answer: &Result<String, String>,
        context: &mut Context,
    ) -> Result<(), CallFailure> {
        let mut held: Held = self.table.get(&id.key()).await?;
        match held.item.clone() {
            Some(mut run)
                if run.state == RunState::RestorePoint
                    && plan::request_name(&run).as_ref() == Some(request)
                    && !self.config.dry_run =>
            {
                plan::answered(&mut run, answer.clone());
                self.write(&mut held, run).await?;
                context.due.push_back(id.clone());
            }
            _ => context.report.event("ignored", "no run waits for this snapshot"),
        }
        Ok(())
    }
}
