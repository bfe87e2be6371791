//! A process as a function of the world, whose invocations are measured.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use lab::account::Account;
use lab::function::{Function, Invocation, Running};
use lab::process::Process;
use serde::Serialize;
use serde_json::Value;

use crate::endpoint::Spent;
use crate::kernel;

/// One invocation. Times are real, in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Sample {
    /// What the event is: its `detail-type`.
    pub(crate) event: String,
    /// For the first of a process: from its start until it asked for work.
    pub(crate) ready: Option<f64>,
    /// For the first of a process: from its start until it answered.
    pub(crate) answered: Option<f64>,
    /// From the event to the answer.
    pub(crate) took: f64,
    /// Of this, what the endpoint worked on its answers.
    pub(crate) endpoint: f64,
    /// CPU time of the process, its start included for the first.
    pub(crate) cpu: f64,
    /// The most memory that the process ever had resident, in KiB.
    pub(crate) peak_kib: u64,
    /// AWS calls in their order, as `service:Operation`.
    pub(crate) calls: Vec<String>,
    /// Why it failed.
    pub(crate) failed: Option<String>,
    /// What the function logged of its allocations since its start, where it does.
    pub(crate) counted: Option<Value>,
}

/// The process, and where its samples go.
pub(crate) struct Measured {
    pub(crate) process: Process,
    pub(crate) caller: String,
    pub(crate) account: Account,
    pub(crate) spent: Spent,
    pub(crate) samples: Rc<RefCell<Vec<Sample>>>,
    pub(crate) cpu: Duration,
}

impl Measured {
    async fn run(&mut self, invocation: Invocation) -> Result<Value, lab::function::FunctionError> {
        let event = detail_type(&invocation.payload);
        let (starts, calls, spent) = (self.process.cold_starts().len(), self.account.calls().len(), self.spent.get());
        let result = self.process.invoke(invocation).await;
        let cold = self.process.cold_starts().get(starts).copied();
        let pid = self.process.pid().unwrap_or_default();
        let before = if cold.is_some() { Duration::ZERO } else { self.cpu };
        self.cpu = kernel::cpu(pid);
        let calls = self.account.calls().into_iter().skip(calls).filter(|record| record.call.caller == self.caller);
        let counted =
            self.process.take_log().iter().rev().find_map(|line| {
                serde_json::from_str::<Value>(line).ok().filter(|line| line.get("allocations").is_some())
            });
        self.samples.borrow_mut().push(Sample {
            event,
            ready: cold.map(|cold| millis(cold.ready)),
            answered: cold.and_then(|cold| cold.answered).map(millis),
            took: millis(self.process.took()),
            endpoint: millis(self.spent.get().saturating_sub(spent)),
            cpu: millis(self.cpu.saturating_sub(before)),
            peak_kib: kernel::peak_kib(pid),
            calls: calls.map(|record| format!("{}:{}", record.call.service, record.call.operation)).collect(),
            failed: failure(&result),
            counted,
        });
        result
    }
}

impl Function for Measured {
    fn invoke(&mut self, invocation: Invocation) -> Running<'_> {
        Box::pin(self.run(invocation))
    }
}

/// Why an invocation is no measurement: it failed, or left a message undone.
fn failure(result: &Result<Value, lab::function::FunctionError>) -> Option<String> {
    let undone = |answer: &&Value| answer.pointer("/batchItemFailures/0").is_some();
    match result {
        Ok(answer) => Some(answer).filter(undone).map(Value::to_string),
        Err(error) => Some(error.to_string()),
    }
}

/// What the first message of a batch is about.
fn detail_type(payload: &Value) -> String {
    let body = payload.pointer("/Records/0/body").and_then(Value::as_str).unwrap_or_default();
    let event: Value = serde_json::from_str(body).unwrap_or_default();
    event.get("detail-type").and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
