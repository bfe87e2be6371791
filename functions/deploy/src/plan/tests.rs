//! Decisions by value: what is seen of one service in a line or two, and what follows from it.

use std::collections::BTreeMap;

use serde_json::json;
use shared::arn::TaskDefinitionArn;
use shared::failure::FailureKind;
use shared::image::{Digest, ImageTag, Repository};
use shared::migration::RunHead;
use shared::policy::Image;
use shared::state::Versioned;

use super::*;
use crate::observe::Unsupported;
use crate::observe::model::{Catalog, Container, Deployment, Outcome, RolloutState};
use crate::rollout::{BadDigest, Pin, PinnedBy, Target};

const REPOSITORY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api";

fn digest(n: u8) -> Digest {
    format!("sha256:{}", format!("{n:02x}").repeat(32)).parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn arn() -> ServiceArn {
    "arn:aws:ecs:eu-west-1:123456789012:service/shop/api".parse().unwrap()
}

fn revision(n: u8) -> TaskDefinitionArn {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:{n}").parse().unwrap()
}

fn target(n: u8, tag: &str, reference: &str) -> Target {
    let (tag, pushed_at) = (tag.parse().ok(), Some(at(i64::from(n) * 100)));
    Target { reference: reference.to_owned(), digest: digest(n), tag, pushed_at }
}

/// A service as it is seen: one container `api`, an image `n` pushed in second `n * 100`, now is second 10,000.
#[derive(Clone)]
struct Scene {
    observed: Observed,
    catalogs: Catalogs,
    trigger: Trigger,
    settings: Settings,
    now: Timestamp,
}

impl Scene {
    /// A service with this policy whose container names `image` (`:tag` or `@n`), and what its repository holds.
    fn new(policy: &str, image: &str, holds: &[(u8, &[&str])]) -> Self {
        let held = |(n, tags): &(u8, &[&str])| Image {
            pushed_at: at(i64::from(*n) * 100),
            digest: digest(*n),
            tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        };
        let service = Service {
            arn: arn(),
            tags: vec![("steward:deploy".into(), policy.into())],
            is_active: true,
            unsupported: None,
            task_definition: Some(revision(7)),
            deployments: vec![Deployment {
                id: "ecs-svc/1".into(),
                is_primary: true,
                rollout: RolloutState::Completed,
                created: Some(at(8_000)),
            }],
            deployment_arn: Some("service-deployment-1".into()),
            revisions: Vec::new(),
            desired_count: 2,
            is_rolling: true,
            has_rollback: true,
        };
        let repository: Repository = REPOSITORY.parse().unwrap();
        let catalog = Catalog { images: holds.iter().map(held).collect(), is_ecr: true };
        let observed = Observed {
            service: Some(service),
            containers: Vec::new(),
            memory: Versioned::default(),
            migration: RunHead::default(),
            outcome: None,
            previous_outcome: None,
            landed: None,
            failure: None,
        };
        Self {
            observed,
            catalogs: BTreeMap::from([(repository.clone(), Ok(catalog))]),
            trigger: Trigger::Pushed { repository, tag: ImageTag::latest() },
            settings: Settings {
                dry_run: false,
                rollout_timeout: Duration::from_hours(1),
                heal_mode: HealLevel::DryRun,
            },
            now: at(10_000),
        }
        .names("api", image)
    }

    fn names(mut self, container: &str, image: &str) -> Self {
        let image = match image.strip_prefix('@') {
            Some(n) => format!("{REPOSITORY}@{}", digest(n.parse().unwrap())),
            None if image.starts_with(':') => format!("{REPOSITORY}{image}"),
            None => image.to_owned(),
        };
        self.observed.containers.retain(|known| known.name != container);
        let image = image.parse().map_err(|_| image);
        self.observed.containers.push(Container { name: container.to_owned(), image, migrates: false, running: None });
        self
    }

    /// The service revision says that every container runs this digest.
    fn runs(mut self, n: u8) -> Self {
        self.observed.containers.iter_mut().for_each(|container| container.running = Some(digest(n)));
        self
    }

    fn tag(mut self, key: &str, value: &str) -> Self {
        self.observed.service.as_mut().unwrap().tags.push((format!("steward:{key}"), value.to_owned()));
        self
    }

    fn service(mut self, change: impl FnOnce(&mut Service)) -> Self {
        change(self.observed.service.as_mut().unwrap());
        self
    }

    fn remembers(mut self, change: impl FnOnce(&mut Rollout)) -> Self {
        self.observed.memory.version = 1;
        change(&mut self.observed.memory.item);
        self
    }

    /// Our attempt at image `n` by reference, in this state, as deployment `ecs-svc/2`, after `ecs-svc/1`.
    fn attempted(self, state: AttemptState, target: Target) -> Self {
        let attempt = Attempt {
            state,
            event: "earlier".into(),
            at: at(9_000),
            images: BTreeMap::from([("api".to_owned(), target)]),
            base: revision(7),
            task_definition: None,
            before: Some("ecs-svc/1".into()),
            deployment: (state != AttemptState::Intended).then(|| "ecs-svc/2".to_owned()),
            service_deployment: Some("service-deployment-2".into()),
            is_rollback: false,
        };
        self.remembers(|memory| memory.attempt = Some(attempt))
    }

    fn primary(self, id: &str, rollout: RolloutState) -> Self {
        self.service(|service| {
            service.deployments =
                vec![Deployment { id: id.into(), is_primary: true, rollout, created: Some(at(8_000)) }];
        })
    }

    fn outcome(mut self, outcome: Outcome) -> Self {
        self.observed.outcome = Some(outcome);
        self
    }

    fn by(mut self, trigger: Trigger) -> Self {
        self.trigger = trigger;
        self
    }

    fn asks(self, detail: serde_json::Value) -> Self {
        self.by(Trigger::Requested(serde_json::from_value(detail).unwrap()))
    }

    fn plan(&self) -> Plan {
        let Self { observed, catalogs, trigger, settings, now } = self;
        plan(*settings, trigger, "event", &arn(), observed, catalogs, *now)
    }

    #[track_caller]
    fn rolls(&self, by: By, n: u8) -> Rollout {
        let plan = self.plan();
        let Decision::Roll(roll) = &plan.decision else { panic!("not rolled: {:?}", plan.decision) };
        assert_eq!((roll.by, &roll.images["api"].digest), (by, &digest(n)));
        let memory = plan.memory.expect("an intent is written before a call");
        let attempt = memory.attempt.as_ref().unwrap();
        assert_eq!((attempt.state, &attempt.images), (AttemptState::Intended, &roll.images));
        memory
    }

    #[track_caller]
    fn is_left(&self, expected: &str) -> Option<Rollout> {
        let plan = self.plan();
        let Decision::Left(reason) = &plan.decision else { panic!("not left alone: {:?}", plan.decision) };
        assert!(reason.to_string().contains(expected), "{reason}");
        plan.memory
    }

    #[track_caller]
    fn is(&self, expected: &Decision) -> Option<Rollout> {
        let plan = self.plan();
        assert_eq!(plan.decision, *expected);
        plan.memory
    }
}

fn kinds(memory: &Rollout) -> Vec<&str> {
    let alerts = memory.untold.iter().map(|alert| alert.kind.as_str());
    alerts.chain(memory.unsent.iter().map(|event| -> &str { event.detail_type() })).collect()
}

const TWO: &[(u8, &[&str])] = &[(1, &[]), (2, &["latest"])];

#[test]
fn a_moved_tag_starts_the_same_revision_again() {
    Scene::new("follow", ":latest", TWO).runs(1).rolls(By::Force, 2);
    Scene::new("follow", ":latest", TWO).runs(2).is(&Decision::UpToDate);
    Scene::new("follow", REPOSITORY, TWO).runs(1).rolls(By::Force, 2);
}

#[test]
fn pin_names_the_digest_and_remembers_the_tag_that_it_follows() {
    let memory = Scene::new("follow", ":latest", TWO).tag("mode", "pin").runs(1).rolls(By::Pin, 2);
    assert_eq!(memory.followed["api"].as_str(), "latest");
    let three: &[(u8, &[&str])] = &[(1, &[]), (2, &[]), (3, &["latest"])];
    let pinned = Scene::new("follow", "@2", three).tag("mode", "pin");
    pinned.clone().remembers(|memory| drop(memory.followed.insert("api".into(), ImageTag::latest()))).rolls(By::Pin, 3);
    pinned.is_left("no tag to follow");
}

#[test]
fn a_version_policy_pins_and_leaves_the_sidecar_alone() {
    let scene = Scene::new("semver:minor", ":1.0.0", &[(1, &["1.0.0"]), (2, &["1.1.0"])]);
    let scene = scene.names("proxy", "public.ecr.aws/envoy/envoy:1.0.0");
    let memory = scene.rolls(By::Pin, 2);
    assert_eq!(memory.attempt.unwrap().images.keys().collect::<Vec<_>>(), ["api"]);
}

#[test]
fn force_cannot_bring_a_service_to_what_its_reference_does_not_name() {
    let scene = Scene::new("follow", "@1", TWO).tag("mode", "force");
    scene.remembers(|memory| drop(memory.followed.insert("api".into(), ImageTag::latest()))).is_left("mode is force");
}

#[test]
fn what_has_not_opted_in_or_cannot_be_rolled_is_left_alone() {
    let scene = || Scene::new("follow", ":latest", TWO).runs(1);
    scene().service(|service| service.tags.clear()).is_left("not opted in");
    Scene::new("off", ":latest", TWO).runs(1).is_left("not opted in");
    scene().service(|service| service.is_active = false).is_left("not there any more");
    scene().tag("mode", "fast").is_left("steward:mode");
    scene().service(|service| service.unsupported = Some(Unsupported::CodeDeploy)).is_left("CODE_DEPLOY");
    scene().tag("container", "worker").is_left("does not have");
    scene().names("api", "ghcr.io/acme/api:latest").is_left("no container");
    let mut gone = scene();
    gone.observed.service = None;
    gone.is_left("not there any more");
}

#[test]
fn a_held_service_is_told_once_for_each_image_that_waits() {
    let scene = Scene::new("follow", ":latest", TWO).runs(1).tag("hold", "load test");
    let mut memory = scene.is_left("load test").unwrap();
    assert_eq!(kinds(&memory), ["held"]);
    assert!(memory.attempt.is_none());
    let remembered = |memory: &Rollout| {
        let memory = Versioned { item: memory.clone(), version: 1 };
        Scene { observed: Observed { memory, ..scene.observed.clone() }, ..scene.clone() }
    };
    let again = remembered(&memory).is_left("load test");
    assert_eq!(again.as_ref(), Some(&memory), "what SNS did not take is still to be told");
    memory.untold.clear();
    assert_eq!(remembered(&memory).is_left("load test"), None, "nothing new to tell, nothing to write");
}

#[test]
fn a_hold_with_nothing_to_roll_is_no_news() {
    assert_eq!(Scene::new("follow", ":latest", TWO).runs(2).tag("hold", "x").is(&Decision::UpToDate), None);
}

#[test]
fn plan_mode_says_what_it_would_do_and_dry_run_writes_nothing_at_all() {
    let planned = Scene::new("follow", ":latest", TWO).runs(1).tag("mode", "plan").plan();
    assert!(matches!(planned.decision, Decision::WouldRoll(_)));
    assert_eq!(kinds(&planned.memory.unwrap()), ["planned"]);
    let mut scene = Scene::new("follow", ":latest", TWO).runs(1);
    scene.settings.dry_run = true;
    let dry = scene.plan();
    assert!(matches!(dry.decision, Decision::WouldRoll(_)) && dry.memory.is_none());
}

#[test]
fn an_attempt_under_way_is_not_repeated_and_a_newer_image_supersedes_it() {
    let latest = || target(2, "latest", &format!("{REPOSITORY}:latest"));
    let scene = |holds| Scene::new("follow", ":latest", holds).runs(1).outcome(Outcome::UnderWay);
    let rolling =
        |holds| scene(holds).attempted(AttemptState::Rolling, latest()).primary("ecs-svc/2", RolloutState::InProgress);
    rolling(TWO).is(&Decision::UnderWay);
    rolling(&[(1, &[]), (2, &[]), (3, &["latest"])]).rolls(By::Force, 3);
    // ECS still shows the service as it was before the call: no reason to call again.
    scene(TWO).attempted(AttemptState::Rolling, latest()).is(&Decision::UnderWay);
}

#[test]
fn a_rollout_ends_as_the_service_deployments_api_says_and_is_told_once() {
    let scene = |outcome| {
        let rolled = target(2, "latest", &format!("{REPOSITORY}:latest"));
        let scene = Scene::new("follow", ":latest", TWO).runs(2).attempted(AttemptState::Rolling, rolled);
        scene.primary("ecs-svc/2", RolloutState::Completed).outcome(outcome)
    };
    let memory = scene(Outcome::Successful { ran: BTreeMap::new() }).is(&Decision::UpToDate).unwrap();
    assert_eq!((kinds(&memory), memory.settled["api"].digest.clone()), (vec!["rolled-out"], digest(2)));
    let back = scene(Outcome::RolledBack { why: Some("tasks failed to start".into()), ran: BTreeMap::new() })
        .runs(1)
        .primary("ecs-svc/3", RolloutState::Completed);
    let memory = back.is_left("failed here before").unwrap();
    assert_eq!((kinds(&memory), memory.bad[0].digest.clone()), (vec!["Rollout Failed"], digest(2)));
    assert!(memory.unsent[0].detail()["why"].as_str().unwrap().contains("tasks failed to start"));
}

#[test]
fn a_tag_that_moved_between_our_call_and_the_first_pull_is_neither_rolled_twice_nor_forgotten() {
    let three: &[(u8, &[&str])] = &[(1, &[]), (2, &[]), (3, &["latest"])];
    let rolled = || target(2, "latest", &format!("{REPOSITORY}:latest"));
    // We called for image 2, and ECS pulled image 3.
    let scene = Scene::new("follow", ":latest", three).attempted(AttemptState::Rolling, rolled());
    let scene = scene.primary("ecs-svc/2", RolloutState::Completed).runs(3);
    scene.clone().outcome(Outcome::Successful { ran: BTreeMap::new() }).is(&Decision::UpToDate);
    let ran = BTreeMap::from([("api".to_owned(), digest(3))]);
    let failed =
        scene.runs(1).primary("ecs-svc/4", RolloutState::Completed).outcome(Outcome::RolledBack { why: None, ran });
    assert_eq!(failed.is_left("failed here before").unwrap().bad_digests(), [digest(2), digest(3)].into());
}

#[test]
fn a_rollout_that_does_not_end_is_told_and_still_watched() {
    let rolled = target(2, "latest", &format!("{REPOSITORY}:latest"));
    let mut scene = Scene::new("follow", ":latest", TWO).runs(2).attempted(AttemptState::Rolling, rolled);
    scene = scene.primary("ecs-svc/2", RolloutState::InProgress).outcome(Outcome::UnderWay);
    assert_eq!(scene.is(&Decision::UnderWay), None);
    scene.now = at(9_000 + 3_601);
    let memory = scene.is(&Decision::UnderWay).unwrap();
    assert_eq!(
        (kinds(&memory), memory.attempt.as_ref().unwrap().state),
        (vec!["never-finished"], AttemptState::Overdue)
    );
}

#[test]
fn a_bad_digest_is_not_rolled_again_by_whatever_wakes_us() {
    let bad = BadDigest { digest: digest(2), since: at(9_000), deployment: None };
    let scene = Scene::new("follow", ":latest", TWO).runs(1).remembers(|memory| memory.bad.push(bad));
    for trigger in [scene.trigger.clone(), Trigger::Sweep] {
        assert_eq!(scene.clone().by(trigger).is_left("failed here before"), None, "told when it was rolled back");
    }
    // A person may try it again.
    let memory = scene.asks(json!({ "service": arn(), "tag": "latest" })).rolls(By::Force, 2);
    assert!(memory.bad.is_empty());
}

#[test]
fn a_call_without_an_answer_is_left_to_take_effect_before_it_is_made_again() {
    let intended = || target(2, "latest", &format!("{REPOSITORY}:latest"));
    let mut scene = Scene::new("follow", ":latest", TWO).runs(1).attempted(AttemptState::Intended, intended());
    scene.now = at(9_059);
    scene.is_left("no answer");
    scene.now = at(9_061);
    scene.rolls(By::Force, 2);
    // It took effect: a deployment since then runs what was intended.
    let landed = |outcome| {
        let mut scene = scene.clone().primary("ecs-svc/2", RolloutState::InProgress).outcome(outcome);
        scene.observed.landed = Some("service-deployment-2".into());
        scene
    };
    let memory = landed(Outcome::UnderWay).is(&Decision::UnderWay).unwrap();
    let attempt = memory.attempt.unwrap();
    assert_eq!((attempt.state, attempt.deployment.as_deref()), (AttemptState::Rolling, Some("ecs-svc/2")));
    // It took effect, and was rolled back before anybody looked.
    let memory = landed(Outcome::RolledBack { why: None, ran: BTreeMap::new() }).is_left("failed here before").unwrap();
    assert_eq!((kinds(&memory), memory.bad_digests()), (vec!["Rollout Failed"], [digest(2)].into()));
}

#[test]
fn a_rollout_that_a_refused_call_was_to_replace_is_still_watched() {
    let latest = |n| target(n, "latest", &format!("{REPOSITORY}:latest"));
    let three: &[(u8, &[&str])] = &[(1, &[]), (2, &[]), (3, &["latest"])];
    let rolling = Scene::new("follow", ":latest", three).runs(2).attempted(AttemptState::Rolling, latest(2));
    let rolling = rolling.primary("ecs-svc/2", RolloutState::InProgress).outcome(Outcome::UnderWay);
    let mut memory = rolling.rolls(By::Force, 3);
    assert_eq!(memory.previous.as_ref().unwrap().images["api"].digest, digest(2));
    memory.attempt.as_mut().unwrap().state = AttemptState::Refused;
    let mut failed = rolling.remembers(|known| *known = memory).primary("ecs-svc/3", RolloutState::Completed);
    failed.observed.previous_outcome = Some(Outcome::RolledBack { why: None, ran: BTreeMap::new() });
    let memory = failed.rolls(By::Force, 3);
    assert_eq!((kinds(&memory), memory.bad_digests()), (vec!["Rollout Failed"], [digest(2)].into()));
    assert!(memory.previous.is_none());
}

#[test]
fn a_revision_that_was_registered_before_a_kill_is_used_and_not_registered_again() {
    let intended = target(2, "1.1.0", &format!("{REPOSITORY}@{}", digest(2)));
    let scene = Scene::new("semver:minor", ":1.0.0", &[(1, &["1.0.0"]), (2, &["1.1.0"])]);
    let scene = scene.attempted(AttemptState::Refused, intended);
    let scene = scene.remembers(|memory| memory.attempt.as_mut().unwrap().task_definition = Some(revision(8)));
    assert_eq!(scene.rolls(By::Pin, 2).attempt.unwrap().task_definition, Some(revision(8)));
}

/// Three versions; ours was 1.1.0, rolled as a pin, and ended well.
fn settled(image: &str) -> Scene {
    let ours = target(2, "1.1.0", &format!("{REPOSITORY}@{}", digest(2)));
    let holds: &[(u8, &[&str])] = &[(1, &["1.0.0"]), (2, &["1.1.0"]), (3, &["1.2.0"]), (4, &["other"])];
    let scene = Scene::new("semver:minor", image, holds).attempted(AttemptState::Succeeded, ours.clone());
    scene
        .remembers(|memory| drop(memory.settled.insert("api".into(), ours)))
        .primary("ecs-svc/9", RolloutState::Completed)
}

#[test]
fn an_image_that_somebody_else_set_is_a_pin_that_is_told_and_kept() {
    for image in [":1.0.0", "@1", ":other", "@9"] {
        let memory = settled(image).is_left("pinned").unwrap();
        assert_eq!((kinds(&memory), memory.pin.as_ref().unwrap().by.clone()), (vec!["pinned"], PinnedBy::SomebodyElse));
        let again = settled(image).remembers(|known| *known = Rollout { untold: Vec::new(), ..memory });
        assert_eq!(again.is_left("pinned"), None, "{image}: told once");
    }
}

#[test]
fn a_new_revision_with_our_image_or_with_the_one_that_is_due_is_no_pin() {
    settled("@2").service(|service| service.task_definition = Some(revision(9))).rolls(By::Pin, 3);
    settled(":1.1.0").rolls(By::Pin, 3);
    let memory = settled(":1.2.0").is(&Decision::UpToDate).unwrap();
    assert_eq!(memory.settled["api"].digest, digest(3), "what was adopted is the new starting point");
}

#[test]
fn an_answer_from_before_our_own_deployment_is_not_taken_for_a_pin() {
    settled(":1.0.0").primary("ecs-svc/1", RolloutState::Completed).is_left("before the last rollout");
}

#[test]
fn a_released_pin_gives_the_policy_its_say_back() {
    let pin = Pin { by: PinnedBy::SomebodyElse, since: at(9_500), images: BTreeMap::new() };
    let pinned = settled(":1.0.0").remembers(|memory| memory.pin = Some(pin));
    pinned.clone().by(Trigger::Sweep).is_left("pinned");
    let memory = pinned.asks(json!({ "service": arn(), "release-pin": true })).rolls(By::Pin, 3);
    assert!(memory.pin.is_none() && memory.settled.is_empty());
}

#[test]
fn a_person_may_go_back_and_stays_there_until_the_pin_is_released() {
    let back = settled("@2").asks(json!({ "service": arn(), "tag": "1.0.0", "requested-by": "ada" }));
    let memory = back.rolls(By::Pin, 1);
    assert_eq!(memory.pin.as_ref().unwrap().by, PinnedBy::Request(Some("ada".into())));
    // Asking for what is due anyway makes no pin.
    assert!(settled("@2").asks(json!({ "service": arn(), "tag": "1.2.0" })).rolls(By::Pin, 3).pin.is_none());
    // Asking for what runs keeps it there.
    let memory = settled("@2").asks(json!({ "service": arn(), "tag": "1.1.0" })).is(&Decision::UpToDate).unwrap();
    assert!(memory.pin.is_some());
}

#[test]
fn a_person_cannot_ask_past_a_hold_or_for_what_is_not_there() {
    let ask = |wanted: &str| settled("@2").asks(json!({ "service": arn(), "tag": wanted }));
    ask("1.2.0").tag("hold", "x").is_left("held");
    assert!(ask("1.0.0").tag("hold", "x").is_left("held").unwrap().pin.is_none());
    ask("9.9.9").is_left("holds no image 9.9.9");
}

#[test]
fn an_unknown_digest_is_rolled_by_a_push_and_not_by_the_first_sweep() {
    let scene = Scene::new("follow", ":latest", TWO);
    scene.clone().by(Trigger::Sweep).is_left("unknown");
    scene.rolls(By::Force, 2);
    scene.clone().primary("ecs-svc/5", RolloutState::InProgress).is_left("somebody else");
    let known = scene
        .by(Trigger::Sweep)
        .remembers(|memory| drop(memory.settled.insert("api".into(), target(2, "latest", ":latest"))));
    known.is(&Decision::UpToDate);
}

#[test]
fn what_could_not_be_seen_is_never_decided_on() {
    let failure = shared::failure::CallFailure {
        operation: "ecr:DescribeImages",
        resource: REPOSITORY.into(),
        kind: FailureKind::Denied,
        code: "AccessDeniedException".into(),
        message: "no".into(),
    };
    let mut scene = Scene::new("follow", ":latest", TWO).runs(1);
    scene.catalogs.insert(REPOSITORY.parse().unwrap(), Err(failure.clone()));
    assert_eq!(scene.is_left("ecr:DescribeImages"), None);
    let mut scene = Scene::new("follow", ":latest", TWO).runs(1);
    scene.observed.failure = Some(failure);
    assert_eq!(scene.is_left("ecr:DescribeImages"), None);
}

#[test]
fn a_plan_carried_out_leaves_nothing_to_plan() {
    for (policy, image) in
        [("follow", ":latest"), ("semver:major", ":1.0.0"), ("any", ":1.0.0"), ("prefix:2", ":1.0.0")]
    {
        let scene = Scene::new(policy, image, &[(1, &["1.0.0"]), (2, &["2.0.0", "latest"])]).runs(1);
        let Decision::Roll(roll) = scene.plan().decision else { panic!("{policy} does not roll") };
        let mut memory = scene.plan().memory.unwrap();
        let attempt = memory.attempt.as_mut().unwrap();
        (attempt.state, attempt.deployment) = (AttemptState::Rolling, Some("ecs-svc/2".into()));
        let after = scene.names("api", &roll.images["api"].reference).remembers(|known| *known = memory);
        let after = after
            .primary("ecs-svc/2", RolloutState::Completed)
            .outcome(Outcome::Successful { ran: BTreeMap::new() })
            .by(Trigger::Sweep);
        after.is(&Decision::UpToDate);
    }
}

mod migrates;
