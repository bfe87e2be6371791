//! `heal`, end to end: what ECS tells of, what people are told, what is asked of `deploy`, and what comes of it.

mod approval;
mod calls;
mod crash_loop;
mod delivery;
mod evidence;
mod example;
mod jobs;
mod modes;
mod normal;
mod permissions;
mod rollback;
mod rollouts;
pub(crate) mod scene;
mod start;
mod storm;

pub(crate) use self::permissions::every_path;
