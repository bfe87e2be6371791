//! `prefix:release-`: the newest pushed tag with that prefix.

use std::collections::BTreeSet;

use super::{Image, Running, Verdict, newest_pushed};
use crate::image::Digest;

pub(super) fn verdict(prefix: &str, running: &Running, catalog: &[Image], bad: &BTreeSet<Digest>) -> Verdict {
    newest_pushed(running, catalog, bad, |tag| tag.as_str().starts_with(prefix))
}
