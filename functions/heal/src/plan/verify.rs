//! Whether a rollback helped. Asked at every look at the service, with schedules after 5 and 15 minutes that make sure of
//! one; an answer of `deploy` that was lost changes nothing, as what counts is how the service is.

use jiff::{SignedDuration, Timestamp};

use super::{Desk, Occasion, Settings};
use crate::observe::Service;
use crate::watch::{HealOutcome, Stage};

/// The looks that are made sure of.
pub(super) const LOOKS: [SignedDuration; 2] = [SignedDuration::from_mins(5), SignedDuration::from_mins(15)];
/// How long the service must be well.
const QUIET: SignedDuration = SignedDuration::from_mins(10);
/// By when it must be.
const DUE: SignedDuration = SignedDuration::from_mins(15);
/// So many stops of the target's tasks say that it does not work either.
const STOPS: usize = 3;

/// What came of healing, if that can be said.
pub(super) fn verify(settings: Settings<'_>, desk: &mut Desk, service: &Service, now: Timestamp) -> Option<Occasion> {
    let watch = &mut desk.watch;
    let incident = watch.incident.as_mut()?;
    let Stage::Healing { asked, to, deployment, .. } = incident.stage.clone() else {
        return None;
    };
    let primary = service.primary()?;
    let id = incident.id.clone();
    let is_left = Some(&primary.id) != incident.deployment.as_ref();
    // A revision that is pinned by digest has another number than the one that was asked for.
    let is_target =
        is_left && (primary.task_definition.as_ref() == Some(&to) || Some(&primary.id) == deployment.as_ref());
    let age = now.duration_since(asked);
    if is_left && !is_target && (deployment.is_some() || age >= DUE) {
        watch.conclude_heal(&id, HealOutcome::Overtaken);
        return Some(Occasion::Overtaken);
    }
    let stops: Vec<Timestamp> =
        watch.stops_of(Some(&primary.id)).map(|stop| stop.at).filter(|at| *at >= asked).collect();
    let quiet_since = stops.last().copied().unwrap_or(asked);
    let is_quiet = now.duration_since(quiet_since) >= QUIET;
    if is_target && service.is_healthy() && is_quiet && age >= QUIET {
        watch.conclude_heal(&id, HealOutcome::Verified);
        return Some(Occasion::Healed);
    }
    let why = if is_target && primary.is_failed {
        Some("the rollout of the rollback failed".to_owned())
    } else if is_target && stops.len() >= STOPS {
        Some(format!("{} tasks of what it was rolled back to stopped too", stops.len()))
    } else if age < DUE {
        None
    } else if !is_target {
        Some("the service was not rolled back in time".to_owned())
    } else if primary.is_completed || age >= SignedDuration::try_from(settings.rollout_timeout).unwrap_or(DUE) {
        Some(format!("{} of {} tasks run, and {} stopped since", service.running, service.desired, stops.len()))
    } else {
        None
    };
    let why = why?;
    if let Some(incident) = &mut watch.incident {
        incident.stage = Stage::HealFailed;
        // From here on it is about what runs now: that its tasks stop too is no news.
        incident.last = now;
        if is_target {
            incident.deployment = Some(primary.id.clone());
        }
    }
    watch.conclude_heal(&id, HealOutcome::Failed);
    watch.switched_off = Some(now);
    desk.ledger.failed.insert(id, now);
    Some(Occasion::HealFailed(why))
}
