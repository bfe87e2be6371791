//! The door under faults, throttle and time.

use std::pin::Pin;

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::*;
use crate::faults::Plan;
use crate::wire::Reply;

fn account() -> Account {
    let account = Account::new(VirtualClock::starting_at("2026-01-05T09:00:00Z".parse().unwrap()));
    account.push("backend", &["latest"], "v1").unwrap();
    account.service("shop", "backend").tag("steward:deploy", "follow").running().unwrap();
    account
}

fn request(target: &str, input: &Value) -> Request<Bytes> {
    let body = Bytes::from(input.to_string());
    Request::builder().header("x-amz-target", target).body(body).unwrap()
}

fn update() -> Request<Bytes> {
    let input = json!({"cluster": "shop", "service": "backend", "forceNewDeployment": true});
    request("AmazonEC2ContainerServiceV20141113.UpdateService", &input)
}

fn describe() -> Request<Bytes> {
    let input = json!({"cluster": "shop", "services": ["backend"]});
    request("AmazonEC2ContainerServiceV20141113.DescribeServices", &input)
}

async fn ask(account: &Account, request: Request<Bytes>) -> (u16, Value) {
    let response = account.serve(request).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

fn failing(fault: Fault) -> Account {
    let account = account();
    account.inject(Plan::default().on("UpdateService", 1, fault).chooser());
    account
}

/// Sends an update whose caller must die; answers how many deployments the service has had right after.
fn crashing(account: &Account) -> usize {
    let mut caller = Box::pin(account.serve(update()));
    let mut context = TaskContext::from_waker(Waker::noop());
    assert!(Pin::new(&mut caller).poll(&mut context).is_pending());
    assert!(account.crash().take());
    drop(caller);
    account.deployments("shop", "backend")
}

#[tokio::test]
async fn a_call_is_answered_and_recorded() {
    let account = account();
    let (status, body) = ask(&account, update()).await;
    assert_eq!((status, body["service"]["deployments"][0]["status"].as_str()), (200, Some("PRIMARY")));
    assert_eq!(account.operations(), ["ecs:UpdateService"]);
    let (status, body) = ask(&account, request("AmazonEC2ContainerServiceV20141113.Nonsense", &json!({}))).await;
    assert_eq!((status, body["__type"].as_str()), (400, Some("UnknownOperationException")));
    assert_eq!(account.calls()[1].error.as_deref(), Some("UnknownOperationException"));
}

#[tokio::test]
async fn a_refused_call_has_no_effect() {
    for (fault, code) in [
        (Fault::Throttled, "ThrottlingException"),
        (Fault::Denied, "AccessDeniedException"),
        (Fault::ServerError, "InternalFailure"),
        (Fault::Refused("ClientException", "Too many concurrent attempts"), "ClientException"),
    ] {
        let account = failing(fault);
        assert_eq!(ask(&account, update()).await.1["__type"], code);
        assert_eq!(account.deployments("shop", "backend"), 1);
    }
}

#[tokio::test]
async fn a_lost_reply_belongs_to_a_call_that_took_effect() {
    let account = failing(Fault::LostReply);
    let response = account.serve(update()).await;
    assert_eq!(response.extensions().get::<LostReply>(), Some(&LostReply));
    assert_eq!(account.deployments("shop", "backend"), 2);
}

#[test]
fn a_crash_comes_before_the_effect_or_after_it() {
    assert_eq!(crashing(&failing(Fault::CrashBefore)), 1);
    assert_eq!(crashing(&failing(Fault::CrashAfter)), 2);
}

#[test]
fn a_late_effect_lands_when_its_time_has_come() {
    let account = failing(Fault::LateEffect(SignedDuration::from_secs(60)));
    assert_eq!(crashing(&account), 1);
    account.advance(SignedDuration::from_secs(59));
    assert_eq!(account.deployments("shop", "backend"), 1);
    account.advance(SignedDuration::from_secs(1));
    assert_eq!(account.deployments("shop", "backend"), 2);
}

#[tokio::test]
async fn a_stale_read_does_not_see_the_last_write() {
    let account = account();
    account.inject(Plan::default().on("DescribeServices", 1, Fault::Stale).chooser());
    let new = ask(&account, update()).await.1["service"]["deployments"][0]["id"].clone();
    let id = |body: Value| body["services"][0]["deployments"][0]["id"].clone();
    assert_ne!(id(ask(&account, describe()).await.1), new);
    assert_eq!(id(ask(&account, describe()).await.1), new);
}

#[tokio::test]
async fn calls_beyond_the_bucket_are_throttled_until_time_passes() {
    let account = account();
    for _ in 0..100 {
        assert_eq!(ask(&account, describe()).await.0, 200);
    }
    assert_eq!(ask(&account, describe()).await.1["message"], "Rate exceeded");
    account.clock().advance(SignedDuration::from_secs(1));
    assert_eq!(ask(&account, describe()).await.0, 200);
}

struct Echo(usize);

impl Service for Echo {
    fn call<'a>(&'a mut self, call: &'a Call) -> crate::service::Answer<'a> {
        Box::pin(async move {
            self.0 += 1;
            tokio::task::yield_now().await;
            Ok(Reply::Json(json!({"count": self.0, "operation": call.operation})))
        })
    }
}

#[tokio::test]
async fn a_service_joins_under_its_name() {
    let account = account();
    account.register("sqs", Box::new(Echo(0)));
    ask(&account, request("AmazonSQS.SendMessage", &json!({}))).await;
    let (_, body) = ask(&account, request("AmazonSQS.ReceiveMessage", &json!({}))).await;
    assert_eq!(body, json!({"count": 2, "operation": "ReceiveMessage"}));
}
