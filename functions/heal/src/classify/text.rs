//! What the reasons say. ECS's codes are few and shared by many causes; the text is where they differ.

/// Words of ECS's reasons, all compared without regard to case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl Text<'_> {
    /// Whether one of the words is in it.
    pub(super) fn has(self, words: &[&str]) -> bool {
        let lower = self.0.to_ascii_lowercase();
        words.iter().any(|word| lower.contains(word))
    }

    /// Whether one of the numbers stands in it as a word of its own: an account's id, a digest and a tag hold any number.
    fn has_number(self, numbers: &[&str]) -> bool {
        let mut words = self.0.split_whitespace().map(|word| word.trim_matches(|c: char| c.is_ascii_punctuation()));
        words.any(|word| numbers.contains(&word))
    }

    /// Whether it begins with one of these names: `Name: text`, or the name alone.
    pub(super) fn names(self, names: &[&str]) -> bool {
        let name = self.0.split(':').next().unwrap_or_default().trim();
        names.iter().any(|known| name.eq_ignore_ascii_case(known))
    }
}

/// Why an image was not pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pull {
    Missing,
    Architecture,
    Denied,
    Throttled,
    Network,
    Disk,
    Other,
}

pub(super) fn pull(reason: Text<'_>) -> Pull {
    // Docker Hub says "pull access denied ... does not exist or may require 'docker login'": both, so denied comes first.
    if reason.has(&["toomanyrequests", "too many requests", "rate limit", "rate exceeded"])
        || reason.has_number(&["429"])
    {
        Pull::Throttled
    } else if reason.has(&["denied", "no basic auth", "unauthorized", "not authorized"]) || reason.has_number(&["403"])
    {
        Pull::Denied
    } else if reason.has(&["no matching manifest", "exec format", "matching platform"]) {
        Pull::Architecture
    } else if reason.has(&["not found", "manifest unknown", "does not exist", "notfound"]) {
        Pull::Missing
    } else if reason.has(&["no space left"]) {
        Pull::Disk
    } else if reason.has(&NETWORK) {
        Pull::Network
    } else {
        Pull::Other
    }
}

const NETWORK: [&str; 9] = [
    "i/o timeout",
    "no route to host",
    "context deadline",
    "connection refused",
    "tls handshake",
    "client.timeout",
    "request canceled",
    "no such host",
    "connection reset",
];

/// Why what a task needs could not be prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Denied,
    MissingSecret,
    Logging,
    FileSystem,
    Network,
    Other,
}

/// Words about file systems. `efs` and `mount` alone are also in names such as `prefs` and `amounts`.
const FILE_SYSTEM: [&str; 6] = ["efs utils", "efs volume", ".efs.", "mount.nfs", "mount target", "failed to mount"];

pub(super) fn resource(reason: Text<'_>) -> Resource {
    if reason.has(&["failed to validate logger args", "logging driver", "logger args"]) {
        Resource::Logging
    } else if reason.has(&["accessdenied", "access denied", "not authorized"]) && !reason.has(&FILE_SYSTEM) {
        Resource::Denied
    } else if reason.has(&[
        "resourcenotfoundexception",
        "can't find the specified secret",
        "parameternotfound",
        "invalid parameters",
    ]) {
        Resource::MissingSecret
    } else if reason.has(&FILE_SYSTEM) {
        Resource::FileSystem
    } else if reason.has(&["check your task network configuration", "timed out", "timeout"]) || reason.has(&NETWORK) {
        Resource::Network
    } else {
        Resource::Other
    }
}
