//! Decisions by value.
