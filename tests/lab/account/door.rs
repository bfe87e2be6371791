//! The one door: what happens to a call between its arrival and its answer.

use bytes::Bytes;
use http::{Request, Response};
use jiff::SignedDuration;

use super::{Account, CallRecord, LostReply};
use crate::faults::Fault;
use crate::throttle::exceeded;
use crate::wire::{ApiError, Call, Outcome};

impl Account {
    /// Answers an HTTP request of the AWS JSON or AWS Query protocol.
    ///
    /// A response with the extension [`LostReply`] must not reach the caller. With a crash fault the future never ends:
    /// whoever runs the caller waits on [`Account::crash`] beside it.
    pub async fn serve(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.note_arrival();
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
        self.note_answer(response.body().len());
        if lost {
            response.extensions_mut().insert(LostReply);
        }
        response
    }

    /// Answers `call` under the faults and the throttle; `None` when the reply is lost.
    async fn answer(&self, call: Call) -> Option<Outcome> {
        let fault = self.lock().faults.of(&call);
        let refused = match fault {
            Fault::Throttled | Fault::ThrottledOnce => Some(throttled(&call)),
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
            None if fault == Fault::EntriesFailed && call.operation == "PutEvents" => Ok(crate::events::failed(&call)),
            None => self.perform(&call, fault == Fault::Stale).await,
        };
        let error = outcome.as_ref().err().map(|error| error.code.clone());
        let caller = call.caller.clone();
        let latency = self.latency(&call);
        self.lock().calls.push(CallRecord { call, fault, error });
        self.advance(latency);
        match fault {
            Fault::CrashAfter => {
                self.0.crash.raise(&caller);
                std::future::pending().await
            }
            Fault::LostReply | Fault::LostReplyOnce => None,
            _ => Some(outcome),
        }
    }

    async fn crash_caller(&self, call: Call, fault: Fault) -> Option<Outcome> {
        let caller = call.caller.clone();
        self.lock().calls.push(CallRecord { call, fault, error: None });
        self.0.crash.raise(&caller);
        std::future::pending().await
    }

    fn postpone(&self, call: &Call, after: SignedDuration) {
        let mut state = self.lock();
        let key = (self.0.clock.now() + after, state.calls.len());
        state.late.insert(key, call.clone());
    }

    pub(super) async fn perform(&self, call: &Call, stale: bool) -> Outcome {
        match self.plugged(&call.service) {
            Some(service) => service.lock().await.call(call).await,
            None => self.lock().perform(call, stale),
        }
    }
}

fn denied(call: &Call) -> ApiError {
    let action = format!("{}:{}", call.service, call.operation);
    let error = ApiError::client("AccessDeniedException", format!("User is not authorized to perform: {action}"));
    if call.service == "rds" { ApiError { status: 403, code: "AccessDenied".to_owned(), ..error } } else { error }
}

fn throttled(call: &Call) -> ApiError {
    if call.service == "rds" { ApiError::client("Throttling", "Rate exceeded") } else { exceeded() }
}

fn internal_failure() -> ApiError {
    ApiError { status: 500, ..ApiError::client("InternalFailure", "The request processing has failed") }
}
