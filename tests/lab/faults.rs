//! Faults on demand: what may go wrong with one call, and who decides it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::wire::Call;

/// What happens to one SDK call. An SDK call may be several attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing goes wrong.
    Ok,
    /// Every attempt answers `ThrottlingException`.
    Throttled,
    /// The first attempt answers `ThrottlingException`, a retry goes through.
    ThrottledOnce,
    /// Every attempt answers `AccessDeniedException`.
    Denied,
    /// Every attempt is refused with this code and message, status 400, for example `ClientException` and "Too many
    /// concurrent attempts to create a new revision of the specified family.".
    Refused(&'static str, &'static str),
    /// Every attempt answers status 500, without effect.
    ServerError,
    /// The caller dies before the call arrives.
    CrashBefore,
    /// The caller dies after the call took effect, before the answer arrives.
    CrashAfter,
    /// Each attempt takes effect, and its connection breaks before the answer.
    LostReply,
    /// The first attempt takes effect and its connection breaks; a retry (which takes effect again) is answered.
    LostReplyOnce,
    /// A read is answered from the state before the last write. A write is not affected.
    Stale,
    /// `PutEvents` answers 200 and that none of its entries went through. Other calls are not affected.
    EntriesFailed,
    /// The caller dies while the call is under way; its effect lands this much later.
    LateEffect(SignedDuration),
}

/// Decides the fault of each SDK call, when its first attempt arrives.
pub type Chooser = Box<dyn FnMut(&Call) -> Fault + Send>;

/// The decider, and what it decided for SDK calls whose retries may still come.
pub struct Faults {
    choose: Chooser,
    decided: BTreeMap<String, Fault>,
}

impl Default for Faults {
    fn default() -> Self {
        Self::chosen_by(Box::new(|_| Fault::Ok))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("decided", &self.decided).finish_non_exhaustive()
    }
}

impl Faults {
    /// Faults that `choose` decides.
    pub fn chosen_by(choose: Chooser) -> Self {
        Self { choose, decided: BTreeMap::new() }
    }

    /// The fault of this attempt: the decision on its SDK call, as far as it concerns this attempt.
    pub fn of(&mut self, call: &Call) -> Fault {
        let retry = if call.invocation.is_empty() { None } else { self.decided.get(&call.invocation) };
        match retry {
            Some(Fault::ThrottledOnce | Fault::LostReplyOnce) => Fault::Ok,
            Some(fault) => *fault,
            None => {
                let fault = (self.choose)(call);
                if !call.invocation.is_empty() {
                    self.decided.insert(call.invocation.clone(), fault);
                }
                fault
            }
        }
    }
}

/// A chooser for tests that names the calls to fail.
///
/// ```
/// use lab::faults::{Fault, Plan};
/// let chooser = Plan::default().on("UpdateService", 2, Fault::Denied).chooser();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Plan {
    faults: BTreeMap<(String, u32), Fault>,
    always: BTreeMap<String, Fault>,
}

impl Plan {
    /// The `nth` call of `operation`, counted from 1, meets `fault`.
    #[must_use]
    pub fn on(mut self, operation: &str, nth: u32, fault: Fault) -> Self {
        self.faults.insert((operation.to_owned(), nth), fault);
        self
    }

    /// Every call of `operation` meets `fault`, unless [`Plan::on`] says otherwise.
    #[must_use]
    pub fn always(mut self, operation: &str, fault: Fault) -> Self {
        self.always.insert(operation.to_owned(), fault);
        self
    }

    /// The plan as a decider. It counts calls from now on.
    pub fn chooser(self) -> Chooser {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        Box::new(move |call| {
            let count = seen.entry(call.operation.clone()).or_default();
            *count += 1;
            let named = self.faults.get(&(call.operation.clone(), *count));
            *named.or_else(|| self.always.get(&call.operation)).unwrap_or(&Fault::Ok)
        })
    }
}

/// Tells whoever runs a caller that it has to die now: drop its future, or kill its process.
#[derive(Clone, Debug, Default)]
pub struct Crash(Arc<(Mutex<Vec<String>>, Notify)>);

impl Crash {
    /// Orders the crash of `caller` (an access key id).
    pub(crate) fn raise(&self, caller: &str) {
        self.orders().push(caller.to_owned());
        self.0.1.notify_waiters();
    }

    /// Whether a crash of anybody was ordered; the order is taken.
    pub fn take(&self) -> bool {
        self.take_of(|_| true)
    }

    /// Waits until a crash of anybody is ordered, and takes the order.
    pub async fn ordered(&self) {
        self.wait(|_| true).await;
    }

    /// Waits until a crash of `caller` (an access key id) is ordered, and takes the order: for several callers at once.
    pub async fn ordered_for(&self, caller: &str) {
        self.wait(|ordered| ordered == caller).await;
    }

    async fn wait(&self, mine: impl Fn(&str) -> bool) {
        loop {
            // Made before the look, so that an order in between is not missed.
            let next = self.0.1.notified();
            if self.take_of(&mine) {
                return;
            }
            next.await;
        }
    }

    fn take_of(&self, mine: impl Fn(&str) -> bool) -> bool {
        let mut orders = self.orders();
        let found = orders.iter().position(|caller| mine(caller));
        found.map(|at| orders.remove(at)).is_some()
    }

    fn orders(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;

    fn call(operation: &str, invocation: &str, attempt: u32) -> Call {
        Call {
            service: "ecs".into(),
            operation: operation.into(),
            input: Value::Null,
            caller: String::new(),
            attempt,
            region: String::new(),
            invocation: invocation.into(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_second_update_is_denied_and_so_are_its_retries() {
        let mut faults = Faults::chosen_by(Plan::default().on("UpdateService", 2, Fault::Denied).chooser());
        assert_eq!(faults.of(&call("UpdateService", "a", 1)), Fault::Ok);
        assert_eq!(faults.of(&call("DescribeServices", "b", 1)), Fault::Ok);
        assert_eq!(faults.of(&call("UpdateService", "c", 1)), Fault::Denied);
        assert_eq!(faults.of(&call("UpdateService", "c", 2)), Fault::Denied);
        assert_eq!(faults.of(&call("UpdateService", "d", 1)), Fault::Ok);
    }

    #[test]
    fn a_fault_of_the_first_attempt_spares_the_retry() {
        let mut faults = Faults::chosen_by(Plan::default().always("ListTasks", Fault::ThrottledOnce).chooser());
        assert_eq!(faults.of(&call("ListTasks", "a", 1)), Fault::ThrottledOnce);
        assert_eq!(faults.of(&call("ListTasks", "a", 2)), Fault::Ok);
        assert_eq!(faults.of(&call("ListTasks", "b", 1)), Fault::ThrottledOnce);
    }

    #[tokio::test]
    async fn an_ordered_crash_is_taken_once_and_by_its_caller() {
        let crash = Crash::default();
        crash.raise("AKIDHEAL");
        tokio::select! {
            biased;
            () = crash.ordered_for("AKIDDEPLOY") => panic!("not its crash"),
            () = crash.ordered_for("AKIDHEAL") => {}
        }
        assert!(!crash.take());
        tokio::join!(crash.ordered_for("AKIDDEPLOY"), async { crash.raise("AKIDDEPLOY") });
    }
}
