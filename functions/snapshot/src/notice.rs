//! What people are told. A notice goes into the outbox of the database's memory with the decision that it tells of.

use jiff::SignedDuration;
use shared::alert::{Alert, Section, Severity};
use shared::arn::{DatabaseKind, Region};
use shared::failure::{CallFailure, FailureKind};
use shared::tags::TagProblem;

use crate::observe::model::{Database, Quota};
use crate::plan::{Row, Verdict};
use crate::slot::Interval;

/// Every kind of alert. There is a runbook of each name.
pub const KINDS: [&str; 12] = [
    "backup-stale",
    "backup-resumed",
    "snapshot-failed",
    "snapshot-stuck",
    "snapshot-missed",
    "snapshot-refused",
    "policy-changed",
    "quota-near",
    "copy-failed",
    "share-failed",
    "schedule-conflict",
    "tags",
];

/// Most rows of a table in an alert.
const MOST_ROWS: usize = 60;

fn alert(database: &Database, kind: &str, severity: Severity, title: &str, body: String) -> Alert {
    let subject = database.arn.identifier().to_owned();
    Alert {
        function: "snapshot".to_owned(),
        kind: kind.to_owned(),
        severity,
        title: format!("{subject}: {title}"),
        resource: database.arn.to_string(),
        body,
        next_steps: Vec::new(),
        facts: vec![
            ("kind".to_owned(), database.arn.kind().to_string()),
            ("engine".to_owned(), database.engine.clone()),
            ("status".to_owned(), database.status.clone()),
        ],
        sections: Vec::new(),
        thread: format!("snapshot-{subject}"),
        runbook: None,
        subject,
    }
}

fn steps<const N: usize>(alert: Alert, steps: [&str; N]) -> Alert {
    Alert { next_steps: steps.map(str::to_owned).into(), ..alert }
}

/// Backups have stopped coming.
pub(crate) fn stale(
    database: &Database,
    newest: Option<&str>,
    interval: Interval,
    age: SignedDuration,
    reason: &str,
) -> Alert {
    let since =
        newest.map_or_else(|| "There is no backup at all".to_owned(), |when| format!("The newest backup is of {when}"));
    let body = format!(
        "{since}. The policy asks for one {}, and {} hours have passed. At the moment: {reason}. Until there is a new one, no snapshot of this database is deleted.",
        every(interval),
        age.as_hours(),
    );
    let title = "backups have stopped";
    steps(
        alert(database, "backup-stale", Severity::Critical, title, body),
        [
            "take a snapshot by hand now if the data matters: aws rds create-db-snapshot or create-db-cluster-snapshot",
            "read the function's records of this database: decision and reason say what stands in the way",
        ],
    )
}

/// Backups come again.
pub(crate) fn resumed(database: &Database, when: &str) -> Alert {
    let body = format!("The newest backup is of {when}. Nothing is left to do.");
    alert(database, "backup-resumed", Severity::Info, "backups come again", body)
}

/// A snapshot has failed.
pub(crate) fn failed(database: &Database, name: &str) -> Alert {
    let body = format!(
        "RDS says that the snapshot {name} has failed. It is no backup and is not counted as one. It is tried again under another name, three times in all for one slot."
    );
    let next = ["look at the database's events in the RDS console: RDS sends none for this"];
    steps(alert(database, "snapshot-failed", Severity::Warning, "a snapshot has failed", body), next)
}

/// A snapshot does not end.
pub(crate) fn stuck(database: &Database, name: &str, age: SignedDuration) -> Alert {
    let body = format!(
        "The snapshot {name} was begun {} minutes ago and is still being made, far longer than usual. RDS takes no second one meanwhile.",
        age.as_mins()
    );
    let next = ["wait, or ask AWS support: a snapshot that is being made cannot be deleted"];
    steps(alert(database, "snapshot-stuck", Severity::Warning, "a snapshot does not end", body), next)
}

/// A slot could not be served for too long.
pub(crate) fn missed(database: &Database, why: &str, slot: &str, is_broken: bool) -> Alert {
    let severity = if is_broken { Severity::Critical } else { Severity::Warning };
    let body = format!("The slot of {slot} has no snapshot yet: {why}. It is tried again until the slot ends.");
    let next = ["bring the database back to available, or start it, for as long as a snapshot takes"];
    steps(alert(database, "snapshot-missed", severity, "no snapshot could be taken", body), next)
}

/// AWS refused the call.
pub(crate) fn refused(database: &Database, failure: &CallFailure) -> Alert {
    let body = format!("AWS refused to take the snapshot: {failure}. It is tried again at each sweep, and told once.");
    let next = match failure.code.as_str() {
        "SnapshotQuotaExceeded" => {
            "the quota of manual snapshots is used up: delete what nobody needs, shorten policies, or ask for a higher quota in Service Quotas"
        }
        _ if failure.kind == FailureKind::Denied => {
            "allow the call: look for a service control policy, a permissions boundary, or a KMS key policy that denies it"
        }
        _ => "read AWS's message: the call as it is will not be accepted",
    };
    steps(alert(database, "snapshot-refused", Severity::Critical, "AWS refuses to take a snapshot", body), [next])
}

/// A policy is new or another, and this is what it will do.
pub(crate) fn policy_changed(database: &Database, before: Option<&str>, after: &str, rows: &[Row]) -> Alert {
    let before = before.map_or_else(|| "seen for the first time".to_owned(), |before| format!("it was: {before}"));
    let surplus: Vec<&Row> = rows.iter().filter(|row| row.verdict == Verdict::Spare).collect();
    let body = format!(
        "The policy is now: {after} ({before}). Of {} snapshots it keeps {}. Nothing is deleted for a day; then up to {} go, ten at a sweep. Correct the tag within the day if that is not what you want.",
        rows.len(),
        rows.len() - surplus.len(),
        surplus.len(),
    );
    let lines =
        surplus.iter().take(MOST_ROWS).map(|row| format!("{} in {}, of {}", row.snapshot, row.region, row.moment));
    let mut alert = alert(database, "policy-changed", Severity::Info, "its snapshot policy has changed", body);
    if !surplus.is_empty() {
        let section = Section { title: "What it would not keep".to_owned(), lines: lines.collect(), verbatim: false };
        alert.sections.push(section);
    }
    steps(alert, ["to keep one of them for ever, give it the tag steward:hold with the reason"])
}

/// A quota is nearly used up.
pub(crate) fn quota(region: &Region, kind: DatabaseKind, quota: Quota, promised: u64) -> Alert {
    let Quota { used, most } = quota;
    let subject = format!("{kind} snapshots in {region}");
    let outlook = if promised > most {
        format!(
            "The policies in force promise {promised} in all: more than there may be. Backups will stop when it is reached."
        )
    } else {
        format!("The policies in force promise {promised} in all, which fits.")
    };
    Alert {
        function: "snapshot".to_owned(),
        kind: "quota-near".to_owned(),
        severity: Severity::Warning,
        title: format!("{used} of {most} manual {subject}"),
        resource: subject.clone(),
        body: format!("{used} of {most} manual snapshots of this kind exist ({} %). {outlook}", quota.percent()),
        next_steps: vec![
            "ask for a higher quota: Service Quotas, Amazon RDS, Manual DB instance snapshots or Manual DB cluster snapshots".to_owned(),
            "delete manual snapshots that nobody needs; final snapshots of deleted stacks are among them".to_owned(),
        ],
        facts: Vec::new(),
        sections: Vec::new(),
        thread: format!("snapshot-quota-{region}"),
        runbook: None,
        subject,
    }
}

/// A copy could not be made.
pub(crate) fn copy_failed(database: &Database, region: &Region, why: &str) -> Alert {
    let body = format!(
        "The newest backup could not be copied to {region}: {why}. It is tried again, five times with longer and longer pauses; then the next backup is copied instead. Its source is kept meanwhile."
    );
    let next = [
        "for an encrypted database, name a customer managed key of that region in the parameter SnapshotKmsKeyArns, and allow the function's role in its key policy",
    ];
    steps(alert(database, "copy-failed", Severity::Warning, &format!("not copied to {region}"), body), next)
}

/// A snapshot could not be shared.
pub(crate) fn share_failed(database: &Database, failure: &CallFailure) -> Alert {
    let body = format!("Its snapshots could not be shared: {failure}.");
    let next = [
        "a snapshot that is encrypted with the key aws/rds cannot be shared: encrypt the database with a customer managed key",
    ];
    steps(alert(database, "share-failed", Severity::Warning, "its snapshots are not shared", body), next)
}

/// Sharing was switched off, and snapshots are shared that were shared before.
pub(crate) fn still_shared(database: &Database, names: &[&str]) -> Alert {
    let body = format!(
        "The parameter SnapshotShareAccounts is empty now, and without it Steward may not change sharing. {} of its snapshots stay shared until retention deletes them: {}.",
        names.len(),
        names.join(", ")
    );
    let next = [
        "end it by hand: aws rds modify-db-snapshot-attribute or modify-db-cluster-snapshot-attribute with --attribute-name restore --values-to-remove ACCOUNT",
    ];
    steps(alert(database, "share-failed", Severity::Warning, "its snapshots are still shared", body), next)
}

/// Slots get in the way of something else.
pub(crate) fn conflict(database: &Database, found: &[String]) -> Alert {
    let body = format!(
        "Snapshots of this database come late, or wait, as {}. They are taken as soon as the database allows it.",
        found.join("; and ")
    );
    let next = ["move the window, the hours in which the database is stopped, or the parameter SnapshotTime"];
    steps(
        alert(database, "schedule-conflict", Severity::Info, "its slots are in the way of something else", body),
        next,
    )
}

/// Tags that cannot be read.
pub(crate) fn tags(database: &Database, problems: &[TagProblem]) -> Alert {
    let text: Vec<String> = problems.iter().map(|problem| format!("{problem}.")).collect();
    let body = format!("{} No snapshot of it is taken, copied or deleted until that is corrected.", text.join(" "));
    let next = ["correct the tags; docs/tags.md has the grammar"];
    steps(alert(database, "tags", Severity::Critical, "its tags cannot be read", body), next)
}

fn every(interval: Interval) -> &'static str {
    match interval {
        Interval::Hourly => "an hour",
        Interval::Daily => "a day",
        Interval::Weekly => "a week",
        Interval::Monthly => "a month",
        Interval::Yearly => "a year",
    }
}

#[cfg(test)]
mod tests;
