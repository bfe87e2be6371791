//! Rollouts that fail: the circuit breaker has the first word, and people hear of it once.

use super::guards::answer;
use super::*;
use crate::classify::Class::{AppExit, DeploymentFailed, PullMissing, Scheduler};
use crate::observe::Breaker::{Off, WithRollback, WithoutRollback};

fn rolling(breaker: Breaker) -> Scene {
    let mut scene = Scene::watched();
    scene.service().breaker = breaker;
    scene.primary().is_completed = false;
    scene.primary().created = Some(at(-1));
    scene
}

fn ecs_failed(id: &str) -> News {
    let why = Some("ECS deployment circuit breaker: tasks failed to start.".to_owned());
    News::Deployment(DeploymentEvent::ServiceDeploymentFailed, id.to_owned(), why)
}

fn deploy_failed(id: &str, is_back: bool) -> News {
    News::RolloutFailed(shared::event::steward::RolloutFailed {
        service: arn("api"),
        deployment: Some(id.to_owned()),
        images: "api 2.0 (0f0f)".into(),
        why: None,
        is_back,
        started: at(-1),
    })
}

#[test]
fn what_the_breaker_decides_is_told_once_however_many_events_tell_of_it() {
    for (first, second) in
        [(ecs_failed(PRIMARY), deploy_failed(PRIMARY, true)), (deploy_failed(PRIMARY, true), ecs_failed(PRIMARY))]
    {
        let mut scene = rolling(WithRollback);
        assert_eq!(scene.looping(PullMissing).plan.word, "held-by-breaker");
        scene.roll_back(3);
        scene.primary().is_completed = false;
        let turn = scene.hear(3, &first);
        assert_eq!((turn.alert().kind.as_str(), &turn.plan.verdict), ("rollout-failed", &Verdict::None));
        assert!(turn.alert().title.contains("rolled back: it broke by pull-missing"), "{}", turn.alert().title);
        assert_eq!(scene.hear(4, &second).plan.word, "told-already");
        scene.look(5);
        assert_eq!(scene.heard.len(), 1);
        scene.primary().is_completed = true;
        scene.look(14);
        assert_eq!(scene.heard, ["rollout-failed", "resolved"]);
    }
}

#[test]
fn a_breaker_that_never_trips_has_a_quarter_of_an_hour() {
    for breaker in [WithRollback, WithoutRollback] {
        let mut scene = rolling(breaker);
        scene.looping(AppExit);
        scene.look(14);
        assert_eq!(scene.heard.len(), 0);
        let turn = scene.look(15);
        assert_eq!(turn.alert().kind, "crash-loop");
        scene.hear(20, &ecs_failed(PRIMARY));
        assert_eq!(scene.heard.len(), 1, "people know of it");
    }
    assert_eq!(rolling(Off).looping(AppExit).alerts().count(), 1, "without a breaker nobody else tells");
}

#[test]
fn a_failed_rollout_that_stays_where_it_is_is_a_moment_to_decide_and_one_that_goes_back_is_not() {
    for (breaker, expected) in [(WithRollback, Verdict::None), (WithoutRollback, Verdict::Ask)] {
        let mut scene = rolling(breaker);
        scene.tag("steward:heal", "auto");
        scene.looping(PullMissing);
        scene.primary().is_failed = true;
        let turn = scene.hear(3, &ecs_failed(PRIMARY));
        assert_eq!(
            (turn.plan.verdict.clone(), turn.alert().kind.as_str()),
            (expected, "rollout-failed"),
            "{breaker:?}"
        );
    }
}

#[test]
fn a_rollout_that_failed_without_a_stop_is_explained_by_the_newest_stopped_task_if_that_failed() {
    let newest = |class| StoppedTask { deployment: Some(PRIMARY.into()), ..stopped("newest", class, 0) };
    let other = StoppedTask { deployment: Some("ecs-svc/1".into()), ..stopped("other", PullMissing, 0) };
    for (newest, expected) in [
        (Some(newest(PullMissing)), PullMissing),
        (Some(newest(Scheduler)), DeploymentFailed),
        (Some(other), DeploymentFailed),
        (None, DeploymentFailed),
    ] {
        let mut scene = rolling(WithRollback);
        scene.newest = newest;
        let turn = scene.hear(1, &ecs_failed(PRIMARY));
        assert_eq!(scene.incident().class, expected);
        assert_eq!(turn.alert().severity, shared::alert::Severity::Critical, "{expected:?}");
    }
}

#[test]
fn each_failed_rollout_is_told_and_those_of_long_ago_do_not_hide_a_new_one() {
    let mut scene = rolling(WithRollback);
    for n in 10..40 {
        let id = format!("ecs-svc/{n}");
        scene.service().deployments = vec![deployment(&id, 2, n)];
        scene.hear(n, &ecs_failed(&id));
        scene.hear(n, &ecs_failed(&id));
    }
    assert_eq!(scene.heard.len(), 30);
}

#[test]
fn a_new_deployment_takes_the_place_of_the_incident_of_the_former() {
    let mut scene = Scene::watched();
    scene.looping(AppExit);
    let first = scene.incident().id.clone();
    scene.service().deployments = vec![deployment("ecs-svc/7", 3, 4)];
    let task = StoppedTask { deployment: Some("ecs-svc/7".into()), ..stopped("new", AppExit, 5) };
    let turn = scene.hear(5, &News::Stopped(task));
    assert!(turn.plan.opened && turn.plan.closed);
    assert_eq!((scene.incident().count, scene.incident().looping), (1, false));
    assert_ne!(scene.incident().id, first);
    assert_eq!(scene.watch.past.len(), 1);
}

#[test]
fn a_rollout_that_was_taken_back_before_it_ended_is_no_second_incident_when_deploy_says_that_it_failed() {
    let mut scene = rolling(Off);
    scene.tag("steward:heal", "auto");
    assert_eq!(scene.looping(AppExit).requests().len(), 1);
    scene.hear(3, &answer(&scene, RollbackOutcome::Started));
    scene.roll_back(3);
    scene.look(13);
    let turn = scene.hear(20, &deploy_failed(PRIMARY, true));
    assert_eq!((turn.plan.word, turn.plan.opened), ("told-already", false));
    assert_eq!(scene.heard, ["rollback-asked", "healed"]);
}

#[test]
fn what_a_rolled_back_release_ended_of_does_not_keep_the_next_one_from_being_healed() {
    let mut scene = rolling(WithRollback);
    scene.tag("steward:heal", "auto");
    scene.looping(AppExit);
    scene.roll_back(3);
    scene.hear(3, &ecs_failed(PRIMARY));
    scene.look(14);
    assert_eq!((scene.heard.last().unwrap().as_str(), scene.watch.stops.len()), ("resolved", 3));
    scene.service().deployments = vec![deployment("ecs-svc/4", 3, 20)];
    let stop = |task: &str, minute| {
        News::Stopped(StoppedTask { deployment: Some("ecs-svc/4".into()), ..stopped(task, AppExit, minute) })
    };
    scene.hear(21, &stop("first", 21));
    scene.hear(22, &stop("second", 22));
    let turn = scene.hear(23, &stop("third", 23));
    assert_eq!((turn.failing(), &turn.plan.verdict), (vec![], &Verdict::Ask));
}

#[test]
fn tasks_that_do_not_start_are_not_laid_to_the_deployment_that_is_rolled_back_to() {
    let mut scene = rolling(WithRollback);
    scene.newest = Some(stopped("newest", PullMissing, 2));
    scene.roll_back(3);
    let turn = scene.hear(3, &News::Impaired);
    assert_eq!((turn.plan.word, &scene.watch.incident), ("not-counted", &None));
    scene.look(20);
    assert_eq!(scene.heard.len(), 0);
}
