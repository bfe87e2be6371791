//! Virtual time: it moves only when somebody moves it.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// The lab's clock. Clones share the same time.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<Mutex<Timestamp>>);

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    /// The current virtual time.
    pub fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves forward by `by`; a negative duration does nothing, time never goes back.
    pub fn advance(&self, by: SignedDuration) {
        if by.is_positive() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }

    /// Moves forward to `to`, or nowhere when `to` has passed already.
    pub fn advance_to(&self, to: Timestamp) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = to.max(*now);
    }
}
