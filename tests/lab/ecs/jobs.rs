//! `RunTask`: tasks that belong to no service.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::model::Task;
use super::{Ecs, TaskDefinition, client_exception, tags, view};
use crate::account::Account;
use crate::context::{Context, arn, epoch};
use crate::input::{invalid, items, required, text};
use crate::wire::ApiError;

/// A client token means the same call for this long, or an hour after its tasks stopped, whichever is sooner.
const TOKEN_LIVES: SignedDuration = SignedDuration::from_hours(24);

/// Most characters of the overrides of a task, as JSON.
const OVERRIDES: usize = 8192;

/// What a client token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    request: Value,
    made_at: Timestamp,
    tasks: Vec<String>,
    failures: Vec<Value>,
}

impl Account {
    /// Places none of the tasks of the next `RunTask`: it answers this reason (`RESOURCE:MEMORY`, `Capacity is unavailable
    /// at this time`...) under `failures`. Several calls add up.
    pub fn fail_run_task(&self, reason: &str) {
        self.lock().ecs.unplaced.push_back(reason.to_owned());
    }
}

impl Ecs {
    pub(super) fn run_task(&mut self, context: &mut Context, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster(input)?.to_owned();
        let definition = self.runnable(input)?;
        let token = text(input, "clientToken").map(|token| (cluster.clone(), token.to_owned()));
        if let Some(known) = token.as_ref().and_then(|token| self.tokens.get(token))
            && self.holds(known, context.now)
        {
            return self.run_again(&cluster, known, input);
        }
        let count = input["count"].as_u64().unwrap_or(1);
        let (mut ran, mut failures) = (Vec::new(), Vec::new());
        if let Some(reason) = self.unplaced.pop_front() {
            // AWS names what could not take the task; on Fargate that is nothing that has an ARN.
            failures.extend((0..count).map(|_| json!({"reason": reason})));
        } else {
            for _ in 0..count {
                let task = self.job(context, &cluster, &definition, input);
                ran.push(task.id.clone());
                self.begin(context, task);
            }
        }
        let shown: Vec<_> = ran.iter().filter_map(|id| self.tasks.get(id)).map(|task| self.show_task(task)).collect();
        let reply = json!({"tasks": shown, "failures": failures.clone()});
        if let Some(token) = token {
            self.tokens.insert(token, Token { request: input.clone(), made_at: context.now, tasks: ran, failures });
        }
        Ok(reply)
    }

    /// ARN of the task definition that is to run, if the request is one that AWS takes.
    fn runnable(&self, input: &Value) -> Result<String, ApiError> {
        tags::check(input)?;
        let definition = self.definition(required(input, "taskDefinition")?);
        let definition = definition.map_err(|_| client_exception("TaskDefinition not found."))?;
        if !definition.is_active() {
            return Err(client_exception("TaskDefinition is inactive"));
        }
        if input.get("launchType").is_some() && !items(input, "capacityProviderStrategy").is_empty() {
            return Err(invalid("Specifying both a launch type and capacity provider strategy is not supported."));
        }
        if !(1..=10).contains(&input["count"].as_u64().unwrap_or(1)) {
            return Err(invalid("Count must be between 1 and 10."));
        }
        check_started_by(text(input, "startedBy"))?;
        check_network(definition, &input["networkConfiguration"])?;
        check_volumes(definition, items(input, "volumeConfigurations"))?;
        if text(input, "propagateTags") == Some("SERVICE") {
            return Err(invalid("A task without a service cannot have the tags of one."));
        }
        if text(input, "clientToken").is_some_and(|token| token.is_empty() || token.len() > 64) {
            return Err(invalid("clientToken must have between 1 and 64 characters."));
        }
        if !input["overrides"].is_null() && input["overrides"].to_string().chars().count() > OVERRIDES {
            return Err(invalid(format!("The overrides are longer than {OVERRIDES} characters.")));
        }
        for overridden in items(&input["overrides"], "containerOverrides") {
            let name = text(overridden, "name").unwrap_or_default();
            if !definition.containers().iter().any(|container| text(container, "name") == Some(name)) {
                let message = format!("Override for container named {name} is not a container in the TaskDefinition.");
                return Err(invalid(message));
            }
        }
        Ok(definition.arn.clone())
    }

    fn job(&self, context: &mut Context, cluster: &str, definition: &str, input: &Value) -> Task {
        let mut task = self.new_task(context, cluster, definition);
        let family = self.definition(definition).ok().and_then(|known| known.text("family")).unwrap_or_default();
        task.group = text(input, "group").map_or_else(|| format!("family:{family}"), str::to_owned);
        task.started_by = text(input, "startedBy").map(str::to_owned);
        task.tags = tags::read(items(input, "tags"));
        let provider = &input["capacityProviderStrategy"][0]["capacityProvider"];
        let launch_type = if provider.is_null() { &input["launchType"] } else { &Value::Null };
        let members =
            [("launchType", launch_type), ("capacityProviderName", provider), ("overrides", &input["overrides"])];
        for (name, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
            task.settings.insert(name.to_owned(), value.clone());
        }
        task
    }

    /// The answer to a token that was used before: the same tasks as they are now, or the same failures.
    fn run_again(&self, cluster: &str, known: &Token, input: &Value) -> Result<Value, ApiError> {
        if known.request != *input {
            let arns: Vec<_> = known.tasks.iter().map(|id| view::task_arn_of(cluster, id)).collect();
            let message = "The clientToken was already used with other parameters.";
            let conflict = ApiError::client("ConflictException", message);
            return Err(ApiError { extra: json!({"resourceIds": arns}), ..conflict });
        }
        let brief = |task: &Task| json!({"taskArn": view::task_arn(task), "lastStatus": task.status, "desiredStatus": task.wanted});
        let show = |task: &Task| if task.status == "STOPPED" { brief(task) } else { self.show_task(task) };
        let shown: Vec<_> = known.tasks.iter().filter_map(|id| self.tasks.get(id)).map(show).collect();
        Ok(json!({"tasks": shown, "failures": known.failures}))
    }

    /// Whether a token still means its first call: until a day later, or an hour after its last task stopped.
    fn holds(&self, token: &Token, now: Timestamp) -> bool {
        let known = token.tasks.is_empty() || token.tasks.iter().any(|id| self.tasks.contains_key(id));
        known && token.made_at + TOKEN_LIVES > now
    }

    /// A task as the API shows it.
    pub(super) fn show_task(&self, task: &Task) -> Value {
        view::task(task, self.definition(&task.definition).ok(), None, epoch)
    }

    /// The task that `reference` (an id or an ARN) means.
    pub(super) fn task_of_arn(&mut self, reference: &str) -> Option<&mut Task> {
        let path = reference.strip_prefix(arn("ecs", "task/").as_str())?;
        self.tasks.get_mut(path.rsplit('/').next()?)
    }
}

fn check_started_by(started_by: Option<&str>) -> Result<(), ApiError> {
    let Some(by) = started_by else { return Ok(()) };
    if by.chars().count() > 128 {
        return Err(invalid("startedBy must be at most 128 characters."));
    }
    if by.chars().all(|c| c.is_ascii_alphanumeric() || "-/_".contains(c)) {
        return Ok(());
    }
    Err(invalid("startedBy can have letters, digits, hyphens, slashes and underscores only."))
}

fn check_network(definition: &TaskDefinition, network: &Value) -> Result<(), ApiError> {
    match (definition.text("networkMode") == Some("awsvpc"), network.is_null()) {
        (true, true) => Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")),
        (false, false) => {
            Err(invalid("Network Configuration is not valid for the networkMode of the task definition."))
        }
        _ => Ok(()),
    }
}

/// A volume that is configured at launch needs its configuration, and no other may have one.
fn check_volumes(definition: &TaskDefinition, configured: &[Value]) -> Result<(), ApiError> {
    let volumes = definition.content.get("volumes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let at_launch: Vec<_> = volumes
        .iter()
        .filter(|volume| volume["configuredAtLaunch"] == true)
        .filter_map(|it| text(it, "name"))
        .collect();
    let given: Vec<_> = configured.iter().filter_map(|one| text(one, "name")).collect();
    if let Some(missing) = at_launch.iter().find(|name| !given.contains(name)) {
        return Err(invalid(format!(
            "volumeConfigurations lacks the volume {missing}, which is configured at launch."
        )));
    }
    match given.iter().find(|name| !at_launch.contains(name)) {
        Some(unknown) => Err(invalid(format!("The volume {unknown} is not one that is configured at launch."))),
        None => Ok(()),
    }
}
