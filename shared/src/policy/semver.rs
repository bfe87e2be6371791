//! `semver:RANGE`: the newest SemVer above the one that runs.
//!
//! `major`, `minor` and `patch` say how far a move may go from what runs (the words are Keel's); `1.x` and `2.3.x` fix
//! the range. Tags may carry a `v`. Four-part versions, partial versions and everything else that SemVer 2.0 does not
//! know are not versions here: a guess could deploy the wrong thing.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use semver::Version;

use super::{Image, Refusal, Running, Verdict, choice};
use crate::image::{Digest, ImageTag};

/// How far a SemVer policy may move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SemverRange {
    span: Span,
    prerelease: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Major,
    Minor,
    Patch,
    /// `1.x`
    OneMajor(u64),
    /// `2.3.x`
    OneMinor(u64, u64),
}

impl FromStr for SemverRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (span, prerelease) = match text.strip_suffix(" prerelease") {
            Some(span) => (span, true),
            None => (text, false),
        };
        let expected = || {
            format!(
                "{text:?} is no range; expected semver:major, semver:minor, semver:patch, semver:1.x or semver:2.3.x, each also with \" prerelease\" behind it"
            )
        };
        let number = |part: &str| -> Option<u64> {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            (digits && (part == "0" || !part.starts_with('0'))).then(|| part.parse().ok())?
        };
        let parts: Vec<&str> = span.split('.').collect();
        let span = match parts.as_slice() {
            ["major"] => Some(Span::Major),
            ["minor"] => Some(Span::Minor),
            ["patch"] => Some(Span::Patch),
            [major, "x"] => number(major).map(Span::OneMajor),
            [major, minor, "x"] => number(major).zip(number(minor)).map(|(major, minor)| Span::OneMinor(major, minor)),
            _ => None,
        };
        Ok(Self { span: span.ok_or_else(expected)?, prerelease })
    }
}

impl fmt::Display for SemverRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.span {
            Span::Major => f.write_str("major"),
            Span::Minor => f.write_str("minor"),
            Span::Patch => f.write_str("patch"),
            Span::OneMajor(major) => write!(f, "{major}.x"),
            Span::OneMinor(major, minor) => write!(f, "{major}.{minor}.x"),
        }?;
        if self.prerelease { f.write_str(" prerelease") } else { Ok(()) }
    }
}

impl SemverRange {
    /// Whether a tag is a version that this range could ever name.
    pub(super) fn accepts_form(&self, tag: &ImageTag) -> bool {
        version(tag).is_some_and(|version| self.prerelease || version.pre.is_empty())
    }

    fn contains(&self, running: &Version, candidate: &Version) -> bool {
        (self.prerelease || candidate.pre.is_empty())
            && match self.span {
                Span::Major => true,
                Span::Minor => candidate.major == running.major,
                Span::Patch => (candidate.major, candidate.minor) == (running.major, running.minor),
                Span::OneMajor(major) => candidate.major == major,
                Span::OneMinor(major, minor) => (candidate.major, candidate.minor) == (major, minor),
            }
    }
}

/// Reads a tag as a version; build metadata cannot occur, a tag has no `+`.
fn version(tag: &ImageTag) -> Option<Version> {
    Version::parse(tag.as_str().strip_prefix('v').unwrap_or(tag.as_str())).ok()
}

pub(super) fn verdict(range: &SemverRange, running: &Running, catalog: &[Image], bad: &BTreeSet<Digest>) -> Verdict {
    // The tag that it was started by comes first. Where that says nothing, the greatest version among the tags that
    // name the running digest now.
    let by_digest = || {
        let image = catalog.iter().find(|image| running.digest.as_ref() == Some(&image.digest))?;
        image.tags.iter().filter_map(version).max()
    };
    let by_tag = || {
        let tag = running.tag.as_ref()?;
        let image = catalog.iter().find(|image| running.digest.is_none() && image.tags.contains(tag))?;
        image.tags.iter().filter_map(version).max()
    };
    let Some(current) = running.tag.as_ref().and_then(version).or_else(by_digest).or_else(by_tag) else {
        return Verdict::Refused(Refusal::RunningVersionUnknown);
    };
    let newest = |bad: &BTreeSet<Digest>| {
        catalog
            .iter()
            .filter(|image| !bad.contains(&image.digest))
            .flat_map(|image| {
                image.tags.iter().filter_map(move |tag| version(tag).map(|version| (version, image, tag)))
            })
            .filter(|(version, ..)| *version > current && range.contains(&current, version))
            .max_by(|left, right| left.0.cmp(&right.0).then_with(|| left.1.cmp(right.1)))
    };
    match newest(bad) {
        // The version went up but the image is the same one under a further tag.
        Some((_, image, _)) if running.digest.as_ref() == Some(&image.digest) => Verdict::UpToDate,
        Some((_, image, tag)) => choice(image, Some(tag)),
        None => match newest(&BTreeSet::new()) {
            Some((_, image, _)) => Verdict::Refused(Refusal::KnownBad(image.digest.clone())),
            None => Verdict::UpToDate,
        },
    }
}
