//! What snapshots are called, and what they are tagged with.

use crate::support::Stack;

const OWN: [&str; 7] = ["owner", "class", "policy", "slot", "resource", "database", "started"];

#[tokio::test]
async fn a_snapshot_says_what_it_is_and_carries_the_tags_of_its_database() {
    let mut stack = Stack::backups(&[]);
    let setup = stack.rds().instance("orders").tag("steward:snapshot", "daily:7 weekly:4");
    let setup = setup.tag("team", "web").tag("aws:cloudformation:stack-name", "shop").tag("rds:state", "x");
    setup.tag("steward:owner", "somebody").create();
    stack.minutes(30).await;
    let taken = &stack.ours("orders")[0];
    let hash = taken.id.strip_prefix("steward-orders-20261120t0200-").unwrap();
    assert!(hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", taken.id);
    let mut expected: Vec<String> = OWN.iter().map(|key| format!("steward:{key}")).collect();
    expected.push("team".to_owned());
    expected.sort();
    assert_eq!(taken.tags.keys().cloned().collect::<Vec<_>>(), expected);
    let tag = |key: &str| taken.tags[&format!("steward:{key}")].clone();
    let owner = &stack.world.template().function(lab::steward::SNAPSHOT).unwrap().environment["STEWARD_STACK"];
    assert_eq!(tag("owner"), *owner);
    assert_eq!([tag("class"), tag("policy"), tag("database")], ["scheduled", "daily:7 weekly:4", "orders"]);
    assert_eq!(
        [tag("slot"), tag("started"), tag("resource")],
        ["2026-11-20T02:00:00Z".to_owned(), "2026-11-20T10:15:00Z".to_owned(), taken.resource_id.clone()]
    );
    // They came with the call that made it: there was no moment in which it was nobody's.
    assert_eq!(stack.rds_writes("AddTags").len(), 0);
}

#[tokio::test]
async fn with_fifty_tags_steward_s_own_come_first_and_room_is_left() {
    let mut stack = Stack::backups(&[]);
    let setup = stack.rds().aurora("crm", 1).tag("steward:snapshot", "daily:7").tag("steward:copy", super::scene::FAR);
    (0..48).fold(setup, |setup, number| setup.tag(&format!("note-{number}"), "x")).create();
    stack.minutes(60).await;
    let (taken, copy) = (&stack.ours("crm")[0], &stack.copies("crm")[0]);
    assert_eq!((taken.tags.len(), copy.tags.len()), (48, 49));
    assert!(OWN.iter().all(|key| taken.tags.contains_key(&format!("steward:{key}"))), "{:?}", taken.tags);
    assert_eq!(copy.tags["steward:copied-from"], "eu-west-1");
    assert!(stack.rds().hold(&taken.id, "audit"));
    assert_eq!(stack.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn long_and_odd_identifiers_become_names_that_rds_takes() {
    let mut stack = Stack::backups(&[]);
    let long = format!("a{}-with-a-long-name-that-goes-on-until-the-end-is-not", "b".repeat(10));
    let cut = format!("{}-at-the-cut", "c".repeat(24));
    for cluster in [&long, &cut] {
        stack.rds().aurora(cluster, 1).tag("steward:snapshot", "daily:7").create();
        stack.request(cluster, "a-release-with-a-name-that-is32c");
    }
    stack.minutes(60).await;
    for cluster in [&long, &cut] {
        let names: Vec<_> = stack.ours(cluster).into_iter().map(|taken| taken.id).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.iter().all(|name| name.len() <= 63 && !name.contains("--")), "{names:?}");
    }
    assert_eq!(stack.kinds(), Vec::<String>::new());
}

#[tokio::test]
async fn a_database_with_a_new_name_keeps_its_snapshots_and_its_slot() {
    let mut stack = Stack::backups(&[("SnapshotKeepMinimum", "1")]);
    stack.instance("orders", "daily:1");
    stack.minutes(30).await;
    let first = stack.ours("orders")[0].id.clone();
    assert!(stack.rds().rename("orders", "orders-old"));
    // Another database takes the name: it is another one.
    stack.instance("orders", "daily:1");
    stack.until("2026-11-21T01:00:00Z").await;
    let all = stack.rds().snapshots();
    assert_eq!(all.len(), 2, "{all:?}");
    assert_ne!(all[0].resource_id, all[1].resource_id);
    assert_ne!(all[0].id, all[1].id);
    // Under its new name it goes on, and what its policy no longer keeps goes.
    stack.until("2026-11-22T12:00:00Z").await;
    assert_eq!(stack.slots("orders-old"), ["2026-11-22T02:00:00Z available"]);
    assert_eq!(stack.slots("orders"), ["2026-11-22T02:00:00Z available"]);
    assert!(stack.deleted().contains(&first));
}
