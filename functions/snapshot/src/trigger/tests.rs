//! What wakes `snapshot`, from the samples in `events/` and from what comes near them.

use serde_json::{Value, json};

use super::*;

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../../../events/", $name, ".json"))).unwrap()
    };
}

fn read(event: &Value) -> Result<Trigger, HandlingError> {
    Trigger::read(&Event::read(event)?, &"123456789012".parse().unwrap())
}

#[test]
fn each_sample_is_read_as_what_it_is() {
    let changed = |event: Value| match read(&event).unwrap() {
        Trigger::Changed(kind, name) => (kind, name),
        other => panic!("{other:?}"),
    };
    let orders = "steward-orders-20261120t0200-3f9a1c07".to_owned();
    assert_eq!(changed(sample!("rds-snapshot-created")), (DatabaseKind::Instance, orders));
    let shop = "steward-shop-20261120t0200-b1d4e82a".to_owned();
    assert_eq!(changed(sample!("rds-cluster-snapshot-created")), (DatabaseKind::Cluster, shop));
    assert_eq!(changed(sample!("rds-snapshot-copied")).0, DatabaseKind::Instance);
    assert_eq!(changed(sample!("rds-snapshot-deleted")).0, DatabaseKind::Instance);
    assert_eq!(read(&sample!("sweep")).unwrap(), Trigger::Sweep);
    let due = read(&sample!("snapshot-due")).unwrap();
    assert_eq!(due, Trigger::Due("arn:aws:rds:eu-west-1:123456789012:db:orders".parse().unwrap()));
    match read(&sample!("snapshot-requested")).unwrap() {
        Trigger::Requested(asked) => assert_eq!(asked.request.as_str(), "release-142"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_comes_near_a_sample_is_dropped_or_refused() {
    for event in [
        sample!("near-misses/rds-snapshot-creating"),
        sample!("near-misses/rds-cluster-snapshot-creating"),
        sample!("near-misses/rds-snapshot-automated"),
        sample!("near-misses/rds-cluster-snapshot-automated"),
        sample!("near-misses/rds-backed-up-as-snapshot"),
        sample!("near-misses/rds-snapshot-of-a-person"),
        sample!("near-misses/rds-snapshot-other-account"),
        sample!("near-misses/rds-snapshot-other-source"),
        sample!("near-misses/snapshot-available"),
        sample!("near-misses/snapshot-requested-other-account"),
    ] {
        let read = read(&event).unwrap();
        assert!(matches!(read, Trigger::Ignored(..)), "{event} gives {read:?}");
    }
    assert!(read(&sample!("near-misses/rds-snapshot-keys-outside-detail")).is_err());
}

#[test]
fn what_is_not_known_is_told_as_unknown() {
    let event = json!({ "source": "aws.rds", "detail-type": "RDS DB Instance Event", "detail": {} });
    assert_eq!(read(&event).unwrap().word(), "unknown");
}

#[test]
fn a_request_with_a_field_too_much_or_a_wild_name_is_refused() {
    let refused = |detail: Value| {
        let event = json!({ "source": "steward", "detail-type": "Snapshot Requested", "detail": detail });
        matches!(read(&event), Err(HandlingError::Rejected(_)))
    };
    assert!(refused(json!({ "database": "shop", "request": "r", "delete": true })));
    assert!(refused(json!({ "database": "shop", "request": "Release 1" })));
    assert!(refused(json!({ "database": "shop" })));
    assert!(!refused(json!({ "database": "shop", "request": "r" })));
    let due = json!({ "source": "steward", "detail-type": "Snapshot Due", "detail": { "database": "shop" } });
    assert!(matches!(read(&due), Err(HandlingError::Rejected(_))), "what we set ourselves names an ARN");
}

#[test]
fn every_trigger_has_a_word_of_its_own() {
    let events =
        [sample!("sweep"), sample!("snapshot-due"), sample!("rds-snapshot-created"), sample!("snapshot-requested")];
    let found = events.map(|event| read(&event).unwrap().word());
    assert_eq!(found, ["sweep", "snapshot-due", "snapshot-changed", "snapshot-requested"]);
}
