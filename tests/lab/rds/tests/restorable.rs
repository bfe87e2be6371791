//! To which moment a database can be restored.

use super::*;

/// Seconds between `LatestRestorableTime` and now.
async fn behind(account: &Account, id: &str) -> Option<i64> {
    let rds = client(account, HOME);
    let at = if id == "crm" {
        rds.describe_db_clusters().send().await.unwrap().db_clusters()[0].latest_restorable_time().copied()
    } else {
        let request = rds.describe_db_instances().db_instance_identifier(id);
        request.send().await.unwrap().db_instances()[0].latest_restorable_time().copied()
    };
    at.map(|at| account.clock().now().as_second() - at.secs())
}

#[tokio::test]
async fn it_is_at_most_five_minutes_behind_and_moves_in_steps_of_five() {
    let account = account();
    account.advance(minutes(10));
    for id in ["shop", "crm"] {
        assert_eq!(behind(&account, id).await, Some(0));
    }
    account.advance(minutes(4));
    for id in ["shop", "crm"] {
        assert_eq!(behind(&account, id).await, Some(240));
    }
    account.advance(SignedDuration::from_secs(90));
    assert_eq!(behind(&account, "shop").await, Some(30));
}

#[tokio::test]
async fn there_is_none_without_automated_backups_nor_of_a_member_nor_before_the_database() {
    let account = account();
    account.advance(minutes(2));
    account.rds().instance("scratch").retention(0).create();
    account.rds().instance("new").create();
    for id in ["scratch", "new", "crm-instance-1"] {
        assert_eq!(behind(&account, id).await, None, "{id}");
    }
    account.advance(minutes(5));
    assert_eq!((behind(&account, "scratch").await, behind(&account, "crm-instance-1").await), (None, None));
    assert_eq!(behind(&account, "new").await, Some(120));
    let rds = client(&account, HOME);
    let shown = rds.describe_db_instances().db_instance_identifier("scratch").send().await.unwrap();
    assert_eq!(shown.db_instances()[0].backup_retention_period(), Some(0));
}

#[tokio::test]
async fn it_stands_still_while_a_database_is_stopped_or_its_logs_do_not_get_away() {
    let account = account();
    account.advance(minutes(5));
    assert!(account.rds().stop("shop") && account.rds().logs_stand_still("crm", true));
    account.advance(minutes(60));
    assert_eq!((behind(&account, "shop").await, behind(&account, "crm").await), (Some(3600), Some(3600)));
    assert!(account.rds().start("shop") && account.rds().logs_stand_still("crm", false));
    assert_eq!((behind(&account, "shop").await, behind(&account, "crm").await), (Some(0), Some(0)));
}
