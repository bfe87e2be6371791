//! What is decided, by value: a database, its snapshots, what is remembered, and the time.

mod conflict;
mod copy;
mod due;
mod health;
mod million;
mod opted_out;
mod orphans;
mod prune;
mod quota;
mod request;
mod retain;
mod share;
