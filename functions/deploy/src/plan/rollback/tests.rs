//! The way back, by value: a service on revision 8 whose last successful deployment was revision 7.

use std::time::Duration;

use shared::arn::ServiceArn;
use shared::event::steward::{MuteRequested, Muted};
use shared::image::Repository;
use shared::migration::{Entry, RunId, RunState};
use shared::policy::Image;

use super::*;
use crate::observe::model::{Catalog, Deployment};

const REPOSITORY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api";

fn digest(n: u8) -> Digest {
    format!("sha256:{}", format!("{n:02x}").repeat(32)).parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn revision(n: u8) -> TaskDefinitionArn {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:{n}").parse().unwrap()
}

fn ran(reference: &str, n: u8) -> BTreeMap<String, Ran> {
    let reference = format!("{REPOSITORY}{reference}");
    [("api".to_owned(), Ran { reference, digest: Some(digest(n)) })].into()
}

struct Scene {
    request: RollbackRequested,
    service: Service,
    memory: Rollout,
    history: History,
    catalogs: Catalogs,
    mutes: Mutes,
    ledger: Ledger,
    mode: HealLevel,
}

impl Scene {
    /// `heal` asks; everything allows it.
    fn new() -> Self {
        let arn: ServiceArn = "arn:aws:ecs:eu-west-1:123456789012:service/shop/api".parse().unwrap();
        let request = RollbackRequested {
            service: arn.clone(),
            incident: Some("i-1".into()),
            deployment: Some("ecs-svc/8".into()),
            to: Some(revision(7)),
            approved_by: None,
            requested_by: None,
            over_migration: false,
        };
        let deployment = Deployment {
            id: "ecs-svc/8".into(),
            is_primary: true,
            rollout: RolloutState::Completed,
            created: Some(at(8_000)),
        };
        let service = Service {
            arn,
            tags: vec![("steward:heal".into(), "auto".into())],
            is_active: true,
            unsupported: None,
            task_definition: Some(revision(8)),
            deployments: vec![deployment],
            deployment_arn: Some("service-deployment-8".into()),
            revisions: vec!["revision-8".into()],
            desired_count: 2,
            is_rolling: true,
            has_rollback: true,
        };
        let image = |n: u8, tag: &str| Image {
            pushed_at: at(1_000 * i64::from(n)),
            digest: digest(n),
            tags: vec![tag.parse().unwrap()],
        };
        let repository: Repository = REPOSITORY.parse().unwrap();
        let catalog = Catalog { images: vec![image(7, "1.7"), image(8, "1.8")], is_ecr: true };
        let good = Good { task_definition: revision(7), is_active: true, since: None, images: ran(":1.7", 7) };
        Self {
            request,
            service,
            memory: Rollout::default(),
            history: History { good: Some(good), current: ran(":1.8", 8) },
            catalogs: [(repository, Ok(catalog))].into(),
            mutes: Mutes::default(),
            ledger: Ledger::default(),
            mode: HealLevel::Auto,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn decide(&self) -> Answer {
        let Self { request, service, memory, history, catalogs, mutes, ledger, mode } = self;
        let settings = Settings { dry_run: false, rollout_timeout: Duration::from_hours(1), heal_mode: *mode };
        decide(settings, request, service, Known { memory, history, catalogs, mutes, ledger }, at(10_000))
    }

    fn intend(&self, how: &How) -> Rollout {
        intend(&self.request, "event", &self.service, &self.memory, &self.history, how, at(10_000))
    }

    #[track_caller]
    fn goes_back(&self) -> (Roll, bool) {
        match self.decide() {
            Answer::Begin(How::Back { roll, as_it_is }) => (roll, as_it_is),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn is_refused(&self, why: &str) {
        match self.decide() {
            Answer::Refused(reason) => assert!(reason.contains(why), "{reason}"),
            other => panic!("not refused ({why}): {other:?}"),
        }
    }
}

#[test]
fn it_goes_back_to_the_revision_of_the_last_successful_deployment_as_it_is() {
    let (roll, as_it_is) = Scene::new().goes_back();
    assert_eq!((roll.base, as_it_is), (revision(7), true));
}

#[test]
fn where_the_tag_has_moved_since_a_copy_names_the_old_digest() {
    let scene = Scene::new().with(|scene| {
        scene.history.current = ran(":latest", 8);
        scene.history.good =
            Some(Good { task_definition: revision(8), is_active: true, since: None, images: ran(":latest", 7) });
        scene.request.to = Some(revision(8));
    });
    let (roll, as_it_is) = scene.goes_back();
    assert!(!as_it_is);
    assert_eq!(roll.images["api"].reference, format!("{REPOSITORY}@{}", digest(7)));
}

#[test]
fn each_reason_to_stay_refuses_and_says_so() {
    let scene = |change: fn(&mut Scene)| Scene::new().with(change);
    scene(|s| s.service.is_active = false).is_refused("not active");
    scene(|s| s.service.is_rolling = false).is_refused("not ROLLING");
    scene(|s| s.service.unsupported = Some(crate::observe::Unsupported::CodeDeploy)).is_refused("CODE_DEPLOY");
    scene(|s| s.service.tags.clear()).is_refused("not opted in");
    scene(|s| s.service.tags = vec![("steward:heal".into(), "yes".into())]).is_refused("cannot be read");
    scene(|s| s.service.tags = vec![("steward:heal".into(), "approve".into())]).is_refused("approve only");
    scene(|s| s.mode = HealLevel::DryRun).is_refused("dry-run only");
    scene(|s| s.service.tags.push(("steward:hold".into(), "audit".into()))).is_refused("held (audit)");
    scene(|s| s.request.deployment = Some("ecs-svc/7".into())).is_refused("has taken the place");
    scene(|s| s.request.to = Some(revision(6))).is_refused("the last successful one is api:7");
    scene(|s| s.history.good = None).is_refused("no earlier deployment");
    scene(|s| s.history.good.as_mut().unwrap().is_active = false).is_refused("deregistered");
    scene(|s| s.history.good.as_mut().unwrap().images = ran(":1.6", 6)).is_refused("does not hold");
    scene(|s| s.catalogs.values_mut().for_each(|c| c.as_mut().unwrap().is_ecr = false)).is_refused("cannot be asked");
    scene(|s| s.memory.bad.push(BadDigest { digest: digest(7), since: at(1), deployment: None }))
        .is_refused("was rolled back here before");
    scene(|s| s.service.deployments[0].rollout = RolloutState::InProgress).is_refused("circuit breaker");
    let mute = MuteRequested {
        service: None,
        all: true,
        minutes: 5,
        what: Muted::Healing,
        why: "launch".into(),
        requested_by: None,
    };
    Scene::new().with(|s| s.mutes.request(&mute, at(9_900))).is_refused("muted");
}

#[test]
fn a_rollout_under_way_that_no_breaker_watches_is_stopped_and_rolled_back_by_ecs() {
    let scene = Scene::new().with(|scene| {
        scene.service.deployments[0].rollout = RolloutState::InProgress;
        scene.service.has_rollback = false;
    });
    let stop = How::Stop { service_deployment: "service-deployment-8".into() };
    assert_eq!(scene.decide(), Answer::Begin(stop));
}

#[test]
fn an_approval_is_enough_where_the_tags_ask_for_one_and_a_person_needs_none() {
    let approve = |scene: &mut Scene| scene.service.tags = vec![("steward:heal".into(), "approve".into())];
    Scene::new().with(approve).with(|s| s.request.approved_by = Some("ana".into())).goes_back();
    Scene::new().with(approve).with(|s| s.request.incident = None).goes_back();
    Scene::new().with(|s| s.mode = HealLevel::DryRun).with(|s| s.request.incident = None).goes_back();
}

#[test]
fn asked_again_it_is_not_begun_again() {
    let mut scene = Scene::new();
    let Answer::Begin(how) = scene.decide() else { panic!() };
    scene.memory = scene.intend(&how);
    assert!(matches!(scene.decide(), Answer::Begin(_)), "a call that never landed is made again");
    scene.service.deployments[0].id = "ecs-svc/9".into();
    assert_eq!(scene.decide(), Answer::Already, "it landed, whatever its answer");
    scene.service.deployments[0].id = "ecs-svc/8".into();
    scene.memory.attempt.as_mut().unwrap().state = AttemptState::Rolling;
    assert_eq!(scene.decide(), Answer::Already, "an answer from the past shows the old deployment");
}

#[test]
fn what_was_left_is_bad_from_the_intent_on_and_what_it_goes_back_to_is_not() {
    let scene = Scene::new();
    let Answer::Begin(how) = scene.decide() else { panic!() };
    let memory = scene.intend(&how);
    assert_eq!(memory.bad_digests(), [digest(8)].into());
    let attempt = memory.attempt.unwrap();
    assert_eq!((attempt.state, attempt.task_definition), (AttemptState::Intended, Some(revision(7))));
    assert!(attempt.is_rollback && memory.pin.is_none());
}

/// A migration that ended in second 5,000.
fn migrated(compatible: bool) -> Ledger {
    let service: ServiceArn = "arn:aws:ecs:eu-west-1:123456789012:service/shop/api".parse().unwrap();
    let entry = Entry {
        run: RunId::of_request(&service, "a", None),
        service,
        reference: format!("{REPOSITORY}@{}", digest(8)),
        digest: digest(8),
        at: at(5_000),
        state: RunState::Migrated,
        compatible,
        restore_point: Some("snapshot steward-shop".to_owned()),
    };
    Ledger { entries: vec![entry], fence: 1 }
}

#[test]
fn there_is_no_way_back_over_a_migration_that_was_not_declared_compatible() {
    let since = |second: i64| {
        move |scene: &mut Scene| {
            scene.history.good.as_mut().unwrap().since = Some(at(second));
            scene.ledger = migrated(false);
        }
    };
    let refused = Scene::new().with(since(4_000));
    for choice in ["roll forward", "restore the database (snapshot steward-shop)", "over-migration"] {
        refused.is_refused(choice);
    }
    Scene::new().with(since(6_000)).goes_back();
    Scene::new().with(since(4_000)).with(|scene| scene.ledger = migrated(true)).goes_back();
    Scene::new().with(|scene| scene.ledger = migrated(false)).is_refused("over-migration");
}

#[test]
fn only_a_person_may_go_back_over_a_migration_all_the_same() {
    let over = |scene: &mut Scene| {
        scene.ledger = migrated(false);
        scene.request.over_migration = true;
    };
    Scene::new().with(over).is_refused("over-migration");
    Scene::new().with(over).with(|scene| scene.request.approved_by = Some("ana".into())).goes_back();
    Scene::new().with(over).with(|scene| scene.request.incident = None).goes_back();
}
