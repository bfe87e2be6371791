//! What jobs do by their command.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::jobs::{MINUTE, job, run, with_job};
use super::*;
use crate::ecs::{Behaviour, Command, Job, PullError, StartFailure, StopCause};
use crate::template::Template;
use crate::world::World;

fn command(words: &[&str]) -> Value {
    json!({"overrides": {"containerOverrides": [{"name": "migrate", "command": words}]}})
}

/// ARN of a new task with this command.
fn begin(account: &Account, words: &[&str]) -> Value {
    run(account, command(words)).unwrap()["tasks"][0]["taskArn"].clone()
}

fn exit_code(account: &Account, task: &Value) -> Option<i64> {
    job(account, task, &[])["containers"][0]["exitCode"].as_i64()
}

#[test]
fn the_command_says_how_a_job_ends_and_the_last_script_that_fits_counts() {
    let account = with_job();
    let v1 = account.digest("backend", "latest").unwrap();
    account.script_command(Command::with("db:migrate"), Job::exits(0).after(MINUTE));
    account.script_command(Command::exactly(&["rake", "db:migrate"]), Job::exits(3));
    account.script_command(Command::with("db:migrate").of("sha256:0"), Job::exits(4));
    account.script_command(Command::with("verify").of(&v1), Job::exits(5));
    let tasks: Vec<_> = [
        &["rake", "db:migrate"][..],
        &["sh", "-c", "rake db:migrate"],
        &["rake", "db:migrate", "--trace"],
        &["verify"],
        &["rake", "db:migrated"],
    ]
    .map(|words| begin(&account, words))
    .into();
    account.advance(MINUTE * 3);
    let codes: Vec<_> = tasks.iter().map(|task| exit_code(&account, task)).collect();
    assert_eq!(codes, [Some(3), Some(0), Some(0), Some(5), None]);
    assert_eq!(job(&account, &tasks[4], &[])["lastStatus"], "RUNNING", "nothing was said of it");
    let events = account.take_events();
    let of_it = |task: &&&Value| task["taskArn"] == tasks[1];
    let stopped = stops(&events).into_iter().filter(|task| of_it(&task)).collect::<Vec<_>>()[0];
    let ran = stopped["executionStoppedAt"].as_str().unwrap()[14..19].to_owned();
    assert_eq!((&stopped["startedAt"].as_str().unwrap()[14..19], ran.as_str()), ("00:17", "01:20"));
}

#[test]
fn a_command_in_the_task_definition_counts_where_none_overrides_it() {
    let account = with_job();
    account.script_command(Command::exactly(&["up"]), Job::exits(7));
    account.script_command(Command::exactly(&["down"]), Job::exits(8));
    let image = format!("{}/backend:latest", crate::context::REGISTRY);
    let container = json!({"name": "migrate", "image": image, "command": ["up"]});
    let definition =
        json!({"family": "steward-migrate-shop", "networkMode": "awsvpc", "containerDefinitions": [container]});
    account.ecs("RegisterTaskDefinition", definition).unwrap();
    let own = run(&account, json!({"taskDefinition": "steward-migrate-shop"})).unwrap()["tasks"][0].clone();
    assert_eq!(own["group"], "family:steward-migrate-shop");
    let mut other = command(&["down"]);
    other["taskDefinition"] = json!("steward-migrate-shop");
    let other = run(&account, other).unwrap()["tasks"][0]["taskArn"].clone();
    account.advance(MINUTE);
    assert_eq!((exit_code(&account, &own["taskArn"]), exit_code(&account, &other)), (Some(7), Some(8)));
}

#[test]
fn a_task_of_a_service_with_the_same_image_and_command_stays_healthy() {
    let account = account();
    account.script_command(Command::with("serve"), Job::exits(1));
    account.service("shop", "backend").image("backend:latest").command(&["serve"]).running().unwrap();
    account.take_events();
    account.advance(MINUTE * 30);
    assert_eq!((stops(&account.take_events()).len(), account.is_steady()), (0, true));
}

#[test]
fn a_job_that_hangs_is_stopped_by_a_person_and_one_that_does_not_heed_is_killed() {
    let account = with_job();
    account.script_command(Command::with("gentle"), Job::hangs());
    account.script_command(Command::with("stubborn"), Job::hangs().on_stop(137));
    let (gentle, stubborn) = (begin(&account, &["gentle"]), begin(&account, &["stubborn"]));
    account.advance(SignedDuration::from_hours(30));
    for task in [&gentle, &stubborn] {
        assert_eq!(job(&account, task, &[])["lastStatus"], "RUNNING");
        account.ecs("StopTask", json!({"cluster": "shop", "task": task, "reason": "too long"})).unwrap();
    }
    account.advance(SignedDuration::from_secs(6));
    let task = job(&account, &gentle, &[]);
    assert_eq!((&task["lastStatus"], &task["stopCode"]), (&json!("STOPPED"), &json!("UserInitiated")));
    assert_eq!((&task["stoppedReason"], exit_code(&account, &gentle)), (&json!("too long"), Some(143)));
    assert_eq!(job(&account, &stubborn, &[])["lastStatus"], "STOPPING", "it has 30 seconds");
    account.advance(SignedDuration::from_secs(30));
    assert_eq!(
        (&job(&account, &stubborn, &[])["lastStatus"], exit_code(&account, &stubborn)),
        (&json!("STOPPED"), Some(137))
    );
}

#[track_caller]
fn check_end(behaviour: Behaviour, stop_code: Option<&str>, exit: Option<i64>, ran: bool) {
    let account = with_job();
    account.script_command(Command::with("up"), Job::behaves(behaviour));
    let task = begin(&account, &["up"]);
    account.advance(MINUTE * 5);
    let task = job(&account, &task, &[]);
    assert_eq!((task["lastStatus"].as_str(), task["stopCode"].as_str()), (Some("STOPPED"), stop_code), "{task}");
    assert_eq!(task["containers"][0]["exitCode"].as_i64(), exit, "{task}");
    assert_eq!(task["startedAt"].is_number(), ran, "{task}");
}

#[test]
fn a_job_can_end_in_every_way_that_an_image_can() {
    let after = SignedDuration::from_secs(5);
    let (essential, failed) = (Some("EssentialContainerExited"), Some("TaskFailedToStart"));
    check_end(Behaviour::CrashAtStart { exit_code: 1, after }, essential, Some(1), false);
    check_end(Behaviour::OutOfMemory { after }, essential, Some(137), true);
    let ends = |cause| Behaviour::Ends { cause, after };
    check_end(ends(StopCause::HostTerminated), None, None, true);
    check_end(ends(StopCause::SpotInterruption), Some("SpotInterruption"), Some(143), true);
    check_end(ends(StopCause::StoppedByUser), Some("UserInitiated"), Some(143), true);
    check_end(Behaviour::CannotPull, failed, None, false);
    check_end(Behaviour::FailsToStart(StartFailure::CannotPull(PullError::RateLimited)), failed, None, false);
    check_end(Behaviour::FailsToStart(StartFailure::CommandNotFound), failed, None, false);
}

/// A job of an essential container, a second container, and how both behave.
fn pair(sidecar_is_essential: bool, of_job: Job, of_sidecar: Job) -> Value {
    let account = with_job();
    account.script_command(Command::with("up"), of_job);
    account.script_command(Command::with("proxy"), of_sidecar);
    let containers = json!([
        {"name": "migrate", "image": "example.com/migrate:1", "command": ["up"], "essential": true},
        {"name": "proxy", "image": "example.com/proxy:1", "command": ["proxy"], "essential": sidecar_is_essential},
    ]);
    let definition = json!({"family": "pair", "networkMode": "awsvpc", "containerDefinitions": containers});
    account.ecs("RegisterTaskDefinition", definition).unwrap();
    let task = run(&account, json!({"taskDefinition": "pair"})).unwrap()["tasks"][0]["taskArn"].clone();
    account.advance(MINUTE * 5);
    job(&account, &task, &[])
}

#[track_caller]
fn check_pair(task: &Value, of_job: Option<i64>, of_sidecar: Option<i64>) {
    let code = |place: usize| task["containers"][place]["exitCode"].as_i64();
    assert_eq!((task["lastStatus"].as_str(), code(0), code(1)), (Some("STOPPED"), of_job, of_sidecar), "{task}");
    assert_eq!(task["stopCode"], "EssentialContainerExited");
}

#[test]
fn a_task_ends_with_its_first_essential_container_and_the_others_end_with_it() {
    check_pair(&pair(false, Job::exits(0), Job::hangs()), Some(0), Some(143));
    check_pair(&pair(false, Job::exits(0), Job::hangs().on_stop(137)), Some(0), Some(137));
    check_pair(&pair(false, Job::exits(0).after(MINUTE), Job::exits(1)), Some(0), Some(1));
    check_pair(&pair(true, Job::exits(0).after(MINUTE), Job::exits(1)), Some(143), Some(1));
    check_pair(&pair(true, Job::exits(0).after(MINUTE).on_stop(137), Job::exits(1)), Some(137), Some(1));
}

#[test]
fn a_script_that_asks_knows_who_started_the_task_and_answers_each_time_anew() {
    let account = with_job();
    let fails_first = Job::asks(|start| {
        let first = start.started_by.as_deref() == Some("steward/m/1") && start.command == ["up"];
        let exit_code = i64::from(first && start.digest.is_some());
        Behaviour::CrashAfterRunning { exit_code, after: SignedDuration::from_secs(1) }
    });
    account.script_command(Command::with("up"), fails_first);
    let codes = ["steward/m/1", "steward/m/2"].map(|by| {
        let mut more = command(&["up"]);
        more["startedBy"] = json!(by);
        let task = run(&account, more).unwrap()["tasks"][0]["taskArn"].clone();
        account.advance(MINUTE);
        exit_code(&account, &task)
    });
    assert_eq!(codes, [Some(1), Some(0)]);
}

#[test]
fn a_job_writes_to_the_stream_that_its_driver_names_if_it_starts() {
    let account = with_job();
    let template = Template::read("Resources: {}", &BTreeMap::new()).unwrap();
    let world = World::new(account.clone(), Arc::new(template));
    account.script_command(Command::with("up"), Job::exits(1).says(&["migrating", "boom"]));
    let broken = Job::behaves(Behaviour::CannotPull).says(&["never"]);
    account.script_command(Command::with("broken"), broken);
    let options =
        json!({"awslogs-group": "/shop/migrate", "awslogs-stream-prefix": "ecs", "awslogs-region": "eu-west-1"});
    let driver = json!({"logDriver": "awslogs", "options": options});
    let container = json!({"name": "migrate", "image": "example.com/m:1", "logConfiguration": driver});
    let definition = json!({"family": "talks", "networkMode": "awsvpc", "containerDefinitions": [container]});
    account.ecs("RegisterTaskDefinition", definition).unwrap();
    let read = |words: &[&str]| {
        let mut more = command(words);
        more["taskDefinition"] = json!("talks");
        let task = run(&account, more).unwrap()["tasks"][0]["taskArn"].clone();
        account.advance(MINUTE);
        let stream = format!("ecs/migrate/{}", task.as_str().unwrap().rsplit('/').next().unwrap());
        let input = json!({"logGroupName": "/shop/migrate", "logStreamName": stream, "startFromHead": true});
        let at = account.clock().now();
        let call = crate::wire::Call {
            service: "logs".to_owned(),
            operation: "GetLogEvents".to_owned(),
            input,
            caller: String::new(),
            attempt: 1,
            region: String::new(),
            invocation: String::new(),
            at,
        };
        world.logs().answer(&call)
    };
    let Ok(crate::wire::Reply::Json(page)) = read(&["up"]) else { panic!("no stream") };
    let lines: Vec<_> = page["events"].as_array().unwrap().iter().map(|event| event["message"].clone()).collect();
    assert_eq!(lines, [json!("migrating"), json!("boom")]);
    assert_eq!(read(&["broken"]).unwrap_err().code, "ResourceNotFoundException");
}
