//! Which containers are meant, and what they run.

use shared::image::{Digest, ImageReference, Repository};
use shared::policy::{Policy, Running};
use shared::tags::ServiceTags;

use super::Reason;
use crate::observe::{Catalog, Catalogs, Container, Observed, Service};
use crate::rollout::{Attempt, AttemptState, Rollout, Target};

/// A container that is meant, with what its registry holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Managed<'a> {
    pub(super) container: &'a Container,
    pub(super) image: &'a ImageReference,
    pub(super) catalog: &'a Catalog,
}

/// The containers that are meant: those that the tag names, else each whose image is from a repository that is looked at.
pub(super) fn managed<'a>(
    tags: &ServiceTags,
    observed: &'a Observed,
    catalogs: &'a Catalogs,
    repository: Option<&Repository>,
) -> Result<Vec<Managed<'a>>, Reason> {
    let has = |name: &String| observed.containers.iter().any(|container| container.name == *name);
    if let Some(missing) = tags.containers.iter().find(|name| !has(name)) {
        return Err(Reason::ContainerMissing(missing.clone()));
    }
    let mut managed = Vec::new();
    for container in &observed.containers {
        let named = tags.containers.contains(&container.name);
        if !named && !tags.containers.is_empty() {
            continue;
        }
        let image = match &container.image {
            Ok(image) => image,
            // A sidecar may be named in ways that we cannot read, as long as nobody asks us to roll it.
            Err(_) if !named => continue,
            Err(problem) => {
                let (container, problem) = (container.name.clone(), problem.clone());
                return Err(Reason::Image { container, problem });
            }
        };
        if repository.is_some_and(|repository| *repository != image.repository) {
            continue;
        }
        match catalogs.get(&image.repository) {
            Some(Err(failure)) => return Err(Reason::NotSeen(failure.to_string())),
            // A repository that nobody ever announced an image of is somebody else's: a sidecar.
            Some(Ok(catalog)) if named || catalog.is_ecr || !catalog.images.is_empty() => {
                managed.push(Managed { container, image, catalog });
            }
            _ => {}
        }
    }
    if managed.is_empty() { Err(Reason::NoContainer) } else { Ok(managed) }
}

/// What we ourselves last set this container to, if the service still stands as we left it.
fn ours<'a>(container: &str, reference: &str, service: Option<&Service>, memory: &'a Rollout) -> Option<&'a Target> {
    let primary = service?.primary()?;
    let stands = |attempt: &&Attempt| {
        let holds = attempt.is_under_way() || attempt.state == AttemptState::Succeeded;
        holds && attempt.deployment.as_ref() == Some(&primary.id)
    };
    let attempt = [&memory.attempt, &memory.previous].into_iter().flatten().find(stands)?;
    attempt.images.get(container).filter(|target| target.reference == reference)
}

/// The image that the reference's tag names now.
fn named<'a>(image: &ImageReference, catalog: &'a Catalog) -> Option<&'a Digest> {
    catalog.tagged(&image.effective_tag()?).map(|listed| &listed.digest)
}

/// Whether it takes the service revision to tell which digest a container runs.
///
/// A reference by digest says it itself, and only `follow` needs it at all, since the other policies go by the tag. What we
/// rolled last we know, as long as the tag names it still: if it has moved since, ECS may have resolved it to the newer
/// image, because it does so when the first task pulls and not when we call.
pub(crate) fn needs_revision(
    policy: &Policy,
    container: &Container,
    service: &Service,
    memory: &Rollout,
    catalog: &Catalog,
) -> bool {
    let Ok(image) = &container.image else {
        return false;
    };
    let ours = ours(&container.name, &image.to_string(), Some(service), memory).map(|target| &target.digest);
    *policy == Policy::Follow && image.digest.is_none() && (ours.is_none() || ours != named(image, catalog))
}

/// What a container runs, as far as can be told.
pub(super) fn running(policy: &Policy, managed: Managed<'_>, observed: &Observed, memory: &Rollout) -> Running {
    let Managed { container, image, catalog } = managed;
    let reference = image.to_string();
    let ours = ours(&container.name, &reference, observed.service.as_ref(), memory);
    // Our own word counts for more than the revision's, which might name one platform's manifest, except where the
    // revision says that it is at what the tag names already.
    let arrived = container.running.clone().filter(|digest| named(image, catalog) == Some(digest));
    let digest = image.digest.clone().or(arrived).or_else(|| ours.map(|target| target.digest.clone()));
    let digest = digest.or_else(|| container.running.clone());
    // What was remembered of the digest that runs: the tag that led to it, and its age.
    let settled = memory.settled.get(&container.name);
    let attempted = memory.attempt.as_ref().and_then(|attempt| attempt.images.get(&container.name));
    let known = [ours, settled, attempted].into_iter().flatten().find(|target| Some(&target.digest) == digest.as_ref());
    let tag = match policy {
        Policy::Follow => image.effective_tag().or_else(|| memory.followed.get(&container.name).cloned()),
        _ => image.tag.clone().or_else(|| known.and_then(|target| target.tag.clone())),
    };
    let listed = catalog.images.iter().find(|listed| match &digest {
        Some(digest) => listed.digest == *digest,
        None => tag.as_ref().is_some_and(|tag| *policy != Policy::Follow && listed.tags.contains(tag)),
    });
    let pushed_at = listed.map(|listed| listed.pushed_at).or_else(|| known.and_then(|target| target.pushed_at));
    Running { tag, digest, pushed_at }
}
