//! What every end-to-end test needs: the deployed stack in a simulated account, and short ways to ask it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use lab::account::{Account, CallRecord};
use lab::clock::VirtualClock;
use lab::ecr::Build;
use lab::fifo::{Message, Outgoing};
use lab::function::{FunctionError, Invocation};
use lab::sns::Published;
use lab::steward;
use lab::template::Template;
use lab::world::World;
use serde_json::{Value, json};

/// ECR host of the simulated account.
pub(crate) const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// The stack, deployed, with its functions in this process and the sweeps switched off.
pub(crate) struct Stack {
    pub(crate) world: World,
    pub(crate) account: Account,
    template: Arc<Template>,
}

fn template(parameters: &[(&str, &str)]) -> Arc<Template> {
    let parameters: BTreeMap<String, String> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Arc::new(Template::read(include_str!("../../template.yaml"), &parameters).unwrap())
}

impl Stack {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(parameters: &[(&str, &str)]) -> Self {
        let template = template(parameters);
        let account = Account::new(VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap()));
        let mut world = World::new(account.clone(), template.clone());
        steward::attach(&mut world, &template).unwrap();
        world.stop_schedules();
        account.cluster("shop");
        Self { world, account, template }
    }

    /// With a service `backend` that follows `backend:latest`; answers the digest that it runs.
    pub(crate) async fn with_backend() -> (Self, String) {
        let mut stack = Self::new();
        let digest = stack.backend("follow", "latest", &[]).await;
        (stack, digest)
    }

    /// Pushes `backend:TAG` and runs it in a service `backend` of two tasks with a circuit breaker.
    pub(crate) async fn backend(&mut self, policy: &str, tag: &str, tags: &[(&str, &str)]) -> String {
        let digest = self.push(&[tag], "1");
        let service = self.account.service("shop", "backend").image(&format!("backend:{tag}"));
        let service = service.desired(2).breaker(true).tag("steward:deploy", policy);
        tags.iter().fold(service, |service, (key, value)| service.tag(key, value)).running().unwrap();
        self.settle().await;
        assert_eq!((self.running("backend"), self.deployments("backend")), (vec![digest.clone()], 1));
        digest
    }

    /// An update of the stack that changes nothing but parameters.
    pub(crate) fn update(&mut self, parameters: &[(&str, &str)]) {
        self.template = template(parameters);
        steward::attach(&mut self.world, &self.template).unwrap();
    }

    /// Pushes to `backend`.
    pub(crate) fn push(&self, tags: &[&str], build: impl Into<Build>) -> String {
        self.account.push("backend", tags, build).unwrap()
    }

    /// Pushes to `backend`, and ECR sends no event of it.
    pub(crate) fn push_unheard(&self, tags: &[&str], build: impl Into<Build>) -> String {
        let digest = self.push(tags, build);
        self.account.take_events();
        digest
    }

    /// Lets everything that is under way come to its end.
    pub(crate) async fn settle(&mut self) {
        self.world.run_for(SignedDuration::from_mins(20)).await.unwrap();
    }

    /// Emits a sweep and lets it run, and what it started.
    pub(crate) async fn sweep(&mut self) {
        let sweep = include_str!("../../events/sweep.json");
        self.direct(&serde_json::from_str(sweep).unwrap()).await;
        self.settle().await;
    }

    /// Sends a message to the function's queue, as a rule or schedule would.
    pub(crate) async fn direct(&mut self, event: &Value) {
        let mut event = event.clone();
        event["id"] = format!("direct-{}", self.world.now().as_nanosecond()).into();
        self.enqueue(&event.to_string());
        self.world.run_for(SignedDuration::from_secs(1)).await.unwrap();
    }

    /// Puts a text into the function's queue.
    pub(crate) fn enqueue(&mut self, body: &str) {
        let queue = self.world.queue("DeployQueue").unwrap().name.clone();
        let message = Outgoing { body: body.to_owned(), group: Some("deploy".into()), ..Outgoing::default() };
        self.world.queues().send(&queue, self.world.now(), message).unwrap().unwrap();
    }

    /// Invokes the function with a raw event, past all queues: its report.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<Value, FunctionError> {
        let spec = self.template.function(steward::DEPLOY).unwrap();
        let mut function = steward::deploy(&self.account, spec);
        let deadline = self.world.now() + spec.timeout;
        let invocation = Invocation { id: "1".into(), payload: event.clone(), timeout: spec.timeout, deadline };
        function.invoke(invocation).await
    }

    /// The decision about each service that an event leads to, as `NAME WORD`.
    pub(crate) async fn decisions(&self, event: &Value) -> Vec<String> {
        let report = self.invoke(event).await.unwrap();
        let decisions = report["decisions"].as_array().unwrap().iter();
        decisions.map(|one| format!("{} {}", text(&one["subject"]), text(&one["decision"]))).collect()
    }

    pub(crate) fn running(&self, service: &str) -> Vec<String> {
        self.account.running("shop", service)
    }

    pub(crate) fn deployments(&self, service: &str) -> usize {
        self.account.deployments("shop", service)
    }

    pub(crate) fn alerts(&self) -> Vec<Published> {
        self.world.sns().published()
    }

    /// The alerts of one function.
    pub(crate) fn alerts_by(&self, function: &str) -> Vec<Published> {
        self.alerts().into_iter().filter(|alert| alert.attributes["function"] == function).collect()
    }

    /// Subjects of all alerts of this kind.
    pub(crate) fn alerts_of(&self, kind: &str) -> Vec<String> {
        let of_kind = |alert: &Published| alert.attributes.get("kind").is_some_and(|value| value.contains(kind));
        self.alerts().into_iter().filter(of_kind).map(|alert| alert.subject.unwrap_or_default()).collect()
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        self.account.calls()
    }

    /// Calls of one function, by its logical id, since `from` calls had been made.
    pub(crate) fn calls_of(&self, function: &str, from: usize) -> Vec<CallRecord> {
        let name = &self.template.function(function).unwrap().name;
        let calls = self.calls().into_iter().skip(from);
        calls.filter(|record| record.call.caller == *name).collect()
    }

    /// Operations that `deploy` called on ECS, ECR and the tagging API since `from` calls had been made, in order.
    pub(crate) fn operations_since(&self, from: usize) -> Vec<String> {
        let control = |service: &str| matches!(service, "ecs" | "ecr" | "tagging");
        let calls = self.calls_of(steward::DEPLOY, from).into_iter();
        calls.filter(|record| control(&record.call.service)).map(|record| record.call.operation).collect()
    }

    /// Inputs of all calls of an operation.
    pub(crate) fn inputs(&self, operation: &str) -> Vec<Value> {
        self.calls().into_iter().filter(|c| c.call.operation == operation).map(|c| c.call.input).collect()
    }

    /// Calls that change anything in ECS.
    pub(crate) fn writes(&self) -> usize {
        let writes = ["UpdateService", "RegisterTaskDefinition"];
        self.calls().iter().filter(|record| writes.contains(&record.call.operation.as_str())).count()
    }

    /// What the function gave up on.
    pub(crate) fn dead(&self) -> Vec<Message> {
        self.world.queues().messages(&self.world.queue("DeployDeadLetterQueue").unwrap().name)
    }

    /// What waits or is in flight.
    pub(crate) fn waiting(&self) -> usize {
        self.world.queues().messages(&self.world.queue("DeployQueue").unwrap().name).len()
    }

    /// The task definition that a service has now, as ECS describes it.
    pub(crate) fn definition(&self, service: &str) -> Value {
        let input = json!({ "taskDefinition": self.service(service)["taskDefinition"], "include": ["TAGS"] });
        self.account.ecs("DescribeTaskDefinition", input).unwrap()
    }

    /// A service, as ECS describes it.
    pub(crate) fn service(&self, service: &str) -> Value {
        let input = json!({ "cluster": "shop", "services": [service], "include": ["TAGS"] });
        self.account.ecs("DescribeServices", input).unwrap()["services"][0].clone()
    }

    /// Somebody else updates a service.
    pub(crate) fn meddle(&self, service: &str, changes: &Value) {
        let mut input = json!({ "cluster": "shop", "service": service });
        input.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.account.ecs("UpdateService", input).unwrap();
    }

    /// Somebody tags a service, or takes a tag away.
    pub(crate) fn retag(&self, service: &str, key: &str, value: Option<&str>) {
        let arn = self.service(service)["serviceArn"].clone();
        match value {
            Some(value) => {
                let tags = json!([{ "key": key, "value": value }]);
                self.account.ecs("TagResource", json!({ "resourceArn": arn, "tags": tags })).unwrap()
            }
            None => self.account.ecs("UntagResource", json!({ "resourceArn": arn, "tagKeys": [key] })).unwrap(),
        };
    }
}

/// ARN of a service of the cluster `shop`.
pub(crate) fn arn(service: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:service/shop/{service}")
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An event as it is in `events/`, with another detail.
pub(crate) fn event(source: &str, kind: &str, detail: &Value) -> Value {
    json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467700", "detail-type": kind, "source": source,
        "account": "123456789012", "time": "2026-11-20T09:14:07Z", "region": "eu-west-1", "resources": [],
        "detail": detail,
    })
}

/// A successful push of a tag to `backend`, as ECR tells it.
pub(crate) fn pushed(tag: &str) -> Value {
    let detail = json!({
        "action-type": "PUSH", "result": "SUCCESS", "repository-name": "backend", "image-tag": tag,
        "image-digest": "sha256:4f0c1e2d3b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "manifest-media-type": "application/vnd.oci.image.index.v1+json",
    });
    event("aws.ecr", "ECR Image Action", &detail)
}

pub(crate) fn requested(detail: &Value) -> Value {
    event("steward", "Deploy Requested", detail)
}
