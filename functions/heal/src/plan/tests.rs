//! Decisions by value: a service with its memory, the news of it one after the other, and what people hear.

mod guards;
mod heals;
mod incidents;
mod order;
mod quiet;
mod rollouts;
mod storms;

use std::collections::BTreeMap;

use shared::alert::Alert;
use shared::arn::{ServiceArn, TaskDefinitionArn};
use shared::event::ecs::DeploymentEvent;
use shared::event::steward::{
    MuteRequested, Muted, OwnEvent, RollbackAnswered, RollbackApproved, RollbackOutcome, RollbackRequested,
};
use shared::mute::Mutes;
use shared::state::Versioned;

use super::*;
use crate::classify::{Finding, Part};
use crate::observe::model::{Deployment, Difference, Target};
use crate::observe::{Breaker, Evidence, Images, Logs, Service};
use crate::trigger::StoppedTask;
use crate::watch::{HealOutcome, Outgoing};

/// The deployment that ECS works towards.
const PRIMARY: &str = "ecs-svc/2";
/// The one that a rollback makes.
const BACK: &str = "ecs-svc/3";

/// So many minutes after the scene begins.
fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
}

fn arn(name: &str) -> ServiceArn {
    format!("arn:aws:ecs:eu-west-1:123456789012:service/shop/{name}").parse().unwrap()
}

fn revision(n: u8) -> TaskDefinitionArn {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:{n}").parse().unwrap()
}

fn deployment(id: &str, n: u8, created: i64) -> Deployment {
    Deployment {
        id: id.to_owned(),
        is_primary: true,
        is_completed: true,
        is_failed: false,
        created: Some(at(created)),
        task_definition: Some(revision(n)),
    }
}

/// A task that stopped in this minute, of the primary deployment.
fn stopped(task: &str, class: Class, minute: i64) -> StoppedTask {
    StoppedTask {
        task: format!("arn:aws:ecs:eu-west-1:123456789012:task/shop/{task}").parse().unwrap(),
        deployment: Some(PRIMARY.to_owned()),
        at: at(minute),
        finding: Finding { class, cause: format!("it broke by {}", class.word()), container: Some("api".to_owned()) },
        said: "Essential container in task exited".to_owned(),
    }
}

fn mute(service: Option<&str>, minutes: u32, what: Muted) -> MuteRequested {
    let service = service.map(arn);
    MuteRequested { all: service.is_none(), service, minutes, what, why: "load test".into(), requested_by: None }
}

/// The service `shop/api`: two tasks of `api:2`, deployed five minutes before the scene, after `api:1` that was good.
/// Healing is `auto`, and every guard but the loop holds.
#[derive(Clone)]
struct Scene {
    subject: Subject,
    service: Option<Service>,
    newest: Option<StoppedTask>,
    evidence: Evidence,
    watch: Watch,
    board: Board,
    ledger: Ledger,
    mutes: Mutes,
    settings: Settings<'static>,
    now: Timestamp,
    /// How much was heard.
    events: usize,
    /// Kinds of all that people were told, in order.
    heard: Vec<String>,
}

/// What came of one piece of news.
struct Turn {
    plan: Plan,
    sent: Vec<Outgoing>,
}

impl Scene {
    fn new() -> Self {
        Self::of("api")
    }

    fn of(name: &str) -> Self {
        let service = Service {
            arn: arn(name),
            tags: vec![("steward:heal".into(), "auto".into())],
            is_active: true,
            is_rolling: true,
            breaker: Breaker::Off,
            desired: 2,
            running: 2,
            deployments: vec![deployment(PRIMARY, 2, -5)],
            revisions: Vec::new(),
        };
        let target = Target { task_definition: revision(1), created: None, is_active: true, images: BTreeMap::new() };
        let difference = Difference { lines: vec!["image: 1.0 -> 2.0".into()], parts: [Part::Image].into() };
        let evidence = Evidence {
            target: Some(target),
            difference: Some(difference),
            logs: Logs::Lines(vec!["panicked at src/main.rs".into()]),
            images: Images::Held,
            missing: Vec::new(),
        };
        Self {
            subject: Subject::Service(arn(name)),
            service: Some(service),
            newest: None,
            evidence,
            watch: Watch::default(),
            board: Board::default(),
            ledger: Ledger::default(),
            mutes: Mutes::default(),
            settings: Settings { function: Some("steward-heal"), dry_run: false, mode: HealLevel::Auto, rollout_timeout: Duration::from_mins(30) },
            now: at(0),
            events: 0,
            heard: Vec::new(),
        }
    }

    /// One that is only told about.
    fn watched() -> Self {
        let mut scene = Self::new();
        scene.tag("steward:heal", "dry-run");
        scene
    }

    fn job() -> Self {
        let cluster = arn("api").cluster_arn();
        Self { subject: Subject::Job(cluster, "family:report".into()), service: None, ..Self::new() }
    }

    fn service(&mut self) -> &mut Service {
        self.service.as_mut().unwrap()
    }

    fn primary(&mut self) -> &mut Deployment {
        self.service().deployments.first_mut().unwrap()
    }

    fn tag(&mut self, key: &str, value: &str) {
        self.service().tags.retain(|(known, _)| known != key);
        self.service().tags.push((key.to_owned(), value.to_owned()));
    }

    fn incident(&self) -> &crate::watch::Incident {
        self.watch.incident.as_ref().unwrap()
    }

    /// Takes one piece of news in this minute, and writes down what came of it as `apply` does.
    fn hear(&mut self, minute: i64, news: &News) -> Turn {
        self.now = at(minute);
        self.events += 1;
        let seen = Seen {
            service: self.service.clone(),
            watch: Versioned { item: self.watch.clone(), version: 0 },
            board: Versioned { item: self.board.clone(), version: 0 },
            ledger: Versioned { item: self.ledger.clone(), version: 0 },
            mutes: self.mutes.clone(),
            newest: self.newest.clone(),
        };
        let step = attend(self.settings, &format!("event-{}", self.events), &self.subject, news, &seen, self.now);
        let evidence = if step.needs_evidence() { self.evidence.clone() } else { Evidence::default() };
        let plan = conclude(self.settings, &self.subject, &seen, step, &evidence, self.now);
        let mut sent = Vec::new();
        if let Some(mut board) = plan.board.clone() {
            sent.append(&mut board.outbox);
            self.board = board;
        }
        if let Some(ledger) = plan.ledger.clone() {
            self.ledger = ledger;
        }
        if let Some(mut watch) = plan.watch.clone() {
            sent.append(&mut watch.outbox);
            self.watch = watch;
        }
        let turn = Turn { plan, sent };
        self.heard.extend(turn.alerts().map(|alert| alert.kind.clone()));
        turn
    }

    fn look(&mut self, minute: i64) -> Turn {
        self.hear(minute, &News::Look)
    }

    /// A task stops and is heard of in the same minute.
    fn stop(&mut self, class: Class, minute: i64) -> Turn {
        let task = format!("task-{}-{minute}", class.word());
        self.hear(minute, &News::Stopped(stopped(&task, class, minute)))
    }

    /// Three stops in minutes 0, 1 and 2; what came of the last.
    fn looping(&mut self, class: Class) -> Turn {
        self.stop(class, 0);
        self.stop(class, 1);
        self.stop(class, 2)
    }

    /// The service is on its way back, or there.
    fn roll_back(&mut self, minute: i64) {
        self.service().deployments = vec![deployment(BACK, 1, minute)];
    }

    fn mute(&mut self, request: &MuteRequested, minute: i64) {
        self.mutes.request(request, at(minute));
    }
}

impl Turn {
    fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.sent.iter().filter_map(|sent| match sent {
            Outgoing::Alert(alert) => Some(&**alert),
            _ => None,
        })
    }

    /// The one alert.
    fn alert(&self) -> &Alert {
        let alerts: Vec<&Alert> = self.alerts().collect();
        assert_eq!(alerts.len(), 1, "{} {}", self.plan.word, self.plan.reason);
        alerts[0]
    }

    fn requests(&self) -> Vec<&RollbackRequested> {
        let requests = self.sent.iter().filter_map(|sent| match sent {
            Outgoing::Event(OwnEvent::RollbackRequested(request)) => Some(request),
            _ => None,
        });
        requests.collect()
    }

    fn failing(&self) -> Vec<&'static str> {
        self.plan.guards.iter().filter(|guard| !guard.holds).map(|guard| guard.name).collect()
    }
}
