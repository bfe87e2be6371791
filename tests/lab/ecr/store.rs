//! What a repository holds, and the rules by which tags and images come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::context::{ACCOUNT_ID, REGISTRY, arn};
use crate::wire::ApiError;

/// Media type of a manifest that does not say its own.
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// One image, or an index of images.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) digest: String,
    pub(crate) manifest: String,
    pub(crate) media_type: String,
    pub(crate) artifact_media_type: Option<String>,
    /// Digests of the manifests that an index lists.
    pub(crate) children: Vec<String>,
    pub(crate) size: u64,
    pub(crate) pushed_at: Timestamp,
}

impl Image {
    fn read(manifest: &str, media_type: Option<&str>, pushed_at: Timestamp) -> Result<Self, ApiError> {
        let content: Value = serde_json::from_str(manifest)
            .map_err(|error| ApiError::client("InvalidParameterException", format!("Invalid manifest: {error}")))?;
        let list = |name: &str| content[name].as_array().cloned().unwrap_or_default();
        let layers = list("layers").into_iter().chain(list("manifests")).chain([content["config"].clone()]);
        let own = content["mediaType"].as_str();
        Ok(Self {
            digest: digest_of(manifest),
            manifest: manifest.to_owned(),
            media_type: media_type.or(own).unwrap_or(DOCKER_MANIFEST).to_owned(),
            artifact_media_type: content["config"]["mediaType"].as_str().map(str::to_owned),
            children: list("manifests").iter().filter_map(|m| m["digest"].as_str().map(str::to_owned)).collect(),
            size: layers.filter_map(|layer| layer["size"].as_u64()).sum(),
            pushed_at,
        })
    }
}

/// The digest of a manifest, as registries compute it.
pub(crate) fn digest_of(manifest: &str) -> String {
    let hash = Sha256::digest(manifest.as_bytes());
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// What a deletion took away: tags (one empty tag for an untagged image), and the image that they pointed at.
pub(crate) type Deleted = (Vec<String>, Arc<Image>);

/// A repository.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) uri: String,
    /// `MUTABLE` or `IMMUTABLE`.
    pub(crate) mutability: String,
    pub(crate) created_at: Timestamp,
    pub(crate) images: BTreeMap<String, Arc<Image>>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Repository {
    pub(crate) fn new(name: &str, mutability: &str, created_at: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            arn: arn("ecr", &format!("repository/{name}")),
            uri: format!("{REGISTRY}/{name}"),
            mutability: mutability.to_owned(),
            created_at,
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// The digest of a tag, or a digest itself, if that image is here.
    pub(crate) fn digest(&self, reference: &str) -> Option<&str> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        self.images.get_key_value(digest).map(|(digest, _)| digest.as_str())
    }

    /// The tags of `digest`, in order.
    pub(crate) fn tags_of(&self, digest: &str) -> Vec<&str> {
        self.tags.iter().filter(|(_, tagged)| *tagged == digest).map(|(tag, _)| tag.as_str()).collect()
    }

    /// Puts a manifest, under `tag` or untagged. An image that is here already keeps its time.
    pub(crate) fn put(
        &mut self,
        manifest: &str,
        media_type: Option<&str>,
        tag: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<Image>, ApiError> {
        let image = Image::read(manifest, media_type, now)?;
        let known = self.images.get(&image.digest).cloned();
        if let Some(missing) = image.children.iter().find(|child| !self.images.contains_key(*child)) {
            let message = format!("The manifest {missing} that the index refers to does not exist in {}", self.name);
            return Err(ApiError::client("ReferencedImagesNotFoundException", message));
        }
        let named = tag.map_or_else(|| format!("digest '{}'", image.digest), |tag| format!("tag '{tag}'"));
        let holder = tag.and_then(|tag| self.tags.get(tag));
        let same = if tag.is_some() { holder == Some(&image.digest) } else { known.is_some() };
        if same {
            let message = format!("Image with {named} already exists in '{}' in registry '{ACCOUNT_ID}'", self.name);
            return Err(ApiError::client("ImageAlreadyExistsException", message));
        }
        if let (Some(_), "IMMUTABLE") = (holder, self.mutability.as_str()) {
            let message = format!(
                "The image {named} already exists in the '{}' repository and cannot be overwritten because the \
                 repository is immutable.",
                self.name
            );
            return Err(ApiError::client("ImageTagAlreadyExistsException", message));
        }
        let image = known.unwrap_or_else(|| Arc::new(image));
        self.images.insert(image.digest.clone(), Arc::clone(&image));
        if let Some(tag) = tag {
            self.tags.insert(tag.to_owned(), image.digest.clone());
        }
        Ok(image)
    }

    /// Deletes by tag or digest; answers what went.
    ///
    /// Taking the last tag of an image deletes the image. The error is the code and reason of a failure.
    pub(crate) fn delete(&mut self, reference: &str) -> Result<Deleted, (&'static str, String)> {
        let missing = || ("ImageNotFound", "Requested image not found".to_owned());
        let digest = self.digest(reference).ok_or_else(missing)?.to_owned();
        let image = self.images.get(&digest).cloned().ok_or_else(missing)?;
        if reference == digest {
            if let Some(index) = self.images.values().find(|index| index.children.contains(&digest)) {
                let reason = format!("Requested image referenced by manifest list: [{}]", index.digest);
                return Err(("ImageReferencedByManifestList", reason));
            }
            let mut gone: Vec<String> = self.tags_of(&digest).into_iter().map(str::to_owned).collect();
            self.tags.retain(|_, tagged| *tagged != digest);
            self.images.remove(&digest);
            if gone.is_empty() {
                gone.push(String::new());
            }
            return Ok((gone, image));
        }
        self.tags.remove(reference);
        if self.tags_of(&digest).is_empty() {
            self.images.remove(&digest);
        }
        Ok((vec![reference.to_owned()], image))
    }
}
