//! The stacks of `examples/`, created in the lab as their templates say, with what their pages promise.

mod api_with_database;
mod backend_and_frontend;
mod backend_behind_nlb;
mod pages;
mod release_by_tag;
mod scene;
mod two_environments;
