//! How each kind of row looks: a shape and a word, never a colour alone.

use super::model::{Kind, Outcome, Severity, Stage};

/// How a kind is drawn and named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// Class of the style sheet.
    pub(super) class: &'static str,
    /// SVG path around the origin, at most 5 to each side; empty for bars.
    pub(super) path: &'static str,
    /// What it is, for legend and table.
    pub(super) name: &'static str,
}

const CIRCLE: &str = "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z";
const DIAMOND: &str = "M0,-5.5L5.5,0L0,5.5L-5.5,0Z";
const SQUARE: &str = "M-5,-5H5V5H-5ZM0,-3V1M0,2.6V3.4";
const CROSS: &str = "M-4,-4L4,4M-4,4L4,-4";

/// How a kind looks.
pub(super) fn mark(kind: Kind) -> Mark {
    let (class, path, name) = match kind {
        Kind::Rollout(Outcome::UnderWay) => ("rollout under-way", "", "deployment without an end"),
        Kind::Rollout(Outcome::Completed) => ("rollout completed", "", "deployment, completed"),
        Kind::Rollout(Outcome::Failed) => ("rollout failed", "", "deployment, failed"),
        Kind::Rollout(Outcome::Back) => ("rollout back", "", "ECS goes back after a failure"),
        Kind::Incident => ("incident", "", "incident, open to closed"),
        Kind::Migration(Stage::Waiting) => ("migration waiting", "", "migration waits"),
        Kind::Migration(Stage::Checking) => ("migration checking", "", "migration: plan, restore point, second look"),
        Kind::Migration(Stage::Migrating) => ("migration migrating", "", "migration runs"),
        Kind::Migration(Stage::Stopping) => ("migration stopping", "", "migration is stopped"),
        Kind::Push => ("push", "M0,-5L5,4H-5Z", "push of an image"),
        Kind::Begun => ("begun", CIRCLE, "deploy rolls, or rolls back"),
        Kind::Decided => ("decided", CIRCLE, "a decision not to, with its reason"),
        Kind::Passed => ("passed", "M-2,0a2,2 0 1,0 4,0a2,2 0 1,0 -4,0Z", "looked at, nothing to do"),
        Kind::Crash => ("crash", CROSS, "a task crashes, or cannot start"),
        Kind::Stopped => ("stopped", "M-4,4L4,-4", "a task is stopped, and ends badly"),
        Kind::Asked => ("asked", DIAMOND, "asked for: a rollback, a snapshot"),
        Kind::Done => ("done", DIAMOND, "answered: done"),
        Kind::Refused => ("refused", "M0,-5.5L5.5,0L0,5.5L-5.5,0ZM-4,4L4,-4", "answered: refused"),
        Kind::Alert(Severity::Info) => ("alert info", SQUARE, "alert: for information"),
        Kind::Alert(Severity::Warning) => ("alert warning", SQUARE, "alert: warning"),
        Kind::Alert(Severity::Critical) => ("alert critical", SQUARE, "alert: critical"),
        Kind::Migrated => ("migrated", "M-4.5,0L-1,4L5,-4", "migrated"),
        Kind::NotMigrated => ("not-migrated", CROSS, "migration failed"),
        Kind::Taken => ("taken", "M-2.5,5V-5H2.5V5Z", "snapshot taken"),
        Kind::Copied => ("copied", "M-4.5,5V-3H0.5V5ZM-1.5,-3V-5H4.5V3H0.5", "snapshot copied"),
        Kind::Deleted => ("deleted", "M-2.5,5V-5H2.5V5ZM-5,0H5", "snapshot deleted"),
        Kind::Hand => ("hand", "M0,5L5,-4H-5Z", "a person, a pipeline, the bus"),
    };
    Mark { class, path, name }
}

/// Whether the label stands beside the mark in an act's own picture.
pub(super) fn is_labelled(kind: Kind) -> bool {
    use Kind::{Alert, Asked, Begun, Decided, Done, Hand, Push, Refused};
    matches!(kind, Alert(_) | Asked | Begun | Decided | Done | Hand | Push | Refused)
}

/// Every kind, in the order of the legend.
pub(super) const ALL: [Kind; 27] = [
    Kind::Push,
    Kind::Begun,
    Kind::Decided,
    Kind::Passed,
    Kind::Rollout(Outcome::Completed),
    Kind::Rollout(Outcome::Failed),
    Kind::Rollout(Outcome::Back),
    Kind::Rollout(Outcome::UnderWay),
    Kind::Crash,
    Kind::Stopped,
    Kind::Incident,
    Kind::Asked,
    Kind::Done,
    Kind::Refused,
    Kind::Alert(Severity::Info),
    Kind::Alert(Severity::Warning),
    Kind::Alert(Severity::Critical),
    Kind::Migration(Stage::Waiting),
    Kind::Migration(Stage::Checking),
    Kind::Migration(Stage::Migrating),
    Kind::Migration(Stage::Stopping),
    Kind::Migrated,
    Kind::NotMigrated,
    Kind::Taken,
    Kind::Copied,
    Kind::Deleted,
    Kind::Hand,
];
