//! The lab: a simulated AWS account in which Steward's functions can be watched at work.
//!
//! It is the part of a local AWS that nobody else makes: ECS rollouts that can fail, the events that ECS and ECR send,
//! and their delivery through the rules of `template.yaml` and FIFO queues. What is simulated, how faithfully, and what
//! is not, is written in `docs/lab.md`.

#![expect(clippy::result_large_err, reason = "an API error is a whole answer; it is made seldom and moved once")]
#![expect(clippy::indexing_slicing, reason = "of a JSON value it cannot panic: what is not there is null")]

pub mod account;
pub mod bus;
pub mod client;
pub mod clock;
pub mod context;
pub mod dynamodb;
pub mod ecr;
pub mod ecs;
pub mod events;
pub mod explorer;
pub mod faults;
pub mod fifo;
pub mod function;
mod http;
pub mod ids;
mod input;
pub mod kms;
pub mod logs;
pub mod mapping;
pub mod pattern;
pub mod process;
pub mod queues;
pub mod rds;
mod rest;
mod runtime_api;
pub mod scale;
pub mod scheduler;
pub mod server;
pub mod service;
pub mod sns;
pub mod sqs;
pub mod steward;
pub mod sts;
mod tagging;
pub mod template;
pub mod throttle;
pub mod wire;
pub mod world;
