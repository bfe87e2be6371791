//! What every end-to-end test needs: the deployed stack in a simulated account, and short ways to ask it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use lab::account::Account;
use lab::clock::VirtualClock;
use lab::sns::Published;
use lab::steward;
use lab::template::Template;
use lab::world::World;
use serde_json::Value;

/// ECR host of the simulated account.
pub const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// The stack, deployed, with `deploy` in this process and its sweep switched off.
pub struct Stack {
    pub world: World,
    pub account: Account,
}

impl Stack {
    pub fn new() -> Self {
        Self::with(&[])
    }

    pub fn with(parameters: &[(&str, &str)]) -> Self {
        let parameters: BTreeMap<String, String> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let text = include_str!("../../template.yaml");
        let template = Arc::new(Template::read(text, &parameters).unwrap());
        let account = Account::new(VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap()));
        let mut world = World::new(account.clone(), template.clone());
        world.attach(steward::DEPLOY, steward::deploy(&account, template.function(steward::DEPLOY).unwrap()));
        world.stop_schedules();
        account.cluster("shop");
        Self { world, account }
    }

    /// Lets everything that is under way come to its end.
    pub async fn settle(&mut self) {
        self.world.run_for(SignedDuration::from_mins(20)).await.unwrap();
    }

    /// Emits a sweep and lets it run.
    pub async fn sweep(&mut self) {
        let sweep = include_str!("../../events/sweep.json");
        self.direct(&serde_json::from_str(sweep).unwrap()).await;
    }

    /// Sends a message to the function's queue, as a rule or schedule would.
    pub async fn direct(&mut self, event: &Value) {
        let now = self.world.now();
        let queue = self.world.queue("DeployQueue").unwrap().name.clone();
        let mut event = event.clone();
        event["id"] = format!("direct-{}", now.as_nanosecond()).into();
        let message = lab::fifo::Outgoing { group: Some("deploy".into()), ..lab::fifo::Outgoing::new(event.to_string()) };
        self.world.queues().send(&queue, now, message).unwrap().unwrap();
        self.world.run_for(SignedDuration::from_secs(1)).await.unwrap();
    }

    pub fn running(&self, service: &str) -> Vec<String> {
        self.account.running("shop", service)
    }

    pub fn deployments(&self, service: &str) -> usize {
        self.account.deployments("shop", service)
    }

    pub fn alerts(&self) -> Vec<Published> {
        self.world.sns().published()
    }

    /// Subjects of all alerts of this kind.
    pub fn alerts_of(&self, kind: &str) -> Vec<String> {
        let of_kind = |alert: &Published| alert.attributes.get("kind").is_some_and(|value| value.contains(kind));
        self.alerts().into_iter().filter(of_kind).map(|alert| alert.subject.unwrap_or_default()).collect()
    }

    /// Operations that were called on ECS, ECR and the tagging API, in order.
    pub fn operations(&self) -> Vec<String> {
        let control = |service: &str| matches!(service, "ecs" | "ecr" | "tagging");
        self.account.calls().into_iter().filter(|c| control(&c.service)).map(|c| c.operation).collect()
    }
}
