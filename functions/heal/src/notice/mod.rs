//! What people are told: plain cause, how often and since when, what changed, the last lines, what was done or would have
//! been, and each guard that stood in the way.

mod digest;
mod words;

use jiff::Timestamp;
use shared::alert::{Alert, Section, Severity};
use shared::arn::ServiceArn;
use shared::redact;
use shared::tags::ServiceTags;

pub(crate) use self::digest::{storm, storm_over};
use crate::classify::Standing;
use crate::observe::{Evidence, Logs, Service};
use crate::plan::{Guard, Occasion, Verdict};
use crate::trigger::Subject;
use crate::watch::Incident;

/// Every kind of alert. There is a runbook of each name.
pub const KINDS: [&str; 11] = [
    "task-stopped",
    "crash-loop",
    "service-impaired",
    "rollout-failed",
    "job-failed",
    "storm",
    "rollback-asked",
    "rollback-refused",
    "healed",
    "heal-failed",
    "resolved",
];

/// What an alert is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// Name of the function, for commands.
    pub(crate) function: Option<&'a str>,
    pub(crate) subject: &'a Subject,
    pub(crate) service: Option<&'a Service>,
    pub(crate) tags: Option<&'a ServiceTags>,
    pub(crate) incident: &'a Incident,
    pub(crate) evidence: &'a Evidence,
    pub(crate) guards: &'a [Guard],
    /// Whether it was healed of the same before.
    pub(crate) recurs: bool,
}

/// The kind of the alert for an occasion.
pub(crate) fn kind(incident: &Incident, occasion: &Occasion, verdict: &Verdict) -> &'static str {
    match occasion {
        Occasion::RolloutFailed(_) => "rollout-failed",
        Occasion::Asked => "rollback-asked",
        Occasion::Refused(_) | Occasion::ApprovalUseless(_) => "rollback-refused",
        Occasion::Healed => "healed",
        Occasion::HealFailed(_) => "heal-failed",
        Occasion::Resolved | Occasion::Overtaken => "resolved",
        Occasion::Opened | Occasion::Changed { .. } | Occasion::Escalated(_) | Occasion::Reminded => {
            let is_signal = incident.task.is_none() || incident.class.standing() == Standing::Replaced;
            match (incident.class, verdict) {
                (crate::classify::Class::JobFailed, _) => "job-failed",
                _ if incident.deployment.is_none() && incident.task.is_some() => "job-failed",
                (_, Verdict::Ask) => "rollback-asked",
                _ if is_signal => "service-impaired",
                _ if incident.looping => "crash-loop",
                _ => "task-stopped",
            }
        }
    }
}

/// The alert for an occasion.
pub(crate) fn alert(facts: Facts<'_>, occasion: &Occasion, verdict: &Verdict, kind: &str, now: Timestamp) -> Alert {
    let Facts { subject, incident, .. } = facts;
    let short = subject.short();
    let mut next_steps = words::next_steps(facts, occasion, verdict);
    if let Some(service) = subject.service() {
        next_steps.push(format!("Console: {}", console(service)));
    }
    Alert {
        function: "heal".to_owned(),
        kind: kind.to_owned(),
        severity: severity(facts, occasion),
        // Reasons of ECS may hold what somebody wrote into a task definition.
        title: redact::secrets(&format!("{short}: {}", words::title(facts, occasion, verdict))),
        resource: subject.service().map_or_else(|| subject.cluster().to_string(), ToString::to_string),
        body: redact::secrets(&words::body(facts, occasion, verdict, now)),
        next_steps,
        facts: facts_of(facts),
        sections: sections(facts, occasion),
        thread: incident.id.clone(),
        runbook: facts.tags.and_then(|tags| tags.runbook.clone()),
        subject: short,
    }
}

/// How urgent it is. What comes back after it was healed is more so.
fn severity(facts: Facts<'_>, occasion: &Occasion) -> Severity {
    let incident = facts.incident;
    let is_loop = incident.looping || incident.rollout_failed;
    let now = if is_loop { incident.class.in_a_loop() } else { incident.class.single().unwrap_or(Severity::Warning) };
    match occasion {
        Occasion::Healed | Occasion::Resolved | Occasion::Overtaken => Severity::Info,
        Occasion::HealFailed(_) => Severity::Critical,
        _ if facts.recurs => Severity::Critical,
        Occasion::Refused(_) | Occasion::ApprovalUseless(_) | Occasion::Asked => now.max(Severity::Warning),
        _ => now,
    }
}

fn facts_of(facts: Facts<'_>) -> Vec<(String, String)> {
    let Facts { incident, service, evidence, .. } = facts;
    let mut list = vec![
        ("incident".to_owned(), incident.id.clone()),
        ("class".to_owned(), incident.class.word().to_owned()),
        ("count".to_owned(), incident.count.to_string()),
        ("since".to_owned(), moment(incident.since)),
    ];
    let mut add = |name: &str, value: Option<String>| list.extend(value.map(|value| (name.to_owned(), value)));
    let concerned = service.and_then(|service| service.deployment(incident.deployment.as_ref()));
    let revision = concerned.and_then(|deployment| deployment.task_definition.as_ref());
    add("revision", revision.map(|revision| revision.short().to_owned()));
    add("last good", evidence.target.as_ref().map(|target| target.task_definition.short().to_owned()));
    add("deployment", incident.deployment.clone());
    add("task", incident.task.as_ref().map(|task| task.id().to_owned()));
    add("running", service.map(|service| format!("{} of {}", service.running, service.desired)));
    list
}

fn sections(facts: Facts<'_>, occasion: &Occasion) -> Vec<Section> {
    let Facts { incident, evidence, guards, .. } = facts;
    if occasion.is_end() {
        return Vec::new();
    }
    let mut sections = Vec::new();
    let mut add = |title: String, lines: Vec<String>, verbatim: bool| {
        if !lines.is_empty() {
            sections.push(Section { title, lines, verbatim });
        }
    };
    let failing = guards.iter().filter(|guard| !guard.holds).map(|guard| format!("{}: {}", guard.name, guard.why));
    add("Guards that do not hold".to_owned(), failing.collect(), false);
    if let (Some(target), Some(difference)) = (&evidence.target, &evidence.difference) {
        let title = format!("Changed since {}, the last good revision", target.task_definition.short());
        let none = vec!["nothing that is told apart here".to_owned()];
        let lines = if difference.lines.is_empty() { none } else { difference.lines.clone() };
        add(title, lines, false);
    }
    match &evidence.logs {
        Logs::Lines(lines) => {
            let container = incident.container.as_deref().unwrap_or("the task");
            add(format!("Last lines of {container}"), lines.clone(), true);
        }
        Logs::None(why) | Logs::Late(why) => add("Last lines".to_owned(), vec![format!("none: {why}")], false),
        Logs::Unknown => {}
    }
    let missing = evidence.missing.clone();
    add("Could not be looked up".to_owned(), missing, false);
    sections
}

/// Where people look at a service.
fn console(service: &ServiceArn) -> String {
    let region = service.region();
    format!(
        "https://{region}.console.aws.amazon.com/ecs/v2/clusters/{}/services/{}/tasks?region={region}",
        service.cluster(),
        service.name()
    )
}

/// A moment for people: to the second.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
