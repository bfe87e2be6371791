//! Turns: how much one invocation does before it gives way to the messages that wait behind it.
//!
//! A base image may be under thousands of services, and the account's request budget makes their roll an affair of an hour.
//! One message at a time means that nobody else would be heard meanwhile. So a turn ends with as many rolls as the budget
//! lets through at once; what is left is asked for with an event, which queues up like everybody's. While the others have
//! their turns the budget fills again, so that giving way costs the roll no time.

use shared::arn::ServiceArn;
use shared::bus::Bus;
use shared::event::steward::{DeployRequested, OwnEvent};
use shared::failure::{CallFailure, FailureKind};

use crate::observe::{SERVICES_A_CALL, batches};
use crate::report::Tell;
use crate::trigger::Trigger;
use crate::{Deploy, Run};

/// Batches of services that are looked at together: fifty services, so that what is decided on was seen a moment ago.
const BATCHES_AT_ONCE: usize = 5;

/// How far a turn came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    /// The last service that was done; `None` when not even the first was.
    pub after: Option<ServiceArn>,
    /// How many services are left.
    pub services: usize,
}

impl Deploy {
    /// Looks at services in the order of their ARNs, and rolls what is due, until the turn is over.
    ///
    /// # Errors
    /// A failed call that concerns all of them. What concerns one service is in the report.
    pub(crate) async fn take_turn(
        &mut self,
        run: &mut Run<'_>,
        services: Vec<ServiceArn>,
    ) -> Result<Option<Rest>, CallFailure> {
        let batches = batches(services);
        let mut rest = Rest { after: None, services: batches.iter().map(Vec::len).sum() };
        let mut batches = batches.as_slice();
        while !batches.is_empty() {
            // No more is looked at than could be rolled.
            let at_once = run.rolls_left.div_ceil(SERVICES_A_CALL).clamp(1, BATCHES_AT_ONCE).min(batches.len());
            let (chunk, others) = batches.split_at(at_once);
            if !run.deadline.allows_call(self.clock.now()) {
                return Ok(Some(rest));
            }
            let done = self.look_and_roll(run, chunk).await?;
            rest.services -= done;
            rest.after = chunk.iter().flatten().take(done).last().cloned().or(rest.after);
            if done < chunk.iter().map(Vec::len).sum() {
                return Ok(Some(rest));
            }
            batches = others;
        }
        Ok(None)
    }

    /// Sees to it that what is left of a turn is done.
    ///
    /// # Errors
    /// The failed call: the message comes again, and finds done what was done.
    pub(crate) async fn go_on(&mut self, run: &mut Run<'_>, rest: &Rest) -> Result<(), CallFailure> {
        run.report.gave_way(rest);
        match run.trigger {
            Trigger::Requested(request) if request.service.is_none() => self.go_on_with(request, rest).await,
            trigger if trigger.becomes_a_sweep() => self.sweep_from(rest).await,
            // It is about one service, which the next sweep looks at.
            _ => Ok(()),
        }
    }

    /// A person may ask for what no policy allows, so that no sweep would do it.
    async fn go_on_with(&self, request: &DeployRequested, rest: &Rest) -> Result<(), CallFailure> {
        let Some(after) = &rest.after else {
            return Err(CallFailure {
                operation: "ecs:UpdateService",
                resource: format!("{} services", rest.services),
                kind: FailureKind::Throttled,
                code: String::new(),
                message: "not one fits into the request budget of an invocation: raise ApiBudgetPercent".to_owned(),
            });
        };
        if self.config.dry_run {
            return Ok(());
        }
        let request = DeployRequested { after: Some(after.clone()), ..request.clone() };
        self.bus().put(&OwnEvent::DeployRequested(request)).await
    }

    pub(crate) fn bus(&self) -> &Bus {
        self.applier.bus()
    }
}
