//! The chain: `deploy`, which waits for a migration before it rolls, `migrate`, which runs it, and `snapshot`, which makes
//! what can be gone back to.
//!
//! What goes wrong is what went wrong for `deploy` alone, at every call of all of them, and further what they hear from
//! ECS, from each other, and from their schedules.

pub mod designs;
pub mod properties;
pub mod scene;
pub mod schedule;
pub mod watch;
