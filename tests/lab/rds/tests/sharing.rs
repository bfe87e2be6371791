//! Snapshots shared with other accounts.

use aws_sdk_rds::operation::modify_db_snapshot_attribute::ModifyDBSnapshotAttributeError;

use super::*;

async fn shared(
    account: &Account,
    id: &str,
    add: &[String],
    remove: &[String],
) -> Result<(), ModifyDBSnapshotAttributeError> {
    let call =
        client(account, HOME).modify_db_snapshot_attribute().db_snapshot_identifier(id).attribute_name("restore");
    let call = call.set_values_to_add(Some(add.to_vec())).set_values_to_remove(Some(remove.to_vec()));
    call.send().await.map(|_| ()).map_err(aws_smithy_runtime_api::client::result::SdkError::into_service_error)
}

fn accounts(count: u64) -> Vec<String> {
    (0..count).map(|number| format!("{}", 200_000_000_000 + number)).collect()
}

#[tokio::test]
async fn accounts_come_and_go_up_to_twenty() {
    let account = account();
    account.rds().put_snapshot("shop", "a", account.clock().now(), &[]);
    shared(&account, "a", &accounts(20), &[]).await.unwrap();
    let refused = shared(&account, "a", &["300000000000".to_owned()], &[]).await.unwrap_err();
    assert!(matches!(refused, ModifyDBSnapshotAttributeError::SharedSnapshotQuotaExceededFault(_)), "{refused:?}");
    shared(&account, "a", &["300000000000".to_owned()], &accounts(19)).await.unwrap();
    let expected = ["200000000019", "300000000000"];
    assert_eq!(account.rds().snapshot("a").unwrap().shared_with, expected);
    let shown =
        client(&account, HOME).describe_db_snapshot_attributes().db_snapshot_identifier("a").send().await.unwrap();
    let attributes = shown.db_snapshot_attributes_result().unwrap().db_snapshot_attributes();
    assert_eq!(
        (attributes[0].attribute_name(), attributes[0].attribute_values()),
        (Some("restore"), &expected.map(str::to_owned)[..])
    );
}

#[tokio::test]
async fn what_must_not_be_shared_is_refused() {
    let account = account();
    let (now, key) = (account.clock().now(), account.key(HOME, &[]));
    account.rds().instance("default").encrypted(None).create();
    account.rds().instance("own").encrypted(Some(&key)).create();
    for database in ["shop", "default", "own"] {
        account.rds().put_snapshot(database, database, now, &[]);
    }
    account.rds().put_snapshot("shop", "rds:shop", now, &[]);
    let (all, one) = (["all".to_owned()], accounts(1));
    assert_eq!(code(shared(&account, "own", &all, &[]).await), "InvalidDBSnapshotState");
    assert_eq!(code(shared(&account, "default", &one, &[]).await), "InvalidDBSnapshotState");
    assert_eq!(code(shared(&account, "rds:shop", &one, &[]).await), "InvalidDBSnapshotState");
    assert_eq!(code(shared(&account, "shop", &["me".to_owned()], &[]).await), "InvalidParameterValue");
    assert_eq!(code(shared(&account, "none", &one, &[]).await), "DBSnapshotNotFound");
    shared(&account, "own", &one, &[]).await.unwrap();
    shared(&account, "shop", &all, &[]).await.unwrap();
    assert_eq!(account.rds().snapshot("shop").unwrap().shared_with, all);
}
