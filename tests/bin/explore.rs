//! `make explore`: every schedule within a bound, then random ones; then the designs that are known to be wrong.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Write as _, stdout};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab::explorer::case::Case;
use lab::explorer::choices::{Bound, Choices};
use lab::explorer::coverage::{cells, impossible};
use lab::explorer::search::{Search, Tally, after, expose, read_replay, wrong};
use lab::template::Template;

const USAGE: &str = "explore [--mishaps N] [--faults N] [--limit SECONDS] [--seconds SECONDS] [--seed N] [--scene NAME]
        [--replay SCENE:SEED:CHOICES]

  --mishaps  pushes whose event is lost, doubled or held back, 2 if not given
  --faults   calls and events of ECS that go wrong beside them, 1 if not given
  --limit    seconds after which the exhaustive part of a scene is cut short, and said to be; none if not given
  --seconds  seconds of random schedules for each scene, 20 if not given
  --seed     first seed of the random schedules; from the clock if not given
  --scene    one scene only; then nothing is asked of the tables and the wrong designs
  --replay   plays one schedule, as it was printed, and tells what happens
";

struct Options {
    bound: Bound,
    limit: Option<Duration>,
    seconds: u64,
    seed: u64,
    scene: Option<String>,
    replay: Option<String>,
}

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<ExitCode, Failure> {
    shared::metrics::silence();
    let Some(options) = options(std::env::args().skip(1))? else {
        write!(stdout(), "{USAGE}")?;
        return Ok(ExitCode::SUCCESS);
    };
    let template = Arc::new(Template::read(include_str!("../../template.yaml"), &BTreeMap::new())?);
    let failed = match &options.replay {
        Some(replay) => replayed(template, replay)?,
        None => explored(&template, &options)?,
    };
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays one schedule; answers how much did not hold.
fn replayed(template: Arc<Template>, replay: &str) -> Result<u64, Failure> {
    let (case, seed, script) = read_replay(replay).ok_or("--replay takes SCENE:SEED:CHOICES, as it was printed")?;
    let search = Search::new(template, case)?;
    let all = Bound::product(u32::MAX / 4, u32::MAX / 4);
    let played = search.play(Choices::scripted(script, all), seed, true).map_err(|violation| violation.to_string())?;
    for line in &played.trace {
        writeln!(stdout(), "{line}")?;
    }
    let violations = played.violations;
    for violation in &violations {
        writeln!(stdout(), "violated  {violation}")?;
    }
    writeln!(stdout(), "{} passed, {} failed", u8::from(violations.is_empty()), violations.len())?;
    Ok(violations.len() as u64)
}

fn explored(template: &Arc<Template>, options: &Options) -> Result<u64, Failure> {
    let cases: Vec<Case> =
        Case::all().filter(|case| options.scene.as_ref().is_none_or(|name| name == case.name())).collect();
    writeln!(stdout(), "{} scenes, seed {}", cases.len(), options.seed)?;
    let all = Mutex::new((cases.into_iter(), Tally { complete: true, ..Tally::default() }));
    let results: Vec<Result<(), Failure>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers()).map(|_| scope.spawn(|| work(template, options, &all))).collect();
        let ended = workers.into_iter().map(|worker| worker.join().map_err(|_| "a worker died".into()));
        ended.map(|result| result.and_then(|result| result)).collect()
    });
    results.into_iter().collect::<Result<Vec<()>, Failure>>()?;
    let (_, tally) = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut failed = u64::from(tally.violations > 0);
    let mut passed = u64::from(tally.violations == 0);
    writeln!(stdout(), "\n{} schedules, {} violations", tally.schedules, tally.violations)?;
    for found in &tally.found {
        writeln!(stdout(), "  --replay {}  {}", found.replay(), found.violation)?;
    }
    writeln!(stdout(), "\n{}", tally.coverage.table())?;
    writeln!(stdout(), "\nCells that cannot be:")?;
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (function, call, fault) in cells() {
        if let Some(why) = impossible(function, call, fault) {
            let (cells, cell) = (reasons.entry(why).or_default(), format!("{call} {fault}"));
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
    }
    for (why, cells) in reasons {
        writeln!(stdout(), "  {why}: {}", cells.join(", "))?;
    }
    let whole = options.scene.is_none();
    let missing: Vec<String> = tally.coverage.missing().into_iter().chain(tally.coverage.unknown()).collect();
    if whole && missing.is_empty() {
        passed += 1;
    } else if whole {
        failed += 1;
        writeln!(stdout(), "Cells that were not hit, or calls that are not in the table: {}", missing.join(", "))?;
    }
    if whole {
        writeln!(stdout(), "\nDesigns that are known to be wrong:")?;
    }
    for design in wrong().filter(|_| whole) {
        if let Some(found) = expose(template, design, after(Duration::from_mins(3)))? {
            passed += 1;
            writeln!(stdout(), "  found   {}: {} ({})", design.name, found.violation, found.replay())?;
        } else {
            failed += 1;
            writeln!(stdout(), "  MISSED  {}", design.name)?;
        }
    }
    writeln!(stdout(), "\n{passed} passed, {failed} failed")?;
    Ok(failed)
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

type Work = Mutex<(std::vec::IntoIter<Case>, Tally)>;

/// With two functions there are too many schedules for mishaps and faults together: first the one, then the other. What
/// they do together is left to chance.
fn bounds(case: Case, bound: Bound) -> Vec<Bound> {
    match case {
        Case::Deploy(..) => vec![bound],
        Case::Heal(..) => vec![Bound::product(bound.mishaps.min(1), 0), Bound::product(0, bound.faults)],
        // First each by itself: cut short, both together would only ever reach the last calls.
        Case::Snapshot(..) => {
            let both = Bound::product(bound.mishaps.min(1), bound.faults.min(1));
            let alone = [Bound::product(bound.mishaps, 0), Bound::product(0, bound.faults)];
            alone.into_iter().chain((both.total == 2).then_some(both)).collect()
        }
    }
}

/// Explores scene after scene until none is left.
fn work(template: &Arc<Template>, options: &Options, all: &Work) -> Result<(), Failure> {
    loop {
        let next = all.lock().unwrap_or_else(PoisonError::into_inner).0.next();
        let Some(case) = next else { return Ok(()) };
        let started = after(Duration::ZERO);
        let mut search = Search::new(Arc::clone(template), case)?;
        let bounds = bounds(case, options.bound);
        // Each has its share of the time, or the faults at calls would never be reached.
        let shares = u32::try_from(bounds.len()).unwrap_or(1);
        for bound in bounds {
            search.exhaust(bound, options.limit.map(|limit| after(limit / shares)), false);
        }
        let exhaustive = search.schedules();
        search.random(options.seed, after(Duration::from_secs(options.seconds)));
        let tally = search.tally();
        let took = after(Duration::ZERO).duration_since(started).as_secs_f64();
        let cut = if tally.complete { "" } else { " (cut short)" };
        let random = tally.schedules - exhaustive;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = tally.schedules as f64 / took.max(0.001);
        writeln!(
            stdout(),
            "{:<17} {exhaustive:>7} exhaustive{cut}, {random:>6} random, {rate:>4.0}/s, {} violations",
            case.name(),
            tally.violations
        )?;
        all.lock().unwrap_or_else(PoisonError::into_inner).1.add(&tally);
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, Failure> {
    let (mut mishaps, mut faults, mut limit, mut seconds, mut seed) = (2, 1, None, 20, clock_seed());
    let (mut scene, mut replay) = (None, None);
    while let Some(flag) = arguments.next() {
        if flag == "--help" {
            return Ok(None);
        }
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value\n\n{USAGE}"))?;
        match flag.as_str() {
            "--mishaps" => mishaps = value.parse()?,
            "--faults" => faults = value.parse()?,
            "--limit" => limit = Some(Duration::from_secs(value.parse()?)),
            "--seconds" => seconds = value.parse()?,
            "--seed" => seed = value.parse()?,
            "--scene" => scene = Some(Case::named(&value).ok_or("no such scene")?.name().to_owned()),
            "--replay" => replay = Some(value),
            _ => return Err(format!("unknown argument {flag}\n\n{USAGE}").into()),
        }
    }
    Ok(Some(Options { bound: Bound::product(mishaps, faults), limit, seconds, seed, scene, replay }))
}

#[expect(clippy::disallowed_methods, reason = "a new seed each time; it is printed")]
fn clock_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}
