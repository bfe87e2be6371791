//! End-to-end tests: the real functions on the lab, the lab's own hosting, and the template's rules. One binary, so that the
//! SDK is linked once.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail their test")]

mod asked;
mod bad_input;
mod calls;
mod central_registry;
mod comparison;
mod corpus;
mod cost;
mod docs;
mod examples;
mod explorer;
mod front_docs;
mod fuzz;
mod heal;
mod heal_docs;
mod hosting;
mod lost_outcome;
mod migrate;
mod migrate_docs;
mod outbox;
mod permissions;
mod push;
mod queue;
mod rules;
mod scale;
mod snapshot;
mod snapshot_docs;
mod snapshot_years;
mod support;
mod sweep;
