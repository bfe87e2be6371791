//! One sweep of a function over what stands there: how long, how many calls, and what its process used.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::latency;
use super::spent::Spent;
use super::stand::{NotMeasured, Stand};
use crate::function::{Function, Invocation};
use crate::process::Process;
use crate::template::FunctionSpec;

/// Sweeps after which a function is held to get nowhere.
const MOST: usize = 200;

/// What it took a function to get through once, in one invocation or more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// How many invocations it took.
    pub invocations: usize,
    /// Virtual time of all of them.
    pub took: SignedDuration,
    /// The longest of them.
    pub longest: SignedDuration,
    /// Calls by service and operation, retries included.
    pub calls: BTreeMap<String, usize>,
    /// Calls that were throttled, by operation.
    pub throttled: BTreeMap<String, usize>,
    /// What the process used of it; nothing where the function ran in this process.
    pub spent: Option<Spent>,
}

impl Look {
    /// All calls.
    pub fn total(&self) -> usize {
        self.calls.values().sum()
    }

    /// Calls of an operation.
    pub fn of(&self, operation: &str) -> usize {
        self.calls.get(operation).copied().unwrap_or_default()
    }
}

/// Sweeps until the function has got through once.
///
/// # Errors
/// When an invocation fails, or the function gets nowhere.
pub async fn in_process(stand: &Stand, spec: &FunctionSpec, function: &mut dyn Function) -> Result<Look, NotMeasured> {
    let mut look = Look::default();
    stand.account.forget_calls();
    loop {
        let is_through = sweep(stand, spec, function, &mut look).await?;
        if is_through {
            break;
        }
        if look.invocations >= MOST {
            return Err(NotMeasured(format!("{} did not get through in {MOST} sweeps", spec.id)));
        }
    }
    count(stand, &mut look);
    Ok(look)
}

/// The same with the function's binary. Its processor time is that of these sweeps alone.
///
/// # Errors
/// As [`in_process`].
pub async fn of_binary(stand: &Stand, spec: &FunctionSpec, process: &mut Process) -> Result<Look, NotMeasured> {
    let before = process.pid().map(Spent::by).transpose()?.unwrap_or_default();
    let mut look = in_process(stand, spec, process).await?;
    let id = process.pid().ok_or_else(|| NotMeasured("the process is gone".to_owned()))?;
    let after = Spent::by(id)?;
    look.spent = Some(Spent { cpu: after.cpu.saturating_sub(before.cpu), peak: after.peak });
    Ok(look)
}

/// One sweep; whether it got through.
async fn sweep(
    stand: &Stand,
    spec: &FunctionSpec,
    function: &mut dyn Function,
    look: &mut Look,
) -> Result<bool, NotMeasured> {
    stand.account.advance(latency::INVOCATION);
    let now = stand.account.clock().now();
    let payload = json!({
        "version": "0",
        "id": format!("sweep-{}", now.as_nanosecond()),
        "detail-type": "Sweep",
        "source": "steward",
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "resources": [],
        "detail": {},
    });
    let invocation = Invocation {
        id: format!("{}", look.invocations),
        payload,
        timeout: spec.timeout,
        deadline: now + spec.timeout,
    };
    let report: Value = function.invoke(invocation).await?;
    function.take_log();
    let took = stand.account.clock().now().duration_since(now);
    look.invocations += 1;
    look.took += took;
    look.longest = look.longest.max(took);
    Ok(report["stopped_early"] == false)
}

/// Counts the calls since they were forgotten.
fn count(stand: &Stand, look: &mut Look) {
    for record in stand.account.calls() {
        let name = format!("{}:{}", record.call.service, record.call.operation);
        if record.error.as_deref().is_some_and(|error| error.starts_with("Throttling")) {
            *look.throttled.entry(name.clone()).or_default() += 1;
        }
        *look.calls.entry(name).or_default() += 1;
    }
}
