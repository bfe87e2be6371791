//! `migrate`, end to end: push, restore point, migration, roll, in the lab, by the template's own rules, queues and schedules.

mod asked;
mod calls;
mod chain;
mod delivery;
mod dry_run;
mod failed;
mod hanging;
mod hook;
mod losses;
mod never_started;
mod outage;
mod permissions;
mod person;
mod plan;
mod recipes;
mod refused;
mod restore;
mod rollback;
mod scene;
mod shared;
mod silence;
mod stuck;
mod superseded;
mod unknown;
mod wire;
mod withdrawn;
