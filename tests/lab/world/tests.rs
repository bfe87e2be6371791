use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;

use super::*;
use crate::bus::Mishap;
use crate::faults::{Fault, Plan};
use crate::function::{FunctionError, InProcess, Invocation};

const TEMPLATE: &str = r#"
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties:
      FifoQueue: true
      ContentBasedDeduplication: true
      VisibilityTimeout: 125
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2 }
  Dead: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }
  Lost: { Type: AWS::SQS::Queue }
  Pushed:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: { source: [test] }
      Targets:
        - { Id: work, Arn: !GetAtt Work.Arn, SqsParameters: { MessageGroupId: g }, DeadLetterConfig: { Arn: !GetAtt Lost.Arn } }
  Broken:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: { source: [broken] }
      Targets: [{ Id: work, Arn: !GetAtt Work.Arn, DeadLetterConfig: { Arn: !GetAtt Lost.Arn } }]
  Sweep:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(5 minutes)
      Target:
        Arn: !GetAtt Work.Arn
        Input: '{"id":"<aws.scheduler.execution-id>","time":"<aws.scheduler.scheduled-time>","source":"sweep"}'
        SqsParameters: { MessageGroupId: g }
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/worker
      Timeout: 120
      Events:
        Queue: { Type: SQS, Properties: { Queue: !GetAtt Work.Arn, BatchSize: 1, FunctionResponseTypes: [ReportBatchItemFailures] } }
"#;

const WORK: &str = "steward-Work.fifo";
const DEAD: &str = "steward-Dead.fifo";

/// A world without schedules whose worker answers with `handler`, and the bodies that the worker saw.
fn world<R>(handler: impl Fn(Account, Invocation) -> R + 'static) -> (World, Rc<RefCell<Vec<String>>>)
where
    R: Future<Output = Result<Value, FunctionError>> + 'static,
{
    let clock = VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap());
    let account = Account::new(clock);
    let template = Template::read(TEMPLATE, &BTreeMap::new()).unwrap();
    let mut world = World::new(account.clone(), Arc::new(template));
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&seen);
    let inside = account.clone();
    let function = InProcess::new(&account, move |invocation: Invocation| {
        for record in invocation.payload["Records"].as_array().unwrap() {
            let body: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
            sink.borrow_mut().push(body["id"].as_str().unwrap_or_default().to_owned());
        }
        handler(inside.clone(), invocation)
    });
    world.attach("Worker", Box::new(function));
    world.stop_schedules();
    (world, seen)
}

async fn done(_: Account, _: Invocation) -> Result<Value, FunctionError> {
    Ok(json!({ "batchItemFailures": [] }))
}

async fn refuse(_: Account, _: Invocation) -> Result<Value, FunctionError> {
    Err(FunctionError::Reported { kind: "Throttled".to_owned(), message: "later".to_owned() })
}

fn event(id: &str) -> Value {
    json!({ "id": id, "source": "test" })
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn an_event_that_matches_reaches_the_function_and_its_message_is_gone() {
    let (mut world, seen) = world(done);
    world.emit(&event("a"));
    world.emit(&json!({ "id": "b", "source": "another" }));
    world.run_for(seconds(1)).await.unwrap();
    assert_eq!(*seen.borrow(), ["a"]);
    assert!(world.queues().messages(WORK).is_empty());
    assert_eq!(world.queues().holds(WORK)[0].held, SignedDuration::ZERO);
}

#[tokio::test]
async fn a_message_that_keeps_failing_holds_its_group_for_two_visibility_timeouts() {
    let (mut world, seen) = world(refuse);
    world.emit(&event("a"));
    world.emit(&event("b"));
    world.run_for(seconds(249)).await.unwrap();
    assert_eq!(*seen.borrow(), ["a", "a"]);
    world.run_for(seconds(1)).await.unwrap();
    assert_eq!(*seen.borrow(), ["a", "a", "b"]);
    assert_eq!(world.queues().holds(WORK)[0].held, seconds(250));
    assert_eq!(world.queues().messages(DEAD).len(), 1);
}

#[tokio::test]
async fn a_message_named_in_the_batch_failures_comes_back_after_the_visibility_timeout() {
    let (mut world, seen) = world(|_, invocation| async move {
        let record = &invocation.payload["Records"][0];
        let failures = if record["attributes"]["ApproximateReceiveCount"] == "1" {
            json!([{ "itemIdentifier": record["messageId"] }])
        } else {
            json!([])
        };
        Ok(json!({ "batchItemFailures": failures }))
    });
    world.emit(&event("a"));
    world.run_for(seconds(124)).await.unwrap();
    assert_eq!(seen.borrow().len(), 1);
    world.run_for(seconds(1)).await.unwrap();
    assert_eq!(seen.borrow().len(), 2);
    assert!(world.queues().messages(WORK).is_empty());
}

#[tokio::test]
async fn a_function_that_sleeps_past_its_timeout_is_killed_at_the_deadline() {
    let (mut world, _) = world(|account, _| async move {
        account.sleep(seconds(119)).await;
        account.sleep(seconds(10)).await;
        Ok(Value::Null)
    });
    world.emit(&event("a"));
    world.run_for(seconds(1)).await.unwrap();
    assert_eq!(world.invoked()[0].result, Err(FunctionError::TimedOut));
    assert_eq!(world.queues().messages(WORK).len(), 1);
}

#[tokio::test]
async fn mishaps_lose_repeat_and_reorder_events() {
    let (mut world, seen) = world(done);
    world.bus().disturb(Box::new(|event| match event["id"].as_str() {
        Some("lost") => Mishap::Lost,
        Some("late") => Mishap::HeldBack(seconds(60)),
        Some("twice") => Mishap::Duplicated { after: seconds(30), same_id: false },
        Some("same") => Mishap::Duplicated { after: seconds(30), same_id: true },
        _ => Mishap::None,
    }));
    for id in ["lost", "late", "twice", "same", "plain"] {
        world.emit(&event(id));
    }
    world.run_for(seconds(3600)).await.unwrap();
    assert_eq!(*seen.borrow(), ["twice", "same", "plain", "twice-copy", "late"]);
}

#[tokio::test]
async fn what_a_queue_refuses_goes_to_the_queue_for_the_undelivered() {
    let (mut world, seen) = world(done);
    world.emit(&json!({ "id": "a", "source": "broken" }));
    world.run_for(seconds(1)).await.unwrap();
    assert!(seen.borrow().is_empty());
    assert_eq!(world.queues().messages("steward-Lost").len(), 1);
}

#[tokio::test]
async fn a_schedule_fires_by_virtual_time_with_its_own_id_and_time() {
    let (mut world, seen) = world(done);
    let bodies = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&bodies);
    world.observe(Box::new(move |at, step| {
        if let Step::Invoked { messages, .. } = step {
            sink.borrow_mut().push((at, messages[0].body.clone()));
        }
    }));
    assert!(world.switch_schedule("Sweep", true));
    world.run_for(seconds(899)).await.unwrap();
    assert_eq!(seen.borrow().len(), 2);
    assert_ne!(seen.borrow()[0], seen.borrow()[1]);
    let (at, body) = bodies.borrow()[1].clone();
    assert_eq!(at.to_string(), "2026-11-20T10:10:00Z");
    assert!(body.contains("\"time\":\"2026-11-20T10:10:00Z\""), "{body}");
}

#[tokio::test]
async fn without_code_behind_its_function_a_queue_just_fills() {
    let account = Account::new(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
    let mut world = World::new(account, Arc::new(Template::read(TEMPLATE, &BTreeMap::new()).unwrap()));
    world.run_for(seconds(660)).await.unwrap();
    assert_eq!(world.queues().messages(WORK).len(), 2);
}

/// Writes one item through the account's door.
async fn put_item(account: &Account, pk: &str) {
    let body = json!({ "TableName": "t", "Item": { "pk": { "S": pk } } }).to_string();
    let request = ::http::Request::post("/").header("x-amz-target", "DynamoDB_20120810.PutItem");
    account.serve(request.body(body.into()).unwrap()).await;
}

#[tokio::test]
async fn a_function_killed_in_the_middle_of_a_call_gets_its_message_again_and_the_effect_stays() {
    let (mut world, seen) = world(|account, _| async move {
        put_item(&account, "first").await;
        put_item(&account, "second").await;
        Ok(Value::Null)
    });
    world.dynamodb().create("t", "pk", None);
    world.account().inject(Plan::default().on("PutItem", 1, Fault::CrashAfter).chooser());
    world.emit(&event("a"));
    world.run_for(seconds(124)).await.unwrap();
    assert!(matches!(world.invoked()[0].result, Err(FunctionError::Crashed(_))));
    assert_eq!(world.dynamodb().items("t").len(), 1);
    world.run_for(seconds(1)).await.unwrap();
    assert_eq!((seen.borrow().len(), world.dynamodb().items("t").len()), (2, 2));
    assert_eq!(world.queues().holds(WORK)[0].held, seconds(125));
}
