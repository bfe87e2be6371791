//! When an incident is over, and when people are not to be disturbed.

use super::*;
use crate::classify::Class::AppExit;

#[test]
fn it_is_over_only_when_it_was_quiet_and_the_service_is_well() {
    for (running, completed, minute, over) in
        [(2, true, 11, false), (2, true, 12, true), (1, true, 12, false), (2, false, 12, false), (1, true, 120, false)]
    {
        let mut scene = Scene::watched();
        scene.looping(AppExit);
        scene.service().running = running;
        scene.primary().is_completed = completed;
        let turn = scene.look(minute);
        assert_eq!(scene.watch.incident.is_none(), over, "{running} {completed} {minute}");
        assert_eq!(
            turn.alerts().map(|alert| alert.kind.as_str()).collect::<Vec<_>>(),
            if over { vec!["resolved"] } else { vec![] }
        );
    }
}

#[test]
fn what_people_never_heard_of_ends_without_a_word() {
    let mut scene = Scene::watched();
    scene.stop(AppExit, 0);
    let turn = scene.look(10);
    assert_eq!(
        (turn.plan.word, turn.plan.closed, scene.heard.len(), &scene.watch.incident),
        ("closed", true, 0, &None)
    );
}

#[test]
fn a_deployment_that_ended_or_a_steady_state_alone_resolves_nothing() {
    let mut scene = Scene::watched();
    scene.looping(AppExit);
    scene.hear(3, &News::Deployment(DeploymentEvent::ServiceDeploymentCompleted, PRIMARY.into(), None));
    assert!(scene.watch.incident.is_some());
}

#[test]
fn a_slow_loop_is_told_once_and_not_resolved_between_two_stops() {
    let mut scene = Scene::watched();
    for minute in 0..400 {
        if minute % 15 == 0 {
            scene.stop(AppExit, minute);
        } else if minute % 5 == 0 {
            scene.look(minute);
        }
    }
    assert_eq!(scene.heard[..2], ["crash-loop", "crash-loop"], "told, and told again at the tenth");
    assert!(!scene.heard.contains(&"resolved".to_owned()), "{:?}", scene.heard);
    (400..480).step_by(5).for_each(|minute| drop(scene.look(minute)));
    assert_eq!(scene.heard.last().unwrap(), "resolved");
}

#[test]
fn a_slow_loop_of_a_new_release_is_rolled_back_like_a_fast_one() {
    let mut scene = Scene::new();
    for minute in (0..70).step_by(5) {
        if minute % 15 == 0 {
            scene.stop(AppExit, minute);
        } else {
            scene.look(minute);
        }
    }
    assert_eq!(scene.heard, ["rollback-asked"]);
}

#[test]
fn a_mute_silences_and_its_end_tells_what_is_still_wrong() {
    for whom in [Some("api"), None] {
        let mut scene = Scene::new();
        scene.mute(&mute(whom, 30, Muted::Everything), 0);
        let turn = scene.looping(AppExit);
        assert_eq!((turn.plan.word, turn.sent.len(), &turn.plan.verdict), ("muted", 0, &Verdict::None));
        scene.service().running = 1;
        assert_eq!(scene.look(29).sent.len(), 0);
        let turn = scene.look(30);
        assert_eq!((turn.alerts().count(), turn.requests().len()), (1, 1));
    }
    let mut scene = Scene::new();
    scene.mute(&mute(Some("web"), 30, Muted::Everything), 0);
    assert_eq!(scene.looping(AppExit).alerts().count(), 1, "a mute of another service");
}

#[test]
fn a_mute_of_healing_tells_and_asks_nothing_until_it_ends() {
    let mut scene = Scene::new();
    scene.mute(&mute(Some("api"), 30, Muted::Healing), 0);
    let turn = scene.looping(AppExit);
    assert_eq!((turn.alert().kind.as_str(), turn.failing()), ("crash-loop", vec!["mute"]));
    scene.service().running = 1;
    assert!(scene.look(29).requests().is_empty());
    let turn = scene.look(30);
    assert_eq!((turn.alert().kind.as_str(), turn.requests().len()), ("rollback-asked", 1));
}

#[test]
fn a_person_who_stops_tasks_is_given_half_an_hour() {
    let mut scene = Scene::new();
    scene.stop(AppExit, 0);
    scene.stop(Class::User, 1);
    scene.stop(AppExit, 2);
    assert_eq!(scene.stop(AppExit, 3).failing(), ["human"]);
    scene.service().running = 1;
    assert!(scene.look(30).requests().is_empty());
    assert_eq!(scene.look(31).requests().len(), 1);
}

#[test]
fn what_ended_during_a_mute_is_not_told_after_it() {
    let mut scene = Scene::watched();
    scene.looping(AppExit);
    scene.mute(&mute(None, 60, Muted::Everything), 3);
    scene.look(12);
    scene.look(70);
    assert_eq!((scene.heard.len(), scene.watch.incident), (1, None));
}
