//! The digest of a storm, and its end.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::alert::{Alert, Section, Severity};

use super::moment;
use crate::board::{Entry, Storm};
use crate::plan::ago;

fn alert(
    cluster: &str,
    storm: &Storm,
    severity: Severity,
    title: String,
    body: String,
    sections: Vec<Section>,
) -> Alert {
    Alert {
        function: "heal".to_owned(),
        kind: "storm".to_owned(),
        severity,
        title,
        resource: cluster.to_owned(),
        body,
        next_steps: Vec::new(),
        facts: vec![
            ("since".to_owned(), moment(storm.since)),
            ("services".to_owned(), storm.subjects.len().to_string()),
        ],
        sections,
        thread: format!("storm-{cluster}-{}", storm.since.as_second()),
        runbook: None,
        subject: cluster.to_owned(),
    }
}

/// Many services fail at once.
pub(crate) fn storm(cluster: &str, storm: &Storm, now: Timestamp) -> Alert {
    let lines = storm.subjects.iter().map(|(subject, class)| format!("{subject}: {}", class.word())).collect();
    let body = format!(
        "Tasks of {} services of the cluster stopped abnormally within five minutes; the first was noticed {} ago. That is more often the \
         network, the cluster or something that they all need than their releases. What is done: nothing. Healing is frozen in this \
         cluster, and their alerts are held back, until fewer have failed at once for fifteen minutes.",
        storm.subjects.len(),
        ago(now.duration_since(storm.since)),
    );
    let title = format!("{cluster}: {} services fail at once", storm.subjects.len());
    let section = Section { title: "Concerned".to_owned(), lines, verbatim: false };
    let mut alert = alert(cluster, storm, Severity::Critical, title, body, vec![section]);
    alert.next_steps = vec![
        "Look at what they have in common: a database, a queue, an endpoint, a certificate, an Availability Zone."
            .to_owned(),
        "Look at the AWS Health Dashboard.".to_owned(),
    ];
    alert
}

/// It is over.
pub(crate) fn storm_over(cluster: &str, storm: &Storm, open: &BTreeMap<String, Entry>, now: Timestamp) -> Alert {
    let is_open = |subject: &&String| open.get(*subject).is_some_and(|entry| entry.class.is_some());
    let (still, well): (Vec<&String>, Vec<&String>) = storm.subjects.keys().partition(is_open);
    let body = format!(
        "Fewer services fail at once for a quarter of an hour now; the storm lasted {}. Of {} services {} are well and {} are not yet.",
        ago(now.duration_since(storm.since)),
        storm.subjects.len(),
        well.len(),
        still.len(),
    );
    let lines = |subjects: Vec<&String>| subjects.into_iter().cloned().collect();
    let sections = vec![
        Section { title: "Not well yet".to_owned(), lines: lines(still), verbatim: false },
        Section { title: "Well".to_owned(), lines: lines(well), verbatim: false },
    ];
    let sections = sections.into_iter().filter(|section: &Section| !section.lines.is_empty()).collect();
    alert(cluster, storm, Severity::Info, format!("{cluster}: the storm is over"), body, sections)
}
