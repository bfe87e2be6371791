//! `DescribeDBInstances`, `DescribeDBClusters` and the same of snapshots: who is asked for, page by page.

use super::kind::{Kind, refused};
use super::model::{Database, Region, Snapshot};
use super::table::{Listed, Sight};
use super::{Asked, Rds, form, view};
use crate::input::text;
use crate::wire::ApiError;
use std::fmt::Write as _;

/// Before the identifier of the last one of a page, in the marker of the next page.
const MARKER: &str = "after:";

/// How a page begins and how long it is.
struct Page {
    after: Option<String>,
    size: usize,
}

impl Asked<'_> {
    fn sight(&self, rds: &Rds) -> Sight {
        Sight { now: self.context.now, lag: rds.lag, stale: self.stale }
    }

    /// A text of the call; identifiers have no upper case.
    fn lower(&self, name: &str) -> Option<String> {
        text(&self.call.input, name).filter(|value| !value.is_empty()).map(str::to_ascii_lowercase)
    }

    fn page(&self) -> Result<Page, ApiError> {
        let input = &self.call.input;
        let size = match text(input, "MaxRecords").map(str::parse) {
            None => 100,
            Some(Ok(size)) if (20..=100).contains(&size) => size,
            Some(_) => return Err(refused("Invalid value for MaxRecords. Must be between 20 and 100")),
        };
        let after = match text(input, "Marker").filter(|marker| !marker.is_empty()) {
            None => None,
            Some(marker) => Some(marker.strip_prefix(MARKER).ok_or_else(|| refused("Invalid marker."))?.to_owned()),
        };
        Ok(Page { after, size })
    }
}

impl Rds {
    pub(super) fn describe_databases(&mut self, asked: &mut Asked<'_>, kind: Kind) -> Result<String, ApiError> {
        let (sight, page, now) = (asked.sight(self), asked.page()?, asked.context.now);
        let filters = database_filters(asked, kind)?;
        let databases = self.region(asked.call.region()).databases(kind);
        let fits = |database: &Database| filters.iter().all(|filter| filter(database));
        let list = kind.database();
        if let Some(id) = asked.lower(kind.database_id()) {
            let id = form::identifier(&id);
            let found = databases.seen(id, sight).ok_or_else(|| kind.no_database(id))?;
            let mut xml = format!("<{list}s>");
            if fits(found) {
                view::database(&mut xml, found, now);
            }
            return Ok(xml + &format!("</{list}s>"));
        }
        let all: Listed<'_, Database> =
            Box::new(databases.list(page.after.as_deref(), sight).filter(|(_, database)| fits(database)));
        Ok(listed(list, all, &page, |xml, database| view::database(xml, database, now)))
    }

    pub(super) fn describe_snapshots(&mut self, asked: &mut Asked<'_>, kind: Kind) -> Result<String, ApiError> {
        let (sight, page, now) = (asked.sight(self), asked.page()?, asked.context.now);
        let filters = snapshot_filters(asked, kind)?;
        let region = self.region(asked.call.region());
        let fits = |snapshot: &Snapshot| filters.iter().all(|filter| filter(snapshot));
        let list = kind.snapshot();
        if let Some(id) = asked.lower(kind.snapshot_id()) {
            let id = form::identifier(&id);
            let found = region.snapshots(kind).seen(id, sight).ok_or_else(|| kind.no_snapshot(id))?;
            let mut xml = format!("<{list}s>");
            if fits(found) {
                view::snapshot(&mut xml, found, now);
            }
            return Ok(xml + &format!("</{list}s>"));
        }
        let database = asked.lower(kind.database_id());
        let all = candidates(region, kind, database.as_deref(), page.after.as_deref(), sight);
        let all: Listed<'_, Snapshot> = Box::new(all.filter(|(_, snapshot)| fits(snapshot)));
        Ok(listed(list, all, &page, |xml, snapshot| view::snapshot(xml, snapshot, now)))
    }
}

/// The snapshots of a database, or all, behind `after`. Where reads lag, all are looked through.
fn candidates<'a>(
    region: &'a Region,
    kind: Kind,
    database: Option<&str>,
    after: Option<&str>,
    sight: Sight,
) -> Listed<'a, Snapshot> {
    let snapshots = region.snapshots(kind);
    let Some(database) = database.filter(|_| !snapshots.lags(sight)) else { return snapshots.list(after, sight) };
    let after = after.map(str::to_owned);
    let ids = region.snapshots_of(kind, database).into_iter().flatten();
    let ids = ids.filter(move |id| after.as_ref().is_none_or(|after| *id > after));
    Box::new(ids.filter_map(move |id| snapshots.get(id).map(|snapshot| (id.as_str(), snapshot))))
}

/// A page of a list, and the marker of the next if there is one.
fn listed<T>(list: &str, mut all: Listed<'_, T>, page: &Page, show: impl Fn(&mut String, &T)) -> String {
    let mut xml = format!("<{list}s>");
    let mut last = "";
    for (id, one) in all.by_ref().take(page.size) {
        show(&mut xml, one);
        last = id;
    }
    let _ = write!(xml, "</{list}s>");
    if all.next().is_some() {
        view::leaf(&mut xml, "Marker", &format!("{MARKER}{last}"));
    }
    xml
}

type Filter<'a, T> = Box<dyn Fn(&T) -> bool + 'a>;

fn database_filters<'a>(asked: &'a Asked<'_>, kind: Kind) -> Result<Vec<Filter<'a, Database>>, ApiError> {
    let filter = |(name, values): (&'a str, Vec<&'a str>)| -> Result<Filter<'a, Database>, ApiError> {
        let filter: Filter<'a, Database> = match (kind, name) {
            (Kind::Instance, "db-instance-id") => Box::new(move |it| among(&values, &it.id, &it.arn)),
            (Kind::Instance, "db-cluster-id") => {
                Box::new(move |it| it.cluster.as_deref().is_some_and(|id| among(&values, id, id)))
            }
            (Kind::Cluster, "db-cluster-id") => Box::new(move |it| among(&values, &it.id, &it.arn)),
            (Kind::Instance, "dbi-resource-id") | (Kind::Cluster, "db-cluster-resource-id") => {
                Box::new(move |it| values.contains(&it.resource_id.as_str()))
            }
            (_, "engine") => Box::new(move |it| values.contains(&it.engine.as_str())),
            _ => return Err(refused(format!("Unrecognized filter name: {name}"))),
        };
        Ok(filter)
    };
    form::filters(&asked.call.input).into_iter().map(filter).collect()
}

fn snapshot_filters<'a>(asked: &'a Asked<'_>, kind: Kind) -> Result<Vec<Filter<'a, Snapshot>>, ApiError> {
    let input = &asked.call.input;
    let filter = |(name, values): (&'a str, Vec<&'a str>)| -> Result<Filter<'a, Snapshot>, ApiError> {
        let filter: Filter<'a, Snapshot> = match (kind, name) {
            (Kind::Instance, "db-instance-id") | (Kind::Cluster, "db-cluster-id") => Box::new(move |it| {
                let of = |value: &&str| form::identifier(value).eq_ignore_ascii_case(&it.database);
                values.iter().any(of)
            }),
            (Kind::Instance, "db-snapshot-id") | (Kind::Cluster, "db-cluster-snapshot-id") => {
                Box::new(move |it| among(&values, &it.id, &it.arn))
            }
            (Kind::Instance, "dbi-resource-id") | (Kind::Cluster, "db-cluster-resource-id") => {
                Box::new(move |it| values.contains(&it.resource_id.as_str()))
            }
            (_, "snapshot-type") => Box::new(move |it| values.contains(&it.taken_by)),
            (_, "engine") => Box::new(move |it| values.contains(&it.engine.as_str())),
            _ => return Err(refused(format!("Unrecognized filter name: {name}"))),
        };
        Ok(filter)
    };
    let mut filters: Vec<_> = form::filters(input).into_iter().map(filter).collect::<Result<_, _>>()?;
    if let Some(database) = asked.lower(kind.database_id()) {
        filters.push(Box::new(move |it| it.database == database));
    }
    if let Some(resource) = text(input, kind.resource_id()) {
        filters.push(Box::new(move |it| it.resource_id == resource));
    }
    match text(input, "SnapshotType") {
        None => {}
        // What others share is not simulated.
        Some(others @ ("automated" | "manual" | "awsbackup" | "shared" | "public")) => {
            filters.push(Box::new(move |it| it.taken_by == others));
        }
        Some(other) => return Err(refused(format!("Invalid snapshot type: {other}"))),
    }
    Ok(filters)
}

fn among(values: &[&str], id: &str, arn: &str) -> bool {
    values.iter().any(|value| value.eq_ignore_ascii_case(id) || *value == arn)
}
