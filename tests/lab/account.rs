//! The simulated account: one door for every API call, one clock, one stream of events.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::clock::VirtualClock;
use crate::context::Context;
use crate::ecr::Ecr;
use crate::ecs::Ecs;
use crate::faults::{Chooser, Crash, Fault, Faults};
use crate::service::{Service, unknown_operation};
use crate::throttle::{Throttle, exceeded};
use crate::wire::{ApiError, Call, Outcome};

/// One call that the account answered, or would have answered had its caller lived.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The call, with its input.
    pub call: Call,
    /// The fault that it met.
    pub fault: Fault,
    /// Error code of the answer, `None` for success and for calls whose effect is yet to land.
    pub error: Option<String>,
}

/// Marks a response that never reaches its caller: the in-process client reports a broken connection, a server closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostReply;

/// A simulated AWS account. Clones are the same account.
#[derive(Clone)]
pub struct Account(Arc<Inner>);

struct Inner {
    clock: VirtualClock,
    state: Mutex<State>,
    plugged: Mutex<BTreeMap<String, Plugged>>,
    crash: Crash,
    sleeps: Mutex<(u64, BTreeSet<(Timestamp, u64)>)>,
}

type Plugged = Arc<tokio::sync::Mutex<Box<dyn Service>>>;

/// Everything behind the door that is simulated here, under one lock that is never held across an await.
pub(crate) struct State {
    pub(crate) context: Context,
    pub(crate) ecs: Ecs,
    pub(crate) ecr: Ecr,
    throttle: Throttle,
    faults: Faults,
    calls: Vec<CallRecord>,
    /// Calls whose caller died while they were under way, by the time at which they land.
    late: BTreeMap<(Timestamp, usize), Call>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("now", &self.0.clock.now()).finish_non_exhaustive()
    }
}

impl Account {
    /// An empty account, 123456789012 in eu-west-1, whose time is `clock`.
    pub fn new(clock: VirtualClock) -> Self {
        let state = State {
            context: Context::new(clock.now()),
            ecs: Ecs::default(),
            ecr: Ecr::default(),
            throttle: Throttle::default(),
            faults: Faults::default(),
            calls: Vec::new(),
            late: BTreeMap::new(),
        };
        let inner = Inner {
            clock,
            state: Mutex::new(state),
            plugged: Mutex::new(BTreeMap::new()),
            crash: Crash::default(),
            sleeps: Mutex::default(),
        };
        Self(Arc::new(inner))
    }

    /// The account's time.
    pub fn clock(&self) -> &VirtualClock {
        &self.0.clock
    }

    /// Answers an HTTP request of the AWS JSON or AWS Query protocol.
    ///
    /// A response with the extension [`LostReply`] must not reach the caller. With a crash fault the future never ends:
    /// whoever runs the caller waits on [`Account::crash`] beside it.
    pub async fn serve(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.advance_to(self.0.clock.now());
        let now = self.0.clock.now();
        let (protocol, decoded) = crate::http::decode(&request, now);
        let answer = match decoded {
            Ok(call) => self.answer(call).await,
            Err(error) => Some(Err(error)),
        };
        let lost = answer.is_none();
        let outcome = answer.unwrap_or_else(|| Err(internal_failure()));
        let request_id = self.lock().context.ids.uuid();
        let mut response = crate::http::encode(&protocol, outcome, &request_id, now);
        if lost {
            response.extensions_mut().insert(LostReply);
        }
        response
    }

    /// Answers `call` under the faults and the throttle; `None` when the reply is lost.
    async fn answer(&self, call: Call) -> Option<Outcome> {
        let fault = self.lock().faults.of(&call);
        let refused = match fault {
            Fault::Throttled | Fault::ThrottledOnce => Some(exceeded()),
            Fault::Denied => Some(denied(&call)),
            Fault::Refused(code, message) => Some(ApiError::client(code, message)),
            Fault::ServerError => Some(internal_failure()),
            Fault::CrashBefore => return self.crash_caller(call, fault).await,
            Fault::LateEffect(after) => {
                self.postpone(&call, after);
                return self.crash_caller(call, fault).await;
            }
            _ => self.lock().throttle.admit(&call).err(),
        };
        let outcome = match refused {
            Some(error) => Err(error),
            None => self.perform(&call, fault == Fault::Stale).await,
        };
        let error = outcome.as_ref().err().map(|error| error.code.clone());
        self.lock().calls.push(CallRecord { call, fault, error });
        match fault {
            Fault::CrashAfter => {
                self.0.crash.raise();
                std::future::pending().await
            }
            Fault::LostReply | Fault::LostReplyOnce => None,
            _ => Some(outcome),
        }
    }

    async fn crash_caller(&self, call: Call, fault: Fault) -> Option<Outcome> {
        self.lock().calls.push(CallRecord { call, fault, error: None });
        self.0.crash.raise();
        std::future::pending().await
    }

    fn postpone(&self, call: &Call, after: SignedDuration) {
        let mut state = self.lock();
        let key = (self.0.clock.now() + after, state.calls.len());
        state.late.insert(key, call.clone());
    }

    async fn perform(&self, call: &Call, stale: bool) -> Outcome {
        match self.plugged(&call.service) {
            Some(service) => service.lock().await.call(call).await,
            None => self.lock().perform(call, stale),
        }
    }

    fn plugged(&self, service: &str) -> Option<Plugged> {
        self.0.plugged.lock().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
    }

    /// Adds a service, or takes the place of one: calls whose [`Call::service`] is `service` go to `api`.
    pub fn register(&self, service: &str, api: Box<dyn Service>) {
        let api = Arc::new(tokio::sync::Mutex::new(api));
        self.0.plugged.lock().unwrap_or_else(PoisonError::into_inner).insert(service.to_owned(), api);
    }

    /// Moves the clock to `to` and runs everything that is due on the way, each thing at its own time.
    pub fn advance_to(&self, to: Timestamp) {
        while let Some(due) = self.next_due().filter(|due| *due <= to) {
            self.0.clock.advance_to(due);
            let mut state = self.lock();
            let late = state.late.first_key_value().is_some_and(|((at, _), _)| *at <= due);
            if late {
                let landed = state.late.pop_first();
                drop(state);
                if let Some((_, call)) = landed {
                    self.land(&call);
                }
            } else {
                state.run_due(due);
            }
        }
        self.0.clock.advance_to(to);
    }

    /// Moves the clock by `by` and runs everything that is due on the way.
    pub fn advance(&self, by: SignedDuration) {
        self.advance_to(self.0.clock.now() + by);
    }

    /// Performs a call whose caller is dead. Nobody sees the outcome.
    fn land(&self, call: &Call) {
        let mut effect = std::pin::pin!(self.perform(call, false));
        // There is no executor here. The services of the lab answer without waiting for anything outside, so that a
        // few polls are enough; the bound keeps one that does wait from hanging the clock.
        let mut context = TaskContext::from_waker(Waker::noop());
        let _ = (0..100).any(|_| matches!(effect.as_mut().poll(&mut context), Poll::Ready(_)));
    }

    /// When the next thing will happen by itself, if anything is pending.
    pub fn next_due(&self) -> Option<Timestamp> {
        let state = self.lock();
        let late = state.late.keys().next().map(|(at, _)| *at);
        [state.ecs.next_due(), late].into_iter().flatten().min()
    }

    /// The `EventBridge` events sent since the last call, oldest first, each with its whole envelope.
    pub fn take_events(&self) -> Vec<Value> {
        self.lock().context.take_events()
    }

    /// Every call answered so far.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.lock().calls.clone()
    }

    /// Names of the operations called so far, in order, for assertions: `ecs:UpdateService`.
    pub fn operations(&self) -> Vec<String> {
        self.lock().calls.iter().map(|r| format!("{}:{}", r.call.service, r.call.operation)).collect()
    }

    /// Lets `choose` decide the fault of each SDK call from now on.
    pub fn inject(&self, choose: Chooser) {
        self.lock().faults = Faults::chosen_by(choose);
    }

    /// Where crash faults are announced.
    pub fn crash(&self) -> Crash {
        self.0.crash.clone()
    }

    /// Switches API throttling on (the default) or off.
    pub fn throttling(&self, on: bool) {
        self.lock().throttle.switch(on);
    }

    /// Enters a wait until `until`; answers its number.
    pub(crate) fn enlist(&self, until: Timestamp) -> u64 {
        let mut sleeps = self.0.sleeps.lock().unwrap_or_else(PoisonError::into_inner);
        sleeps.0 += 1;
        let number = sleeps.0;
        sleeps.1.insert((until, number));
        number
    }

    /// Whether no other wait ends before this one.
    pub(crate) fn ends_first(&self, until: Timestamp, number: u64) -> bool {
        let sleeps = self.0.sleeps.lock().unwrap_or_else(PoisonError::into_inner);
        sleeps.1.first() == Some(&(until, number))
    }

    /// Strikes out a wait that ended or was given up.
    pub(crate) fn dismiss(&self, until: Timestamp, number: u64) {
        self.0.sleeps.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&(until, number));
    }

    /// The simulation, brought to the clock's time.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.context.now = self.0.clock.now();
        state
    }
}

impl State {
    fn perform(&mut self, call: &Call, stale: bool) -> Outcome {
        match call.service.as_str() {
            "ecs" => self.ecs.call(&mut self.context, call, stale),
            "ecr" => self.ecr.call(&mut self.context, call, stale),
            "tagging" => crate::tagging::call(&self.ecs, self.context.now, call, stale),
            _ => unknown_operation(call),
        }
    }

    fn run_due(&mut self, now: Timestamp) {
        self.context.now = now;
        self.ecs.run_due(&mut self.context, &self.ecr);
    }
}

fn denied(call: &Call) -> ApiError {
    let action = format!("{}:{}", call.service, call.operation);
    ApiError::client("AccessDeniedException", format!("User is not authorized to perform: {action}"))
}

fn internal_failure() -> ApiError {
    ApiError { status: 500, ..ApiError::client("InternalFailure", "The request processing has failed") }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

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
}
