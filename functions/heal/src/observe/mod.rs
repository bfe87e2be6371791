//! Reads AWS into own plain types. Nothing here changes anything.
//!
//! First what decides whether there is anything to tell: one `DescribeServices`, and one read of the state table for those
//! that have opted in. Only then, and for at most five seconds, what makes an alert worth reading ([`closer`]).

mod closer;
mod difference;
pub(crate) mod model;
mod service;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::arn::{AccountId, Region, ServiceArn};
use shared::aws::Clients;
use shared::clock::Clock;
use shared::failure::CallFailure;
use shared::mute::Mutes;
use shared::state::{Key, Table, Versioned};
use shared::tags::{DEPLOY, HEAL, HealLevel};

pub(crate) use self::model::{Breaker, Evidence, Images, Logs, Seen, Service};
use crate::board::{Board, Ledger, PARTITION};
use crate::trigger::{News, Subject};
use crate::watch::Watch;

/// How long a description of a service is used again: a storm tells of one service many times a second. What is asked of
/// `deploy` is decided on what was read in the same invocation, and `deploy` reads it anew.
const FRESH: SignedDuration = SignedDuration::from_secs(10);
/// Most descriptions that are kept.
const KEPT: usize = 500;

/// Reads the account. It lives as long as the execution environment.
#[derive(Debug)]
pub(crate) struct Observer {
    clients: Clients,
    table: Table,
    clock: Clock,
    account: AccountId,
    region: Region,
    services: BTreeMap<ServiceArn, (Timestamp, Option<Service>)>,
    /// Described ahead for a sweep, each for one look.
    prepared: BTreeMap<ServiceArn, Option<Service>>,
}

impl Observer {
    /// An observer of one account and region.
    pub(crate) fn new(clients: Clients, table: Table, clock: Clock, account: AccountId, region: Region) -> Self {
        Self { clients, table, clock, account, region, services: BTreeMap::new(), prepared: BTreeMap::new() }
    }

    /// Looks at a subject. `None` when it has not opted in.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn look(
        &mut self,
        subject: &Subject,
        news: &News,
        now: Timestamp,
    ) -> Result<Option<Seen>, CallFailure> {
        let mut service = None;
        match subject {
            Subject::Service(arn) => {
                service = self.service(arn, news).await?;
                // What a deployment came to is told to whoever has it rolled by Steward, whatever else is watched.
                let told_anyway = matches!(news, News::RolloutFailed(_) | News::Answered(_));
                if !told_anyway && service.as_ref().is_some_and(|service| !is_watched(&service.tags)) {
                    return Ok(None);
                }
            }
            Subject::Job(cluster, _) => {
                if let News::Stopped(stopped) = news {
                    let tags = service::task_tags(self.clients.ecs(), cluster.name(), &stopped.task).await?;
                    if !is_watched(&tags) {
                        return Ok(None);
                    }
                }
            }
        }
        let keys = [Watch::key(subject), Board::key(&subject.cluster()), Ledger::key(), Mutes::key()];
        let mut items = self.table.get_all::<Value>(&keys).await?;
        let [watch, board, ledger, mutes] = keys;
        let mut seen = Seen {
            service,
            watch: self.take(&mut items, &watch)?,
            board: self.take(&mut items, &board)?,
            ledger: self.take(&mut items, &ledger)?,
            mutes: self.take::<Mutes>(&mut items, &mutes)?.item,
            newest: None,
        };
        if let (Some(service), true) = (subject.service(), wants_newest(news, &seen)) {
            seen.newest = service::newest_stopped(self.clients.ecs(), service, now).await?;
        }
        Ok(Some(seen))
    }

    fn take<T: DeserializeOwned + Default>(
        &self,
        items: &mut std::collections::HashMap<Key, Result<Versioned<Value>, CallFailure>>,
        key: &Key,
    ) -> Result<Versioned<T>, CallFailure> {
        items.remove(key).map_or_else(|| Ok(Versioned::default()), |item| self.table.decode(key, item?))
    }

    /// The service, as it was described a moment ago or as it is now.
    async fn service(&mut self, arn: &ServiceArn, news: &News) -> Result<Option<Service>, CallFailure> {
        let now = self.clock.now();
        if let News::Stopped(stopped) = news
            && let Some((at, known)) = self.services.get(arn)
            && now.duration_since(*at) < FRESH
        {
            // A task of a deployment that is not known yet tells that the description is old.
            let is_old = known.as_ref().is_some_and(|service| {
                is_watched(&service.tags)
                    && service.primary().map(|primary| primary.id.as_str()) != stopped.deployment.as_deref()
            });
            if !is_old {
                return Ok(known.clone());
            }
        }
        if let Some(prepared) = self.prepared.remove(arn).filter(|_| *news == News::Look) {
            return Ok(prepared);
        }
        let found = service::describe(self.clients.ecs(), std::slice::from_ref(arn)).await?.pop();
        if self.services.len() >= KEPT {
            self.services.clear();
        }
        self.services.insert(arn.clone(), (now, found.clone()));
        Ok(found)
    }

    /// Describes services ahead of a sweep's looks, ten a call. A failed call leaves them to be described one by one.
    pub(crate) async fn prepare(&mut self, mut services: Vec<ServiceArn>) {
        services.sort();
        self.prepared.clear();
        for cluster in services.chunk_by(|left, right| left.cluster() == right.cluster()) {
            for batch in cluster.chunks(service::SERVICES) {
                let Ok(found) = service::describe(self.clients.ecs(), batch).await else {
                    continue;
                };
                self.prepared.extend(batch.iter().map(|arn| (arn.clone(), None)));
                self.prepared.extend(found.into_iter().map(|service| (service.arn.clone(), Some(service))));
            }
        }
    }

    /// Everything that is open, by cluster.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn boards(&self) -> Result<Vec<Board>, CallFailure> {
        shared::partition::items::<Board>(&self.table, PARTITION, "").await
    }

    /// One board, for the sweep's own changes to it.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn board(&self, key: &Key) -> Result<Versioned<Board>, CallFailure> {
        self.table.get(key).await
    }

    /// The mutes.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn mutes(&self) -> Result<Versioned<Mutes>, CallFailure> {
        self.table.get(&Mutes::key()).await
    }

    /// The account's ledger.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn ledger(&self) -> Result<Versioned<Ledger>, CallFailure> {
        self.table.get(&Ledger::key()).await
    }
}

/// Whether neither the event nor what is open says what is wrong.
fn wants_newest(news: &News, seen: &Seen) -> bool {
    let is_open = |deployment: Option<&String>| {
        let incident = seen.watch.item.incident.as_ref();
        deployment.is_some() && incident.is_some_and(|incident| incident.deployment.as_ref() == deployment)
    };
    match news {
        News::Impaired => true,
        News::Deployment(shared::event::ecs::DeploymentEvent::ServiceDeploymentFailed, id, _) => !is_open(Some(id)),
        News::RolloutFailed(failed) => !is_open(failed.deployment.as_ref()),
        _ => false,
    }
}

/// Whether tags opt in: `steward:heal` in itself, or `steward:deploy`. Tags that cannot be read opt in too, as whoever
/// wrote them meant something; nothing is healed by them.
pub(crate) fn is_watched(tags: &[(String, String)]) -> bool {
    let value = |key: &str| tags.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    match (value(HEAL), value(DEPLOY)) {
        (Some(level), _) => level.parse() != Ok(HealLevel::Off),
        (None, Some(policy)) => policy != "off",
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_watched_by_its_own_tag_or_by_being_rolled_and_never_without_a_tag() {
        let watched = |tags: &[(&str, &str)]| {
            let tags: Vec<_> = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            is_watched(&tags)
        };
        assert!(!watched(&[]) && !watched(&[("team", "shop")]));
        assert!(watched(&[("steward:deploy", "follow")]) && !watched(&[("steward:deploy", "off")]));
        assert!(
            watched(&[("steward:heal", "dry-run")]) && watched(&[("steward:deploy", "off"), ("steward:heal", "auto")])
        );
        assert!(!watched(&[("steward:deploy", "follow"), ("steward:heal", "off")]));
        assert!(watched(&[("steward:heal", "yes")]), "what cannot be read is told, and heals nothing");
    }
}
