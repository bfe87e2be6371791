//! What stands in the place of `snapshot`: itself, or a design that is known to be wrong. Each must be found.
//!
//! The wrong designs are small on purpose: they look at everything at each tick, tell nobody anything, and each has one flaw.
//! Beside them stands the same design without one: what is found in it is a mistake of the scene.

use std::collections::BTreeSet;
use std::fmt::Display;

use aws_sdk_rds::types::{DbInstance, DbSnapshot, Tag};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::aws::Clients;

use super::super::properties::Property;
use crate::account::Account;
use crate::function::{Function, FunctionError, InProcess, Invocation};
use crate::steward;
use crate::template::FunctionSpec;

/// When a day of snapshots begins.
const BEGINS: SignedDuration = SignedDuration::from_hours(2);

/// A design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// The real one.
    Snapshot,
    /// The small one without a flaw.
    Sound,
    /// Deletes what is older than the policy says, whether or not there is anything newer.
    ByAge,
    /// Says in a second call whose the snapshot is.
    TagsAfter,
    /// Takes a snapshot that failed for one.
    CountsFailed,
    /// Keeps for a month what is taken on the 1st.
    MonthlyOnFirst,
    /// Names a snapshot by the minute of the tick, and trusts in the name alone.
    MinuteNames,
}

impl Design {
    /// The wrong ones.
    pub const WRONG: [Self; 5] =
        [Self::ByAge, Self::TagsAfter, Self::CountsFailed, Self::MonthlyOnFirst, Self::MinuteNames];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Sound => "small, and without a flaw",
            Self::ByAge => "deleted by age, whatever there is",
            Self::TagsAfter => "owner tag in a second call",
            Self::CountsFailed => "failed snapshots count",
            Self::MonthlyOnFirst => "monthly is what the 1st gives",
            Self::MinuteNames => "named by the minute of the tick",
        }
    }

    /// The scene in which it fails, and what it breaks there.
    pub fn breaks(self) -> (&'static str, Property) {
        match self {
            Self::Snapshot | Self::Sound | Self::ByAge => ("snapshot-prune", Property::TooSoon),
            Self::TagsAfter => ("snapshot-prune", Property::Unowned),
            Self::CountsFailed => ("snapshot-fails", Property::OneEach),
            Self::MonthlyOnFirst => ("snapshot-month", Property::Lost),
            Self::MinuteNames => ("snapshot-cluster", Property::OneEach),
        }
    }

    /// The call whose fault shows that it is wrong. The others fail where nothing goes wrong, or in delivery.
    pub fn fails_at(self) -> Option<&'static str> {
        match self {
            Self::ByAge => Some("CreateDBSnapshot"),
            Self::TagsAfter => Some("AddTagsToResource"),
            _ => None,
        }
    }

    /// Whether it is the sound one with a flaw, and no other.
    pub fn is_flaw_of_sound(self) -> bool {
        matches!(self, Self::ByAge | Self::TagsAfter | Self::CountsFailed | Self::MonthlyOnFirst)
    }

    /// The design as a function of the world.
    pub(super) fn function(self, account: &Account, spec: &FunctionSpec) -> Box<dyn Function> {
        if self == Self::Snapshot {
            return steward::host::<snapshot::Snapshot>(account, spec);
        }
        let inside = account.clone();
        Box::new(InProcess::new(account, move |invocation| handle(self, inside.clone(), invocation)))
    }
}

fn failed(error: impl Display) -> FunctionError {
    FunctionError::Reported { kind: "Failed".to_owned(), message: error.to_string() }
}

async fn handle(design: Design, account: Account, invocation: Invocation) -> Result<Value, FunctionError> {
    let body = invocation.payload["Records"][0]["body"].as_str().unwrap_or_default();
    let event: Value = serde_json::from_str(body).unwrap_or_default();
    if event["detail-type"] == "Sweep" {
        let clients = steward::clients(&account);
        let now = account.clock().now();
        if design == Design::MinuteNames {
            take_by_minute(&clients, now).await?;
        } else {
            sweep(design, &clients, now).await?;
        }
    }
    Ok(json!({ "batchItemFailures": [] }))
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Whose a snapshot is.
fn owned(resource: Option<&str>) -> Vec<Tag> {
    vec![tag("steward:owner", "steward"), tag("steward:resource", resource.unwrap_or_default())]
}

/// One of the same name would be refused; one of the next minute has another name.
async fn take_by_minute(clients: &Clients, now: Timestamp) -> Result<(), FunctionError> {
    let since = now - BEGINS;
    let is_due = since.strftime("%H:%M").to_string().as_str() < "00:05";
    let listed = clients.rds().describe_db_clusters().send().await.map_err(failed)?;
    for cluster in listed.db_clusters().iter().filter(|_| is_due) {
        let id = cluster.db_cluster_identifier().unwrap_or_default();
        let name = format!("steward-{id}-{}", since.strftime("%Y%m%d-%H%M"));
        let request = clients.rds().create_db_cluster_snapshot().db_cluster_identifier(id);
        let request = request.db_cluster_snapshot_identifier(name);
        // What is there already is well.
        let _ = request.set_tags(Some(owned(cluster.db_cluster_resource_id()))).send().await;
    }
    Ok(())
}

/// A snapshot as its name says it: `steward-DATABASE-DATE-TRY`.
struct Own<'a> {
    name: &'a str,
    date: &'a str,
    status: &'a str,
    created: Timestamp,
}

impl<'a> Own<'a> {
    fn read(snapshot: &'a DbSnapshot) -> Option<Self> {
        let name = snapshot.db_snapshot_identifier()?;
        let mut parts = name.strip_prefix("steward-")?.rsplit('-').skip(1);
        let date = parts.next().filter(|date| date.len() == 8)?;
        let created = Timestamp::from_second(snapshot.snapshot_create_time()?.secs()).ok()?;
        Some(Self { name, date, status: snapshot.status()?, created })
    }
}

async fn sweep(design: Design, clients: &Clients, now: Timestamp) -> Result<(), FunctionError> {
    let rds = clients.rds();
    let instances = rds.describe_db_instances().send().await.map_err(failed)?;
    let listed = rds.describe_db_snapshots().snapshot_type("manual").send().await.map_err(failed)?;
    let today = (now - BEGINS).strftime("%Y%m%d").to_string();
    for instance in instances.db_instances() {
        let of_it = |snapshot: &&DbSnapshot| snapshot.dbi_resource_id() == instance.dbi_resource_id();
        let own: Vec<Own<'_>> = listed.db_snapshots().iter().filter(of_it).filter_map(Own::read).collect();
        // What cannot be taken now is tried at the next tick.
        let _ = take(design, clients, instance, &own, &today).await;
        for name in surplus(design, instance, &own, &today, now) {
            rds.delete_db_snapshot().db_snapshot_identifier(name).send().await.map_err(failed)?;
        }
    }
    Ok(())
}

async fn take(
    design: Design,
    clients: &Clients,
    instance: &DbInstance,
    own: &[Own<'_>],
    today: &str,
) -> Result<(), FunctionError> {
    let tries: Vec<&Own<'_>> = own.iter().filter(|own| own.date == today).collect();
    let counts = |own: &&Own<'_>| own.status != "failed" || design == Design::CountsFailed;
    if tries.iter().any(counts) {
        return Ok(());
    }
    let id = instance.db_instance_identifier().unwrap_or_default();
    let name = format!("steward-{id}-{today}-{}", tries.len() + 1);
    let tags = owned(instance.dbi_resource_id());
    let request = clients.rds().create_db_snapshot().db_instance_identifier(id).db_snapshot_identifier(name);
    if design != Design::TagsAfter {
        return request.set_tags(Some(tags)).send().await.map(drop).map_err(failed);
    }
    let made = request.send().await.map_err(failed)?;
    let arn = made.db_snapshot().and_then(DbSnapshot::db_snapshot_arn).unwrap_or_default();
    let request = clients.rds().add_tags_to_resource().resource_name(arn).set_tags(Some(tags));
    request.send().await.map(drop).map_err(failed)
}

/// What is to go.
fn surplus<'a>(design: Design, instance: &DbInstance, own: &[Own<'a>], today: &str, now: Timestamp) -> Vec<&'a str> {
    let policy = instance.tag_list().iter().find(|tag| tag.key() == Some("steward:snapshot"));
    let policy = policy.and_then(Tag::value).unwrap_or_default();
    let many = |kind: &str| {
        let part = policy.split(' ').find_map(|part| part.strip_prefix(kind)?.strip_prefix(':'));
        part.and_then(|count| count.parse::<usize>().ok()).unwrap_or_default()
    };
    let backups = || own.iter().filter(|own| own.status == "available");
    if design == Design::ByAge {
        let days = i32::try_from(many("daily")).unwrap_or_default();
        let oldest = now - SignedDuration::from_hours(24) * days - SignedDuration::from_mins(5);
        return backups().filter(|own| own.created < oldest).map(|own| own.name).collect();
    }
    // Nothing goes before the new one is there.
    if !backups().any(|own| own.date == today) {
        return Vec::new();
    }
    let dates: BTreeSet<&str> = backups().map(|own| own.date).collect();
    let mut kept: BTreeSet<&str> = dates.iter().rev().take(many("daily")).copied().collect();
    let month = |date: &'a str| date.get(..6).unwrap_or_default();
    let months: BTreeSet<&str> = dates.iter().map(|date| month(date)).collect();
    for of in months.iter().rev().take(many("monthly")) {
        let mut in_month = dates.iter().rev().filter(|date| month(date) == *of);
        kept.extend(match design {
            Design::MonthlyOnFirst => in_month.find(|date| date.ends_with("01")),
            _ => in_month.next(),
        });
    }
    backups().filter(|own| !kept.contains(own.date)).map(|own| own.name).collect()
}
