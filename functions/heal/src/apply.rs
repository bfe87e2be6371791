//! The only code here that changes anything: state, events, schedules, alerts.
//!
//! What is decided is written first, with all that is to be sent in its outbox: the board, so that the sweep finds the
//! rest; the account's ledger, so that no budget is spent twice; then the subject. Only then is it sent, and taken out.
//! Whatever is interrupted is found and sent by the next look. Where nothing but alerts is to be sent, they go first: one
//! write less, and what was not sent stays.

use jiff::Timestamp;
use shared::alert::Topic;
use shared::bus::Bus;
use shared::event::steward::VerificationDue;
use shared::failure::CallFailure;
use shared::schedule::Schedules;
use shared::state::{Key, Table, Versioned};

use crate::board::{Board, Ledger};
use crate::observe::Seen;
use crate::plan::Plan;
use crate::trigger::Subject;
use crate::watch::{Outgoing, Watch};

/// Changes the account.
#[derive(Debug)]
pub(crate) struct Applier {
    pub(crate) table: Table,
    pub(crate) topic: Topic,
    pub(crate) bus: Bus,
    pub(crate) schedules: Option<Schedules>,
}

impl Applier {
    /// Carries out the plan for one subject.
    ///
    /// # Errors
    /// The first failed call. What was not sent is in the outbox.
    pub(crate) async fn apply(&self, plan: Plan, seen: &Seen) -> Result<(), CallFailure> {
        let Plan { subject, watch, board, ledger, expires, .. } = plan;
        let mut failure = None;
        if let Some(item) = board {
            let mut board = Versioned { item, version: seen.board.version };
            failure = self.board(&Board::key(&subject.cluster()), &mut board).await?;
        }
        if let Some(item) = ledger {
            self.table.put(&Ledger::key(), &mut Versioned { item, version: seen.ledger.version }, None).await?;
        }
        if let Some(item) = watch {
            let mut watch = Versioned { item, version: seen.watch.version };
            failure = self.watch(&subject, &mut watch, expires).await?.or(failure);
        }
        failure.map_or(Ok(()), Err)
    }

    /// Writes a subject's item and sends what waits. The outer error is of the writing, the inner one of the sending.
    async fn watch(
        &self,
        subject: &Subject,
        watch: &mut Versioned<Watch>,
        expires: Option<Timestamp>,
    ) -> Result<Option<CallFailure>, CallFailure> {
        let key = Watch::key(subject);
        let acts = watch.item.outbox.iter().any(|outgoing| !matches!(outgoing, Outgoing::Alert(_)));
        if acts {
            self.table.put(&key, watch, expires).await?;
        }
        let (before, failure) = (watch.item.outbox.len(), self.send(&mut watch.item.outbox, Some(subject)).await.err());
        if !acts || watch.item.outbox.len() < before {
            self.table.put(&key, watch, expires).await?;
        }
        Ok(failure)
    }

    /// Writes a board and sends what waits.
    ///
    /// # Errors
    /// The outer one is of the writing, the inner one of the sending.
    pub(crate) async fn board(
        &self,
        key: &Key,
        board: &mut Versioned<Board>,
    ) -> Result<Option<CallFailure>, CallFailure> {
        let failure = self.send(&mut board.item.outbox, None).await.err();
        self.table.put(key, board, None).await?;
        Ok(failure)
    }

    /// Sends what waits, in order. A schedule that cannot be made is left out: the sweep looks at what is open anyway.
    async fn send(&self, outbox: &mut Vec<Outgoing>, subject: Option<&Subject>) -> Result<(), CallFailure> {
        while let Some(outgoing) = outbox.first() {
            match outgoing {
                Outgoing::Alert(alert) => self.topic.publish(alert).await?,
                Outgoing::Event(event) => self.bus.put(event).await?,
                Outgoing::Verification { at, incident } => {
                    let service = subject.and_then(Subject::service);
                    if let (Some(schedules), Some(service)) = (&self.schedules, service) {
                        let due = VerificationDue { service: service.clone(), incident: incident.clone() };
                        let name = format!("heal-{incident}-{}", at.as_second());
                        if let Err(failure) = schedules.once(&name, *at, "Verification Due", &due).await {
                            tracing::warn!(reason = %failure, "no schedule for the verification; the sweep does it");
                        }
                    }
                }
            }
            outbox.remove(0);
        }
        Ok(())
    }
}
