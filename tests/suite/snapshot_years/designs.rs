//! Designs of a snapshot function that are known to be wrong, each with one flaw, and the same design without it. The checks
//! must find what is wrong with each, and nothing in the last: else their silence about the real one would prove nothing.
//!
//! They are small on purpose: instances only, no requests, no copies, nobody is told anything.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbInstance, DbSnapshot, Tag};
use jiff::{SignedDuration, Timestamp};
use lab::account::Account;
use lab::function::{Function, InProcess};
use lab::rds::{Course, Kind};
use lab::steward;
use lab::template::FunctionSpec;
use serde_json::json;

use super::judge::Breach;
use super::model::{Days, Period, Policy};
use super::scene::{Scene, Weather};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// Deletes what is older than the policy's days, whether or not there is anything newer.
    ByAge,
    /// Says in a second call whose the snapshot is.
    TagsAfter,
    /// Takes a snapshot that failed for one.
    CountsFailed,
    /// Keeps for a month what the job takes on the 1st.
    MonthlyOnFirst,
}

fn host(flaw: Flaw, account: &Account, _: &FunctionSpec) -> Box<dyn Function> {
    let inside = account.clone();
    Box::new(InProcess::new(account, move |invocation| {
        let account = inside.clone();
        async move {
            if invocation.payload["detail-type"] == "Sweep" {
                sweep(flaw, &account).await;
            }
            Ok(json!({ "batchItemFailures": [] }))
        }
    }))
}

/// One look at everything. What fails is left to the next one.
async fn sweep(flaw: Flaw, account: &Account) {
    let clients = steward::clients(account);
    let (rds, now, days) = (clients.rds(), account.clock().now(), Days::new());
    let instances = rds.describe_db_instances().send().await;
    let snapshots = rds.describe_db_snapshots().snapshot_type("manual").into_paginator().items().send();
    let (Ok(instances), Ok(snapshots)) = (instances, snapshots.collect::<Result<Vec<_>, _>>().await) else { return };
    for instance in instances.db_instances() {
        let is_policy = |tag: &&Tag| tag.key() == Some("steward:snapshot");
        let Some(policy) = instance.tag_list().iter().find(is_policy) else { continue };
        let policy = Policy::read(policy.value().unwrap());
        let is_own = |snapshot: &&DbSnapshot| {
            snapshot.dbi_resource_id() == instance.dbi_resource_id() && slot_of(snapshot).is_some()
        };
        let own: Vec<&DbSnapshot> = snapshots.iter().filter(is_own).collect();
        take(flaw, rds, instance, &own, days.start(policy.finest().unwrap(), now)).await;
        prune(flaw, rds, &policy, &own, &days, now).await;
    }
}

/// The name says the slot: `steward-DATABASE-SECONDS-ATTEMPT`.
fn slot_of(snapshot: &DbSnapshot) -> Option<Timestamp> {
    let mut parts = snapshot.db_snapshot_identifier()?.strip_prefix("steward-")?.rsplit('-').skip(1);
    Timestamp::from_second(parts.next()?.parse().ok()?).ok()
}

fn is(snapshot: &DbSnapshot, status: &str) -> bool {
    snapshot.status() == Some(status)
}

async fn take(flaw: Flaw, rds: &Client, instance: &DbInstance, own: &[&DbSnapshot], slot: Timestamp) {
    let tries: Vec<_> = own.iter().filter(|snapshot| slot_of(snapshot) == Some(slot)).collect();
    let is_there = tries.iter().any(|snapshot| !is(snapshot, "failed") || flaw == Flaw::CountsFailed);
    if is_there || tries.len() >= 3 || instance.db_instance_status() != Some("available") {
        return;
    }
    let id = instance.db_instance_identifier().unwrap();
    let name = format!("steward-{id}-{}-{}", slot.as_second(), tries.len() + 1);
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let tags = vec![tag("steward:owner", "steward"), tag("steward:resource", instance.dbi_resource_id().unwrap())];
    let request = rds.create_db_snapshot().db_instance_identifier(id).db_snapshot_identifier(&name);
    if flaw != Flaw::TagsAfter {
        let _ = request.set_tags(Some(tags)).send().await;
    } else if let Ok(made) = request.send().await {
        let arn = made.db_snapshot().and_then(DbSnapshot::db_snapshot_arn).unwrap();
        let _ = rds.add_tags_to_resource().resource_name(arn).set_tags(Some(tags)).send().await;
    }
}

async fn prune(flaw: Flaw, rds: &Client, policy: &Policy, own: &[&DbSnapshot], days: &Days, now: Timestamp) {
    let finest = policy.finest().unwrap();
    let counts =
        |snapshot: &&DbSnapshot| is(snapshot, "available") || flaw == Flaw::CountsFailed && is(snapshot, "failed");
    let backups: BTreeMap<Timestamp, &DbSnapshot> =
        own.iter().copied().filter(counts).filter_map(|snapshot| Some((slot_of(snapshot)?, snapshot))).collect();
    let slots: BTreeSet<Timestamp> = backups.keys().copied().collect();
    let daily = policy.parts().iter().find(|(period, _)| *period == finest).unwrap().1;
    let kept = match flaw {
        Flaw::ByAge => {
            let oldest = now - finest.length() * i32::try_from(daily).unwrap();
            slots.range(oldest..).copied().collect()
        }
        Flaw::MonthlyOnFirst => {
            let monthly = policy.parts().iter().find(|(period, _)| *period == Period::Monthly).map_or(0, |part| part.1);
            let firsts = slots.iter().rev().filter(|slot| days.date(**slot).day() == 1).take(monthly);
            slots.iter().rev().take(daily).chain(firsts).copied().collect()
        }
        _ => policy.promised(days, &slots),
    };
    let time = |snapshot: &DbSnapshot| Timestamp::from_second(snapshot.snapshot_create_time().unwrap().secs()).unwrap();
    let newest = own.iter().filter(|snapshot| is(snapshot, "available")).map(|snapshot| time(snapshot)).max();
    let is_stale = newest.is_none_or(|newest| now.duration_since(newest) > finest.length() * 3 / 2);
    let surplus = backups.iter().filter(|(slot, _)| !kept.contains(slot)).map(|(_, snapshot)| *snapshot);
    let room = if flaw == Flaw::ByAge { usize::MAX } else { backups.len().saturating_sub(2) };
    let over = |snapshot: &&DbSnapshot| is(snapshot, "failed") && slot_of(snapshot) < Some(days.start(finest, now));
    let failed = own.iter().copied().filter(over).filter(|_| flaw != Flaw::CountsFailed);
    if is_stale && !matches!(flaw, Flaw::ByAge | Flaw::CountsFailed) {
        return;
    }
    for snapshot in surplus.take(room).chain(failed).take(10) {
        let name = snapshot.db_snapshot_identifier().unwrap();
        let _ = rds.delete_db_snapshot().db_snapshot_identifier(name).send().await;
    }
}

/// Three months of a few databases: snapshots fail now and then, those of one database for days, calls fail, and Steward is
/// away over the beginning of a month. Every kind of breach that shows, but for what people are not told.
async fn shown(flaw: Flaw) -> BTreeSet<Breach> {
    let mut scene = Scene::new(11, "2026-04-20T10:00:00Z", |account, spec| host(flaw, account, spec));
    let policies = ["daily:4 monthly:6", "daily:7 weekly:4", "daily:3 monthly:3", "daily:5"];
    for number in 0..8 {
        scene.create(&format!("db{number}"), Kind::Instance, false, policies[number % policies.len()], false);
    }
    let rds = scene.account.rds();
    for tick in 0..3 * 95 {
        scene.pass(scene.now() + SignedDuration::from_hours(8), 0.0).await;
        for number in 0..8 {
            if scene.rng.f64() < 0.03 {
                rds.next_snapshot(&format!("db{number}"), Course::FailsAfter(SignedDuration::from_mins(9)));
            }
        }
        match tick {
            60 => drop(rds.snapshots_go("db3", Course::FailsAfter(SignedDuration::from_mins(9)))),
            90 => drop(rds.snapshots_go("db3", Course::default())),
            _ => {}
        }
        if (115..135).contains(&tick) {
            continue;
        }
        let weather = if scene.rng.f64() < 0.1 { Weather::Storm } else { Weather::Fair };
        scene.sweep(weather).await;
    }
    scene.judge_end();
    let told = [Breach::StaleUntold, Breach::ResumedUntold, Breach::StaleForNothing];
    scene.breaches.iter().map(|(_, breach, _)| *breach).filter(|breach| !told.contains(breach)).collect()
}

#[tokio::test]
async fn in_a_small_design_without_a_flaw_nothing_is_found() {
    assert_eq!(shown(Flaw::None).await, BTreeSet::new());
}

#[tokio::test]
async fn deleting_by_age_while_no_snapshot_comes_is_found() {
    let found = shown(Flaw::ByAge).await;
    assert!(found.contains(&Breach::DeletedWhileStale) && found.contains(&Breach::BelowMinimum), "{found:?}");
}

#[tokio::test]
async fn saying_whose_a_snapshot_is_in_a_second_call_is_found() {
    assert_eq!(shown(Flaw::TagsAfter).await, BTreeSet::from([Breach::Unowned]));
}

#[tokio::test]
async fn counting_failed_snapshots_is_found() {
    let found = shown(Flaw::CountsFailed).await;
    assert!(found.contains(&Breach::NoBackup) && found.contains(&Breach::PromisedDeleted), "{found:?}");
}

#[tokio::test]
async fn keeping_for_a_month_only_what_the_first_day_gives_is_found() {
    let found = shown(Flaw::MonthlyOnFirst).await;
    assert!(found.contains(&Breach::PromisedDeleted) && found.contains(&Breach::PeriodLost), "{found:?}");
}
