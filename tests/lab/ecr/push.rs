//! Pushing as a build tool does: the manifests of an index first and untagged, then one push per tag.

use serde_json::{Value, json};

use super::store::digest_of;
use super::{Ecr, emit};
use crate::account::Account;
use crate::context::Context;
use crate::wire::ApiError;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The result of a build, ready to be pushed. Equal content gives an equal digest.
#[derive(Clone, Debug)]
pub struct Build {
    content: String,
    multi_arch: bool,
    attested: bool,
}

impl From<&str> for Build {
    /// A plain image of one platform with this content; any text will do.
    fn from(content: &str) -> Self {
        Self { content: content.to_owned(), multi_arch: false, attested: false }
    }
}

impl Build {
    /// For amd64 and arm64: what is tagged is an index of both.
    #[must_use]
    pub fn multi_arch(self) -> Self {
        Self { multi_arch: true, ..self }
    }

    /// With a provenance attestation, as buildx makes by default: what is tagged is an index.
    #[must_use]
    pub fn attested(self) -> Self {
        Self { attested: true, ..self }
    }

    /// The digest under which this build is tagged, and deployed, when it is pushed.
    pub fn digest(&self) -> String {
        digest_of(&self.manifests().1)
    }

    /// The manifests of the index, and what is tagged.
    fn manifests(&self) -> (Vec<String>, String) {
        let image = |part: &str| {
            let layer = digest_of(&format!("{} {part}", self.content));
            json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": layer, "size": 1470},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": 9_400_000}],
            })
            .to_string()
        };
        if !self.multi_arch && !self.attested {
            return (Vec::new(), image("linux/amd64"));
        }
        let platforms: &[&str] = if self.multi_arch { &["linux/amd64", "linux/arm64"] } else { &["linux/amd64"] };
        let attestation: &[&str] = if self.attested { &["unknown/unknown"] } else { &[] };
        let (mut children, mut entries) = (Vec::new(), Vec::<Value>::new());
        for platform in platforms.iter().chain(attestation) {
            let manifest = image(platform);
            let (os, architecture) = platform.split_once('/').unwrap_or_default();
            entries.push(json!({
                "mediaType": MANIFEST,
                "digest": digest_of(&manifest),
                "size": manifest.len(),
                "platform": {"os": os, "architecture": architecture},
            }));
            children.push(manifest);
        }
        (children, json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string())
    }
}

impl Account {
    /// Creates a repository, unless it exists.
    pub fn repository(&self, name: &str) {
        let mut state = self.lock();
        let state = &mut *state;
        state.ecr.ensure(&state.context, name);
    }

    /// Creates a repository whose tags cannot be moved. One that exists becomes so.
    pub fn immutable_repository(&self, name: &str) {
        let mut state = self.lock();
        let state = &mut *state;
        state.ecr.ensure(&state.context, name);
        if let Ok(repository) = state.ecr.change(name) {
            "IMMUTABLE".clone_into(&mut repository.mutability);
        }
    }

    /// Pushes `build` to `repository` (created if need be) under each of `tags`; answers the digest that they point at.
    /// A build that has a tag already is not an error, as it is none for a build tool.
    pub fn push(&self, repository: &str, tags: &[&str], build: impl Into<Build>) -> Result<String, ApiError> {
        let mut state = self.lock();
        let state = &mut *state;
        push(&mut state.ecr, &mut state.context, repository, tags, &build.into())
    }

    /// Deletes an image, by tag or digest, with its events. Nothing happens when it is not there.
    pub fn delete_image(&self, repository: &str, reference: &str) {
        let mut state = self.lock();
        let state = &mut *state;
        let deleted = state.ecr.change(repository).ok().and_then(|repository| repository.delete(reference).ok());
        if let Some((tags, image)) = deleted {
            for tag in &tags {
                emit(&mut state.context, "DELETE", repository, tag, &image);
            }
        }
    }

    /// The digest to which a tag points now.
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        self.lock().ecr.resolve(repository, tag)
    }
}

fn push(ecr: &mut Ecr, context: &mut Context, name: &str, tags: &[&str], build: &Build) -> Result<String, ApiError> {
    ecr.ensure(context, name);
    let repository = ecr.change(name)?;
    let (children, tagged) = build.manifests();
    let untagged = children.iter().map(|manifest| (manifest, None));
    let pushes: Vec<_> = untagged.chain(tags.iter().map(|tag| (&tagged, Some(*tag)))).collect();
    for (manifest, tag) in pushes {
        match repository.put(manifest, None, tag, context.now) {
            Ok(image) => emit(context, "PUSH", name, tag.unwrap_or_default(), &image),
            Err(error) if error.code == "ImageAlreadyExistsException" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(digest_of(&tagged))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::clock::VirtualClock;

    fn account() -> Account {
        Account::new(VirtualClock::starting_at("2026-01-05T09:00:00Z".parse().unwrap()))
    }

    fn pushes(account: &Account) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let events = account.take_events();
        events.iter().map(|e| (text(&e["detail"]["image-tag"]), text(&e["detail"]["image-digest"]))).collect()
    }

    #[test]
    fn an_index_is_pushed_after_its_untagged_children_and_once_per_tag() {
        let account = account();
        let build = Build::from("v1").multi_arch().attested();
        let digest = account.push("backend", &["1.0.0", "latest"], build.clone()).unwrap();
        assert_eq!(digest, build.digest());
        let seen = pushes(&account);
        let tags: Vec<_> = seen.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!(tags, ["", "", "", "1.0.0", "latest"]);
        assert!(seen.iter().all(|(tag, pushed)| tag.is_empty() != (*pushed == digest)));
    }

    #[test]
    fn a_push_event_has_the_shape_of_ecr() {
        let account = account();
        account.push("backend", &["latest"], "v1").unwrap();
        let event = account.take_events().remove(0);
        assert_eq!(event["detail-type"], "ECR Image Action");
        assert_eq!(event["resources"], json!([]));
        assert_eq!(event["time"], "2026-01-05T09:00:00Z");
        assert_eq!(event["detail"]["artifact-media-type"], CONFIG);
    }

    #[test]
    fn an_image_that_gets_another_tag_keeps_its_time_and_the_tag_moves() {
        let account = account();
        let first = account.push("backend", &["latest"], "v1").unwrap();
        account.advance(SignedDuration::from_mins(5));
        account.push("backend", &["stable"], "v1").unwrap();
        account.push("backend", &["latest"], "v2").unwrap();
        let state = account.lock();
        let repository = state.ecr.find("backend", false).unwrap();
        assert_eq!(repository.images[&first].pushed_at.to_string(), "2026-01-05T09:00:00Z");
        assert_eq!(repository.tags_of(&first), ["stable"]);
        assert_eq!(state.ecr.find("backend", true).unwrap().tags_of(&first), ["latest", "stable"]);
    }

    #[test]
    fn a_tag_of_an_immutable_repository_does_not_move() {
        let account = account();
        account.immutable_repository("backend");
        let first = account.push("backend", &["1.0.0"], "v1").unwrap();
        assert_eq!(account.push("backend", &["1.0.0"], "v1").unwrap(), first);
        let error = account.push("backend", &["1.0.0"], "v2").unwrap_err();
        assert_eq!(error.code, "ImageTagAlreadyExistsException");
        assert_eq!(account.digest("backend", "1.0.0"), Some(first));
    }

    #[test]
    fn deleting_the_last_tag_deletes_the_image_and_a_child_of_an_index_stays() {
        let account = account();
        let digest = account.push("backend", &["a", "b"], Build::from("v1").multi_arch()).unwrap();
        let child = pushes(&account).remove(0).1;
        account.delete_image("backend", &child);
        assert_eq!(pushes(&account), []);
        account.delete_image("backend", "a");
        assert_eq!(account.digest("backend", &digest), Some(digest.clone()));
        account.delete_image("backend", "b");
        assert_eq!(account.digest("backend", &digest), None);
        assert_eq!(pushes(&account), [("a".to_owned(), digest.clone()), ("b".to_owned(), digest)]);
    }
}
