//! The stage: the deployed stack with the real binaries behind their queues, and the moves that the story is made of.

mod pipeline;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use lab::account::Account;
use lab::clock::VirtualClock;
use lab::ecr::Build;
use lab::fifo::Outgoing;
use lab::function::{Function, Invocation, Running};
use lab::process::{ColdStart, Process};
use lab::server::Server;
use lab::template::Template;
use lab::wire::ApiError;
use lab::world::{Step, World};
use serde_json::{Value, json};

use crate::cast;
use crate::ledger::Ledger;
use crate::page::{Line, Look, Page};
use crate::timeline::Timeline;

/// What the demo answers where the lab does not do as it is told: that is a bug, not a failed expectation.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Longest time that a rollout is waited for.
const PATIENCE: SignedDuration = SignedDuration::from_mins(60);

/// Everything that the story is played with.
pub(crate) struct Stage {
    pub(crate) page: Page,
    /// Since the act began.
    pub(crate) ledger: Ledger,
    /// Of the acts before.
    pub(crate) past: Vec<Ledger>,
    pub(crate) account: Account,
    world: World,
    server: Server,
    binaries: PathBuf,
    timeline: Timeline,
    steps: Rc<RefCell<Vec<(Timestamp, Step)>>>,
    pub(crate) cold_starts: SharedStarts,
    /// Tasks that have logged what they log.
    logged: BTreeSet<String>,
    /// Deployments of each service when the act began.
    before: BTreeMap<&'static str, usize>,
}

/// Every start of each binary.
type ColdStarts = BTreeMap<String, Vec<ColdStart>>;

/// Starts that several processes write down.
pub(crate) type SharedStarts = Rc<RefCell<ColdStarts>>;

/// A binary; keeps how long its starts took.
pub(crate) struct Timed {
    name: String,
    process: Process,
    /// How many of the process's starts are kept already.
    kept: usize,
    cold_starts: SharedStarts,
}

impl Timed {
    pub(crate) fn new(name: &str, process: Process, cold_starts: &SharedStarts) -> Self {
        Self { name: name.to_owned(), process, kept: 0, cold_starts: Rc::clone(cold_starts) }
    }
}

impl Function for Timed {
    fn invoke(&mut self, invocation: Invocation) -> Running<'_> {
        Box::pin(async move {
            let result = self.process.invoke(invocation).await;
            let starts = self.process.cold_starts();
            let mut cold_starts = self.cold_starts.borrow_mut();
            cold_starts.entry(self.name.clone()).or_default().extend(starts.iter().skip(self.kept));
            self.kept = starts.len();
            result
        })
    }

    fn take_log(&mut self) -> Vec<String> {
        self.process.take_log()
    }
}

impl Stage {
    /// Deploys the stack at `now` with the binaries of `folder`, and lets the cast enter.
    pub(crate) async fn set(now: Timestamp, binaries: &Path) -> Result<Self> {
        let account = Account::new(VirtualClock::starting_at(now));
        cast::enter(&account)?;
        let server = Server::start(account.clone(), ([127, 0, 0, 1], 0).into()).await?;
        let mut world = World::new(account.clone(), Arc::new(template(&[])?));
        let steps = Rc::<RefCell<Vec<(Timestamp, Step)>>>::default();
        let seen = Rc::clone(&steps);
        world.observe(Box::new(move |at, step| seen.borrow_mut().push((at, step.clone()))));
        let mut stage = Self {
            page: Page::new(account.clock().now()),
            ledger: Ledger::default(),
            past: Vec::new(),
            account,
            world,
            server,
            binaries: binaries.to_owned(),
            timeline: Timeline::default(),
            steps,
            cold_starts: Rc::default(),
            logged: BTreeSet::new(),
            before: BTreeMap::new(),
        };
        stage.update_stack(&[])?;
        Ok(stage)
    }

    /// A stack update that changes parameters and nothing else: the functions start anew with other variables.
    pub(crate) fn update_stack(&mut self, parameters: &[(&str, &str)]) -> Result<()> {
        for spec in &template(parameters)?.functions {
            let process = Process::new(&self.account, spec, &self.binaries, &self.server.endpoint());
            self.world.attach(&spec.id, Box::new(Timed::new(&spec.binary, process, &self.cold_starts)));
        }
        Ok(())
    }

    /// Begins an act.
    pub(crate) fn act(&mut self, title: &str, what: &str) {
        self.page.act(self.world.now(), None, title, what);
        self.past.push(std::mem::take(&mut self.ledger));
        self.timeline.pause(&self.page, &self.ledger);
        self.before = cast::all().map(|member| (member.name, self.deployments(member.name))).collect();
    }

    /// Pushes an image as a build does, and lets the function see it.
    pub(crate) async fn push(&mut self, repository: &str, tags: &[&str], build: Build) -> Result<String> {
        let at = self.world.now();
        let digest = answered(self.account.push(repository, tags, build))?;
        self.world.come_to_rest().await?;
        let steps = self.take_steps();
        // The line of the push comes first, and says what became of its events.
        let image =
            |step: &Step| matches!(step, Step::Event { event, .. } if event["detail-type"] == "ECR Image Action");
        let sent = |step: &Step| matches!(step, Step::Sent { from, .. } if from == "DeployImagePushedRule");
        let events = steps.iter().filter(|(_, step)| image(step)).count();
        let messages = steps.iter().filter(|(_, step)| sent(step)).count();
        let named = if tags.is_empty() {
            "pushed without a tag".to_owned()
        } else {
            format!("pushed as {}", tags.iter().map(|tag| shortened(tag)).collect::<Vec<_>>().join(", "))
        };
        let text = format!(
            "{named}: {} sent, {messages} {} the rule",
            counted(events, "event"),
            if messages == 1 { "passes" } else { "pass" }
        );
        self.page.line(&Line {
            at,
            who: "ECR",
            subject: repository,
            digest: short(&digest),
            text: &text,
            look: Look::Plain,
        });
        self.tell(steps);
        Ok(digest)
    }

    /// Lets rollouts come to their end, and their outcome be told.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        let end = self.world.now() + PATIENCE;
        loop {
            self.run_for(SignedDuration::from_secs(5)).await?;
            if self.account.is_steady() {
                return Ok(());
            }
            if self.world.now() > end {
                return Err(format!("no end within {PATIENCE:#}").into());
            }
        }
    }

    /// Runs until the schedule has fired once more and the sweep is done.
    pub(crate) async fn next_sweep(&mut self) -> Result<()> {
        let before = self.sweeps();
        for _ in 0..70 {
            self.run_for(SignedDuration::from_secs(5)).await?;
            if self.sweeps() > before {
                return Ok(());
            }
        }
        Err("the schedule fired no sweep within its five minutes".into())
    }

    /// Sweeps of deploy since the act began; heal sweeps at the same times.
    pub(crate) fn sweeps(&self) -> usize {
        self.ledger.works.iter().filter(|work| work.function == "deploy" && work.trigger() == "sweep").count()
    }

    /// Lets time pass.
    pub(crate) async fn run_for(&mut self, duration: SignedDuration) -> Result<()> {
        self.world.run_for(duration).await?;
        let steps = self.take_steps();
        self.tell(steps);
        Ok(())
    }

    /// Puts an event on the bus, as a person or another service would.
    pub(crate) async fn emit(&mut self, event: &Value) -> Result<()> {
        self.world.emit(event);
        self.run_for(SignedDuration::ZERO).await
    }

    /// Puts Steward's own event on the bus.
    pub(crate) async fn request(&mut self, id: &str, detail: &Value) -> Result<()> {
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": "Deploy Requested",
            "source": "steward",
            "account": lab::context::ACCOUNT_ID,
            "time": self.world.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": lab::context::REGION,
            "resources": [],
            "detail": detail,
        });
        self.emit(&event).await
    }

    /// Puts a message straight into the function's queue, past every rule.
    pub(crate) fn enqueue(&mut self, body: &str) -> Result<()> {
        let now = self.world.now();
        let queue = self.world.queue("DeployQueue").ok_or("the template has no DeployQueue")?.name.clone();
        let message = Outgoing { body: body.to_owned(), group: Some("deploy".to_owned()), ..Outgoing::default() };
        match self.world.queues().send(&queue, now, message) {
            Some(Ok(_)) => Ok(()),
            refused => Err(format!("the queue refuses: {refused:?}").into()),
        }
    }

    /// The reasons of the messages in the function's dead-letter queue; empty for one without.
    pub(crate) fn dead_letters(&self) -> Vec<String> {
        let queue = self.world.queue("DeployDeadLetterQueue").map_or("", |queue| queue.name.as_str());
        let messages = self.world.queues().messages(queue).into_iter();
        let reason =
            |attributes: Value| attributes["StewardReason"]["StringValue"].as_str().unwrap_or_default().to_owned();
        messages.map(|message| reason(message.attributes)).collect()
    }

    /// Something that a person does to the account.
    pub(crate) fn person(&mut self, service: &str, does: &str, operation: &str, input: Value) -> Result<Value> {
        self.aside("person", service, does);
        answered(self.account.ecs(operation, input))
    }

    /// Something that is only told.
    pub(crate) fn aside(&mut self, who: &str, service: &str, does: &str) {
        let at = self.world.now();
        self.page.chronicle.aside(at, who, service, does);
        self.page.line(&Line { at, who, subject: service, digest: "", text: does, look: Look::Bold });
    }

    /// The images that the service's task definition names, in order.
    pub(crate) fn images(&self, service: &str) -> Result<Vec<String>> {
        let (cluster, name) = service.split_once('/').unwrap_or_default();
        let described = self.account.ecs("DescribeServices", json!({"cluster": cluster, "services": [name]}));
        let revision = &answered(described)?["services"][0]["taskDefinition"];
        let described = answered(self.account.ecs("DescribeTaskDefinition", json!({"taskDefinition": revision})))?;
        let containers = described["taskDefinition"]["containerDefinitions"].as_array().into_iter().flatten();
        Ok(containers.filter_map(|container| container["image"].as_str().map(str::to_owned)).collect())
    }

    /// An expectation.
    pub(crate) fn check(&mut self, met: bool, text: &str) {
        self.page.check(met, text);
    }

    /// Whether these services got exactly one deployment since the act began, and no other got any.
    pub(crate) fn only(&self, rolled: &[&str]) -> bool {
        cast::all().all(|member| self.new_deployments(member.name) == usize::from(rolled.contains(&member.name)))
    }

    /// Deployments since the act began.
    pub(crate) fn new_deployments(&self, service: &str) -> usize {
        self.deployments(service) - self.before.get(service).copied().unwrap_or_default()
    }

    /// All deployments so far.
    pub(crate) fn deployments(&self, service: &str) -> usize {
        let (cluster, service) = service.split_once('/').unwrap_or_default();
        self.account.deployments(cluster, service)
    }

    /// Whether a container of the service's tasks runs this digest, and no other of the same repository.
    pub(crate) fn runs(&self, service: &str, digest: &str) -> bool {
        self.running(service) == digest
    }

    /// The digest that the service's own container runs; sidecars aside.
    pub(crate) fn running(&self, service: &str) -> String {
        let (cluster, service) = service.split_once('/').unwrap_or_default();
        let proxy = self.account.digest(cast::PROXY, "1.2.0");
        let running = self.account.running(cluster, service);
        running.into_iter().filter(|digest| Some(digest) != proxy.as_ref()).collect::<Vec<_>>().join(" ")
    }

    /// Simulated time.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.now()
    }

    fn take_steps(&self) -> Vec<(Timestamp, Step)> {
        std::mem::take(&mut *self.steps.borrow_mut())
    }

    fn tell(&mut self, steps: Vec<(Timestamp, Step)>) {
        for (at, step) in steps {
            self.page.chronicle.see(at, &step);
            self.timeline.tell(at, &step, &self.page, &mut self.ledger);
        }
        self.timeline.pause(&self.page, &self.ledger);
    }
}

/// The stack's template. Healing is allowed as far as each service's own tag does.
pub(crate) fn template(parameters: &[(&str, &str)]) -> Result<Template> {
    let parameters = [("HealMode", "auto")].iter().chain(parameters);
    let parameters = parameters.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ok(Template::read(include_str!("../../../template.yaml"), &parameters)?)
}

/// An answer of the account; its error in words.
pub(crate) fn answered<T>(answer: std::result::Result<T, ApiError>) -> Result<T> {
    answer.map_err(|error| format!("{}: {}", error.code, error.message).into())
}

/// ARN of `cluster/service`.
pub(crate) fn service_arn(service: &str) -> String {
    format!("arn:aws:ecs:{}:{}:service/{service}", lab::context::REGION, lab::context::ACCOUNT_ID)
}

/// The first twelve digits of a digest.
pub(crate) fn short(digest: &str) -> &str {
    digest.trim_start_matches("sha256:").get(..12).unwrap_or_default()
}

/// A tag that fits on a line: of a signature's, the beginning and the end.
pub(crate) fn shortened(tag: &str) -> String {
    match (tag.get(..16), tag.get(tag.len().saturating_sub(4)..)) {
        (Some(head), Some(tail)) if tag.len() > 40 => format!("{head}...{tail}"),
        _ => tag.to_owned(),
    }
}

/// `1 event`, `2 events`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
