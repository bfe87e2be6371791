//! The scenes of `migrate`: what is pushed, how its migration goes, and what must have come of it. All of that is written
//! down by hand.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::scene::{CLUSTER, digest};
use crate::account::Account;
use crate::context::REGISTRY;
use crate::ecs::{Behaviour, Command, Job, SimulatedSchema, StopCause};
use crate::wire::ApiError;

/// The database of all services of all scenes.
pub const DATABASE: &str = "orders";
/// What stands in the environment of every container, and must stand nowhere else.
pub const SECRET: &str = "postgres://api:hunter2@orders";

/// A small account, and what is pushed in it.
#[derive(Debug)]
pub struct Scene {
    /// One word.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Whether the database is a cluster.
    pub cluster: bool,
    /// Services that run when it begins; all of them use the one database.
    pub services: &'static [Service],
    /// What happens: with trouble.
    pub steps: &'static [Step],
    /// For how many minutes the state table may answer nothing, from any call of it on that may fail; each is tried.
    pub outages: &'static [i64],
    /// For how many minutes it answers nothing after the first call that starts a task, whatever else goes wrong.
    pub out_after_start: i64,
    /// Minutes at the end in which nothing goes wrong any more.
    pub calm: i64,
    /// What must have come of it.
    pub expected: &'static [Expected],
}

/// A service, which migrates in its only container. It follows `latest` of the repository of its name.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its name, also that of its container.
    pub name: &'static str,
    /// Whether its image has a command that says what is pending.
    pub plans: bool,
    /// `steward.migrate-timeout`, in minutes.
    pub timeout: &'static str,
    /// `steward:restore-point`.
    pub restore_point: &'static str,
    /// Whether its rollouts wait at a hook; then people roll it out, and not `deploy`.
    pub waits: bool,
}

/// Something that happens.
#[derive(Debug)]
pub enum Step {
    /// A push to the repository of a service. How its migration goes is in the content's name: [`job`].
    Push(&'static str, &'static str),
    /// Somebody rolls content out to a service.
    ByHand(&'static str, &'static str),
    /// So many minutes pass; every five of them `migrate` sweeps, every ten `deploy`.
    Wait(i64),
    /// One of these times passes, in seconds; each is tried.
    Gap(&'static [i64]),
    /// The first `Migration Requested` comes once more: somebody has sent it on from a dead-letter queue.
    Again,
    /// From now on the migration of this content goes well.
    Mend(&'static str),
    /// A person has looked at the run of which nobody knows what it did, if there is one, and lets it be run again.
    Retry,
    /// A message that is no event comes to `migrate`.
    Rubbish,
}

/// What must have come of a service.
#[derive(Debug)]
pub struct Expected {
    /// The service.
    pub service: &'static str,
    /// Content that it runs in the end, one of these.
    pub runs: &'static [&'static str],
    /// Kinds of alerts of `migrate` that tell of it, each once, whatever goes wrong.
    pub told: &'static [&'static str],
    /// Kinds that may be told too.
    pub freely: &'static [&'static str],
}

const API: Service = Service { name: "api", plans: false, timeout: "10", restore_point: "none", waits: false };

/// All scenes.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "migrate-push",
        about: "one push of a service that migrates first",
        cluster: false,
        services: &[API],
        steps: &[Step::Push("api", "2"), Step::Rubbish, Step::Wait(10)],
        outages: &[],
        out_after_start: 0,
        calm: 70,
        expected: &[Expected { service: "api", runs: &["2"], told: &["migrated"], freely: &[] }],
    },
    Scene {
        name: "migrate-two",
        about: "two services of one database, and each migration takes longer than anybody would think",
        cluster: false,
        services: &[Service { timeout: "60", ..API }, Service { name: "worker", timeout: "60", ..API }],
        steps: &[Step::Push("api", "slow-1"), Step::Push("worker", "slow-2"), Step::Wait(40)],
        outages: &[],
        out_after_start: 0,
        calm: 80,
        expected: &[
            Expected { service: "api", runs: &["slow-1"], told: &["migrated"], freely: &[] },
            Expected { service: "worker", runs: &["slow-2"], told: &["migrated"], freely: &[] },
        ],
    },
    Scene {
        name: "migrate-fails",
        about: "a migration that fails, then its fix",
        cluster: false,
        services: &[API],
        steps: &[Step::Push("api", "fails"), Step::Wait(15), Step::Push("api", "3"), Step::Wait(10)],
        outages: &[],
        out_after_start: 0,
        calm: 70,
        expected: &[Expected {
            service: "api",
            runs: &["3"],
            told: &["migrated"],
            // Whatever goes wrong may keep it from being run before there is the fix.
            freely: &["migration-failed"],
        }],
    },
    Scene {
        name: "migrate-gone",
        about: "the host of a migration is taken away, and nobody knows what it did",
        cluster: false,
        services: &[API],
        steps: &[Step::Push("api", "gone"), Step::Wait(10)],
        outages: &[],
        out_after_start: 0,
        calm: 70,
        expected: &[Expected { service: "api", runs: &["1"], told: &["migration-unknown"], freely: &[] }],
    },
    Scene {
        name: "migrate-retry",
        about: "the same, and a person lets it be run again",
        cluster: false,
        services: &[API],
        steps: &[Step::Push("api", "gone"), Step::Wait(15), Step::Mend("gone"), Step::Retry, Step::Wait(10)],
        outages: &[],
        out_after_start: 0,
        calm: 70,
        expected: &[Expected {
            service: "api",
            runs: &["gone"],
            told: &["migrated"],
            // What goes wrong may keep it from being run before it goes well; a decision that comes twice does not fit the
            // second time.
            freely: &["migration-unknown", "migration-refused"],
        }],
    },
    Scene {
        name: "migrate-hangs",
        about: "a migration that does not end, and does not heed SIGTERM either",
        cluster: false,
        services: &[API],
        steps: &[Step::Push("api", "hangs"), Step::Wait(25)],
        outages: &[],
        out_after_start: 0,
        calm: 80,
        expected: &[Expected { service: "api", runs: &["1"], told: &["migration-failed"], freely: &[] }],
    },
    Scene {
        name: "migrate-plan",
        about: "the image says what is pending, before and after",
        cluster: false,
        services: &[Service { plans: true, ..API }],
        steps: &[Step::Push("api", "2"), Step::Wait(10)],
        outages: &[],
        out_after_start: 0,
        calm: 70,
        expected: &[Expected { service: "api", runs: &["2"], told: &["migrated"], freely: &[] }],
    },
    Scene {
        name: "migrate-newer",
        about: "three pushes: the newest one takes the place of what waits, and never of what runs",
        cluster: false,
        services: &[Service { timeout: "60", ..API }],
        steps: &[
            Step::Push("api", "slow-1"),
            // The last is just after the roll.
            Step::Gap(&[5, 60, 780]),
            Step::Push("api", "3"),
            Step::Gap(&[5, 60, 1200]),
            Step::Push("api", "4"),
            Step::Wait(30),
        ],
        outages: &[],
        out_after_start: 0,
        calm: 80,
        expected: &[Expected { service: "api", runs: &["4"], told: &["migrated"], freely: &["migrated"] }],
    },
    Scene {
        name: "migrate-again",
        about: "long after it was migrated, the request comes once more",
        cluster: false,
        services: &[API],
        steps: &[Step::Push("api", "2"), Step::Wait(90), Step::Again],
        outages: &[],
        out_after_start: 0,
        calm: 30,
        expected: &[Expected { service: "api", runs: &["2"], told: &["migrated"], freely: &[] }],
    },
    Scene {
        name: "migrate-snapshot",
        about: "a snapshot is taken before",
        cluster: false,
        services: &[Service { restore_point: "snapshot", ..API }],
        steps: &[Step::Push("api", "2"), Step::Wait(25)],
        outages: &[],
        out_after_start: 0,
        calm: 90,
        expected: &[Expected { service: "api", runs: &["2"], told: &["migrated"], freely: &[] }],
    },
    Scene {
        name: "migrate-cluster",
        about: "a snapshot of a cluster is taken before",
        cluster: true,
        services: &[Service { restore_point: "snapshot", ..API }],
        steps: &[Step::Push("api", "2"), Step::Wait(25)],
        outages: &[],
        out_after_start: 0,
        calm: 90,
        expected: &[Expected { service: "api", runs: &["2"], told: &["migrated"], freely: &[] }],
    },
    Scene {
        name: "migrate-lost",
        about: "the task is started, and for three quarters of an hour nobody can write down which it is",
        cluster: false,
        services: &[API],
        steps: &[Step::Push("api", "2"), Step::Wait(60)],
        outages: &[],
        out_after_start: 46,
        calm: 40,
        expected: &[Expected { service: "api", runs: &["2"], told: &["migrated"], freely: &["migration-unknown"] }],
    },
    Scene {
        name: "migrate-waits",
        about: "somebody rolls out, and ECS holds the rollout at a hook until it is migrated",
        cluster: false,
        services: &[Service { waits: true, ..API }],
        steps: &[Step::ByHand("api", "2"), Step::Wait(10)],
        outages: &[],
        out_after_start: 0,
        calm: 40,
        expected: &[Expected { service: "api", runs: &["2"], told: &["migrated"], freely: &[] }],
    },
    Scene {
        name: "migrate-waits-fails",
        about: "the same, and the migration fails: the rollout is rolled back",
        cluster: false,
        services: &[Service { waits: true, ..API }],
        steps: &[Step::ByHand("api", "fails"), Step::Wait(10)],
        outages: &[],
        out_after_start: 0,
        calm: 40,
        expected: &[Expected { service: "api", runs: &["1"], told: &["migration-failed"], freely: &[] }],
    },
    Scene {
        name: "migrate-mark",
        about: "a moment that could be gone back to is written down before",
        cluster: true,
        services: &[Service { restore_point: "mark", ..API }],
        steps: &[Step::Push("api", "2"), Step::Wait(15)],
        outages: &[],
        out_after_start: 0,
        calm: 80,
        expected: &[Expected { service: "api", runs: &["2"], told: &["migrated"], freely: &[] }],
    },
    Scene {
        name: "migrate-outage",
        about: "the state table is out of reach, from one call of it or another on; ECS forgets a task after an hour",
        cluster: false,
        services: &[API],
        steps: &[Step::Push("api", "2"), Step::Wait(10)],
        outages: &[10, 50, 75],
        out_after_start: 0,
        // The longest outage and then some sweeps.
        calm: 130,
        expected: &[Expected { service: "api", runs: &["2"], told: &["migrated"], freely: &["migration-unknown"] }],
    },
];

impl Scene {
    /// The scene of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENES.iter().find(|scene| scene.name == name)
    }

    /// What is pushed: service and content.
    pub(super) fn pushes(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.steps.iter().filter_map(|step| match step {
            Step::Push(service, content) | Step::ByHand(service, content) => Some((*service, *content)),
            _ => None,
        })
    }

    /// Whether a service asks for a snapshot.
    pub(super) fn takes_snapshots(&self) -> bool {
        self.services.iter().any(|service| service.restore_point == "snapshot")
    }

    /// Makes the database and the services, lets them come to their steady state, and says how migrations go.
    pub(super) fn set_up(&self, account: &Account) -> Result<SimulatedSchema, ApiError> {
        let rds = account.rds();
        let database = if self.cluster { rds.aurora(DATABASE, 0) } else { rds.instance(DATABASE) };
        database.tag("steward:snapshot", "on-request").create();
        for service in self.services {
            account.push(service.name, &["latest"], "1")?;
            service.create(account)?;
            for paused in account.paused(CLUSTER, service.name) {
                let answer = json!({
                    "serviceDeploymentArn": paused.deployment, "hookId": paused.hook, "action": "CONTINUE",
                });
                account.ecs("ContinueServiceDeployment", answer)?;
            }
        }
        account.settle();
        account.advance(SignedDuration::from_mins(5));
        let schema = SimulatedSchema::at(1);
        account.script_command(Command::exactly(&["bin/plan"]), Job::plans(&schema));
        // Each push needs what those before it need, and more.
        for (version, (_, content)) in (2..).zip(self.pushes()) {
            schema.needs(&digest(content), version);
            account.script_command(Command::exactly(&["bin/migrate"]).of(&digest(content)), job(&schema, content));
        }
        Ok(schema)
    }
}

impl Scene {
    /// Somebody rolls content out, as a person would with the AWS CLI.
    pub(super) fn set_by_hand(&self, account: &Account, service: &str, content: &str) -> Result<(), ApiError> {
        let Some(service) = self.services.iter().find(|each| each.name == service) else { return Ok(()) };
        account.push(service.name, &["latest"], content)?;
        let revision = service.register(account, &format!("{REGISTRY}/{}@{}", service.name, digest(content)))?;
        let update = json!({"cluster": CLUSTER, "service": service.name, "taskDefinition": revision});
        account.ecs("UpdateService", update).map(drop)
    }
}

impl Service {
    /// Registers its task definition with an image; answers the revision.
    fn register(&self, account: &Account, image: &str) -> Result<Value, ApiError> {
        let Self { name, plans, timeout, .. } = self;
        let mut labels = json!({"steward.migrate": "bin/migrate", "steward.migrate-timeout": timeout});
        if *plans {
            labels["steward.migrate-plan"] = json!("bin/plan");
        }
        let container = json!({
            "name": name, "image": image, "essential": true, "dockerLabels": labels,
            "environment": [{"name": "DATABASE_URL", "value": SECRET}],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": format!("/shop/{name}"), "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "app",
            }},
        });
        let definition = json!({
            "family": name, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256",
            "memory": "512", "containerDefinitions": [container],
        });
        let registered = account.ecs("RegisterTaskDefinition", definition)?;
        Ok(registered["taskDefinition"]["taskDefinitionArn"].clone())
    }

    fn create(&self, account: &Account) -> Result<(), ApiError> {
        let Self { name, restore_point, waits, .. } = self;
        account.ecs("CreateCluster", json!({"clusterName": CLUSTER}))?;
        let revision = self.register(account, &format!("{REGISTRY}/{name}:latest"))?;
        let tag = |(key, value): (&str, &str)| json!({"key": key, "value": value});
        let tags = [
            ("steward:deploy", if *waits { "off" } else { "follow" }),
            ("steward:migrate", *name),
            ("steward:database", DATABASE),
            ("steward:restore-point", *restore_point),
        ];
        let mut deployment = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
        if *waits {
            deployment["lifecycleHooks"] = json!([{"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}]);
        }
        let service = json!({
            "cluster": CLUSTER, "serviceName": name, "desiredCount": 1, "launchType": "FARGATE",
            "taskDefinition": revision, "tags": tags.map(tag), "deploymentConfiguration": deployment,
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED",
            }},
        });
        account.ecs("CreateService", service).map(drop)
    }
}

/// How the migration of content goes.
fn job(schema: &SimulatedSchema, content: &str) -> Job {
    let after = SignedDuration::from_secs(20);
    let job = Job::migrates(schema);
    match content.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-') {
        "fails" => job.ending(Behaviour::CrashAfterRunning { exit_code: 1, after }).says(&["no such column"]),
        // Its host is taken away: no exit code is known.
        "gone" => job.ending(Behaviour::Ends { cause: StopCause::HostTerminated, after }).committing_at_once(),
        // It does not heed SIGTERM either.
        "hangs" => job.ending(Behaviour::Healthy).on_stop(137),
        "slow" => job.after(SignedDuration::from_mins(12)),
        _ => job,
    }
}
