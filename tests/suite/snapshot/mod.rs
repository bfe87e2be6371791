//! `snapshot`, end to end: which snapshots are taken, kept, copied, shared and deleted, and what people are told.

mod losses;
mod names;
mod requests;
mod scene;
mod slots;
mod states;
