//! Snapshots on request: each is named after its request, taken once, and answered.

use jiff::{SignedDuration, Timestamp};
use shared::event::steward::{OwnEvent, SnapshotAvailable, SnapshotFailed, SnapshotRequested};
use shared::tags::Buckets;

use super::due::create;
use super::{Plan, Settings, health};
use crate::memory::{Asked, Memory};
use crate::observe::model::{Database, Own, Readiness, Seen, Status};
use crate::own::Purpose;

/// For so long a request waits for a database that is not ready.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);
/// Pause between two looks at a database that a request waits for.
pub(crate) const PAUSE: SignedDuration = SignedDuration::from_mins(2);

/// Writes a request down. Asked again, it is answered again, unless the snapshot is gone: then it is taken anew.
pub(super) fn note(memory: &mut Memory, asked: &SnapshotRequested, here: &[Own], now: Timestamp) {
    let exists = |name: &str| here.iter().any(|own| own.snapshot.name == name);
    memory.requests.retain(|known| match &known.answer {
        Some(OwnEvent::SnapshotAvailable(available)) if known.request == asked.request => exists(&available.identifier),
        _ => true,
    });
    match memory.requests.iter().find(|known| known.request == asked.request) {
        Some(Asked { answer: Some(answer), .. }) => memory.unsent.push(answer.clone()),
        Some(_) => {}
        None => memory.requests.push(Asked {
            request: asked.request.clone(),
            by: asked.requested_by.clone(),
            at: now,
            answer: None,
        }),
    }
}

/// What is to be done about the requests that are open.
pub(super) fn requests(settings: &Settings, seen: &Seen, buckets: &Buckets, plan: &mut Plan, now: Timestamp) {
    let open: Vec<Asked> = plan.memory.open_requests().cloned().collect();
    for asked in open {
        let purpose = Purpose::Requested { request: asked.request.clone() };
        let found = seen.here.iter().find(|own| own.claim.purpose == purpose);
        let failed = |reason: &str| failed(&seen.database, &asked, reason);
        let answer = match found {
            Some(own) => match own.snapshot.status {
                Status::Available => Some(available(&seen.database, &asked, own)),
                Status::Failed => Some(failed("RDS says that the snapshot has failed")),
                Status::Creating if now.duration_since(own.claim.started) <= health::patience(plan) => None,
                Status::Creating => Some(failed("the snapshot takes far longer than usual; it may still come")),
                Status::Other => Some(failed("the snapshot is in a state that is not known here")),
            },
            None => match seen.database.readiness() {
                Readiness::Ready => {
                    plan.creates.push(create(settings, &seen.database, purpose, buckets, now));
                    None
                }
                Readiness::Busy if now.duration_since(asked.at) < PATIENCE => {
                    plan.wait = now.checked_add(PAUSE).ok();
                    None
                }
                Readiness::Busy | Readiness::Stopped | Readiness::Broken | Readiness::Deleting => {
                    Some(failed(&format!("the database is {}", seen.database.status)))
                }
            },
        };
        if let Some(answer) = answer {
            plan.memory.answer(&asked.request, answer);
        }
    }
}

/// Answers every open request with the same bad news.
pub(super) fn fail_all(memory: &mut Memory, seen: &Seen, reason: &str) {
    let open: Vec<Asked> = memory.open_requests().cloned().collect();
    for asked in open {
        memory.answer(&asked.request, failed(&seen.database, &asked, reason));
    }
}

/// AWS refused the snapshot of a request, and would again.
pub(crate) fn refused(memory: &mut Memory, database: &Database, purpose: &Purpose, reason: &str) {
    if let Purpose::Requested { request } = purpose
        && let Some(asked) = memory.requests.iter().find(|asked| asked.request == *request).cloned()
    {
        memory.answer(request, failed(database, &asked, reason));
    }
}

/// Which database a request means, or why it is none that can be snapshotted.
///
/// # Errors
/// Says what to do instead.
pub(crate) fn suitable<'a>(asked: &SnapshotRequested, all: &'a [Database]) -> Result<&'a Database, String> {
    let wanted = asked.database.to_ascii_lowercase();
    let is_meant = |database: &&Database| {
        database.arn.as_str().eq_ignore_ascii_case(&wanted) || database.arn.identifier() == wanted
    };
    let mut meant = all.iter().filter(is_meant);
    let database = match (meant.next(), meant.next()) {
        (Some(database), None) => database,
        (None, _) => return Err("there is no such DB instance or DB cluster in this account and region".to_owned()),
        (Some(_), Some(_)) => return Err("an instance and a cluster have this identifier: give the ARN".to_owned()),
    };
    if let Some(cluster) = &database.member_of {
        return Err(format!("it is a member of the cluster {cluster}: name the cluster"));
    }
    if database.is_foreign() {
        return Err(crate::observe::FOREIGN.to_owned());
    }
    match database.read_tags() {
        Ok(tags) if tags.snapshot.is_none() => {
            Err("it has not opted in: tag it with steward:snapshot, for example on-request".to_owned())
        }
        // What is wrong with its tags is answered where they are told.
        _ => Ok(database),
    }
}

fn available(database: &Database, asked: &Asked, own: &Own) -> OwnEvent {
    OwnEvent::SnapshotAvailable(SnapshotAvailable {
        request: asked.request.clone(),
        database: database.arn.clone(),
        snapshot: own.snapshot.arn.clone(),
        identifier: own.snapshot.name.clone(),
        created: own.snapshot.created,
    })
}

fn failed(database: &Database, asked: &Asked, reason: &str) -> OwnEvent {
    OwnEvent::SnapshotFailed(SnapshotFailed {
        request: asked.request.clone(),
        database: database.arn.to_string(),
        reason: reason.to_owned(),
    })
}
