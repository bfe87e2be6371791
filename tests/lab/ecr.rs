//! The simulated image registry (ECR): repositories, images, tags, and the events of pushes and deletions.

mod api;
mod push;
mod store;

use std::collections::BTreeMap;

use serde_json::json;

use crate::context::Context;
use crate::wire::{ApiError, Call, Outcome};

pub use push::Build;
pub(crate) use store::{Image, Repository};

/// All repositories of the account.
#[derive(Debug, Default)]
pub(crate) struct Ecr {
    repositories: BTreeMap<String, Repository>,
    /// Each repository as it was before its last write: what a stale read sees.
    before: BTreeMap<String, Repository>,
}

impl Ecr {
    /// Answers one call.
    pub(crate) fn call(&mut self, context: &mut Context, call: &Call, stale: bool) -> Outcome {
        api::call(self, context, call, stale)
    }

    /// The digest to which `reference` (a tag or a digest) resolves now, if the image is there.
    pub(crate) fn resolve(&self, repository: &str, reference: &str) -> Option<String> {
        let repository = self.repositories.get(repository)?;
        repository.digest(reference).map(str::to_owned)
    }

    fn find(&self, name: &str, stale: bool) -> Result<&Repository, ApiError> {
        let before = if stale { self.before.get(name) } else { None };
        before.or_else(|| self.repositories.get(name)).ok_or_else(|| not_found(name))
    }

    /// The repository for writing; what it was is kept for stale reads.
    fn change(&mut self, name: &str) -> Result<&mut Repository, ApiError> {
        let repository = self.repositories.get_mut(name).ok_or_else(|| not_found(name))?;
        self.before.insert(name.to_owned(), repository.clone());
        Ok(repository)
    }

    /// Creates the repository unless it exists.
    fn ensure(&mut self, context: &Context, name: &str) {
        if !self.repositories.contains_key(name) {
            self.repositories.insert(name.to_owned(), Repository::new(name, "MUTABLE", context.now));
        }
    }
}

fn not_found(name: &str) -> ApiError {
    let registry = crate::context::ACCOUNT_ID;
    let message = format!("The repository with name '{name}' does not exist in the registry with id '{registry}'");
    ApiError::client("RepositoryNotFoundException", message)
}

/// Sends the event of one action on an image. An untagged image has the empty tag.
fn emit(context: &mut Context, action: &str, repository: &str, tag: &str, image: &Image) {
    let mut detail = json!({
        "result": "SUCCESS",
        "repository-name": repository,
        "image-digest": image.digest,
        "action-type": action,
        "image-tag": tag,
    });
    if action == "PUSH" {
        detail["manifest-media-type"] = image.media_type.clone().into();
        if let Some(artifact) = &image.artifact_media_type {
            detail["artifact-media-type"] = artifact.clone().into();
        }
    }
    context.emit("aws.ecr", "ECR Image Action", &[], &detail);
}
