//! What the tests are made of: a database, its snapshots, and what is remembered of it, all by value.

use jiff::civil::time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shared::event::steward::SnapshotRequested;
use shared::state::Versioned;

use crate::observe::model::{Database, Elsewhere, Own, Seen, Snapshot, Status};
use crate::own::{Claim, Purpose, tags_of_copy};
use crate::plan::{Plan, Settings, plan};
use crate::slot::Calendar;

/// The stack that the tests are.
pub(crate) const OWNER: &str = "steward";
/// Ten minutes into a slot of a day, a Saturday.
pub(crate) const NOW: &str = "2026-11-21T02:10:00Z";
/// When that slot began.
pub(crate) const TODAY: &str = "2026-11-21T02:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub(crate) fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// Days begin at two in the morning, UTC, and two backups are kept whatever happens.
pub(crate) fn settings() -> Settings {
    Settings {
        owner: OWNER.to_owned(),
        region: "eu-west-1".parse().unwrap(),
        calendar: Calendar::new(TimeZone::UTC, time(2, 0, 0, 0)),
        keep_minimum: 2,
        orphan_days: 0,
        share_with: Vec::new(),
        keys: Vec::new(),
        dry_run: false,
    }
}

/// The DB instance `shop`.
pub(crate) fn database(tags: &[(&str, &str)]) -> Database {
    let tags = tags.iter().chain(&[("team", "web")]);
    Database {
        arn: "arn:aws:rds:eu-west-1:123456789012:db:shop".parse().unwrap(),
        resource: "db-SHOP".to_owned(),
        engine: "postgres".to_owned(),
        status: "available".to_owned(),
        tags: tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        member_of: None,
        restarts: None,
        backup_window: None,
        maintenance_window: None,
    }
}

/// A snapshot as RDS lists it, begun a minute after `moment` and holding what was there two minutes later.
pub(crate) fn listed(database: &Database, purpose: &Purpose, moment: Timestamp, status: Status) -> Snapshot {
    let name = purpose.name(OWNER, &database.resource, database.arn.identifier());
    let tags = purpose.tags(OWNER, database, "daily:7", moment + minutes(1));
    Snapshot {
        arn: format!("arn:aws:rds:eu-west-1:123456789012:snapshot:{name}"),
        name,
        resource: Some(database.resource.clone()),
        status,
        created: (status == Status::Available).then_some(moment + minutes(3)),
        tags: tags.into_iter().collect(),
        encrypted: false,
        source: None,
    }
}

/// A snapshot that has proven to be ours.
pub(crate) fn ours(snapshot: Snapshot) -> Own {
    let claim = Claim::of(OWNER, &snapshot).unwrap();
    Own { snapshot, claim }
}

/// A try of a slot.
pub(crate) fn attempt(slot: Timestamp, attempt: u32, status: Status) -> Own {
    ours(listed(&database(&[]), &Purpose::Scheduled { slot, attempt }, slot, status))
}

/// The backup of the slot that began so many days ago.
pub(crate) fn backup(days_ago: i64) -> Own {
    attempt(at(TODAY) - hours(24 * days_ago), 1, Status::Available)
}

/// What was requested so many hours ago.
pub(crate) fn requested(name: &str, hours_ago: i64, status: Status) -> Own {
    let purpose = Purpose::Requested { request: name.parse().unwrap() };
    ours(listed(&database(&[]), &purpose, at(NOW) - hours(hours_ago), status))
}

pub(crate) fn held(mut own: Own) -> Own {
    own.snapshot.tags.insert("steward:hold".to_owned(), "audit 2026".to_owned());
    own
}

/// The copy of a snapshot in another region, as RDS lists it there: with a time of creation that is the copy's own.
pub(crate) fn copied(own: &Own, status: Status) -> Own {
    let mut copy = own.snapshot.clone();
    copy.tags = tags_of_copy(&copy.tags, "eu-west-1").into_iter().collect();
    copy.status = status;
    copy.created = Some(at(NOW));
    copy.source = Some(copy.arn.clone());
    copy.arn = copy.arn.replace("eu-west-1", "eu-central-1");
    ours(copy)
}

/// What is seen of the database with this policy, which has been in force for long.
pub(crate) fn seen(policy: &str, here: Vec<Own>) -> Seen {
    settle(seen_with(database(&[("steward:snapshot", policy)]), here))
}

/// As [`seen`], with copies in Frankfurt.
pub(crate) fn seen_copied(policy: &str, here: Vec<Own>, copies: Vec<Own>) -> Seen {
    let mut seen = seen_with(database(&[("steward:snapshot", policy), ("steward:copy", "eu-central-1")]), here);
    let under_way = copies.iter().filter(|own| own.snapshot.status == Status::Creating).count();
    seen.elsewhere = Some(Elsewhere { region: "eu-central-1".parse().unwrap(), copies: Ok(copies), under_way });
    settle(seen)
}

/// What is seen of a database for the first time.
pub(crate) fn seen_with(database: Database, here: Vec<Own>) -> Seen {
    let tags = database.read_tags();
    Seen { database, tags, here, elsewhere: None, memory: Versioned::default() }
}

fn settle(mut seen: Seen) -> Seen {
    let first = plan(&settings(), &seen, None, false, at("2020-01-01T00:00:00Z"));
    seen.memory.item.policy = first.memory.policy;
    seen
}

pub(crate) fn request(name: &str) -> SnapshotRequested {
    SnapshotRequested { database: "shop".to_owned(), request: name.parse().unwrap(), requested_by: None }
}

/// What a sweep decides at `now`.
pub(crate) fn sweep(seen: &Seen, now: Timestamp) -> Plan {
    plan(&settings(), seen, None, true, now)
}

/// What is seen when the memory of a plan is written, and all that it tells is told.
pub(crate) fn after(seen: &Seen, plan: &Plan) -> Seen {
    let mut seen = seen.clone();
    seen.memory.item = plan.memory.clone();
    seen.memory.item.untold.clear();
    seen.memory.item.unsent.clear();
    seen
}

/// The kinds of what people are to be told.
pub(crate) fn told(plan: &Plan) -> Vec<&str> {
    plan.memory.untold.iter().map(|alert| alert.kind.as_str()).collect()
}

/// Names of what is to be deleted.
pub(crate) fn deleted(plan: &Plan) -> Vec<&str> {
    plan.deletions().map(|row| row.snapshot.as_str()).collect()
}

/// Radio silence: nothing is made, deleted, copied, shared, told or answered.
#[track_caller]
pub(crate) fn assert_silent(plan: &Plan) {
    assert_eq!(plan.creates, [], "{}", plan.reason);
    assert_eq!(deleted(plan), [""; 0], "{}", plan.reason);
    assert_eq!(plan.copy, None, "{}", plan.reason);
    assert_eq!(plan.shares, [], "{}", plan.reason);
    assert_eq!(told(plan), [""; 0], "{}", plan.reason);
    assert_eq!(plan.memory.unsent, [], "{}", plan.reason);
}
