//! Reads what there is: databases, snapshots, quotas, memories. A few calls tell it for all databases at once; nothing is
//! asked for each.

pub(crate) mod model;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use shared::arn::{DatabaseKind, Region};
use shared::aws::Clients;
use shared::failure::CallFailure;
use shared::state::{Key, Table, Versioned};
use shared::tags::{DatabaseTags, TagProblem};

use self::model::{Database, Elsewhere, Own, Quotas, Seen, Snapshot, Status};
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
    regions: BTreeMap<Region, aws_sdk_rds::Client>,
}

/// All that is seen at one time.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Databases that have opted in, by tags that can be read or not, with a memory that can be read.
    pub(crate) databases: Vec<Seen>,
    /// Databases with tags of which nothing comes: members of clusters, engines that are not RDS's own.
    pub(crate) left: Vec<(Database, &'static str)>,
    /// Databases whose memory cannot be read.
    pub(crate) unreadable: Vec<(Database, CallFailure)>,
    /// Every database that there is, to answer a request about one that has not opted in.
    pub(crate) all: Vec<Database>,
    /// Our snapshots of databases that are gone, by resource id.
    pub(crate) orphans: BTreeMap<String, Vec<Own>>,
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
    pub(crate) fn rds(&mut self, region: &Region) -> aws_sdk_rds::Client {
        if *region == self.region {
            return self.clients.rds().clone();
        }
        let client = self.regions.entry(region.clone()).or_insert_with(|| self.clients.rds_in(region));
        client.clone()
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// When the databases, the snapshots here or the memories cannot be listed: on half a picture nothing is decided.
    pub(crate) async fn look(&mut self) -> Result<Account, CallFailure> {
        let rds = self.clients.rds().clone();
        let (mut all, clusters) = (read::instances(&rds).await?, read::clusters(&rds).await?);
        all.extend(clusters);
        let here = self.own(&rds).await?;
        let mut account = Account::default();
        let mut opted_in: Vec<(Database, Result<DatabaseTags, Vec<TagProblem>>)> = Vec::new();
        for database in &all {
            let tags = DatabaseTags::parse(database.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
            if matches!(&tags, Ok(tags) if tags.snapshot.is_none() && tags.copy.is_none()) {
                continue;
            }
            let why = database.member_of.is_some().then_some(MEMBER);
            match why.or(database.is_foreign().then_some(FOREIGN)) {
                Some(why) => account.left.push((database.clone(), why)),
                None => opted_in.push((database.clone(), tags)),
            }
        }
        let regions: BTreeSet<Region> =
            opted_in.iter().filter_map(|(_, tags)| tags.as_ref().ok()?.copy.clone()).collect();
        let mut copies = BTreeMap::new();
        let own_region = self.region.clone();
        for region in regions.into_iter().filter(|region| *region != own_region) {
            let client = self.rds(&region);
            account.quotas.insert(region.clone(), read::quotas(&client).await);
            copies.insert(region, self.own(&client).await);
        }
        if !opted_in.is_empty() {
            account.quotas.insert(self.region.clone(), read::quotas(&rds).await);
        }
        let keys: Vec<Key> = opted_in.iter().map(|(database, _)| Memory::key(&database.resource)).collect();
        let mut memories = self.table.get_all::<Memory>(&keys).await?;
        for (database, tags) in opted_in {
            let memory = memories.remove(&Memory::key(&database.resource));
            let memory: Versioned<Memory> = match memory.unwrap_or_else(|| Ok(Versioned::default())) {
                Ok(memory) => memory,
                Err(failure) => {
                    account.unreadable.push((database, failure));
                    continue;
                }
            };
            let region = tags.as_ref().ok().and_then(|tags| tags.copy.clone()).filter(|region| *region != self.region);
            let elsewhere = region.map(|region| elsewhere(&region, copies.get(&region), &database.resource));
            let here = of(&here, &database.resource);
            account.databases.push(Seen { database, tags, here, elsewhere, memory });
        }
        let known: BTreeSet<&str> = all.iter().map(|database| database.resource.as_str()).collect();
        for own in here.into_iter().filter(|own| !known.contains(own.claim.resource.as_str())) {
            account.orphans.entry(own.claim.resource.clone()).or_default().push(own);
        }
        account.all = all;
        Ok(account)
    }

    /// Our snapshots in a region.
    async fn own(&self, rds: &aws_sdk_rds::Client) -> Result<Vec<Own>, CallFailure> {
        let mut all: Vec<Snapshot> = read::snapshots(rds).await?;
        all.extend(read::cluster_snapshots(rds).await?);
        Ok(all.into_iter().filter_map(|snapshot| own(&self.owner, snapshot)).collect())
    }

    /// Whether a snapshot of that name is ours; `None` when there is none.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn is_ours(
        &self,
        client: &aws_sdk_rds::Client,
        kind: DatabaseKind,
        name: &str,
    ) -> Result<Option<bool>, CallFailure> {
        let found = match kind {
            DatabaseKind::Instance => read::snapshot(client, name).await?,
            DatabaseKind::Cluster => read::cluster_snapshot(client, name).await?,
        };
        Ok(found.map(|snapshot| own(&self.owner, snapshot).is_some()))
    }
}

fn own(owner: &str, snapshot: Snapshot) -> Option<Own> {
    Claim::of(owner, &snapshot).map(|claim| Own { snapshot, claim })
}

fn of(all: &[Own], resource: &str) -> Vec<Own> {
    all.iter().filter(|own| own.claim.resource == resource).cloned().collect()
}

fn elsewhere(region: &Region, listed: Option<&Result<Vec<Own>, CallFailure>>, resource: &str) -> Elsewhere {
    let listed = listed.map(Result::as_ref);
    let under_way = match listed {
        Some(Ok(all)) => all.iter().filter(|own| own.snapshot.status == Status::Creating).count(),
        _ => 0,
    };
    let copies = match listed {
        Some(Ok(all)) => Ok(of(all, resource)),
        Some(Err(failure)) => Err(failure.clone()),
        None => Ok(Vec::new()),
    };
    Elsewhere { region: region.clone(), copies, under_way }
}
