//! Charts: one act with its lanes, and all acts side by side.

use super::axis::{Axis, spoken};
use super::lanes::{Lane, laid_out, names, rows_of};
use super::marks::{ALL, is_labelled, mark};
use super::markup::{escaped, put};
use super::model::{Act, Kind, Row, Seen};

/// Width of an act's chart.
const WIDTH: f64 = 660.0;
/// Width of the names of lanes.
const NAMES: f64 = 132.0;
/// Room for a mark at either end of the axis.
const PAD: f64 = 8.0;
/// Height of a strip of bars.
const STRIP: f64 = 9.0;
/// Height of a line of marks.
const LINE: f64 = 15.0;
/// Height of the axis.
const AXIS: f64 = 20.0;
/// Width of an act among all acts.
const COLUMN: f64 = 46.0;
/// Height of a lane there.
const ROW: f64 = 20.0;
/// Height of the numbers above and the durations below.
const EDGE: f64 = 22.0;
/// Columns of the legend.
const LEGEND: usize = 4;

/// The style sheet of both charts and the page.
pub(super) const STYLE: &str = include_str!("style.css");

/// One act: a lane for each service and database that something happened to, the alerts below.
pub(super) fn act(act: &Act, seen: &Seen, order: &[&str], runbooks: &str) -> String {
    let rows = rows_of(act, seen);
    let axis = Axis::of(act, NAMES + PAD, WIDTH - NAMES - 2.0 * PAD);
    let lanes: Vec<Lane<'_>> =
        names(&rows, order).into_iter().map(|name| laid_out(name, &rows, &axis, WIDTH)).collect();
    let bottom: f64 = lanes.iter().map(height).sum::<f64>() + 4.0;
    let title = format!("Act {}: {}", act.number, act.title);
    let told =
        format!("{} things on a linear axis of {}; the table below has them in words.", rows.len(), spoken(act.span()));
    let mut svg = head(WIDTH, bottom + AXIS, &title, &told, &format!("act{}", act.number));
    for at in &act.sweeps {
        put(&mut svg, format_args!("<path class=\"sweep\" d=\"M{:.1},2V{bottom:.1}\"/>", axis.at(*at)));
    }
    let mut top = 2.0;
    for lane in &lanes {
        draw(&mut svg, lane, top, act, runbooks);
        top += height(lane);
        put(&mut svg, format_args!("<path class=\"rule\" d=\"M0,{top:.1}H{WIDTH}\"/>"));
    }
    for (x, words) in axis.ticks(&act.clock, 6) {
        let anchor = if x > WIDTH - 24.0 { "scale end" } else { "scale" };
        let (words, place) = (escaped(&words), if x > WIDTH - 24.0 { WIDTH } else { x });
        put(&mut svg, format_args!("<path class=\"tick\" d=\"M{x:.1},{bottom:.1}v4\"/>"));
        put(
            &mut svg,
            format_args!("<text class=\"{anchor}\" x=\"{place:.1}\" y=\"{:.1}\">{words}</text>", bottom + 15.0),
        );
    }
    svg + "</svg>\n"
}

/// The top of an SVG, with what a screen reader says of it.
fn head(width: f64, height: f64, title: &str, told: &str, id: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height:.1}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>",
        escaped(title),
        escaped(told)
    )
}

/// Height of a lane.
fn height(lane: &Lane<'_>) -> f64 {
    (count(lane.strips) * STRIP + count(lane.lines) * LINE).max(LINE) + 6.0
}

fn draw(svg: &mut String, lane: &Lane<'_>, top: f64, act: &Act, runbooks: &str) {
    put(svg, format_args!("<text class=\"lane\" x=\"0\" y=\"{:.1}\">{}</text>", top + 14.0, escaped(lane.name)));
    for bar in &lane.bars {
        let y = top + 3.0 + count(bar.strip) * STRIP;
        let (class, title) = (mark(bar.row.kind).class, titled(bar.row, act));
        put(
            svg,
            format_args!(
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{}\" rx=\"1.5\"><title>{title}</title></rect>",
                bar.x,
                bar.width,
                STRIP - 2.0
            ),
        );
    }
    let below = top + 3.0 + count(lane.strips) * STRIP + LINE / 2.0;
    for placed in &lane.marks {
        let y = below + count(placed.line) * LINE;
        let (mark, title) = (mark(placed.row.kind), titled(placed.row, act));
        let link = matches!(placed.row.kind, Kind::Alert(_)).then_some(placed.row.label.as_str());
        if let Some(kind) = link {
            put(svg, format_args!("<a href=\"{runbooks}/{}.md\">", escaped(kind)));
        }
        put(
            svg,
            format_args!(
                "<g class=\"mark {}\" transform=\"translate({:.1},{y:.1})\"><title>{title}</title>",
                mark.class, placed.x
            ),
        );
        put(svg, format_args!("<path d=\"{}\"/>", mark.path));
        if let Some((label, to_the_left)) = &placed.label {
            let (x, anchor) = if *to_the_left { (-8, " text-anchor=\"end\"") } else { (8, "") };
            put(svg, format_args!("<text x=\"{x}\" y=\"3.5\"{anchor}>{}</text>", escaped(label)));
        }
        svg.push_str(if link.is_some() { "</g></a>" } else { "</g>" });
    }
}

/// What is said of a row under the pointer.
fn titled(row: &Row, act: &Act) -> String {
    let mut words = format!("{} {}: {}", moments(row, act), row.lane, mark(row.kind).name);
    for more in [&row.label, &row.words] {
        if !more.is_empty() {
            put(&mut words, format_args!("; {more}"));
        }
    }
    escaped(&words)
}

/// When it was, and of what lasts, how long.
pub(super) fn moments(row: &Row, act: &Act) -> String {
    let told = |at| act.clock.told(at);
    match row.to.filter(|to| *to > row.from) {
        Some(to) => format!("{} to {} ({})", told(row.from), told(to), spoken(to.duration_since(row.from))),
        None => told(row.from),
    }
}

/// All acts side by side: a column for each, within it its own linear axis; a lane for everything that was seen.
pub(super) fn overview(seen: &Seen, order: &[&str], links: bool) -> String {
    let all: Vec<&Row> = seen.rows.iter().collect();
    let names = names(&all, order);
    let width = NAMES + COLUMN * count(seen.acts.len()) + 2.0;
    let bottom = EDGE + ROW * count(names.len());
    let legend = bottom + EDGE + 8.0;
    let height = legend + ROW * count(ALL.len().div_ceil(LEGEND)) + 4.0;
    let told = format!(
        "{} acts from left to right, {} lanes from top to bottom. Within an act time runs at one speed; how long it took stands \
         below it.",
        seen.acts.len(),
        names.len()
    );
    let mut svg = head(width, height, "A run of the demo", &told, "all");
    for (index, act) in seen.acts.iter().enumerate() {
        let x = NAMES + COLUMN * count(index);
        let shade = if index % 2 == 0 { "even" } else { "odd" };
        let title = escaped(&format!("{}. {}, {}", act.number, act.title, spoken(act.span())));
        put(
            &mut svg,
            format_args!(
                "<rect class=\"{shade}\" x=\"{x}\" y=\"0\" width=\"{COLUMN}\" height=\"{:.1}\"><title>{title}</title></rect>",
                bottom + EDGE
            ),
        );
        let middle = x + COLUMN / 2.0;
        if links {
            put(&mut svg, format_args!("<a href=\"#act-{}\">", act.number));
        }
        put(&mut svg, format_args!("<text class=\"number\" x=\"{middle}\" y=\"15\">{}</text>", act.number));
        if links {
            svg.push_str("</a>");
        }
        put(
            &mut svg,
            format_args!(
                "<text class=\"span\" x=\"{middle}\" y=\"{:.1}\">{}</text>",
                bottom + 14.0,
                escaped(&brief(act))
            ),
        );
    }
    for (index, name) in names.iter().enumerate() {
        let y = EDGE + ROW * count(index);
        put(
            &mut svg,
            format_args!(
                "<path class=\"rule\" d=\"M0,{y}H{width}\"/><text class=\"lane\" x=\"0\" y=\"{}\">{}</text>",
                y + 14.0,
                escaped(name)
            ),
        );
    }
    for (index, act) in seen.acts.iter().enumerate() {
        let axis = Axis::of(act, NAMES + COLUMN * count(index) + 5.0, COLUMN - 10.0);
        small(&mut svg, act, seen, &names, &axis);
    }
    put(&mut svg, format_args!("<path class=\"rule\" d=\"M0,{bottom}H{width}\"/>"));
    key(&mut svg, legend, width);
    svg + "</svg>\n"
}

/// The marks of one act in its column; what is less is drawn first.
fn small(svg: &mut String, act: &Act, seen: &Seen, names: &[&str], axis: &Axis) {
    let mut rows: Vec<(usize, &Row)> = rows_of(act, seen)
        .into_iter()
        .filter_map(|row| Some((names.iter().position(|name| *name == row.lane)?, row)))
        .collect();
    rows.sort_by_key(|(_, row)| (is_labelled(row.kind), matches!(row.kind, Kind::Alert(_) | Kind::Crash)));
    let mut last = None;
    for (lane, row) in rows {
        let (top, mark) = (EDGE + ROW * count(lane), mark(row.kind));
        if let Some((from, to)) = row.lasts() {
            let (x, y) = (axis.at(from), if row.kind == Kind::Incident { top + 2.0 } else { top + 14.5 });
            let wide = (axis.at(to) - x).max(2.0);
            put(
                svg,
                format_args!(
                    "<rect class=\"{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"4\"/>",
                    mark.class
                ),
            );
            continue;
        }
        // Two of a kind in one place would be drawn as one.
        let (x, y) = (axis.at(row.from), top + 10.0);
        let place = (format!("{x:.0}"), lane, row.kind);
        if last.as_ref() != Some(&place) {
            put(
                svg,
                format_args!(
                    "<path class=\"mark {}\" transform=\"translate({x:.1},{y:.1}) scale(.8)\" d=\"{}\"/>",
                    mark.class, mark.path
                ),
            );
        }
        last = Some(place);
    }
}

/// The legend.
fn key(svg: &mut String, top: f64, width: f64) {
    let each = width / count(LEGEND);
    for (index, kind) in ALL.into_iter().enumerate() {
        let (x, y) = (count(index % LEGEND) * each, top + ROW * count(index / LEGEND));
        let mark = mark(kind);
        if kind.is_bar() {
            put(
                svg,
                format_args!(
                    "<rect class=\"{}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"16\" height=\"7\" rx=\"1.5\"/>",
                    mark.class,
                    y + 5.0
                ),
            );
        } else {
            put(
                svg,
                format_args!(
                    "<path class=\"mark {}\" transform=\"translate({:.1},{:.1})\" d=\"{}\"/>",
                    mark.class,
                    x + 8.0,
                    y + 9.0,
                    mark.path
                ),
            );
        }
        put(
            svg,
            format_args!(
                "<text class=\"key\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + 22.0,
                y + 13.0,
                escaped(mark.name)
            ),
        );
    }
}

/// How long an act took, in as few letters as a column has room for.
fn brief(act: &Act) -> String {
    spoken(act.span())
        .split(" min ")
        .next()
        .map(|words| words.replace(" min", " m").replace(" days", " d"))
        .map_or_else(String::new, |words| {
            words.split(" h ").next().map_or_else(String::new, |hours| {
                if words.contains(" h ") { format!("{hours} h") } else { words.clone() }
            })
        })
}

/// The overview as a file of its own.
pub(super) fn standalone(seen: &Seen, order: &[&str]) -> String {
    let svg = overview(seen, order, false);
    match svg.split_once('>') {
        Some((head, rest)) => format!(
            "{head}><style>{}</style><rect class=\"paper\" width=\"100%\" height=\"100%\"/>{rest}",
            STYLE.trim()
        ),
        None => svg,
    }
}

#[expect(clippy::cast_precision_loss, reason = "lanes and acts are a few dozen")]
fn count(number: usize) -> f64 {
    number as f64
}
