//! Scenes for `heal`: a service with a good release and a newer one, and what people were told since.

use jiff::SignedDuration;
use lab::account::CallRecord;
use lab::ecs::Behaviour;
use lab::fifo::Outgoing;
use lab::sns::Published;
use serde_json::{Value, json};

use crate::support::{Stack, arn, event};

/// Log group of the services of these scenes.
pub(crate) const LOGS: &str = "/shop";

/// An alert of `heal`.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) severity: String,
    /// What it is about.
    pub(crate) about: String,
    pub(crate) title: String,
    pub(crate) message: String,
}

impl Told {
    /// A value of its list of facts.
    pub(crate) fn fact(&self, name: &str) -> &str {
        let line = self.message.lines().find_map(|line| line.strip_prefix("  ")?.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_default().trim()
    }

    fn of(alert: &Published) -> Self {
        let attribute = |name: &str| alert.attributes[name].clone();
        Self {
            kind: attribute("kind"),
            severity: attribute("severity"),
            about: attribute("subject"),
            title: alert.subject.clone().unwrap_or_default(),
            message: alert.message.clone(),
        }
    }
}

impl Stack {
    /// A stack in which healing may go so far, with `heal`'s own sweep switched on.
    pub(crate) fn healing(mode: &str) -> Self {
        let stack = Self::with(&[("HealMode", mode)]);
        stack.swept()
    }

    fn swept(mut self) -> Self {
        assert!(self.world.switch_schedule("HealSweepSchedule", true));
        self
    }

    /// Lets minutes pass.
    pub(crate) async fn minutes(&mut self, minutes: i64) {
        self.world.run_for(SignedDuration::from_mins(minutes)).await.unwrap();
    }

    /// A service of two tasks with a circuit breaker and logs, that runs `NAME:1.0.0` well. Answers the digest.
    pub(crate) async fn well(&mut self, name: &str, tags: &[(&str, &str)]) -> String {
        let digest = self.account.push(name, &["1.0.0"], format!("{name} 1").as_str()).unwrap();
        let service = self.account.service("shop", name).image(&format!("{name}:1.0.0")).logs(LOGS, name);
        let service = service.desired(2).breaker(true);
        tags.iter().fold(service, |service, (key, value)| service.tag(key, value)).running().unwrap();
        self.minutes(20).await;
        digest
    }

    /// Deploys `NAME:1.1.0` as a pipeline would; its tasks behave so. Answers the digest.
    pub(crate) async fn release(&mut self, name: &str, behaviour: Behaviour) -> String {
        let digest = self.account.push(name, &["1.1.0"], format!("{name} 2").as_str()).unwrap();
        self.account.script(&digest, behaviour);
        let image = format!("{}/{name}:1.1.0", crate::support::HOST);
        self.account
            .revise("shop", name, |revision| revision["containerDefinitions"][0]["image"] = json!(image))
            .unwrap();
        self.minutes(4).await;
        digest
    }

    /// A service with a good release, and a newer one whose tasks crash five minutes after their start: long after ECS has
    /// called the rollout a success. Answers both digests.
    pub(crate) async fn crash_loop(&mut self, name: &str, heal: &str) -> [String; 2] {
        let old = self.well(name, &[("steward:heal", heal)]).await;
        let new = self.release(name, crash(1, 5)).await;
        assert_eq!(self.account.deployment_statuses("shop", name), ["SUCCESSFUL", "SUCCESSFUL"]);
        [old, new]
    }

    /// What `heal` told, oldest first.
    pub(crate) fn told(&self) -> Vec<Told> {
        let alerts = self.alerts();
        alerts.iter().filter(|alert| alert.attributes["function"] == "heal").map(Told::of).collect()
    }

    /// What `heal` told, in short: `KIND SUBJECT`.
    pub(crate) fn told_kinds(&self) -> Vec<String> {
        self.told().iter().map(|told| format!("{} {}", told.kind, told.about)).collect()
    }

    /// Every call of `heal` since `from` calls had been made.
    pub(crate) fn calls_of_heal(&self, from: usize) -> Vec<CallRecord> {
        self.calls_of(lab::steward::HEAL, from)
    }

    /// Sends an event to the bus, as a person or another function would.
    pub(crate) fn say(&mut self, kind: &str, detail: &Value) {
        let mut event = event("steward", kind, detail);
        event["id"] = format!("said-{}-{kind}", self.world.now().as_nanosecond()).into();
        event["time"] = self.world.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        self.world.emit(&event);
    }

    /// Sends a message straight to `heal`'s queue.
    pub(crate) fn send_heal(&mut self, body: &str) {
        let queue = self.world.queue("HealQueue").unwrap().name.clone();
        let message = Outgoing { body: body.to_owned(), group: Some("heal".into()), ..Outgoing::default() };
        self.world.queues().send(&queue, self.world.now(), message).unwrap().unwrap();
    }

    /// What `heal` remembers of a service.
    pub(crate) fn watch(&self, service: &str) -> Value {
        self.kept(&format!("SERVICE#{}", arn(service)), "INCIDENT")
    }

    /// What is kept in an item of the state table.
    pub(crate) fn kept(&self, partition: &str, sort: &str) -> Value {
        let items = self.world.dynamodb().items(&self.world.template().tables[0].name);
        let found = items.iter().find(|item| item["pk"]["S"] == partition && item["sk"]["S"] == sort);
        found.map_or(Value::Null, |item| serde_json::from_str(item["data"]["S"].as_str().unwrap()).unwrap())
    }

    /// How many messages `heal` gave up on.
    pub(crate) fn dead_of_heal(&self) -> usize {
        self.world.queues().messages(&self.world.queue("HealDeadLetterQueue").unwrap().name).len()
    }
}

/// Tasks that end with this exit code so many minutes after they began to run.
pub(crate) fn crash(exit_code: i64, minutes: i64) -> Behaviour {
    Behaviour::CrashAfterRunning { exit_code, after: SignedDuration::from_mins(minutes) }
}
