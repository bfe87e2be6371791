use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::event::Event;
use shared::failure::HandlingError;
use shared::ingress::Handler;

use super::*;
use crate::clock::VirtualClock;
use crate::faults::{Fault, Plan};

const TEMPLATE: &str = r"
Globals:
  Function:
    Environment:
      Variables:
        STEWARD_ACCOUNT_ID: '123456789012'
        STEWARD_TOPIC_ARN: arn:aws:sns:eu-west-1:123456789012:alerts
Resources:
  FirstDead: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true, ContentBasedDeduplication: true } }
  SecondDead: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true, ContentBasedDeduplication: true } }
  First:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/first
      Environment: { Variables: { STEWARD_TABLE: one, STEWARD_DEAD_LETTER_QUEUE_URL: !Ref FirstDead } }
  Second:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/second
      Environment: { Variables: { STEWARD_TABLE: two, STEWARD_DEAD_LETTER_QUEUE_URL: !Ref SecondDead } }
";

/// Counts its invocations, lists queues, and says what its table is called.
struct Counter {
    config: Config,
    clients: Clients,
    count: u32,
}

struct Counting<'a>(&'a mut Counter);

impl function::Function for Counter {
    type Settings = ();
    type Handler<'a> = Counting<'a>;

    fn start(config: Config, clients: &Clients, _: Clock) -> Self {
        Self { config, clients: clients.clone(), count: 0 }
    }

    fn until(&mut self, _: Deadline) -> Counting<'_> {
        Counting(self)
    }
}

impl Handler for Counting<'_> {
    type Report = Value;

    async fn handle(&mut self, _: Event) -> Result<Value, HandlingError> {
        self.0.count += 1;
        self.0.clients.sqs().list_queues().send().await.map_err(|error| HandlingError::Failed(error.to_string()))?;
        Ok(json!({ "table": self.0.config.table, "count": self.0.count }))
    }
}

fn invocation(world: &World, payload: Value) -> Invocation {
    let timeout = jiff::SignedDuration::from_secs(60);
    Invocation { id: "1".to_owned(), payload, timeout, deadline: world.now() + timeout }
}

fn stack() -> (World, Template) {
    let account = Account::new(VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap()));
    let template = Template::read(TEMPLATE, &BTreeMap::new()).unwrap();
    (World::new(account, Arc::new(template.clone())), template)
}

#[tokio::test]
async fn each_function_has_its_own_variables_callers_and_memory_and_dies_alone() {
    let (world, template) = stack();
    let account = world.account().clone();
    let mut first = host::<Counter>(&account, template.function("First").unwrap());
    let mut second = host::<Counter>(&account, template.function("Second").unwrap());
    let event = json!({ "id": "1", "source": "steward", "detail-type": "Sweep", "detail": {} });
    let call = || invocation(&world, event.clone());
    assert_eq!(first.invoke(call()).await, Ok(json!({ "table": "one", "count": 1 })));
    assert_eq!(second.invoke(call()).await, Ok(json!({ "table": "two", "count": 1 })));
    account.inject(Plan::default().on("ListQueues", 1, Fault::CrashAfter).chooser());
    assert!(matches!(first.invoke(call()).await, Err(FunctionError::Crashed(_))));
    assert_eq!(second.invoke(call()).await, Ok(json!({ "table": "two", "count": 2 })));
    assert_eq!(first.invoke(call()).await, Ok(json!({ "table": "one", "count": 1 })));
    let callers: Vec<String> = account.calls().into_iter().map(|record| record.call.caller).collect();
    assert_eq!(callers, ["steward-First", "steward-Second", "steward-First", "steward-Second", "steward-First"]);
}

#[tokio::test]
async fn what_a_function_can_never_handle_goes_to_its_own_dead_letters() {
    let (world, template) = stack();
    let mut second = host::<Counter>(world.account(), template.function("Second").unwrap());
    let record = json!({
        "messageId": "m", "body": "{ not json", "eventSource": "aws:sqs", "attributes": { "MessageGroupId": "g" },
        "messageAttributes": {},
    });
    let answer = second.invoke(invocation(&world, json!({ "Records": [record] }))).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    let waiting = |queue: &str| world.queues().messages(&world.queue(queue).unwrap().name).len();
    assert_eq!((waiting("FirstDead"), waiting("SecondDead")), (0, 1));
}

#[test]
fn a_function_that_is_not_known_is_named() {
    let (mut world, template) = stack();
    assert_eq!(attach(&mut world, &template), Err("the lab cannot host first".to_owned()));
}
