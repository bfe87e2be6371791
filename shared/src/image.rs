//! Image references, digests and tags, parsed and compared exactly.
//!
//! `api` and `api-admin` are different repositories, and so are the repositories of the same name in two accounts or two
//! regions: a reference is compared by what it names, never by how its text begins.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::arn::{AccountId, IdentifierError, Region, text_type};

/// An image digest: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// An image tag: 1 to 300 of `[A-Za-z0-9_.-]`, not beginning with `.` or `-`. ECR allows 300, Docker 128.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageTag(String);

/// Where a repository lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Registry {
    /// Private ECR. Its host names (also dual-stack and FIPS ones) are the same registry.
    Ecr {
        /// The account that owns the registry.
        account: AccountId,
        /// The registry's region.
        region: Region,
    },
    /// Any other, by host name: `docker.io`, `ghcr.io`, `public.ecr.aws`.
    Other(String),
}

/// A repository: a registry and a path in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository {
    /// The registry.
    pub registry: Registry,
    /// The path, for example `shop/backend`.
    pub path: String,
}

/// An image as a container definition names it: `[registry/]repository[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// The repository.
    pub repository: Repository,
    /// The tag that is written; `None` also where Docker would read `latest`.
    pub tag: Option<ImageTag>,
    /// The digest that is written.
    pub digest: Option<Digest>,
    /// The text before tag and digest, kept as it was written.
    name: String,
}

text_type!(Digest => 0, ImageTag => 0);

impl FromStr for Digest {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentifierError::new(text, "an image digest (sha256: and 64 hexadecimal digits)"))
        }
    }
}

impl Digest {
    /// The first twelve digits, as people speak of it.
    pub fn short(&self) -> &str {
        self.0.get(7..19).unwrap_or_default()
    }
}

impl FromStr for ImageTag {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let good = text.bytes().all(|b| word(b) || b == b'.' || b == b'-') && text.bytes().next().is_some_and(word);
        if good && text.len() <= 300 {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentifierError::new(text, "an image tag"))
        }
    }
}

impl ImageTag {
    /// What Docker and ECS read when a reference names no tag.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// Whether the tag is one that cosign puts beside an image: `sha256-HEX`, also with `.sig`, `.att` or `.sbom`.
    pub fn is_signature(&self) -> bool {
        let hex = self.0.strip_prefix("sha256-").and_then(|rest| rest.get(..64));
        hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
    }
}

/// Whether these media types, as ECR tells them, are those of something that a container can run: an index, or a manifest
/// whose configuration is an image's. An artifact (a chart, a signature, an SBOM) has a configuration of another type.
pub fn is_image(manifest: Option<&str>, artifact: Option<&str>) -> bool {
    let is_list = |media: &str| media.contains("image.index") || media.contains("manifest.list");
    let is_config = |media: &str| media.contains("image.config") || media.contains("container.image");
    manifest.is_some_and(is_list) || artifact.is_none_or(|media| media.is_empty() || is_config(media))
}

/// Reads `ACCOUNT.dkr.ecr.REGION.amazonaws.com` and its FIPS, China and dual-stack forms.
fn ecr_host(host: &str) -> Option<(AccountId, Region)> {
    let (account, rest) = host.split_once('.')?;
    let account = account.parse().ok()?;
    let dual_stack = rest.strip_prefix("dkr-ecr.").or_else(|| rest.strip_prefix("dkr-ecr-fips."));
    let region = if let Some(rest) = dual_stack {
        rest.strip_suffix(".on.aws").or_else(|| rest.strip_suffix(".on.amazonwebservices.com.cn"))?
    } else {
        let rest = rest.strip_prefix("dkr.ecr.").or_else(|| rest.strip_prefix("dkr.ecr-fips."))?;
        rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?
    };
    Some((account, region.parse().ok()?))
}

impl FromStr for Repository {
    type Err = IdentifierError;

    /// Reads a repository as Docker does: without a registry it is `docker.io`, and there without a slash `library/`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || IdentifierError::new(text, "an image repository");
        let (registry, path) = match text.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
                let host = host.to_ascii_lowercase();
                match ecr_host(&host) {
                    Some((account, region)) => (Registry::Ecr { account, region }, path.to_owned()),
                    None => (Registry::Other(host), path.to_owned()),
                }
            }
            _ if text.contains('/') => (Registry::Other("docker.io".to_owned()), text.to_owned()),
            _ => (Registry::Other("docker.io".to_owned()), format!("library/{text}")),
        };
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let part = |part: &str| {
            part.bytes().all(|b| word(b) || matches!(b, b'.' | b'_' | b'-')) && part.bytes().next().is_some_and(word)
        };
        let host_is_good = match &registry {
            Registry::Ecr { .. } => true,
            Registry::Other(host) => host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':')),
        };
        if host_is_good && path.len() <= 256 && path.split('/').all(part) {
            Ok(Self { registry, path })
        } else {
            Err(invalid())
        }
    }
}

impl Repository {
    /// Whether it is in the private ECR of this account and region.
    pub fn is_in_ecr_of(&self, account: &AccountId, region: &Region) -> bool {
        matches!(&self.registry, Registry::Ecr { account: a, region: r } if a == account && r == region)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.registry {
            Registry::Ecr { account, region } => {
                let suffix = if region.as_str().starts_with("cn-") { ".cn" } else { "" };
                write!(f, "{account}.dkr.ecr.{region}.amazonaws.com{suffix}/{}", self.path)
            }
            Registry::Other(host) => write!(f, "{host}/{}", self.path),
        }
    }
}

impl TryFrom<String> for Repository {
    type Error = IdentifierError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

impl FromStr for ImageReference {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon belongs to a tag only behind the last slash: before it, it is a registry's port.
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest.get(slash..).and_then(|last| last.split_once(':')) {
            Some((last, tag)) => (rest.get(..slash + last.len()).unwrap_or(rest), Some(tag.parse()?)),
            None => (rest, None),
        };
        Ok(Self { repository: name.parse()?, tag, digest, name: name.to_owned() })
    }
}

impl ImageReference {
    /// The same repository, pinned to `digest`, with the registry's name as it was written.
    pub fn pinned(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.name)
    }

    /// The tag that a runtime pulls when the reference names no digest.
    pub fn effective_tag(&self) -> Option<ImageTag> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag.clone()),
            (None, None) => Some(ImageTag::latest()),
            (None, Some(_)) => None,
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

    fn hex() -> String {
        format!("sha256:{}", "ab".repeat(32))
    }

    #[track_caller]
    fn check(text: &str, repository: &str, tag: Option<&str>, digest: bool) {
        let reference: ImageReference = text.parse().unwrap();
        assert_eq!(reference.repository.to_string(), repository, "{text}");
        assert_eq!(reference.tag.as_ref().map(ImageTag::as_str), tag, "{text}");
        assert_eq!(reference.digest.is_some(), digest, "{text}");
        assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn references_are_read_as_docker_reads_them() {
        check("nginx", "docker.io/library/nginx", None, false);
        check("nginx:1.27", "docker.io/library/nginx", Some("1.27"), false);
        check("acme/api", "docker.io/acme/api", None, false);
        check("ghcr.io/acme/api:v1", "ghcr.io/acme/api", Some("v1"), false);
        check("localhost:5000/api", "localhost:5000/api", None, false);
        check("localhost:5000/api:2", "localhost:5000/api", Some("2"), false);
        check(&format!("{HOST}/shop/api:prod"), &format!("{HOST}/shop/api"), Some("prod"), false);
        check(&format!("{HOST}/api@{}", hex()), &format!("{HOST}/api"), None, true);
        check(&format!("{HOST}/api:prod@{}", hex()), &format!("{HOST}/api"), Some("prod"), true);
    }

    #[test]
    fn a_repository_is_not_another_whose_name_begins_the_same() {
        let of = |text: &str| text.parse::<ImageReference>().unwrap().repository;
        assert_ne!(of(&format!("{HOST}/api:1")), of(&format!("{HOST}/api-admin:1")));
        assert_ne!(of(&format!("{HOST}/api:1")), of(&format!("{HOST}/api/v2:1")));
        assert_ne!(of(&format!("{HOST}/api")), of("210987654321.dkr.ecr.eu-west-1.amazonaws.com/api"));
        assert_ne!(of(&format!("{HOST}/api")), of("123456789012.dkr.ecr.us-east-1.amazonaws.com/api"));
        assert_ne!(of(&format!("{HOST}/api")), of("api"));
    }

    #[test]
    fn all_host_names_of_one_ecr_registry_are_the_same_registry() {
        let of = |host: &str| format!("{host}/api").parse::<Repository>().unwrap();
        assert_eq!(of(HOST), of("123456789012.dkr-ecr.eu-west-1.on.aws"));
        assert_eq!(of(HOST), of("123456789012.dkr.ecr-fips.eu-west-1.amazonaws.com"));
    }

    #[test]
    fn pinning_keeps_the_registry_as_it_was_written_and_drops_the_tag() {
        let reference: ImageReference = "123456789012.dkr-ecr.eu-west-1.on.aws/api:prod".parse().unwrap();
        let digest: Digest = hex().parse().unwrap();
        assert_eq!(reference.pinned(&digest), format!("123456789012.dkr-ecr.eu-west-1.on.aws/api@{}", hex()));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", ":", "@", "api:", "api@sha256:12", "API", "a//b", "api:-x", "api:a b", "ghcr.io/", "x@y@z", "a/b:c/d"]
        {
            assert!(text.parse::<ImageReference>().is_err(), "{text}");
        }
        assert!("sha256:".to_owned().parse::<Digest>().is_err());
        assert!(format!("sha256:{}", "AB".repeat(32)).parse::<Digest>().is_err());
    }

    #[test]
    fn signature_tags_are_known_by_their_form() {
        let signature = |suffix: &str| format!("sha256-{}{suffix}", "0f".repeat(32)).parse::<ImageTag>().unwrap();
        for suffix in ["", ".sig", ".att", ".sbom"] {
            assert!(signature(suffix).is_signature(), "{suffix}");
        }
        for tag in ["sha256-0f", "latest", "sha-0f0f0f0"] {
            assert!(!tag.parse::<ImageTag>().unwrap().is_signature(), "{tag}");
        }
    }
}
