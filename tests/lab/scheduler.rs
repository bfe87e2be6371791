//! EventBridge Scheduler: the schedules of the template, and those that are made through the API.

mod entry;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::input::{page, text};
use crate::service::{Answer, Service, unknown_operation};
use crate::template::{Target, Template};
use crate::wire::{ApiError, Call, Outcome, Reply};
use entry::{Entry, named};

/// The group of a schedule that names none.
const DEFAULT_GROUP: &str = "default";

/// The EventBridge Scheduler service. Clones share the schedules.
#[derive(Clone, Debug, Default)]
pub struct Scheduler(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    groups: BTreeSet<String>,
    /// Those of the template first, then in the order in which they were made.
    schedules: Vec<Entry>,
    fired: u64,
}

/// One message to send because a schedule is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// Logical id in the template, or the name.
    pub schedule: String,
    /// Where to.
    pub target: Target,
    /// What.
    pub body: String,
}

impl Service for Scheduler {
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a> {
        Box::pin(std::future::ready(self.answer(call)))
    }
}

impl Scheduler {
    /// The service with the groups and schedules of a template, which begin now.
    pub fn new(template: &Template, now: Timestamp) -> Self {
        let groups = template.schedule_groups.iter().cloned().chain([DEFAULT_GROUP.to_owned()]).collect();
        let schedules = template.schedules.iter().map(|schedule| Entry::deployed(schedule, now)).collect();
        Self(Arc::new(Mutex::new(State { groups, schedules, fired: 0 })))
    }

    /// When the next schedule is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.lock().schedules.iter().filter_map(|entry| entry.next).min()
    }

    /// Fires the schedule that has been due for longest, if one is. A one-time schedule that is to be deleted is gone
    /// with it.
    pub fn take_due(&self, now: Timestamp) -> Option<Firing> {
        let mut state = self.lock();
        let due = state.schedules.iter().enumerate().filter_map(|(index, entry)| Some((entry.next?, index)));
        let (at, index) = due.min().filter(|(at, _)| *at <= now)?;
        state.fired += 1;
        let fired = state.fired;
        let entry = state.schedules.get_mut(index)?;
        let firing = entry.firing(at, fired);
        entry.next = entry.expression.next(entry.start, now);
        if entry.next.is_none() && entry.member("ActionAfterCompletion") == Some("DELETE") {
            state.schedules.remove(index);
        }
        Some(firing)
    }

    /// Switches a schedule of the template on or off; false when there is none. Switched on, it counts from now.
    pub fn switch(&self, id: &str, on: bool, now: Timestamp) -> bool {
        let mut state = self.lock();
        let Some(entry) = state.schedules.iter_mut().find(|entry| entry.from_template && entry.id == id) else {
            return false;
        };
        entry.switch(on, now);
        true
    }

    /// Switches the schedules of the template off. Those that were made through the API stay as they are.
    pub fn stop(&self, now: Timestamp) {
        let mut state = self.lock();
        state.schedules.iter_mut().filter(|entry| entry.from_template).for_each(|entry| entry.switch(false, now));
    }

    /// Names of the schedules of a group, in the order in which they were made.
    pub fn names(&self, group: &str) -> Vec<String> {
        let state = self.lock();
        let of_group = state.schedules.iter().filter(|entry| entry.group == group);
        of_group.map(|entry| entry.name.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one call.
    pub fn answer(&self, call: &Call) -> Outcome {
        let mut state = self.lock();
        let input = &call.input;
        let reply = match call.operation.as_str() {
            "CreateSchedule" => state.create(call)?,
            "GetSchedule" => state.find(input).map(|index| state.schedules.get(index).map(Entry::described))?.into(),
            "DeleteSchedule" => {
                let index = state.find(input)?;
                state.schedules.remove(index);
                json!({})
            }
            "ListSchedules" => state.list(input)?,
            _ => return unknown_operation(call),
        };
        Ok(Reply::Json(reply))
    }
}

impl State {
    fn create(&mut self, call: &Call) -> Result<Value, ApiError> {
        if let Ok(index) = self.find(&call.input)
            && let Some(entry) = self.schedules.get(index)
        {
            // The token makes a second attempt the same call.
            if entry.member("ClientToken").is_some() && entry.is_as(&call.input) {
                return Ok(json!({ "ScheduleArn": entry.arn() }));
            }
            let message = format!("Schedule {} already exists.", entry.name);
            return Err(ApiError { status: 409, ..ApiError::client("ConflictException", message) });
        }
        let entry = Entry::ordered(&call.input, call.at)?;
        if !self.groups.contains(&entry.group) {
            return Err(not_found(&format!("Schedule group {}", entry.group)));
        }
        let arn = entry.arn();
        self.schedules.push(entry);
        Ok(json!({ "ScheduleArn": arn }))
    }

    fn find(&self, input: &Value) -> Result<usize, ApiError> {
        let (name, group) = (named(input)?, text(input, "GroupName").unwrap_or(DEFAULT_GROUP));
        let found = self.schedules.iter().position(|entry| entry.name == name && entry.group == group);
        found.ok_or_else(|| not_found(&format!("Schedule {name}")))
    }

    fn list(&self, input: &Value) -> Result<Value, ApiError> {
        let prefix = text(input, "NamePrefix").unwrap_or_default();
        let (group, asked) = (text(input, "GroupName"), text(input, "State"));
        if let Some(group) = group.filter(|group| !self.groups.contains(*group)) {
            return Err(not_found(&format!("Schedule group {group}")));
        }
        let fits = |entry: &&Entry| {
            entry.name.starts_with(prefix)
                && group.is_none_or(|group| entry.group == group)
                && asked.is_none_or(|state| entry.state() == state)
        };
        let mut found: Vec<&Entry> = self.schedules.iter().filter(fits).collect();
        found.sort_by_key(|entry| (&entry.group, &entry.name));
        let size = text(input, "MaxResults").map(|size| size.parse().unwrap_or(0));
        let paged = page(found, size, (100, 100), text(input, "NextToken"));
        let (found, token) = paged.map_err(|error| invalid(error.message))?;
        let summaries: Vec<Value> = found.into_iter().map(Entry::summary).collect();
        Ok(json!({ "Schedules": summaries, "NextToken": token }))
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::client("ValidationException", message)
}

fn not_found(what: &str) -> ApiError {
    let message = format!("{what} does not exist.");
    ApiError { status: 404, ..ApiError::client("ResourceNotFoundException", message) }
}

#[cfg(test)]
mod tests;
