//! Alerts as custom notifications of Amazon Q Developer in chat applications (schema version 1.0), for Slack and Teams.

use serde_json::json;

use super::{Alert, limit};

const TITLE: usize = 250;
const DESCRIPTION: usize = 8_000;
const STEP: usize = 800;
/// One section, before its heading.
const SECTION: usize = 1_800;

pub(super) fn render(alert: &Alert) -> String {
    let clean = |text: &str, bytes: usize| limit::escaped(&limit::within(text, bytes));
    let mark = match alert.severity {
        super::Severity::Info => ":information_source:",
        super::Severity::Warning => ":warning:",
        super::Severity::Critical => ":rotating_light:",
    };
    let facts: Vec<String> =
        alert.facts.iter().map(|(name, value)| format!("*{name}:* {}", clean(value, 300))).collect();
    let mut steps: Vec<String> = alert.next_steps.iter().map(|step| clean(step, STEP)).collect();
    steps.extend(alert.runbook.as_ref().map(|url| format!("Your runbook: {}", clean(url, STEP))));
    // The escape makes text longer, so what the user wrote is cut first and the facts are never cut in two.
    let mut description =
        format!("{}\n\n{}", clean(&alert.body, DESCRIPTION / 4), limit::within(&facts.join("\n"), DESCRIPTION / 4));
    for section in &alert.sections {
        let room = DESCRIPTION.saturating_sub(description.len() + 200).min(SECTION);
        // Three back quotes in a foreign line would end the block in which it is shown.
        let mark = if section.verbatim { "" } else { "- " };
        let shown = |line: &String| format!("{mark}{}", limit::escaped(line).replace("```", "..."));
        let lines: Vec<String> = section.lines.iter().map(shown).collect();
        let lines = limit::last_lines(&lines, room).join("\n");
        let lines = if section.verbatim { format!("```\n{lines}\n```") } else { lines };
        description = format!("{description}\n\n*{}*\n{lines}", limit::escaped(&section.title));
    }
    json!({
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": format!("{mark} {}", clean(&alert.title, TITLE / 2)),
            "description": description,
            "nextSteps": steps,
            "keywords": [&alert.function, &alert.kind, alert.severity.as_str()],
        },
        "metadata": {
            "threadId": limit::within(&alert.thread, 200),
            "summary": limit::within(&alert.title, TITLE),
            "eventType": alert.kind,
            "relatedResources": [&alert.resource],
            "additionalContext": { "severity": alert.severity.as_str(), "subject": &alert.subject },
        },
    })
    .to_string()
}
