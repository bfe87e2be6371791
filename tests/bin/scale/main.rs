//! `make scale`: what scale costs, measured with the functions' binaries and written to `docs/scale.md`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use jiff::SignedDuration;
use lab::function::Function as _;
use lab::process::Process;
use lab::scale::fleet::{Fleet, Mode};
use lab::scale::look::{self, Look};
use lab::scale::people::{Habit, beside};
use lab::scale::roll::{least, roll};
use lab::scale::{latency, scenes, stand::Stand};
use lab::server::Server;
use lab::steward::{DEPLOY, HEAL, MIGRATE, SNAPSHOT};
use lab::template::Template;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[expect(clippy::disallowed_methods, reason = "how long the lab takes")]
fn main() -> Result<()> {
    shared::metrics::silence();
    let template = Arc::new(Template::read(include_str!("../../../template.yaml"), &BTreeMap::new())?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let before = Instant::now();
    match arguments.first().map(String::as_str) {
        Some("roll") => {
            let mode = if arguments.get(4).is_some_and(|word| word == "pin") { Mode::Pin } else { Mode::Force };
            let fleet = Fleet { services: number(1, 1000), clusters: number(2, 4), definitions: number(3, 10), mode };
            let limit = i64::try_from(fleet.services)? * 6 + 1000;
            let rolled = runtime.block_on(roll(&template, &fleet, SignedDuration::from_secs(limit)))?;
            writeln!(stdout(), "{fleet:?}: rolled {} updates {} took {} of {} = {:.2}, {} invocations, longest {}, dead {}",
                rolled.rolled, rolled.updates, rolled.took, least(&fleet, 50), rolled.over(least(&fleet, 50)), rolled.invocations, rolled.longest, rolled.dead)?;
            writeln!(stdout(), "{:?}\nthrottled {:?}\nleft {:?}", rolled.calls, rolled.throttled, rolled.least_left)?;
            for (at_once, every) in [(1, 400), (25, 10_000)] {
                let habit = Habit { at_once, every: SignedDuration::from_millis(every) };
                writeln!(stdout(), "{habit:?} {:?}", beside(&rolled.at, habit))?;
            }
            let every = (rolled.at.len() / 20).max(1);
            let shown: Vec<String> = rolled.at.iter().enumerate().step_by(every).map(|(n, at)| format!("{n}@{}", at.duration_since(rolled.pushed).as_secs())).collect();
            writeln!(stdout(), "{}", shown.join(" "))?;
        }
        Some(what) => {
            let folder = PathBuf::from(arguments.get(1).map_or("target/debug", String::as_str));
            for size in arguments.iter().skip(2) {
                let looks = runtime.block_on(measure(&template, what, size.parse()?, &folder))?;
                for (name, look) in looks {
                    writeln!(stdout(), "{what} {size} {name}: {} invocations, took {:.1} s, longest {:.1}, calls {} {:?} throttled {:?} cpu {:?} peak {} KiB (real {:.0?})", look.invocations, look.took.as_secs_f64(),
                        look.longest.as_secs_f64(), look.total(), look.calls, look.throttled, look.spent.map(|s| s.cpu), look.spent.map_or(0, |s| s.peak), before.elapsed())?;
                }
            }
        }
        None => {}
    }
    writeln!(stdout(), "real {:?}", before.elapsed())?;
    Ok(())
}

async fn measure(template: &Arc<Template>, what: &str, size: usize, folder: &std::path::Path) -> Result<Vec<(&'static str, Look)>> {
    let mut stand = Stand::new(template);
    let server = Server::start(stand.account.clone(), ([127, 0, 0, 1], 0).into()).await?;
    let id = match what {
        "deploy" => { scenes::at_rest(&stand, size)?; DEPLOY }
        "snapshot" => { scenes::databases(&stand, size); SNAPSHOT }
        "heal" => { scenes::crashing(&mut stand, size).await?; HEAL }
        _ => { scenes::migrating(&mut stand, size).await?; MIGRATE }
    };
    let items = stand.world.dynamodb().items(&template.tables.first().ok_or("no table")?.name);
    let largest = items.iter().map(|item| serde_json::Value::Object(item.clone()).to_string().len()).max();
    let bad = stand.world.invoked().iter().filter(|i| i.result.is_err() || !i.failed.is_empty()).count();
    let longest = stand.world.invoked().iter().map(|i| i.took).max();
    writeln!(stdout(), "  scene: {} items, largest {largest:?}, {} invocations, {bad} bad, longest {longest:?}, alerts {}", items.len(), stand.world.invoked().len(), stand.world.sns().published().len())?;
    for dead in ["HealDeadLetterQueue", "MigrateDeadLetterQueue"] {
        let queue = stand.world.queue(dead).ok_or("no queue")?;
        writeln!(stdout(), "  {dead} {}", stand.world.queues().messages(&queue.name).len())?;
    }
    let mut errors: BTreeMap<String, usize> = BTreeMap::new();
    for record in stand.account.calls().iter().filter(|r| r.error.is_some()) {
        *errors.entry(format!("{} {:?}", record.call.operation, record.error)).or_default() += 1;
    }
    writeln!(stdout(), "  errors {errors:?}")?;
    let spec = stand.function(id)?;
    stand.account.calls_take(latency::usual);
    let mut process = Process::new(&stand.account, &spec, folder, &server.endpoint()).with_variable("STEWARD_CLOCK", "event");
    let mut looks = vec![("first", look::of_binary(&stand, &spec, &mut process).await?)];
    if what == "snapshot" {
        stand.account.advance(SignedDuration::from_hours(24));
        scenes::nights(&stand, 7).await?;
        stand.account.advance(SignedDuration::from_hours(1));
    }
    looks.push(("warm", look::of_binary(&stand, &spec, &mut process).await?));
    let mut process = Process::new(&stand.account, &spec, folder, &server.endpoint()).with_variable("STEWARD_CLOCK", "event");
    looks.push(("again, cold", look::of_binary(&stand, &spec, &mut process).await?));
    process.take_log();
    Ok(looks)
}
