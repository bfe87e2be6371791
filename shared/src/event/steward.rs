//! Steward's own events, put on the default bus with the source `steward` by people, by CI, or by a function.

use serde::Deserialize;

use crate::arn::ServiceArn;
use crate::image::{Digest, ImageTag, Repository};

/// `source` of all of them.
pub const SOURCE: &str = "steward";

/// Detail of `Image Pushed`: an image in a registry that sends no events itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImagePushed {
    /// Registry and repository, for example `ghcr.io/acme/api`.
    pub repository: Repository,
    /// The tag that was pushed.
    pub tag: ImageTag,
    /// What the tag names: the digest of the index or manifest.
    pub digest: Digest,
}

/// Detail of `Deploy Requested`: what a person asks for. Unlike a policy, a person may go back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DeployRequested {
    /// The service that is meant; without it, every opted-in service that runs the repository.
    #[serde(default)]
    pub service: Option<ServiceArn>,
    /// The repository that is meant; without it, the one that the service's managed containers run.
    #[serde(default)]
    pub repository: Option<Repository>,
    /// Roll to what this tag names now.
    #[serde(default)]
    pub tag: Option<ImageTag>,
    /// Roll to this digest.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Release the service's pin, so that its policy decides again.
    #[serde(default)]
    pub release_pin: bool,
    /// Who asks, shown in alerts and records.
    #[serde(default)]
    pub requested_by: Option<String>,
}

impl DeployRequested {
    /// Whether the request makes sense in itself.
    ///
    /// # Errors
    /// Says what to write instead.
    pub fn check(&self) -> Result<(), &'static str> {
        let images = usize::from(self.tag.is_some()) + usize::from(self.digest.is_some());
        match (self.release_pin, images) {
            (false, 0) => Err("it asks for nothing: give tag or digest, or release-pin"),
            (_, 2) => Err("it gives both tag and digest: give one"),
            (true, 1) => {
                Err("it gives an image and releases the pin: a requested image is a pin itself, so give one of the two")
            }
            (true, _) if self.service.is_none() => {
                Err("release-pin needs service, the ARN of the service whose pin is released")
            }
            (false, _) if self.service.is_none() && self.repository.is_none() => {
                Err("it names neither service nor repository: give at least one")
            }
            _ => Ok(()),
        }
    }
}
