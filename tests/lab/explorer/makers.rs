//! Who made which call: two calls of one invocation know of each other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::function::{Function, Invocation, Running};
use crate::wire::Call;

/// Which invocation made which call.
#[derive(Clone, Debug, Default)]
pub(super) struct Makers {
    invocation: Arc<AtomicUsize>,
    of_calls: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Makers {
    /// The number of the invocation, by the SDK's own id of the call.
    pub(super) fn of_calls(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.of_calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call arrives.
    pub(super) fn note(&self, call: &Call) {
        self.of_calls().insert(call.invocation.clone(), self.invocation.load(Ordering::Relaxed));
    }
}

/// A function whose invocations are counted.
pub(super) struct Counted {
    function: Box<dyn Function>,
    makers: Makers,
}

impl Counted {
    /// `function`, whose invocations `makers` counts.
    pub(super) fn new(function: Box<dyn Function>, makers: Makers) -> Self {
        Self { function, makers }
    }
}

impl Function for Counted {
    fn invoke(&mut self, invocation: Invocation) -> Running<'_> {
        self.makers.invocation.fetch_add(1, Ordering::Relaxed);
        self.function.invoke(invocation)
    }
}
