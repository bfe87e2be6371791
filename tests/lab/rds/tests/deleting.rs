//! Snapshots as they are deleted.

use aws_sdk_rds::operation::delete_db_cluster_snapshot::DeleteDBClusterSnapshotError;
use aws_sdk_rds::operation::delete_db_snapshot::DeleteDBSnapshotError;

use super::*;

async fn deleted(account: &Account, id: &str) -> Result<(), DeleteDBSnapshotError> {
    let call = client(account, HOME).delete_db_snapshot().db_snapshot_identifier(id);
    call.send().await.map(|_| ()).map_err(aws_smithy_runtime_api::client::result::SdkError::into_service_error)
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_told() {
    let account = account();
    available(&account, "a").await;
    account.take_events();
    deleted(&account, "A").await.unwrap();
    assert_eq!((account.rds().snapshots(), told(&account)), (vec![], vec!["0041 a".to_owned()]));
    let again = deleted(&account, "a").await.unwrap_err();
    assert!(matches!(again, DeleteDBSnapshotError::DbSnapshotNotFoundFault(_)), "{again:?}");
    let none = client(&account, HOME).delete_db_cluster_snapshot().db_cluster_snapshot_identifier("a").send().await;
    let none = none.unwrap_err().into_service_error();
    assert!(matches!(none, DeleteDBClusterSnapshotError::DbClusterSnapshotNotFoundFault(_)), "{none:?}");
}

#[tokio::test]
async fn only_a_manual_snapshot_that_is_not_under_way_can_be_deleted() {
    let account = account();
    account.rds().put_snapshot("shop", "rds:shop-2026", account.clock().now(), &[]);
    account.rds().next_snapshot("shop", Course::FailsAfter(minutes(1)));
    let rds = client(&account, HOME);
    rds.create_db_snapshot().db_instance_identifier("shop").db_snapshot_identifier("a").send().await.unwrap();
    for id in ["rds:shop-2026", "a"] {
        let refused = deleted(&account, id).await.unwrap_err();
        assert!(matches!(refused, DeleteDBSnapshotError::InvalidDbSnapshotStateFault(_)), "{refused:?}");
    }
    account.advance(minutes(1));
    account.failed_snapshots_can_be_deleted(false);
    assert_eq!(code(deleted(&account, "a").await), "InvalidDBSnapshotState");
    account.failed_snapshots_can_be_deleted(true);
    deleted(&account, "a").await.unwrap();
    assert_eq!(account.rds().snapshots().len(), 1);
}

#[tokio::test]
async fn deleting_the_source_ends_the_copies_that_are_under_way_and_no_others() {
    let account = account();
    available(&account, "a").await;
    let far = client(&account, FAR);
    let source = account.rds().snapshot("a").unwrap().arn;
    let copy = async |id: &str| {
        far.copy_db_snapshot()
            .source_db_snapshot_identifier(&source)
            .target_db_snapshot_identifier(id)
            .send()
            .await
            .unwrap();
    };
    copy("done").await;
    account.advance(minutes(7));
    copy("running").await;
    account.take_events_elsewhere();
    deleted(&account, "a").await.unwrap();
    account.advance(minutes(60));
    let status = |id: &str| account.rds_in(FAR).snapshot(id).unwrap().status;
    assert_eq!((status("done"), status("running")), ("available".to_owned(), "failed".to_owned()));
    assert_eq!(said(&account.take_events_elsewhere()), ["0061 running"]);
}
