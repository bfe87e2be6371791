//! Lanes: which rows an act shows in which order, and where in its lane each one stands so that none hides another.

use super::axis::Axis;
use super::marks::is_labelled;
use super::markup::cut;
use super::model::{Act, Kind, Row, Seen};

/// Name of the lane that alerts are in, the last one.
pub(super) const ALERTS: &str = "alerts";

/// Half of a mark, and a little air.
const HALF: f64 = 7.0;

/// Width of a letter of a label, at the font size of the style sheet.
const LETTER: f64 = 5.8;

/// Longest label in letters.
const LABEL: usize = 30;

/// A lane of an act, laid out.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    pub(super) name: &'a str,
    pub(super) bars: Vec<Bar<'a>>,
    pub(super) marks: Vec<Placed<'a>>,
    /// Strips of bars, one below the other.
    pub(super) strips: usize,
    /// Lines of marks, below the bars.
    pub(super) lines: usize,
}

/// A bar in its strip.
#[derive(Debug)]
pub(super) struct Bar<'a> {
    pub(super) row: &'a Row,
    pub(super) strip: usize,
    pub(super) x: f64,
    pub(super) width: f64,
}

/// A mark in its line.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) row: &'a Row,
    pub(super) line: usize,
    pub(super) x: f64,
    /// The label, and whether it stands to the left of the mark.
    pub(super) label: Option<(String, bool)>,
}

/// The rows of an act, oldest first.
pub(super) fn rows_of<'a>(act: &Act, seen: &'a Seen) -> Vec<&'a Row> {
    let mut rows: Vec<&Row> = seen.rows.iter().filter(|row| act.shows(row)).collect();
    rows.sort_by(|one, other| key(one).cmp(&key(other)));
    rows
}

/// What happens in one moment has an order of its own, so that every run draws the same.
fn key(row: &Row) -> (jiff::Timestamp, Kind, &str, &str, &str) {
    (row.from, row.kind, &row.lane, &row.label, &row.words)
}

/// Names of the lanes of these rows: those of `order` in its order, then others by name, alerts last.
pub(super) fn names<'a>(rows: &[&'a Row], order: &[&str]) -> Vec<&'a str> {
    let mut names: Vec<&str> = rows.iter().map(|row| row.lane.as_str()).collect();
    let place = |name: &str| {
        let place = order.iter().position(|known| *known == name).unwrap_or(order.len());
        if name == ALERTS { order.len() + 1 } else { place }
    };
    names.sort_by(|one, other| (place(one), *one).cmp(&(place(other), *other)));
    names.dedup();
    names
}

/// Lays a lane out. `right` is where labels must end.
pub(super) fn laid_out<'a>(name: &'a str, rows: &[&'a Row], axis: &Axis, right: f64) -> Lane<'a> {
    let mine = || rows.iter().copied().filter(|row| row.lane == name);
    let (mut bars, mut strips) = (Vec::new(), Vec::new());
    for row in mine() {
        let Some((from, to)) = row.lasts() else { continue };
        let x = axis.at(from);
        let width = (axis.at(to) - x).max(2.0);
        bars.push(Bar { row, strip: free(&mut strips, x, x + width + 1.0), x, width });
    }
    let (mut marks, mut lines) = (Vec::new(), Vec::new());
    for row in mine().filter(|row| row.lasts().is_none()) {
        let x = axis.at(row.from);
        // Of what was looked at and left alone, one dot stands for all of its moment; the table has each.
        let same = |other: &Placed<'_>| other.row.kind == Kind::Passed && (other.x - x).abs() < 3.0;
        if row.kind == Kind::Passed && marks.iter().any(same) {
            continue;
        }
        let label = Some(cut(&row.label, LABEL)).filter(|label| is_labelled(row.kind) && !label.is_empty());
        let room = label.as_ref().map_or(0.0, |label| letters(label) * LETTER + 3.0);
        let to_the_left = x + HALF + room > right;
        let (from, to) = if to_the_left { (x - HALF - room, x + HALF) } else { (x - HALF, x + HALF + room) };
        let line = free(&mut lines, from, to);
        marks.push(Placed { row, line, x, label: label.map(|label| (label, to_the_left)) });
    }
    Lane { name, bars, marks, strips: strips.len(), lines: lines.len() }
}

/// The first line in which `from` to `to` is free; it is taken then.
fn free(lines: &mut Vec<Vec<(f64, f64)>>, from: f64, to: f64) -> usize {
    let is_free = |line: &Vec<(f64, f64)>| line.iter().all(|(begin, end)| to <= *begin || from >= *end);
    let found = lines.iter().position(is_free).unwrap_or(lines.len());
    if found == lines.len() {
        lines.push(Vec::new());
    }
    if let Some(line) = lines.get_mut(found) {
        line.push((from, to));
    }
    found
}

#[expect(clippy::cast_precision_loss, reason = "at most thirty letters")]
fn letters(label: &str) -> f64 {
    label.chars().count() as f64
}
