//! From resolved properties to the lab's own types, and the names that CloudFormation would give.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::intrinsics::{Resolver, text};
use super::{Expression, FunctionSpec, Input, Rule, Schedule, Source, TableSpec, Target, Template};
use crate::fifo::QueueSpec;
use crate::pattern::Pattern;
use crate::queues;

/// Name of the stack.
pub(super) const STACK: &str = "steward";

impl Template {
    /// Takes over one resource, if it is of a type that the lab knows.
    pub(super) fn take(&mut self, id: &str, resource: &Value, resolver: &Resolver<'_>) -> Result<(), String> {
        let kind = resource.get("Type").and_then(Value::as_str).ok_or("a resource without Type")?;
        if !KNOWN.contains(&kind) {
            return Ok(());
        }
        let mut properties = resource.get("Properties").cloned().unwrap_or_default();
        if kind == "AWS::Serverless::Function" {
            // Only what the lab reads: policies and tags may refer to what it does not know.
            if let Some(object) = properties.as_object_mut() {
                object.retain(|key, _| FUNCTION_PROPERTIES.contains(&key.as_str()));
            }
        }
        let properties = Properties(resolver.resolve(&properties)?.unwrap_or_default());
        match kind {
            "AWS::SQS::Queue" => self.queues.push(queue(id, &properties, resolver)?),
            "AWS::Events::Rule" => self.rules.push(rule(id, &properties)?),
            "AWS::Scheduler::Schedule" => self.schedules.push(schedule(id, &properties, resolver)?),
            "AWS::Scheduler::ScheduleGroup" => self.schedule_groups.push(physical_name(resolver, id, 0)?),
            "AWS::Serverless::Function" => self.functions.push(function(id, &properties, resolver)?),
            "AWS::SNS::Topic" => {
                self.topics.insert(id.to_owned(), reference(resolver, id, 0)?);
            }
            _ => self.tables.push(table(id, &properties, resolver)?),
        }
        Ok(())
    }
}

const KNOWN: [&str; 7] = [
    "AWS::SQS::Queue",
    "AWS::Events::Rule",
    "AWS::Scheduler::Schedule",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::Serverless::Function",
    "AWS::SNS::Topic",
    "AWS::DynamoDB::Table",
];

const FUNCTION_PROPERTIES: [&str; 7] =
    ["FunctionName", "CodeUri", "Timeout", "MemorySize", "Environment", "Events", "Handler"];

/// Which property names a resource of a type; `None` for a type whose name the lab makes up.
fn name_property(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "AWS::SQS::Queue" => "QueueName",
        "AWS::SNS::Topic" => "TopicName",
        "AWS::DynamoDB::Table" => "TableName",
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => "FunctionName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::Events::Rule" | "AWS::Scheduler::Schedule" | "AWS::Scheduler::ScheduleGroup" => "Name",
        "AWS::Logs::LogGroup" => "LogGroupName",
        "AWS::ECS::Cluster" => "ClusterName",
        "AWS::ECS::Service" => "ServiceName",
        "AWS::ECS::TaskDefinition" => "Family",
        "AWS::RDS::DBInstance" => "DBInstanceIdentifier",
        _ => return None,
    })
}

fn kind<'a>(resolver: &Resolver<'a>, id: &str) -> &'a str {
    resolver.resources().get(id).and_then(|resource| resource.get("Type")?.as_str()).unwrap_or_default()
}

fn physical_name(resolver: &Resolver<'_>, id: &str, depth: usize) -> Result<String, String> {
    if let Some(property) = name_property(kind(resolver, id))
        && let Some(name) = resolver.property(id, property, depth)?
    {
        return text(&name);
    }
    let fifo = resolver.property(id, "FifoQueue", depth)?.is_some_and(|fifo| fifo == true || fifo == "true");
    Ok(format!("{}-{id}{}", resolver.stack(), if fifo { ".fifo" } else { "" }))
}

/// What `Ref` gives for a resource.
pub(super) fn reference(resolver: &Resolver<'_>, id: &str, depth: usize) -> Result<String, String> {
    let name = physical_name(resolver, id, depth)?;
    Ok(match kind(resolver, id) {
        "AWS::SQS::Queue" => queues::url(&name),
        "AWS::SNS::Topic" => format!("arn:aws:sns:eu-west-1:123456789012:{name}"),
        // The first revision. Whoever creates the stack another time has to see which one it is by then.
        "AWS::ECS::TaskDefinition" => format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}:1"),
        "AWS::ECS::Service" => {
            let cluster =
                resolver.property(id, "Cluster", depth)?.map_or(Ok("default".to_owned()), |name| text(&name))?;
            format!("arn:aws:ecs:eu-west-1:123456789012:service/{cluster}/{name}")
        }
        kind if kind.starts_with("AWS::ElasticLoadBalancingV2::") => {
            format!(
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:{}/{name}",
                kind.rsplit("::").next().unwrap_or_default().to_lowercase()
            )
        }
        _ => name,
    })
}

/// What `Fn::GetAtt` gives for a resource.
pub(super) fn attribute(resolver: &Resolver<'_>, id: &str, attribute: &str, depth: usize) -> Result<String, String> {
    let name = physical_name(resolver, id, depth)?;
    let kind = kind(resolver, id);
    let service = match (kind, attribute) {
        ("AWS::SQS::Queue", "QueueName") | ("AWS::SNS::Topic", "TopicName") => return Ok(name),
        ("AWS::SQS::Queue", "QueueUrl") => return Ok(queues::url(&name)),
        ("AWS::SQS::Queue", "Arn") => return Ok(queues::arn(&name)),
        ("AWS::SNS::Topic", "TopicArn") => return reference(resolver, id, depth),
        ("AWS::EC2::SecurityGroup", "GroupId") => return Ok(format!("sg-{name}")),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "DNSName") => {
            return Ok(format!("{name}.elb.eu-west-1.amazonaws.com"));
        }
        ("AWS::RDS::DBInstance", "Endpoint.Address") => return Ok(format!("{name}.lab.eu-west-1.rds.amazonaws.com")),
        ("AWS::RDS::DBInstance", "MasterUserSecret.SecretArn") => {
            return Ok(format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-{name}"));
        }
        ("AWS::IAM::Role", "Arn") => return Ok(format!("arn:aws:iam::123456789012:role/{name}")),
        ("AWS::DynamoDB::Table", "Arn") => "dynamodb:eu-west-1:123456789012:table/",
        ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn") => "lambda:eu-west-1:123456789012:function:",
        ("AWS::Events::Rule", "Arn") => "events:eu-west-1:123456789012:rule/",
        ("AWS::Scheduler::Schedule", "Arn") => {
            let group =
                resolver.property(id, "GroupName", depth)?.map_or(Ok("default".to_owned()), |name| text(&name))?;
            return Ok(format!("arn:aws:scheduler:eu-west-1:123456789012:schedule/{group}/{name}"));
        }
        ("AWS::Scheduler::ScheduleGroup", "Arn") => "scheduler:eu-west-1:123456789012:schedule-group/",
        ("AWS::Logs::LogGroup", "Arn") => "logs:eu-west-1:123456789012:log-group:",
        _ => return Err(format!("the lab does not know attribute {attribute} of {id} ({kind})")),
    };
    Ok(format!("arn:aws:{service}{name}"))
}

/// Properties of a resource, resolved.
struct Properties(Value);

impl Properties {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Result<Option<String>, String> {
        self.get(key).map(text).transpose()
    }

    fn number(&self, key: &str) -> Result<Option<i64>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        number.map(Some).ok_or_else(|| format!("{key} is not a number: {value}"))
    }

    fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value == true || value == "true")
    }

    fn required(&self, key: &str) -> Result<String, String> {
        self.text(key)?.ok_or_else(|| format!("{key} is missing"))
    }

    fn enabled(&self) -> bool {
        self.get("State").is_none_or(|state| state == "ENABLED")
    }
}

fn queue(id: &str, properties: &Properties, resolver: &Resolver<'_>) -> Result<QueueSpec, String> {
    let name = physical_name(resolver, id, 0)?;
    let seconds = |key: &str| Ok::<_, String>(properties.number(key)?.map(SignedDuration::from_secs));
    let redrive = match properties.get("RedrivePolicy") {
        Some(policy) => Some(crate::sqs::redrive_policy(policy).ok_or("RedrivePolicy is not understood")?),
        None => None,
    };
    let defaults = QueueSpec::named(&name);
    if defaults.fifo != properties.flag("FifoQueue") {
        return Err(format!("the name {name} does not fit to FifoQueue"));
    }
    Ok(QueueSpec {
        id: id.to_owned(),
        content_deduplication: properties.flag("ContentBasedDeduplication"),
        visibility: seconds("VisibilityTimeout")?.unwrap_or(defaults.visibility),
        retention: seconds("MessageRetentionPeriod")?.unwrap_or(defaults.retention),
        redrive,
        ..defaults
    })
}

impl Target {
    /// Reads the target of a rule or of a schedule, as CloudFormation and the API of the scheduler write it.
    pub(crate) fn new(value: &Value) -> Result<Self, String> {
        let properties = Properties(value.clone());
        if properties.get("InputTransformer").is_some() {
            return Err("the lab does not simulate InputTransformer".to_owned());
        }
        let nested =
            |outer: &str, inner: &str| properties.get(outer).and_then(|value| value.get(inner)).map(text).transpose();
        let input = match (properties.text("Input")?, properties.text("InputPath")?) {
            (Some(text), None) => Input::Text(text),
            (None, Some(path)) => {
                let path = path.strip_prefix('$').ok_or("InputPath begins with $")?;
                Input::Part(path.replace('.', "/"))
            }
            (None, None) => Input::Event,
            _ => return Err("Input and InputPath exclude each other".to_owned()),
        };
        Ok(Self {
            arn: properties.required("Arn")?,
            group: nested("SqsParameters", "MessageGroupId")?,
            input,
            dead_letter: nested("DeadLetterConfig", "Arn")?,
        })
    }
}

fn rule(id: &str, properties: &Properties) -> Result<Rule, String> {
    let source = properties.get("EventPattern").ok_or("a rule without EventPattern")?.clone();
    let pattern = Pattern::new(&source).map_err(|error| error.to_string())?;
    if let Some(bus) = properties.text("EventBusName")?.filter(|bus| bus != "default") {
        return Err(format!("the lab has the default bus only, not {bus}"));
    }
    let targets = properties.get("Targets").and_then(Value::as_array).cloned().unwrap_or_default();
    let targets = targets.iter().map(Target::new).collect::<Result<_, _>>()?;
    Ok(Rule { id: id.to_owned(), pattern, source, enabled: properties.enabled(), targets })
}

fn schedule(id: &str, properties: &Properties, resolver: &Resolver<'_>) -> Result<Schedule, String> {
    let zone = properties.text("ScheduleExpressionTimezone")?.unwrap_or_else(|| "UTC".to_owned());
    let expression = Expression::new(&properties.required("ScheduleExpression")?)?;
    if zone != "UTC" && matches!(expression, Expression::Cron(_)) {
        return Err(format!("the lab's schedules run in UTC, not in {zone}"));
    }
    let group = properties.text("GroupName")?.unwrap_or_else(|| "default".to_owned());
    Ok(Schedule {
        id: id.to_owned(),
        name: physical_name(resolver, id, 0)?,
        group,
        source: properties.0.clone(),
        expression,
        enabled: properties.enabled(),
        target: Target::new(properties.get("Target").unwrap_or(&Value::Null))?,
    })
}

fn function(id: &str, properties: &Properties, resolver: &Resolver<'_>) -> Result<FunctionSpec, String> {
    let global = |key: &str| resolver.global(key).map_or(Ok(None), |value| resolver.resolve(value));
    let number = |key: &str, default: i64| {
        let own = properties.number(key)?;
        let inherited = Properties(serde_json::json!({ key: global(key)? })).number(key)?;
        Ok::<_, String>(own.or(inherited).unwrap_or(default))
    };
    let mut environment = BTreeMap::new();
    let own = properties.get("Environment").cloned();
    for variables in [global("Environment")?, own].into_iter().flatten() {
        for (key, value) in variables.get("Variables").and_then(Value::as_object).into_iter().flatten() {
            environment.insert(key.clone(), text(value).map_err(|problem| format!("variable {key}: {problem}"))?);
        }
    }
    let events = properties.get("Events").and_then(Value::as_object).cloned().unwrap_or_default();
    let code = properties.text("CodeUri")?.unwrap_or_default();
    Ok(FunctionSpec {
        id: id.to_owned(),
        name: physical_name(resolver, id, 0)?,
        arn: attribute(resolver, id, "Arn", 0)?,
        binary: code.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned(),
        timeout: SignedDuration::from_secs(number("Timeout", 3)?),
        memory: u64::try_from(number("MemorySize", 128)?).unwrap_or(128),
        environment,
        sources: sources(&events)?,
    })
}

fn sources(events: &Map<String, Value>) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for (name, event) in events {
        let kind = event.get("Type").and_then(Value::as_str).unwrap_or_default();
        if kind != "SQS" {
            return Err(format!("event {name}: the lab has event sources of type SQS only, not `{kind}`"));
        }
        let properties = Properties(event.get("Properties").cloned().unwrap_or_default());
        let types = properties.get("FunctionResponseTypes").and_then(Value::as_array).cloned().unwrap_or_default();
        if properties.get("Enabled").is_some() && !properties.flag("Enabled") {
            continue;
        }
        sources.push(Source {
            queue: properties.required("Queue")?,
            batch_size: usize::try_from(properties.number("BatchSize")?.unwrap_or(10)).unwrap_or(10),
            reports_failures: types.iter().any(|kind| kind == "ReportBatchItemFailures"),
        });
    }
    Ok(sources)
}

fn table(id: &str, properties: &Properties, resolver: &Resolver<'_>) -> Result<TableSpec, String> {
    let keys = properties.get("KeySchema").and_then(Value::as_array).cloned().unwrap_or_default();
    let key = |kind: &str| {
        let key = keys.iter().find(|key| key.get("KeyType").is_some_and(|value| value == kind))?;
        key.get("AttributeName")?.as_str().map(str::to_owned)
    };
    Ok(TableSpec {
        id: id.to_owned(),
        name: physical_name(resolver, id, 0)?,
        partition_key: key("HASH").ok_or("KeySchema has no HASH key")?,
        sort_key: key("RANGE"),
    })
}
