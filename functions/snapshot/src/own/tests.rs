//! What is ours and what is not. Tags are inherited both ways, and people copy them: none of that may make a snapshot ours.

use proptest::prelude::*;

use super::*;
use crate::fixtures::{OWNER, TODAY, at, attempt, copied, database, listed, minutes, ours};
use crate::observe::model::Status;

fn scheduled() -> Purpose {
    Purpose::Scheduled { slot: at(TODAY), attempt: 1 }
}

fn asked(name: &str) -> Purpose {
    Purpose::Requested { request: name.parse().unwrap() }
}

fn snapshot() -> Snapshot {
    listed(&database(&[]), &scheduled(), at(TODAY), Status::Available)
}

#[test]
fn a_name_tells_database_and_slot_and_is_the_same_each_time() {
    let name = |attempt| Purpose::Scheduled { slot: at(TODAY), attempt }.name(OWNER, "db-SHOP", "shop");
    assert!(name(1).starts_with("steward-shop-20261121t0200-"), "{}", name(1));
    assert_eq!(name(2), format!("{}-2", name(1)));
    assert_eq!(name(1), scheduled().name(OWNER, "db-SHOP", "shop"));
    let asked = asked("before-1-4-2").name(OWNER, "db-SHOP", "shop");
    assert!(asked.starts_with("steward-shop-req-before-1-4-2-"), "{asked}");
}

#[test]
fn names_differ_by_owner_by_database_by_slot_and_by_request_even_where_they_are_cut() {
    let slot = |slot: &str| Purpose::Scheduled { slot: at(slot), attempt: 1 };
    let long = "a-database-with-quite-a-long-name-of-its-own";
    let names = [
        slot(TODAY).name(OWNER, "db-1", long),
        slot(TODAY).name(OWNER, "db-2", long),
        slot(TODAY).name("steward-2", "db-1", long),
        slot("2026-11-20T02:00:00Z").name(OWNER, "db-1", long),
        asked("release-2026-11-21-a").name(OWNER, "db-1", long),
        asked("release-2026-11-21-b").name(OWNER, "db-1", long),
    ];
    let different: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:#?}");
}

#[test]
fn what_was_made_is_ours_and_says_what_it_was_made_for() {
    let claim = Claim::of(OWNER, &snapshot()).unwrap();
    assert_eq!(claim, Claim { purpose: scheduled(), resource: "db-SHOP".to_owned(), started: at(TODAY) + minutes(1) });
    let third = attempt(at(TODAY), 3, Status::Failed);
    assert_eq!(third.claim.purpose, Purpose::Scheduled { slot: at(TODAY), attempt: 3 });
    let asked = ours(listed(&database(&[]), &asked("r-1"), at(TODAY), Status::Available));
    assert_eq!(asked.claim.slot(), None);
}

#[test]
fn a_database_that_was_renamed_keeps_its_snapshots() {
    let before = snapshot();
    let after = Claim::of(OWNER, &before).unwrap();
    assert_eq!(after.resource, "db-SHOP");
    assert_eq!(before.tags["steward:database"], "shop", "the name that it had then is what its own name follows from");
}

#[test]
fn a_persons_snapshot_that_took_all_our_tags_over_from_its_database_is_not_ours() {
    let mut theirs = snapshot();
    theirs.name = "before-the-big-change".to_owned();
    assert_eq!(Claim::of(OWNER, &theirs), None);
    theirs.name = "steward-shop-20261121t0200-00000000".to_owned();
    assert_eq!(Claim::of(OWNER, &theirs), None, "not even under a name that looks like ours");
    theirs.name = format!("{}-4", snapshot().name);
    assert_eq!(Claim::of(OWNER, &theirs), None, "nor as a try that we do not make");
}

#[test]
fn a_snapshot_of_a_database_that_was_restored_from_ours_is_not_ours() {
    // The restored database has all the snapshot's tags, and passes them on. Its resource id is another.
    let mut inherited = snapshot();
    inherited.resource = Some("db-RESTORED".to_owned());
    assert_eq!(Claim::of(OWNER, &inherited), None, "not even under our name");
    inherited.name = "nightly-copy".to_owned();
    assert_eq!(Claim::of(OWNER, &inherited), None);
}

#[test]
fn another_stacks_snapshot_is_not_ours_nor_ours_theirs() {
    assert_eq!(Claim::of("steward-staging", &snapshot()), None);
    let mut taken_over = snapshot();
    taken_over.tags.insert(tag::OWNER.to_owned(), "steward-staging".to_owned());
    assert_eq!(Claim::of("steward-staging", &taken_over), None, "a tag that a person rewrites does not give it away");
    assert_eq!(Claim::of(OWNER, &taken_over), None);
}

#[test]
fn every_tag_that_the_name_follows_from_is_needed_and_none_can_be_changed() {
    let own = snapshot();
    for key in [tag::OWNER, tag::CLASS, tag::SLOT, tag::RESOURCE, tag::DATABASE, tag::STARTED] {
        let mut less = own.clone();
        less.tags.remove(key);
        assert_eq!(Claim::of(OWNER, &less), None, "without {key}");
    }
    for (key, value) in [
        (tag::CLASS, "requested"),
        (tag::CLASS, "other"),
        (tag::SLOT, "2026-11-20T02:00:00Z"),
        (tag::SLOT, "yesterday"),
        (tag::RESOURCE, "db-OTHER"),
        (tag::DATABASE, "shop-2"),
        (tag::STARTED, "soon"),
    ] {
        let mut other = own.clone();
        other.resource = None;
        other.tags.insert(key.to_owned(), value.to_owned());
        assert_eq!(Claim::of(OWNER, &other), None, "{key} = {value}");
    }
}

#[test]
fn a_copy_is_ours_though_rds_does_not_say_of_which_database_it_is() {
    let mut copy = copied(&ours(snapshot()), Status::Available).snapshot;
    assert_eq!(copy.tags[tag::COPIED_FROM], "eu-west-1");
    copy.resource = None;
    assert_eq!(Claim::of(OWNER, &copy).unwrap().purpose, scheduled());
}

#[test]
fn a_restored_database_does_not_opt_in_by_what_it_inherits() {
    let database = database(&[("steward:snapshot", "daily:7"), ("steward:copy", "eu-central-1"), ("aws:x", "y")]);
    let tags = scheduled().tags(OWNER, &database, "daily:7", at(TODAY));
    let keys: Vec<&str> = tags.iter().map(|(key, _)| key.as_str()).collect();
    assert!(keys.contains(&"team"), "{keys:?}");
    for kept_back in ["steward:snapshot", "steward:copy", "aws:x"] {
        assert!(!keys.contains(&kept_back), "{keys:?}");
    }
    let restored = shared::tags::DatabaseTags::parse(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    assert_eq!(restored.unwrap().snapshot, None);
}

#[test]
fn a_copy_takes_over_all_tags_but_the_hold() {
    let mut source = snapshot().tags;
    source.insert(tag::HOLD.to_owned(), "audit".to_owned());
    source.insert("aws:cloudformation:stack-name".to_owned(), "shop".to_owned());
    let tags: BTreeMap<String, String> = tags_of_copy(&source, "eu-west-1").into_iter().collect();
    assert!(!tags.contains_key(tag::HOLD) && !tags.contains_key("aws:cloudformation:stack-name"), "{tags:?}");
    assert_eq!((tags[tag::COPIED_FROM].as_str(), tags["team"].as_str()), ("eu-west-1", "web"));
}

/// What RDS takes as the identifier of a snapshot, for both kinds of databases.
fn is_identifier(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.ends_with('-')
        && !name.contains("--")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn names_are_identifiers_for_both_kinds_however_wild_their_parts(
        owner in ".{0,140}",
        resource in ".{0,60}",
        database in prop_oneof![".{0,80}", "[a-zA-Z][a-zA-Z0-9-]{0,62}", "-{0,70}"],
        second in 0_i64..4_000_000_000,
        attempt in 1_u32..=3,
        request in "[a-z0-9-]{1,32}",
    ) {
        let slot = Timestamp::from_second(second).unwrap();
        for purpose in [Purpose::Scheduled { slot, attempt }, asked(&request)] {
            let name = purpose.name(&owner, &resource, &database);
            prop_assert!(is_identifier(&name) && name.starts_with("steward-"), "{name}");
        }
    }

    #[test]
    fn what_is_made_is_always_recognized_and_has_at_most_fifty_tags_hold_and_copy_included(
        theirs in prop::collection::vec(("[a-zA-Z:]{1,20}", ".{0,20}"), 0..60),
        second in 0_i64..4_000_000_000,
        attempt in 1_u32..=3,
        request in "[a-z0-9-]{1,32}",
        is_request in any::<bool>(),
    ) {
        let mut database = database(&[]);
        database.tags = theirs;
        let slot = Timestamp::from_second(second).unwrap();
        let purpose = if is_request { asked(&request) } else { Purpose::Scheduled { slot, attempt } };
        let tags = purpose.tags(OWNER, &database, "daily:7", slot);
        prop_assert!(tags.len() <= 48);
        let snapshot = listed(&database, &purpose, slot, Status::Available);
        let claim = Claim::of(OWNER, &snapshot);
        prop_assert_eq!(claim.map(|claim| claim.purpose), Some(purpose.clone()));
        let copy = tags_of_copy(&snapshot.tags, "eu-west-1");
        prop_assert!(copy.len() <= 49);
        let copy = Snapshot { tags: copy.into_iter().collect(), resource: None, ..snapshot };
        prop_assert_eq!(Claim::of(OWNER, &copy).map(|claim| claim.purpose), Some(purpose));
    }
}
