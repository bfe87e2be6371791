//! Reads what there is: databases, snapshots, quotas, memories. For a sweep a few calls tell it for all databases at once;
//! nothing is asked for each. For one database only its own snapshots are listed.

pub(crate) mod model;
mod read;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shared::arn::{DatabaseKind, Region};
use shared::aws::{Clients, Lazy};
use shared::failure::CallFailure;
use shared::state::{Key, Table, Versioned};
use shared::tags::on_snapshot;

use self::model::{Database, Elsewhere, Own, Quotas, ReadTags, Seen, Snapshot, Status};
use crate::memory::Memory;
use crate::own::Claim;

/// Reads AWS.
#[derive(Debug)]
pub(crate) struct Observer {
    clients: Clients,
    table: Table,
    owner: String,
    region: Region,
    /// Clients of other regions, made when they are first used.
    regions: BTreeMap<Region, Lazy<aws_sdk_rds::Client>>,
}

/// Where snapshots are, seen from the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the stack's region: the snapshots themselves.
    Here,
    /// In another region: copies of them.
    Elsewhere,
}

/// All that is seen at one time.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Databases that have opted in, by tags that can be read or not, with a memory that can be read.
    pub(crate) databases: Vec<Seen>,
    /// Databases that had opted in when they were last seen, and have not any more.
    pub(crate) opted_out: Vec<Seen>,
    /// Why no memory can be read, where that is so. Then there is none in `databases` either.
    pub(crate) forgotten: Option<CallFailure>,
    /// Databases with tags of which nothing comes: members of clusters, engines that are not RDS's own.
    pub(crate) left: Vec<(Database, &'static str)>,
    /// Databases whose memory cannot be read.
    pub(crate) unreadable: Vec<(Database, CallFailure)>,
    /// Our snapshots of databases that are gone, by region and resource id. Of other regions those that something is
    /// copied to.
    pub(crate) orphans: BTreeMap<(Region, String), Vec<Own>>,
    /// Copies of databases that are not copied to that region any more.
    pub(crate) stranded: Vec<(Region, Own)>,
    /// Quotas by region; a failure where they could not be read.
    pub(crate) quotas: BTreeMap<Region, Result<Quotas, CallFailure>>,
}

/// Why nothing comes of the tags of a member of a cluster.
pub(crate) const MEMBER: &str = "it is a member of a cluster: tag the cluster, which is snapshotted as a whole";
/// Why nothing comes of the tags of a cluster of another service.
pub(crate) const FOREIGN: &str =
    "its engine is Amazon DocumentDB or Neptune, which have snapshots of their own and are left alone";

impl Observer {
    pub(crate) fn new(clients: Clients, table: Table, owner: String, region: Region) -> Self {
        Self { clients, table, owner, region, regions: BTreeMap::new() }
    }

    /// The RDS client of a region.
    pub(crate) fn rds(&mut self, region: &Region) -> Lazy<aws_sdk_rds::Client> {
        if *region == self.region {
            return self.clients.rds().clone();
        }
        let client = self.regions.entry(region.clone()).or_insert_with(|| self.clients.rds_in(region));
        client.clone()
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// When the databases or the snapshots here cannot be listed: on half a picture nothing is decided.
    pub(crate) async fn look(&mut self) -> Result<Account, CallFailure> {
        let rds = self.clients.rds().clone();
        let all = self.databases().await?;
        let here = self.own(&rds, Place::Here, None).await?;
        let mut account = Account::default();
        let opted_in = opted_in(&all, &mut account);
        let regions: BTreeSet<Region> =
            opted_in.iter().filter_map(|(_, tags)| tags.as_ref().ok()?.copy.clone()).collect();
        let mut copies = BTreeMap::new();
        let own_region = self.region.clone();
        for region in regions.into_iter().filter(|region| *region != own_region) {
            let client = self.rds(&region);
            account.quotas.insert(region.clone(), read::quotas(&client).await);
            copies.insert(region, self.own(&client, Place::Elsewhere, None).await);
        }
        if !opted_in.is_empty() {
            account.quotas.insert(own_region, read::quotas(&rds).await);
        }
        let others: Vec<&Database> = all.iter().filter(|database| has_no_tags(&database.read_tags())).collect();
        self.remember(opted_in, &others, &here, &copies, &mut account).await;
        let known: BTreeMap<&str, ReadTags> =
            all.iter().map(|database| (database.resource.as_str(), database.read_tags())).collect();
        let there = copies.into_iter().filter_map(|(region, copies)| Some((region, copies.ok()?)));
        for (region, all) in there.chain([(self.region.clone(), here)]) {
            for own in all {
                match known.get(own.claim.resource.as_str()) {
                    None => {
                        account.orphans.entry((region.clone(), own.claim.resource.clone())).or_default().push(own);
                    }
                    Some(Ok(tags)) if region != self.region && tags.copy.as_ref() != Some(&region) => {
                        account.stranded.push((region.clone(), own));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(account)
    }

    /// Looks at one database: its snapshots here, under the identifier that it has now. What is elsewhere, older names and
    /// quotas are the sweep's.
    ///
    /// # Errors
    /// As [`Observer::look`].
    pub(crate) async fn look_at(&self, database: &Database) -> Result<Account, CallFailure> {
        let mut account = Account::default();
        let opted_in = opted_in(std::slice::from_ref(database), &mut account);
        if !opted_in.is_empty() {
            let here = self.own(self.clients.rds(), Place::Here, Some(database)).await?;
            self.remember(opted_in.clone(), &[], &here, &BTreeMap::new(), &mut account).await;
            // Snapshots keep the name that the database had. Where the newest that is known is not among them, the database
            // was renamed, or the snapshot is gone: the whole list tells.
            let misses = |seen: &Seen| {
                let newest = seen.memory.item.newest.as_deref();
                newest.is_some_and(|newest| !seen.here.iter().any(|own| own.snapshot.name == newest))
            };
            if account.databases.iter().any(misses) {
                let here = self.own(self.clients.rds(), Place::Here, None).await?;
                account.databases.clear();
                self.remember(opted_in, &[], &here, &BTreeMap::new(), &mut account).await;
            }
        }
        Ok(account)
    }

    /// Every DB instance and DB cluster, whatever its tags.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn databases(&self) -> Result<Vec<Database>, CallFailure> {
        let rds = self.clients.rds();
        let (mut all, clusters) = (read::instances(rds).await?, read::clusters(rds).await?);
        all.extend(clusters);
        Ok(all)
    }

    /// Resource id of the database of which a snapshot is ours; `None` when there is none of that name or it is not ours.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn database_of(&self, kind: DatabaseKind, name: &str) -> Result<Option<String>, CallFailure> {
        let found = read::one(self.clients.rds(), kind, name).await?;
        Ok(found.and_then(|snapshot| self.claim(snapshot, Place::Here)).map(|own| own.claim.resource))
    }

    /// Adds memories, and puts everything together. Of `others`, without tags, those are kept that had opted in.
    async fn remember(
        &self,
        opted_in: Vec<(Database, ReadTags)>,
        others: &[&Database],
        here: &[Own],
        copies: &BTreeMap<Region, Result<Vec<Own>, CallFailure>>,
        account: &mut Account,
    ) {
        let all = opted_in.iter().map(|(database, _)| database).chain(others.iter().copied());
        let keys: Vec<Key> = all.map(|database| Memory::key(&database.resource)).collect();
        let mut memories = self.table.get_all::<Memory>(&keys).await.unwrap_or_else(|failure| {
            account.forgotten = Some(failure);
            HashMap::new()
        });
        for database in others {
            // One that cannot be read is told when the database opts in again.
            if let Some(Ok(memory)) = memories.remove(&Memory::key(&database.resource))
                && memory.item.policy.is_some()
            {
                let (database, here) = ((*database).clone(), of(here, &database.resource));
                let tags = database.read_tags();
                account.opted_out.push(Seen { database, tags, here, elsewhere: None, memory });
            }
        }
        for (database, tags) in opted_in {
            let memory = memories.remove(&Memory::key(&database.resource));
            let memory: Versioned<Memory> = match memory.unwrap_or_else(|| Ok(Versioned::default())) {
                Ok(memory) => memory,
                Err(failure) => {
                    account.unreadable.push((database, failure));
                    continue;
                }
            };
            let region = tags.as_ref().ok().and_then(|tags| tags.copy.clone());
            let elsewhere =
                region.and_then(|region| Some(elsewhere(&region, copies.get(&region)?, &database.resource)));
            let here = of(here, &database.resource);
            account.databases.push(Seen { database, tags, here, elsewhere, memory });
        }
    }

    /// Our snapshots in a region, of all databases or of one.
    async fn own(
        &self,
        rds: &aws_sdk_rds::Client,
        place: Place,
        database: Option<&Database>,
    ) -> Result<Vec<Own>, CallFailure> {
        let identifier = database.map(|database| database.arn.identifier());
        let kind = database.map(|database| database.arn.kind());
        let mut all: Vec<Snapshot> = Vec::new();
        if kind != Some(DatabaseKind::Cluster) {
            all.extend(read::snapshots(rds, identifier).await?);
        }
        if kind != Some(DatabaseKind::Instance) {
            all.extend(read::cluster_snapshots(rds, identifier).await?);
        }
        Ok(all.into_iter().filter_map(|snapshot| self.claim(snapshot, place)).collect())
    }

    /// Whether a snapshot of that name is ours; `None` when there is none.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn is_ours(
        &self,
        client: &aws_sdk_rds::Client,
        place: Place,
        kind: DatabaseKind,
        name: &str,
    ) -> Result<Option<bool>, CallFailure> {
        let found = read::one(client, kind, name).await?;
        Ok(found.map(|snapshot| self.claim(snapshot, place).is_some()))
    }

    /// A snapshot as ours, if it is. A stack of the same name in another region may copy its own to here: those are not.
    fn claim(&self, snapshot: Snapshot, place: Place) -> Option<Own> {
        let from = snapshot.tags.get(on_snapshot::COPIED_FROM).map(String::as_str);
        let expected = match place {
            Place::Here => None,
            Place::Elsewhere => Some(self.region.as_str()),
        };
        let claim = Claim::of(&self.owner, &snapshot).filter(|_| from == expected)?;
        Some(Own { snapshot, claim })
    }
}

fn of(all: &[Own], resource: &str) -> Vec<Own> {
    all.iter().filter(|own| own.claim.resource == resource).cloned().collect()
}

/// The databases that have opted in; those of whose tags nothing comes are noted.
fn opted_in(all: &[Database], account: &mut Account) -> Vec<(Database, ReadTags)> {
    let mut opted_in = Vec::new();
    for database in all {
        let tags = database.read_tags();
        if has_no_tags(&tags) {
            continue;
        }
        let why = database.member_of.is_some().then_some(MEMBER);
        match why.or(database.is_foreign().then_some(FOREIGN)) {
            Some(why) => account.left.push((database.clone(), why)),
            None => opted_in.push((database.clone(), tags)),
        }
    }
    opted_in
}

/// Whether a database says nothing of snapshots.
fn has_no_tags(tags: &ReadTags) -> bool {
    matches!(tags, Ok(tags) if tags.snapshot.is_none() && tags.copy.is_none())
}

fn elsewhere(region: &Region, listed: &Result<Vec<Own>, CallFailure>, resource: &str) -> Elsewhere {
    let all = listed.as_ref();
    let under_way = all.map_or(0, |all| all.iter().filter(|own| own.snapshot.status == Status::Creating).count());
    let copies = all.map(|all| of(all, resource)).map_err(Clone::clone);
    Elsewhere { region: region.clone(), copies, under_way }
}
