//! Copies, within a region and into another.

use aws_sdk_rds::operation::copy_db_cluster_snapshot::CopyDBClusterSnapshotError;
use aws_sdk_rds::operation::copy_db_snapshot::CopyDBSnapshotError;

use super::*;

async fn copied(
    account: &Account,
    region: &'static str,
    source: &str,
    key: Option<&str>,
    tags: Vec<Tag>,
) -> Result<(), CopyDBSnapshotError> {
    let call = client(account, region).copy_db_snapshot().source_db_snapshot_identifier(source);
    let call = call.target_db_snapshot_identifier("copy").set_kms_key_id(key.map(str::to_owned)).set_tags(Some(tags));
    call.send().await.map(|_| ()).map_err(aws_smithy_runtime_api::client::result::SdkError::into_service_error)
}

#[tokio::test]
async fn a_copy_into_another_region_has_the_tags_of_the_call_and_remembers_its_origin() {
    let account = account();
    available(&account, "a").await;
    let source = account.rds().snapshot("a").unwrap().arn;
    account.take_events();
    copied(&account, FAR, &source, None, vec![tag("k", "v")]).await.unwrap();
    account.advance(minutes(7));
    assert_eq!(
        (said(&account.take_events_elsewhere()), told(&account)),
        (vec!["0059 copy".to_owned(), "0060 copy".to_owned()], vec![])
    );
    let shown = client(&account, FAR).describe_db_snapshots().send().await.unwrap();
    let copy = &shown.db_snapshots()[0];
    assert_eq!((copy.source_region(), copy.source_db_snapshot_identifier()), (Some(HOME), Some(source.as_str())));
    assert_eq!((copy.status(), copy.tag_list()), (Some("available"), &[tag("k", "v")][..]));
    let at = |time: Option<&aws_sdk_rds::primitives::DateTime>| time.unwrap().secs() - 1_767_603_600;
    assert_eq!((at(copy.original_snapshot_create_time()), at(copy.snapshot_create_time())), (0, 420));
    assert_eq!(account.rds().status("shop").unwrap(), "available");
}

#[tokio::test]
async fn a_copy_within_the_region_has_other_events() {
    let account = account();
    available(&account, "a").await;
    account.take_events();
    copied(&account, HOME, "a", None, vec![]).await.unwrap();
    account.advance(minutes(7));
    assert_eq!(told(&account), ["0196 copy", "0197 copy"]);
    assert!(account.rds().snapshot("copy").unwrap().tags.is_empty());
}

#[tokio::test]
async fn an_encrypted_snapshot_needs_a_key_that_can_be_used_where_the_copy_will_be() {
    let account = account();
    account.rds().instance("safe").encrypted(None).create();
    account.rds().put_snapshot("safe", "a", account.clock().now(), &[]);
    let source = account.rds().snapshot("a").unwrap().arn;
    let (here, there) = (account.key(HOME, &[]), account.key(FAR, &["alias/backups"]));
    account.key_state(&there, "Disabled");
    for key in [None, Some(here.as_str()), Some(there.as_str()), Some("alias/none")] {
        let refused = copied(&account, FAR, &source, key, vec![]).await.unwrap_err();
        assert!(matches!(refused, CopyDBSnapshotError::KmsKeyNotAccessibleFault(_)), "{key:?} {refused:?}");
    }
    account.key_state(&there, "Enabled");
    copied(&account, FAR, &source, Some("alias/backups"), vec![]).await.unwrap();
    assert_eq!(account.rds_in(FAR).snapshot("copy").unwrap().key, Some(there));
    copied(&account, HOME, "a", None, vec![]).await.unwrap();
    assert_eq!(account.rds().snapshot("copy").unwrap().key, account.rds().snapshot("a").unwrap().key);
}

#[tokio::test]
async fn a_source_must_exist_be_available_and_be_named_by_its_arn_from_elsewhere() {
    let account = account();
    account.rds().next_snapshot("shop", Course::Hangs);
    let rds = client(&account, HOME);
    rds.create_db_snapshot().db_instance_identifier("shop").db_snapshot_identifier("a").send().await.unwrap();
    let source = account.rds().snapshot("a").unwrap().arn;
    let refused = copied(&account, FAR, &source, None, vec![]).await.unwrap_err();
    assert!(matches!(refused, CopyDBSnapshotError::InvalidDbSnapshotStateFault(_)), "{refused:?}");
    account.rds().finish("a", false);
    let cluster_arn = source.replace(":snapshot:", ":cluster-snapshot:");
    for missing in ["a", &source.replace("123456789012", "210987654321"), &cluster_arn] {
        let refused = copied(&account, FAR, missing, None, vec![]).await.unwrap_err();
        assert!(matches!(refused, CopyDBSnapshotError::DbSnapshotNotFoundFault(_)), "{missing} {refused:?}");
    }
    copied(&account, FAR, &source, None, vec![]).await.unwrap();
    let again = copied(&account, FAR, &source, None, vec![]).await.unwrap_err();
    assert!(matches!(again, CopyDBSnapshotError::DbSnapshotAlreadyExistsFault(_)), "{again:?}");
}

#[tokio::test]
async fn twenty_copies_into_a_region_are_under_way_and_no_more() {
    let account = account();
    account.rds().put_snapshot("shop", "a", account.clock().now(), &[]);
    let source = account.rds().snapshot("a").unwrap().arn;
    let far = client(&account, FAR);
    let copy = |number: u32| {
        let call = far.copy_db_snapshot().source_db_snapshot_identifier(&source);
        call.target_db_snapshot_identifier(format!("copy-{number}")).send()
    };
    for number in 0..20 {
        copy(number).await.unwrap();
    }
    assert_eq!(code(copy(20).await), "SnapshotQuotaExceeded");
    account.advance(minutes(7));
    copy(20).await.unwrap();
}

#[tokio::test]
async fn a_copy_fails_or_hangs_as_it_is_told() {
    let account = account();
    account.rds().put_snapshot("crm", "a", account.clock().now(), &[]);
    let source = account.rds().snapshot("a").unwrap().arn;
    let far = client(&account, FAR);
    let copy = async |id: &str| {
        let call = far.copy_db_cluster_snapshot().source_db_cluster_snapshot_identifier(&source);
        call.target_db_cluster_snapshot_identifier(id).send().await
    };
    account.rds_in(FAR).next_copy(Course::FailsAfter(minutes(2)));
    account.rds_in(FAR).next_copy(Course::Hangs);
    account.rds_in(FAR).copies_go(Course::Takes(minutes(40)));
    for id in ["fails", "hangs", "slow"] {
        copy(id).await.unwrap();
    }
    account.advance(minutes(40));
    let status = |id: &str| account.rds_in(FAR).snapshot(id).unwrap().status;
    assert_eq!([status("fails"), status("hangs"), status("slow")], ["failed", "creating", "available"]);
    assert!(account.take_events_elsewhere().is_empty(), "copies of clusters have no events");
    let again = copy("slow").await.unwrap_err().into_service_error();
    assert!(matches!(again, CopyDBClusterSnapshotError::DbClusterSnapshotAlreadyExistsFault(_)), "{again:?}");
    let shown = far.describe_db_cluster_snapshots().db_cluster_snapshot_identifier("slow").send().await.unwrap();
    assert_eq!(shown.db_cluster_snapshots()[0].source_db_cluster_snapshot_arn(), Some(source.as_str()));
}

#[tokio::test]
async fn copy_tags_takes_all_over_and_stumbles_over_those_of_aws() {
    let account = account();
    let now = account.clock().now();
    account.rds().put_snapshot("shop", "a", now, &[("team", "web")]);
    account.rds().put_snapshot("shop", "b", now, &[("aws:stack", "x")]);
    let rds = client(&account, HOME);
    let copy = async |source: &str, target: &str| {
        let call = rds.copy_db_snapshot().source_db_snapshot_identifier(source).target_db_snapshot_identifier(target);
        call.copy_tags(true).send().await
    };
    copy("a", "copy-a").await.unwrap();
    assert_eq!(account.rds().snapshot("copy-a").unwrap().tags["team"], "web");
    assert_eq!(code(copy("b", "copy-b").await), "InvalidParameterValue");
}
