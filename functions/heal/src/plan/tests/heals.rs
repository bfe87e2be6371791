//! After a rollback was asked for: approved, answered, verified, or of no use.

use super::guards::answer;
use super::*;
use crate::classify::Class::AppExit;

/// Asked for in minute 2, and `deploy` answered in minute 3.
fn healing() -> Scene {
    let mut scene = Scene::new();
    assert_eq!(scene.looping(AppExit).requests().len(), 1);
    scene.hear(3, &answer(&scene, RollbackOutcome::Started));
    scene
}

fn outcome(scene: &Scene) -> HealOutcome {
    scene.watch.heals.last().unwrap().outcome
}

fn of_target(task: &str, minute: i64) -> News {
    News::Stopped(StoppedTask { deployment: Some(BACK.into()), ..stopped(task, AppExit, minute) })
}

fn approval(incident: &str) -> News {
    News::Approved(RollbackApproved { service: arn("api"), incident: incident.into(), approved_by: "ana".into() })
}

fn awaiting() -> (Scene, String) {
    let mut scene = Scene::new();
    scene.tag("steward:heal", "approve");
    assert_eq!(scene.looping(AppExit).plan.verdict, Verdict::AskPerson);
    let id = scene.incident().id.clone();
    (scene, id)
}

#[test]
fn it_is_healed_when_the_target_ran_well_for_ten_minutes() {
    let mut scene = healing();
    scene.roll_back(4);
    scene.look(11);
    assert_eq!(outcome(&scene), HealOutcome::Asked);
    let turn = scene.look(12);
    assert_eq!((turn.alert().kind.as_str(), outcome(&scene)), ("healed", HealOutcome::Verified));
    assert_eq!((turn.plan.closed, &scene.watch.incident, scene.watch.switched_off), (true, &None, None));
    assert!(turn.alert().body.contains("infrastructure as code"), "{}", turn.alert().body);
    assert_eq!(scene.look(17).alerts().count(), 0);
}

#[test]
fn one_stop_of_the_target_delays_it_and_three_say_that_it_does_not_help() {
    let mut scene = healing();
    scene.roll_back(4);
    scene.hear(6, &of_target("back-1", 6));
    scene.look(15);
    assert_eq!(outcome(&scene), HealOutcome::Asked);
    let mut well = scene.clone();
    well.look(16);
    assert_eq!(outcome(&well), HealOutcome::Verified);
    scene.hear(7, &of_target("back-2", 7));
    let turn = scene.hear(8, &of_target("back-3", 8));
    assert_eq!((turn.alert().kind.as_str(), outcome(&scene)), ("heal-failed", HealOutcome::Failed));
    assert!(turn.alert().body.contains("3 tasks"), "{}", turn.alert().body);
}

#[test]
fn a_heal_that_failed_is_urgent_counted_and_the_last_until_a_person_says_so() {
    for spoil in [
        |_: &mut Scene| {},
        |scene: &mut Scene| {
            scene.roll_back(4);
            scene.service().running = 1;
        },
        |scene: &mut Scene| {
            scene.roll_back(4);
            scene.primary().is_completed = false;
            scene.primary().is_failed = true;
        },
    ] {
        let mut scene = healing();
        spoil(&mut scene);
        let turn = scene.look(17);
        assert_eq!((turn.alert().kind.as_str(), outcome(&scene)), ("heal-failed", HealOutcome::Failed));
        assert_eq!(turn.alert().severity, shared::alert::Severity::Critical);
        assert!(turn.alert().next_steps.iter().any(|step| step.contains("Healing Resumed")));
        assert_eq!((scene.watch.switched_off, scene.ledger.failed.len()), (Some(at(17)), 1));
        assert_eq!(scene.look(18).alerts().count(), 0, "told once");
        scene.service().deployments = vec![deployment("ecs-svc/9", 9, 1_000)];
        scene.service().running = 2;
        let fail = |scene: &mut Scene, minute: i64| {
            let task = stopped(&format!("new-{minute}"), Class::NativeCrash, minute);
            scene.hear(minute, &News::Stopped(StoppedTask { deployment: Some("ecs-svc/9".into()), ..task }))
        };
        fail(&mut scene, 1_001);
        fail(&mut scene, 1_002);
        assert_eq!(fail(&mut scene, 1_003).failing(), ["switched-off"]);
        let turn = scene.hear(1_004, &News::Resumed(Some("ana".into())));
        assert_eq!((turn.plan.word, turn.requests().len()), ("resumed", 0));
        assert_eq!(scene.look(1_005).requests().len(), 1);
    }
}

#[test]
fn a_rollout_of_the_rollback_that_is_slow_is_waited_for_as_long_as_a_rollout_may_take() {
    let mut scene = healing();
    scene.roll_back(4);
    scene.primary().is_completed = false;
    scene.service().running = 1;
    scene.look(31);
    assert_eq!(outcome(&scene), HealOutcome::Asked);
    scene.look(32);
    assert_eq!(outcome(&scene), HealOutcome::Failed);
}

#[test]
fn somebody_who_deploys_something_else_meanwhile_is_left_alone() {
    let mut scene = healing();
    scene.service().deployments = vec![deployment("ecs-svc/8", 3, 5)];
    let turn = scene.look(6);
    assert_eq!((turn.alert().kind.as_str(), outcome(&scene)), ("resolved", HealOutcome::Overtaken));
    assert_eq!((scene.watch.switched_off, scene.ledger.failed.len()), (None, 0));
}

#[test]
fn an_answer_that_is_lost_or_late_changes_nothing() {
    let mut scene = Scene::new();
    scene.looping(AppExit);
    let late = answer(&scene, RollbackOutcome::Started);
    scene.roll_back(4);
    scene.look(12);
    assert_eq!(outcome(&scene), HealOutcome::Verified);
    let turn = scene.hear(13, &late);
    assert_eq!((turn.plan.word, turn.sent.len(), outcome(&scene)), ("late", 0, HealOutcome::Verified));
    let mut scene = healing();
    let mut other = Scene::new();
    other.stop(AppExit, 0);
    assert_eq!(
        scene
            .hear(
                4,
                &News::Answered(RollbackAnswered {
                    incident: "i-other".into(),
                    service: arn("api"),
                    outcome: RollbackOutcome::Refused,
                    reason: "x".into(),
                    deployment: None,
                })
            )
            .plan
            .word,
        "late"
    );
}

#[test]
fn a_revision_pinned_by_digest_is_known_by_the_deployment_that_deploy_answered() {
    let mut scene = healing();
    scene.service().deployments = vec![deployment(BACK, 7, 4)];
    scene.look(12);
    assert_eq!(outcome(&scene), HealOutcome::Verified);
}

#[test]
fn a_refusal_is_told_with_its_reason_and_nothing_is_asked_again() {
    let mut scene = Scene::new();
    scene.looping(AppExit);
    let turn = scene.hear(3, &answer(&scene, RollbackOutcome::Refused));
    assert_eq!((turn.alert().kind.as_str(), outcome(&scene)), ("rollback-refused", HealOutcome::Refused));
    assert!(turn.alert().body.contains("because"), "{}", turn.alert().body);
    scene.service().running = 1;
    for minute in 4..300 {
        assert!(scene.look(minute).requests().is_empty());
    }
    assert_eq!((scene.watch.switched_off, scene.ledger.failed.len()), (None, 0));
}

#[test]
fn stops_of_what_is_left_behind_are_no_news_while_it_is_being_healed() {
    let mut scene = healing();
    for minute in 4..12 {
        assert_eq!(scene.stop(AppExit, minute).sent.len(), 0);
        assert_eq!(scene.hear(minute, &News::Impaired).sent.len(), 0);
    }
    scene.hear(12, &News::Deployment(DeploymentEvent::ServiceDeploymentFailed, PRIMARY.into(), None));
    assert_eq!(scene.heard, ["rollback-asked"]);
}

#[test]
fn an_approval_in_time_asks_once_in_the_name_of_who_gave_it() {
    let (mut scene, id) = awaiting();
    let turn = scene.hear(61, &approval(&id));
    assert_eq!(turn.requests()[0].approved_by.as_deref(), Some("ana"));
    assert_eq!((turn.alert().kind.as_str(), scene.ledger.asked.len()), ("rollback-asked", 1));
    let again = scene.hear(61, &approval(&id));
    assert_eq!((again.plan.word, again.sent.len()), ("seen", 0));
}

#[test]
fn an_approval_that_is_late_of_another_incident_or_unasked_for_is_answered_and_does_nothing() {
    let (scene, id) = awaiting();
    let open = {
        let mut scene = Scene::watched();
        scene.looping(AppExit);
        scene
    };
    let unasked = open.incident().id.clone();
    for (mut scene, minute, id, words) in [
        (scene.clone(), 62, id.clone(), "is over"),
        (scene.clone(), 10, "i-0".to_owned(), "another incident"),
        (open, 10, unasked, "no approval is waited for"),
    ] {
        let turn = scene.hear(minute, &approval(&id));
        assert_eq!((turn.alert().kind.as_str(), turn.requests().len()), ("rollback-refused", 0));
        assert!(turn.alert().body.contains(words), "{}", turn.alert().body);
    }
    let mut over = Scene::watched();
    assert_eq!(over.hear(0, &approval("i-0")).plan.word, "late");
}

#[test]
fn an_approval_does_not_overrule_a_guard() {
    let (mut scene, id) = awaiting();
    scene.tag("steward:hold", "ticket 4712");
    let turn = scene.hear(10, &approval(&id));
    assert_eq!((&turn.plan.verdict, turn.requests().len()), (&Verdict::Guarded, 0));
    assert!(turn.alert().body.contains("hold"), "{}", turn.alert().body);
    let (mut scene, id) = awaiting();
    scene.tag("steward:heal", "dry-run");
    assert!(scene.hear(10, &approval(&id)).requests().is_empty(), "taken back meanwhile");
}

#[test]
fn an_approval_is_given_with_the_event_that_the_alert_proposes() {
    let mut scene = Scene::new();
    scene.tag("steward:heal", "approve");
    let turn = scene.looping(AppExit);
    let step = turn.alert().next_steps.iter().find(|step| step.contains("put-events")).unwrap().clone();
    let entries: serde_json::Value = serde_json::from_str(step.split('\'').nth(1).unwrap()).unwrap();
    let detail: serde_json::Value = serde_json::from_str(entries[0]["Detail"].as_str().unwrap()).unwrap();
    let event = serde_json::json!({
        "source": entries[0]["Source"], "detail-type": entries[0]["DetailType"], "detail": detail, "account": "123456789012",
    });
    let event = shared::event::Event::read(&event).unwrap();
    let trigger = crate::trigger::Trigger::read(&event, &"123456789012".parse().unwrap(), at(3)).unwrap();
    let crate::trigger::Trigger::About(_, subject, news) = trigger else { panic!("{trigger:?}") };
    assert_eq!(subject, scene.subject);
    assert_eq!(scene.hear(3, &news).requests().len(), 1);
}

#[test]
fn two_heals_that_failed_in_the_account_stop_all_others_for_a_day() {
    for (failed, hours, asked) in [(1, 1, 1), (2, 1, 0), (2, 25, 1)] {
        let mut scene = Scene::new();
        scene.ledger.failed.extend((0..failed).map(|n| (format!("i-{n}"), at(-hours * 60))));
        assert_eq!(scene.looping(AppExit).requests().len(), asked, "{failed} {hours}");
    }
}
