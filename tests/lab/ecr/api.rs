//! The operations of ECR.

use serde_json::{Value, json};

use super::{Ecr, Image, Repository, emit};
use crate::context::{ACCOUNT_ID, Context, epoch};
use crate::input::{invalid, items, page, required, text, texts};
use crate::service::unknown_operation;
use crate::wire::{ApiError, Call, Outcome, Reply};

/// Answers one call. With `stale`, reads see repositories as they were before their last write.
pub(super) fn call(ecr: &mut Ecr, context: &mut Context, call: &Call, stale: bool) -> Outcome {
    let input = &call.input;
    let body = match call.operation.as_str() {
        "CreateRepository" => create_repository(ecr, context, input),
        "DescribeRepositories" => describe_repositories(ecr, input),
        "PutImage" => put_image(ecr, context, input),
        "BatchGetImage" => batch_get_image(ecr, input),
        "DescribeImages" => describe_images(ecr, input, stale),
        "ListImages" => list_images(ecr, input, stale),
        "BatchDeleteImage" => batch_delete_image(ecr, context, input),
        _ => return unknown_operation(call),
    };
    body.map(Reply::Json)
}

fn create_repository(ecr: &mut Ecr, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let name = required(input, "repositoryName")?;
    if ecr.repositories.contains_key(name) {
        let message =
            format!("The repository with name '{name}' already exists in the registry with id '{ACCOUNT_ID}'");
        return Err(ApiError::client("RepositoryAlreadyExistsException", message));
    }
    let mutability = text(input, "imageTagMutability").unwrap_or("MUTABLE");
    let repository = Repository::new(name, mutability, context.now);
    let body = json!({"repository": describe(&repository)});
    ecr.repositories.insert(name.to_owned(), repository);
    Ok(body)
}

fn describe_repositories(ecr: &Ecr, input: &Value) -> Result<Value, ApiError> {
    let names = texts(input, "repositoryNames");
    let found = if names.is_empty() {
        ecr.repositories.values().map(describe).collect()
    } else {
        names.iter().map(|name| ecr.find(name, false).map(describe)).collect::<Result<Vec<_>, _>>()?
    };
    let (found, next) = page(found, input["maxResults"].as_u64(), (100, 1000), text(input, "nextToken"))?;
    Ok(with_token(json!({"repositories": found}), next))
}

fn describe(repository: &Repository) -> Value {
    json!({
        "repositoryArn": repository.arn,
        "registryId": ACCOUNT_ID,
        "repositoryName": repository.name,
        "repositoryUri": repository.uri,
        "createdAt": epoch(repository.created_at),
        "imageTagMutability": repository.mutability,
        "imageScanningConfiguration": {"scanOnPush": false},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    })
}

fn put_image(ecr: &mut Ecr, context: &mut Context, input: &Value) -> Result<Value, ApiError> {
    let name = required(input, "repositoryName")?;
    let manifest = required(input, "imageManifest")?;
    let tag = text(input, "imageTag");
    if text(input, "imageDigest").is_some_and(|digest| digest != super::store::digest_of(manifest)) {
        let message = "The specified image digest does not match the digest that Amazon ECR calculated for the image.";
        return Err(ApiError::client("ImageDigestDoesNotMatchException", message));
    }
    let repository = ecr.change(name)?;
    let image = repository.put(manifest, text(input, "imageManifestMediaType"), tag, context.now)?;
    emit(context, "PUSH", name, tag.unwrap_or_default(), &image);
    Ok(json!({"image": whole(name, tag, &image)}))
}

fn whole(repository: &str, tag: Option<&str>, image: &Image) -> Value {
    json!({
        "registryId": ACCOUNT_ID,
        "repositoryName": repository,
        "imageId": image_id(&image.digest, tag),
        "imageManifest": image.manifest,
        "imageManifestMediaType": image.media_type,
    })
}

fn image_id(digest: &str, tag: Option<&str>) -> Value {
    match tag {
        Some(tag) => json!({"imageDigest": digest, "imageTag": tag}),
        None => json!({"imageDigest": digest}),
    }
}

/// The image that an `ImageIdentifier` means: both members must agree when both are there.
fn identify<'a>(repository: &'a Repository, id: &Value) -> Option<&'a Image> {
    let (tag, digest) = (text(id, "imageTag"), text(id, "imageDigest"));
    let found = match (tag, digest) {
        (Some(tag), digest) => repository.tags.get(tag).filter(|found| digest.is_none_or(|digest| digest == *found))?,
        (None, Some(digest)) => digest,
        (None, None) => return None,
    };
    repository.images.get(found).map(AsRef::as_ref)
}

fn batch_get_image(ecr: &Ecr, input: &Value) -> Result<Value, ApiError> {
    let repository = ecr.find(required(input, "repositoryName")?, false)?;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in items(input, "imageIds") {
        match identify(repository, id) {
            Some(image) => images.push(whole(&repository.name, text(id, "imageTag"), image)),
            None => failures.push(failure(id, "ImageNotFound", "Requested image not found")),
        }
    }
    Ok(json!({"images": images, "failures": failures}))
}

fn failure(id: &Value, code: &str, reason: &str) -> Value {
    json!({"imageId": id, "failureCode": code, "failureReason": reason})
}

fn describe_images(ecr: &Ecr, input: &Value, stale: bool) -> Result<Value, ApiError> {
    let repository = ecr.find(required(input, "repositoryName")?, stale)?;
    let ids = items(input, "imageIds");
    if ids.is_empty() {
        let all = repository.images.values().filter(|image| wanted(repository, image, input)).collect();
        let (images, next) = page(all, input["maxResults"].as_u64(), (100, 1000), text(input, "nextToken"))?;
        let details: Vec<_> = images.iter().map(|image| detail(repository, image)).collect();
        return Ok(with_token(json!({"imageDetails": details}), next));
    }
    if ids.len() > 100 {
        return Err(invalid("Member must have length less than or equal to 100"));
    }
    if text(input, "nextToken").is_some() || input["maxResults"].is_u64() {
        return Err(invalid("maxResults and nextToken cannot be used with imageIds"));
    }
    let found = ids.iter().map(|id| {
        identify(repository, id).map(|image| detail(repository, image)).ok_or_else(|| image_not_found(repository, id))
    });
    Ok(json!({"imageDetails": found.collect::<Result<Vec<_>, _>>()?}))
}

fn image_not_found(repository: &Repository, id: &Value) -> ApiError {
    let part = |name| text(id, name).unwrap_or("null");
    let message = format!(
        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name \
         '{}' in the registry with id '{ACCOUNT_ID}'",
        part("imageDigest"),
        part("imageTag"),
        repository.name
    );
    ApiError::client("ImageNotFoundException", message)
}

fn wanted(repository: &Repository, image: &Image, input: &Value) -> bool {
    let tagged = !repository.tags_of(&image.digest).is_empty();
    match input["filter"]["tagStatus"].as_str() {
        Some("TAGGED") => tagged,
        Some("UNTAGGED") => !tagged,
        _ => true,
    }
}

fn detail(repository: &Repository, image: &Image) -> Value {
    let mut detail = json!({
        "registryId": ACCOUNT_ID,
        "repositoryName": repository.name,
        "imageDigest": image.digest,
        "imageSizeInBytes": image.size,
        "imagePushedAt": epoch(image.pushed_at),
        "imageManifestMediaType": image.media_type,
        "imageStatus": "ACTIVE",
    });
    let tags = repository.tags_of(&image.digest);
    if !tags.is_empty() {
        detail["imageTags"] = json!(tags);
    }
    if let Some(artifact) = &image.artifact_media_type {
        detail["artifactMediaType"] = json!(artifact);
    }
    detail
}

fn list_images(ecr: &Ecr, input: &Value, stale: bool) -> Result<Value, ApiError> {
    let repository = ecr.find(required(input, "repositoryName")?, stale)?;
    let mut ids = Vec::new();
    for image in repository.images.values().filter(|image| wanted(repository, image, input)) {
        let tags = repository.tags_of(&image.digest);
        if tags.is_empty() {
            ids.push(image_id(&image.digest, None));
        }
        ids.extend(tags.iter().map(|tag| image_id(&image.digest, Some(tag))));
    }
    let (ids, next) = page(ids, input["maxResults"].as_u64(), (100, 1000), text(input, "nextToken"))?;
    Ok(with_token(json!({"imageIds": ids}), next))
}

fn batch_delete_image(ecr: &mut Ecr, context: &mut Context, input: &Value) -> Result<Value, ApiError> {
    let name = required(input, "repositoryName")?;
    let repository = ecr.change(name)?;
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for id in items(input, "imageIds") {
        let reference = text(id, "imageTag").or_else(|| text(id, "imageDigest")).unwrap_or_default();
        match repository.delete(reference) {
            Ok((tags, image)) => {
                for tag in tags {
                    deleted.push(image_id(&image.digest, Some(tag.as_str()).filter(|tag| !tag.is_empty())));
                    emit(context, "DELETE", name, &tag, &image);
                }
            }
            Err((code, reason)) => failures.push(failure(id, code, &reason)),
        }
    }
    Ok(json!({"imageIds": deleted, "failures": failures}))
}

fn with_token(mut body: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        body["nextToken"] = next.into();
    }
    body
}
