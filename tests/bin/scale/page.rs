//! The figures as tables.

use std::fmt::Write as _;

use jiff::SignedDuration;
use lab::scale::fleet::{Fleet, Mode};
use lab::scale::people::{Habit, beside};
use lab::scale::roll::{Roll, least};

use crate::measure::{Row, What};
use crate::{Figures, PERCENT};

const BEGIN: &str = "<!-- figures of `make scale`: begin -->\n";
const END: &str = "<!-- figures of `make scale`: end -->";

/// The page with these tables in the place of the former ones.
pub(crate) fn renewed(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{tables}{END}{after}"))
}

/// All tables.
pub(crate) fn tables(figures: &Figures) -> String {
    let mut text = String::from(
        "| sweep | of | invocations | longest | time of all | calls | throttled | processor time | peak memory |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in &figures.rows {
        let _ = writeln!(text, "{}", line(row));
    }
    text.push_str(
        "\n| one push, services | definitions, mode | took | the budget's least | ratio | invocations | longest | \
         registrations | throttled | refused of people's |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (fleet, roll) in &figures.rolls {
        let _ = writeln!(text, "{}", roll_line(fleet, roll));
    }
    text
}

/// One sweep.
pub(crate) fn line(row: &Row) -> String {
    let cost = &row.cost;
    let spent = cost.spent.unwrap_or_default();
    let what = match row.what {
        What::Services => "services at rest (`deploy`)",
        What::Databases => "databases (`snapshot`)",
        What::Crashing => "services that crash, one cluster (`heal`)",
        What::Migrating => "migrations under way (`migrate`)",
    };
    format!(
        "| {what}, {} | {} | {} | {} | {} | {} | {} | {} ms | {:.1} MiB |",
        row.look,
        row.size,
        cost.invocations,
        seconds(cost.longest),
        seconds(cost.took),
        cost.total(),
        cost.throttled.values().sum::<usize>(),
        spent.cpu.as_millis(),
        mebibytes(spent.peak),
    )
}

/// One push.
pub(crate) fn roll_line(fleet: &Fleet, roll: &Roll) -> String {
    let least = least(fleet, PERCENT);
    let mode = match fleet.mode {
        Mode::Force => "force",
        Mode::Pin => "pin",
    };
    let ratio = if least.is_zero() { "-".to_owned() } else { format!("{:.3}", roll.over(least)) };
    let refused = habits().map(|habit| beside(&roll.at, habit)).iter().map(|r| r.people + r.steward).sum::<usize>();
    format!(
        "| {} of {} | {}, {mode} | {} | {} | {ratio} | {} | {} | {} | {} | {refused} |",
        roll.rolled,
        fleet.services,
        fleet.definitions,
        seconds(roll.took),
        seconds(least),
        roll.invocations,
        seconds(roll.longest),
        roll.calls.get("ecs:RegisterTaskDefinition").copied().unwrap_or_default(),
        roll.throttled.values().sum::<usize>(),
    )
}

/// What people do meanwhile: a service every 420 ms, and a pipeline of 24 services every ten seconds; a little less than their
/// half, as the last of a bucket is a matter of rounding.
fn habits() -> [Habit; 2] {
    [(1, 420), (24, 10_000)].map(|(at_once, millis)| Habit { at_once, every: SignedDuration::from_millis(millis) })
}

fn seconds(duration: SignedDuration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// MiB of KiB.
pub(crate) fn mebibytes(kibibytes: u64) -> f64 {
    f64::from(u32::try_from(kibibytes).unwrap_or(u32::MAX)) / 1024.0
}
