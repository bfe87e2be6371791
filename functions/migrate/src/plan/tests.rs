//! Decisions by value: a run as it stands, what is seen, and what comes next.

use shared::event::steward::{MigrationResolved, OwnEvent, Resolution};
use shared::migration::RunId;

use super::*;
use crate::classify::Container;
use crate::run::fixtures::{at, frozen, run};
use crate::run::{Frozen, Job, Restore};

/// A run with what `change` makes of its frozen request, in `state` since second 0.
fn stands(state: RunState, change: impl FnOnce(&mut Frozen)) -> Run {
    let mut run = run("a");
    if let Some(frozen) = &mut run.frozen {
        change(frozen);
    }
    run.turn(state, "so it stands", at(0));
    run
}

fn planned(frozen: &mut Frozen) {
    frozen.plan = Some(vec!["bin/pending".to_owned()]);
}

fn task(exit_code: Option<i32>, stop_code: &str) -> Task {
    Task {
        arn: "arn:aws:ecs:eu-west-1:123456789012:task/shop/0f".parse().unwrap(),
        started_by: None,
        is_stopped: !stop_code.is_empty(),
        has_started: true,
        stop_code: Some(stop_code.to_owned()),
        stopped_reason: None,
        containers: vec![Container {
            name: "api".to_owned(),
            exit_code,
            image: Some(frozen().reference),
            ..Container::default()
        }],
    }
}

fn exited(code: i32) -> Seen {
    Seen { task: TaskSeen::Found(task(Some(code), "EssentialContainerExited")), ..Seen::default() }
}

/// The run with a task that ECS has named, asked for at second 0.
fn with_task(mut run: Run, step: Step) -> Run {
    let arn = task(None, "").arn;
    run.tasks = 1;
    run.job = Some(Job { step, number: 1, asked: at(0), task: Some(arn), deadline: at(900), stop_asked: None });
    run
}

#[track_caller]
fn comes_to(run: &Run, seen: &Seen, now: i64, state: RunState) -> Run {
    let after = turn(run, seen, at(now)).run;
    assert_eq!(after.state, state, "{}", after.reason);
    after
}

#[test]
fn without_the_lock_nothing_begins() {
    let waits = stands(RunState::Waiting, |_| {});
    let seen = Seen { lock: Some((Standing::Waits(run("b").id), 1)), ..Seen::default() };
    assert_eq!(turn(&waits, &seen, at(60)), Turn { run: waits.clone(), act: Act::Wait(None) }, "radio silence");
    let told = turn(&waits, &seen, at(3600)).run;
    assert_eq!(told.untold.len(), 1, "after an hour people are told");
    assert_eq!(turn(&told, &seen, at(7200)).run.untold.len(), 1, "and once");
}

#[test]
fn with_the_lock_the_plan_comes_first_then_the_restore_point_then_the_migration() {
    let seen = Seen { lock: Some((Standing::Holds, 7)), ..Seen::default() };
    let bare = comes_to(&stands(RunState::Waiting, |_| {}), &seen, 1, RunState::Migrating);
    assert_eq!(bare.fence, 7);
    let mark = |frozen: &mut Frozen| frozen.restore_point = RestorePoint::Mark;
    comes_to(&stands(RunState::Waiting, mark), &seen, 1, RunState::RestorePoint);
    let both = |frozen: &mut Frozen| (planned(frozen), mark(frozen)).0;
    comes_to(&stands(RunState::Waiting, both), &seen, 1, RunState::Planning);
    let plan = with_task(stands(RunState::Planning, both), Step::Plan);
    comes_to(&plan, &exited(10), 60, RunState::RestorePoint);
}

#[test]
fn what_has_waited_is_looked_at_anew_before_it_begins() {
    let waits = stands(RunState::Waiting, |_| {});
    let seen = |renewed| Seen { lock: Some((Standing::Holds, 2)), renewed: Some(renewed), ..Seen::default() };
    let renewed = Frozen { timeout: 40, ..frozen() };
    let begun = comes_to(&waits, &seen(Ok(renewed)), 600, RunState::Migrating);
    assert_eq!(begun.frozen.map(|frozen| frozen.timeout), Some(40));
    let elsewhere = Frozen { lock: "other-db".to_owned(), ..frozen() };
    comes_to(&waits, &seen(Ok(elsewhere)), 600, RunState::Superseded);
    let held = || Err("the service is held (audit)".to_owned());
    let gone = comes_to(&waits, &seen(held()), 600, RunState::Superseded);
    assert!(gone.untold.is_empty() && gone.reason.contains("audit"));
    let nightly = Run { cause: Cause::Request, ..waits };
    assert_eq!(comes_to(&nightly, &seen(held()), 600, RunState::Failed).untold.len(), 1, "nobody would ask again");
}

#[test]
fn a_newer_image_ends_what_waits_and_deploy_hears_of_it() {
    let by = run("b").id;
    let seen = Seen { lock: Some((Standing::Superseded(by.clone()), 1)), ..Seen::default() };
    let ended = comes_to(&stands(RunState::Waiting, |_| {}), &seen, 1, RunState::Superseded);
    assert!(ended.reason.contains(by.as_str()) && ended.untold.is_empty());
    assert!(matches!(ended.unsent.as_slice(), [OwnEvent::MigrationFailed(_)]));
}

#[test]
fn a_task_is_meant_and_numbered_before_it_is_asked_for() {
    let Turn { run: meant, act } = turn(&stands(RunState::Migrating, |_| {}), &Seen::default(), at(5));
    let job = meant.job.clone().unwrap();
    assert_eq!((act, job.number, job.deadline), (Act::Start, 1, at(5 + 900)));
    let again = turn(&meant, &Seen::default(), at(65));
    assert_eq!((again.act, again.run.job), (Act::Start, meant.job.clone()), "without an answer the same call is made");
    let Turn { run: lost, act } = turn(&meant, &Seen::default(), at(5 + 45 * 60));
    assert_eq!((lost.state, act), (RunState::Unknown, Act::Again), "its token may be forgotten: never a second task");
}

#[test]
fn what_runs_is_waited_for_and_stopped_when_its_time_is_over() {
    let running = with_task(stands(RunState::Migrating, |_| {}), Step::Migrate);
    let seen = Seen { task: TaskSeen::Found(task(None, "")), ..Seen::default() };
    assert_eq!(turn(&running, &seen, at(899)).act, Act::Wait(Some(at(900))));
    let Turn { run: stopping, act } = turn(&running, &seen, at(900));
    assert_eq!((stopping.state, act), (RunState::Stopping, Act::Stop));
    assert_eq!(turn(&stopping, &seen, at(960)).act, Act::Wait(Some(at(900 + 120))), "it was told a moment ago");
    let again = turn(&stopping, &seen, at(1020));
    assert_eq!((again.run.state, again.act), (RunState::Stopping, Act::Stop), "not over while the task may live");
    let late = turn(&again.run, &seen, at(900 + 1200)).run;
    assert_eq!(late.untold.len(), 1, "people are told that it does not stop");
    let stopped = Seen { task: TaskSeen::Found(task(Some(137), "UserInitiated")), ..Seen::default() };
    let ended = comes_to(&stopping, &stopped, 1000, RunState::Failed);
    assert!(ended.touched && ended.reason.contains("15 minutes"));
    comes_to(&stopping, &exited(0), 1000, RunState::Migrated);
}

#[test]
fn only_exit_code_0_of_a_task_that_ended_by_itself_is_success() {
    let running = with_task(stands(RunState::Migrating, |_| {}), Step::Migrate);
    assert!(comes_to(&running, &exited(0), 60, RunState::Migrated).touched);
    let failed = comes_to(&running, &exited(1), 60, RunState::Failed);
    assert!(failed.touched && failed.reason.contains("exit code 1"));
    for (code, stop) in
        [(None, "EssentialContainerExited"), (Some(0), "SpotInterruption"), (Some(137), "EssentialContainerExited")]
    {
        let seen = Seen { task: TaskSeen::Found(task(code, stop)), ..Seen::default() };
        let unknown = comes_to(&running, &seen, 60, RunState::Unknown);
        assert!(unknown.touched && unknown.untold.len() == 1);
    }
    let gone = Seen { task: TaskSeen::Missing(task(None, "").arn), ..Seen::default() };
    comes_to(&running, &gone, 60, RunState::Migrating);
    comes_to(&running, &gone, 600, RunState::Unknown);
}

#[test]
fn what_never_started_is_tried_again_under_a_new_number_three_times_in_all() {
    let never = |code: &str| {
        let task = Task { has_started: false, containers: Vec::new(), ..task(None, code) };
        Seen { task: TaskSeen::Found(task), ..Seen::default() }
    };
    let mut run = with_task(stands(RunState::Migrating, |_| {}), Step::Migrate);
    let mut now = 60;
    for number in 2..=3 {
        let Turn { run: waits, act } = turn(&run, &never("TaskFailedToStart"), at(now));
        assert_eq!((waits.state, waits.job.clone()), (RunState::Migrating, None));
        let Act::Wait(Some(until)) = act else { panic!("{act:?}") };
        assert_eq!(turn(&waits, &Seen::default(), at(now + 1)).act, Act::Wait(Some(until)), "not before");
        let meant = turn(&waits, &Seen::default(), until).run;
        assert_eq!(meant.job.as_ref().map(|job| job.number), Some(number));
        run = Run { job: meant.job.clone().map(|job| Job { task: Some(task(None, "").arn), ..job }), ..meant };
        now = until.duration_since(at(0)).as_secs() + 30;
    }
    let failed = comes_to(&run, &never("TaskFailedToStart"), now, RunState::Failed);
    assert!(!failed.touched, "nothing ever ran");
}

#[test]
fn a_plan_decides_by_its_exit_code() {
    let plan = with_task(stands(RunState::Planning, planned), Step::Plan);
    let nothing = comes_to(&plan, &exited(0), 60, RunState::Migrated);
    assert!(!nothing.touched && nothing.untold.is_empty(), "nothing was pending: no news");
    comes_to(&plan, &exited(10), 60, RunState::Migrating);
    comes_to(&plan, &exited(1), 60, RunState::Failed);
    let blocked = comes_to(&plan, &exited(20), 60, RunState::Approval);
    assert_eq!(blocked.untold.len(), 1);
    let silent = turn(&blocked, &Seen::default(), at(3600));
    assert_eq!(silent.act, Act::Wait(at(60).checked_add(APPROVAL).ok()), "radio silence until somebody approves");
    comes_to(&blocked, &Seen::default(), 60 + 86_400, RunState::Failed);
    let approved = Run { approved: Some("ada".to_owned()), ..plan };
    comes_to(&approved, &exited(20), 60, RunState::Migrating);
}

#[test]
fn success_with_something_pending_still_is_failure() {
    let run = with_task(stands(RunState::Migrating, planned), Step::Migrate);
    let run = comes_to(&run, &exited(0), 60, RunState::Verifying);
    let run = with_task(Run { touched: true, ..run }, Step::Verify);
    comes_to(&run, &exited(0), 90, RunState::Migrated);
    assert!(comes_to(&run, &exited(10), 90, RunState::Failed).reason.contains("pending still"));
    comes_to(&run, &exited(20), 90, RunState::Failed);
    comes_to(&run, &exited(1), 90, RunState::Unknown);
}

#[test]
fn a_mark_is_taken_from_an_available_database_and_waited_for() {
    let waits = stands(RunState::RestorePoint, |frozen| frozen.restore_point = RestorePoint::Mark);
    let database = |status: Option<&str>, restorable: Option<i64>| Seen {
        database: Some(Database { status: status.map(str::to_owned), restorable: restorable.map(at), snapshot: None }),
        ..Seen::default()
    };
    assert!(comes_to(&waits, &database(None, None), 1, RunState::Failed).reason.contains("no such"));
    assert!(
        comes_to(&waits, &database(Some("available"), None), 1, RunState::Failed).reason.contains("automated backups")
    );
    comes_to(&waits, &database(Some("stopped"), Some(0)), 1, RunState::RestorePoint);
    comes_to(&waits, &database(Some("stopped"), Some(0)), 1800, RunState::Failed);
    let marked = comes_to(&waits, &database(Some("available"), Some(-60)), 10, RunState::RestorePoint);
    assert_eq!(marked.restore, Some(Restore::Mark { at: at(10) }));
    comes_to(&marked, &database(Some("available"), Some(9)), 100, RunState::RestorePoint);
    comes_to(&marked, &database(Some("available"), Some(10)), 100, RunState::Migrating);
    comes_to(&marked, &database(Some("available"), Some(9)), 1800, RunState::Failed);
}

#[test]
fn a_snapshot_is_asked_for_by_one_name_and_believed_when_rds_says_it_is_there() {
    let waits = stands(RunState::RestorePoint, |frozen| frozen.restore_point = RestorePoint::Snapshot);
    let database = |snapshot: Option<&str>| Seen {
        database: Some(Database {
            status: Some("available".to_owned()),
            restorable: None,
            snapshot: snapshot.map(|status| Snapshot {
                status: status.to_owned(),
                of: "shop-db".to_owned(),
                created: Some(at(30)),
            }),
        }),
        ..Seen::default()
    };
    let mut asked = comes_to(&waits, &database(None), 10, RunState::RestorePoint);
    assert!(matches!(asked.unsent.as_slice(), [OwnEvent::SnapshotRequested(_)]));
    assert_eq!(turn(&asked, &database(None), at(60)).run, asked, "radio silence");
    let again = turn(&asked, &database(None), at(10 + 1200)).run;
    assert_eq!(again.unsent.first(), again.unsent.last(), "asked again by the same name");
    answered(&mut asked, Ok("steward-shop-db-x".to_owned()));
    comes_to(&asked, &database(None), 60, RunState::RestorePoint);
    comes_to(&asked, &database(Some("creating")), 60, RunState::RestorePoint);
    comes_to(&asked, &database(Some("available")), 60, RunState::Migrating);
    let mut other = database(Some("available"));
    let change = |other: &mut Seen, change: fn(&mut Snapshot)| {
        change(other.database.as_mut().unwrap().snapshot.as_mut().unwrap());
    };
    change(&mut other, |snapshot| snapshot.created = Some(at(-3600)));
    comes_to(&asked, &other, 60, RunState::RestorePoint);
    change(&mut other, |snapshot| (snapshot.created, snapshot.of) = (Some(at(30)), "other-db".to_owned()));
    comes_to(&asked, &other, 60, RunState::RestorePoint);
    answered(&mut asked, Err("the quota is used up".to_owned()));
    let failed = comes_to(&asked, &database(None), 60, RunState::Failed);
    assert!(failed.reason.contains("quota") && !failed.touched);
}

#[test]
fn a_request_to_snapshot_leads_back_to_its_run() {
    let run = run("a");
    let name = request_name(&run).unwrap();
    assert_eq!(run_of_request(&name), Some(run.id.clone()));
    let again = run.clone().anew(Ok(frozen()), at(5));
    let other = request_name(&again).unwrap();
    assert_ne!(name, other, "a snapshot of the last time is of the last time");
    assert_eq!(run_of_request(&other), Some(run.id));
    assert_eq!(run_of_request(&"before-1-4-2".parse().unwrap()), None);
}

#[test]
fn people_decide_only_what_is_theirs_to_decide() {
    use Resolution::{Approved, Failed, Migrated, Retry};
    let decide = |run: &Run, outcome: Resolution| {
        let mut run = run.clone();
        let why = "looked at schema_migrations".to_owned();
        let resolved = MigrationResolved { run: run.id.clone(), outcome, why, resolved_by: Some("ada".to_owned()) };
        resolve(&mut run, &resolved, at(5000)).map(|anew| (run.state, anew)).ok()
    };
    for (state, good) in [
        (RunState::Waiting, vec![(Failed, RunState::Failed, false)]),
        (RunState::Migrating, vec![]),
        (RunState::Stopping, vec![]),
        (RunState::Approval, vec![(Approved, RunState::Migrating, false), (Failed, RunState::Failed, false)]),
        (
            RunState::Unknown,
            vec![
                (Migrated, RunState::Migrated, false),
                (Failed, RunState::Failed, false),
                (Retry, RunState::Unknown, true),
            ],
        ),
        (RunState::Failed, vec![(Migrated, RunState::Migrated, false), (Retry, RunState::Failed, true)]),
        (RunState::Migrated, vec![]),
        (RunState::Superseded, vec![]),
    ] {
        let run = stands(state, |_| {});
        for outcome in [Approved, Failed, Migrated, Retry] {
            let expected = good.iter().find(|(known, ..)| *known == outcome).map(|(_, state, anew)| (*state, *anew));
            assert_eq!(decide(&run, outcome), expected, "{state:?} {outcome:?}");
        }
    }
    let mut run = stands(RunState::Unknown, |_| {});
    let mut by_hand = stands(RunState::Failed, |_| {});
    let why = "ran it by hand".to_owned();
    let resolved = MigrationResolved { run: by_hand.id.clone(), outcome: Migrated, why, resolved_by: None };
    assert_eq!(resolve(&mut by_hand, &resolved, at(1)), Ok(false));
    assert!(by_hand.touched, "the ledger hears of a schema that people changed");
    let silent = MigrationResolved { run: run.id.clone(), outcome: Migrated, why: " ".to_owned(), resolved_by: None };
    assert!(resolve(&mut run, &silent, at(1)).is_err(), "without a reason nothing is decided");
}

#[test]
fn a_run_that_begins_anew_never_uses_a_token_twice() {
    let failed = Run { tasks: 4, touched: true, ..stands(RunState::Failed, |_| {}) };
    let history = failed.history.len();
    let anew = failed.anew(Ok(frozen()), at(100));
    assert_eq!((anew.state, anew.tasks, anew.touched), (RunState::Waiting, 4, true));
    assert!(anew.history.len() > history);
    let seen = Seen { lock: Some((Standing::Holds, 2)), ..Seen::default() };
    let meant = turn(&turn(&anew, &seen, at(101)).run, &Seen::default(), at(102)).run;
    assert_eq!(meant.job.map(|job| job.number), Some(5));
}

#[test]
fn names_of_tasks_fit_what_ecs_takes() {
    let job = Job { step: Step::Verify, number: u32::MAX, asked: at(0), task: None, deadline: at(1), stop_asked: None };
    let id: RunId = run("a").id;
    let (token, by) = (job.token(&id), job.started_by(&id));
    assert!(token.len() <= 64 && by.len() <= 128);
    assert!(by.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'_')), "{by}");
    assert_eq!(crate::run::run_of(&by), Some(id));
}
