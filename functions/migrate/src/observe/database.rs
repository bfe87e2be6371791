//! The database that is to be migrated: an RDS instance, an Aurora or Multi-AZ DB cluster, or an instance that is a member
//! of one, whose backups are its cluster's.

use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use shared::failure::{CallFailure, FailureKind};

use super::Observer;
use crate::plan::{Database, Snapshot};

impl Observer {
    /// The database of that identifier, with the snapshot of that identifier if one is named.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn database(&self, name: &str, snapshot: Option<&str>) -> Result<Database, CallFailure> {
        let asked = name;
        let rds = self.clients.rds();
        let answer = rds.describe_db_instances().db_instance_identifier(name).send().await;
        let instances = found("rds:DescribeDBInstances", name, answer)?.and_then(|answer| answer.db_instances);
        let instance = instances.unwrap_or_default().into_iter().next();
        let cluster_of = instance.as_ref().map(|instance| instance.db_cluster_identifier.clone());
        match (instance, cluster_of) {
            (Some(instance), Some(None)) => Ok(Database {
                status: instance.db_instance_status,
                restorable: instance.latest_restorable_time.and_then(moment),
                snapshot: self.instance_snapshot(snapshot).await?,
            }),
            (_, cluster) => {
                let name = cluster.flatten().unwrap_or_else(|| name.to_owned());
                let answer = rds.describe_db_clusters().db_cluster_identifier(&name).send().await;
                let clusters = found("rds:DescribeDBClusters", &name, answer)?.and_then(|answer| answer.db_clusters);
                let Some(cluster) = clusters.unwrap_or_default().into_iter().next() else {
                    return Ok(Database::default());
                };
                Ok(Database {
                    status: cluster.status,
                    restorable: cluster.latest_restorable_time.and_then(moment),
                    snapshot: self.cluster_snapshot(snapshot).await?.map(|seen| Snapshot {
                        // Asked for under the name of a member, it is a snapshot of the cluster.
                        of: if seen.of == name { asked.to_owned() } else { seen.of },
                        ..seen
                    }),
                })
            }
        }
    }

    async fn instance_snapshot(&self, name: Option<&str>) -> Result<Option<Snapshot>, CallFailure> {
        let Some(name) = name else { return Ok(None) };
        let answer = self.clients.rds().describe_db_snapshots().db_snapshot_identifier(name).send().await;
        let snapshots = found("rds:DescribeDBSnapshots", name, answer)?.and_then(|answer| answer.db_snapshots);
        Ok(snapshots.unwrap_or_default().into_iter().next().map(|snapshot| Snapshot {
            status: snapshot.status.unwrap_or_default(),
            of: snapshot.db_instance_identifier.unwrap_or_default(),
            created: snapshot.snapshot_create_time.and_then(moment),
        }))
    }

    async fn cluster_snapshot(&self, name: Option<&str>) -> Result<Option<Snapshot>, CallFailure> {
        let Some(name) = name else { return Ok(None) };
        let answer =
            self.clients.rds().describe_db_cluster_snapshots().db_cluster_snapshot_identifier(name).send().await;
        let snapshots =
            found("rds:DescribeDBClusterSnapshots", name, answer)?.and_then(|answer| answer.db_cluster_snapshots);
        Ok(snapshots.unwrap_or_default().into_iter().next().map(|snapshot| Snapshot {
            status: snapshot.status.unwrap_or_default(),
            of: snapshot.db_cluster_identifier.unwrap_or_default(),
            created: snapshot.snapshot_create_time.and_then(moment),
        }))
    }
}

/// What is not there is no failure.
fn found<T, E: ProvideErrorMetadata + std::fmt::Debug>(
    operation: &'static str,
    name: &str,
    answer: Result<T, SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>>,
) -> Result<Option<T>, CallFailure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => {
            let failure = CallFailure::new(operation, name, &error);
            if failure.kind == FailureKind::Missing { Ok(None) } else { Err(failure) }
        }
    }
}

fn moment(at: DateTime) -> Option<Timestamp> {
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()
}
