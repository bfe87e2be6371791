//! What is in the way, what is only planned, what cannot be read, and what people hear of late.

use lab::faults::{Fault, Plan};
use lab::wire::Call;
use serde_json::json;

use crate::support::{Stack, event, text};

#[tokio::test]
async fn slots_in_the_way_of_a_window_are_told_once() {
    let mut stack = Stack::backups(&[]);
    let in_the_way = stack.rds().instance("orders").tag("steward:snapshot", "daily:7");
    in_the_way.windows("02:10-02:40", "sun:04:00-sun:04:30").create();
    stack.instance("well-placed", "daily:7");
    stack.days(3).await;
    assert_eq!(stack.kinds(), ["schedule-conflict"]);
    let told = &stack.told_of_backups()[0];
    assert!(told.severity == "info" && told.message.contains("02:10-02:40"), "{told:?}");
    assert!(told.title.contains("orders"), "{told:?}");
    assert_eq!(stack.slots("orders").len(), 4);
}

#[tokio::test]
async fn tags_that_cannot_be_read_are_told_once_and_nothing_is_taken_or_deleted() {
    let mut stack = Stack::with(&[("SnapshotKeepMinimum", "1")]);
    stack.instance("orders", "daily:2");
    stack.until("2026-11-21T02:05:00Z").await;
    stack.daily_ticks(4).await;
    let before = Stack::names(&stack.rds());
    assert!(stack.rds().tag("orders", "steward:snapshot", Some("daily:2 dayly:3")));
    stack.daily_ticks(4).await;
    assert_eq!(Stack::names(&stack.rds()), before);
    // Its backups age all the same.
    assert_eq!(stack.kinds(), ["tags", "backup-stale"]);
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let mut stack = Stack::with(&[("SnapshotKeepMinimum", "1")]);
    stack.instance("orders", "daily:2");
    stack.until("2026-11-21T02:05:00Z").await;
    stack.daily_ticks(3).await;
    let before = (Stack::names(&stack.rds()), stack.memory("orders"));
    stack.update(&[("SnapshotKeepMinimum", "1"), ("DryRun", "true")]);
    let from = stack.calls().len();
    stack.tick().await;
    stack.request("orders", "r1");
    stack.minutes(30).await;
    assert_eq!((Stack::names(&stack.rds()), stack.memory("orders")), before);
    let reads = ["Describe", "BatchGetItem", "GetItem"];
    let calls = stack.calls_of_snapshot(from);
    assert!(calls.iter().all(|record| reads.iter().any(|read| record.call.operation.starts_with(read))), "{calls:?}");
    assert!(stack.answers().is_empty() && stack.kinds().is_empty());
    let report = stack.report_of_a_dry_run().await;
    assert_eq!(report["dry_run"], true);
    let verdicts: Vec<&str> = report["snapshots"].as_array().unwrap().iter().map(|row| text(&row["verdict"])).collect();
    assert_eq!(verdicts, ["delete", "keep", "keep"]);
    assert!(report["snapshots"].as_array().unwrap().iter().all(|row| !text(&row["why"]).is_empty()));
    let words: Vec<&str> = report["decisions"].as_array().unwrap().iter().map(|one| text(&one["decision"])).collect();
    assert_eq!(words, ["take", "delete"]);
}

#[tokio::test]
async fn messages_that_cannot_be_read_go_to_the_dead_letters_and_stop_nothing() {
    let mut stack = Stack::new();
    let arn = stack.instance("orders", "on-request");
    let bad = [
        "{ not json".to_owned(),
        event("steward", "Snapshot Requested", &json!({ "database": arn })).to_string(),
        event("steward", "Snapshot Requested", &json!({ "database": arn, "request": "r1", "size": 3 })).to_string(),
        event("steward", "Snapshot Requested", &json!({ "database": arn, "request": "Not A Name!" })).to_string(),
        event("steward", "Snapshot Due", &json!({ "database": "orders" })).to_string(),
        event("aws.rds", "RDS DB Snapshot Event", &json!({ "EventID": 7 })).to_string(),
    ];
    for body in &bad {
        stack.send_snapshot(body);
        stack.minutes(6).await;
    }
    assert_eq!(stack.dead_of_snapshot(), bad.len());
    assert!(stack.ours("orders").is_empty());
    stack.request(&arn, "r1");
    stack.minutes(10).await;
    assert_eq!(stack.answers()[0].0, "Snapshot Available r1");
}

#[tokio::test]
async fn what_is_of_no_use_is_dropped_without_a_call() {
    let mut stack = Stack::new();
    stack.instance("orders", "daily:7");
    let mut foreign = event("steward", "Sweep", &json!({}));
    foreign["account"] = "999988887777".into();
    let automated = json!({ "EventID": "RDS-EVENT-0042", "SourceIdentifier": "rds:orders", "SourceType": "SNAPSHOT" });
    let other = json!({ "EventID": "RDS-EVENT-0040", "SourceIdentifier": "steward-x", "SourceType": "SNAPSHOT" });
    for event in [
        foreign,
        event("aws.rds", "RDS DB Snapshot Event", &automated),
        event("aws.rds", "RDS DB Snapshot Event", &other),
        event("aws.ecs", "ECS Task State Change", &json!({})),
    ] {
        stack.send_snapshot(&event.to_string());
        stack.minutes(6).await;
    }
    assert_eq!((stack.calls_of_snapshot(0).len(), stack.dead_of_snapshot(), stack.woken().len()), (0, 0, 4));
}

#[tokio::test]
async fn what_could_not_be_told_is_told_later_and_once() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.days(1).await;
    stack.account.inject(Plan::default().always("Publish", Fault::ServerError).chooser());
    assert!(stack.rds().set_status("orders", "storage-full"));
    stack.until("2026-11-22T12:00:00Z").await;
    assert_eq!(stack.kinds(), Vec::<String>::new());
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.minutes(60).await;
    assert_eq!(stack.kinds(), ["snapshot-missed"]);
    assert_eq!(stack.dead_of_snapshot(), 0);
}

#[tokio::test]
async fn an_answer_that_the_bus_does_not_take_is_sent_later_and_once() {
    for fault in [Fault::ServerError, Fault::EntriesFailed] {
        let mut stack = Stack::backups(&[]);
        let arn = stack.instance("orders", "on-request");
        let down = move |call: &Call| if call.operation == "PutEvents" { fault } else { Fault::Ok };
        stack.account.inject(Box::new(down));
        stack.request(&arn, "r1");
        stack.minutes(60).await;
        let sent = stack.answers().len();
        stack.account.inject(Box::new(|_| Fault::Ok));
        stack.minutes(60).await;
        assert_eq!(stack.answers().len(), sent + 1, "{fault:?}");
        assert_eq!(stack.answers().last().unwrap().0, "Snapshot Available r1");
        assert_eq!((stack.ours("orders").len(), stack.kinds()), (1, vec![]), "{fault:?}");
    }
}

#[tokio::test]
async fn a_request_survives_a_crash_at_any_call() {
    for operation in ["BatchGetItem", "PutItem", "CreateDBSnapshot", "PutEvents"] {
        for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::LostReply, Fault::Throttled] {
            let mut stack = Stack::backups(&[]);
            let arn = stack.instance("orders", "on-request");
            stack.account.inject(Plan::default().on(operation, 1, fault).chooser());
            stack.request(&arn, "r1");
            stack.minutes(90).await;
            let answers = stack.answers();
            let last = answers.last().map(|(word, _)| word.as_str());
            assert_eq!(last, Some("Snapshot Available r1"), "{operation} {fault:?}");
            assert_eq!((stack.ours("orders").len(), stack.dead_of_snapshot()), (1, 0), "{operation} {fault:?}");
            assert_eq!(stack.kinds(), Vec::<String>::new(), "{operation} {fault:?}");
        }
    }
}
