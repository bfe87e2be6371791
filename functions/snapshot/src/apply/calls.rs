//! The calls that change something, for both kinds of databases. Their errors are told apart by the SDK's types: the two
//! families spell the same fault differently.

use aws_sdk_kms::types::KeyState;
use aws_sdk_rds::Client;
use aws_sdk_rds::operation::copy_db_cluster_snapshot::CopyDBClusterSnapshotError as CopyClusterError;
use aws_sdk_rds::operation::copy_db_snapshot::CopyDBSnapshotError as CopyError;
use aws_sdk_rds::operation::create_db_cluster_snapshot::CreateDBClusterSnapshotError as CreateClusterError;
use aws_sdk_rds::operation::create_db_snapshot::CreateDBSnapshotError as CreateError;
use aws_sdk_rds::operation::delete_db_cluster_snapshot::DeleteDBClusterSnapshotError as DeleteClusterError;
use aws_sdk_rds::operation::delete_db_snapshot::DeleteDBSnapshotError as DeleteError;
use aws_sdk_rds::types::Tag;
use shared::arn::{AccountId, DatabaseKind, KeyArn};
use shared::aws::Clients;
use shared::failure::{CallFailure, FailureKind};

use crate::plan::{CopyOrder, Create, Share};

/// The key that RDS makes for itself in a region when it is first needed.
const DEFAULT_KEY: &str = "alias/aws/rds";
/// The attribute that names the accounts that may restore a snapshot.
const RESTORE: &str = "restore";

/// Why a snapshot was not made.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is one of that name.
    Exists(CallFailure),
    /// The database, or the source, is in a state that does not allow it now.
    NotReady(CallFailure),
    /// There are as many as there may be.
    Quota(CallFailure),
    /// AWS would refuse it again.
    Refused(CallFailure),
    /// It may succeed another time.
    Failed(CallFailure),
}

impl Refusal {
    /// What the call said.
    pub(super) fn into_failure(self) -> CallFailure {
        match self {
            Self::Exists(failure)
            | Self::NotReady(failure)
            | Self::Quota(failure)
            | Self::Refused(failure)
            | Self::Failed(failure) => failure,
        }
    }

    fn other(failure: CallFailure) -> Self {
        if is_later(&failure) { Self::Failed(failure) } else { Self::Refused(failure) }
    }
}

/// Whether it is only a matter of time until the call succeeds. What is denied is worth a retry, but not before a person
/// has allowed it.
pub(super) fn is_later(failure: &CallFailure) -> bool {
    failure.is_worth_a_retry() && failure.kind != FailureKind::Denied
}

/// Takes a snapshot, owner and all other tags in the one call: there is no moment in which it is nobody's.
pub(super) async fn create(
    client: &Client,
    kind: DatabaseKind,
    database: &str,
    create: &Create,
) -> Result<(), Refusal> {
    match kind {
        DatabaseKind::Instance => {
            let request =
                client.create_db_snapshot().db_instance_identifier(database).db_snapshot_identifier(&create.name);
            let Err(error) = request.set_tags(Some(tags(&create.tags))).send().await else {
                return Ok(());
            };
            let failure = CallFailure::new("rds:CreateDBSnapshot", database, &error);
            Err(match error.as_service_error() {
                Some(CreateError::DbSnapshotAlreadyExistsFault(_)) => Refusal::Exists(failure),
                Some(CreateError::InvalidDbInstanceStateFault(_)) => Refusal::NotReady(failure),
                Some(CreateError::SnapshotQuotaExceededFault(_)) => Refusal::Quota(failure),
                _ => Refusal::other(failure),
            })
        }
        DatabaseKind::Cluster => {
            let request = client.create_db_cluster_snapshot().db_cluster_identifier(database);
            let request = request.db_cluster_snapshot_identifier(&create.name).set_tags(Some(tags(&create.tags)));
            let Err(error) = request.send().await else {
                return Ok(());
            };
            let failure = CallFailure::new("rds:CreateDBClusterSnapshot", database, &error);
            Err(match error.as_service_error() {
                Some(CreateClusterError::DbClusterSnapshotAlreadyExistsFault(_)) => Refusal::Exists(failure),
                Some(
                    CreateClusterError::InvalidDbClusterStateFault(_)
                    | CreateClusterError::InvalidDbClusterSnapshotStateFault(_),
                ) => Refusal::NotReady(failure),
                Some(CreateClusterError::SnapshotQuotaExceededFault(_)) => Refusal::Quota(failure),
                _ => Refusal::other(failure),
            })
        }
    }
}

/// Copies a snapshot; `client` is of the region that the copy is to be in.
pub(super) async fn copy(
    client: &Client,
    kind: DatabaseKind,
    order: &CopyOrder,
    key: Option<&str>,
) -> Result<(), Refusal> {
    let key = key.map(str::to_owned);
    match kind {
        DatabaseKind::Instance => {
            let request = client.copy_db_snapshot().source_db_snapshot_identifier(&order.source);
            let request = request.target_db_snapshot_identifier(&order.name).set_kms_key_id(key);
            let Err(error) = request.set_tags(Some(tags(&order.tags))).send().await else {
                return Ok(());
            };
            let failure = CallFailure::new("rds:CopyDBSnapshot", &order.name, &error);
            Err(match error.as_service_error() {
                Some(CopyError::DbSnapshotAlreadyExistsFault(_)) => Refusal::Exists(failure),
                Some(CopyError::InvalidDbSnapshotStateFault(_)) => Refusal::NotReady(failure),
                Some(CopyError::SnapshotQuotaExceededFault(_)) => Refusal::Quota(failure),
                _ => Refusal::other(failure),
            })
        }
        DatabaseKind::Cluster => {
            let request = client.copy_db_cluster_snapshot().source_db_cluster_snapshot_identifier(&order.source);
            let request = request.target_db_cluster_snapshot_identifier(&order.name).set_kms_key_id(key);
            let Err(error) = request.set_tags(Some(tags(&order.tags))).send().await else {
                return Ok(());
            };
            let failure = CallFailure::new("rds:CopyDBClusterSnapshot", &order.name, &error);
            Err(match error.as_service_error() {
                Some(CopyClusterError::DbClusterSnapshotAlreadyExistsFault(_)) => Refusal::Exists(failure),
                Some(
                    CopyClusterError::InvalidDbClusterStateFault(_)
                    | CopyClusterError::InvalidDbClusterSnapshotStateFault(_),
                ) => Refusal::NotReady(failure),
                Some(CopyClusterError::SnapshotQuotaExceededFault(_)) => Refusal::Quota(failure),
                _ => Refusal::other(failure),
            })
        }
    }
}

/// Deletes a snapshot. Whether it was; `false` when it is gone already, or when RDS says that it may not be deleted now.
pub(super) async fn delete(client: &Client, kind: DatabaseKind, name: &str) -> Result<bool, CallFailure> {
    match kind {
        DatabaseKind::Instance => match client.delete_db_snapshot().db_snapshot_identifier(name).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteError::DbSnapshotNotFoundFault(_) | DeleteError::InvalidDbSnapshotStateFault(_)) => {
                    Ok(false)
                }
                _ => Err(CallFailure::new("rds:DeleteDBSnapshot", name, &error)),
            },
        },
        DatabaseKind::Cluster => {
            match client.delete_db_cluster_snapshot().db_cluster_snapshot_identifier(name).send().await {
                Ok(_) => Ok(true),
                Err(error) => match error.as_service_error() {
                    Some(
                        DeleteClusterError::DbClusterSnapshotNotFoundFault(_)
                        | DeleteClusterError::InvalidDbClusterSnapshotStateFault(_),
                    ) => Ok(false),
                    _ => Err(CallFailure::new("rds:DeleteDBClusterSnapshot", name, &error)),
                },
            }
        }
    }
}

/// Changes who may restore a snapshot.
pub(super) async fn share(client: &Client, kind: DatabaseKind, share: &Share) -> Result<(), CallFailure> {
    let list = |accounts: &[AccountId]| {
        let texts: Vec<String> = accounts.iter().map(ToString::to_string).collect();
        (!texts.is_empty()).then_some(texts)
    };
    let (add, remove) = (list(&share.add), list(&share.remove));
    match kind {
        DatabaseKind::Instance => {
            let request = client.modify_db_snapshot_attribute().db_snapshot_identifier(&share.name);
            let request = request.attribute_name(RESTORE).set_values_to_add(add).set_values_to_remove(remove);
            let answer = request.send().await;
            answer.map(drop).map_err(|error| CallFailure::new("rds:ModifyDBSnapshotAttribute", &share.name, &error))
        }
        DatabaseKind::Cluster => {
            let request = client.modify_db_cluster_snapshot_attribute().db_cluster_snapshot_identifier(&share.name);
            let request = request.attribute_name(RESTORE).set_values_to_add(add).set_values_to_remove(remove);
            let answer = request.send().await;
            answer
                .map(drop)
                .map_err(|error| CallFailure::new("rds:ModifyDBClusterSnapshotAttribute", &share.name, &error))
        }
    }
}

/// Which kind of database a snapshot is of, by its ARN.
pub(super) fn kind_of(arn: &str) -> Option<DatabaseKind> {
    match arn.split(':').nth(5)? {
        "snapshot" => Some(DatabaseKind::Instance),
        "cluster-snapshot" => Some(DatabaseKind::Cluster),
        _ => None,
    }
}

fn tags(pairs: &[(String, String)]) -> Vec<Tag> {
    pairs.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The keys that copies are encrypted with.
#[derive(Debug)]
pub(crate) struct Keys(Clients);

impl Keys {
    pub(crate) fn new(clients: Clients) -> Self {
        Self(clients)
    }

    /// The key for a copy, proven to be there and in use; `None` for a copy that is not encrypted. RDS would take the call
    /// with a key that is not, and fail minutes later.
    ///
    /// # Errors
    /// The failed call, or the state that the key is in.
    pub(super) async fn usable(&self, order: &CopyOrder, key: Option<&KeyArn>) -> Result<Option<String>, CallFailure> {
        const OPERATION: &str = "kms:DescribeKey";
        if !order.encrypted {
            return Ok(None);
        }
        let id = key.map_or(DEFAULT_KEY, KeyArn::as_str);
        let resource = format!("{id} in {}", order.region);
        let answer = self.0.kms_in(&order.region).describe_key().key_id(id).send().await;
        let answer = answer.map_err(|error| CallFailure::new(OPERATION, &resource, &error))?;
        let state = answer.key_metadata().and_then(|key| key.key_state());
        if state == Some(&KeyState::Enabled) {
            return Ok(Some(id.to_owned()));
        }
        let state = state.map_or("in a state that KMS does not say", KeyState::as_str);
        Err(CallFailure {
            operation: OPERATION,
            resource,
            kind: FailureKind::Invalid,
            code: "KeyNotEnabled".to_owned(),
            message: format!("the key is {state}: enable it, or name another in SnapshotKmsKeyArns"),
        })
    }
}
