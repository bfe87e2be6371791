//! When an incident is told: at first, when it grows, when it changes, and not each time.

use super::*;
use crate::classify::Class::{AppExit, ElbHealth, Oom, PullMissing, Spot};

#[test]
fn three_stops_within_ten_minutes_are_told_once_and_the_tenth_and_the_fiftieth_again() {
    let mut scene = Scene::watched();
    let mut told = Vec::new();
    for n in 0..60 {
        // Every 30 seconds; `at` counts minutes, two stops a minute.
        let news = News::Stopped(stopped(&format!("t-{n}"), AppExit, n / 2));
        let turn = scene.hear(n / 2, &news);
        told.extend(turn.alerts().map(|alert| (n + 1, alert.kind.clone(), alert.title.clone())));
    }
    let title = |count: usize| format!("shop/api: it broke by app-exit, {count} times");
    assert_eq!(told, [3, 10, 50].map(|n| (n, "crash-loop".to_owned(), title(usize::try_from(n).unwrap()))));
}

#[test]
fn one_stop_is_told_at_once_only_where_its_class_never_cures_itself() {
    for (class, alerts) in [(AppExit, 0), (Class::UnexpectedExit, 0), (Oom, 1), (PullMissing, 1), (Class::Unknown, 1)] {
        let mut scene = Scene::watched();
        assert_eq!(scene.stop(class, 0).alerts().count(), alerts, "{class:?}");
        assert!(scene.stop(class, 1).alerts().next().is_none(), "{class:?}: a second stop is no news");
        assert_eq!(scene.stop(class, 2).alert().kind, "crash-loop", "{class:?}");
    }
}

#[test]
fn stops_that_ecs_did_on_purpose_and_those_of_other_deployments_do_not_count() {
    let mut scene = Scene::watched();
    for minute in 0..9 {
        let mut former = stopped(&format!("old-{minute}"), AppExit, minute);
        former.deployment = Some("ecs-svc/1".into());
        assert_eq!(scene.hear(minute, &News::Stopped(former)).plan.word, "not-counted");
        assert_eq!(scene.stop(Class::Scheduler, minute).plan.word, "ignored");
        assert_eq!(scene.stop(Class::User, minute).plan.word, "noted");
    }
    assert_eq!((scene.watch.incident, scene.board.recent.len()), (None, 0));
}

#[test]
fn a_change_of_what_is_wrong_is_told_once() {
    let mut scene = Scene::watched();
    scene.looping(AppExit);
    let kinds: Vec<String> = (3..9)
        .flat_map(|minute| scene.stop(ElbHealth, minute).alerts().map(|alert| alert.title.clone()).collect::<Vec<_>>())
        .collect();
    assert_eq!(kinds, ["shop/api: now it broke by elb-health, 7 times (was app-exit)"]);
    assert_eq!(scene.incident().class, ElbHealth);
}

#[test]
fn two_causes_that_take_turns_for_hours_are_not_news_each_time() {
    let mut scene = Scene::watched();
    for minute in 0..200 {
        scene.stop(if minute % 2 == 0 { AppExit } else { ElbHealth }, minute);
    }
    assert!(scene.heard.len() <= 5, "{:?}", scene.heard);
    assert_eq!(scene.incident().count, 200);
}

#[test]
fn a_loop_that_begins_after_slow_stops_were_told_is_told_too() {
    let mut scene = Scene::watched();
    scene.service().running = 1;
    scene.stop(Oom, 0);
    scene.stop(ElbHealth, 20);
    scene.stop(ElbHealth, 40);
    assert!(!scene.incident().looping);
    scene.stop(ElbHealth, 41);
    let turn = scene.stop(ElbHealth, 42);
    assert_eq!((turn.alert().kind.as_str(), turn.alert().severity), ("crash-loop", shared::alert::Severity::Critical));
}

#[test]
fn the_incident_of_a_slow_loop_names_its_newest_task_whatever_ended_the_ones_before() {
    let mut scene = Scene::watched();
    scene.stop(AppExit, 0);
    scene.stop(AppExit, 1);
    scene.look(12);
    assert_eq!(scene.watch.incident, None);
    scene.stop(Class::NativeCrash, 20);
    assert_eq!(scene.incident().task.as_ref().unwrap().id(), "task-native-crash-20");
    assert_eq!(scene.incident().class, Class::NativeCrash);
}

#[test]
fn what_was_told_is_told_again_after_four_hours_and_not_before() {
    let mut scene = Scene::watched();
    scene.looping(AppExit);
    scene.service().running = 1;
    assert_eq!(scene.look(2 + 239).alerts().count(), 0);
    assert!(scene.look(2 + 240).alert().title.contains("still: "));
    assert_eq!(scene.look(2 + 241).alerts().count(), 0);
    assert_eq!(scene.look(2 + 480).alerts().count(), 1);
}

#[test]
fn a_lost_host_or_spot_task_is_told_only_when_ecs_has_not_replaced_it_in_five_minutes() {
    for class in [Spot, Class::Host] {
        let mut scene = Scene::watched();
        assert_eq!((scene.stop(class, 0).plan.word, &scene.watch.incident), ("replaced", &None));
        scene.service().running = 1;
        scene.stop(class, 1);
        assert_eq!(scene.look(5).alerts().count(), 0);
        let mut replaced = scene.clone();
        replaced.service().running = 2;
        replaced.look(6);
        assert_eq!((replaced.watch.incident, replaced.heard.len()), (None, 0));
        let turn = scene.look(6);
        assert_eq!((turn.alert().kind.as_str(), &turn.plan.verdict), ("service-impaired", &Verdict::None));
        assert!(turn.alert().body.contains("1 of 2 tasks run"), "{}", turn.alert().body);
        scene.service().running = 2;
        scene.look(20);
        assert_eq!((scene.heard.last().map(String::as_str), scene.watch.incident), (Some("resolved"), None));
    }
}

#[test]
fn a_lost_task_that_is_heard_of_twice_is_one() {
    let mut scene = Scene::watched();
    scene.service().running = 1;
    for _ in 0..3 {
        scene.hear(1, &News::Stopped(stopped("lost", Spot, 0)));
    }
    assert_eq!(scene.incident().count, 1);
}

#[test]
fn tasks_that_do_not_start_are_what_the_newest_stopped_task_says() {
    let mut scene = Scene::watched();
    scene.newest = Some(stopped("newest", PullMissing, -1));
    let turn = scene.hear(0, &News::Impaired);
    assert_eq!((turn.alert().kind.as_str(), scene.incident().class), ("crash-loop", PullMissing));
    assert_eq!(turn.alert().facts.iter().find(|(name, _)| name == "task").unwrap().1, "newest");
    assert_eq!(turn.plan.verdict, Verdict::Would);
    for newest in [None, Some(stopped("newest", Class::Scheduler, -1))] {
        let mut scene = Scene::watched();
        scene.newest = newest;
        let turn = scene.hear(0, &News::Impaired);
        assert_eq!((turn.alert().kind.as_str(), scene.incident().class), ("service-impaired", Class::StartUnknown));
        assert_eq!(turn.plan.verdict, Verdict::Guarded);
    }
}

#[test]
fn what_ecs_says_of_a_service_is_told_with_its_reason_and_explains_the_stops_that_follow() {
    let mut scene = Scene::watched();
    scene.service().running = 0;
    let turn = scene.hear(0, &News::Bad(Class::Capacity, "ECS finds no place: RESOURCE:FARGATE".into()));
    assert_eq!(turn.alert().kind, "service-impaired");
    assert!(turn.alert().title.contains("RESOURCE:FARGATE"));
    scene.looping(Class::StartUnknown);
    assert_eq!(scene.incident().class, Class::Capacity);
    let mut scene = Scene::watched();
    scene.hear(0, &News::Bad(Class::Throttled, "throttled".into()));
    assert_eq!(scene.board.throttled, Some(at(0)));
}

#[test]
fn a_job_is_told_when_it_fails_and_forgotten_when_it_has_not_for_a_day() {
    let mut scene = Scene::job();
    let failed = |n: i64, minute| {
        let job = stopped(&format!("job-{n}"), Class::JobFailed, minute);
        News::Stopped(StoppedTask { deployment: None, ..job })
    };
    let turn = scene.hear(0, &failed(0, 0));
    assert_eq!((turn.alert().kind.as_str(), &turn.plan.verdict), ("job-failed", &Verdict::None));
    assert_eq!(turn.alert().subject, "shop/family:report");
    assert_eq!(scene.hear(0, &failed(0, 0)).alerts().count(), 0, "the same again");
    assert_eq!(scene.hear(60, &failed(1, 60)).alerts().count(), 0);
    assert_eq!(scene.hear(120, &failed(2, 120)).alerts().count(), 1, "the third");
    scene.look(120 + 24 * 60 - 1);
    assert!(scene.watch.incident.is_some());
    scene.look(120 + 24 * 60);
    assert_eq!((scene.watch.incident.is_none(), scene.board.storm.is_none()), (true, true));
}

#[test]
fn a_service_that_is_gone_has_no_incident() {
    for gone in [true, false] {
        let mut scene = Scene::watched();
        scene.looping(AppExit);
        if gone {
            scene.service = None;
        } else {
            scene.service().is_active = false;
        }
        let turn = scene.look(3);
        assert_eq!((turn.plan.word, turn.alerts().count(), scene.watch.incident), ("gone", 0, None));
    }
}

#[test]
fn what_is_healed_and_comes_back_with_the_same_revision_is_urgent_and_left_to_people() {
    let mut scene = Scene::new();
    scene.looping(Class::UnexpectedExit);
    scene.roll_back(4);
    scene.look(13);
    assert_eq!(scene.heard.last().unwrap(), "healed");
    scene.service().deployments = vec![Deployment { id: "ecs-svc/4".into(), ..deployment(PRIMARY, 2, 2000) }];
    let again = |minute: i64| {
        let task = stopped(&format!("again-{minute}"), Class::UnexpectedExit, minute);
        News::Stopped(StoppedTask { deployment: Some("ecs-svc/4".into()), ..task })
    };
    scene.hear(2001, &again(2001));
    scene.hear(2002, &again(2002));
    let turn = scene.hear(2003, &again(2003));
    assert_eq!(turn.failing(), ["recurrence"]);
    assert_eq!(turn.alert().severity, shared::alert::Severity::Critical, "a first loop of it is a warning");
}
