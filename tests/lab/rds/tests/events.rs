//! The events of snapshots.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_snapshot_of_an_instance_is_announced_as_rds_announces_it() {
    let account = account();
    available(&account, "steward-a").await;
    let events = account.take_events();
    assert_eq!(said(&events), ["0040 steward-a", "0042 steward-a"]);
    let event = &events[1];
    let arn = "arn:aws:rds:eu-west-1:123456789012:snapshot:steward-a";
    assert_eq!((&event["source"], &event["detail-type"]), (&json!("aws.rds"), &json!("RDS DB Snapshot Event")));
    assert_eq!((&event["resources"], &event["region"]), (&json!([arn]), &json!("eu-west-1")));
    let detail = json!({
        "EventCategories": ["creation"],
        "SourceType": "SNAPSHOT",
        "SourceArn": arn,
        "Date": "2026-01-05T09:07:00.000Z",
        "Message": "Manual snapshot created",
        "SourceIdentifier": "steward-a",
        "EventID": "RDS-EVENT-0042",
    });
    assert_eq!(event["detail"], detail);
}

#[tokio::test]
async fn a_snapshot_of_a_cluster_has_the_category_backup_and_its_end_has_no_event() {
    let account = account();
    let rds = client(&account, HOME);
    rds.create_db_cluster_snapshot()
        .db_cluster_identifier("crm")
        .db_cluster_snapshot_identifier("a")
        .send()
        .await
        .unwrap();
    account.advance(minutes(7));
    let events = account.take_events();
    assert_eq!(said(&events), ["0074 a", "0075 a"]);
    assert_eq!(events[1]["detail-type"], "RDS DB Cluster Snapshot Event");
    assert_eq!(events[1]["detail"]["EventCategories"], json!(["backup"]));
    assert_eq!(events[1]["detail"]["SourceType"], "CLUSTER_SNAPSHOT");
    rds.delete_db_cluster_snapshot().db_cluster_snapshot_identifier("a").send().await.unwrap();
    assert!(told(&account).is_empty());
}

#[tokio::test]
async fn what_happens_in_another_region_is_on_its_bus_only() {
    let account = account();
    account.rds_in(FAR).instance("shop").create();
    let call = client(&account, FAR).create_db_snapshot().db_instance_identifier("shop").db_snapshot_identifier("far");
    call.send().await.unwrap();
    account.advance(minutes(7));
    assert!(told(&account).is_empty());
    let events = account.take_events_elsewhere();
    assert_eq!(
        (said(&events), &events[0]["region"]),
        (vec!["0040 far".to_owned(), "0042 far".to_owned()], &json!(FAR))
    );
    assert!(account.rds().snapshots().is_empty());
    assert_eq!(account.calls()[0].call.region, FAR);
}
