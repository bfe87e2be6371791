//! What the story comes to: what runs, what was called, how long it took.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cast::CAST;
use crate::ledger::{Ledger, is_write};
use crate::page::Look;
use crate::stage::{Stage, counted, short};
use crate::timeline::spoken;

/// Prints it.
pub(crate) fn report(stage: &mut Stage, simulated: jiff::SignedDuration, real: Duration) {
    stage.past.push(std::mem::take(&mut stage.ledger));
    let alerts = |service: &str| -> usize {
        let all = stage.past.iter().flat_map(|ledger| &ledger.alerts);
        all.filter(|alert| alert.attributes.get("subject").is_some_and(|subject| subject == service)).count()
    };
    stage.page.plain(Look::Bold, "\nIn the end");
    let heading =
        format!("  {:19}  {:15}  {:12}  {:>11}  {:>6}  {}", "service", "policy", "runs", "deployments", "alerts", "");
    stage.page.plain(Look::Dim, heading.trim_end());
    for member in CAST {
        let running = stage.running(member.name);
        let (deployments, alerts) = (stage.deployments(member.name), alerts(member.name));
        let row = format!(
            "  {:19}  {:15}  {:12}  {deployments:>11}  {alerts:>6}  {}",
            member.name,
            member.policy,
            short(&running),
            member.what
        );
        stage.page.plain(Look::Plain, &row);
    }
    let works = || stage.past.iter().flat_map(|ledger: &Ledger| &ledger.works);
    let mut calls = BTreeMap::<&str, usize>::new();
    for call in works().flat_map(|work| &work.calls) {
        *calls.entry(call).or_default() += 1;
    }
    let (total, writes): (usize, usize) =
        (calls.values().sum(), calls.iter().filter(|(call, _)| is_write(call)).map(|(_, count)| count).sum());
    let sweeps = works().filter(|work| work.trigger() == "sweep").count();
    let calls: Vec<String> = calls.iter().map(|(call, count)| format!("{call} {count}")).collect();
    stage.page.note(&format!(
        "{} of deploy, {sweeps} of them sweeps; {total} AWS calls, {writes} of them writes: {}",
        counted(works().count(), "invocation"),
        calls.join(", ")
    ));
    let starts = stage.cold_starts();
    let millis = |duration: Duration| format!("{:.1} ms", duration.as_secs_f64() * 1000.0);
    let starts: Vec<String> = starts
        .iter()
        .map(|start| {
            format!(
                "{} until ready, {} until answered",
                millis(start.ready),
                start.answered.map_or_else(String::new, millis)
            )
        })
        .collect();
    stage.page.note(&format!("cold starts of the binary here, without the platform's part: {}", starts.join("; ")));
    stage.page.note(&format!("{} of simulated time in {:.1} s of real time", spoken(simulated), real.as_secs_f64()));
}
