//! The lab: a simulated AWS account in which Steward's functions can be watched at work.
//!
//! It is the part of a local AWS that nobody else makes: ECS rollouts that can fail, the events that ECS and ECR send,
//! and their delivery through the rules of `template.yaml` and FIFO queues. What is simulated, how faithfully, and what
//! is not, is written in `docs/lab.md`.

pub mod clock;
pub mod fifo;
pub mod pattern;
pub mod queues;
pub mod service;
pub mod sqs;
pub mod template;
pub mod wire;
