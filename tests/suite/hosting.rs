//! A real binary on the real Lambda runtime, hosted by the lab.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use lab::account::Account;
use lab::clock::VirtualClock;
use lab::function::FunctionError;
use lab::process::Process;
use lab::server::Server;
use lab::template::Template;
use lab::world::World;
use serde_json::{Value, json};

const TEMPLATE: &str = r"
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties: { FifoQueue: true, ContentBasedDeduplication: true, VisibilityTimeout: 10 }
  Asked:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: { source: [test] }
      Targets: [{ Id: work, Arn: !GetAtt Work.Arn, SqsParameters: { MessageGroupId: g } }]
  Probe:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: examples/probe
      Timeout: 3
      Environment: { Variables: { PROBE: !Ref Work } }
      Events:
        Queue: { Type: SQS, Properties: { Queue: !GetAtt Work.Arn, BatchSize: 1, FunctionResponseTypes: [ReportBatchItemFailures] } }
";

/// Where cargo puts examples, next to where it puts this test.
fn examples() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples")
}

/// Sends each order to the probe and runs the world until it is done with it or has given it up once.
async fn outcomes(folder: &Path, orders: &[&str]) -> Vec<(Result<Value, FunctionError>, Vec<String>)> {
    let account = Account::new(VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap()));
    let server = Server::start(account.clone(), ([127, 0, 0, 1], 0).into()).await.unwrap();
    let template = Arc::new(Template::read(TEMPLATE, &BTreeMap::new()).unwrap());
    let mut world = World::new(account.clone(), Arc::clone(&template));
    let process = Process::new(&account, template.function("Probe").unwrap(), folder, &server.endpoint());
    world.attach("Probe", Box::new(process));
    let mut outcomes = Vec::new();
    for (index, order) in orders.iter().enumerate() {
        world.emit(&json!({ "id": index.to_string(), "source": "test", "detail": { "do": order } }));
        world.run_for(SignedDuration::from_secs(1)).await.unwrap();
        let invoked = world.invoked().last().unwrap();
        outcomes.push((invoked.result.clone(), invoked.log.clone()));
        world.queues().with("steward-Work.fifo", lab::fifo::Queue::purge);
    }
    outcomes
}

#[tokio::test]
async fn a_process_stays_warm_has_its_environment_and_its_log_is_read() {
    let outcomes = outcomes(&examples(), &["answer", "answer"]).await;
    let [first, second] = [0, 1].map(|index| outcomes[index].0.clone().unwrap());
    assert_eq!(first["pid"], second["pid"]);
    assert_ne!(first["request"], second["request"]);
    assert_eq!(first["function"], "arn:aws:lambda:eu-west-1:123456789012:function:steward-Probe");
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/steward-Work.fifo";
    assert_eq!(first["environment"], json!([["PROBE", url]]));
    assert_eq!(outcomes[1].1, [json!({ "pid": first["pid"] }).to_string()]);
}

#[tokio::test]
async fn an_error_is_reported_and_leaves_the_process_alive() {
    let outcomes = outcomes(&examples(), &["answer", "fail", "answer"]).await;
    let Err(FunctionError::Reported { message, .. }) = &outcomes[1].0 else { panic!("{:?}", outcomes[1]) };
    assert_eq!(message, "as ordered");
    assert_eq!(outcomes[0].0.as_ref().unwrap()["pid"], outcomes[2].0.as_ref().unwrap()["pid"]);
}

#[tokio::test]
async fn an_answer_above_what_lambda_takes_is_an_error_that_says_so_and_leaves_the_process_alive() {
    let outcomes = outcomes(&examples(), &["answer", "swell", "answer"]).await;
    let Err(FunctionError::Reported { kind, message }) = &outcomes[1].0 else { panic!("it was answered") };
    assert_eq!(kind, "Function.ResponseSizeTooLarge");
    assert!(message.contains("6291556"), "{message}");
    assert_eq!(outcomes[0].0.as_ref().unwrap()["pid"], outcomes[2].0.as_ref().unwrap()["pid"]);
}

#[tokio::test]
async fn a_process_that_dies_or_hangs_is_replaced_at_the_next_invocation() {
    let outcomes = outcomes(&examples(), &["answer", "exit", "answer", "hang", "answer"]).await;
    assert!(matches!(&outcomes[1].0, Err(FunctionError::Crashed(how)) if how.contains('3')), "{:?}", outcomes[1]);
    assert_eq!(outcomes[3].0, Err(FunctionError::TimedOut));
    let pids: Vec<u64> = [0, 2, 4].map(|index| outcomes[index].0.as_ref().unwrap()["pid"].as_u64().unwrap()).into();
    assert!(pids[0] != pids[1] && pids[1] != pids[2], "{pids:?}");
}

#[tokio::test]
async fn a_binary_that_is_not_there_is_a_crash_that_names_it() {
    let outcomes = outcomes(Path::new("/nowhere"), &["answer"]).await;
    assert!(
        matches!(&outcomes[0].0, Err(FunctionError::Crashed(how)) if how.contains("/nowhere/probe")),
        "{outcomes:?}"
    );
}
