//! A million plans for databases that were thrown together, of which nobody has thought: whatever there is, the promises
//! about what is deleted hold.

use jiff::{SignedDuration, Timestamp};
use shared::tags::DatabaseTags;

use crate::fixtures::{
    NOW, OWNER, TODAY, after, at, copied, database, hours, listed, minutes, ours, seen_copied, seen_with, settings,
};
use crate::observe::model::{Own, Seen, Snapshot, Status};
use crate::own::{Claim, Purpose};
use crate::plan::{MOST_DELETIONS, Plan, Settings, Verdict, plan};

const PLANS: usize = 1_000_000;
const POLICIES: [&str; 9] = [
    "hourly:2",
    "hourly:6 daily:2",
    "daily:1",
    "daily:3",
    "daily:2 weekly:2 monthly:2",
    "weekly:2",
    "monthly:1",
    "yearly:1",
    "on-request",
];

/// What has been seen happening, so that a promise that was never put to the test is noticed.
#[derive(Debug, Default)]
struct Tally {
    plans: usize,
    deletions: usize,
    /// Plans that deleted as many as they may.
    capped: usize,
    /// Plans in which the minimum was all that was left.
    at_minimum: usize,
    /// Plans that were stale, in a day of grace, or not of a sweep, and had something to delete.
    frozen: usize,
    held: usize,
    strangers: usize,
}

/// A policy with what goes with it.
struct Terms {
    settings: Settings,
    seen: Seen,
    /// The shortest interval, in hours.
    interval: Option<i64>,
}

fn terms() -> Vec<Terms> {
    let mut all = Vec::new();
    for policy in POLICIES {
        for keep_minimum in [1, 2, 5] {
            for is_copied in [false, true] {
                if is_copied && policy == "on-request" {
                    continue;
                }
                let settings = Settings { keep_minimum, ..settings() };
                let seen = seen_with(database(&[("steward:snapshot", policy)]), vec![]);
                let mut seen = if is_copied { seen_copied(policy, vec![], vec![]) } else { seen };
                seen.memory.item = crate::memory::Memory::default();
                seen = after(&seen, &plan(&settings, &seen, None, false, at("2020-01-01T00:00:00Z")));
                let lengths = [("hourly", 1), ("daily", 24), ("weekly", 168), ("monthly", 744), ("yearly", 8784)];
                let interval = lengths.iter().find(|(word, _)| policy.contains(word)).map(|(_, hours)| *hours);
                all.push(Terms { settings, seen, interval });
            }
        }
    }
    all
}

/// Snapshots as RDS might list them, of which the strangers have dropped out as they do when they are read.
fn stock(random: &mut fastrand::Rng, tally: &mut Tally) -> Vec<Own> {
    let shop = database(&[]);
    let mut stock: Vec<Own> = Vec::new();
    while stock.len() < 120 {
        let (purpose, moment) = match random.u8(0..10) {
            0..2 => {
                let request = format!("r-{}", random.u32(..)).parse().unwrap();
                (Purpose::Requested { request }, at(NOW) - hours(random.i64(1..400)))
            }
            2..5 => {
                let slot = at(TODAY) - hours(random.i64(0..60));
                (Purpose::Scheduled { slot, attempt: random.u32(1..=2) }, slot)
            }
            _ => {
                let slot = at(TODAY) - hours(24 * random.i64(0..200));
                (Purpose::Scheduled { slot, attempt: random.u32(1..=2) }, slot)
            }
        };
        let status = match random.u8(0..16) {
            0 => Status::Creating,
            1 => Status::Other,
            2 => Status::Failed,
            _ => Status::Available,
        };
        let mut snapshot = listed(&shop, &purpose, moment, status);
        if random.u8(0..8) == 0 {
            snapshot.tags.insert("steward:hold".to_owned(), "audit".to_owned());
        }
        if random.u8(0..4) == 0 {
            estrange(&mut snapshot, random);
            assert_eq!(Claim::of(OWNER, &snapshot), None, "{snapshot:?}");
            tally.strangers += 1;
        } else if stock.iter().all(|own| own.snapshot.name != snapshot.name) {
            stock.push(ours(snapshot));
        }
    }
    stock
}

/// Makes a snapshot one that has all our tags and is not ours.
fn estrange(snapshot: &mut Snapshot, random: &mut fastrand::Rng) {
    let mut tag = |key: &str, value: &str| snapshot.tags.insert(key.to_owned(), value.to_owned());
    match random.u8(0..6) {
        0 => snapshot.name = format!("before-{}", random.u32(..)),
        1 => snapshot.name.push('0'),
        2 => snapshot.resource = Some("db-RESTORED".to_owned()),
        3 => drop(tag("steward:owner", "steward-staging")),
        4 => drop(tag("steward:database", "another")),
        _ => drop(tag("steward:class", "other")),
    }
}

/// The newest backup, and how many there are.
fn backups(all: &[Own]) -> (Option<&Own>, usize) {
    let backups = || all.iter().filter(|own| own.snapshot.status == Status::Available && own.claim.slot().is_some());
    (backups().max_by_key(|own| (own.moment(), own.snapshot.name.as_str())), backups().count())
}

/// When it is and what is asked.
#[derive(Debug, Clone, Copy)]
struct Moment {
    now: Timestamp,
    since: Timestamp,
    is_sweep: bool,
}

/// Holds what a plan deletes in one region against every promise. How many it deletes there.
fn check(terms: &Terms, region: &str, all: &[Own], plan: &Plan, moment: Moment, tally: &mut Tally) -> usize {
    let (newest, before) = backups(all);
    let Moment { now, since, is_sweep } = moment;
    let age = newest.map(|newest| now.duration_since(newest.moment()).as_secs());
    let is_stale = terms.interval.is_some_and(|hours| age.is_none_or(|age| 2 * age > 3 * hours * 3600));
    let is_barred = !is_sweep || now.duration_since(since) < SignedDuration::from_hours(24);
    let is_frozen = is_stale || is_barred;
    let (mut gone, mut left) = (0, before);
    for row in plan.rows.iter().filter(|row| row.region == region) {
        let own = all.iter().find(|own| own.snapshot.name == row.snapshot).expect("only what is ours is judged");
        if row.verdict != Verdict::Delete {
            tally.frozen += usize::from(is_frozen && row.verdict == Verdict::Spare);
            tally.held += usize::from(row.why.contains("holds"));
            continue;
        }
        gone += 1;
        // What failed is no backup, and goes while backups are stale.
        assert!(!is_barred && (!is_stale || own.snapshot.status == Status::Failed), "{row:?} {moment:?}");
        assert!(!own.snapshot.tags.contains_key("steward:hold"), "{row:?}");
        assert!(newest != Some(own), "{row:?}");
        assert!(matches!(own.snapshot.status, Status::Available | Status::Failed), "{row:?}");
        if own.snapshot.status == Status::Available {
            if own.claim.slot().is_some() {
                left -= 1;
            } else {
                assert!(now.duration_since(own.claim.started) >= hours(7 * 24), "{row:?}");
            }
        }
    }
    assert!(left >= before.min(terms.settings.keep_minimum), "{left} of {before} are left");
    tally.at_minimum += usize::from(gone > 0 && left == terms.settings.keep_minimum);
    gone
}

/// What is deleted, in an order of its own.
fn gone(plan: &Plan) -> Vec<(&str, &str)> {
    let mut gone: Vec<(&str, &str)> =
        plan.deletions().map(|row| (row.region.as_str(), row.snapshot.as_str())).collect();
    gone.sort_unstable();
    gone
}

/// Takes away what a plan deletes.
fn apply(seen: &mut Seen, plan: &Plan) {
    let stays = |region: &'static str| {
        move |own: &Own| !plan.deletions().any(|row| row.region == region && row.snapshot == own.snapshot.name)
    };
    seen.here.retain(stays("eu-west-1"));
    if let Some(Ok(copies)) = seen.elsewhere.as_mut().map(|elsewhere| elsewhere.copies.as_mut()) {
        copies.retain(stays("eu-central-1"));
    }
}

fn some(random: &mut fastrand::Rng, stock: &[Own], most: usize) -> Vec<Own> {
    let mut picked: Vec<usize> = (0..random.usize(0..=most)).map(|_| random.usize(..stock.len())).collect();
    picked.sort_unstable();
    picked.dedup();
    random.shuffle(&mut picked);
    picked.into_iter().map(|index| stock[index].clone()).collect()
}

#[test]
fn in_a_million_plans_nothing_is_deleted_that_is_promised_to_stay() {
    let mut random = fastrand::Rng::with_seed(20_261_121);
    let mut tally = Tally::default();
    let mut terms = terms();
    let (mut here, mut copies) = (Vec::new(), Vec::new());
    let mut worlds = 0_usize;
    while tally.plans < PLANS {
        if worlds.is_multiple_of(5_000) {
            here = stock(&mut random, &mut tally);
            copies = here.iter().map(|own| copied(own, own.snapshot.status)).collect();
        }
        worlds += 1;
        let index = random.usize(..terms.len());
        let terms = &mut terms[index];
        let most = if random.u8(0..40) == 0 { 90 } else { 9 };
        terms.seen.here = some(&mut random, &here, most);
        if let Some(elsewhere) = &mut terms.seen.elsewhere {
            elsewhere.copies = Ok(some(&mut random, &copies, most));
        }
        // One world at several times: in a day of grace and long after, fresh and stale, in a sweep and out of one.
        for _ in 0..3 {
            let now = at(NOW) + minutes(random.i64(-3_000..4_000));
            let since = now - minutes([1, 1_439, 1_440, 100_000, 100_000, 100_000][random.usize(..6)]);
            let moment = Moment { now, since, is_sweep: random.u8(0..8) > 0 };
            terms.seen.memory.item.policy.as_mut().unwrap().since = since;
            judge(terms, moment, &mut random, &mut tally);
        }
    }
    println!("{tally:?} in {worlds} worlds");
    assert!(tally.deletions > 100_000 && tally.capped > 100 && tally.at_minimum > 10_000, "{tally:?}");
    assert!(tally.frozen > 100_000 && tally.held > 10_000 && tally.strangers > 500, "{tally:?}");
}

/// Decides, checks, decides again in another order, and again when all is deleted that was to be.
fn judge(terms: &mut Terms, moment: Moment, random: &mut fastrand::Rng, tally: &mut Tally) {
    let decide = |seen: &Seen| plan(&terms.settings, seen, None, moment.is_sweep, moment.now);
    let first = decide(&terms.seen);
    let at_home = check(terms, "eu-west-1", &terms.seen.here, &first, moment, tally);
    let elsewhere = terms.seen.elsewhere.as_ref().and_then(|elsewhere| elsewhere.copies.as_ref().ok());
    let there = elsewhere.map_or(0, |copies| check(terms, "eu-central-1", copies, &first, moment, tally));
    assert!(at_home + there <= MOST_DELETIONS, "in both regions together");
    let is_capped = at_home + there == MOST_DELETIONS;
    tally.capped += usize::from(is_capped);
    tally.plans += 1;
    tally.deletions += at_home + there;
    if at_home + there == 0 {
        return;
    }
    let mut seen = terms.seen.clone();
    random.shuffle(&mut seen.here);
    let shuffled = decide(&seen);
    assert_eq!(gone(&shuffled), gone(&first), "the order of what is listed does not matter");
    apply(&mut seen, &first);
    let again = decide(&seen);
    assert!(is_capped || gone(&again).is_empty(), "{:?} after {:?}", gone(&again), gone(&first));
    for row in again.deletions() {
        let before =
            first.rows.iter().find(|before| (&before.region, &before.snapshot) == (&row.region, &row.snapshot));
        let why = &before.unwrap().why;
        assert!(why.starts_with("at most 10 are deleted at a time"), "{row:?} was kept as {why}");
    }
    tally.plans += 2;
}

#[test]
fn the_stock_has_every_kind_of_snapshot() {
    let mut tally = Tally::default();
    let stock = stock(&mut fastrand::Rng::with_seed(1), &mut tally);
    for status in [Status::Available, Status::Creating, Status::Failed, Status::Other] {
        assert!(stock.iter().any(|own| own.snapshot.status == status), "{status:?}");
    }
    assert!(stock.iter().any(|own| own.claim.slot().is_none()) && tally.strangers > 10);
    let tags: Vec<DatabaseTags> = terms().into_iter().map(|terms| terms.seen.tags.unwrap()).collect();
    assert!(tags.iter().any(|tags| tags.copy.is_some()) && tags.len() == 51);
}
