//! The account of these scenes: databases with policies, a function that is woken, and what it did each time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use lab::account::Account;
use lab::clock::VirtualClock;
use lab::faults::Fault;
use lab::function::{Function, Invocation};
use lab::rds::{Kind, SnapshotSeen};
use lab::service::{Answer, Service};
use lab::sns::Sns;
use lab::steward;
use lab::template::{FunctionSpec, Template};
use lab::wire::Call;
use lab::world::World;
use serde_json::{Value, json};

use super::judge::Breach;
use super::model::{BEGINS, Days, Policy, ZONE};

pub(crate) const HERE: &str = "eu-west-1";
pub(crate) const FAR: &str = "eu-central-1";

/// A database, as people know it.
#[derive(Debug)]
pub(crate) struct Db {
    pub(crate) id: String,
    pub(crate) names: BTreeSet<String>,
    pub(crate) kind: Kind,
    pub(crate) resource: String,
    /// `None`: it has not opted in.
    pub(crate) policy: Option<Policy>,
    pub(crate) text: String,
    pub(crate) copied: bool,
    /// When people last changed its policy.
    pub(crate) changed: Timestamp,
    /// The first undisturbed sweep since.
    pub(crate) noticed: Option<Timestamp>,
    /// When they last changed how often it asks for a backup.
    pub(crate) paced: Timestamp,
    /// The first undisturbed sweep since.
    pub(crate) paced_noticed: Option<Timestamp>,
    /// When it was last stopped.
    pub(crate) stopped: Option<Timestamp>,
    /// When Steward last looked, if it was covered then: stopped, with a backup that was fresh when it was stopped.
    pub(crate) covered: Option<Timestamp>,
    /// The last undisturbed sweep that found it covered.
    pub(crate) rest_seen: Option<Timestamp>,
    /// When it was started after it had been covered.
    pub(crate) rest_ended: Option<Timestamp>,
    pub(crate) gone: bool,
    pub(crate) told_stale: bool,
}

/// Region of a snapshot, resource id of its database, and its identifier.
pub(crate) type Key = (&'static str, String, String);
pub(crate) type Listed = BTreeMap<Key, SnapshotSeen>;

/// A snapshot that the function made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// `None`: on request.
    pub(crate) slot: Option<Timestamp>,
}

/// How an invocation was disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Calls fail at random, and the function dies.
    Storm,
    /// Every call of one operation or service is refused.
    Out(&'static str),
}

/// Alerts as kind and subject.
type Told = Arc<Mutex<Vec<(String, String)>>>;

/// SNS that keeps of each alert what it is about, and no more: two years are long.
struct Post {
    topic: String,
    told: Told,
}

impl Service for Post {
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a> {
        let sns = Sns::default();
        sns.create(&self.topic);
        let outcome = sns.answer(call);
        let about =
            |alert: lab::sns::Published| (alert.attributes["kind"].clone(), alert.attributes["subject"].clone());
        self.told.lock().unwrap().extend(sns.published().into_iter().map(about));
        Box::pin(std::future::ready(outcome))
    }
}

/// A scene.
pub(crate) struct Scene {
    pub(crate) account: Account,
    function: Box<dyn Function>,
    spec: FunctionSpec,
    /// Its queues and tables live as long as it does.
    _world: World,
    told: Told,
    pub(crate) rng: Rng,
    pub(crate) days: Days,
    pub(crate) dbs: Vec<Db>,
    pub(crate) made: BTreeMap<Key, Made>,
    /// Slots that ever had a backup, by resource id, since the policy is in force.
    pub(crate) had: BTreeMap<String, BTreeSet<Timestamp>>,
    pub(crate) quota: usize,
    pub(crate) last_trouble: Timestamp,
    pub(crate) breaches: Vec<(Timestamp, Breach, String)>,
    pub(crate) counted: BTreeMap<&'static str, usize>,
    pub(crate) later: BTreeMap<(Timestamp, usize), super::life::Later>,
    pub(crate) number: usize,
    /// What the function last answered.
    pub(crate) said: Value,
}

impl Scene {
    /// An empty account. `host` makes the function.
    pub(crate) fn new(seed: u64, from: &str, host: impl Fn(&Account, &FunctionSpec) -> Box<dyn Function>) -> Self {
        shared::metrics::silence();
        let begins = format!("{:02}:{:02}", BEGINS.0, BEGINS.1);
        let parameters = [("SnapshotTimeZone", ZONE), ("SnapshotTime", &begins)];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let template = Template::read(include_str!("../../../template.yaml"), &parameters).unwrap();
        let account = Account::new(VirtualClock::starting_at(from.parse().unwrap()));
        let spec = template.function(steward::SNAPSHOT).unwrap().clone();
        let topic = template.topics.values().next().unwrap().rsplit(':').next().unwrap().to_owned();
        let world = World::new(account.clone(), Arc::new(template));
        let told = Told::default();
        account.register("sns", Box::new(Post { topic, told: told.clone() }));
        let mut scene = Self {
            function: host(&account, &spec),
            last_trouble: account.clock().now(),
            account,
            spec,
            _world: world,
            told,
            rng: Rng::with_seed(seed),
            days: Days::new(),
            dbs: Vec::new(),
            made: BTreeMap::new(),
            had: BTreeMap::new(),
            quota: 0,
            breaches: Vec::new(),
            counted: BTreeMap::new(),
            later: BTreeMap::new(),
            number: 0,
            said: Value::Null,
        };
        scene.set_quota(50_000);
        scene
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.account.clock().now()
    }

    pub(crate) fn set_quota(&mut self, most: usize) {
        self.quota = most;
        for kind in [Kind::Instance, Kind::Cluster] {
            self.account.rds().quota(kind, most);
            self.account.rds_in(FAR).quota(kind, 50_000);
        }
    }

    /// What is known of the snapshots of a database that the function made.
    pub(crate) fn made_of(&self, region: &'static str, resource: &str) -> impl Iterator<Item = (&Key, &Made)> {
        of(&self.made, region, resource)
    }

    /// Takes a database that exists under watch.
    pub(crate) fn watch(&mut self, id: &str, kind: Kind) -> usize {
        let (operation, member, tag) = match kind {
            Kind::Instance => ("DescribeDBInstances", "DBInstanceIdentifier", "DbiResourceId"),
            Kind::Cluster => ("DescribeDBClusters", "DBClusterIdentifier", "DbClusterResourceId"),
        };
        let xml = self.account.rds().call(operation, json!({ member: id })).unwrap();
        let resource = xml.split_once(&format!("<{tag}>")).unwrap().1.split_once('<').unwrap().0.to_owned();
        let (now, id) = (self.now(), id.to_owned());
        self.dbs.push(Db {
            names: BTreeSet::from([id.clone()]),
            id,
            kind,
            resource,
            policy: None,
            text: String::new(),
            copied: false,
            changed: now,
            noticed: None,
            paced: now,
            paced_noticed: None,
            stopped: None,
            covered: None,
            rest_seen: None,
            rest_ended: None,
            gone: false,
            told_stale: false,
        });
        self.dbs.len() - 1
    }

    /// Gives a database a policy, or none.
    pub(crate) fn opt(&mut self, place: usize, text: Option<&str>) {
        let now = self.now();
        let db = &mut self.dbs[place];
        if db.policy.is_some() && text == Some(&db.text) {
            return;
        }
        (db.changed, db.noticed) = (now, None);
        self.had.remove(&db.resource);
        let policy = text.map(Policy::read);
        if policy.as_ref().map(Policy::finest) != db.policy.as_ref().map(Policy::finest) {
            (db.paced, db.paced_noticed) = (now, None);
        }
        db.policy = policy;
        text.unwrap_or_default().clone_into(&mut db.text);
        db.copied &= db.policy.as_ref().is_some_and(|policy| policy.finest().is_some());
        let region = self.account.rds();
        assert!(region.tag(&db.id, "steward:snapshot", text));
        assert!(region.tag(&db.id, "steward:copy", db.copied.then_some(FAR)));
    }

    /// Everything manual that there is.
    pub(crate) fn list(&self) -> Listed {
        let of = |region: &'static str| {
            let seen = self.account.rds_in(region).snapshots().into_iter();
            seen.map(move |snapshot| ((region, snapshot.resource_id.clone(), snapshot.id.clone()), snapshot))
        };
        of(HERE).chain(of(FAR)).collect()
    }

    /// Wakes the function, and judges what it did.
    pub(crate) async fn wake(&mut self, event: Value, weather: Weather) {
        let is_sweep = event["detail-type"] == "Sweep";
        *self.counted.entry(if is_sweep { "sweeps" } else { "events" }).or_default() += 1;
        let mut rng = self.rng.fork();
        self.account.inject(Box::new(move |call| match weather {
            Weather::Storm if rng.f64() < 0.12 => storm(&mut rng),
            Weather::Out(what) if call.service == what || call.operation == what => Fault::ServerError,
            _ => Fault::Ok,
        }));
        if weather != Weather::Fair {
            self.last_trouble = self.now();
        }
        let (before, now) = (self.list(), self.now());
        let statuses: BTreeMap<String, String> = self
            .dbs
            .iter()
            .filter(|db| !db.gone)
            .filter_map(|db| Some((db.resource.clone(), self.account.rds().status(&db.id)?)))
            .collect();
        let timeout = self.spec.timeout;
        self.number += 1;
        let invocation = Invocation { id: self.number.to_string(), payload: event, timeout, deadline: now + timeout };
        let answer = self.function.invoke(invocation).await;
        assert!(answer.is_ok() || weather != Weather::Fair, "in fair weather at {now}: {answer:?}");
        self.said = answer.unwrap_or_default();
        self.account.forget_calls();
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        let after = self.list();
        self.judge(&super::judge::Act { now, is_sweep, weather, before, after, statuses, told });
    }

    /// The scheduled tick.
    pub(crate) async fn sweep(&mut self, weather: Weather) {
        let event = self.event("steward", "Sweep", &json!({}));
        self.wake(event, weather).await;
    }

    pub(crate) fn event(&self, source: &str, kind: &str, detail: &Value) -> Value {
        let mut event = crate::support::event(source, kind, detail);
        event["time"] = self.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        event
    }

    /// Lets time pass. Of the events that RDS sends meanwhile so many reach the function.
    pub(crate) async fn pass(&mut self, until: Timestamp, heard: f64) {
        let most = SignedDuration::from_mins(20);
        while self.now() < until {
            self.account.advance_to(until.min(self.now() + most));
            self.account.take_events_elsewhere();
            for event in self.account.take_events() {
                let id = event["detail"]["EventID"].as_str().unwrap_or_default();
                if matches!(id, "RDS-EVENT-0042" | "RDS-EVENT-0075") && self.rng.f64() < heard {
                    self.wake(event, Weather::Fair).await;
                }
            }
        }
    }
}

/// Those of a database in a region.
pub(crate) fn of<'a, T>(
    all: &'a BTreeMap<Key, T>,
    region: &'static str,
    resource: &str,
) -> impl Iterator<Item = (&'a Key, &'a T)> {
    let resource = resource.to_owned();
    let from = (region, resource.clone(), String::new());
    all.range(from..).take_while(move |(key, _)| key.0 == region && key.1 == resource)
}

fn storm(rng: &mut Rng) -> Fault {
    let faults = [
        Fault::Throttled,
        Fault::ThrottledOnce,
        Fault::Denied,
        Fault::ServerError,
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::LostReply,
        Fault::LostReplyOnce,
        Fault::Stale,
    ];
    faults[rng.usize(..faults.len())]
}
