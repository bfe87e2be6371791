//! Sharing with other accounts, as the parameter says, and no longer than it says.

use crate::support::Stack;

const SHARED: (&str, &str) = ("SnapshotShareAccounts", "111122223333,444455556666");

fn shared_with(stack: &Stack, database: &str) -> Vec<Vec<String>> {
    stack.ours(database).into_iter().map(|ours| ours.shared_with).collect()
}

#[tokio::test]
async fn backups_are_shared_with_whom_the_parameter_names_and_with_nobody_else_any_more() {
    let mut stack = Stack::backups(&[SHARED]);
    let key = stack.account.key("eu-west-1", &[]);
    stack.rds().instance("orders").tag("steward:snapshot", "daily:7").encrypted(Some(&key)).create();
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:7").create();
    stack.instance("on-demand", "on-request");
    stack.request("on-demand", "r1");
    stack.days(1).await;
    let both = vec!["111122223333".to_owned(), "444455556666".to_owned()];
    for database in ["orders", "crm"] {
        assert_eq!(shared_with(&stack, database), [both.clone(), both.clone()], "{database}");
    }
    assert_eq!(shared_with(&stack, "on-demand"), [Vec::<String>::new()]);
    // Each once.
    assert_eq!(stack.rds_writes("Modify").len(), 4);
    stack.update(&[("SnapshotShareAccounts", "444455556666")]);
    stack.minutes(60).await;
    assert_eq!(shared_with(&stack, "orders"), [both[1..].to_vec(), both[1..].to_vec()]);
    assert_eq!((stack.kinds(), stack.dead_of_snapshot()), (vec![], 0));
}

#[tokio::test]
async fn without_the_right_to_end_it_people_are_told_once_that_snapshots_are_still_shared() {
    let mut stack = Stack::backups(&[SHARED]);
    stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:7").create();
    stack.minutes(60).await;
    stack.update(&[]);
    let writes = stack.rds_writes("Modify").len();
    stack.minutes(180).await;
    // The role lost the right with the parameter: a call would be denied.
    assert_eq!(stack.rds_writes("Modify").len(), writes);
    assert_eq!(stack.kinds(), ["share-failed"]);
    let told = stack.told_of_backups().remove(0);
    assert!(told.message.contains(&stack.ours("crm")[0].id), "{}", told.message);
}

#[tokio::test]
async fn sharing_that_is_denied_is_told_once_and_done_later() {
    let mut stack = Stack::backups(&[SHARED]);
    stack.instance("orders", "daily:7");
    let denied = lab::faults::Plan::default().always("ModifyDBSnapshotAttribute", lab::faults::Fault::Denied);
    stack.account.inject(denied.chooser());
    stack.minutes(120).await;
    assert_eq!(stack.kinds(), ["share-failed"]);
    stack.account.inject(Box::new(|_| lab::faults::Fault::Ok));
    stack.minutes(30).await;
    assert_eq!(shared_with(&stack, "orders")[0].len(), 2);
}

#[tokio::test]
async fn without_the_parameter_nothing_is_ever_shared() {
    let mut stack = Stack::backups(&[]);
    stack.instance("orders", "daily:7");
    stack.days(1).await;
    assert_eq!(stack.rds_writes("Modify").len(), 0);
}

#[tokio::test]
async fn what_aws_refuses_to_share_is_told_once() {
    let mut stack = Stack::backups(&[SHARED]);
    stack.rds().instance("orders").tag("steward:snapshot", "daily:7").encrypted(None).create();
    stack.days(2).await;
    assert_eq!(stack.kinds(), ["share-failed"]);
    assert!(stack.told_of_backups()[0].message.contains("default key"));
    assert_eq!(stack.slots("orders").len(), 3);
}
