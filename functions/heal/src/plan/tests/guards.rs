//! Each guard in turn does not hold while all others do: nothing is asked, and the alert names it.

use std::collections::BTreeSet;

use super::*;
use crate::board::{Entry, SubjectKey};
use crate::classify::Part;
use crate::watch::{Heal, HealOutcome};

fn healed(from: u8, class: Class, outcome: HealOutcome, minute: i64) -> Heal {
    Heal { incident: format!("i-{from}"), class, at: at(minute), from: Some(revision(from)), to: revision(9), outcome }
}

fn rollout_failed(scene: &mut Scene, minute: i64) -> Turn {
    let why = Some("tasks failed to start".into());
    scene.hear(minute, &News::Deployment(DeploymentEvent::ServiceDeploymentFailed, PRIMARY.into(), why))
}

/// The scene changed, and a loop in it.
fn changed(change: impl Fn(&mut Scene)) -> Turn {
    let mut scene = Scene::new();
    change(&mut scene);
    scene.looping(Class::AppExit)
}

/// Every guard by name, and a turn in which it alone does not hold.
fn cases() -> Vec<(&'static str, Turn)> {
    let loops = || {
        let mut scene = Scene::new();
        scene.stop(Class::AppExit, 0);
        rollout_failed(&mut scene, 1)
    };
    let storm = || {
        let mut scene = Scene::new();
        scene.service().breaker = Breaker::WithoutRollback;
        let subjects = [("shop/web".to_owned(), Class::Oom)].into();
        scene.board.storm = Some(crate::board::Storm { since: at(0), last: at(0), subjects, told: 3 });
        scene.looping(Class::AppExit);
        rollout_failed(&mut scene, 3)
    };
    let breaker = || {
        let mut scene = Scene::new();
        scene.service().breaker = Breaker::WithRollback;
        scene.primary().is_completed = false;
        scene.looping(Class::AppExit);
        scene.look(16)
    };
    let human = || {
        let mut scene = Scene::new();
        scene.stop(Class::AppExit, 0);
        scene.stop(Class::User, 1);
        scene.stop(Class::AppExit, 2);
        scene.stop(Class::AppExit, 3)
    };
    let refused = || {
        let mut scene = Scene::new();
        scene.looping(Class::AppExit);
        scene.hear(3, &answer(&scene, RollbackOutcome::Refused));
        (4..11).map(|minute| scene.stop(Class::AppExit, minute)).last().unwrap()
    };
    let mut recurring = Scene::new();
    recurring.watch.heals.push(healed(2, Class::AppExit, HealOutcome::Verified, -3 * 24 * 60));
    vec![
        ("loop", loops()),
        ("class", Scene::new().looping(Class::Agent)),
        ("fresh", changed(|scene| scene.primary().created = Some(at(-24 * 60)))),
        ("fresh", changed(|scene| scene.primary().created = None)),
        (
            "onset",
            changed(|scene| {
                let before =
                    StoppedTask { deployment: Some("ecs-svc/1".into()), ..stopped("old", Class::AppExit, -120) };
                assert!(scene.watch.count(&before, at(0)));
            }),
        ),
        ("controller", changed(|scene| scene.service().is_rolling = false)),
        ("breaker", breaker()),
        ("target", changed(|scene| scene.evidence.target = None)),
        ("target-active", changed(|scene| scene.evidence.target.as_mut().unwrap().is_active = false)),
        ("target-image", changed(|scene| scene.evidence.images = Images::Unknown)),
        ("target-image", changed(|scene| scene.evidence.images = Images::Lacking("it is gone".into()))),
        (
            "target-clean",
            changed(|scene| scene.watch.heals.push(healed(1, Class::Oom, HealOutcome::Verified, -7 * 60))),
        ),
        ("dependency", changed(|scene| scene.evidence.logs = Logs::Unknown)),
        ("dependency", changed(|scene| scene.evidence.logs = Logs::Lines(vec!["dial db: Connection Refused".into()]))),
        (
            "neighbours",
            changed(|scene| {
                let subject = SubjectKey::Service(arn("web"));
                let entry = Entry { subject, class: Some(Class::AppExit), looping: true, told: true };
                scene.board.open.insert("shop/web".into(), entry);
            }),
        ),
        ("storm", storm()),
        ("throttled", changed(|scene| scene.board.throttled = Some(at(-12)))),
        ("mute", changed(|scene| scene.mute(&mute(Some("api"), 60, Muted::Healing), 0))),
        ("hold", changed(|scene| scene.tag("steward:hold", "ticket 4712"))),
        ("human", human()),
        (
            "service-budget",
            changed(|scene| scene.watch.heals.push(healed(8, Class::Oom, HealOutcome::Overtaken, -5 * 60))),
        ),
        (
            "account-budget",
            changed(|scene| scene.ledger.asked.extend((1..=5).map(|n| (format!("i-{n}"), at(-10 * n))))),
        ),
        (
            "account-breaker",
            changed(|scene| scene.ledger.failed.extend((1..=2).map(|n| (format!("i-{n}"), at(-600 * n))))),
        ),
        ("recurrence", recurring.looping(Class::AppExit)),
        ("switched-off", changed(|scene| scene.watch.switched_off = Some(at(-9_000)))),
        ("refused", refused()),
        ("complete", changed(|scene| scene.evidence.missing.push("logs:GetLogEvents on /shop/api".into()))),
    ]
}

pub(super) fn answer(scene: &Scene, outcome: RollbackOutcome) -> News {
    let deployment = (outcome == RollbackOutcome::Started).then(|| BACK.to_owned());
    let incident = scene.watch.incident.as_ref().map_or("i-over", |incident| &incident.id).to_owned();
    News::Answered(RollbackAnswered { service: arn("api"), incident, outcome, reason: "because".into(), deployment })
}

#[test]
fn where_one_guard_alone_does_not_hold_nothing_is_asked_and_the_alert_names_it() {
    for (guard, turn) in cases() {
        assert_eq!((turn.failing(), &turn.plan.verdict), (vec![guard], &Verdict::Guarded));
        assert!(turn.requests().is_empty(), "{guard}");
        assert_eq!(turn.plan.ledger, None, "{guard}: no budget is spent");
        let section = turn.alert().sections.iter().find(|section| section.title.starts_with("Guards")).unwrap();
        assert!(section.lines.len() == 1 && section.lines[0].starts_with(&format!("{guard}: ")), "{section:?}");
    }
}

#[test]
fn no_guard_is_without_its_case() {
    let tested: BTreeSet<&str> = cases().into_iter().map(|(guard, _)| guard).chain(["mode"]).collect();
    let turn = Scene::new().looping(Class::AppExit);
    assert_eq!(turn.plan.guards.iter().map(|guard| guard.name).collect::<BTreeSet<_>>(), tested);
    assert_eq!(turn.plan.guards.len(), tested.len(), "no two of the same name");
}

#[test]
fn where_all_hold_deploy_is_asked_once_and_everything_is_written_down_with_it() {
    let mut scene = Scene::new();
    let turn = scene.looping(Class::AppExit);
    assert_eq!((&turn.plan.verdict, turn.alert().kind.as_str()), (&Verdict::Ask, "rollback-asked"));
    let id = scene.incident().id.clone();
    let expected = RollbackRequested {
        service: arn("api"),
        incident: Some(id.clone()),
        deployment: Some(PRIMARY.into()),
        to: Some(revision(1)),
        approved_by: None,
        requested_by: None,
        over_migration: false,
    };
    assert_eq!(turn.requests(), [&expected]);
    let looks: Vec<&Outgoing> = turn.sent.iter().filter(|sent| matches!(sent, Outgoing::Verification { .. })).collect();
    let expected = [7, 17].map(|minute| Outgoing::Verification { at: at(minute), incident: id.clone() });
    assert_eq!(looks, expected.iter().collect::<Vec<_>>());
    assert_eq!(scene.ledger.asked, [(id, at(2))].into());
    assert_eq!((scene.watch.heals.len(), scene.watch.heals[0].outcome), (1, HealOutcome::Asked));
    for minute in 3..7 {
        assert!(scene.stop(Class::AppExit, minute).requests().is_empty());
        assert!(scene.look(minute).requests().is_empty());
    }
}

#[test]
fn how_far_healing_goes_is_the_lesser_of_the_tag_and_the_parameter() {
    use HealLevel::{Approve, Auto, DryRun, Off};
    for (tag, cap, expected) in [
        ("auto", Auto, Verdict::Ask),
        ("auto", Approve, Verdict::AskPerson),
        ("auto", DryRun, Verdict::Would),
        ("auto", Off, Verdict::Guarded),
        ("approve", Auto, Verdict::AskPerson),
        ("approve", Approve, Verdict::AskPerson),
        ("approve", DryRun, Verdict::Would),
        ("dry-run", Auto, Verdict::Would),
        ("dry-run", DryRun, Verdict::Would),
        ("yes", Auto, Verdict::Guarded),
        ("Auto", Auto, Verdict::Guarded),
    ] {
        let mut scene = Scene::new();
        scene.tag("steward:heal", tag);
        scene.settings.mode = cap;
        let turn = scene.looping(Class::AppExit);
        assert_eq!(turn.plan.verdict, expected, "{tag} {cap:?}");
        assert_eq!(turn.requests().len(), usize::from(expected == Verdict::Ask), "{tag} {cap:?}");
        let asks = matches!(expected, Verdict::Ask | Verdict::AskPerson);
        assert_eq!(turn.failing(), if asks { vec![] } else { vec!["mode"] }, "{tag} {cap:?}");
        assert_eq!(turn.alerts().count(), 1, "people hear of it all the same");
    }
}

#[test]
fn tags_that_cannot_be_read_heal_nothing_whatever_the_others_say() {
    let mut scene = Scene::new();
    scene.tag("steward:deploy", "sometimes");
    let turn = scene.looping(Class::AppExit);
    assert_eq!((&turn.plan.verdict, turn.requests().len()), (&Verdict::Guarded, 0));
    assert!(turn.plan.guards.iter().any(|guard| guard.name == "mode" && guard.why.contains("cannot be read")));
}

#[test]
fn a_dry_run_decides_the_same_and_writes_and_sends_nothing() {
    let mut scene = Scene::new();
    scene.stop(Class::AppExit, 0);
    scene.stop(Class::AppExit, 1);
    scene.settings.dry_run = true;
    let turn = scene.stop(Class::AppExit, 2);
    assert_eq!((&turn.plan.verdict, turn.plan.told), (&Verdict::Ask, Some("rollback-asked")));
    assert_eq!((turn.plan.watch, turn.plan.board, turn.plan.ledger), (None, None, None));
}

fn differing(parts: &[Part]) -> Difference {
    Difference { lines: Vec::new(), parts: parts.iter().copied().collect() }
}

#[test]
fn what_a_rollback_does_not_cure_is_told_apart_by_what_the_release_changed() {
    for (class, change, heals) in [
        (Class::ElbHealth, differing(&[Part::Ports]), true),
        (Class::ElbHealth, differing(&[Part::Role, Part::Secrets, Part::Logging]), false),
        (Class::PullDenied, differing(&[Part::Role]), true),
        (Class::PullDenied, differing(&[Part::Ports, Part::Secrets]), false),
        (Class::Secret, differing(&[Part::Secrets]), true),
        (Class::Secret, differing(&[Part::Image]), false),
        (Class::LogConfig, differing(&[Part::Logging]), true),
        (Class::LogConfig, differing(&[Part::Image]), false),
        (Class::AppExit, Difference::default(), true),
        (Class::InfrastructureNetwork, differing(&[Part::Image]), false),
        (Class::Unknown, differing(&[Part::Image]), false),
    ] {
        let mut scene = Scene::new();
        scene.evidence.difference = Some(change);
        assert_eq!(scene.looping(class).requests().len(), usize::from(heals), "{class:?}");
    }
    for (deployed, heals) in [(-29, true), (-31, false)] {
        let mut scene = Scene::new();
        scene.primary().created = Some(at(deployed));
        assert_eq!(scene.looping(Class::SigkillUnknown).requests().len(), usize::from(heals), "{deployed}");
    }
}
