//! Reads AWS into own plain types. Nothing here changes anything.
//!
//! The order keeps the calls few: tags tell who has opted in, ten services come with one call, a revision is read once
//! while the execution environment lives, a repository once an invocation, and digests only where nothing else tells them.

mod history;
pub(crate) mod model;
mod outcomes;
mod registry;
mod revisions;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::arn::{AccountId, Region, ServiceArn, TaskDefinitionArn};
use shared::aws::Clients;
use shared::failure::CallFailure;
use shared::image::{ImageReference, Repository};
use shared::migration::{self, Ledger, RunHead};
use shared::policy::Policy;
use shared::state::{Table, Versioned};
use shared::tags::ServiceTags;
use shared::task_definition::{self, RawTaskDefinition};

pub(crate) use self::model::{Catalog, Catalogs, Container, Observed, Outcome, RolloutState, Service, Unsupported};
pub(crate) use self::registry::announce;
pub(crate) use self::services::{Candidate, SERVICES_A_CALL, batches, opted_in};
use crate::plan::needs_revision;
use crate::rollout::Rollout;

/// Most task definitions that are kept; they are immutable, so what is kept stays true. A sweep reads all of them in order,
/// so that too few would be as good as none; of a few kilobytes each these are some megabytes.
const KEPT_DEFINITIONS: usize = 2048;

/// How long it is believed who has opted in, while a sweep goes on.
const KNOWN_FOR: SignedDuration = SignedDuration::from_mins(5);

/// Reads the account. It lives as long as the execution environment.
#[derive(Debug)]
pub(crate) struct Observer {
    clients: Clients,
    table: Table,
    account: AccountId,
    region: Region,
    definitions: BTreeMap<TaskDefinitionArn, Arc<RawTaskDefinition>>,
    /// Who has opted in, and when that was asked.
    known: Option<(Timestamp, Vec<ServiceArn>)>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Only containers that run this repository; `None` is all.
    pub repository: Option<&'a Repository>,
    /// Only how rollouts stand, not what should run.
    pub outcomes_only: bool,
}

impl Observer {
    /// An observer of one account and region.
    pub(crate) fn new(clients: Clients, table: Table, account: AccountId, region: Region) -> Self {
        Self { clients, table, account, region, definitions: BTreeMap::new(), known: None }
    }

    /// The revision, from memory or from ECS.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn definition(&mut self, arn: &TaskDefinitionArn) -> Result<Arc<RawTaskDefinition>, CallFailure> {
        if let Some(known) = self.definitions.get(arn) {
            return Ok(known.clone());
        }
        let definition = Arc::new(task_definition::describe(self.clients.ecs(), arn).await?);
        if self.definitions.len() >= KEPT_DEFINITIONS {
            self.definitions.pop_first();
        }
        self.definitions.insert(arn.clone(), definition.clone());
        Ok(definition)
    }

    /// Looks at services: batches of at most ten of one cluster, as [`batches`] makes them. What a registry holds is
    /// added to `catalogs`, so that it is read once in an invocation.
    ///
    /// # Errors
    /// A failed call that concerns all of them. What concerns one service is noted with that service.
    pub(crate) async fn look(
        &mut self,
        batches: &[Vec<ServiceArn>],
        scope: Scope<'_>,
        catalogs: &mut Catalogs,
    ) -> Result<BTreeMap<ServiceArn, Observed>, CallFailure> {
        let arns: Vec<&ServiceArn> = batches.iter().flatten().collect();
        let keys: Vec<_> = arns.iter().map(|arn| Rollout::key(arn)).collect();
        let mut memories = self.table.get_all::<Rollout>(&keys).await?;
        let mut seen = BTreeMap::new();
        for batch in batches {
            let described = services::describe(self.clients.ecs(), batch).await;
            for arn in batch {
                let memory = memories.remove(&Rollout::key(arn)).unwrap_or_else(|| Ok(Versioned::default()));
                // Without its memory a service is not looked at: what is remembered may be why nothing must be done.
                let (service, memory, failure) = match (&described, memory) {
                    (Ok(services), Ok(memory)) => (services.get(arn).cloned(), memory, None),
                    (Err(failure), Ok(memory)) => (None, memory, Some(failure.clone())),
                    (_, Err(failure)) => (None, Versioned::default(), Some(failure)),
                };
                let observed = Observed {
                    service,
                    containers: Vec::new(),
                    memory,
                    migration: RunHead::default(),
                    outcome: None,
                    previous_outcome: None,
                    landed: None,
                    failure,
                };
                seen.insert(arn.clone(), observed);
            }
        }
        self.migrations(&mut seen).await?;
        outcomes::outcomes(self.clients.ecs(), &mut seen).await;
        outcomes::lost_calls(self.clients.ecs(), &mut seen).await;
        if !scope.outcomes_only {
            self.look_closer(&mut seen, scope, catalogs).await;
        }
        Ok(seen)
    }

    /// How the migrations stand that services wait for. One call where there are any.
    async fn migrations(&self, seen: &mut BTreeMap<ServiceArn, Observed>) -> Result<(), CallFailure> {
        let run = |observed: &Observed| observed.memory.item.awaits.as_ref().map(|awaits| awaits.what.run.key());
        let keys: Vec<_> = seen.values().filter_map(run).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut heads = self.table.get_all::<RunHead>(&keys).await?;
        for observed in seen.values_mut() {
            match run(observed).and_then(|key| heads.remove(&key)) {
                Some(Ok(head)) => observed.migration = head.item,
                Some(Err(failure)) => drop(observed.failure.get_or_insert(failure)),
                None => {}
            }
        }
        Ok(())
    }

    /// Containers, registries and running digests of those that the policy has a say in.
    async fn look_closer(
        &mut self,
        seen: &mut BTreeMap<ServiceArn, Observed>,
        scope: Scope<'_>,
        catalogs: &mut Catalogs,
    ) {
        let mut unknown = Vec::new();
        for (arn, observed) in seen.iter_mut() {
            let Some((service, tags)) = rollable(observed) else {
                continue;
            };
            let Some(revision) = service.task_definition.clone() else {
                continue;
            };
            let definition = match self.definition(&revision).await {
                Ok(definition) => definition,
                Err(failure) => {
                    observed.failure = Some(failure);
                    continue;
                }
            };
            observed.containers = containers(&definition);
            let concerned =
                |container: &Container| tags.containers.is_empty() || tags.containers.contains(&container.name);
            let images: Vec<&ImageReference> = observed
                .containers
                .iter()
                .filter(|container| concerned(container))
                .filter_map(|container| container.image.as_ref().ok())
                .filter(|image| scope.repository.is_none_or(|repository| *repository == image.repository))
                .collect();
            let repositories: BTreeSet<&Repository> = images.iter().map(|image| &image.repository).collect();
            for repository in repositories {
                if !catalogs.contains_key(repository) {
                    let catalog = self.catalog(repository).await;
                    catalogs.insert(repository.clone(), catalog);
                }
                if let Some(Err(failure)) = catalogs.get(repository) {
                    observed.failure.get_or_insert_with(|| failure.clone());
                }
            }
            let asks = |container: &&Container| {
                let image = container.image.as_ref().ok();
                let image = image.filter(|i| scope.repository.is_none_or(|repository| *repository == i.repository));
                let catalog = image.and_then(|image| catalogs.get(&image.repository)?.as_ref().ok());
                let catalog = catalog.filter(|catalog| concerned(container) && !catalog.images.is_empty());
                let memory = &observed.memory.item;
                catalog.is_some_and(|catalog| needs_revision(&tags.policy, container, &service, memory, catalog))
            };
            if observed.containers.iter().any(|container| asks(&container)) {
                unknown.push((arn.clone(), service.revisions.clone()));
            }
        }
        revisions::running_digests(self.clients.ecs(), &unknown, seen).await;
    }

    async fn catalog(&self, repository: &Repository) -> Result<Catalog, CallFailure> {
        if repository.is_in_ecr_of(&self.account, &self.region) {
            registry::ecr_catalog(self.clients.ecr(), repository).await
        } else {
            registry::announced_catalog(&self.table, repository).await
        }
    }

    /// Everything that has opted in, by the tagging API; `wanted` may leave some out by their tags before they are looked
    /// at.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn candidates(&self, wanted: impl Fn(&Candidate) -> bool) -> Result<Vec<ServiceArn>, CallFailure> {
        let found = opted_in(self.clients.tagging()).await?;
        Ok(found.into_iter().filter(wanted).map(|candidate| candidate.arn).collect())
    }

    /// Who has opted in, as [`Observer::keep`] was told a few minutes ago at most. Each service's tags are read again anyway.
    pub(crate) fn known(&self, now: Timestamp) -> Option<Vec<ServiceArn>> {
        let (at, services) = self.known.as_ref()?;
        (now.duration_since(*at) < KNOWN_FOR).then(|| services.clone())
    }

    /// Keeps who has opted in for the turns that follow.
    pub(crate) fn keep(&mut self, services: &[ServiceArn], now: Timestamp) {
        self.known = Some((now, services.to_vec()));
    }

    /// What the schema went through that a service's tags name. Empty where it does not migrate.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn ledger(&self, service: &Service) -> Result<Ledger, CallFailure> {
        let tags = ServiceTags::of(&service.tags).ok().and_then(|tags| tags.migrate);
        let Some(tags) = tags else {
            return Ok(Ledger::default());
        };
        let key = migration::ledger_key(&migration::database(&tags, &service.arn));
        Ok(self.table.get(&key).await?.item)
    }

    /// The memory of one service.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn memory(&self, service: &ServiceArn) -> Result<Versioned<Rollout>, CallFailure> {
        self.table.get(&Rollout::key(service)).await
    }
}

/// The service and its tags, if a policy has a say in it at all.
fn rollable(observed: &Observed) -> Option<(Service, ServiceTags)> {
    let service = observed.service.clone().filter(|service| service.is_active && service.unsupported.is_none())?;
    let tags = ServiceTags::of(&service.tags).ok()?;
    (tags.policy != Policy::Off).then_some((service, tags))
}

fn containers(definition: &RawTaskDefinition) -> Vec<Container> {
    let read = |(name, image): (&str, &str)| Container {
        name: name.to_owned(),
        image: image.parse().map_err(|error: shared::arn::IdentifierError| error.to_string()),
        migrates: definition.label(name, migration::COMMAND).is_some(),
        running: None,
    };
    definition.images().into_iter().map(read).collect()
}
