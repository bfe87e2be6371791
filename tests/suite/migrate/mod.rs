//! `migrate`, end to end: push, restore point, migration, roll, in the lab, by the template's own rules, queues and schedules.

mod asked;
mod chain;
mod failed;
mod hanging;
mod person;
mod plan;
mod recipes;
mod refused;
mod restore;
mod rollback;
mod scene;
mod shared;
mod superseded;
mod unknown;
mod wire;
