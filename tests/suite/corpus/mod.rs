//! The failures of other deployers, one test each, named after what must not happen here.

mod copies;
mod downgrade;
mod hygiene;
mod matching;
mod modes;
mod people;
mod registries;
mod rollback;
mod trouble;
