//! `snapshot` alone: evenings at which backups are due, with everything that may go wrong at each of its calls, with its
//! ticks, with what RDS says, and with its one-time schedules.

pub mod designs;
pub mod properties;
pub mod scene;
pub mod schedule;
pub mod watch;
