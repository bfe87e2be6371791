//! The role of `snapshot` in `template.yaml` against the calls that the real function makes, both ways.

use std::collections::BTreeSet;

use lab::account::CallRecord;
use lab::steward::SNAPSHOT;

use super::scene::FAR;
use crate::permissions::{assert_allowed, called};
use crate::support::Stack;

/// A story that takes every path of the function that calls AWS: both kinds of databases, encrypted, copied, shared,
/// pruned, asked for, busy, and a message that cannot be read.
async fn every_path() -> Stack {
    let mut stack = Stack::new();
    let (here, there) = (stack.account.key("eu-west-1", &[]), stack.account.key(FAR, &[]));
    stack.update(&[
        ("SnapshotKmsKeyArns", &there),
        ("SnapshotShareAccounts", "111122223333"),
        ("SnapshotKeepMinimum", "1"),
    ]);
    let rds = stack.rds();
    for setup in [rds.instance("orders"), rds.aurora("crm", 1)] {
        setup.tag("steward:snapshot", "daily:1").tag("steward:copy", FAR).encrypted(Some(&here)).create();
    }
    stack.instance("busy", "daily:1");
    assert!(stack.world.switch_schedule("SnapshotSweepSchedule", true));
    stack.until("2026-11-23T12:00:00Z").await;
    assert!(stack.rds().set_status("busy", "modifying"));
    stack.request("crm", "r1");
    stack.request("nothing", "r1");
    stack.send_snapshot("{ not json");
    stack.rds().quota(lab::rds::Kind::Instance, 4);
    stack.until("2026-11-24T12:00:00Z").await;
    stack
}

/// What AWS asks for beside the call itself: tags that come with it, and the use of a customer managed key.
fn beside(record: &CallRecord) -> Vec<String> {
    let call = &record.call;
    let has = |prefix: &str| call.input.as_object().unwrap().iter().find(|(key, _)| key.starts_with(prefix));
    let mut beside = Vec::new();
    if call.service == "rds" && has("Tags.").is_some() {
        beside.push("rds:AddTagsToResource".to_owned());
    }
    if call.service == "rds" && has("KmsKeyId").is_some_and(|(_, key)| key.as_str().unwrap().starts_with("arn:")) {
        beside.push("kms:CreateGrant".to_owned());
    }
    beside
}

#[tokio::test]
async fn the_role_of_snapshot_allows_no_more_and_no_less_than_what_is_called() {
    let stack = every_path().await;
    let mut made = BTreeSet::new();
    called(&stack, SNAPSHOT, &mut made);
    made.extend(stack.calls_of_snapshot(0).iter().flat_map(beside));
    assert_allowed("SnapshotRole", &made);
}

#[tokio::test]
async fn in_another_region_nothing_but_snapshots_keys_and_quotas_is_touched() {
    let stack = every_path().await;
    let far: BTreeSet<String> = stack
        .calls_of_snapshot(0)
        .into_iter()
        .filter(|record| record.call.region() == FAR)
        .map(|record| record.call.operation)
        .collect();
    let expected = [
        "CopyDBClusterSnapshot",
        "CopyDBSnapshot",
        "DeleteDBClusterSnapshot",
        "DeleteDBSnapshot",
        "DescribeAccountAttributes",
        "DescribeDBClusterSnapshots",
        "DescribeDBSnapshots",
        "DescribeKey",
    ];
    assert_eq!(far.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    // Whatever is made, deleted or shared bears the name that the role is limited to.
    for record in stack.rds_writes("") {
        let name = ["TargetDBSnapshotIdentifier", "TargetDBClusterSnapshotIdentifier", "DBSnapshotIdentifier"];
        let name = name.into_iter().chain(["DBClusterSnapshotIdentifier"]).find_map(|key| record.call.input.get(key));
        if !record.call.operation.starts_with("Describe") {
            assert!(name.unwrap().as_str().unwrap().starts_with("steward-"), "{:?}", record.call);
        }
    }
}
