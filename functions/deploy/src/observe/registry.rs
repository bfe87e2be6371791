//! What registries hold: private ECR is asked, of others it is remembered what was announced.

use std::collections::BTreeMap;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::ImageStatus;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::event::steward::ImagePushed;
use shared::failure::{CallFailure, FailureKind};
use shared::image::{Digest, ImageTag, Repository, is_image};
use shared::policy::Image;
use shared::state::{Key, Table};

use super::model::Catalog;

/// Most images that `DescribeImages` returns in one page.
const PAGE: i32 = 1000;

/// All images of a repository, untagged ones too: what runs may have lost its tag, and its age is still needed. One call
/// for a thousand.
pub(super) async fn ecr_catalog(client: &Client, repository: &Repository) -> Result<Catalog, CallFailure> {
    let mut pages =
        client.describe_images().repository_name(&repository.path).max_results(PAGE).into_paginator().items().send();
    let mut images = Vec::new();
    while let Some(detail) = pages.next().await {
        let detail = match detail.map_err(|error| CallFailure::new("ecr:DescribeImages", repository, &error)) {
            // A repository that is gone holds nothing: the policy says so for its containers, and has its say for others.
            Err(failure) if failure.kind == FailureKind::Missing => break,
            detail => detail?,
        };
        let digest = detail.image_digest.as_deref().and_then(|digest| digest.parse::<Digest>().ok());
        let pushed_at = detail.image_pushed_at.and_then(|at| Timestamp::new(at.secs(), 0).ok());
        if let (Some(digest), Some(pushed_at)) = (digest, pushed_at) {
            // A tag on what no container can run is none that a policy may choose: a chart beside the images, an archived
            // image. What carries it stays in the catalog, by its digest and age.
            let media = (detail.image_manifest_media_type.as_deref(), detail.artifact_media_type.as_deref());
            let is_active = detail.image_status.as_ref().is_none_or(|status| *status == ImageStatus::Active);
            let runs = is_active && is_image(media.0, media.1);
            let tags = detail.image_tags.filter(|_| runs).unwrap_or_default();
            let tags = tags.iter().filter_map(|tag| tag.parse::<ImageTag>().ok()).filter(|tag| !tag.is_signature());
            images.push(Image { pushed_at, digest, tags: tags.collect() });
        }
    }
    Ok(Catalog { images, is_ecr: true })
}

/// One announced tag: the item `REGISTRY#<repository>` / `TAG#<tag>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Announcement {
    tag: Option<ImageTag>,
    digest: Option<Digest>,
    pushed_at: Option<Timestamp>,
}

fn partition(repository: &Repository) -> String {
    format!("REGISTRY#{repository}")
}

/// Remembers an announcement, unless a later one of the same tag is known: announcements have no order but their time.
///
/// # Errors
/// The failed call.
pub(crate) async fn announce(table: &Table, image: &ImagePushed, at: Timestamp) -> Result<(), CallFailure> {
    let key = Key::new(partition(&image.repository), format!("TAG#{}", image.tag));
    let mut known = table.get::<Announcement>(&key).await?;
    if known.item.pushed_at.is_some_and(|known_at| known_at >= at) {
        return Ok(());
    }
    known.item = Announcement { tag: Some(image.tag.clone()), digest: Some(image.digest.clone()), pushed_at: Some(at) };
    table.put(&key, &mut known, None).await
}

/// What was announced of a repository.
pub(super) async fn announced_catalog(table: &Table, repository: &Repository) -> Result<Catalog, CallFailure> {
    let announced = shared::partition::items::<Announcement>(table, &partition(repository), "TAG#").await?;
    let mut images: BTreeMap<Digest, Image> = BTreeMap::new();
    for announcement in announced {
        let Announcement { tag: Some(tag), digest: Some(digest), pushed_at: Some(pushed_at) } = announcement else {
            continue;
        };
        let image = images.entry(digest.clone()).or_insert_with(|| Image { pushed_at, digest, tags: Vec::new() });
        image.pushed_at = image.pushed_at.max(pushed_at);
        image.tags.push(tag);
    }
    Ok(Catalog { images: images.into_values().collect(), is_ecr: false })
}
