//! Alerts as plain text, for e-mail and for whoever reads the topic.

use std::fmt::Write as _;

use super::{Alert, limit};

/// SNS allows 256 KiB with attributes; an e-mail of more than this is read by nobody.
const LIMIT: usize = 32 * 1024;
/// One section.
const SECTION: usize = 6 * 1024;

pub(super) fn render(alert: &Alert) -> String {
    let mut text = format!("{}\n\n{}\n", alert.title, limit::within(&alert.body, LIMIT / 2));
    if !alert.facts.is_empty() {
        let width = alert.facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        text.push('\n');
        for (name, value) in &alert.facts {
            let _ = writeln!(text, "  {name:width$}  {value}");
        }
    }
    for section in &alert.sections {
        let _ = writeln!(text, "\n{}:", section.title);
        for line in limit::last_lines(&section.lines, SECTION) {
            let _ = writeln!(text, "  {}{line}", if section.verbatim { "| " } else { "- " });
        }
    }
    if !alert.next_steps.is_empty() {
        text.push_str("\nWhat you can do:\n");
        for step in &alert.next_steps {
            let _ = writeln!(text, "  - {step}");
        }
    }
    if let Some(runbook) = &alert.runbook {
        let _ = writeln!(text, "\nYour runbook: {runbook}");
    }
    let severity = alert.severity.as_str();
    let _ = writeln!(text, "\n{} ({severity}, {}) from Steward {}", alert.resource, alert.kind, alert.function);
    limit::within(&text, LIMIT)
}
