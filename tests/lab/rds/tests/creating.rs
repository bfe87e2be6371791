//! Snapshots as they are made.

use aws_sdk_rds::operation::create_db_cluster_snapshot::CreateDBClusterSnapshotError;
use aws_sdk_rds::operation::create_db_snapshot::CreateDBSnapshotError;

use super::*;

async fn created(account: &Account, database: &str, id: &str) -> Result<(), CreateDBSnapshotError> {
    let call = client(account, HOME).create_db_snapshot().db_instance_identifier(database).db_snapshot_identifier(id);
    call.send().await.map(|_| ()).map_err(aws_smithy_runtime_api::client::result::SdkError::into_service_error)
}

async fn created_of_cluster(account: &Account, cluster: &str, id: &str) -> Result<(), CreateDBClusterSnapshotError> {
    let call = client(account, HOME).create_db_cluster_snapshot().db_cluster_identifier(cluster);
    call.db_cluster_snapshot_identifier(id)
        .send()
        .await
        .map(|_| ())
        .map_err(aws_smithy_runtime_api::client::result::SdkError::into_service_error)
}

#[tokio::test]
async fn a_snapshot_takes_its_time_and_the_instance_is_backing_up_meanwhile() {
    let account = account();
    let rds = client(&account, HOME);
    let shown = async || {
        let answer = rds.describe_db_snapshots().db_snapshot_identifier("nightly").send().await.unwrap();
        answer.db_snapshots()[0].clone()
    };
    created(&account, "shop", "Nightly").await.unwrap();
    account.advance(SignedDuration::from_secs(210));
    let creating = shown().await;
    assert_eq!((creating.status(), creating.percent_progress()), (Some("creating"), Some(50)));
    assert_eq!((creating.snapshot_create_time(), creating.original_snapshot_create_time()), (None, None));
    assert_eq!(account.rds().status("shop").unwrap(), "backing-up");
    account.advance(SignedDuration::from_secs(210));
    let available = shown().await;
    assert_eq!((available.status(), available.percent_progress()), (Some("available"), Some(100)));
    assert_eq!(
        available.snapshot_create_time().unwrap().secs(),
        "2026-01-05T09:00:00Z".parse::<Timestamp>().unwrap().as_second()
    );
    assert_eq!(available.snapshot_create_time(), available.original_snapshot_create_time());
    assert_eq!(available.db_snapshot_arn(), Some("arn:aws:rds:eu-west-1:123456789012:snapshot:nightly"));
    assert_eq!(account.rds().status("shop").unwrap(), "available");
}

#[tokio::test]
async fn a_cluster_stays_available_and_its_members_have_no_snapshots_of_their_own() {
    let account = account();
    created_of_cluster(&account, "crm", "nightly").await.unwrap();
    assert_eq!(account.rds().status("crm").unwrap(), "available");
    let refused = created(&account, "crm-instance-1", "nightly").await.unwrap_err();
    assert!(matches!(refused, CreateDBSnapshotError::InvalidDbInstanceStateFault(_)), "{refused:?}");
    account.advance(minutes(7));
    let answer = client(&account, HOME).describe_db_cluster_snapshots().send().await.unwrap();
    let snapshot = &answer.db_cluster_snapshots()[0];
    assert_eq!((snapshot.status(), snapshot.engine()), (Some("available"), Some("aurora-postgresql")));
    assert_eq!(account.rds().snapshots().len(), 1);
}

#[tokio::test]
async fn a_name_is_refused_as_rds_refuses_it() {
    let account = account();
    for id in ["1a", "a-", "a--b", "a_b", "", "rds:a"] {
        assert_eq!(code(created(&account, "shop", id).await), "InvalidParameterValue", "{id}");
        assert_eq!(code(created_of_cluster(&account, "crm", id).await), "InvalidParameterValue", "{id}");
    }
    let (longest, too_long) = ("a".repeat(63), "a".repeat(64));
    assert_eq!(code(created_of_cluster(&account, "crm", &too_long).await), "InvalidParameterValue");
    created_of_cluster(&account, "crm", &longest).await.unwrap();
    assert_eq!(code(created(&account, "shop", &"a".repeat(256)).await), "InvalidParameterValue");
    created(&account, "shop", &"a".repeat(255)).await.unwrap();
}

#[tokio::test]
async fn errors_are_those_that_the_sdk_knows() {
    let account = account();
    let none = created(&account, "none", "a").await.unwrap_err();
    assert!(matches!(none, CreateDBSnapshotError::DbInstanceNotFoundFault(_)), "{none:?}");
    let none = created_of_cluster(&account, "none", "a").await.unwrap_err();
    assert!(matches!(none, CreateDBClusterSnapshotError::DbClusterNotFoundFault(_)), "{none:?}");
    created(&account, "shop", "a").await.unwrap();
    let again = created(&account, "shop", "A").await.unwrap_err();
    assert!(matches!(again, CreateDBSnapshotError::DbSnapshotAlreadyExistsFault(_)), "{again:?}");
    let busy = created(&account, "shop", "b").await.unwrap_err();
    assert!(matches!(busy, CreateDBSnapshotError::InvalidDbInstanceStateFault(_)), "{busy:?}");
    created_of_cluster(&account, "crm", "a").await.unwrap();
    let again = created_of_cluster(&account, "crm", "a").await.unwrap_err();
    assert!(matches!(again, CreateDBClusterSnapshotError::DbClusterSnapshotAlreadyExistsFault(_)), "{again:?}");
    assert!(account.rds().stop("crm"));
    let stopped = created_of_cluster(&account, "crm", "b").await.unwrap_err();
    assert!(matches!(stopped, CreateDBClusterSnapshotError::InvalidDbClusterStateFault(_)), "{stopped:?}");
}

#[tokio::test]
async fn the_quota_counts_manual_snapshots_of_a_kind_in_a_region_whatever_their_status() {
    let account = account();
    account.rds().quota(Kind::Instance, 2);
    account.rds().put_snapshot("shop", "rds:shop-1", account.clock().now(), &[]);
    account.rds().put_snapshot("shop", "by-hand", account.clock().now(), &[]);
    account.rds().next_snapshot("shop", Course::FailsAfter(minutes(1)));
    created(&account, "shop", "a").await.unwrap();
    account.advance(minutes(1));
    let full = created(&account, "shop", "b").await.unwrap_err();
    assert!(matches!(full, CreateDBSnapshotError::SnapshotQuotaExceededFault(_)), "{full:?}");
    created_of_cluster(&account, "crm", "b").await.unwrap();
    let quotas = client(&account, HOME).describe_account_attributes().send().await.unwrap();
    let of = |name: &str| {
        let mut quotas = quotas.account_quotas().iter();
        quotas.find(|quota| quota.account_quota_name() == Some(name)).map(|quota| (quota.used(), quota.max())).unwrap()
    };
    assert_eq!(of("ManualSnapshots"), (Some(2), Some(2)));
    assert_eq!(of("ManualClusterSnapshots"), (Some(1), Some(100)));
}

#[tokio::test]
async fn tags_of_the_call_take_the_place_of_those_that_the_database_hands_down() {
    let account = account();
    let parent = account.rds().instance("parent").copies_tags().tag("team", "web").tag("aws:stack", "x").create();
    let rds = client(&account, HOME);
    let take = async |id: &str, tags: Vec<Tag>| {
        let call = rds.create_db_snapshot().db_instance_identifier("parent").db_snapshot_identifier(id);
        call.set_tags(Some(tags)).send().await.unwrap();
        account.advance(minutes(7));
        account.rds().snapshot(id).unwrap().tags.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(take("a", vec![]).await, [("team".to_owned(), "web".to_owned())]);
    assert_eq!(take("b", vec![tag("k", "v")]).await, [("k".to_owned(), "v".to_owned())]);
    created(&account, "shop", "c").await.unwrap();
    assert!(account.rds().snapshot("c").unwrap().tags.is_empty(), "shop does not hand tags down");
    let refused = |tags| {
        rds.create_db_snapshot().db_instance_identifier("parent").db_snapshot_identifier("d").set_tags(Some(tags))
    };
    for tags in
        [vec![tag("aws:a", "")], vec![tag("rds:a", "")], vec![tag("a", "{")], vec![tag("a", "1"), tag("a", "2")]]
    {
        assert_eq!(code(refused(tags).send().await), "InvalidParameterValue");
    }
    let many = (0..51).map(|number| tag(&format!("k{number}"), "")).collect();
    assert_eq!(code(refused(many).send().await), "InvalidParameterValue");
    assert!(parent.ends_with(":db:parent"));
}

#[tokio::test]
async fn a_snapshot_that_fails_tells_nobody_and_one_that_hangs_never_ends() {
    let account = account();
    account.rds().next_snapshot("shop", Course::FailsAfter(minutes(3)));
    account.rds().next_snapshot("shop", Course::Hangs);
    account.take_events();
    created(&account, "shop", "a").await.unwrap();
    account.advance(minutes(3));
    assert_eq!(account.rds().snapshot("a").unwrap().status, "failed");
    assert_eq!(told(&account), ["0040 a"]);
    created(&account, "shop", "b").await.unwrap();
    account.advance(SignedDuration::from_hours(1000));
    assert_eq!(account.rds().snapshot("b").unwrap().status, "creating");
    assert!(account.rds().finish("b", false));
    assert_eq!(
        (told(&account), account.rds().finish("b", false)),
        (vec!["0040 b".to_owned(), "0042 b".to_owned()], false)
    );
    assert_eq!(account.rds().status("shop").unwrap(), "available");
}

#[tokio::test]
async fn a_timer_of_a_snapshot_that_is_gone_does_nothing_to_another_of_its_name() {
    let account = account();
    account.rds().next_snapshot("crm", Course::FailsAfter(minutes(10)));
    created_of_cluster(&account, "crm", "a").await.unwrap();
    assert!(account.rds().lose_snapshot("a"));
    account.rds().next_snapshot("crm", Course::Takes(minutes(20)));
    created_of_cluster(&account, "crm", "a").await.unwrap();
    account.advance(minutes(10));
    assert_eq!(account.rds().snapshot("a").unwrap().status, "creating");
    account.advance(minutes(10));
    assert_eq!(account.rds().snapshot("a").unwrap().status, "available");
}
