//! What the fault explorer runs at each `make test`: every schedule in which delivery goes wrong, every schedule with one
//! fault at one call, and the designs that are known to be wrong; of the pair every so many of these. `make explore` runs
//! all, together, and random ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lab::explorer::case::Case;
use lab::explorer::choices::Bound;
use lab::explorer::search::{Search, Tally, Wrong, after, expose, wrong};
use lab::template::Template;

fn template() -> Arc<Template> {
    shared::metrics::silence();
    Arc::new(Template::read(include_str!("../../template.yaml"), &BTreeMap::new()).unwrap())
}

fn explored(scene: &str, bounds: &[Bound]) -> Tally {
    let mut search = Search::new(template(), Case::named(scene).unwrap()).unwrap();
    for bound in bounds {
        search.exhaust(*bound, None, false);
    }
    search.tally()
}

#[track_caller]
fn check(scene: &str, bounds: &[Bound]) {
    let tally = explored(scene, bounds);
    assert!(tally.complete && tally.schedules > 0);
    let found: Vec<String> = tally.found.iter().map(|f| format!("{} {}", f.replay(), f.violation)).collect();
    assert!(found.is_empty(), "{} schedules:\n{}", tally.schedules, found.join("\n"));
}

const DELIVERY: Bound = Bound::product(2, 0);
const ONE_FAULT: Bound = Bound::product(0, 1);

#[test]
fn a_tag_that_moves_twice_survives_every_delivery_and_every_single_fault() {
    check("follow", &[DELIVERY, ONE_FAULT]);
}

#[test]
fn two_releases_survive_every_delivery_and_every_single_fault() {
    check("semver", &[DELIVERY, ONE_FAULT]);
}

#[test]
fn held_untagged_and_opted_out_services_are_never_written() {
    check("beside", &[DELIVERY, ONE_FAULT]);
}

#[test]
fn a_service_pinned_by_hand_is_never_written() {
    check("by-hand", &[DELIVERY, ONE_FAULT]);
}

#[test]
fn announced_images_survive_every_delivery_and_every_single_fault() {
    check("announced", &[DELIVERY, ONE_FAULT]);
}

#[test]
fn a_bad_image_and_its_fix_survive_every_delivery_and_every_single_fault() {
    check("bad-fix", &[DELIVERY, ONE_FAULT]);
    check("release-bad-fix", &[DELIVERY, ONE_FAULT]);
}

#[test]
fn a_bad_image_after_a_good_one_survives_every_delivery_and_every_single_fault() {
    check("good-bad", &[DELIVERY, ONE_FAULT]);
    check("release-good-bad", &[DELIVERY, ONE_FAULT]);
}

/// Of the pair, whose schedules are long: nothing goes wrong, then every so many of those in which one thing does.
#[track_caller]
fn check_some(scene: &str, stride: usize) {
    let mut search = Search::new(template(), Case::named(scene).unwrap()).unwrap();
    search.sample(DELIVERY, stride.div_ceil(4), false);
    search.sample(ONE_FAULT, stride, false);
    let tally = search.tally();
    let found: Vec<String> = tally.found.iter().map(|f| format!("{} {}", f.replay(), f.violation)).collect();
    assert!(found.is_empty(), "{} schedules:\n{}", tally.schedules, found.join("\n"));
}

#[test]
fn what_ends_again_and_again_is_taken_back_once_and_told_once() {
    check_some("heal-crash", 20);
    check_some("heal-release", 40);
}

#[test]
fn two_services_that_break_at_once_are_healed_each_by_itself() {
    check_some("heal-two", 60);
}

#[test]
fn a_rollback_that_does_not_help_is_not_followed_by_another() {
    check_some("heal-fails", 60);
}

#[test]
fn a_service_that_has_not_opted_in_is_never_taken_back() {
    check_some("heal-dry-run", 40);
    check_some("heal-silent", 40);
    check_some("heal-quiet", 20);
}

#[test]
fn a_rollout_that_failed_is_told_once_whoever_takes_it_back() {
    check_some("heal-rollout", 20);
    check_some("heal-stop", 40);
}

#[test]
fn every_design_that_is_known_to_be_wrong_is_found() {
    for design in wrong() {
        let found = expose(&template(), design, after(Duration::from_mins(2))).unwrap();
        assert!(found.is_some(), "missed: {}", design.name);
    }
}

#[test]
fn a_night_of_backups_survives_every_delivery_and_every_single_fault() {
    check("snapshot-night", &[DELIVERY, ONE_FAULT]);
}

#[test]
fn a_night_of_backups_survives_a_fault_beside_a_tick_or_an_event_that_is_lost_or_comes_twice() {
    let mut search = Search::new(template(), Case::named("snapshot-night").unwrap()).unwrap();
    search.sample_pairs(40);
    let tally = search.tally();
    let found: Vec<String> = tally.found.iter().map(|f| format!("{} {}", f.replay(), f.violation)).collect();
    assert!(found.is_empty() && tally.schedules > 100, "{} schedules:\n{}", tally.schedules, found.join("\n"));
}

#[test]
fn a_slot_has_one_backup_whatever_fails_and_the_oldest_goes_when_it_is_there() {
    check("snapshot-cluster", &[DELIVERY, ONE_FAULT]);
    check_some("snapshot-prune", 2);
    check_some("snapshot-fails", 2);
}

#[test]
fn a_month_keeps_a_backup_whichever_nights_are_missed() {
    check_some("snapshot-month", 8);
}

#[test]
fn a_request_for_a_snapshot_is_answered_whatever_fails() {
    check_some("snapshot-request", 4);
}

#[test]
fn backups_are_copied_and_shared_whatever_fails() {
    check_some("snapshot-copy", 12);
}

#[test]
fn databases_that_are_busy_stopped_or_gone_lose_nothing() {
    check_some("snapshot-stopped", 4);
    check_some("snapshot-gone", 2);
}

/// What is found in a wrong design is its flaw, and not the scene's or the design's being small.
#[test]
fn in_the_small_design_without_a_flaw_nothing_is_found() {
    let sound: Vec<_> = wrong().filter_map(Wrong::sound).collect();
    assert_eq!(sound.len(), 9);
    for design in sound {
        let found = expose(&template(), design, after(Duration::from_secs(5))).unwrap();
        assert!(found.is_none(), "{found:?}");
    }
}

#[test]
fn a_push_is_rolled_after_its_migration_whatever_fails() {
    check_some("migrate-push", 6);
    check_some("migrate-plan", 24);
}

#[test]
fn one_migrates_at_a_time_and_the_newest_push_is_rolled() {
    check_some("migrate-two", 50);
    check_some("migrate-newer", 50);
}

#[test]
fn a_migration_that_does_not_end_well_is_told_and_not_rolled() {
    check_some("migrate-fails", 24);
    check_some("migrate-gone", 12);
    check_some("migrate-retry", 30);
    check_some("migrate-hangs", 24);
}

#[test]
fn nothing_is_migrated_before_there_is_something_to_go_back_to() {
    check_some("migrate-snapshot", 60);
    check_some("migrate-mark", 24);
    check_some("migrate-cluster", 60);
}

#[test]
fn a_rollout_that_waits_at_a_hook_goes_on_after_its_migration_or_back() {
    check_some("migrate-waits", 16);
    check_some("migrate-waits-fails", 24);
}

#[test]
fn a_migration_survives_a_state_table_that_is_out_of_reach_and_an_old_request() {
    check_some("migrate-outage", 40);
    check_some("migrate-lost", 24);
    check_some("migrate-again", 30);
}
