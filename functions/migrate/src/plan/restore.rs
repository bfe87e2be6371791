//! What can be gone back to, before anything is changed: a moment that point-in-time recovery reaches, or a snapshot.

use jiff::{SignedDuration, Timestamp};
use shared::event::steward::{OwnEvent, RequestName, SnapshotRequested};
use shared::migration::{RunId, RunState};
use shared::tags::RestorePoint;

use super::{Act, Database, Snapshot, end, wait};
use crate::run::{Restore, Run};

/// How the names of our requests to `snapshot` begin.
const REQUEST: &str = "mig-";
/// How long a database may be anything else than available.
const UNAVAILABLE: SignedDuration = SignedDuration::from_mins(30);
/// How long point-in-time recovery may take to reach a moment. RDS ships logs every five minutes.
const MARK: SignedDuration = SignedDuration::from_mins(30);
/// How long a snapshot may take.
const SNAPSHOT: SignedDuration = SignedDuration::from_hours(6);
/// How soon a snapshot is asked for again that nobody has answered for: the event was lost.
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(20);
/// How far RDS's clock and ours may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How soon a database is looked at again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// The name under which `snapshot` is asked: another one each time the run begins anew, as a snapshot of the last time is
/// of the last time.
pub(crate) fn request_name(run: &Run) -> Option<RequestName> {
    let round = char::from_digit(run.round % 36, 36).filter(|_| run.round > 0);
    let suffix = round.map(|round| format!("-{round}")).unwrap_or_default();
    format!("{REQUEST}{}{suffix}", run.id).parse().ok()
}

/// The run that a request to `snapshot` was for, in whichever round.
pub(crate) fn run_of_request(request: &RequestName) -> Option<RunId> {
    request.as_str().strip_prefix(REQUEST)?.split('-').next()?.parse().ok()
}

/// Takes down what `snapshot` answered: the snapshot's identifier, or why there will be none.
pub(crate) fn answered(run: &mut Run, answer: Result<String, String>) {
    if let Some(Restore::Snapshot { identifier, failed, .. }) = &mut run.restore {
        match answer {
            Ok(named) => *identifier = Some(named),
            Err(why) => *failed = Some(why),
        }
    }
}

pub(super) fn attend(run: &mut Run, seen: Option<&Database>, now: Timestamp) -> Act {
    let (Some(frozen), Some(seen)) = (run.frozen.clone(), seen) else {
        return wait(now, LOOK_AGAIN);
    };
    let name = frozen.database.clone().unwrap_or_default();
    let Some(status) = &seen.status else {
        let why = format!("steward:database names {name}, and RDS has no such instance or cluster");
        return fail(run, &why, now);
    };
    let Some(restore) = run.restore.clone() else {
        return begin(run, frozen.restore_point, status, seen, &name, now);
    };
    match restore {
        Restore::Mark { at } => match seen.restorable {
            Some(reached) if reached >= at => migrate(run, "point-in-time recovery reaches the moment before", now),
            _ if run.age(now) >= MARK => fail(run, "point-in-time recovery does not get to the moment before", now),
            _ => wait(now, LOOK_AGAIN),
        },
        Restore::Snapshot { failed: Some(why), .. } => fail(run, &format!("no snapshot: {why}"), now),
        Restore::Snapshot { identifier: Some(identifier), .. } if is_there(run, seen.snapshot.as_ref(), &name) => {
            migrate(run, &format!("snapshot {identifier} is there"), now)
        }
        Restore::Snapshot { .. } if run.age(now) >= SNAPSHOT => {
            fail(run, "the snapshot takes longer than six hours", now)
        }
        Restore::Snapshot { asked, .. } if now.duration_since(asked) >= ASK_AGAIN => ask(run, &name, now),
        Restore::Snapshot { asked, .. } => wait(asked, ASK_AGAIN),
    }
}

/// Whether a snapshot is what was asked for: of this database, and not one of before. Who named it is not asked.
fn is_there(run: &Run, snapshot: Option<&Snapshot>, database: &str) -> bool {
    let is_new = |created: Timestamp| created >= run.begun.checked_sub(SKEW).unwrap_or(run.begun);
    snapshot.is_some_and(|snapshot| {
        snapshot.status == "available"
            && snapshot.of.eq_ignore_ascii_case(database)
            && snapshot.created.is_some_and(is_new)
    })
}

/// Only a database that is available has a moment worth going back to, and takes a snapshot.
fn begin(run: &mut Run, point: RestorePoint, status: &str, seen: &Database, name: &str, now: Timestamp) -> Act {
    if status != "available" {
        if run.age(now) >= UNAVAILABLE {
            return fail(run, &format!("{name} is {status} and not available"), now);
        }
        return wait(now, LOOK_AGAIN);
    }
    match point {
        RestorePoint::None => migrate(run, "no restore point is wanted", now),
        RestorePoint::Mark if seen.restorable.is_none() => {
            let why = format!(
                "{name} has no point in time to go back to: its automated backups are off, or the first one is not there yet; or use steward:restore-point = snapshot"
            );
            fail(run, &why, now)
        }
        RestorePoint::Mark => {
            run.restore = Some(Restore::Mark { at: now });
            run.note("the moment is written down", now);
            wait(now, LOOK_AGAIN)
        }
        RestorePoint::Snapshot => ask(run, name, now),
    }
}

/// Asks `snapshot`. Asked again by the same name it answers again, and takes no second one.
fn ask(run: &mut Run, database: &str, now: Timestamp) -> Act {
    let Some(request) = request_name(run) else {
        return fail(run, "the snapshot cannot be named", now);
    };
    let identifier = match run.restore.take() {
        Some(Restore::Snapshot { identifier, .. }) => identifier,
        _ => None,
    };
    run.restore = Some(Restore::Snapshot { asked: now, identifier, failed: None });
    run.note("a snapshot is asked for", now);
    let by = format!("migrate, run {}", run.id);
    let asked = SnapshotRequested { database: database.to_owned(), request, requested_by: Some(by) };
    run.unsent.push(OwnEvent::SnapshotRequested(asked));
    wait(now, ASK_AGAIN)
}

fn migrate(run: &mut Run, why: &str, now: Timestamp) -> Act {
    run.turn(RunState::Migrating, why, now);
    Act::Again
}

/// Without what could be gone back to nothing is changed.
fn fail(run: &mut Run, why: &str, now: Timestamp) -> Act {
    end(run, RunState::Failed, &format!("nothing was migrated, as there is no restore point: {why}"), now);
    Act::Again
}
