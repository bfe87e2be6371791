//! What people are told says what it is about, why, and what to do.

use shared::failure::FailureKind;

use super::*;
use crate::fixtures::{NOW, at, backup, database, seen, sweep};

fn failure(kind: FailureKind, code: &str) -> CallFailure {
    CallFailure {
        operation: "rds:CreateDBSnapshot",
        resource: "shop".to_owned(),
        kind,
        code: code.to_owned(),
        message: "no".to_owned(),
    }
}

fn all() -> Vec<Alert> {
    let shop = database(&[]);
    let region: Region = "eu-central-1".parse().unwrap();
    let problem = TagProblem { key: "steward:snapshot".into(), value: "oft".into(), problem: "expected".into() };
    let refused = failure(FailureKind::Invalid, "SnapshotQuotaExceeded");
    vec![
        stale(&shop, Some("2026-11-19 02:00 UTC"), Interval::Daily, SignedDuration::from_hours(37), "it is modifying"),
        resumed(&shop, "2026-11-21 02:00 UTC"),
        failed(&shop, "steward-shop-1"),
        stuck(&shop, "steward-shop-1", SignedDuration::from_hours(3)),
        missed(&shop, "it is modifying", "2026-11-21 02:00 UTC", false),
        super::refused(&shop, &refused),
        policy_changed(&shop, Some("daily:7"), "daily:3", &[]),
        quota(&region, DatabaseKind::Instance, Quota { used: 90, most: 100 }, 95),
        copy_failed(&shop, &region, "the key is Disabled"),
        share_failed(&shop, &refused),
        conflict(&shop, &["slots begin at 02:00 UTC".to_owned()]),
        tags(&shop, &[problem]),
    ]
}

#[test]
fn there_is_one_of_each_kind_and_each_says_what_to_do_unless_nothing_is() {
    let kinds: Vec<String> = all().into_iter().map(|alert| alert.kind).collect();
    assert_eq!(kinds, KINDS);
    for alert in all() {
        assert!(!alert.next_steps.is_empty() || alert.kind == "backup-resumed", "{}", alert.kind);
        assert!(!alert.subject.is_empty() && alert.title.contains(' ') && alert.body.len() > 20, "{alert:?}");
    }
}

#[test]
fn what_loses_backups_is_critical() {
    let critical = all().into_iter().filter(|alert| alert.severity == Severity::Critical).map(|alert| alert.kind);
    assert_eq!(critical.collect::<Vec<_>>(), ["backup-stale", "snapshot-refused", "tags"]);
    assert_eq!(missed(&database(&[]), "it is failed", "now", true).severity, Severity::Critical);
}

#[test]
fn a_refusal_says_what_to_do_about_just_that() {
    let step = |kind, code: &str| refused(&database(&[]), &failure(kind, code)).next_steps.join(" ");
    assert!(step(FailureKind::Invalid, "SnapshotQuotaExceeded").contains("Service Quotas"));
    assert!(step(FailureKind::Denied, "AccessDenied").contains("service control policy"));
    assert!(step(FailureKind::Invalid, "InvalidParameterValue").contains("AWS's message"));
}

#[test]
fn a_changed_policy_lists_what_it_would_not_keep_and_not_without_end() {
    let plan = sweep(&seen("daily:3", (0..100).map(backup).collect()), at(NOW));
    let rows: Vec<Row> = plan.rows.iter().cloned().map(|row| Row { verdict: Verdict::Spare, ..row }).collect();
    let alert = policy_changed(&database(&[]), None, "daily:3", &rows);
    assert_eq!(alert.sections[0].lines.len(), MOST_ROWS);
    assert!(
        alert.body.contains("Of 100 snapshots it keeps 0") && alert.body.contains("up to 100 go"),
        "{}",
        alert.body
    );
}

#[test]
fn without_any_backup_that_is_what_is_said() {
    let alert = stale(&database(&[]), None, Interval::Hourly, SignedDuration::from_hours(2), "it is stopped");
    assert!(alert.body.starts_with("There is no backup at all"), "{}", alert.body);
}
