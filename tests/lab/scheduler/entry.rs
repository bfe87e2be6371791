//! One schedule: how it is read, described and fired.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{DEFAULT_GROUP, Firing, invalid};
use crate::context::{arn, epoch};
use crate::fifo::id_for;
use crate::input::text;
use crate::template::{Expression, Input, Schedule, Target};
use crate::wire::ApiError;

/// A schedule.
#[derive(Debug)]
pub(super) struct Entry {
    /// Logical id in the template, or the name.
    pub(super) id: String,
    pub(super) group: String,
    pub(super) name: String,
    /// Input members of `CreateSchedule`, as given.
    members: Map<String, Value>,
    pub(super) expression: Expression,
    target: Target,
    enabled: bool,
    created: Timestamp,
    /// What a rate counts from.
    pub(super) start: Timestamp,
    pub(super) next: Option<Timestamp>,
    pub(super) from_template: bool,
}

impl Entry {
    /// A schedule of the template.
    pub(super) fn deployed(schedule: &Schedule, now: Timestamp) -> Self {
        Self {
            id: schedule.id.clone(),
            group: schedule.group.clone(),
            name: schedule.name.clone(),
            members: schedule.source.as_object().cloned().unwrap_or_default(),
            expression: schedule.expression.clone(),
            target: schedule.target.clone(),
            enabled: schedule.enabled,
            created: now,
            start: now,
            next: schedule.expression.next(now, now).filter(|_| schedule.enabled),
            from_template: true,
        }
    }

    /// A schedule as `CreateSchedule` is asked for it. What AWS knows and the lab does not is refused, too.
    pub(super) fn ordered(input: &Value, now: Timestamp) -> Result<Self, ApiError> {
        let name = named(input)?.to_owned();
        let written = text(input, "ScheduleExpression").unwrap_or_default();
        let wrong = || invalid(format!("Invalid Schedule Expression {written}."));
        let expression = Expression::new(written).map_err(|_| wrong())?;
        if matches!(expression, Expression::At(at) if at <= now) {
            return Err(invalid(format!("Invalid Schedule Expression {written}. It lies in the past.")));
        }
        match input["FlexibleTimeWindow"]["Mode"].as_str() {
            Some("OFF") => {}
            Some("FLEXIBLE") => return Err(invalid("The lab has no flexible time windows.")),
            _ => return Err(invalid("FlexibleTimeWindow.Mode must be OFF or FLEXIBLE.")),
        }
        if let Some(zone) = text(input, "ScheduleExpressionTimezone").filter(|zone| *zone != "UTC") {
            return Err(invalid(format!("The lab's schedules run in UTC, not in {zone}.")));
        }
        if let Some(member) = ["StartDate", "EndDate"].into_iter().find(|member| !input[*member].is_null()) {
            return Err(invalid(format!("The lab knows no {member} of a schedule.")));
        }
        for (member, words) in [("State", ["ENABLED", "DISABLED"]), ("ActionAfterCompletion", ["NONE", "DELETE"])] {
            if text(input, member).is_some_and(|word| !words.contains(&word)) {
                return Err(invalid(format!("{member} must be {} or {}.", words[0], words[1])));
            }
        }
        let role = input["Target"]["RoleArn"].as_str().unwrap_or_default();
        if !(role.starts_with("arn:aws:iam::") && role.contains(":role/")) {
            return Err(invalid("Target.RoleArn must be the ARN of a role."));
        }
        let target = Target::new(&input["Target"]).map_err(invalid)?;
        if !target.arn.starts_with("arn:aws:sqs:") {
            return Err(invalid(format!("The lab's schedules send to queues, not to {}.", target.arn)));
        }
        let enabled = text(input, "State") != Some("DISABLED");
        Ok(Self {
            id: name.clone(),
            group: text(input, "GroupName").unwrap_or(DEFAULT_GROUP).to_owned(),
            name,
            members: input.as_object().cloned().unwrap_or_default(),
            next: expression.next(now, now).filter(|_| enabled),
            expression,
            target,
            enabled,
            created: now,
            start: now,
            from_template: false,
        })
    }

    pub(super) fn member(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    pub(super) fn arn(&self) -> String {
        arn("scheduler", &format!("schedule/{}/{}", self.group, self.name))
    }

    /// Whether it was made by this very input.
    pub(super) fn is_as(&self, input: &Value) -> bool {
        input.as_object() == Some(&self.members)
    }

    /// Switches the schedule on, counting from now, or off.
    pub(super) fn switch(&mut self, on: bool, now: Timestamp) {
        (self.enabled, self.start) = (on, now);
        self.next = self.expression.next(now, now).filter(|_| on);
    }

    /// A one-time schedule that has fired and is kept stays enabled.
    pub(super) fn state(&self) -> &'static str {
        if self.enabled { "ENABLED" } else { "DISABLED" }
    }

    /// What `GetSchedule` says.
    pub(super) fn described(&self) -> Value {
        let mut described: Map<String, Value> = self.members.clone();
        described.remove("ClientToken");
        let own = json!({
            "Arn": self.arn(),
            "Name": self.name,
            "GroupName": self.group,
            "State": self.state(),
            "ScheduleExpressionTimezone": "UTC",
            "ActionAfterCompletion": self.member("ActionAfterCompletion").unwrap_or("NONE"),
            "CreationDate": epoch(self.created),
            "LastModificationDate": epoch(self.created),
        });
        described.extend(own.as_object().cloned().unwrap_or_default());
        Value::Object(described)
    }

    /// What `ListSchedules` says.
    pub(super) fn summary(&self) -> Value {
        json!({
            "Arn": self.arn(),
            "Name": self.name,
            "GroupName": self.group,
            "State": self.state(),
            "Target": { "Arn": self.target.arn },
            "CreationDate": epoch(self.created),
            "LastModificationDate": epoch(self.created),
        })
    }

    /// The message of the schedule at `at`, the scheduler's words in it filled in. `count` makes its execution id one of
    /// its own.
    pub(super) fn firing(&self, at: Timestamp, count: u64) -> Firing {
        let arn = self.arn();
        let body = match &self.target.input {
            Input::Text(input) => input
                .replace("<aws.scheduler.execution-id>", &id_for(&arn, count))
                .replace("<aws.scheduler.scheduled-time>", &at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
                .replace("<aws.scheduler.schedule-arn>", &arn)
                .replace("<aws.scheduler.attempt-number>", "1"),
            Input::Event | Input::Part(_) => String::new(),
        };
        Firing { schedule: self.id.clone(), target: self.target.clone(), body }
    }
}

/// The name that a call gives.
pub(super) fn named(input: &Value) -> Result<&str, ApiError> {
    let fits = |name: &&str| {
        (1..=64).contains(&name.len()) && name.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char))
    };
    text(input, "Name").filter(fits).ok_or_else(|| invalid("Name must be 1 to 64 letters, digits and -_."))
}
