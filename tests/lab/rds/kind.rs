//! What is the same in DB instances and DB clusters, and what is called otherwise.

use crate::context::arn_in;
use crate::wire::ApiError;

/// Instances and clusters have operations, members, error codes and events of their own, of the same build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A DB instance, or a snapshot of one.
    Instance,
    /// A DB cluster, or a snapshot of one.
    Cluster,
}

impl Kind {
    fn of(self, instance: &'static str, cluster: &'static str) -> &'static str {
        match self {
            Self::Instance => instance,
            Self::Cluster => cluster,
        }
    }

    /// The member that has a database's identifier.
    pub(super) fn database_id(self) -> &'static str {
        self.of("DBInstanceIdentifier", "DBClusterIdentifier")
    }

    /// The member that has a snapshot's identifier.
    pub(super) fn snapshot_id(self) -> &'static str {
        self.of("DBSnapshotIdentifier", "DBClusterSnapshotIdentifier")
    }

    /// The member that has the identifier that outlasts a new name.
    pub(super) fn resource_id(self) -> &'static str {
        self.of("DbiResourceId", "DbClusterResourceId")
    }

    /// A database as an element of an answer.
    pub(super) fn database(self) -> &'static str {
        self.of("DBInstance", "DBCluster")
    }

    /// A snapshot as an element of an answer.
    pub(super) fn snapshot(self) -> &'static str {
        self.of("DBSnapshot", "DBClusterSnapshot")
    }

    /// Longest identifier of a snapshot, in characters.
    pub(super) fn longest(self) -> usize {
        match self {
            Self::Instance => 255,
            Self::Cluster => 63,
        }
    }

    pub(super) fn database_arn(self, region: &str, id: &str) -> String {
        arn_in(region, "rds", &format!("{}:{id}", self.of("db", "cluster")))
    }

    pub(super) fn snapshot_arn(self, region: &str, id: &str) -> String {
        arn_in(region, "rds", &format!("{}:{id}", self.of("snapshot", "cluster-snapshot")))
    }

    pub(super) fn no_database(self, id: &str) -> ApiError {
        missing(self.of("DBInstanceNotFound", "DBClusterNotFoundFault"), format!("{} {id} not found.", self.database()))
    }

    pub(super) fn no_snapshot(self, id: &str) -> ApiError {
        let code = self.of("DBSnapshotNotFound", "DBClusterSnapshotNotFoundFault");
        missing(code, format!("{} {id} not found.", self.snapshot()))
    }

    pub(super) fn snapshot_exists(self, id: &str) -> ApiError {
        let code = self.of("DBSnapshotAlreadyExists", "DBClusterSnapshotAlreadyExistsFault");
        let what = self.of("snapshot", "cluster snapshot");
        ApiError::client(
            code,
            format!("Cannot create the {what} because a {what} with the identifier {id} already exists."),
        )
    }

    pub(super) fn database_state(self, message: impl Into<String>) -> ApiError {
        ApiError::client(self.of("InvalidDBInstanceState", "InvalidDBClusterStateFault"), message)
    }

    pub(super) fn snapshot_state(self, message: impl Into<String>) -> ApiError {
        ApiError::client(self.of("InvalidDBSnapshotState", "InvalidDBClusterSnapshotStateFault"), message)
    }
}

fn missing(code: &str, message: String) -> ApiError {
    ApiError { status: 404, ..ApiError::client(code, message) }
}

/// What RDS answers to a value that it does not accept.
pub(super) fn refused(message: impl Into<String>) -> ApiError {
    ApiError::client("InvalidParameterValue", message)
}
