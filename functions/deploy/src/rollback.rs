//! The way back: what `heal` or a person asks for. It is read anew, decided again, done or refused, and answered.

use shared::event::steward::{OwnEvent, RollbackAnswered, RollbackOutcome, RollbackRequested};
use shared::failure::{CallFailure, FailureKind};
use shared::mute::Mutes;
use shared::state::Versioned;

use crate::observe::{Catalogs, Scope};
use crate::plan::rollback::{self, Answer, How, Known};
use crate::report::Tell;
use crate::rollout::Rollout;
use crate::{Deploy, Run, notice};

impl Deploy {
    pub(crate) async fn roll_back(
        &mut self,
        run: &mut Run<'_>,
        request: &RollbackRequested,
    ) -> Result<(), CallFailure> {
        let arn = &request.service;
        let scope = Scope { repository: None, outcomes_only: true };
        let batch = [vec![arn.clone()]];
        let mut seen = self.observer.look(&batch, scope, &mut Catalogs::new()).await?;
        let Some(observed) = seen.remove(arn) else {
            return Ok(());
        };
        let memory = observed.memory.clone();
        let Some(service) = &observed.service else {
            if let Some(failure) = observed.failure {
                return Err(failure);
            }
            return self
                .answer(run, request, memory, RollbackOutcome::Refused, "the service is not there any more")
                .await;
        };
        let mutes = self.table.get::<Mutes>(&Mutes::key()).await?.item;
        let (history, catalogs) = self.observer.history(service).await?;
        let ledger = self.observer.ledger(service).await?;
        let (settings, now) = (self.settings(), self.clock.now());
        let known =
            Known { memory: &memory.item, history: &history, catalogs: &catalogs, mutes: &mutes, ledger: &ledger };
        let answer = rollback::decide(settings, request, service, known, now);
        let how = match answer {
            Answer::Already => {
                let why = "it was begun before";
                return self.answer(run, request, memory, RollbackOutcome::Already, why).await;
            }
            Answer::Refused(why) => return self.answer(run, request, memory, RollbackOutcome::Refused, &why).await,
            Answer::Begin(how) => how,
        };
        let reason = match &how {
            How::Stop { .. } => "the deployment under way is stopped and rolled back".to_owned(),
            How::Back { roll, .. } => format!("back to {}", roll.base.short()),
        };
        if self.config.dry_run {
            run.report.rolled_back(arn, "would-roll-back", &reason);
            return Ok(());
        }
        let intended = rollback::intend(request, run.event, service, &memory.item, &history, &how, now);
        let mut intended = Versioned { item: intended, version: memory.version };
        match self.applier.go_back(arn, &how, &mut intended, &mut self.observer).await {
            Ok(()) => {
                let outcome =
                    if matches!(how, How::Stop { .. }) { RollbackOutcome::Stopping } else { RollbackOutcome::Started };
                self.answer(run, request, intended, outcome, &reason).await
            }
            // Where no answer came it may still take effect: the intent stays, and the message comes again.
            Err(failure) if failure.kind == FailureKind::Unavailable => Err(failure),
            Err(failure) => {
                let restored = Versioned { item: memory.item, version: intended.version };
                let is_final = failure.kind == FailureKind::Denied || !failure.is_worth_a_retry();
                self.applier.settle_up(arn, &mut restored.clone()).await?;
                if !is_final {
                    return Err(failure);
                }
                let restored = Versioned { version: restored.version + 1, ..restored };
                self.answer(run, request, restored, RollbackOutcome::Refused, &failure.to_string()).await
            }
        }
    }

    /// Tells whoever asked: `heal` by an event, a person by an alert, where it was not done.
    async fn answer(
        &mut self,
        run: &mut Run<'_>,
        request: &RollbackRequested,
        mut memory: Versioned<Rollout>,
        outcome: RollbackOutcome,
        reason: &str,
    ) -> Result<(), CallFailure> {
        let word = match outcome {
            RollbackOutcome::Started => "roll-back",
            RollbackOutcome::Stopping => "stop-and-roll-back",
            RollbackOutcome::Already => "under-way",
            RollbackOutcome::Refused => "not-rolled-back",
        };
        run.report.rolled_back(&request.service, word, reason);
        if self.config.dry_run {
            return Ok(());
        }
        match &request.incident {
            Some(incident) => {
                let attempt = memory.item.attempt.as_ref().filter(|attempt| attempt.is_rollback);
                let deployment = attempt.and_then(|attempt| attempt.deployment.clone());
                memory.item.unsent.push(OwnEvent::RollbackAnswered(RollbackAnswered {
                    service: request.service.clone(),
                    incident: incident.clone(),
                    outcome,
                    reason: reason.to_owned(),
                    deployment: deployment.filter(|_| outcome != RollbackOutcome::Refused),
                }));
            }
            None if outcome == RollbackOutcome::Refused => {
                notice::tell_not_rolled_back(&mut memory.item, request, reason);
            }
            None => {}
        }
        self.applier.settle_up(&request.service, &mut memory).await
    }
}
