//! One push of a base image, from the event until every service's rollout was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::pacer::{Rate, SERVICE_MODIFY, TASK_DEFINITION_MODIFY};

use super::fleet::{Fleet, Mode};
use super::latency;
use super::stand::{NotMeasured, Stand};
use crate::account::Account;
use crate::bus::Mishap;
use crate::function::{Function, Invocation, Running};
use crate::steward;
use crate::template::Template;

/// What one push came to.
#[derive(Clone, Debug)]
pub struct Roll {
    /// Services that a rollout was asked for, each counted once.
    pub rolled: usize,
    /// Calls of `UpdateService` that went through.
    pub updates: usize,
    /// From the push to the last rollout that was asked for.
    pub took: SignedDuration,
    /// Invocations of `deploy` within that time.
    pub invocations: usize,
    /// The longest of them.
    pub longest: SignedDuration,
    /// Calls within that time by service and operation.
    pub calls: BTreeMap<String, usize>,
    /// Calls that were throttled, by operation.
    pub throttled: BTreeMap<String, usize>,
    /// When each rollout was asked for.
    pub at: Vec<Timestamp>,
    /// The least that was left of each bucket of the ECS API, as a share of its burst.
    pub least_left: BTreeMap<&'static str, f64>,
    /// When the image was pushed.
    pub pushed: Timestamp,
    /// Messages that were given up.
    pub dead: usize,
}

impl Roll {
    /// How long it took beside the least that it could take.
    pub fn over(&self, least: SignedDuration) -> f64 {
        self.took.as_secs_f64() / least.as_secs_f64()
    }
}

/// The least time in which a fleet can be rolled at `percent` of the account's rates: the bucket of `UpdateService`, or in
/// pin mode that of `RegisterTaskDefinition` if it is the slower one.
pub fn least(fleet: &Fleet, percent: u8) -> SignedDuration {
    let share = f64::from(percent) / 100.0;
    let wait = |calls: usize, rate: Rate| {
        let burst = (f64::from(rate.burst) * share).floor().max(1.0);
        (count(calls) - burst).max(0.0) / (f64::from(rate.per_second) * share)
    };
    let updates = wait(fleet.services, SERVICE_MODIFY);
    let registrations = if fleet.mode == Mode::Pin { fleet.definitions } else { 0 };
    SignedDuration::from_secs_f64(updates.max(wait(registrations, TASK_DEFINITION_MODIFY)))
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// A function that is reached a moment after its message is ready.
struct Reached {
    account: Account,
    function: Box<dyn Function>,
}

impl Function for Reached {
    fn invoke(&mut self, invocation: Invocation) -> Running<'_> {
        self.account.advance(latency::INVOCATION);
        let now = self.account.clock().now();
        self.function.invoke(Invocation { deadline: now + invocation.timeout, ..invocation })
    }
}

/// Rolls a fleet, with schedules as the template has them, until all is rolled or `limit` has passed. `deploy` alone is at
/// work, in this process.
///
/// # Errors
/// When it cannot be measured.
pub async fn roll(template: &Arc<Template>, fleet: &Fleet, limit: SignedDuration) -> Result<Roll, NotMeasured> {
    let mut stand = Stand::new(template);
    let account = stand.account.clone();
    fleet.stand(&account)?;
    let spec = stand.function(steward::DEPLOY)?;
    let world = &mut stand.world;
    let function = Box::new(Reached { account: account.clone(), function: steward::deploy(&account, &spec) });
    world.attach(steward::DEPLOY, function);
    world.bus().disturb(Box::new(|_| Mishap::HeldBack(latency::DELIVERY)));
    account.calls_take(latency::usual);
    // The sweeps of a stack that has been there for a while: they know the task definitions.
    world.run_for(SignedDuration::from_mins(11)).await?;
    account.forget_calls();
    account.least_left();
    let before = world.invoked().len();
    fleet.push(&account)?;
    let pushed = world.now();
    let is_update = |operation: &str| operation == "UpdateService";
    while account.count_calls(|record| is_update(&record.call.operation) && record.error.is_none()) < fleet.services
        && world.now() < pushed + limit
    {
        world.run_for(SignedDuration::from_secs(60)).await?;
    }
    // A further sweep would show who is rolled twice.
    let least_left = account.least_left();
    world.run_for(SignedDuration::from_mins(6)).await?;
    let calls = account.calls();
    let updates: Vec<_> =
        calls.iter().filter(|record| is_update(&record.call.operation) && record.error.is_none()).collect();
    let (mut rolled, mut last) = (BTreeSet::new(), pushed);
    for record in &updates {
        if let Some(service) = record.call.input["service"].as_str()
            && rolled.insert(service)
        {
            last = record.call.at;
        }
    }
    let mut counted = BTreeMap::<String, usize>::new();
    let mut throttled = BTreeMap::<String, usize>::new();
    for record in calls.iter().filter(|record| record.call.at <= last) {
        let name = format!("{}:{}", record.call.service, record.call.operation);
        if record.error.as_deref() == Some("ThrottlingException") {
            *throttled.entry(name.clone()).or_default() += 1;
        }
        *counted.entry(name).or_default() += 1;
    }
    let invoked = world.invoked().iter().skip(before).filter(|invoked| invoked.at <= last);
    Ok(Roll {
        rolled: rolled.len(),
        updates: updates.len(),
        took: last.duration_since(pushed),
        invocations: invoked.clone().count(),
        longest: invoked.map(|invoked| invoked.took).max().unwrap_or_default(),
        calls: counted,
        throttled,
        at: updates.iter().map(|record| record.call.at).collect(),
        least_left,
        pushed,
        dead: world.queue("DeployDeadLetterQueue").map_or(0, |queue| world.queues().messages(&queue.name).len()),
    })
}
