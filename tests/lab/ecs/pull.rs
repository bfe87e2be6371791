//! Pulling images: a tag becomes a digest once per service revision, and a digest that is gone cannot be pulled.

use sha2::{Digest, Sha256};

use super::failures::PullError;
use super::model::RevisionImage;
use crate::context::REGISTRY;
use crate::ecr::Ecr;

/// Pulls the image of one container: answers its digest, or the reason as the agent puts it. The first pull of a
/// service revision records the digest, later pulls use that (version consistency).
pub(super) fn pull(image: &mut RevisionImage, ecr: &Ecr) -> Result<String, String> {
    let recorded = image.digest.clone().filter(|_| image.consistent);
    let digest = match recorded {
        Some(digest) => resolve(&pinned(&image.image, &digest), ecr)?,
        None => resolve(&image.image, ecr)?,
    };
    image.digest = Some(digest.clone());
    Ok(digest)
}

fn pinned(image: &str, digest: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    format!("{name}@{digest}")
}

fn resolve(reference: &str, ecr: &Ecr) -> Result<String, String> {
    let Some(path) = reference.strip_prefix(REGISTRY).and_then(|rest| rest.strip_prefix('/')) else {
        return Ok(elsewhere(reference));
    };
    let (repository, wanted) = path.split_once('@').or_else(|| path.split_once(':')).unwrap_or((path, "latest"));
    ecr.resolve(repository, wanted).ok_or_else(|| PullError::NotFound.reason(reference))
}

/// Other registries have every image, under a digest made up from its name.
pub(crate) fn elsewhere(reference: &str) -> String {
    if let Some((_, digest)) = reference.split_once('@') {
        digest.to_owned()
    } else {
        let hash = Sha256::digest(reference.as_bytes());
        hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_pinned(image: &str, expected: &str) {
        assert_eq!(pinned(image, "sha256:ab"), expected);
    }

    #[test]
    fn a_pinned_reference_keeps_the_registry_and_loses_the_tag() {
        check_pinned("nginx", "nginx@sha256:ab");
        check_pinned("nginx:1.27", "nginx@sha256:ab");
        check_pinned("localhost:5000/nginx", "localhost:5000/nginx@sha256:ab");
        check_pinned("localhost:5000/nginx:1@sha256:cd", "localhost:5000/nginx@sha256:ab");
    }

    #[test]
    fn an_image_of_another_registry_has_the_same_digest_every_time() {
        let ecr = Ecr::default();
        assert_eq!(resolve("nginx:1.27", &ecr), resolve("nginx:1.27", &ecr));
        assert_ne!(resolve("nginx:1.27", &ecr), resolve("nginx:1.28", &ecr));
        resolve(&format!("{REGISTRY}/nginx:1.27"), &ecr).unwrap_err();
    }
}
