//! The picture of a run: a chronicle of what was seen, drawn as SVG, and a page around it.
//!
//! Seeing and drawing are apart: [`chronicle`] turns steps of the world into acts and rows, everything else is pure and
//! turns those into text.

mod axis;
mod chart;
pub(crate) mod chronicle;
mod lanes;
mod marks;
mod markup;
pub(crate) mod model;
mod web;

#[cfg(test)]
mod tests;

use model::Seen;

/// Name of the picture of the last run, in the folder above that of the binaries.
pub(crate) const PAGE: &str = "demo.html";

/// Where runbooks are, seen from the page in `target`.
const RUNBOOKS: &str = "../docs/runbooks";

/// The page: the whole run in one picture, then each act by itself, with its table.
pub(crate) fn page(seen: &Seen, order: &[&str]) -> String {
    web::page(seen, order)
}

/// The whole run in one picture that stands by itself, without what differs from run to run.
pub(crate) fn overview(seen: &Seen, order: &[&str]) -> String {
    chart::standalone(seen, order)
}

/// How many alerts a page shows, of those it shows act by act.
pub(crate) fn alerts_in(page: &str) -> usize {
    let acts = page.split_once("<main").map_or("", |(_, acts)| acts);
    acts.matches("<g class=\"mark alert").count()
}
