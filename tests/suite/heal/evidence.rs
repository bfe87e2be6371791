//! What an alert carries: the last lines without secrets, what changed, and that nothing of it delays the alert.

use jiff::SignedDuration;
use lab::ecs::StopCause;
use lab::faults::{Fault, Plan};
use lab::service::{Answer, Service};
use lab::wire::Call;
use serde_json::json;

use super::scene::{LOGS, Told, crash};
use crate::support::Stack;

/// Ends a task whose container wrote these lines, and answers what was told.
async fn told_with(stack: &mut Stack, lines: &[&str]) -> Told {
    let task = stack.account.end_task("shop", "api", StopCause::OutOfMemory { exit_code: 137 }).unwrap();
    let id = task.rsplit('/').next().unwrap();
    for line in lines {
        stack.world.logs().write(LOGS, &format!("api/api/{id}"), stack.world.now(), line);
    }
    stack.minutes(2).await;
    let mut told = stack.told();
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0)
}

async fn api() -> Stack {
    let mut stack = Stack::healing("dry-run");
    stack.well("api", &[("steward:heal", "dry-run")]).await;
    stack
}

#[tokio::test]
async fn the_last_lines_are_told_and_what_looks_like_a_secret_is_not() {
    let secrets = [
        "hunter2",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ];
    let mut stack = api().await;
    let [password, key, token, secret] = secrets;
    let told = told_with(
        &mut stack,
        &[
            "starting the shop",
            &format!("connecting to postgres://shop:{password}@db.internal:5432/shop"),
            &format!("using key {key} with AWS_SECRET_ACCESS_KEY={secret}"),
            &format!("Authorization: Bearer {token}"),
            "out of memory at Basket.load",
        ],
    )
    .await;
    for line in ["starting the shop", "out of memory at Basket.load", "db.internal:5432"] {
        assert!(told.message.contains(line), "{line}: {}", told.message);
    }
    for secret in secrets {
        assert!(!told.message.contains(secret), "{secret}: {}", told.message);
        assert!(!stack.watch("api").to_string().contains(secret));
        assert!(!format!("{:?}", stack.world.invoked()).contains(secret));
    }
}

#[tokio::test]
async fn lines_that_are_late_missing_or_elsewhere_are_said_to_be_and_delay_nothing() {
    // A second too late for the first look.
    let mut stack = api().await;
    stack.world.logs().lag(SignedDuration::from_secs(6));
    let told = told_with(&mut stack, &["just in time"]).await;
    assert!(told.message.contains("| just in time"), "{}", told.message);
    // Not to be read yet.
    let mut stack = api().await;
    stack.world.logs().lag(SignedDuration::from_mins(10));
    let told = told_with(&mut stack, &["too late"]).await;
    assert!(!told.message.contains("too late") && told.message.contains("none: no line in /shop"), "{}", told.message);
    // No group, or no stream.
    let told = told_with(&mut api().await, &[]).await;
    assert!(told.message.contains("none: no line in /shop"), "{}", told.message);
    // Another driver.
    let mut stack = Stack::healing("dry-run");
    stack.account.push("api", &["1"], "1").unwrap();
    let firelens = json!({ "logDriver": "awsfirelens", "options": {} });
    let service = stack.account.service("shop", "api").image("api:1").container_member("logConfiguration", firelens);
    service.tag("steward:heal", "dry-run").running().unwrap();
    stack.minutes(20).await;
    let told = told_with(&mut stack, &[]).await;
    assert!(told.message.contains("driver awsfirelens"), "{}", told.message);
    // May not be read.
    let mut stack = api().await;
    stack.account.inject(Plan::default().always("GetLogEvents", Fault::Denied).chooser());
    let told = told_with(&mut stack, &["not for you"]).await;
    assert!(told.message.contains("logs:GetLogEvents on /shop"), "{}", told.message);
}

/// Logs that take an hour to answer.
struct Stuck(lab::account::Account);

impl Service for Stuck {
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a> {
        Box::pin(async move {
            self.0.sleep(SignedDuration::from_hours(1)).await;
            lab::service::unknown_operation(call)
        })
    }
}

#[tokio::test]
async fn an_alert_waits_five_seconds_for_what_would_make_it_better_and_no_longer() {
    let mut stack = api().await;
    stack.account.register("logs", Box::new(Stuck(stack.account.clone())));
    let before = stack.world.invoked().len();
    let told = told_with(&mut stack, &[]).await;
    assert!(told.message.contains("five seconds were over"), "{}", told.message);
    let longest = stack.world.invoked()[before..].iter().map(|invoked| invoked.took).max().unwrap();
    assert!(longest < SignedDuration::from_secs(6), "{longest:?}");
}

#[tokio::test]
async fn an_alert_goes_out_when_every_call_that_would_make_it_better_fails() {
    for fault in [Fault::Denied, Fault::ServerError, Fault::Throttled, Fault::LostReply] {
        let mut stack = api().await;
        let better = ["GetLogEvents", "DescribeTaskDefinition", "ListServiceDeployments", "DescribeServiceRevisions"];
        let plan = better.into_iter().fold(Plan::default(), |plan, operation| plan.always(operation, fault));
        stack.account.inject(plan.chooser());
        let told = told_with(&mut stack, &[]).await;
        assert_eq!(told.kind, "task-stopped", "{fault:?}");
        assert!(told.message.contains("Could not be looked up"), "{fault:?}: {}", told.message);
    }
}

#[tokio::test]
async fn what_changed_since_the_last_good_revision_is_told_and_values_of_variables_are_not() {
    let mut stack = Stack::healing("dry-run");
    stack.well("api", &[("steward:heal", "dry-run")]).await;
    let digest = stack.account.push("api", &["1.1.0"], "api 2").unwrap();
    stack.account.script(&digest, crash(1, 5));
    let change = |revision: &mut serde_json::Value| {
        let container = &mut revision["containerDefinitions"][0];
        container["image"] = json!(format!("{}/api:1.1.0", crate::support::HOST));
        container["environment"] = json!([{ "name": "DB_PASSWORD", "value": "hunter2" }]);
        container["command"] = json!(["serve", "--token", "hunter3"]);
        revision["memory"] = json!("1024");
    };
    stack.account.revise("shop", "api", change).unwrap();
    stack.minutes(20).await;
    let told = stack.told().remove(0);
    for words in ["api:1.1.0", "DB_PASSWORD", "memory", "api:1"] {
        assert!(told.message.contains(words), "{words}: {}", told.message);
    }
    assert!(!told.message.contains("hunter"), "{}", told.message);
}
