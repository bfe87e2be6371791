//! The page: all acts in one picture, then each by itself with its table. One file, without scripts, and nothing is fetched.

use super::RUNBOOKS;
use super::axis::spoken;
use super::chart::{self, STYLE, moments};
use super::lanes::rows_of;
use super::marks::mark;
use super::markup::{escaped, put};
use super::model::{Act, Kind, Seen};

const PAGE_STYLE: &str = include_str!("page.css");

const INTRODUCTION: &str = "Drawn from what the run saw: decision records, deployments and tasks as ECS tells of them, alerts, and \
    Steward's own events. Point at a mark to read when, what and why; an alert leads to its runbook. Times are simulated, since \
    the start of the run; in the last acts they are dates. Each act has an axis of its own, dotted lines are sweeps.";

/// The page of a run.
pub(super) fn page(seen: &Seen, order: &[&str]) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <meta name=\"color-scheme\" content=\"light dark\"/><title>Steward: a run of the demo</title>\n\
         <style>{STYLE}{PAGE_STYLE}</style></head>\n<body><header><h1>Steward: a run of the demo</h1><p>{}</p></header>\n",
        escaped(INTRODUCTION)
    );
    put(&mut page, format_args!("<div class=\"all\">{}</div>\n<main>\n", chart::overview(seen, order, true)));
    for act in &seen.acts {
        section(&mut page, act, seen, order);
    }
    page + "</main></body></html>\n"
}

fn section(page: &mut String, act: &Act, seen: &Seen, order: &[&str]) {
    let (number, title, what) = (act.number, escaped(&act.title), escaped(&act.what));
    let took = escaped(&format!("From {}, {} long.", act.clock.told(act.from), spoken(act.span())));
    put(
        page,
        format_args!(
            "<section id=\"act-{number}\"><h2>{number}. {title}</h2><p>{what} <span class=\"dim\">{took}</span></p>\n"
        ),
    );
    page.push_str(&chart::act(act, seen, order, RUNBOOKS));
    let rows = rows_of(act, seen);
    put(page, format_args!("<details><summary>The same as a table: {} rows</summary><table><thead><tr>", rows.len()));
    page.push_str("<th scope=\"col\">when</th><th scope=\"col\">where</th><th scope=\"col\">what</th><th scope=\"col\">why</th></tr></thead><tbody>\n");
    for row in rows {
        let (when, kind) = (escaped(&moments(row, act)), mark(row.kind).name);
        let label = escaped(&row.label);
        let label = match row.kind {
            Kind::Alert(_) => format!("<a href=\"{RUNBOOKS}/{label}.md\">{label}</a>"),
            _ => label,
        };
        let between = if label.is_empty() { "" } else { ": " };
        let (lane, words) = (escaped(&row.lane), escaped(&row.words));
        put(
            page,
            format_args!("<tr><td>{when}</td><td>{lane}</td><td>{kind}{between}{label}</td><td>{words}</td></tr>\n"),
        );
    }
    page.push_str("</tbody></table></details></section>\n");
}
