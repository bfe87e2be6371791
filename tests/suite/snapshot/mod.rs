//! `snapshot`, end to end: which snapshots are taken, kept, copied, shared and deleted, and what people are told.

mod calls;
mod completion;
mod copies;
mod losses;
mod names;
mod permissions;
mod quota;
mod requests;
mod rest;
mod retention;
mod scene;
mod sharing;
mod slots;
mod states;
