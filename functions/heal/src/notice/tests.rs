//! Alerts of every kind: what they say, what they never say, and how long they get.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use shared::config::AlertFormat;
use shared::tags::HealLevel;

use super::*;
use crate::board::{Entry, Storm};
use crate::classify::Class;
use crate::observe::model::{Deployment, Difference, Target};
use crate::observe::{Breaker, Images};
use crate::plan::FailedRollout;
use crate::watch::Stage;

const VERDICTS: [Verdict; 5] = [Verdict::None, Verdict::Ask, Verdict::AskPerson, Verdict::Would, Verdict::Guarded];

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
}

fn arn() -> ServiceArn {
    "arn:aws:ecs:eu-west-1:123456789012:service/shop/api".parse().unwrap()
}

/// Every occasion, with this text wherever one takes a text.
fn occasions(text: &str) -> Vec<Occasion> {
    let text = text.to_owned();
    let failed = |is_back| FailedRollout { images: Some(text.clone()), why: Some(text.clone()), is_back };
    vec![
        Occasion::Opened,
        Occasion::Changed { from: Class::Oom },
        Occasion::Escalated(10),
        Occasion::Reminded,
        Occasion::RolloutFailed(failed(true)),
        Occasion::RolloutFailed(failed(false)),
        Occasion::RolloutFailed(FailedRollout { images: None, why: None, is_back: true }),
        Occasion::Asked,
        Occasion::Refused(text.clone()),
        Occasion::ApprovalUseless(text.clone()),
        Occasion::Healed,
        Occasion::HealFailed(text.clone()),
        Occasion::Overtaken,
        Occasion::Resolved,
    ]
}

/// A crash loop of `api:2` after `api:1`.
struct Scene {
    subject: Subject,
    service: Option<Service>,
    tags: ServiceTags,
    incident: Incident,
    evidence: Evidence,
    guards: Vec<Guard>,
}

impl Scene {
    fn new(class: Class) -> Self {
        let revision = |n: u8| format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:{n}").parse().unwrap();
        let deployment = Deployment {
            id: "ecs-svc/2".into(),
            is_primary: true,
            is_completed: true,
            is_failed: false,
            created: Some(at(-12)),
            task_definition: Some(revision(2)),
        };
        let service = Service {
            arn: arn(),
            tags: Vec::new(),
            is_active: true,
            is_rolling: true,
            breaker: Breaker::WithoutRollback,
            desired: 2,
            running: 1,
            deployments: vec![deployment],
            revisions: Vec::new(),
        };
        let incident = Incident {
            id: "i-0123456789".into(),
            deployment: Some("ecs-svc/2".into()),
            class,
            cause: "container api ended with exit code 1".into(),
            said: "Essential container in task exited".into(),
            container: Some("api".into()),
            task: Some("arn:aws:ecs:eu-west-1:123456789012:task/shop/0f1e".parse().unwrap()),
            since: at(-7),
            last: at(0),
            count: 3,
            looping: true,
            rollout_failed: false,
            touched: None,
            told: None,
            refused: None,
            stage: Stage::Healing { asked: at(-1), to: revision(1), deployment: None, answered: false },
        };
        let target = Target { task_definition: revision(1), created: None, is_active: true, images: BTreeMap::new() };
        let difference = Difference { lines: vec!["image of api: 1.0 -> 2.0".into()], ..Difference::default() };
        let evidence = Evidence {
            target: Some(target),
            difference: Some(difference),
            logs: Logs::Lines(vec!["starting".into(), "panicked at src/main.rs:12".into()]),
            images: Images::Held,
            missing: Vec::new(),
        };
        let guards = vec![Guard { name: "hold", holds: false, why: "held: ticket 4712".into() }];
        let runbook = [("steward:runbook".to_owned(), "https://wiki.example.com/api".to_owned())];
        let tags = ServiceTags::of(&runbook).unwrap();
        Self { subject: Subject::Service(arn()), service: Some(service), tags, incident, evidence, guards }
    }

    fn alert(&self, occasion: &Occasion, verdict: &Verdict) -> Alert {
        let facts = Facts {
            function: Some("steward-heal"),
            subject: &self.subject,
            service: self.service.as_ref(),
            tags: Some(&self.tags),
            incident: &self.incident,
            evidence: &self.evidence,
            guards: &self.guards,
            recurs: false,
        };
        alert(facts, occasion, verdict, kind(&self.incident, occasion, verdict), at(0))
    }

    fn text(&self, occasion: &Occasion, verdict: &Verdict) -> String {
        self.alert(occasion, verdict).message(AlertFormat::Text).body
    }
}

#[test]
fn every_occasion_has_a_kind_that_has_a_runbook_and_every_kind_has_its_occasion() {
    let mut told: BTreeSet<&str> = ["storm"].into();
    for class in Class::ALL {
        for looping in [true, false] {
            for task in [true, false] {
                let mut scene = Scene::new(class);
                scene.incident.looping = looping;
                scene.incident.task = scene.incident.task.filter(|_| task);
                for (occasion, verdict) in occasions("x").iter().flat_map(|o| VERDICTS.iter().map(move |v| (o, v))) {
                    told.insert(kind(&scene.incident, occasion, verdict));
                }
            }
        }
    }
    assert_eq!(told, BTreeSet::from(KINDS));
}

#[test]
fn the_alert_of_a_crash_loop_says_what_how_often_since_when_and_what_changed() {
    let body = Scene::new(Class::AppExit).text(&Occasion::Opened, &Verdict::Guarded);
    let expected = "shop/api: container api ended with exit code 1, 3 times

Container api ended with exit code 1: 3 times in 7 min. ECS starts it again each time. It runs api:2, deployed 12 min ago.

ECS says: Essential container in task exited.

What is done: nothing. A rollback is not considered safe; the guards that do not hold are below.

  incident    i-0123456789
  class       app-exit
  count       3
  since       2027-01-15T07:53:00Z
  revision    api:2
  last good   api:1
  deployment  ecs-svc/2
  task        0f1e
  running     1 of 2

Guards that do not hold:
  - hold: held: ticket 4712

Changed since api:1, the last good revision:
  - image of api: 1.0 -> 2.0

Last lines of api:
  | starting
  | panicked at src/main.rs:12

What you can do:
  - Read the last lines that it logged.
  - Console: https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/api/tasks?region=eu-west-1

Your runbook: https://wiki.example.com/api

arn:aws:ecs:eu-west-1:123456789012:service/shop/api (critical, crash-loop) from Steward heal
";
    assert_eq!(body, expected);
}

#[test]
fn what_was_decided_is_said_and_a_rollback_never_without_the_word_that_it_drifts() {
    let scene = Scene::new(Class::AppExit);
    for (verdict, words) in [
        (Verdict::Ask, "deploy was asked to roll the service back to api:1"),
        (Verdict::Ask, "your next apply brings the failed revision again"),
        (Verdict::AskPerson, "What is proposed: a rollback to api:1"),
        (Verdict::AskPerson, "Approve the rollback: aws events put-events"),
        (Verdict::Would, "If the mode allowed it, the service would have been rolled back to api:1"),
        (Verdict::Guarded, "the guards that do not hold are below"),
    ] {
        let text = scene.text(&Occasion::Opened, &verdict);
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    for (occasion, words) in [
        (Occasion::Healed, "healed: it runs well on api:1"),
        (Occasion::Healed, "your next apply"),
        (Occasion::Resolved, "All tasks that are wanted run"),
        (Occasion::HealFailed("1 of 2 tasks run".into()), "is not well: 1 of 2 tasks run"),
        (Occasion::Refused("it is pinned".into()), "did not: it is pinned"),
        (Occasion::Overtaken, "Steward leaves it to them"),
    ] {
        let text = scene.text(&occasion, &Verdict::None);
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
}

#[test]
fn urgent_is_what_loops_or_did_not_help_and_an_end_is_none() {
    use shared::alert::Severity::{Critical, Info, Warning};
    let severity = |class, looping, occasion: Occasion| {
        let mut scene = Scene::new(class);
        scene.incident.looping = looping;
        scene.alert(&occasion, &Verdict::None).severity
    };
    assert_eq!(severity(Class::AppExit, true, Occasion::Opened), Critical);
    assert_eq!(severity(Class::Oom, false, Occasion::Opened), Warning);
    assert_eq!(severity(Class::UnexpectedExit, true, Occasion::Opened), Warning);
    assert_eq!(severity(Class::UnexpectedExit, true, Occasion::HealFailed("x".into())), Critical);
    for end in [Occasion::Healed, Occasion::Resolved, Occasion::Overtaken] {
        assert_eq!(severity(Class::AppExit, true, end), Info);
    }
}

#[test]
fn the_runbook_of_the_team_is_in_every_alert_of_its_service_and_one_incident_is_one_thread() {
    let scene = Scene::new(Class::AppExit);
    for (occasion, verdict) in occasions("x").iter().flat_map(|o| VERDICTS.iter().map(move |v| (o, v))) {
        let alert = scene.alert(occasion, verdict);
        assert_eq!(
            (alert.runbook.as_deref(), alert.thread.as_str()),
            (Some("https://wiki.example.com/api"), "i-0123456789")
        );
        for format in [AlertFormat::Text, AlertFormat::AmazonQ] {
            assert!(alert.message(format).body.contains("https://wiki.example.com/api"), "{occasion:?}");
        }
    }
}

#[test]
fn a_secret_in_what_ecs_says_is_in_no_alert() {
    for reason in ["DATABASE_PASSWORD=correcthorse", "postgres://app:correcthorse@db/shop", "token: correcthorse"] {
        let mut scene = Scene::new(Class::BadStart);
        scene.incident.said = format!("CannotStartContainerError: cannot set {reason}");
        scene.incident.cause = format!("ECS cannot run a task with its configuration: {reason}");
        for (occasion, verdict) in occasions(reason).iter().flat_map(|o| VERDICTS.iter().map(move |v| (o, v))) {
            for format in [AlertFormat::Text, AlertFormat::AmazonQ] {
                let message = scene.alert(occasion, verdict).message(format);
                let shown = format!("{}{}", message.subject, message.body);
                assert!(!shown.contains("correcthorse"), "{occasion:?} {verdict:?} {shown}");
            }
        }
    }
}

#[test]
fn the_digest_of_a_storm_names_all_and_its_end_who_is_not_well_yet() {
    let subjects: BTreeMap<String, Class> = (0..4).map(|n| (format!("shop/s{n}"), Class::AppExit)).collect();
    let storm_of = Storm { since: at(0), last: at(3), subjects, told: 4 };
    let digest = storm("shop", &storm_of, at(3)).message(AlertFormat::Text).body;
    assert!((0..4).all(|n| digest.contains(&format!("shop/s{n}: app-exit"))), "{digest}");
    let subject = crate::board::SubjectKey::Service(arn());
    let entry = |class| Entry { subject: subject.clone(), class, looping: true, told: false };
    let open = [("shop/s0".to_owned(), entry(Some(Class::AppExit))), ("shop/s1".to_owned(), entry(None))].into();
    let over = storm_over("shop", &storm_of, &open, at(20));
    assert_eq!(over.thread, storm("shop", &storm_of, at(3)).thread);
    let lists: Vec<(&str, usize)> = over.sections.iter().map(|s| (s.title.as_str(), s.lines.len())).collect();
    assert_eq!(lists, [("Not well yet", 1), ("Well", 3)]);
}

#[test]
fn tags_that_say_nothing_of_healing_have_it_say_what_it_would_do() {
    assert_eq!(Scene::new(Class::AppExit).tags.heal, HealLevel::DryRun);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_text_however_long_or_strange_exceeds_a_limit(
        text in "(\\PC|&|\n){0,4000}", lines in prop::collection::vec("(\\PC|<|`){0,400}", 0..30), which in 0..14_usize, verdict in 0..5_usize,
    ) {
        let mut scene = Scene::new(Class::AppExit);
        scene.incident.said.clone_from(&text);
        scene.incident.cause.clone_from(&text);
        scene.incident.container = Some(text.chars().take(255).collect());
        scene.evidence.logs = Logs::Lines(lines.clone());
        scene.evidence.difference = Some(Difference { lines: lines.clone(), ..Difference::default() });
        scene.evidence.missing = lines;
        scene.guards = vec![Guard { name: "hold", holds: false, why: text.clone() }; 24];
        let alert = scene.alert(&occasions(&text)[which], &VERDICTS[verdict]);
        for format in [AlertFormat::Text, AlertFormat::AmazonQ] {
            let message = alert.message(format);
            prop_assert!(message.subject.len() < 100 && message.subject.bytes().all(|b| (32..127).contains(&b)));
            prop_assert!(message.body.len() < 240 * 1024);
        }
        let body: serde_json::Value = serde_json::from_str(&alert.message(AlertFormat::AmazonQ).body).unwrap();
        let title = body["content"]["title"].as_str().unwrap();
        prop_assert!(title.chars().count() <= 250 * 5, "{}", title);
        // Escaped characters count once for the reader, and up to five times here.
        let shown = body["content"]["description"].as_str().unwrap();
        let shown = shown.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
        prop_assert!(shown.chars().count() <= 8_000, "{} characters", shown.chars().count());
    }
}
