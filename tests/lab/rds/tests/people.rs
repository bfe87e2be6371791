//! What people and time do.

use super::*;

#[tokio::test]
async fn people_tag_databases_and_snapshots_through_the_api() {
    let account = account();
    available(&account, "a").await;
    let rds = client(&account, HOME);
    let database = "arn:aws:rds:eu-west-1:123456789012:db:shop";
    let snapshot = "arn:aws:rds:eu-west-1:123456789012:snapshot:a";
    rds.add_tags_to_resource().resource_name(snapshot).tags(tag("steward:hold", "audit")).send().await.unwrap();
    rds.remove_tags_from_resource().resource_name(database).tag_keys("steward:snapshot").send().await.unwrap();
    let listed = rds.list_tags_for_resource().resource_name(database).send().await.unwrap();
    assert_eq!(listed.tag_list(), [tag("team", "web")]);
    assert_eq!(account.rds().snapshot("a").unwrap().tags["steward:hold"], "audit");
    let shown = rds.describe_db_instances().db_instance_identifier("shop").send().await.unwrap();
    assert_eq!(shown.db_instances()[0].tag_list(), [tag("team", "web")]);
    for (wrong, expected) in [
        ("arn:aws:rds:eu-west-1:123456789012:db:none", "DBInstanceNotFound"),
        ("arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:a", "DBClusterSnapshotNotFoundFault"),
        ("arn:aws:rds:eu-central-1:123456789012:db:shop", "InvalidParameterValue"),
        ("shop", "InvalidParameterValue"),
    ] {
        assert_eq!(code(rds.list_tags_for_resource().resource_name(wrong).send().await), expected, "{wrong}");
    }
}

#[tokio::test]
async fn a_stopped_database_says_when_it_starts_and_does() {
    let account = account();
    assert!(account.rds().stop("shop"));
    let rds = client(&account, HOME);
    let shown = async || {
        rds.describe_db_instances().db_instance_identifier("shop").send().await.unwrap().db_instances()[0].clone()
    };
    let stopped = shown().await;
    let restart = stopped.automatic_restart_time().unwrap().secs();
    assert_eq!(
        (stopped.db_instance_status(), restart - account.clock().now().as_second()),
        (Some("stopped"), 7 * 86_400)
    );
    account.advance(SignedDuration::from_hours(167));
    assert!(account.rds().start("shop") && account.rds().stop("shop"));
    account.advance(SignedDuration::from_hours(1));
    assert_eq!(shown().await.db_instance_status(), Some("stopped"), "the first stop has no say any more");
    account.advance(SignedDuration::from_hours(167));
    assert_eq!((shown().await.db_instance_status(), shown().await.automatic_restart_time()), (Some("available"), None));
}

#[tokio::test]
async fn a_restored_database_inherits_tags_only_when_it_is_given_none() {
    let account = account();
    account.rds().put_snapshot("crm", "a", account.clock().now(), &[("steward:owner", "steward")]);
    account.rds().restore("a", "heir", &[]).unwrap();
    account.rds().restore("a", "stranger", &[("temp", "true")]).unwrap();
    let answer = client(&account, HOME).describe_db_clusters().send().await.unwrap();
    let of = |id: &str| answer.db_clusters().iter().find(|it| it.db_cluster_identifier() == Some(id)).unwrap();
    assert_eq!(of("heir").tag_list(), [tag("steward:owner", "steward")]);
    assert_eq!(of("stranger").tag_list(), [tag("temp", "true")]);
    assert_ne!(of("heir").db_cluster_resource_id(), of("crm").db_cluster_resource_id());
    assert!(account.rds().restore("none", "b", &[]).is_none());
}

#[tokio::test]
async fn a_renamed_database_keeps_its_resource_id_and_its_snapshots_the_old_name() {
    let account = account();
    available(&account, "a").await;
    assert!(account.rds().rename("shop", "store"));
    let rds = client(&account, HOME);
    let store = rds.describe_db_instances().db_instance_identifier("store").send().await.unwrap();
    let snapshot = account.rds().snapshot("a").unwrap();
    assert_eq!(
        (snapshot.database.as_str(), Some(snapshot.resource_id.as_str())),
        ("shop", store.db_instances()[0].dbi_resource_id())
    );
    assert_eq!(code(rds.describe_db_instances().db_instance_identifier("shop").send().await), "DBInstanceNotFound");
}

#[test]
fn a_deleted_database_leaves_its_manual_snapshots() {
    let account = account();
    let now = account.clock().now();
    account.rds().put_snapshot("crm", "rds:crm-1", now, &[]);
    account.rds().put_snapshot("crm", "by-hand", now, &[]);
    assert!(account.rds().hold("by-hand", "audit"));
    assert!(account.rds().delete("crm"));
    assert_eq!(account.rds().databases(), ["shop"]);
    let left = account.rds().snapshots();
    assert_eq!((left.len(), left[0].id.as_str(), left[0].tags["steward:hold"].as_str()), (1, "by-hand", "audit"));
    assert!(!account.rds().delete("crm") && !account.rds().hold("none", "audit"));
}
