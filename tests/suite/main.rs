//! End-to-end tests: the real `deploy` on the lab, the lab's own hosting, and the template's rules. One binary, so that the
//! SDK is linked once.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod asked;
mod central_registry;
mod comparison;
mod docs;
mod hosting;
mod outbox;
mod push;
mod rules;
mod support;
