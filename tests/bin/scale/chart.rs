//! One chart of a plot: axes in powers of ten or in steps, and lines.

use std::fmt::Write as _;

/// Whether an axis counts in powers of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Powers,
}

/// A line of points.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its colour: a class of the style sheet.
    pub(crate) class: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
    /// Whether points are marked.
    pub(crate) marked: bool,
}

/// A chart with its place in the plot.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    pub(crate) below: &'static str,
    pub(crate) scale: Scale,
    /// Left, top, width, height of the field.
    pub(crate) place: (f64, f64, f64, f64),
    pub(crate) x: (f64, f64),
    pub(crate) y: (f64, f64),
    pub(crate) lines: Vec<Line>,
}

impl Chart {
    /// The chart in SVG.
    pub(crate) fn svg(&self) -> String {
        let (left, top, width, height) = self.place;
        let mut svg = format!("<text class=\"title\" x=\"{left}\" y=\"{:.1}\">{}</text>\n", top - 12.0, self.title);
        for at in self.ticks(self.x) {
            let x = self.across(at);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} {top}V{:.1}\"/>", top + height);
            let _ =
                writeln!(svg, "<text class=\"x\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>", top + height + 16.0, label(at));
        }
        for at in self.ticks(self.y) {
            let y = self.up(at);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{left} {y:.1}H{:.1}\"/>", left + width);
            let _ =
                writeln!(svg, "<text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", left - 6.0, y + 4.0, label(at));
        }
        let below = (left + width / 2.0, top + height + 34.0);
        let _ = writeln!(svg, "<text class=\"x\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", below.0, below.1, self.below);
        for line in &self.lines {
            let points: Vec<String> =
                line.points.iter().map(|(x, y)| format!("{:.1} {:.1}", self.across(*x), self.up(*y))).collect();
            let _ = writeln!(svg, "<path class=\"line {}\" d=\"M{}\"/>", line.class, points.join("L"));
            if line.marked {
                for (x, y) in &line.points {
                    let (x, y) = (self.across(*x), self.up(*y));
                    let _ = writeln!(svg, "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>", line.class);
                }
            }
        }
        svg
    }

    fn across(&self, x: f64) -> f64 {
        self.place.0 + self.place.2 * self.part(x, self.x)
    }

    fn up(&self, y: f64) -> f64 {
        self.place.1 + self.place.3 * (1.0 - self.part(y, self.y))
    }

    fn part(&self, value: f64, (from, to): (f64, f64)) -> f64 {
        let part = match self.scale {
            Scale::Linear => (value - from) / (to - from),
            Scale::Powers => (value.max(from) / from).log10() / (to / from).log10(),
        };
        part.clamp(0.0, 1.0)
    }

    fn ticks(&self, (from, to): (f64, f64)) -> Vec<f64> {
        match self.scale {
            Scale::Linear => (0..=4).map(|step| from + (to - from) * f64::from(step) / 4.0).collect(),
            Scale::Powers => std::iter::successors(Some(from), |tick| Some(tick * 10.0))
                .take_while(|tick| *tick <= to * 1.01)
                .collect(),
        }
    }
}

fn label(value: f64) -> String {
    match value {
        value if value >= 1_000_000.0 => format!("{} M", value / 1_000_000.0),
        value if value >= 10_000.0 => format!("{}k", (value / 1000.0).round()),
        value => format!("{value}"),
    }
}
