//! The common AWS client crate of Steward's functions.
//!
//! What every function needs and none should write again: the start ([`function`]), the clients ([`aws`]), the ways in ([`ingress`], [`event`]),
//! the words of the user's interface ([`tags`], [`policy`], [`config`]), the types that cannot hold nonsense ([`arn`],
//! [`image`]), what is remembered ([`state`]) and what is told ([`alert`], [`record`], [`metrics`], [`telemetry`]).
//!
//! Invariant: nothing here decides what to do with a service or a database. Deciding is the functions' `plan`.

pub mod alert;
pub mod arn;
pub mod aws;
pub mod bus;
pub mod clock;
pub mod config;
pub mod deployments;
pub mod event;
pub mod failure;
pub mod function;
pub mod image;
pub mod ingress;
pub mod logs;
pub mod metrics;
pub mod migration;
pub mod mute;
pub mod outbox;
pub mod pacer;
pub mod partition;
pub mod policy;
pub mod record;
pub mod redact;
pub mod report;
pub mod schedule;
pub mod state;
pub mod tags;
pub mod task_definition;
pub mod telemetry;
