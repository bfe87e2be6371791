//! Snapshots on request: taken once, answered always.

use jiff::SignedDuration;
use lab::rds::Course;
use serde_json::json;

use crate::support::Stack;

fn on_request() -> (Stack, String) {
    let stack = Stack::backups(&[]);
    let arn = stack.instance("orders", "on-request");
    (stack, arn)
}

#[tokio::test]
async fn a_request_is_answered_when_the_snapshot_is_there() {
    let (mut stack, arn) = on_request();
    stack.world.stop_schedules();
    let crm = stack.rds().aurora("crm", 1).tag("steward:snapshot", "on-request").create();
    stack.request(&arn, "release-142");
    stack.request("crm", "release-142");
    stack.minutes(5).await;
    assert!(stack.answers().is_empty());
    stack.minutes(5).await;
    let answers = stack.answers();
    assert_eq!(answers.len(), 2, "{answers:?}");
    for (database, arn) in [("orders", arn), ("crm", crm)] {
        let taken = &stack.ours(database)[0];
        assert_eq!(
            (taken.tags["steward:class"].as_str(), taken.tags["steward:request"].as_str()),
            ("requested", "release-142")
        );
        assert!(taken.id.starts_with(&format!("steward-{database}-req-release-142-")), "{}", taken.id);
        let (word, answer) = answers.iter().find(|(_, answer)| answer["database"] == arn.as_str()).unwrap();
        assert_eq!(word, "Snapshot Available release-142");
        assert_eq!((&answer["snapshot"], &answer["identifier"]), (&json!(taken.arn), &json!(taken.id)));
        assert!(answer["created"].as_str().unwrap().starts_with("2026-11-20T10:00"), "{answer}");
    }
    assert_eq!((stack.kinds(), stack.dead_of_snapshot()), (vec![], 0));
}

#[tokio::test]
async fn a_request_whose_snapshot_fails_is_answered_although_rds_sends_no_event() {
    let (mut stack, arn) = on_request();
    assert!(stack.rds().next_snapshot("orders", Course::FailsAfter(SignedDuration::from_mins(5))));
    stack.request(&arn, "r1");
    stack.minutes(40).await;
    let answers = stack.answers();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, "Snapshot Failed r1");
    assert!(answers[0].1["reason"].as_str().unwrap().contains("failed"));
    assert_eq!(stack.rds_writes("Create").len(), 1);
}

#[tokio::test]
async fn a_request_that_comes_again_is_answered_again_and_makes_no_second_snapshot() {
    let (mut stack, arn) = on_request();
    stack.request(&arn, "r1");
    stack.minutes(2).await;
    stack.request(&arn, "r1");
    stack.minutes(20).await;
    assert_eq!((stack.answers().len(), stack.ours("orders").len()), (1, 1));
    stack.request(&arn, "r1");
    stack.minutes(2).await;
    let answers = stack.answers();
    assert_eq!((answers.len(), stack.ours("orders").len()), (2, 1));
    assert_eq!(answers[0], answers[1]);
    // Another request is another snapshot.
    stack.request(&arn, "r2");
    stack.minutes(20).await;
    assert_eq!((stack.answers().len(), stack.ours("orders").len()), (3, 2));
    assert_eq!(stack.rds_writes("Create").len(), 2);
}

#[tokio::test]
async fn what_cannot_be_snapshotted_is_answered_with_what_to_do_instead() {
    let mut stack = Stack::backups(&[]);
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "on-request").create();
    stack.rds().documentdb("papers").tag("steward:snapshot", "on-request").create();
    stack.instance("twin", "on-request");
    stack.rds().aurora("twin", 0).tag("steward:snapshot", "on-request").create();
    stack.rds().instance("free").create();
    stack.instance("wrong", "dayly:7");
    for (database, words) in [
        ("nothing", "no such"),
        ("crm-instance-1", "member of the cluster crm"),
        ("papers", "DocumentDB"),
        ("twin", "give the ARN"),
        ("free", "opted in"),
        ("wrong", "tags"),
    ] {
        stack.request(database, "r1");
        stack.minutes(2).await;
        let answers = stack.answers();
        let (word, answer) = answers.last().unwrap();
        assert_eq!(word, "Snapshot Failed r1", "{database}");
        assert!(answer["reason"].as_str().unwrap().contains(words), "{database}: {answer}");
    }
    assert_eq!(stack.answers().len(), 6);
    assert_eq!(stack.rds_writes("Create").len(), 0);
    assert_eq!((stack.kinds(), stack.dead_of_snapshot()), (vec!["tags".to_owned()], 0));
}

#[tokio::test]
async fn a_request_waits_for_a_database_that_is_busy_and_not_for_ever() {
    let (mut stack, arn) = on_request();
    stack.world.stop_schedules();
    assert!(stack.rds().set_status("orders", "backing-up"));
    stack.request(&arn, "r1");
    stack.minutes(15).await;
    assert!(stack.answers().is_empty() && stack.ours("orders").is_empty());
    assert!(stack.rds().start("orders"));
    stack.minutes(12).await;
    assert_eq!(stack.answers()[0].0, "Snapshot Available r1");
    assert!(stack.rds().set_status("orders", "upgrading"));
    stack.request(&arn, "r2");
    stack.minutes(70).await;
    let answers = stack.answers();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[1].0, "Snapshot Failed r2");
    assert!(answers[1].1["reason"].as_str().unwrap().contains("upgrading"));
    let woken = stack.woken();
    stack.minutes(120).await;
    assert_eq!(stack.woken(), woken, "nobody waits for it any more");
}

#[tokio::test]
async fn a_request_and_a_due_slot_at_the_same_time_make_two_snapshots_one_after_the_other() {
    let mut stack = Stack::backups(&[]);
    let arn = stack.instance("orders", "daily:7");
    stack.until("2026-11-21T01:59:50Z").await;
    stack.request(&arn, "r1");
    stack.until("2026-11-21T03:00:00Z").await;
    assert_eq!(stack.slots("orders").len(), 2);
    assert_eq!(stack.ours("orders").len(), 3);
    assert!(stack.ours("orders").iter().all(|taken| taken.status == "available"));
    assert_eq!(stack.answers().len(), 1);
    assert_eq!((stack.kinds(), stack.dead_of_snapshot()), (vec![], 0));
    // And in one and the same look, when the slot is due with the request.
    let mut stack = Stack::new();
    let arn = stack.instance("orders", "daily:7");
    stack.request(&arn, "r1");
    stack.minutes(60).await;
    assert_eq!((stack.slots("orders").len(), stack.ours("orders").len()), (1, 2));
    assert_eq!(stack.answers()[0].0, "Snapshot Available r1");
    assert_eq!((stack.kinds(), stack.dead_of_snapshot()), (vec![], 0));
}

#[tokio::test]
async fn requested_snapshots_are_kept_a_week_and_the_last_three_for_ever() {
    let mut stack = Stack::backups(&[]);
    let arn = stack.instance("orders", "on-request");
    for number in 1..=5 {
        stack.request(&arn, &format!("r{number}"));
        stack.minutes(30).await;
    }
    stack.world.stop_schedules();
    stack.daily_ticks(6).await;
    assert_eq!(stack.ours("orders").len(), 5);
    stack.daily_ticks(30).await;
    let left: Vec<_> = stack.ours("orders").iter().map(|taken| taken.tags["steward:request"].clone()).collect();
    assert_eq!(left, ["r3", "r4", "r5"]);
}
