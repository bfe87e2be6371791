//! Five weeks of three databases, act by act.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use lab::rds::{Course, SnapshotSeen};
use serde_json::{Value, json};

use super::telling::Shown;
use super::{ELSEWHERE, Nights};
use crate::page::Look;
use crate::reading::{attribute, text};
use crate::stage::{Result, counted};

/// A DB instance.
const ORDERS: &str = "shop-orders";
/// An Aurora cluster, encrypted, copied to another region.
const RECORDS: &str = "clinic-records";
/// A DB instance.
const LEDGER: &str = "bank-ledger";
/// It has no tag of Steward's.
const SEARCH: &str = "shop-search";

/// The first night.
const FIRST: Date = date(2037, 2, 28);
/// The night in which a database cannot be snapshotted.
const BAD: Date = date(2037, 3, 17);
/// The last night; its table is shown.
const LAST: Date = date(2037, 4, 1);

/// Plays all of it.
pub(super) async fn play(nights: &mut Nights<'_>) -> Result<()> {
    nights.rds().instance(ORDERS).tag("steward:snapshot", "daily:7 weekly:4 monthly:3").create();
    let records = nights.rds().aurora(RECORDS, 2).tag("steward:snapshot", "daily:7 weekly:4").encrypted(None);
    records.tag("steward:copy", ELSEWHERE).create();
    nights.rds().instance(LEDGER).tag("steward:snapshot", "daily:14").create();
    nights.rds().instance(SEARCH).create();
    weeks_without_a_word(nights).await?;
    let foreign = what_others_have(nights)?;
    a_night_that_fails(nights).await?;
    what_is_kept(nights).await?;
    a_release_asks(nights, &records_arn()).await?;
    let after = of_others(nights);
    nights.check(
        foreign == after,
        "no snapshot that is not Steward's, and none of the database without a tag, was touched",
    );
    Ok(())
}

async fn weeks_without_a_word(nights: &mut Nights<'_>) -> Result<()> {
    nights.act(
        "Backups, night after night",
        "A tag on each database is the policy: shop-orders daily:7 weekly:4 monthly:3, the Aurora cluster clinic-records \
         daily:7 weekly:4 and copied to eu-central-1, bank-ledger daily:14. Days begin at 02:00 in Berlin.",
    );
    nights.night(FIRST).await?;
    let quiet = BAD.yesterday()?;
    nights.nights(FIRST.tomorrow()?, quiet).await?;
    let count = nights_until(quiet)?;
    let taken = [ORDERS, RECORDS, LEDGER].map(|database| taken(nights, database).len());
    let text = format!("after {count} nights {} of each of the three were taken", counted(count, "snapshot"));
    nights.check(taken == [count; 3], &text);
    let silent = nights.ledger.alerts.is_empty() && failures(nights) == 0;
    nights.check(silent, "nobody is told anything, as nothing is wrong");
    Ok(())
}

/// Snapshots that look like Steward's or stand beside them. Answers all that are not Steward's, as they are.
fn what_others_have(nights: &Nights<'_>) -> Result<Vec<SnapshotSeen>> {
    let rds = nights.rds();
    let now = nights.world.now();
    let ours = ours(nights, ORDERS).into_iter().next().ok_or("no snapshot of shop-orders")?;
    let tags: Vec<(&str, &str)> = ours.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let put = rds.put_snapshot(ORDERS, "before-the-migration", now, &[("owner", "ana")])
        && rds.put_snapshot(ORDERS, "steward-shop-orders-by-hand", now, &tags)
        && rds.put_snapshot(SEARCH, "search-2019", now, &[])
        && rds.put_snapshot(ORDERS, "rds:shop-orders-2037-03-16-04-10", now, &[]);
    if put { Ok(of_others(nights)) } else { Err("the lab takes no snapshots of others".into()) }
}

async fn a_night_that_fails(nights: &mut Nights<'_>) -> Result<()> {
    nights.act("A night that fails", "On 17 March the snapshots of bank-ledger fail. RDS has no event for that.");
    for _ in 0..3 {
        nights.rds().next_snapshot(LEDGER, Course::FailsAfter(SignedDuration::from_mins(5)));
    }
    nights.telling.shown = Shown::Only(LEDGER);
    let before = ours(nights, LEDGER).len();
    for (hour, minute) in [(2, 0), (2, 15), (2, 30), (2, 45), (14, 15)] {
        nights.sweep_at(nights.at(BAD, hour, minute)?).await?;
    }
    let tried = told(nights, &["snapshot-failed", "snapshot-failed", "snapshot-failed", "backup-stale"]);
    nights.check(tried, "three tries are made; the team is told of each, and when the newest backup is 36 hours old");
    let next = BAD.tomorrow()?;
    nights.sweep_at(nights.at(next, 2, 0)?).await?;
    let backups = ours(nights, LEDGER).iter().filter(|it| it.status == "available").count();
    let cleared = deletions(nights, LEDGER) == 3;
    nights.check(
        backups == before && cleared,
        "the failed ones are cleared away; until there is a new backup, not even one that is due to go is deleted",
    );
    nights.sweep_at(nights.at(next, 2, 15)?).await?;
    let over = nights.ledger.alerts.last().is_some_and(|alert| attribute(alert, "kind") == "backup-resumed");
    let left = ours(nights, LEDGER);
    let clean = deletions(nights, LEDGER) == 4 && left.iter().all(|it| it.status == "available");
    nights.check(over && clean, "it resumes in the next night, the team is told, and the one that was due goes");
    Ok(())
}

async fn what_is_kept(nights: &mut Nights<'_>) -> Result<()> {
    nights.act(
        "What is kept, and why",
        "Two weeks on; somebody holds the snapshot of 20 March. What a sweep of 1 April returns for shop-orders:",
    );
    nights.nights(BAD.saturating_add(jiff::Span::new().days(2)), date(2037, 3, 21)).await?;
    let held = ours(nights, ORDERS).into_iter().find(|it| it.id.contains("20370320"));
    let held = held.ok_or("no snapshot of 20 March")?.id;
    nights.rds().hold(&held, "audit");
    nights.nights(date(2037, 3, 22), LAST.yesterday()?).await?;
    nights.telling.shown = Shown::None;
    nights.sweep_at(nights.at(LAST, 2, 0)?).await?;
    let report = nights.look(nights.at(LAST, 2, 15)?).await?;
    let rows: Vec<&Value> = report["snapshots"].as_array().into_iter().flatten().collect();
    let table: Vec<&Value> = rows.into_iter().filter(|row| row["database"] == ORDERS).collect();
    show(nights, &table);
    let count = |verdict: &str| table.iter().filter(|row| row["verdict"] == verdict).count();
    let (kept, deleted) = (count("keep"), count("delete"));
    let is_spared = |row: &&&Value| row["verdict"] == "spare" && row["snapshot"] == held.as_str();
    let met = kept == 10 && deleted == 1 && count("spare") == 1 && table.iter().any(|row| is_spared(&row));
    nights.check(met, "of 33 nights 7 days, 4 weeks and 3 months are there; what is held stays beyond that");
    let left = ours(nights, ORDERS);
    let slots: Vec<&str> = left.iter().filter_map(|it| it.tags.get("steward:slot").map(String::as_str)).collect();
    let moved = ["2037-03-28T01:00:00Z", "2037-03-29T01:00:00Z", "2037-03-30T00:00:00Z"];
    let moved = moved.iter().all(|slot| slots.contains(slot));
    nights.check(moved, "summer time began on 29 March: that night has no 02:00 in Berlin, and has its snapshot");
    nights.sweep_at(nights.at(LAST, 2, 30)?).await?;
    let (here, there) = (names(&ours(nights, RECORDS)), copies(nights));
    let same = !here.is_empty() && here == there;
    let text =
        format!("{} of clinic-records are in {ELSEWHERE}, the same as here: copied once, pruned alike", there.len());
    nights.check(same, &text);
    nights.telling.shown = Shown::All;
    Ok(())
}

async fn a_release_asks(nights: &mut Nights<'_>, database: &str) -> Result<()> {
    nights.act(
        "A release asks",
        "Before it migrates, a pipeline puts Snapshot Requested on the bus, and by mistake twice.",
    );
    let detail = json!({"database": database, "request": "release-2-5-0", "requested-by": "CI"});
    nights.run_until(nights.at(LAST, 10, 0)?).await?;
    nights.request("release-once", &detail).await?;
    nights.request("release-twice", &detail).await?;
    nights.run_until(nights.at(LAST, 10, 30)?).await?;
    let requested = |nights: &Nights<'_>| ours(nights, RECORDS).iter().filter(|it| it.id.contains("-req-")).count();
    let answered = |nights: &Nights<'_>, times: usize| {
        let all = &nights.telling.answers;
        let good = |(kind, detail): &(String, Value)| {
            kind == "Snapshot Available" && text(detail, "request") == "release-2-5-0"
        };
        all.len() == times && all.iter().all(good)
    };
    let once = requested(nights) == 1 && answered(nights, 1);
    nights.check(once, "one snapshot; answered on the bus when it is available, so that the migration can begin");
    nights.request("release-later", &detail).await?;
    let again = requested(nights) == 1 && answered(nights, 2);
    nights.check(again, "asked once more, it is answered at once with the same snapshot");
    Ok(())
}

/// The rows of a database, as a table.
fn show(nights: &Nights<'_>, table: &[&Value]) {
    let heading = format!("     {:48}  {:12}  {:7}  {}", "snapshot", "moment", "verdict", "why");
    nights.page.plain(Look::Dim, &heading);
    for row in table {
        let moment = text(row, "moment").parse::<Timestamp>().map(|at| nights.telling.date(at)).unwrap_or_default();
        let (name, verdict) = (text(row, "snapshot"), text(row, "verdict"));
        let look = match verdict {
            "keep" => Look::Plain,
            "spare" => Look::Yellow,
            _ => Look::Red,
        };
        nights.page.plain(look, &format!("     {name:48}  {moment:>12}  {verdict:7}  {}", text(row, "why")));
    }
}

/// Nights from the first to this one.
fn nights_until(last: Date) -> Result<usize> {
    Ok(usize::try_from(FIRST.until(last)?.get_days())? + 1)
}

/// Steward's own snapshots of a database, here.
fn ours(nights: &Nights<'_>, database: &str) -> Vec<SnapshotSeen> {
    let all = nights.rds().snapshots().into_iter();
    all.filter(|it| it.database == database && is_ours(it)).collect()
}

/// Whether Steward has taken it: it says so, and nobody made its name by hand.
fn is_ours(snapshot: &SnapshotSeen) -> bool {
    snapshot.tags.contains_key("steward:owner") && !snapshot.id.ends_with("by-hand")
}

/// All snapshots that others have made.
fn of_others(nights: &Nights<'_>) -> Vec<SnapshotSeen> {
    nights.rds().snapshots().into_iter().filter(|it| !is_ours(it)).collect()
}

/// Names of the scheduled snapshots among these.
fn names(snapshots: &[SnapshotSeen]) -> Vec<String> {
    snapshots.iter().filter(|it| it.status == "available").map(|it| it.id.clone()).collect()
}

/// Names of the copies of clinic-records.
fn copies(nights: &Nights<'_>) -> Vec<String> {
    names(&nights.account.rds_in(ELSEWHERE).snapshots())
}

/// ARN of the Aurora cluster.
fn records_arn() -> String {
    format!("arn:aws:rds:{}:{}:cluster:{RECORDS}", lab::context::REGION, lab::context::ACCOUNT_ID)
}

/// How many calls or decisions failed since the act began.
fn failures(nights: &Nights<'_>) -> usize {
    let records = nights.ledger.works.iter().flat_map(|work| &work.records);
    records.filter(|record| record["decision"] == "failed").count()
}

/// What was taken of a database since the act began, by the function's records.
fn taken<'a>(nights: &'a Nights<'_>, database: &str) -> Vec<&'a str> {
    let records = nights.ledger.works.iter().flat_map(|work| &work.records);
    let of_it = records.filter(|record| record["subject"] == database && !text(record, "taken").is_empty());
    of_it.map(|record| text(record, "taken")).collect()
}

/// Deletions of a database's snapshots since the act began.
fn deletions(nights: &Nights<'_>, database: &str) -> usize {
    let records = nights.ledger.works.iter().flat_map(|work| &work.records);
    records.filter(|record| record["decision"] == "delete" && record["database"] == database).count()
}

/// Whether the team was told of these kinds since the act began, in this order and of nothing else.
fn told(nights: &Nights<'_>, kinds: &[&str]) -> bool {
    nights.ledger.alerts.iter().map(|alert| attribute(alert, "kind")).eq(kinds.iter().copied())
}
