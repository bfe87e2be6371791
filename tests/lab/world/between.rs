//! What one function does that another one is woken by: events, one-time schedules. And that none starves.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;

use super::*;
use crate::bus::Mishap;
use crate::faults::{Fault, Plan};
use crate::fifo::Outgoing;
use crate::function::{FunctionError, InProcess, Invocation};

const TEMPLATE: &str = r"
Resources:
  FirstQueue:
    Type: AWS::SQS::Queue
    Properties: { FifoQueue: true, ContentBasedDeduplication: true, VisibilityTimeout: 125 }
  SecondQueue:
    Type: AWS::SQS::Queue
    Properties: { FifoQueue: true, ContentBasedDeduplication: true, VisibilityTimeout: 125 }
  Told:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: { source: [steward] }
      Targets: [{ Id: second, Arn: !GetAtt SecondQueue.Arn, SqsParameters: { MessageGroupId: second } }]
  Checks: { Type: AWS::Scheduler::ScheduleGroup }
  SchedulerRole: { Type: AWS::IAM::Role }
  First:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/first
      Timeout: 120
      Environment:
        Variables:
          STEWARD_QUEUE_ARN: !GetAtt SecondQueue.Arn
          STEWARD_SCHEDULER_ROLE_ARN: !GetAtt SchedulerRole.Arn
          STEWARD_SCHEDULE_GROUP: !Ref Checks
      Events:
        Queue: { Type: SQS, Properties: { Queue: !GetAtt FirstQueue.Arn, BatchSize: 1, FunctionResponseTypes: [ReportBatchItemFailures] } }
  Second:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/second
      Timeout: 120
      Events:
        Queue: { Type: SQS, Properties: { Queue: !GetAtt SecondQueue.Arn, BatchSize: 1, FunctionResponseTypes: [ReportBatchItemFailures] } }
";

type Seen = Rc<RefCell<Vec<String>>>;

/// One request of the function `First`; the answer, or nothing where the reply was lost.
async fn ask(account: &Account, service: &str, target: Option<&str>, path: &str, body: &Value) -> Option<(u16, Value)> {
    let credential = format!("AWS4-HMAC-SHA256 Credential=steward-First/20261120/eu-west-1/{service}/aws4_request");
    let mut request = ::http::Request::post(path).header("authorization", credential);
    if let Some(target) = target {
        request = request.header("x-amz-target", target);
    }
    let response = account.serve(request.body(body.to_string().into()).unwrap()).await;
    let lost = response.extensions().get::<crate::account::LostReply>().is_some();
    (!lost).then(|| (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap()))
}

async fn put_event(account: &Account, detail: &str) -> Option<(u16, Value)> {
    let entry = json!({ "Source": "steward", "DetailType": "Told", "Detail": json!({ "id": detail }).to_string() });
    ask(account, "events", Some("AWSEvents.PutEvents"), "/", &json!({ "Entries": [entry] })).await
}

/// A world whose first function does `work`, and what the second function is told, with the time since the start.
fn world<R>(work: impl Fn(Account, FunctionSpec) -> R + 'static) -> (World, Seen)
where
    R: Future<Output = Result<Value, FunctionError>> + 'static,
{
    let account = Account::new(VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap()));
    let template = Template::read(TEMPLATE, &BTreeMap::new()).unwrap();
    let spec = template.function("First").unwrap().clone();
    let mut world = World::new(account.clone(), Arc::new(template));
    let inside = account.clone();
    world.attach("First", Box::new(InProcess::new(&account, move |_| work(inside.clone(), spec.clone()))));
    let (seen, start, clock) = (Seen::default(), world.now(), account.clock().clone());
    let sink = Rc::clone(&seen);
    let second = InProcess::new(&account, move |invocation: Invocation| {
        let body = invocation.payload["Records"][0]["body"].as_str().unwrap_or_default();
        let event: Value = serde_json::from_str(body).unwrap();
        let passed = clock.now().duration_since(start).as_secs();
        sink.borrow_mut().push(format!("{passed} {}", event["detail"]["id"].as_str().unwrap()));
        std::future::ready(Ok(json!({ "batchItemFailures": [] })))
    });
    world.attach("Second", Box::new(second));
    (world, seen)
}

fn wake(world: &World, id: &str, queue: &str) {
    let body = json!({ "detail": { "id": id } }).to_string();
    let message = Outgoing { body, group: Some("g".to_owned()), ..Outgoing::default() };
    world.queues().send(queue, world.now(), message).unwrap().unwrap();
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// Puts the event `a`, sleeps for ten seconds, puts the event `b`.
async fn tells(account: Account, _: FunctionSpec) -> Result<Value, FunctionError> {
    put_event(&account, "a").await;
    account.sleep(seconds(10)).await;
    put_event(&account, "b").await;
    Ok(json!({ "batchItemFailures": [] }))
}

async fn tells_once(account: Account, _: FunctionSpec) -> Result<Value, FunctionError> {
    match put_event(&account, "a").await {
        Some((200, answer)) if answer["FailedEntryCount"] == 0 => Ok(json!({ "batchItemFailures": [] })),
        other => Err(FunctionError::Reported { kind: "Failed".to_owned(), message: format!("{other:?}") }),
    }
}

/// Lets a one-time schedule tell the second function in two minutes.
async fn schedules(account: Account, spec: FunctionSpec) -> Result<Value, FunctionError> {
    let variable = |name: &str| spec.environment.get(name).cloned().unwrap_or_default();
    let at = (account.clock().now() + seconds(120)).strftime("at(%Y-%m-%dT%H:%M:%S)").to_string();
    let body = json!({
        "ScheduleExpression": at,
        "GroupName": variable("STEWARD_SCHEDULE_GROUP"),
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "ActionAfterCompletion": "DELETE",
        "ClientToken": "verify-1",
        "Target": {
            "Arn": variable("STEWARD_QUEUE_ARN"),
            "RoleArn": variable("STEWARD_SCHEDULER_ROLE_ARN"),
            "Input": json!({ "id": "<aws.scheduler.execution-id>", "detail": { "id": "due" } }).to_string(),
            "SqsParameters": { "MessageGroupId": "second" },
        },
    });
    match ask(&account, "scheduler", None, "/schedules/verify-1", &body).await {
        Some((200 | 409, _)) => Ok(json!({ "batchItemFailures": [] })),
        other => Err(FunctionError::Reported { kind: "Failed".to_owned(), message: format!("{other:?}") }),
    }
}

#[tokio::test]
async fn events_that_a_function_puts_reach_the_rules_when_it_is_done() {
    let (mut world, seen) = world(tells);
    wake(&world, "go", "steward-FirstQueue.fifo");
    world.run_for(seconds(60)).await.unwrap();
    assert_eq!(*seen.borrow(), ["10 a", "10 b"]);
    let functions: Vec<&str> = world.invoked().iter().map(|invoked| invoked.function.as_str()).collect();
    assert_eq!(functions, ["First", "Second", "Second"]);
}

#[tokio::test]
async fn events_of_a_function_are_lost_doubled_and_reordered_like_those_of_ecs() {
    for (mishap, expected) in [
        (Mishap::Lost, vec!["10 b"]),
        (Mishap::HeldBack(seconds(30)), vec!["10 b", "40 a"]),
        (Mishap::Duplicated { after: seconds(30), same_id: false }, vec!["10 a", "10 b", "40 a"]),
        (Mishap::Duplicated { after: seconds(30), same_id: true }, vec!["10 a", "10 b"]),
    ] {
        let (mut world, seen) = world(tells);
        let of_a = move |event: &Value| if event["detail"]["id"] == "a" { mishap } else { Mishap::None };
        world.bus().disturb(Box::new(of_a));
        wake(&world, "go", "steward-FirstQueue.fifo");
        world.run_for(seconds(100)).await.unwrap();
        assert_eq!(*seen.borrow(), expected, "{mishap:?}");
    }
}

#[tokio::test]
async fn each_fault_of_putting_an_event_is_had_before_the_message_comes_again() {
    for (fault, before, after) in [
        (Fault::Throttled, 0, 1),
        (Fault::Denied, 0, 1),
        (Fault::ServerError, 0, 1),
        (Fault::EntriesFailed, 0, 1),
        (Fault::CrashBefore, 0, 1),
        (Fault::CrashAfter, 1, 2),
        (Fault::LostReply, 1, 2),
        (Fault::LateEffect(seconds(20)), 1, 2),
    ] {
        let (mut world, seen) = world(tells_once);
        world.account().inject(Plan::default().on("PutEvents", 1, fault).chooser());
        wake(&world, "go", "steward-FirstQueue.fifo");
        world.run_for(seconds(124)).await.unwrap();
        assert_eq!(seen.borrow().len(), before, "{fault:?}");
        assert!(world.invoked()[0].result.is_err(), "{fault:?}");
        world.run_for(seconds(10)).await.unwrap();
        assert_eq!(seen.borrow().len(), after, "{fault:?}");
    }
}

#[tokio::test]
async fn entries_that_fail_are_told_in_an_answer_that_is_no_error() {
    let (world, _) = world(tells);
    world.account().inject(Plan::default().always("PutEvents", Fault::EntriesFailed).chooser());
    let (status, answer) = put_event(world.account(), "a").await.unwrap();
    assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(1)));
    assert!(answer["Entries"][0]["ErrorCode"].is_string() && answer["Entries"][0]["EventId"].is_null());
}

#[tokio::test]
async fn a_schedule_that_a_function_makes_fires_into_the_queue_that_it_names_and_is_gone() {
    let (mut world, seen) = world(schedules);
    wake(&world, "go", "steward-FirstQueue.fifo");
    world.run_for(seconds(119)).await.unwrap();
    assert!(seen.borrow().is_empty());
    assert_eq!(world.scheduler().names("steward-Checks"), ["verify-1"]);
    world.run_for(seconds(1000)).await.unwrap();
    assert_eq!(*seen.borrow(), ["120 due"]);
    assert!(world.scheduler().names("steward-Checks").is_empty());
}

#[tokio::test]
async fn each_fault_of_making_a_schedule_makes_it_at_once_or_when_the_message_comes_again() {
    for (fault, due) in [
        (Fault::Throttled, "245 due"),
        (Fault::Denied, "245 due"),
        (Fault::ServerError, "245 due"),
        (Fault::CrashBefore, "245 due"),
        (Fault::CrashAfter, "120 due"),
        (Fault::LostReply, "120 due"),
    ] {
        let (mut world, seen) = world(schedules);
        world.account().inject(Plan::default().on("CreateSchedule", 1, fault).chooser());
        wake(&world, "go", "steward-FirstQueue.fifo");
        world.run_for(seconds(124)).await.unwrap();
        assert!(world.invoked()[0].result.is_err(), "{fault:?}");
        world.run_for(seconds(121)).await.unwrap();
        assert_eq!(seen.borrow().first().map(String::as_str), Some(due), "{fault:?}");
    }
}

#[tokio::test]
async fn reading_a_log_meets_faults_like_any_call() {
    let (world, _) = world(tells);
    world.logs().write("/shop/api", "app/api/1", world.now(), "out of memory");
    world.account().inject(Plan::default().on("GetLogEvents", 1, Fault::Throttled).chooser());
    let input = json!({ "logGroupName": "/shop/api", "logStreamName": "app/api/1" });
    let read = async || ask(world.account(), "logs", Some("Logs_20140328.GetLogEvents"), "/", &input).await.unwrap();
    let (status, refused) = read().await;
    assert_eq!((status, refused["__type"].as_str()), (400, Some("ThrottlingException")));
    assert_eq!(read().await.1["events"][0]["message"], "out of memory");
}

#[tokio::test]
async fn two_functions_with_full_queues_take_turns() {
    let (mut world, _) = world(|_, _| std::future::ready(Ok(json!({ "batchItemFailures": [] }))));
    for id in ["1", "2", "3"] {
        wake(&world, id, "steward-FirstQueue.fifo");
        wake(&world, id, "steward-SecondQueue.fifo");
    }
    world.come_to_rest().await.unwrap();
    let functions: Vec<&str> = world.invoked().iter().map(|invoked| invoked.function.as_str()).collect();
    assert_eq!(functions, ["First", "Second", "First", "Second", "First", "Second"]);
}
