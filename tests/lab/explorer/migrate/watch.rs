//! What there was at each moment: tasks of migrations, and who held the lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::super::scene::CLUSTER;
use crate::account::Account;
use crate::dynamodb::DynamoDb;
use crate::function::{Function, Invocation, Running};

/// How a task says whose it is.
const STARTED_BY: &str = "steward/m/";

/// What was seen of a scene.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Every task of a migration, by its ARN.
    pub tasks: BTreeMap<String, Seen>,
    /// Most such tasks that lived at the same time.
    pub most_at_once: usize,
    /// Tasks that lived while somebody else held the lock, or nobody, and who.
    pub unlocked: BTreeSet<(String, String)>,
    /// Who holds the lock in the end.
    pub holder: Option<String>,
    /// Names of the runs that are written down.
    pub runs: BTreeSet<String>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `startedBy`.
    pub started_by: String,
    /// `overrides`, as every event of the task shows them.
    pub overrides: Value,
    /// Whether it has stopped.
    pub is_stopped: bool,
}

impl Seen {
    /// The run that it says it is of.
    pub fn run(&self) -> &str {
        self.started_by.strip_prefix(STARTED_BY).and_then(|rest| rest.split('/').next()).unwrap_or_default()
    }
}

/// Looks at the account again and again.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    account: Account,
    dynamodb: DynamoDb,
    table: String,
    watched: Arc<Mutex<Watched>>,
}

impl Watch {
    pub(super) fn new(account: &Account, dynamodb: &DynamoDb, table: &str) -> Self {
        let (account, dynamodb, table) = (account.clone(), dynamodb.clone(), table.to_owned());
        Self { account, dynamodb, table, watched: Arc::default() }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks now.
    pub(super) fn look(&self) {
        let tasks = self.tasks();
        let holders = self.holders();
        let mut watched = self.watched();
        let live: Vec<&Seen> = tasks.values().filter(|seen| !seen.is_stopped).collect();
        watched.most_at_once = watched.most_at_once.max(live.len());
        for seen in live {
            if !holders.iter().any(|holder| holder == seen.run()) {
                let holder = holders.first().map_or("nobody", String::as_str);
                watched.unlocked.insert((seen.started_by.clone(), holder.to_owned()));
            }
        }
        watched.tasks.extend(tasks);
    }

    /// Everything that was seen, up to now.
    pub(super) fn end(&self) -> Watched {
        self.look();
        let mut watched = self.watched().clone();
        watched.holder = self.holders().into_iter().next();
        watched.runs = self.items("META").filter_map(|(key, _)| Some(key.strip_prefix("RUN#")?.to_owned())).collect();
        watched
    }

    /// The run of which nobody knows what it did.
    pub(super) fn unknown(&self) -> Option<String> {
        let mut runs = self.items("META").filter(|(_, data)| data["state"] == "unknown");
        runs.find_map(|(key, _)| Some(key.strip_prefix("RUN#")?.to_owned()))
    }

    fn tasks(&self) -> BTreeMap<String, Seen> {
        let mut seen = BTreeMap::new();
        for wanted in ["RUNNING", "STOPPED"] {
            let listed = self.account.ecs("ListTasks", json!({"cluster": CLUSTER, "desiredStatus": wanted}));
            let arns = listed.map(|listed| listed["taskArns"].clone()).unwrap_or_default();
            let described = self.account.ecs("DescribeTasks", json!({"cluster": CLUSTER, "tasks": arns}));
            let described = described.unwrap_or_default();
            for task in described["tasks"].as_array().into_iter().flatten() {
                let text = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
                let started_by = text("startedBy");
                if started_by.starts_with(STARTED_BY) {
                    let is_stopped = text("lastStatus") == "STOPPED";
                    seen.insert(text("taskArn"), Seen { started_by, overrides: task["overrides"].clone(), is_stopped });
                }
            }
        }
        seen
    }

    /// Who holds a lock; there is one database.
    fn holders(&self) -> Vec<String> {
        self.items("LOCK").filter_map(|(_, data)| data["holder"].as_str().map(str::to_owned)).collect()
    }

    /// Partition keys and documents of all items of a kind.
    fn items(&self, kind: &str) -> impl Iterator<Item = (String, Value)> {
        let all = self.dynamodb.items(&self.table).into_iter();
        all.filter_map(move |item| {
            let text = |name: &str| item.get(name)?["S"].as_str();
            let data = serde_json::from_str(text("data")?).ok()?;
            (text("sk")? == kind).then(|| Some((text("pk")?.to_owned(), data)))?
        })
    }
}

/// A function that is watched.
pub(super) struct Attended {
    pub(super) function: Box<dyn Function>,
    pub(super) watch: Watch,
}

impl Function for Attended {
    fn invoke(&mut self, invocation: Invocation) -> Running<'_> {
        let Self { function, watch } = self;
        watch.look();
        Box::pin(async move {
            let result = function.invoke(invocation).await;
            watch.look();
            result
        })
    }
}
