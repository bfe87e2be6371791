//! `heal`, end to end: what ECS tells of, what people are told, what is asked of `deploy`, and what comes of it.

mod crash_loop;
mod delivery;
mod evidence;
mod jobs;
mod normal;
mod scene;
mod start;
mod storm;
