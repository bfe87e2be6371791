//! The role of `deploy` in `template.yaml` against the calls that the real function makes, both ways; and what must never
//! leave the function by any way out.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use lab::ecs::Behaviour;
use lab::faults::Fault;
use lab::steward::DEPLOY;
use serde_json::{Value, json};
use shared::telemetry::JsonLines;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{HOST, Stack, arn, event, pushed, requested};

/// What Lambda itself does in the function's name, or what is not a call: receiving messages, writing logs and traces,
/// passing roles.
const OF_THE_PLATFORM: [&str; 8] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "iam:PassRole",
];

/// Asked of IAM beside the call `RegisterTaskDefinition`, when that carries tags.
const OF_TAGGED_REGISTRATION: &str = "ecs:TagResource";

/// The policies of a role.
fn role(id: &str) -> Value {
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(include_str!("../../template.yaml")).unwrap();
    let role = &template["Resources"][id]["Properties"]["Policies"];
    serde_json::to_value(untagged(role.clone())).unwrap()
}

/// The short forms of CloudFormation's functions as plain values: what they resolve to does not matter here.
fn untagged(value: serde_yaml_ng::Value) -> serde_yaml_ng::Value {
    use serde_yaml_ng::Value;
    match value {
        Value::Tagged(tagged) => untagged(tagged.value),
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(untagged).collect()),
        Value::Mapping(members) => {
            Value::Mapping(members.into_iter().map(|(key, value)| (key, untagged(value))).collect())
        }
        plain => plain,
    }
}

/// All actions anywhere in the policies of the role.
fn actions(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("Action", Value::String(action)) => {
                        found.insert(action.clone());
                    }
                    ("Action", Value::Array(list)) => {
                        found.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => actions(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| actions(item, found)),
        _ => {}
    }
}

const SECRET: &str = "hunter2-do-not-tell";

/// A story that takes every path of the function that calls AWS: force and pin, other registries, a rollback, a person's
/// request, a sweep that stops early, an unreadable message, refusals.
async fn every_path() -> Stack {
    let mut stack = Stack::new();
    stack.push(&["latest", "1.0.0"], "1");
    let environment = json!([{ "name": "DB_PASSWORD", "value": SECRET }]);
    for (name, tag, policy) in [("follows", "latest", "follow"), ("pins", "1.0.0", "semver:minor")] {
        let container = json!({
            "name": name, "image": format!("{HOST}/backend:{tag}"), "essential": true, "environment": environment,
            "dockerLabels": { "token": SECRET }, "command": ["--password", SECRET],
        });
        let tags = json!([{ "key": "team", "value": "shop" }]);
        let definition = json!({ "family": name, "containerDefinitions": [container], "tags": tags });
        stack.account.ecs("RegisterTaskDefinition", definition).unwrap();
        let service = json!({
            "cluster": "shop", "serviceName": name, "desiredCount": 1, "taskDefinition": format!("{name}:1"),
            "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": true } },
            "tags": [{ "key": "steward:deploy", "value": policy }],
        });
        stack.account.ecs("CreateService", service).unwrap();
    }
    let other = stack.account.service("shop", "other").image("ghcr.io/acme/api:main").tag("steward:deploy", "follow");
    other.running().unwrap();
    stack.settle().await;
    // The first of the two calls is killed while its answer is under way: the next look asks what became of it.
    stack.account.inject(lab::faults::Plan::default().on("UpdateService", 1, Fault::CrashAfter).chooser());
    stack.push(&["latest", "1.1.0"], "2");
    stack.settle().await;
    let bad = stack.push(&["latest", "1.2.0"], "bad");
    stack.account.script(&bad, Behaviour::CrashAtStart { exit_code: 1, after: SignedDuration::from_secs(2) });
    stack.settle().await;
    let detail = json!({ "repository": "ghcr.io/acme/api", "tag": "main", "digest": bad });
    stack.direct(&event("steward", "Image Pushed", &detail)).await;
    stack.direct(&requested(&json!({ "service": arn("pins"), "tag": "1.0.0", "requested-by": "ana" }))).await;
    stack.settle().await;
    stack.direct(&requested(&json!({ "service": arn("pins"), "release-pin": true }))).await;
    stack.enqueue("{ not json");
    stack.sweep().await;
    for refusal in [Fault::Denied, Fault::Refused("ClientException", "Unable to do it."), Fault::ServerError] {
        let calls = ["RegisterTaskDefinition", "UpdateService", "DescribeTaskDefinition", "PutItem"];
        stack.account.inject(Box::new(
            move |call| {
                if calls.contains(&call.operation.as_str()) { refusal } else { Fault::Ok }
            },
        ));
        stack.update(&[]);
        stack.push(&["latest", "1.3.0"], format!("{refusal:?}").as_str());
        stack.settle().await;
        let _ = stack.invoke(&pushed("1.3.0")).await;
    }
    stack.account.inject(Box::new(|_| Fault::Ok));
    stack.sweep().await;
    stack
}

/// A sweep of more than there is time for writes its cursor.
async fn long_sweep() -> Stack {
    let mut stack = Stack::with(&[("ApiBudgetPercent", "1")]);
    stack.push(&["1.0.0"], "1");
    for number in 0..3 {
        let service = stack.account.service("shop", &format!("s{number}")).image("backend:1.0.0").desired(0);
        service.tag("steward:deploy", "any").running().unwrap();
    }
    stack.push_unheard(&["1.1.0"], "2");
    stack.sweep().await;
    stack
}

/// The actions that the calls of one function need.
pub(crate) fn called(stack: &Stack, function: &str, into: &mut BTreeSet<String>) {
    for record in stack.calls_of(function, 0) {
        let service = if record.call.service == "tagging" { "tag" } else { record.call.service.as_str() };
        into.insert(format!("{service}:{}", record.call.operation));
        let tagged = record.call.input["tags"].as_array().is_some_and(|tags| !tags.is_empty());
        if record.call.operation == "RegisterTaskDefinition" && tagged {
            into.insert(OF_TAGGED_REGISTRATION.to_owned());
        }
    }
}

/// Asserts that a role allows what was called, what the platform does by it, and nothing else.
#[track_caller]
pub(crate) fn assert_allowed(id: &str, made: &BTreeSet<String>) {
    let mut allowed = BTreeSet::new();
    actions(&role(id), &mut allowed);
    let platform: BTreeSet<String> = OF_THE_PLATFORM.iter().map(|action| (*action).to_owned()).collect();
    assert!(platform.is_subset(&allowed), "no longer allowed, so no longer an exception");
    let allowed: BTreeSet<String> = allowed.difference(&platform).cloned().collect();
    let missing: Vec<_> = made.difference(&allowed).collect();
    let needless: Vec<_> = allowed.difference(made).collect();
    assert!(missing.is_empty() && needless.is_empty(), "not allowed: {missing:?}; never called: {needless:?}");
}

#[tokio::test]
async fn the_role_allows_no_more_and_no_less_than_what_is_called() {
    let mut made = BTreeSet::new();
    called(&every_path().await, DEPLOY, &mut made);
    called(&long_sweep().await, DEPLOY, &mut made);
    for stack in crate::heal::every_path().await {
        called(&stack, DEPLOY, &mut made);
    }
    assert_allowed("DeployRole", &made);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_secret_of_a_task_definition_is_not_logged_told_kept_or_answered() {
    let log = Log::default();
    let clock = lab::steward::clock(&Stack::new().account);
    // The finest level that the stack's parameter can switch on, and of the SDK what is always written.
    let finest = [("shared", Level::TRACE), ("deploy", Level::TRACE)];
    let filter = Targets::new().with_default(Level::WARN).with_targets(finest);
    let lines = tracing_subscriber::registry().with(JsonLines::new(clock, log.clone()).with_filter(filter));
    let _guard = tracing::subscriber::set_default(lines);
    let stack = every_path().await;
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.lines().count() > 20, "{logged}");
    let published = format!("{:?}", stack.alerts());
    let answered = format!("{:?}", stack.world.invoked());
    let report = stack.invoke(&serde_json::from_str(include_str!("../../events/sweep.json")).unwrap()).await.unwrap();
    let table = stack.world.template().tables[0].name.clone();
    let kept = json!(stack.world.dynamodb().items(&table)).to_string();
    assert!(published.len() > 100 && kept.len() > 100 && report["decisions"].as_array().unwrap().len() > 1);
    for (what, text) in [
        ("log", &logged),
        ("alert", &published),
        ("answer", &answered),
        ("state", &kept),
        ("report", &report.to_string()),
    ] {
        assert!(!text.contains(SECRET), "{what}: {text}");
    }
    // The secret did pass through the function: the copy carries it.
    assert!(stack.inputs("RegisterTaskDefinition").iter().any(|input| input.to_string().contains(SECRET)));
}
