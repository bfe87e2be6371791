//! `follow`: the tag that the task definition names already moved.

use std::collections::BTreeSet;

use super::{Image, Refusal, Running, Verdict, choice};
use crate::image::Digest;

pub(super) fn verdict(running: &Running, catalog: &[Image], bad: &BTreeSet<Digest>) -> Verdict {
    let Some(tag) = &running.tag else {
        return Verdict::Refused(Refusal::NoTagToFollow);
    };
    // A registry holds a tag once; `max` only makes the verdict independent of order should it ever not.
    let Some(named) = catalog.iter().filter(|image| image.tags.contains(tag)).max() else {
        return Verdict::Refused(Refusal::TagNotFound(tag.clone()));
    };
    if running.digest.as_ref() == Some(&named.digest) {
        return Verdict::UpToDate;
    }
    if bad.contains(&named.digest) {
        return Verdict::Refused(Refusal::KnownBad(named.digest.clone()));
    }
    // Where the age of what runs is unknown, the tag itself says what is wanted: somebody moved it.
    if running.pushed_at.is_some_and(|running_since| named.pushed_at < running_since) {
        let (digest, pushed_at) = (named.digest.clone(), named.pushed_at);
        return Verdict::Refused(Refusal::OlderThanRunning { digest, pushed_at });
    }
    choice(named, Some(tag))
}
