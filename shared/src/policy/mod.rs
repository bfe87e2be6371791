//! Tag policies: which of the images that a registry holds a container should run.
//!
//! Each policy is one small module with one table of cases. All are pure: a catalog goes in, a choice comes out. What
//! they have in common is decided here: a digest known bad is never chosen, and what is chosen is never older than what
//! runs. Whoever wants an older image says so (`Deploy Requested`); a policy never goes back by itself.

mod any;
mod follow;
mod prefix;
mod semver;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

pub use self::semver::SemverRange;
use crate::image::{Digest, ImageTag};

/// Value of `steward:deploy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// The tag that the task definition names already.
    Follow,
    /// The newest SemVer tag within a range above what runs.
    Semver(SemverRange),
    /// The newest pushed tag with this prefix.
    Prefix(String),
    /// The newest pushed tag.
    Any,
    /// None: the service is left alone.
    Off,
}

/// An image that a registry holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image {
    /// When it was pushed, by the registry's clock.
    pub pushed_at: Timestamp,
    /// Digest of its index or manifest.
    pub digest: Digest,
    /// Tags that name it now; signature tags are not among them.
    pub tags: Vec<ImageTag>,
}

/// What a container runs now, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Running {
    /// The tag that it was started by.
    pub tag: Option<ImageTag>,
    /// The digest that it runs.
    pub digest: Option<Digest>,
    /// When that digest was pushed.
    pub pushed_at: Option<Timestamp>,
}

/// The image that a policy names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Digest to run.
    pub digest: Digest,
    /// The tag that led to it.
    pub tag: ImageTag,
    /// When it was pushed.
    pub pushed_at: Timestamp,
}

/// Why a policy names no image to move to. None of these is a failure; each is told by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// `follow`, but the reference names a digest and no tag is remembered for it.
    #[error("the task definition names a digest and no tag, so there is no tag to follow")]
    NoTagToFollow,
    /// `follow`, and the registry does not hold the tag.
    #[error("the registry holds no image with the tag {0}")]
    TagNotFound(ImageTag),
    /// No image matches the policy.
    #[error("no image in the registry matches the policy")]
    NothingMatches,
    /// A SemVer policy, and the version that runs cannot be told.
    #[error(
        "the version that runs is unknown, so it cannot be told what is newer: deploy a SemVer tag once by hand, or by Deploy Requested"
    )]
    RunningVersionUnknown,
    /// What runs is not in the registry any more, so its age is unknown.
    #[error(
        "the age of what runs is unknown (it is no longer in the registry), so it cannot be told what is newer: use Deploy Requested once"
    )]
    RunningAgeUnknown,
    /// The policy names an image that failed here before.
    #[error("{0} failed here before and was rolled back; push a fix, or use Deploy Requested to try it again")]
    KnownBad(Digest),
    /// The policy names an image that was pushed before the one that runs.
    #[error(
        "{digest} was pushed at {pushed_at}, before the image that runs; to go back on purpose, use Deploy Requested"
    )]
    OlderThanRunning {
        /// The older image.
        digest: Digest,
        /// When it was pushed.
        pushed_at: Timestamp,
    },
}

/// What comes of asking a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// What runs is what the policy names, or newer than all that it names.
    UpToDate,
    /// Move to this image.
    Move(Choice),
    /// Stay, for this reason.
    Refused(Refusal),
}

impl Policy {
    /// Asks the policy for the image to run, given what runs, what the registry holds, and what failed before.
    ///
    /// `catalog` may be in any order. The verdict does not depend on it.
    pub fn verdict(&self, running: &Running, catalog: &[Image], bad: &BTreeSet<Digest>) -> Verdict {
        match self {
            Self::Follow => follow::verdict(running, catalog, bad),
            Self::Semver(range) => semver::verdict(range, running, catalog, bad),
            Self::Prefix(prefix) => prefix::verdict(prefix, running, catalog, bad),
            Self::Any => any::verdict(running, catalog, bad),
            Self::Off => Verdict::UpToDate,
        }
    }

    /// Whether a push of `tag` can be of interest at all: what the event's hygiene asks before anything is read.
    pub fn may_concern(&self, tag: &ImageTag) -> bool {
        match self {
            Self::Follow | Self::Any => true,
            Self::Semver(range) => range.accepts_form(tag),
            Self::Prefix(prefix) => tag.as_str().starts_with(prefix),
            Self::Off => false,
        }
    }
}

impl FromStr for Policy {
    type Err = String;

    /// Reads the value of `steward:deploy`; the error says what is allowed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None => match text {
                "follow" => Ok(Self::Follow),
                "any" => Ok(Self::Any),
                "off" => Ok(Self::Off),
                _ => Err("expected follow, semver:RANGE, prefix:TEXT, any or off".to_owned()),
            },
            Some(("semver", range)) => range.parse().map(Self::Semver),
            Some(("prefix", prefix)) if prefix.parse::<ImageTag>().is_ok() => Ok(Self::Prefix(prefix.to_owned())),
            Some(("prefix", _)) => {
                Err("prefix: needs the beginning of an image tag, for example prefix:release-".to_owned())
            }
            Some((word, _)) => {
                Err(format!("unknown policy {word:?}; expected follow, semver:RANGE, prefix:TEXT, any or off"))
            }
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Follow => f.write_str("follow"),
            Self::Semver(range) => write!(f, "semver:{range}"),
            Self::Prefix(prefix) => write!(f, "prefix:{prefix}"),
            Self::Any => f.write_str("any"),
            Self::Off => f.write_str("off"),
        }
    }
}

/// The newest pushed image with a tag that `wanted` accepts; of equal age the greater digest, so that order never matters.
fn newest_pushed(
    running: &Running,
    catalog: &[Image],
    bad: &BTreeSet<Digest>,
    wanted: impl Fn(&ImageTag) -> bool,
) -> Verdict {
    let matching = || catalog.iter().filter(|image| image.tags.iter().any(&wanted));
    let Some(best) = matching().max() else {
        return Verdict::Refused(Refusal::NothingMatches);
    };
    let best_is_bad = bad.contains(&best.digest) && running.pushed_at.is_none_or(|since| best.pushed_at > since);
    // Where a newer image is only passed over because it is bad, that is the reason to tell.
    let stay = |verdict| if best_is_bad { Verdict::Refused(Refusal::KnownBad(best.digest.clone())) } else { verdict };
    let Some(newest) = matching().filter(|image| !bad.contains(&image.digest)).max() else {
        return Verdict::Refused(Refusal::KnownBad(best.digest.clone()));
    };
    if running.digest.as_ref() == Some(&newest.digest) || running_tag_names(running, newest) {
        return stay(Verdict::UpToDate);
    }
    match running.pushed_at {
        None => Verdict::Refused(Refusal::RunningAgeUnknown),
        Some(since) if newest.pushed_at < since => {
            let (digest, pushed_at) = (newest.digest.clone(), newest.pushed_at);
            stay(Verdict::Refused(Refusal::OlderThanRunning { digest, pushed_at }))
        }
        Some(_) => choice(newest, newest.tags.iter().filter(|tag| wanted(tag)).max()),
    }
}

/// Where no digest is known, the tag that the container was started by says what it runs.
fn running_tag_names(running: &Running, image: &Image) -> bool {
    running.digest.is_none() && running.tag.as_ref().is_some_and(|tag| image.tags.contains(tag))
}

fn choice(image: &Image, tag: Option<&ImageTag>) -> Verdict {
    match tag {
        Some(tag) => {
            let (digest, tag) = (image.digest.clone(), tag.clone());
            Verdict::Move(Choice { digest, tag, pushed_at: image.pushed_at })
        }
        None => Verdict::Refused(Refusal::NothingMatches),
    }
}

#[cfg(test)]
mod tests;
