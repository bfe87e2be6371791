//! What people are told. A notice is written with the step that it tells of, and leaves the run when SNS has taken it.

use shared::alert::{Alert, Section, Severity};
use shared::migration::{RunId, RunState};

use crate::classify::Task;
use crate::run::{Cause, Run};

/// Every kind of alert. There is a runbook of each name.
pub const KINDS: [&str; 6] = [
    "migrated",
    "migration-failed",
    "migration-unknown",
    "migration-approval",
    "migration-waiting",
    "migration-refused",
];

fn alert(run: &Run, kind: &str, severity: Severity, title: &str, body: String) -> Alert {
    let subject = run.service.short().to_owned();
    let mut facts = vec![("run".to_owned(), run.id.to_string())];
    if let Some(frozen) = &run.frozen {
        facts.push(("database".to_owned(), frozen.lock.clone()));
        facts.push(("image".to_owned(), frozen.reference.clone()));
        facts.push(("container".to_owned(), frozen.container.clone()));
        if let Some(restore) = &run.restore {
            facts.push(("restore point".to_owned(), restore.words(&frozen.lock)));
        }
    }
    facts.extend(run.requested_by.clone().map(|by| ("asked for by".to_owned(), by)));
    let sections = if run.log.is_empty() {
        Vec::new()
    } else {
        vec![Section { title: "Its last lines".to_owned(), lines: run.log.clone(), verbatim: true }]
    };
    Alert {
        function: "migrate".to_owned(),
        kind: kind.to_owned(),
        severity,
        title: format!("{subject}: {title}"),
        resource: run.service.to_string(),
        body,
        next_steps: Vec::new(),
        facts,
        sections,
        thread: format!("migrate-{}", run.id),
        runbook: run.frozen.as_ref().and_then(|frozen| frozen.runbook.clone()),
        subject,
    }
}

/// What a person puts on the bus to decide.
fn resolution(run: &Run, outcome: &str) -> String {
    format!("Migration Resolved with run {}, outcome {outcome} and why (docs/migrate.md shows the command)", run.id)
}

/// How a run ended; nothing where that is no news.
pub(crate) fn ended(run: &Run) -> Option<Alert> {
    let reason = &run.reason;
    match run.state {
        // Where nothing was pending nothing has changed.
        RunState::Migrated if run.touched => {
            let body = format!("The migration is done: {reason}.");
            Some(alert(run, "migrated", Severity::Info, "is migrated", body))
        }
        RunState::Failed => Some(failed(run)),
        RunState::Unknown => Some(unknown(run)),
        _ => None,
    }
}

fn failed(run: &Run) -> Alert {
    let stays = match run.cause {
        Cause::Rollout => " The service is not rolled and keeps serving what it serves.",
        Cause::Hook { .. } => " ECS is told to roll the waiting deployment back.",
        Cause::Request => "",
    };
    let touched = if run.touched {
        " Statements that were done before it failed may have stayed: whether they did depends on the database and the tool."
    } else {
        " Nothing was changed."
    };
    let body = format!("The migration failed: {}.{touched}{stays}", run.reason);
    let mut alert = alert(run, "migration-failed", Severity::Critical, "its migration failed", body);
    alert.next_steps = vec![
        "push an image that mends it: the newer push is migrated and rolled".to_owned(),
        format!("to run it once more as it is: {}", resolution(run, "retry")),
        format!("if the schema is as it should be after all: {}", resolution(run, "migrated")),
    ];
    alert
}

fn unknown(run: &Run) -> Alert {
    let body = format!(
        "Nobody can say whether the migration was done: {}. It is not tried again, the service is not rolled, and no other migration of the same database begins until somebody has looked.",
        run.reason
    );
    let mut alert = alert(run, "migration-unknown", Severity::Critical, "nobody knows what its migration did", body);
    alert.next_steps = vec![
        "look at the tool's own table of migrations in the database, and at the locks that the task may have left"
            .to_owned(),
        format!("then decide: {}, or failed, or retry", resolution(run, "migrated")),
    ];
    alert
}

/// A plan that destroys something.
pub(crate) fn approval(run: &Run) -> Alert {
    let body = "The plan says that the migration would destroy something. It waits for a day for somebody to approve it, and with it every other migration of the database.".to_owned();
    let mut alert = alert(run, "migration-approval", Severity::Warning, "its migration has to be approved", body);
    alert.next_steps = vec![
        format!("read the plan's lines, then: {}", resolution(run, "approved")),
        format!("to give it up: {}", resolution(run, "failed")),
    ];
    alert
}

/// A run waits long for its turn.
pub(crate) fn waiting(run: &Run, ahead: &RunId) -> Alert {
    let body = format!(
        "The migration has waited for an hour, as run {ahead} holds or wants the same database first. One migrates at a time."
    );
    let mut alert = alert(run, "migration-waiting", Severity::Warning, "its migration waits", body);
    alert.next_steps = vec![format!("look at run {ahead}: if it is unknown or waits for approval, decide about it")];
    alert
}

/// A person's decision does not fit.
pub(crate) fn refused(run: &Run, why: &str) -> Alert {
    let body = format!("A Migration Resolved was not followed: {why}.");
    alert(run, "migration-refused", Severity::Info, "a decision about its migration was not followed", body)
}

/// A task that does not stop.
pub(crate) fn does_not_stop(run: &Run, task: &Task) -> Alert {
    let body = format!(
        "Task {} was told to stop and has not stopped. While it may live, the database stays locked for other migrations.",
        task.arn.id()
    );
    let mut alert = alert(run, "migration-waiting", Severity::Critical, "its migration does not stop", body);
    alert.next_steps = vec!["look at the task in the ECS console; on EC2, at the instance and its agent".to_owned()];
    alert
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixtures::{at, run};

    #[test]
    fn every_kind_is_known_and_names_the_run() {
        let mut run = run("a");
        run.log = vec!["boom".to_owned()];
        let mut told = vec![approval(&run), waiting(&run, &run.id.clone()), refused(&run, "it is over")];
        run.touched = true;
        for state in [RunState::Migrated, RunState::Failed, RunState::Unknown] {
            run.turn(state, "so it is", at(1));
            told.extend(ended(&run));
        }
        let mut kinds: Vec<&str> = told.iter().map(|alert| alert.kind.as_str()).collect();
        kinds.sort_unstable();
        let mut known = KINDS.to_vec();
        known.sort_unstable();
        assert_eq!(kinds, known);
        for alert in &told {
            assert!(alert.facts.iter().any(|(name, value)| name == "run" && *value == run.id.to_string()));
            assert_eq!(alert.sections[0].lines, ["boom"]);
        }
    }

    #[test]
    fn nothing_pending_and_superseded_are_no_news() {
        let mut run = run("a");
        for state in [RunState::Migrated, RunState::Superseded] {
            run.turn(state, "so it is", at(1));
            assert_eq!(ended(&run), None);
        }
    }
}
