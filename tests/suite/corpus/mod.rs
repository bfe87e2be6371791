//! The failures of other deployers, one test each, named after what must not happen here.

mod downgrade;
mod hygiene;
mod matching;
mod rollback;
