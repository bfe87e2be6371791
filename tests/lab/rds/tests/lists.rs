//! Lists: filters, pages, and reads that lag.

use std::time::Instant;

use aws_sdk_rds::types::Filter;

use super::*;
use crate::faults::{Fault, Plan};

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn fill(account: &Account, database: &str, count: usize) {
    let now = account.clock().now();
    for number in 0..count {
        assert!(account.rds().put_snapshot(
            database,
            &format!("{database}-{number:04}"),
            now,
            &[("steward:owner", "steward")]
        ));
    }
}

#[tokio::test]
async fn clusters_of_every_engine_are_shown_and_members_name_their_cluster() {
    let account = account();
    account.rds().multi_az_cluster("ledger").windows("01:00-01:30", "mon:02:00-mon:02:30").create();
    account.rds().documentdb("papers").create();
    account.rds().neptune("graph").create();
    let rds = client(&account, HOME);
    let answer = rds.describe_db_clusters().send().await.unwrap();
    let engines: Vec<_> =
        answer.db_clusters().iter().map(|it| (it.db_cluster_identifier().unwrap(), it.engine().unwrap())).collect();
    assert_eq!(
        engines,
        [("crm", "aurora-postgresql"), ("graph", "neptune"), ("ledger", "postgres"), ("papers", "docdb")]
    );
    let ledger = &answer.db_clusters()[2];
    assert_eq!((ledger.multi_az(), ledger.db_cluster_members().len()), (Some(true), 3));
    assert_eq!(
        (ledger.preferred_backup_window(), ledger.preferred_maintenance_window()),
        (Some("01:00-01:30"), Some("mon:02:00-mon:02:30"))
    );
    assert_eq!(ledger.db_cluster_members()[0].is_cluster_writer(), Some(true));
    let members = rds.describe_db_instances().filters(filter("db-cluster-id", "ledger")).send().await.unwrap();
    let of: Vec<_> = members.db_instances().iter().filter_map(|it| it.db_cluster_identifier()).collect();
    assert_eq!(of, ["ledger"; 3]);
    let by_engine = rds.describe_db_clusters().filters(filter("engine", "docdb")).send().await.unwrap();
    assert_eq!(by_engine.db_clusters().len(), 1);
}

#[tokio::test]
async fn pages_hold_together_whatever_is_asked_for() {
    let account = account();
    account.rds().instance("other").create();
    fill(&account, "shop", 130);
    fill(&account, "other", 70);
    let rds = client(&account, HOME);
    for (database, size, expected) in
        [(None, 20, 200), (None, 100, 200), (Some("shop"), 20, 130), (Some("other"), 100, 70)]
    {
        let pages =
            rds.describe_db_snapshots().max_records(size).set_db_instance_identifier(database.map(str::to_owned));
        let all: Vec<_> = pages.into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
        let mut ids: Vec<_> = all.iter().filter_map(|it| it.db_snapshot_identifier()).collect();
        ids.dedup();
        assert_eq!((all.len(), ids.len()), (expected, expected), "{database:?} {size}");
    }
    for size in [19, 101] {
        assert_eq!(code(rds.describe_db_snapshots().max_records(size).send().await), "InvalidParameterValue");
    }
    assert_eq!(code(rds.describe_db_snapshots().marker("nonsense").send().await), "InvalidParameterValue");
}

#[tokio::test]
async fn snapshots_are_found_by_type_database_resource_and_name() {
    let account = account();
    let now = account.clock().now();
    account.rds().instance("other").create();
    account.rds().put_snapshot("shop", "by-hand", now, &[]);
    account.rds().put_snapshot("shop", "rds:shop-1", now, &[]);
    account.rds().put_snapshot("other", "elsewhere", now, &[]);
    let rds = client(&account, HOME);
    let resource = account.rds().snapshot("by-hand").unwrap().resource_id;
    let ask = || rds.describe_db_snapshots();
    for (asked, expected) in [
        (ask(), &["by-hand", "elsewhere", "rds:shop-1"][..]),
        (ask().snapshot_type("manual"), &["by-hand", "elsewhere"]),
        (ask().snapshot_type("automated"), &["rds:shop-1"]),
        (ask().snapshot_type("shared"), &[]),
        (ask().db_instance_identifier("SHOP").snapshot_type("manual"), &["by-hand"]),
        (ask().db_instance_identifier("none"), &[]),
        (ask().dbi_resource_id(&resource), &["by-hand", "rds:shop-1"]),
        (ask().filters(filter("db-instance-id", "other")), &["elsewhere"]),
        (ask().filters(filter("snapshot-type", "automated")), &["rds:shop-1"]),
        (ask().db_snapshot_identifier("By-Hand"), &["by-hand"]),
        (ask().db_snapshot_identifier("by-hand").snapshot_type("automated"), &[]),
    ] {
        let answer = asked.send().await.unwrap();
        let found: Vec<_> = answer.db_snapshots().iter().filter_map(|it| it.db_snapshot_identifier()).collect();
        assert_eq!(found, expected);
    }
    assert_eq!(code(ask().db_snapshot_identifier("none").send().await), "DBSnapshotNotFound");
    assert_eq!(code(ask().filters(filter("colour", "red")).send().await), "InvalidParameterValue");
    assert_eq!(code(ask().snapshot_type("odd").send().await), "InvalidParameterValue");
}

#[tokio::test]
async fn a_stale_list_is_that_before_the_last_write() {
    let account = account();
    available(&account, "a").await;
    let rds = client(&account, HOME);
    let statuses = async || {
        let answer = rds.describe_db_snapshots().db_instance_identifier("shop").send().await.unwrap();
        answer
            .db_snapshots()
            .iter()
            .map(|it| format!("{}={}", it.db_snapshot_identifier().unwrap(), it.status().unwrap()))
            .collect::<Vec<_>>()
    };
    rds.create_db_snapshot().db_instance_identifier("shop").db_snapshot_identifier("b").send().await.unwrap();
    let stale = || account.inject(Plan::default().on("DescribeDBSnapshots", 1, Fault::Stale).chooser());
    stale();
    assert_eq!(statuses().await, ["a=available"]);
    assert_eq!(statuses().await, ["a=available", "b=creating"]);
    account.advance(minutes(7));
    stale();
    assert_eq!(statuses().await, ["a=available", "b=creating"]);
    rds.delete_db_snapshot().db_snapshot_identifier("a").send().await.unwrap();
    stale();
    assert_eq!(statuses().await, ["a=available", "b=available"]);
    assert_eq!(statuses().await, ["b=available"]);
}

#[tokio::test]
async fn lists_lag_behind_writes_for_as_long_as_they_are_told_to() {
    let account = account();
    fill(&account, "shop", 3);
    account.advance(minutes(1));
    account.rds_read_lag(SignedDuration::from_secs(10));
    let rds = client(&account, HOME);
    let count = async || rds.describe_db_snapshots().send().await.unwrap().db_snapshots().len();
    rds.delete_db_snapshot().db_snapshot_identifier("shop-0001").send().await.unwrap();
    rds.create_db_snapshot().db_instance_identifier("shop").db_snapshot_identifier("new").send().await.unwrap();
    assert_eq!(count().await, 3);
    assert_eq!(code(rds.describe_db_snapshots().db_snapshot_identifier("new").send().await), "DBSnapshotNotFound");
    rds.describe_db_snapshots().db_snapshot_identifier("shop-0001").send().await.unwrap();
    account.advance(SignedDuration::from_secs(10));
    assert_eq!(count().await, 3);
    rds.describe_db_snapshots().db_snapshot_identifier("new").send().await.unwrap();
    assert_eq!(
        code(rds.describe_db_snapshots().db_snapshot_identifier("shop-0001").send().await),
        "DBSnapshotNotFound"
    );
}

#[tokio::test]
async fn faults_have_the_codes_of_the_query_protocol() {
    let account = account();
    let rds = client(&account, HOME);
    for (fault, expected) in
        [(Fault::Denied, "AccessDenied"), (Fault::Throttled, "Throttling"), (Fault::ServerError, "InternalFailure")]
    {
        account.inject(Plan::default().always("DescribeDBClusters", fault).chooser());
        assert_eq!(code(rds.describe_db_clusters().send().await), expected);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it is the machine's time that is measured")]
fn a_thousand_snapshots_are_listed_quickly() {
    let account = account();
    fill(&account, "shop", 1000);
    let listed = || {
        let (mut marker, mut bytes) = (String::new(), 0);
        loop {
            let xml = account.rds().call("DescribeDBSnapshots", serde_json::json!({ "Marker": marker })).unwrap();
            bytes += xml.len();
            match xml.split_once("<Marker>").and_then(|(_, rest)| rest.split_once("</Marker>")) {
                Some((next, _)) => next.clone_into(&mut marker),
                None => return bytes,
            }
        }
    };
    let first = listed();
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(listed(), first);
    }
    println!("{:?} for each of 100 lists of 1000 snapshots, {first} bytes", began.elapsed() / 100);
    assert!(began.elapsed().as_secs() < 20, "a list takes {:?}", began.elapsed() / 100);
}
