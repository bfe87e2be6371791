//! The figures as a picture that can be read on light and on dark pages.

use lab::scale::roll::Roll;

use crate::Figures;
use crate::chart::{Chart, Line, Scale};
use crate::measure::{Row, What};
use crate::page::mebibytes;

const STYLE: &str = "
text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.x{text-anchor:middle}.y{text-anchor:end}
.grid{stroke:#8c959f;stroke-opacity:.35}.line{fill:none;stroke-width:2}
.services{stroke:#0969da;fill:#0969da}.night{stroke:#bc4c00;fill:#bc4c00}.rest{stroke:#8250df;fill:#8250df}
.crashing{stroke:#cf222e;fill:#cf222e}.migrating{stroke:#1a7f37;fill:#1a7f37}
.least{stroke:#8c959f;stroke-dasharray:5 4}.line.services,.line.night,.line.rest,.line.crashing,.line.migrating{fill:none}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.services{stroke:#58a6ff;fill:#58a6ff}.night{stroke:#f0883e;fill:#f0883e}
.rest{stroke:#bc8cff;fill:#bc8cff}.crashing{stroke:#ff7b72;fill:#ff7b72}.migrating{stroke:#3fb950;fill:#3fb950}
.line.services,.line.night,.line.rest,.line.crashing,.line.migrating{fill:none}}
";

/// What is drawn: class, name, and which rows.
const SERIES: [(&str, &str, What, &str); 5] = [
    ("services", "deploy: services at rest", What::Services, "sweep"),
    ("night", "snapshot: databases, first night", What::Databases, "first night"),
    ("rest", "snapshot: a week later, at rest", What::Databases, "a week later, at rest"),
    ("crashing", "heal: services that crash", What::Crashing, "sweep"),
    ("migrating", "migrate: migrations under way", What::Migrating, "sweep"),
];

/// The whole picture.
pub(crate) fn svg(figures: &Figures) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 1040\" role=\"img\">\n\
         <title>What scale costs: calls, time, processor time and memory by number, and one push over time</title>\n\
         <style>{STYLE}</style>\n"
    );
    for (number, (class, name, ..)) in SERIES.iter().enumerate() {
        let (x, y) = (70.0 + 280.0 * count(number % 3), 24.0 + 24.0 * count(number / 3));
        let key = format!(
            "<path class=\"line {class}\" d=\"M{x} {y}h26\"/><circle class=\"{class}\" cx=\"{}\" cy=\"{y}\" r=\"3.5\"/><text x=\"{}\" y=\"{}\">{name}</text>\n",
            x + 13.0,
            x + 34.0,
            y + 4.0
        );
        svg += &key;
    }
    svg.push_str(&chart(figures, "AWS calls", (70.0, 100.0), (1.0, 10_000.0), |row| count(row.cost.total())));
    svg.push_str(&chart(figures, "virtual seconds", (520.0, 100.0), (0.1, 1000.0), |row| row.cost.took.as_secs_f64()));
    svg.push_str(&chart(figures, "processor time, ms", (70.0, 420.0), (1.0, 10_000.0), |row| {
        row.cost.spent.unwrap_or_default().cpu.as_secs_f64() * 1000.0
    }));
    svg.push_str(&chart(figures, "peak memory, MiB", (520.0, 420.0), (1.0, 100.0), |row| {
        mebibytes(row.cost.spent.unwrap_or_default().peak)
    }));
    if let Some((_, roll)) = figures.rolls.iter().max_by_key(|(fleet, roll)| (fleet.services, roll.rolled)) {
        svg.push_str(&course(roll));
    }
    svg.push_str("</svg>\n");
    svg
}

fn chart(
    figures: &Figures,
    title: &'static str,
    (left, top): (f64, f64),
    y: (f64, f64),
    of: impl Fn(&Row) -> f64,
) -> String {
    let lines = SERIES.map(|(class, _, what, look)| {
        let mine = figures.rows.iter().filter(|row| row.what == what && row.look == look);
        Line { class, points: mine.map(|row| (count(row.size), of(row))).collect(), marked: true }
    });
    let lines = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
    let place = (left, top, 350.0, 240.0);
    Chart { title, below: "how many", scale: Scale::Powers, place, x: (10.0, 10_000.0), y, lines }.svg()
}

/// One push over time, beside the budget's pace.
fn course(roll: &Roll) -> String {
    let minutes = |at: &jiff::Timestamp| at.duration_since(roll.pushed).as_secs_f64() / 60.0;
    let every = (roll.at.len() / 300).max(1);
    let points: Vec<(f64, f64)> =
        roll.at.iter().enumerate().step_by(every).map(|(number, at)| (minutes(at), count(number))).collect();
    let end = roll.at.last().map_or(1.0, minutes);
    let most = count(roll.at.len());
    let least = Line { class: "least", points: vec![(0.0, 25.0), ((most - 25.0) / 150.0, most)], marked: false };
    let rolled = Line { class: "services", points, marked: false };
    Chart {
        title: "one push: services whose rollout was asked for; dashed, the budget's pace",
        below: "minutes since the push",
        scale: Scale::Linear,
        place: (70.0, 740.0, 800.0, 230.0),
        x: (0.0, (end / 20.0).ceil() * 20.0),
        y: (0.0, most),
        lines: vec![least, rolled],
    }
    .svg()
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
