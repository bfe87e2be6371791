//! A schema that jobs plan and migrate.

use jiff::SignedDuration;
use serde_json::json;

use super::jobs::{MINUTE, job, run, with_job};
use super::*;
use crate::ecs::{Behaviour, Command, Job, SimulatedSchema, StopCause};

/// An account whose image needs version 3 of a schema that is at 1.
fn with_schema() -> (Account, SimulatedSchema) {
    let account = with_job();
    let schema = SimulatedSchema::at(1);
    schema.needs(&account.digest("backend", "latest").unwrap(), 3);
    account.script_command(Command::exactly(&["plan"]), Job::plans(&schema));
    account.script_command(Command::exactly(&["migrate"]), Job::migrates(&schema));
    (account, schema)
}

fn begin(account: &Account, word: &str, by: &str) -> Value {
    let overrides = json!({"containerOverrides": [{"name": "migrate", "command": [word]}]});
    run(account, json!({"overrides": overrides, "startedBy": by})).unwrap()["tasks"][0]["taskArn"].clone()
}

fn result(account: &Account, word: &str) -> Option<i64> {
    let task = begin(account, word, "somebody");
    account.advance(MINUTE);
    job(account, &task, &[])["containers"][0]["exitCode"].as_i64()
}

#[test]
fn a_plan_tells_what_is_pending_until_it_was_migrated() {
    let (account, schema) = with_schema();
    let image = account.digest("backend", "latest").unwrap();
    assert_eq!((result(&account, "plan"), schema.satisfies(&image)), (Some(10), false));
    schema.destroys(3);
    assert_eq!(result(&account, "plan"), Some(20));
    assert_eq!((result(&account, "migrate"), schema.version()), (Some(0), 3));
    assert_eq!((result(&account, "plan"), schema.satisfies(&image)), (Some(0), true));
    assert_eq!((result(&account, "migrate"), schema.version()), (Some(0), 3), "nothing is pending");
    let runs = schema.migrations();
    assert_eq!(runs.iter().map(|run| (run.exit_code, run.committed)).collect::<Vec<_>>(), [(Some(0), true); 2]);
    assert_eq!((schema.most_at_once(), schema.overlaps()), (1, Vec::new()));
}

#[test]
fn migrations_at_the_same_time_are_remembered_with_who_started_them() {
    let (account, schema) = with_schema();
    begin(&account, "migrate", "steward/m/a");
    account.advance(SignedDuration::from_secs(10));
    begin(&account, "migrate", "steward/m/b");
    account.advance(MINUTE);
    begin(&account, "migrate", "steward/m/c");
    account.advance(MINUTE);
    assert_eq!(schema.most_at_once(), 2);
    let by = |name: &str| Some(format!("steward/m/{name}"));
    assert_eq!(schema.overlaps(), [(by("a"), by("b"))]);
    let all: Vec<_> = schema.migrations().into_iter().map(|run| (run.started_by, run.ended_at.is_some())).collect();
    assert_eq!(all, [(by("a"), true), (by("b"), true), (by("c"), true)]);
}

#[test]
fn a_plan_beside_a_migration_sees_what_is_committed() {
    let (account, _) = with_schema();
    let (first, second) = (begin(&account, "migrate", "a"), begin(&account, "plan", "b"));
    account.advance(MINUTE);
    let code = |task: &Value| job(&account, task, &[])["containers"][0]["exitCode"].as_i64();
    assert_eq!((code(&first), code(&second)), (Some(0), Some(10)));
}

/// Exit code of the migration, whether it says that it is committed, and the version that it leaves.
#[track_caller]
fn check(job: impl FnOnce(&SimulatedSchema) -> Job, exit: Option<i64>, committed: bool, version: u32) {
    let (account, schema) = with_schema();
    account.script_command(Command::exactly(&["migrate"]), job(&schema));
    assert_eq!(result(&account, "migrate"), exit);
    let run = schema.migrations().pop().unwrap();
    assert_eq!((run.exit_code, run.committed, run.ended_at.is_some()), (exit, committed, true));
    assert_eq!(schema.version(), version);
}

#[test]
fn a_migration_that_does_not_end_well_changes_nothing_unless_it_has_committed() {
    let after = SignedDuration::from_secs(5);
    let host = Behaviour::Ends { cause: StopCause::HostTerminated, after };
    let fails = Behaviour::CrashAfterRunning { exit_code: 1, after };
    check(|schema| Job::migrates(schema).ending(fails), Some(1), false, 1);
    check(|schema| Job::migrates(schema).ending(Behaviour::OutOfMemory { after }), Some(137), false, 1);
    check(|schema| Job::migrates(schema).ending(host), None, false, 1);
    check(|schema| Job::migrates(schema).ending(host).committing_at_once(), None, true, 3);
    check(|schema| Job::migrates(schema).ending(fails).committing_at_once(), Some(1), true, 3);
}

#[test]
fn a_migration_that_never_started_has_not_touched_the_schema() {
    let (account, schema) = with_schema();
    account.script_command(Command::exactly(&["migrate"]), Job::migrates(&schema).ending(Behaviour::CannotPull));
    assert_eq!((result(&account, "migrate"), schema.migrations(), schema.version()), (None, Vec::new(), 1));
}

#[test]
fn a_migration_that_is_stopped_is_at_it_until_its_container_ends() {
    let (account, schema) = with_schema();
    let stubborn = Job::migrates(&schema).ending(Behaviour::Healthy).on_stop(137);
    account.script_command(Command::exactly(&["migrate"]), stubborn);
    let task = begin(&account, "migrate", "a");
    account.advance(MINUTE);
    account.ecs("StopTask", json!({"cluster": "shop", "task": task})).unwrap();
    account.advance(SignedDuration::from_secs(20));
    assert_eq!(schema.migrations()[0].ended_at, None, "SIGTERM does not end it");
    account.advance(SignedDuration::from_secs(20));
    let run = schema.migrations().pop().unwrap();
    assert_eq!((run.exit_code, run.committed, run.task.as_str()), (Some(137), false, task.as_str().unwrap()));
}
