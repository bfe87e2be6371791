//! End-to-end tests: the real `deploy` on the lab. One binary, so that the SDK is linked once.

mod push;
mod support;
