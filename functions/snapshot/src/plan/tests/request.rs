//! Snapshots on request.

use shared::event::steward::OwnEvent;

use crate::fixtures::{
    NOW, after, assert_silent, at, backup, database, hours, minutes, request, requested, seen, settings, sweep,
};
use crate::observe::model::{Database, Seen, Status};
use crate::plan::{Plan, plan, request_refused, suitable};

fn ask(seen: &Seen, name: &str) -> Plan {
    plan(&settings(), seen, Some(&request(name)), false, at(NOW))
}

/// The reasons of all failures that are answered; the identifier of what is available.
fn answers(plan: &Plan) -> Vec<String> {
    let text = |answer: &OwnEvent| match answer {
        OwnEvent::SnapshotAvailable(answer) => answer.identifier.clone(),
        OwnEvent::SnapshotFailed(answer) => answer.reason.clone(),
        other => panic!("{other:?}"),
    };
    plan.memory.unsent.iter().map(text).collect()
}

fn in_status(status: &str) -> Seen {
    let mut seen = seen("on-request", vec![]);
    seen.database.status = status.to_owned();
    seen
}

#[test]
fn what_is_asked_for_is_taken_once_and_answered_when_it_is_there() {
    let mut seen = seen("daily:7", vec![backup(0)]);
    let plan = ask(&seen, "r-1");
    assert_eq!(plan.creates.len(), 1);
    assert_eq!(plan.creates[0].name, requested("r-1", 0, Status::Creating).snapshot.name);
    assert_eq!(answers(&plan), [""; 0]);
    seen = after(&seen, &plan);
    seen.here.push(requested("r-1", 0, Status::Creating));
    assert_silent(&sweep(&seen, at(NOW) + minutes(5)));
    seen.here[1] = requested("r-1", 0, Status::Available);
    let plan = sweep(&seen, at(NOW) + minutes(10));
    assert_eq!(answers(&plan), [seen.here[1].snapshot.name.clone()]);
    assert_eq!(plan.creates, []);
    assert_silent(&sweep(&after(&seen, &plan), at(NOW) + minutes(15)));
}

#[test]
fn asked_again_it_is_answered_again_and_no_second_one_is_taken() {
    let seen = seen("on-request", vec![requested("r-1", 1, Status::Available)]);
    let first = ask(&seen, "r-1");
    let again = ask(&after(&seen, &first), "r-1");
    assert_eq!(answers(&first), answers(&again));
    assert_eq!((first.creates.len(), again.creates.len(), again.memory.requests.len()), (0, 0, 1));
    // When the snapshot is gone it is taken anew.
    let mut gone = after(&seen, &first);
    gone.here.clear();
    assert_eq!(ask(&gone, "r-1").creates.len(), 1);
}

#[test]
fn a_request_and_a_slot_at_the_same_time_are_two_snapshots() {
    let plan = ask(&seen("daily:7", vec![backup(1)]), "r-1");
    assert_eq!(plan.creates.len(), 2);
}

#[test]
fn two_requests_are_two_snapshots() {
    let seen = seen("on-request", vec![]);
    let first = ask(&seen, "r-1");
    assert_eq!(ask(&after(&seen, &first), "r-2").creates.len(), 2);
}

#[test]
fn a_busy_database_is_waited_for_every_two_minutes_for_an_hour() {
    let mut seen = in_status("modifying");
    let plan = ask(&seen, "r-1");
    assert_eq!((plan.wait, plan.creates.len()), (Some(at(NOW) + minutes(2)), 0));
    seen = after(&seen, &plan);
    let late = plan_at(&seen, 59);
    assert_eq!((answers(&late).len(), late.wait.is_some()), (0, true));
    assert_eq!(answers(&plan_at(&seen, 60)), ["the database is modifying"]);
}

fn plan_at(seen: &Seen, minute: i64) -> Plan {
    plan(&settings(), seen, None, false, at(NOW) + minutes(minute))
}

#[test]
fn a_database_that_will_not_be_ready_is_answered_at_once() {
    for status in ["stopped", "storage-full", "failed", "deleting"] {
        let plan = ask(&in_status(status), "r-1");
        assert_eq!((answers(&plan).len(), plan.creates.len()), (1, 0), "{status}");
    }
}

#[test]
fn what_failed_does_not_end_or_is_not_known_is_answered_as_failed() {
    for (status, age) in [(Status::Failed, 0), (Status::Creating, 3), (Status::Other, 0)] {
        let plan = ask(&seen("on-request", vec![requested("r-1", age, status)]), "r-1");
        assert!(matches!(plan.memory.unsent[..], [OwnEvent::SnapshotFailed(_)]), "{status:?}");
        assert_eq!(plan.creates, [], "{status:?}");
    }
}

#[test]
fn a_request_that_aws_refuses_is_answered_and_not_tried_again() {
    let mut seen = seen("on-request", vec![]);
    let mut plan = ask(&seen, "r-1");
    let purpose = plan.creates[0].purpose.clone();
    request_refused(&mut plan.memory, &seen.database, &purpose, "denied");
    assert_eq!(answers(&plan), ["denied"]);
    seen = after(&seen, &plan);
    assert_silent(&sweep(&seen, at(NOW) + hours(1)));
}

#[test]
fn answers_are_remembered_for_the_last_twenty() {
    let mut seen = seen("on-request", (0..30).map(|n| requested(&format!("r{n}"), 1, Status::Available)).collect());
    for number in 0..30 {
        let plan = ask(&seen, &format!("r{number}"));
        seen = after(&seen, &plan);
    }
    assert_eq!(seen.memory.item.requests.len(), 20);
    assert_eq!(seen.memory.item.requests[0].request.as_str(), "r10");
}

#[test]
fn the_database_of_a_request_is_found_by_arn_or_identifier_and_never_guessed() {
    let shop = database(&[("steward:snapshot", "on-request")]);
    let other = |arn: &str, change: fn(&mut Database)| {
        let mut other = Database { arn: arn.parse().unwrap(), ..shop.clone() };
        change(&mut other);
        other
    };
    let all = [
        shop.clone(),
        other("arn:aws:rds:eu-west-1:123456789012:db:twin", |_| {}),
        other("arn:aws:rds:eu-west-1:123456789012:cluster:twin", |_| {}),
        other("arn:aws:rds:eu-west-1:123456789012:db:member", |db| db.member_of = Some("twin".to_owned())),
        other("arn:aws:rds:eu-west-1:123456789012:cluster:graph", |db| db.engine = "neptune".to_owned()),
        other("arn:aws:rds:eu-west-1:123456789012:db:closed", |db| db.tags.clear()),
        other("arn:aws:rds:eu-west-1:123456789012:db:typo", |db| db.tags[0].1 = "oft".to_owned()),
    ];
    let found = |database: &str| {
        let asked = shared::event::steward::SnapshotRequested { database: database.to_owned(), ..request("r") };
        suitable(&asked, &all).map(|database| database.arn.to_string())
    };
    assert_eq!(found("shop"), Ok(shop.arn.to_string()));
    assert_eq!(found("SHOP"), Ok(shop.arn.to_string()));
    assert_eq!(found(shop.arn.as_str()), Ok(shop.arn.to_string()));
    let cluster = "arn:aws:rds:eu-west-1:123456789012:cluster:twin";
    assert_eq!(found(cluster), Ok(cluster.to_owned()));
    assert!(found("typo").is_ok(), "what is wrong with its tags is answered by the plan");
    for (database, hint) in [
        ("twin", "give the ARN"),
        ("member", "name the cluster"),
        ("graph", "Neptune"),
        ("closed", "opted in"),
        ("sho", "no such"),
        ("arn:aws:rds:eu-west-1:210987654321:db:shop", "no such"),
    ] {
        let reason = found(database).unwrap_err();
        assert!(reason.contains(hint), "{database}: {reason}");
    }
}
