//! `aws.ecr`: ECR Image Action. Shape from the EventBridge schema registry (`aws.ecr@ECRImageAction`).

use serde::Deserialize;

/// Detail of `ECR Image Action`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageAction {
    /// What was done.
    pub action_type: ActionType,
    /// Whether it worked.
    pub result: ActionResult,
    /// Repository, without the registry.
    pub repository_name: String,
    /// Missing, null and empty all occur; an empty one is the child manifest of a multi-platform push.
    #[serde(default)]
    pub image_tag: Option<String>,
    /// The digest that was pushed.
    #[serde(default)]
    pub image_digest: Option<String>,
    /// Media type of the manifest; real events have it, AWS's sample has not.
    #[serde(default)]
    pub manifest_media_type: Option<String>,
    /// Media type of the artifact: an image's configuration, or something else entirely (a signature, an SBOM).
    #[serde(default)]
    pub artifact_media_type: Option<String>,
}

/// `action-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActionType {
    /// An image or a tag was pushed.
    Push,
    /// An image was deleted.
    Delete,
    /// Any other: archived, restored, and what may come.
    #[serde(other)]
    Other,
}

/// `result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActionResult {
    /// It worked.
    Success,
    /// Any other.
    #[serde(other)]
    Other,
}
