//! What is called, in which order, and what comes of each refusal, against an AWS that answers what a test tells it to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use jiff::SignedDuration;
use shared::aws::Clients;
use shared::config::{AlertFormat, Config};
use shared::event::Event;
use shared::failure::HandlingError;
use shared::function::Function;
use shared::ingress::Handler;
use shared::schedule::ScheduleSettings;

use super::*;
use crate::fixtures::{NOW, TODAY, at, attempt, backup, copied, hours, minutes, request, requested, seen, seen_copied};
use crate::fixtures::{settings, sweep};
use crate::observe::model::{Own, Status};
use crate::plan::plan;

/// An AWS that keeps a list of calls. What no test has an answer for succeeds.
#[derive(Debug, Clone, Default)]
struct Aws(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    /// Operation and body of each call.
    calls: Vec<(String, String)>,
    answers: BTreeMap<&'static str, VecDeque<(u16, String)>>,
}

impl HttpClient for Aws {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let target = request.headers().get("x-amz-target").and_then(|target| target.split('.').nth(1));
        let action = body.split('&').find_map(|part| part.strip_prefix("Action="));
        let operation = action.or(target).unwrap_or("CreateSchedule").to_owned();
        let mut script = self.0.lock().unwrap();
        let told = script.answers.get_mut(operation.as_str()).and_then(VecDeque::pop_front);
        let (status, answer) = told.unwrap_or_else(|| (200, success(&operation)));
        script.calls.push((operation, body));
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(answer))))
    }
}

fn success(operation: &str) -> String {
    match operation {
        "PutItem" | "BatchGetItem" | "GetItem" => "{}".to_owned(),
        "PutEvents" => r#"{ "FailedEntryCount": 0, "Entries": [{ "EventId": "1" }] }"#.to_owned(),
        "CreateSchedule" => r#"{ "ScheduleArn": "arn:aws:scheduler:eu-west-1:123456789012:schedule/a/b" }"#.to_owned(),
        "DescribeKey" => r#"{ "KeyMetadata": { "KeyId": "k", "KeyState": "Enabled" } }"#.to_owned(),
        _ => format!("<{operation}Response><{operation}Result></{operation}Result></{operation}Response>"),
    }
}

/// An error of RDS.
fn error(code: &str) -> (u16, String) {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    );
    (400, body)
}

/// The list that RDS answers with when it is asked for a snapshot of that name.
fn listing(own: &Own) -> (u16, String) {
    let snapshot = &own.snapshot;
    let tag = |(key, value): (&String, &String)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tags: String = snapshot.tags.iter().map(tag).collect();
    let (name, arn) = (&snapshot.name, &snapshot.arn);
    let item = format!(
        "<DBSnapshot><DBSnapshotIdentifier>{name}</DBSnapshotIdentifier><DBSnapshotArn>{arn}</DBSnapshotArn><Status>creating</Status><DbiResourceId>db-SHOP</DbiResourceId><TagList>{tags}</TagList></DBSnapshot>"
    );
    (
        200,
        format!(
            "<DescribeDBSnapshotsResponse><DescribeDBSnapshotsResult><DBSnapshots>{item}</DBSnapshots></DescribeDBSnapshotsResult></DescribeDBSnapshotsResponse>"
        ),
    )
}

impl Aws {
    fn answer(self, operation: &'static str, answer: (u16, String)) -> Self {
        self.0.lock().unwrap().answers.entry(operation).or_default().push_back(answer);
        self
    }

    /// The names of all calls.
    fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.iter().map(|(operation, _)| operation.clone()).collect()
    }

    /// The calls that change something in RDS.
    fn changes(&self) -> Vec<String> {
        let is_change = |call: &String| {
            ["CreateDB", "CopyDB", "DeleteDB", "ModifyDB"].iter().any(|prefix| call.starts_with(prefix))
        };
        self.calls().into_iter().filter(is_change).collect()
    }

    fn bodies(&self, operation: &str) -> Vec<String> {
        let script = self.0.lock().unwrap();
        script.calls.iter().filter(|(called, _)| called == operation).map(|(_, body)| body.clone()).collect()
    }

    fn clients(&self) -> Clients {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let http = SharedHttpClient::new(self.clone());
        Clients::with_http_client(http, &Clock::system(), credentials, "eu-west-1")
    }

    /// Carries out a plan. What came of it, and the alerts and answers that were sent are in the calls.
    async fn apply(&self, settings: &Settings, seen: &Seen, plan: &Plan, time: SignedDuration) -> Done {
        let (clients, clock) = (self.clients(), Clock::system());
        let table = Table::new(clients.dynamodb().clone(), "steward".to_owned());
        let schedules = ScheduleSettings {
            undelivered: None,
            group: "steward".to_owned(),
            role: "arn:aws:iam::123456789012:role/scheduler".to_owned(),
            queue: "arn:aws:sqs:eu-west-1:123456789012:snapshot.fifo".to_owned(),
        };
        let applier = Applier {
            table: table.clone(),
            topic: Topic::new(
                clients.sns().clone(),
                "arn:aws:sns:eu-west-1:123456789012:steward".to_owned(),
                AlertFormat::Text,
            ),
            bus: Bus::new(clients.events().clone()),
            schedules: Some(Schedules::new(clients.scheduler().clone(), schedules, "snapshot")),
            clock: clock.clone(),
            kms: Keys::new(clients.clone()),
        };
        let mut observer = Observer::new(clients, table, settings.owner.clone(), settings.region.clone());
        let deadline = Deadline::at(clock.now() + time);
        let mut site = Site { settings, observer: &mut observer, deadline, now: at(NOW) };
        applier.apply(plan, seen, &mut site).await
    }

    /// What a sweep decides, carried out with time enough.
    async fn sweep(&self, seen: &Seen) -> Done {
        self.apply(&settings(), seen, &sweep(seen, at(NOW)), minutes(10)).await
    }
}

/// A database that needs a snapshot, and has more than its policy keeps.
fn full() -> Seen {
    // Yesterday's is the newest, so that nothing is stale.
    seen("daily:3", (1..7).map(backup).collect())
}

#[tokio::test]
async fn a_snapshot_is_made_first_and_others_deleted_last_and_the_memory_written_between_and_after() {
    let aws = Aws::default();
    let done = aws.sweep(&full()).await;
    assert_eq!(aws.changes(), ["CreateDBSnapshot", "DeleteDBSnapshot", "DeleteDBSnapshot", "DeleteDBSnapshot"]);
    assert_eq!((done.taken.len(), done.deleted.len(), done.failures.len()), (1, 3, 0));
    assert_eq!(aws.calls()[0], "PutItem");
    let body = &aws.bodies("CreateDBSnapshot")[0];
    for part in ["DBInstanceIdentifier=shop", "steward%3Aowner", "steward%3Aresource", "team"] {
        assert!(body.contains(part), "{part} in {body}");
    }
}

#[tokio::test]
async fn a_full_quota_is_pruned_and_then_tried_once_more() {
    let aws = Aws::default().answer("CreateDBSnapshot", error("SnapshotQuotaExceeded"));
    let done = aws.sweep(&full()).await;
    let expected = ["CreateDBSnapshot", "DeleteDBSnapshot", "DeleteDBSnapshot", "DeleteDBSnapshot", "CreateDBSnapshot"];
    assert_eq!(aws.changes(), expected);
    assert_eq!((done.taken.len(), done.failures.len()), (1, 0));
    assert_eq!(aws.bodies("Publish"), [""; 0]);
}

#[tokio::test]
async fn a_quota_that_is_still_full_is_told_and_not_tried_a_third_time() {
    let full_quota = error("SnapshotQuotaExceeded");
    let aws =
        Aws::default().answer("CreateDBSnapshot", full_quota.clone()).answer("CreateDBSnapshot", full_quota.clone());
    let done = aws.sweep(&full()).await;
    assert_eq!(aws.bodies("CreateDBSnapshot").len(), 2);
    assert_eq!((done.taken.len(), done.failures.len()), (0, 1));
    assert_eq!(aws.bodies("Publish").len(), 1);
    // Where nothing could be deleted, a second try is in vain.
    let aws = Aws::default().answer("CreateDBSnapshot", full_quota);
    aws.sweep(&seen("daily:7", vec![backup(1)])).await;
    assert_eq!((aws.changes().len(), aws.bodies("Publish").len()), (1, 1));
}

#[tokio::test]
async fn a_name_that_is_taken_by_the_same_snapshot_is_what_was_wanted() {
    let aws = Aws::default()
        .answer("CreateDBSnapshot", error("DBSnapshotAlreadyExists"))
        .answer("DescribeDBSnapshots", listing(&backup(0)));
    let done = aws.sweep(&seen("daily:7", vec![backup(1)])).await;
    assert_eq!((done.taken, done.failures.len()), (vec![backup(0).snapshot.name], 0));
    assert_eq!(aws.bodies("Publish"), [""; 0]);
}

#[tokio::test]
async fn a_name_that_is_taken_by_somebody_else_is_told_and_left_alone() {
    let mut theirs = backup(0);
    theirs.snapshot.tags.remove("steward:owner");
    let aws = Aws::default()
        .answer("CreateDBSnapshot", error("DBSnapshotAlreadyExists"))
        .answer("DescribeDBSnapshots", listing(&theirs));
    let done = aws.sweep(&seen("daily:7", vec![backup(1)])).await;
    assert_eq!((done.taken.len(), done.failures.len()), (0, 1));
    assert_eq!((aws.changes().len(), aws.bodies("Publish").len()), (1, 1));
    assert!(aws.bodies("Publish")[0].contains("refuses"), "{:?}", aws.bodies("Publish"));
}

#[tokio::test]
async fn a_database_that_rds_says_is_busy_is_looked_at_again_by_a_schedule_and_nobody_is_told() {
    let aws = Aws::default().answer("CreateDBSnapshot", error("InvalidDBInstanceState"));
    let done = aws.sweep(&seen("daily:7", vec![backup(1)])).await;
    assert_eq!((done.taken.len(), done.failures.len()), (0, 0));
    let schedules = aws.bodies("CreateSchedule");
    assert_eq!(schedules.len(), 1);
    assert!(schedules[0].contains("at(2026-11-21T02:15:00)") && schedules[0].contains("Snapshot Due"), "{schedules:?}");
    assert_eq!(aws.bodies("Publish"), [""; 0]);
    let written = aws.bodies("PutItem");
    assert!(written.last().unwrap().contains("tries"), "the wait is remembered: {written:?}");
}

#[tokio::test]
async fn what_is_denied_is_told_and_the_rest_is_done_nevertheless() {
    let aws = Aws::default()
        .answer("CreateDBSnapshot", error("AccessDenied"))
        .answer("DeleteDBSnapshot", error("AccessDenied"));
    let mut seen = full();
    // What the backups before have in another region keeps nothing from being deleted here.
    seen.memory.item.told.insert("policy-changed".to_owned(), String::new());
    let done = aws.sweep(&seen).await;
    assert_eq!((done.taken.len(), done.deleted.len(), done.failures.len()), (0, 2, 2));
    assert_eq!(aws.bodies("Publish").len(), 1);
}

#[tokio::test]
async fn one_failure_does_not_keep_the_rest_from_being_done() {
    let here: Vec<Own> = (0..6).map(backup).collect();
    let seen = seen_copied("daily:3", here, vec![]);
    let settings = Settings { share_with: vec!["210987654321".parse().unwrap()], ..settings() };
    let asked = plan(&settings, &seen, Some(&request("r-1")), true, at(NOW));
    let aws = Aws::default()
        .answer("CreateDBSnapshot", error("InvalidParameterValue"))
        .answer("ModifyDBSnapshotAttribute", error("InvalidDBSnapshotState"))
        .answer("CopyDBSnapshot", error("KMSKeyNotAccessibleFault"))
        .answer("DeleteDBSnapshot", error("InvalidParameterValue"));
    let done = aws.apply(&settings, &seen, &asked, minutes(10)).await;
    // One share that is refused stands for all of this database.
    let tried = ["CreateDBSnapshot", "ModifyDBSnapshotAttribute", "CopyDBSnapshot"];
    assert_eq!(aws.changes()[..3], tried);
    assert_eq!(aws.changes()[3..], ["DeleteDBSnapshot"; 3]);
    assert_eq!((done.failures.len(), done.deleted.len(), done.copied), (3, 2, None));
    assert_eq!((done.answered.len(), aws.bodies("PutEvents").len()), (1, 1), "the request is answered");
    assert_eq!(aws.bodies("Publish").len(), 2, "copy and share are told");
}

#[tokio::test]
async fn what_is_gone_already_is_neither_counted_nor_a_failure() {
    let aws = Aws::default()
        .answer("DeleteDBSnapshot", error("DBSnapshotNotFound"))
        .answer("DeleteDBSnapshot", error("InvalidDBSnapshotState"));
    let done = aws.sweep(&full()).await;
    assert_eq!((done.deleted.len(), done.failures.len()), (1, 0));
}

fn encrypted() -> Seen {
    let mut newest = backup(0);
    newest.snapshot.encrypted = true;
    seen_copied("daily:7", vec![newest, backup(1)], vec![copied(&backup(1), Status::Available)])
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_told_and_no_copy_is_begun() {
    let disabled = (200, r#"{ "KeyMetadata": { "KeyId": "k", "KeyState": "PendingDeletion" } }"#.to_owned());
    let denied = (400, r#"{ "__type": "AccessDeniedException", "message": "no" }"#.to_owned());
    for answer in [disabled, denied] {
        let aws = Aws::default().answer("DescribeKey", answer);
        let done = aws.sweep(&encrypted()).await;
        assert_eq!((aws.changes(), done.failures.len(), done.copied), (vec![], 1, None));
        assert_eq!(aws.bodies("Publish").len(), 1);
    }
}

#[tokio::test]
async fn a_key_that_kms_is_too_busy_to_tell_of_is_no_news_and_costs_the_copy_no_try() {
    let busy = || (400, r#"{ "__type": "ThrottlingException", "message": "later" }"#.to_owned());
    let aws = (0..3).fold(Aws::default(), |aws, _| aws.answer("DescribeKey", busy()));
    let done = aws.sweep(&encrypted()).await;
    assert_eq!((aws.changes(), done.failures.len(), done.copy_refused), (vec![], 1, false));
    assert_eq!((aws.bodies("DescribeKey").len(), aws.bodies("Publish").len()), (3, 0));
    assert!(aws.bodies("PutItem")[1].contains(r#"\"tries\":0"#), "{:?}", aws.bodies("PutItem"));
}

#[tokio::test]
async fn a_copy_is_encrypted_with_the_key_of_its_region_or_with_rdss_own() {
    let key = |region: &str| format!("arn:aws:kms:{region}:123456789012:key/0f1e");
    for (keys, expected) in [
        (vec![key("eu-west-1"), key("eu-central-1")], "KmsKeyId=arn%3Aaws%3Akms%3Aeu-central-1"),
        (vec![key("eu-west-1")], "KmsKeyId=alias%2Faws%2Frds"),
    ] {
        let keys = keys.iter().map(|key| key.parse().unwrap()).collect();
        let settings = Settings { keys, ..settings() };
        let aws = Aws::default();
        let seen = encrypted();
        let done = aws.apply(&settings, &seen, &plan(&settings, &seen, None, true, at(NOW)), minutes(10)).await;
        assert_eq!(done.copied, Some(backup(0).snapshot.name));
        let body = &aws.bodies("CopyDBSnapshot")[0];
        assert!(body.contains(expected) && body.contains("steward%3Acopied-from"), "{body}");
        assert!(!body.contains("CopyTags"), "{body}");
    }
}

#[tokio::test]
async fn a_copy_that_is_not_encrypted_asks_for_no_key() {
    let aws = Aws::default();
    let mut seen = encrypted();
    seen.here[0].snapshot.encrypted = false;
    aws.sweep(&seen).await;
    assert_eq!(aws.bodies("DescribeKey"), [""; 0]);
    assert!(!aws.bodies("CopyDBSnapshot")[0].contains("KmsKeyId"));
}

#[tokio::test]
async fn a_copy_that_is_only_too_early_is_no_news() {
    let aws = Aws::default().answer("CopyDBSnapshot", error("InvalidDBSnapshotState"));
    let mut seen = encrypted();
    seen.here[0].snapshot.encrypted = false;
    let done = aws.sweep(&seen).await;
    assert_eq!((done.copied, aws.bodies("Publish").len()), (None, 0));
}

#[tokio::test]
async fn a_request_is_answered_on_the_bus_and_one_that_is_refused_too() {
    let seen = seen("on-request", vec![requested("r-1", 0, Status::Available)]);
    let aws = Aws::default();
    aws.apply(&settings(), &seen, &plan(&settings(), &seen, Some(&request("r-1")), false, at(NOW)), minutes(10)).await;
    assert!(aws.bodies("PutEvents")[0].contains("Snapshot Available"), "{:?}", aws.bodies("PutEvents"));
    let aws = Aws::default().answer("CreateDBSnapshot", error("AccessDenied"));
    let plan = plan(&settings(), &seen, Some(&request("r-2")), false, at(NOW));
    let done = aws.apply(&settings(), &seen, &plan, minutes(10)).await;
    assert!(aws.bodies("PutEvents")[0].contains("Snapshot Failed"), "{:?}", aws.bodies("PutEvents"));
    // The message is done with: delivered again, it would be answered again.
    assert_eq!((done.failures.len(), done.answered.len()), (0, 1));
}

#[tokio::test]
async fn what_could_not_be_sent_is_remembered_and_nothing_is_lost() {
    let mut broken = seen("daily:7", vec![backup(1), attempt(at(TODAY), 1, Status::Failed)]);
    broken.database.status = "modifying".to_owned();
    let aws = Aws::default().answer("Publish", error("InvalidParameter")).answer("Publish", error("InvalidParameter"));
    let done = aws.sweep(&broken).await;
    assert!(!done.failures.is_empty());
    assert!(aws.bodies("PutItem")[0].contains("snapshot-failed"), "{:?}", aws.bodies("PutItem"));
}

#[tokio::test]
async fn without_a_memory_that_can_be_written_nothing_is_done() {
    let conflict =
        (400, r#"{ "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException" }"#.to_owned());
    let aws = Aws::default().answer("PutItem", conflict);
    let done = aws.sweep(&full()).await;
    assert_eq!((aws.changes(), done.failures.len()), (vec![], 1));
}

#[tokio::test]
async fn without_time_nothing_is_begun() {
    let seen = full();
    let aws = Aws::default();
    let done = aws.apply(&settings(), &seen, &sweep(&seen, at(NOW)), SignedDuration::from_secs(19)).await;
    assert!(done.out_of_time);
    assert_eq!(aws.changes(), [""; 0]);
}

#[tokio::test]
async fn sharing_is_remembered_and_a_refusal_told_once() {
    let settings = Settings { share_with: vec!["210987654321".parse().unwrap()], ..settings() };
    let seen = seen("daily:7", vec![backup(0), backup(1)]);
    let order = plan(&settings, &seen, None, true, at(NOW));
    let aws = Aws::default();
    aws.apply(&settings, &seen, &order, minutes(10)).await;
    assert_eq!(aws.changes(), ["ModifyDBSnapshotAttribute"; 2]);
    assert!(aws.bodies("PutItem").last().unwrap().contains("210987654321"));
    let aws = Aws::default().answer("ModifyDBSnapshotAttribute", error("InvalidParameterValue"));
    aws.apply(&settings, &seen, &order, minutes(10)).await;
    assert_eq!((aws.changes().len(), aws.bodies("Publish").len()), (1, 1));
}

/// The whole function, for one sweep over a database with tags, a snapshot too many, and none for the slot.
async fn whole_sweep(dry_run: &str) -> (Aws, crate::Report) {
    let (aws, report) = try_whole_sweep(Aws::default(), dry_run).await;
    (aws, report.unwrap())
}

async fn try_whole_sweep(aws: Aws, dry_run: &str) -> (Aws, Result<crate::Report, HandlingError>) {
    let database = "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance><DBInstanceArn>arn:aws:rds:eu-west-1:123456789012:db:shop</DBInstanceArn><DbiResourceId>db-SHOP</DbiResourceId><Engine>postgres</Engine><DBInstanceStatus>available</DBInstanceStatus><TagList><Tag><Key>steward:snapshot</Key><Value>daily:7</Value></Tag></TagList></DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>";
    let aws = aws.answer("DescribeDBInstances", (200, database.to_owned()));
    let (_, list) = listing(&attempt(at(TODAY) - hours(24 * 300), 1, Status::Available));
    let aws = aws.answer("DescribeDBSnapshots", (200, list.replace("creating", "failed")));
    let clients = aws.clients();
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("STEWARD_ACCOUNT_ID", "123456789012"),
        ("STEWARD_TABLE", "steward"),
        ("STEWARD_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:steward"),
        ("STEWARD_DRY_RUN", dry_run),
    ];
    let config =
        Config::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
    let clock = Clock::system();
    let deadline = Deadline::at(clock.now() + minutes(10));
    let mut snapshot = crate::Snapshot::start(config.unwrap(), &clients, clock);
    let event = serde_json::json!({ "source": "steward", "detail-type": "Sweep", "detail": {} });
    let report = snapshot.until(deadline).handle(Event::read(&event).unwrap()).await;
    (aws, report)
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_do_and_calls_nothing_that_changes_anything() {
    let (aws, report) = whole_sweep("true").await;
    let reads = ["Describe", "BatchGetItem", "GetItem"];
    assert!(aws.calls().iter().all(|call| reads.iter().any(|read| call.starts_with(read))), "{:?}", aws.calls());
    assert!(report.base.dry_run && report.base.decisions.iter().any(|record| record.decision == "take"), "{report:?}");
    // The same without it, so that it is the dry run which is silent.
    let (aws, _) = whole_sweep("false").await;
    assert_eq!(aws.changes(), ["CreateDBSnapshot"]);
    assert!(aws.calls().contains(&"PutItem".to_owned()) && aws.calls().contains(&"Publish".to_owned()));
}

#[tokio::test]
async fn while_no_memory_can_be_read_what_is_due_is_taken_and_nothing_else() {
    let denied = (400, r#"{ "__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException" }"#.to_owned());
    let (aws, answer) = try_whole_sweep(Aws::default().answer("BatchGetItem", denied.clone()), "false").await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(aws.changes(), ["CreateDBSnapshot"]);
    let others = ["PutItem", "Publish", "PutEvents", "CreateSchedule"];
    assert!(!aws.calls().iter().any(|call| others.contains(&call.as_str())), "{:?}", aws.calls());
    let (aws, _) = try_whole_sweep(Aws::default().answer("BatchGetItem", denied), "true").await;
    assert_eq!(aws.changes(), [""; 0]);
}
