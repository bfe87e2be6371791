//! RDS's answers as own types. The two families of calls differ in every name, so that each is read by itself.

use aws_sdk_rds::Client;
use aws_sdk_rds::operation::describe_db_cluster_snapshots::DescribeDBClusterSnapshotsError;
use aws_sdk_rds::operation::describe_db_snapshots::DescribeDBSnapshotsError;
use aws_sdk_rds::types::{AccountQuota, DbCluster, DbClusterSnapshot, DbInstance, DbSnapshot, Tag};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use shared::arn::DatabaseKind;
use shared::failure::{CallFailure, FailureKind};

use super::model::{Database, Quota, Quotas, Snapshot, Status};

/// Ours are manual snapshots; automated ones and those of AWS Backup are not even listed.
const MANUAL: &str = "manual";
/// What failures of listing are about.
const ALL: &str = "all";

/// Every DB instance, members of clusters included.
pub(super) async fn instances(rds: &Client) -> Result<Vec<Database>, CallFailure> {
    let mut pages = rds.describe_db_instances().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(instance) = pages.next().await {
        let instance = instance.map_err(|error| CallFailure::new("rds:DescribeDBInstances", ALL, &error))?;
        found.extend(of_instance(instance));
    }
    Ok(found)
}

/// Every DB cluster, those of Amazon `DocumentDB` and Neptune included.
pub(super) async fn clusters(rds: &Client) -> Result<Vec<Database>, CallFailure> {
    let mut pages = rds.describe_db_clusters().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(cluster) = pages.next().await {
        let cluster = cluster.map_err(|error| CallFailure::new("rds:DescribeDBClusters", ALL, &error))?;
        found.extend(of_cluster(cluster));
    }
    Ok(found)
}

/// Every manual snapshot of a DB instance; with `of`, those that were taken under that identifier.
pub(super) async fn snapshots(rds: &Client, of: Option<&str>) -> Result<Vec<Snapshot>, CallFailure> {
    let request = rds.describe_db_snapshots().snapshot_type(MANUAL);
    let mut pages = request.set_db_instance_identifier(of.map(str::to_owned)).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(snapshot) = pages.next().await {
        let snapshot = snapshot.map_err(|error| CallFailure::new("rds:DescribeDBSnapshots", ALL, &error))?;
        found.extend(of_snapshot(snapshot));
    }
    Ok(found)
}

/// Every manual snapshot of a DB cluster; with `of`, those that were taken under that identifier.
pub(super) async fn cluster_snapshots(rds: &Client, of: Option<&str>) -> Result<Vec<Snapshot>, CallFailure> {
    let request = rds.describe_db_cluster_snapshots().snapshot_type(MANUAL);
    let mut pages = request.set_db_cluster_identifier(of.map(str::to_owned)).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(snapshot) = pages.next().await {
        let snapshot = snapshot.map_err(|error| CallFailure::new("rds:DescribeDBClusterSnapshots", ALL, &error))?;
        found.extend(of_cluster_snapshot(snapshot));
    }
    Ok(found)
}

/// The snapshot of that name, if there is one.
pub(super) async fn one(rds: &Client, kind: DatabaseKind, name: &str) -> Result<Option<Snapshot>, CallFailure> {
    match kind {
        DatabaseKind::Instance => snapshot(rds, name).await,
        DatabaseKind::Cluster => cluster_snapshot(rds, name).await,
    }
}

async fn snapshot(rds: &Client, name: &str) -> Result<Option<Snapshot>, CallFailure> {
    match rds.describe_db_snapshots().db_snapshot_identifier(name).send().await {
        Ok(answer) => Ok(answer.db_snapshots.unwrap_or_default().into_iter().find_map(of_snapshot)),
        Err(error)
            if error.as_service_error().is_some_and(DescribeDBSnapshotsError::is_db_snapshot_not_found_fault) =>
        {
            Ok(None)
        }
        Err(error) => Err(CallFailure::new("rds:DescribeDBSnapshots", name, &error)),
    }
}

async fn cluster_snapshot(rds: &Client, name: &str) -> Result<Option<Snapshot>, CallFailure> {
    use DescribeDBClusterSnapshotsError as Refused;
    match rds.describe_db_cluster_snapshots().db_cluster_snapshot_identifier(name).send().await {
        Ok(answer) => Ok(answer.db_cluster_snapshots.unwrap_or_default().into_iter().find_map(of_cluster_snapshot)),
        Err(error) if error.as_service_error().is_some_and(Refused::is_db_cluster_snapshot_not_found_fault) => Ok(None),
        Err(error) => Err(CallFailure::new("rds:DescribeDBClusterSnapshots", name, &error)),
    }
}

/// The quotas of a region.
pub(super) async fn quotas(rds: &Client) -> Result<Quotas, CallFailure> {
    const OPERATION: &str = "rds:DescribeAccountAttributes";
    let answer = rds.describe_account_attributes().send().await;
    let quotas = answer.map_err(|error| CallFailure::new(OPERATION, ALL, &error))?.account_quotas.unwrap_or_default();
    let quota = |name: &str| quotas.iter().find(|quota| quota.account_quota_name() == Some(name)).map(of_quota);
    match (quota("ManualSnapshots"), quota("ManualClusterSnapshots")) {
        (Some(instances), clusters) => Ok(Quotas { instances, clusters: clusters.unwrap_or_default() }),
        (None, _) => Err(CallFailure {
            operation: OPERATION,
            resource: ALL.to_owned(),
            kind: FailureKind::Unavailable,
            code: "Incomplete".to_owned(),
            message: "the answer names no quota for manual snapshots".to_owned(),
        }),
    }
}

fn of_quota(quota: &AccountQuota) -> Quota {
    let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
    Quota { used: number(quota.used()), most: number(quota.max()) }
}

/// An instance without ARN, id or status is not one that anything could be done with.
fn of_instance(instance: DbInstance) -> Option<Database> {
    Some(Database {
        arn: instance.db_instance_arn?.parse().ok()?,
        resource: instance.dbi_resource_id?,
        engine: instance.engine.unwrap_or_default(),
        status: instance.db_instance_status?,
        tags: pairs(instance.tag_list),
        member_of: instance.db_cluster_identifier,
        restarts: time(instance.automatic_restart_time),
        backup_window: instance.preferred_backup_window,
        maintenance_window: instance.preferred_maintenance_window,
    })
}

fn of_cluster(cluster: DbCluster) -> Option<Database> {
    Some(Database {
        arn: cluster.db_cluster_arn?.parse().ok()?,
        resource: cluster.db_cluster_resource_id?,
        engine: cluster.engine.unwrap_or_default(),
        status: cluster.status?,
        tags: pairs(cluster.tag_list),
        member_of: None,
        restarts: time(cluster.automatic_restart_time),
        backup_window: cluster.preferred_backup_window,
        maintenance_window: cluster.preferred_maintenance_window,
    })
}

fn of_snapshot(snapshot: DbSnapshot) -> Option<Snapshot> {
    Some(Snapshot {
        name: snapshot.db_snapshot_identifier?,
        arn: snapshot.db_snapshot_arn?,
        resource: snapshot.dbi_resource_id,
        status: Status::read(&snapshot.status?),
        // SnapshotCreateTime changes when a snapshot is copied.
        created: time(snapshot.original_snapshot_create_time).or_else(|| time(snapshot.snapshot_create_time)),
        tags: pairs(snapshot.tag_list).into_iter().collect(),
        encrypted: snapshot.encrypted.unwrap_or_default(),
        source: snapshot.source_db_snapshot_identifier,
    })
}

fn of_cluster_snapshot(snapshot: DbClusterSnapshot) -> Option<Snapshot> {
    Some(Snapshot {
        name: snapshot.db_cluster_snapshot_identifier?,
        arn: snapshot.db_cluster_snapshot_arn?,
        resource: snapshot.db_cluster_resource_id,
        status: Status::read(&snapshot.status?),
        created: time(snapshot.snapshot_create_time),
        tags: pairs(snapshot.tag_list).into_iter().collect(),
        encrypted: snapshot.storage_encrypted.unwrap_or_default(),
        source: snapshot.source_db_cluster_snapshot_arn,
    })
}

fn pairs(tags: Option<Vec<Tag>>) -> Vec<(String, String)> {
    let pair = |tag: Tag| Some((tag.key?, tag.value.unwrap_or_default()));
    tags.unwrap_or_default().into_iter().filter_map(pair).collect()
}

fn time(time: Option<DateTime>) -> Option<Timestamp> {
    time.and_then(|time| Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok())
}
