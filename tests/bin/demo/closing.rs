//! What the story comes to: what runs, what was called, how long it took.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::cast;
use crate::ledger::{Ledger, is_write};
use crate::page::Look;
use crate::picture;
use crate::stage::{Result, Stage, counted, short};

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
    for member in cast::all() {
        let running = stage.running(member.name);
        let (deployments, alerts) = (stage.deployments(member.name), alerts(member.name));
        let row = format!(
            "  {:19}  {:15}  {:12}  {deployments:>11}  {alerts:>6}  {}",
            member.name,
            if member.policy.is_empty() { "-" } else { member.policy },
            short(&running),
            member.what
        );
        stage.page.plain(Look::Plain, &row);
    }
    let works = || stage.past.iter().flat_map(|ledger: &Ledger| &ledger.works);
    let (mut by_service, mut writes) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    for call in works().flat_map(|work| &work.calls) {
        *by_service.entry(call.split(':').next().unwrap_or_default()).or_default() += 1;
        if is_write(call) {
            *writes.entry(call).or_default() += 1;
        }
    }
    let invocations = |function: &str| counted(works().filter(|w| w.function == function).count(), "invocation");
    let [deploy, migrate, heal, snapshot] = ["deploy", "migrate", "heal", "snapshot"].map(invocations);
    let all = format!("{deploy} of deploy, {migrate} of migrate, {heal} of heal, {snapshot} of snapshot");
    stage.page.note(&format!("{all}; AWS calls: {}", listed(&by_service)));
    stage.page.note(&format!("of these calls write: {}", listed(&writes)));
    let millis = |duration: Duration| format!("{:.0} ms", duration.as_secs_f64() * 1000.0);
    for (binary, starts) in stage.cold_starts.borrow().iter() {
        let ready = starts.iter().map(|start| start.ready).max().unwrap_or_default();
        let first = starts.iter().filter_map(|start| start.answered).max().unwrap_or_default();
        stage.page.note(&format!(
            "cold start of {binary}, the slowest of {}: {} until it is ready, {} until its first answer",
            starts.len(),
            millis(ready),
            millis(first)
        ));
    }
    stage.page.note(&format!("{} of simulated time in {:.1} s of real time", long(simulated), real.as_secs_f64()));
}

/// Writes the page with the pictures beside the folder of the binaries, and the whole run as one picture where it is wanted.
pub(crate) fn draw(stage: &mut Stage, binaries: &Path, wanted: Option<&Path>) -> Result<()> {
    let order: Vec<&str> = cast::all().map(|member| member.name).collect();
    let seen = stage.page.chronicle.seen();
    let (drawn, told) =
        (picture::page(seen, &order), stage.past.iter().map(|ledger| ledger.alerts.len()).sum::<usize>());
    let file = binaries.parent().unwrap_or(binaries).join(picture::PAGE);
    let written = |file: &Path, text: &str| {
        std::fs::write(file, text).map_err(|problem| format!("{}: {problem}", file.display()))
    };
    written(&file, &drawn)?;
    if let Some(file) = wanted {
        written(file, &picture::overview(seen, &order))?;
    }
    let shown = picture::alerts_in(&drawn);
    let all = shown == told && stage.page.chronicle.alerts() == told;
    stage.check(all, &format!("of {} {shown} are in the picture", counted(told, "alert")));
    stage.page.plain(Look::Bold, &format!("\nThe same as a picture, each mark with its reason: {}", file.display()));
    Ok(())
}

/// `33 days and 4 h`.
fn long(duration: jiff::SignedDuration) -> String {
    format!(
        "{} and {} h",
        counted(usize::try_from(duration.as_hours() / 24).unwrap_or_default(), "day"),
        duration.as_hours() % 24
    )
}

/// Names with their counts, the sum first: `14 (sns:Publish 12, sqs:SendMessage 2)`.
fn listed(counts: &BTreeMap<&str, usize>) -> String {
    let total: usize = counts.values().sum();
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!("{total} ({})", each.join(", "))
}
