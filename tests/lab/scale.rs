//! Scale: what many services and many databases cost, in AWS calls, in virtual time, in processor time and in memory.
//!
//! A scene stands in an account whose calls take time, as those of AWS do; a function meets it, in this process or as its
//! binary, and what it called is counted at the account's door. `docs/scale.md` has the figures.

pub mod fleet;
pub mod latency;
pub mod look;
pub mod people;
pub mod roll;
pub mod scenes;
pub mod spent;
pub mod stand;
