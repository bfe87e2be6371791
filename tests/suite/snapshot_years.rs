//! Two years of `snapshot` in virtual time: thirty databases, and everything that may happen to them, checked at every tick
//! against what is promised. And designs that are known to be wrong, of which the same checks must find what is wrong.

mod designs;
mod judge;
mod kept;
mod life;
mod model;
mod scene;
mod told;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use judge::Breach;
use lab::steward;
use scene::{Scene, Weather};
use snapshot::Snapshot;

/// Days on which the clock is changed in Vienna.
const CHANGES: [&str; 4] =
    ["2026-03-29T00:30:00Z", "2026-10-25T00:30:00Z", "2027-03-28T00:30:00Z", "2027-10-31T00:30:00Z"];
/// When Steward does not run at all, for weeks; every one over the beginning of a month.
const OUTAGES: [(&str, i64); 3] =
    [("2026-05-20T10:00:00Z", 21), ("2026-12-28T00:00:00Z", 9), ("2027-07-25T00:00:00Z", 36)];
/// When the quota leaves room for no more, until it is raised.
const FULL: (&str, i64) = ("2026-09-10T00:00:00Z", 12);
/// Databases that take snapshots each hour around the changes of the clock.
const HOURLY: [usize; 2] = [1, 11];

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn within(now: Timestamp, (from, days): (&str, i64)) -> bool {
    let passed = now.duration_since(time(from));
    !passed.is_negative() && passed < SignedDuration::from_hours(24 * days)
}

impl Scene {
    /// The pause until the next tick: close ones around the changes of the clock.
    fn pause(&mut self) -> SignedDuration {
        let near = SignedDuration::from_hours(8);
        let is_close = CHANGES.iter().any(|change| {
            let distance = self.now().duration_since(time(change));
            distance < near && distance > -near
        });
        for place in HOURLY {
            let wanted = if is_close { life::HOURLY } else { life::POLICIES[place % life::POLICIES.len()] };
            if !self.dbs[place].gone && self.dbs[place].text != wanted {
                self.opt(place, Some(wanted));
            }
        }
        let hours = [4, 8, 12, 12, 12][self.rng.usize(..5)];
        let minutes = if is_close { 15 } else { hours * 60 - 10 + self.rng.i64(0..20) };
        SignedDuration::from_mins(minutes)
    }

    /// Lives and ticks until then.
    async fn run(&mut self, until: Timestamp) {
        let mut out: Option<(&'static str, Timestamp)> = None;
        while self.now() < until {
            let pause = self.pause();
            self.pass(self.now() + pause, 0.04).await;
            self.live(pause.as_secs_f64() / 3600.0).await;
            let now = self.now();
            if OUTAGES.iter().any(|outage| within(now, *outage)) {
                self.last_trouble = now;
                continue;
            }
            let is_full = within(now, FULL);
            if is_full && self.quota > 10_000 {
                let most = self.list().len() / 2;
                self.set_quota(most);
            } else if !is_full && self.quota < 10_000 {
                self.set_quota(50_000);
            }
            out = out.filter(|(_, until)| now < *until);
            if out.is_none() && self.rng.f64() < 0.004 {
                let what = ["sns", "dynamodb", "DescribeDBSnapshots"][self.rng.usize(..3)];
                out = Some((what, now + SignedDuration::from_hours(self.rng.i64(2..20))));
            }
            let weather = match out {
                Some((what, _)) => Weather::Out(what),
                None if self.rng.f64() < 0.04 => Weather::Storm,
                None => Weather::Fair,
            };
            self.sweep(weather).await;
            // At least once may be twice.
            if self.rng.f64() < 0.01 {
                self.sweep(Weather::Fair).await;
            }
        }
    }

    /// How often each promise was broken, with the first example.
    fn summary(&self) -> String {
        let mut by_breach: BTreeMap<Breach, (usize, String)> = BTreeMap::new();
        for (at, breach, what) in &self.breaches {
            by_breach.entry(*breach).or_insert_with(|| (0, format!("{at} {what}"))).0 += 1;
        }
        let lines = by_breach.iter().map(|(breach, (count, first))| format!("{breach:?} {count} times, first {first}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test]
async fn what_exists_is_what_the_policies_promise_at_every_tick_of_two_years() {
    let from = "2026-01-05T10:00:00Z";
    let mut scene = Scene::new(7, from, steward::host::<Snapshot>);
    scene.populate();
    scene.run(time(from) + SignedDuration::from_hours(2 * 365 * 24)).await;
    scene.judge_end();
    println!(
        "counted {:?}, {} there, {} databases\n{}",
        scene.counted,
        scene.list().len(),
        scene.dbs.len(),
        scene.summary()
    );
    // That so much has happened is what the silence of the checks is worth.
    for (what, least) in
        [("taken", 5_000), ("deleted", 4_000), ("copied", 1_000), ("stale", 20), ("requested", 20), ("peoples", 10)]
    {
        assert!(scene.counted[what] >= least, "{what}: {:?}", scene.counted);
    }
    assert!(scene.breaches.is_empty());
}
