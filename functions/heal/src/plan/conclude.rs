//! The second step: decides about a rollback with the evidence at hand, and makes the alert.

use jiff::{SignedDuration, Timestamp};
use shared::event::steward::{OwnEvent, RollbackRequested};
use shared::tags::{HealLevel, ServiceTags};

use super::guards::{self, Case, Guard};
use super::{Decide, Desk, Occasion, Settings, Step, life, storm, verify};
use crate::board::{Board, Ledger};
use crate::notice::{self, Facts};
use crate::observe::{Evidence, Seen};
use crate::trigger::Subject;
use crate::watch::{Heal, HealOutcome, Outgoing, Stage, Told, Watch};

/// How long an approval is waited for.
const APPROVAL: SignedDuration = SignedDuration::from_hours(1);

/// How long a subject is remembered to which nothing happens any more.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What was decided about a rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is no question here.
    None,
    /// `deploy` is asked.
    Ask,
    /// A person is asked.
    AskPerson,
    /// It would be asked, if the service's tags or the parameter allowed.
    Would,
    /// It is not asked: some guards do not hold.
    Guarded,
}

/// What is to be done about one subject, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The subject.
    pub subject: Subject,
    /// The decision, as a stable word.
    pub word: &'static str,
    /// Why.
    pub reason: String,
    /// The kind of the alert, if people are told.
    pub told: Option<&'static str>,
    /// What was decided about a rollback.
    pub verdict: Verdict,
    /// The guards that were asked.
    pub guards: Vec<Guard>,
    /// Whether an abnormal stop was counted.
    pub counted: bool,
    /// Whether an incident began.
    pub opened: bool,
    /// Whether an incident ended.
    pub closed: bool,
    /// What is to be remembered of the subject, when it differs from what is or holds messages.
    pub watch: Option<Watch>,
    /// The same of its cluster.
    pub board: Option<Board>,
    /// The same of the account.
    pub ledger: Option<Ledger>,
    /// When what is remembered of the subject may be forgotten.
    pub expires: Option<Timestamp>,
}

/// Decides, and makes what is to be told.
pub(crate) fn conclude(
    settings: Settings<'_>,
    subject: &Subject,
    seen: &Seen,
    step: Step,
    evidence: &Evidence,
    now: Timestamp,
) -> Plan {
    let Step { mut desk, mut occasion, decide, mut word, mut reason, counted } = step;
    let tags = seen.service.as_ref().map(|service| ServiceTags::of(&service.tags));
    let tags = tags.as_ref().and_then(|tags| tags.as_ref().ok());
    let (verdict, guards) = match &decide {
        Decide::No => (Verdict::None, Vec::new()),
        decide => decide_rollback(settings, &mut desk, subject, seen, tags, decide, evidence, now),
    };
    match (&verdict, &decide, &occasion) {
        (Verdict::Ask, _, None) => occasion = Some(Occasion::Asked),
        (_, Decide::Approved(_), None) => {
            let failing: Vec<&str> = guards.iter().filter(|guard| !guard.holds).map(|guard| guard.name).collect();
            let why = format!("these guards do not hold (any more): {}", failing.join(", "));
            occasion = Some(Occasion::ApprovalUseless(why));
        }
        _ => {}
    }
    let was_open = seen.watch.item.incident.as_ref().map(|incident| &incident.id);
    let is_open = desk.watch.incident.as_ref().map(|incident| incident.id.clone());
    let mut told = None;
    if let (Some(occasion), Some(incident)) = (&occasion, desk.watch.incident.clone()) {
        let recurs = seen.service.as_ref().is_some_and(|service| guards::recurs(&desk.watch, &incident, service));
        let kind = notice::kind(&incident, occasion, &verdict);
        if let Some(mute) = seen.mutes.of_alerts(subject.service(), now) {
            // What is still open when the mute ends is told then.
            (word, reason) = ("muted", format!("muted: {}", mute.summary()));
        } else {
            let facts = Facts {
                function: settings.function,
                subject,
                service: seen.service.as_ref(),
                tags,
                incident: &incident,
                evidence,
                guards: &guards,
                recurs,
            };
            let alert = notice::alert(facts, occasion, &verdict, kind, now);
            (word, reason, told) = ("told", alert.title.clone(), Some(kind));
            desk.watch.outbox.push(Outgoing::Alert(Box::new(alert)));
            remember_told(&mut desk, subject.service().is_some(), now);
        }
        if occasion.is_end() {
            desk.watch.close(now);
        }
    } else if verdict == Verdict::Guarded {
        let failing: Vec<&str> = guards.iter().filter(|guard| !guard.holds).map(|guard| guard.name).collect();
        (word, reason) = ("guarded", format!("not rolled back: {}", failing.join(", ")));
    }
    desk.board.list(subject, desk.watch.incident.as_ref());
    storm::tell_storm(&mut desk.board, &seen.mutes, subject.cluster().name(), now);
    desk.watch.tidy(now);
    let Desk { watch, board, ledger } = desk;
    // That healing is switched off is remembered until a person says otherwise.
    let expires = watch.switched_off.is_none().then(|| now + KEPT);
    let writes = !settings.dry_run;
    let opened = is_open.is_some() && is_open.as_ref() != was_open;
    let closed = was_open.is_some() && watch.incident.as_ref().map(|incident| &incident.id) != was_open;
    Plan {
        subject: subject.clone(),
        word,
        reason,
        told,
        verdict,
        guards,
        counted,
        opened,
        closed,
        watch: (writes && (watch != seen.watch.item || !watch.outbox.is_empty())).then_some(watch),
        board: (writes && (board != seen.board.item || !board.outbox.is_empty())).then_some(board),
        ledger: (writes && ledger != seen.ledger.item).then_some(ledger),
        expires,
    }
}

fn remember_told(desk: &mut Desk, is_service: bool, now: Timestamp) {
    if let Some(incident) = &mut desk.watch.incident {
        let (class, tier) = (incident.class, life::tier(incident, is_service));
        let mut before = incident.told.take().map_or_else(Vec::new, |told| {
            let mut before = told.before;
            before.push(told.class);
            before
        });
        before.retain(|known| *known != class);
        before.dedup();
        incident.told = Some(Told { at: now, class, tier, before });
    }
}

#[expect(clippy::too_many_arguments, reason = "a decision depends on all that is known")]
fn decide_rollback(
    settings: Settings<'_>,
    desk: &mut Desk,
    subject: &Subject,
    seen: &Seen,
    tags: Option<&ServiceTags>,
    decide: &Decide,
    evidence: &Evidence,
    now: Timestamp,
) -> (Verdict, Vec<Guard>) {
    let (Some(service), Some(incident)) = (&seen.service, desk.watch.incident.clone()) else {
        return (Verdict::None, Vec::new());
    };
    let case = Case {
        subject,
        service,
        tags,
        seen,
        watch: &desk.watch,
        board: &desk.board,
        ledger: &desk.ledger,
        incident: &incident,
        evidence,
        now,
    };
    let mut guards = case.guards();
    let all_hold = guards.iter().all(|guard| guard.holds);
    let (level, mode) = guards::level(tags, settings.mode);
    let approved = match decide {
        Decide::Approved(by) if level >= HealLevel::Approve => Some(by.clone()),
        _ => None,
    };
    let may = level == HealLevel::Auto || approved.is_some();
    if approved.is_none() {
        guards.insert(0, mode);
    }
    let target = evidence.target.as_ref().filter(|_| all_hold);
    let Some(target) = target else {
        return (Verdict::Guarded, guards);
    };
    match level {
        _ if may => {}
        HealLevel::Approve => {
            // That a person is asked is what the mode says; it does not stand in the way.
            guards.retain(|guard| guard.name != "mode");
            if let Some(open) = &mut desk.watch.incident {
                open.stage = Stage::AwaitingApproval { until: now + APPROVAL };
            }
            return (Verdict::AskPerson, guards);
        }
        HealLevel::DryRun | HealLevel::Auto => return (Verdict::Would, guards),
        HealLevel::Off => return (Verdict::Guarded, guards),
    }
    let to = target.task_definition.clone();
    let from = service.primary().and_then(|primary| primary.task_definition.clone());
    let request = RollbackRequested {
        service: service.arn.clone(),
        incident: Some(incident.id.clone()),
        deployment: incident.deployment.clone(),
        to: Some(to.clone()),
        approved_by: approved,
        requested_by: None,
        over_migration: false,
    };
    let watch = &mut desk.watch;
    watch.outbox.push(Outgoing::Event(OwnEvent::RollbackRequested(request)));
    for look in verify::LOOKS {
        watch.outbox.push(Outgoing::Verification { at: now + look, incident: incident.id.clone() });
    }
    let heal = Heal {
        incident: incident.id.clone(),
        class: incident.class,
        at: now,
        from,
        to: to.clone(),
        outcome: HealOutcome::Asked,
    };
    watch.heals.push(heal);
    // Taken back before it ended, its rollout has failed as well, and deploy will say so: that is no news.
    watch.told_deployments.extend(incident.deployment.clone());
    desk.ledger.asked.insert(incident.id.clone(), now);
    if let Some(open) = &mut watch.incident {
        open.stage = Stage::Healing { asked: now, to, deployment: None, answered: false };
    }
    (Verdict::Ask, guards)
}
