//! The pair: `heal`, which says what broke and asks, and `deploy`, which rolls out and back.
//!
//! Nobody but these two acts in these scenes. What goes wrong is what went wrong for `deploy` alone, at every call of
//! both, and further what they hear from ECS, from each other, and from their schedules.

pub mod designs;
pub mod properties;
pub mod scene;
pub mod schedule;
