//! The scenes of `snapshot`: what there is, what happens, and what there must be in the end. All of that is written down by
//! hand: no policy is computed here.

use jiff::{SignedDuration, Timestamp};

use crate::account::Account;
use crate::context::REGION;
use crate::rds::{Course, Kind};

/// The account that snapshots are shared with, where they are.
pub const PARTNER: &str = "111122223333";
/// The region that copies go to.
pub const FAR: &str = "eu-central-1";

/// A small account, and an evening in it.
#[derive(Debug)]
pub struct Scene {
    /// One word.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// When it begins.
    pub starts: &'static str,
    /// Databases that are there then.
    pub databases: &'static [Database],
    /// Variables of the function that are not as usual.
    pub environment: &'static [(&'static str, &'static str)],
    /// What happened before, without trouble.
    pub before: &'static [Step],
    /// What happens: with trouble.
    pub steps: &'static [Step],
    /// What must have come of it.
    pub expected: &'static [Expected],
}

/// A database.
#[derive(Clone, Copy, Debug)]
pub struct Database {
    /// Its identifier.
    pub id: &'static str,
    /// Instance or cluster.
    pub kind: Kind,
    /// `steward:snapshot`.
    pub policy: &'static str,
    /// Whether its snapshots are copied.
    pub copied: bool,
    /// Whether it is encrypted, with a key of the account's own.
    pub encrypted: bool,
}

/// Something that happens.
#[derive(Debug)]
pub enum Step {
    /// It becomes that late, and the schedule fires.
    Tick(&'static str),
    /// It becomes that late.
    Until(&'static str),
    /// Somebody takes a snapshot of a database, with the tags of one of Steward's.
    Person(&'static str, &'static str),
    /// Somebody holds the snapshots that there are of a database.
    Hold(&'static str),
    /// The next snapshot of a database fails.
    Fails(&'static str),
    /// RDS says another status of a database.
    Status(&'static str, &'static str),
    /// A database is stopped.
    Stop(&'static str),
    /// A database is deleted.
    Gone(&'static str),
    /// Somebody asks for a snapshot of a database, under a name.
    Request(&'static str, &'static str),
    /// A message that is no event.
    Rubbish,
}

/// What must have come of a database. Slots are named by their date.
#[derive(Debug)]
pub struct Expected {
    /// The database.
    pub database: &'static str,
    /// Slots that have exactly one backup in the end, whatever goes wrong.
    pub due: &'static [&'static str],
    /// Slots whose backup is there before, and stays.
    pub stays: &'static [&'static str],
    /// Slots whose backup is there before, and goes, but not before those that are due are there.
    pub goes: &'static [&'static str],
    /// Of how many months there is a backup in the end, at least.
    pub months: usize,
    /// What was asked for.
    pub requests: &'static [&'static str],
    /// Kinds of alerts that tell of it, each once, whatever goes wrong.
    pub told: &'static [&'static str],
    /// Kinds that may be told, as often as there is reason to.
    pub freely: &'static [&'static str],
}

const NOTHING: Expected =
    Expected { database: "", due: &[], stays: &[], goes: &[], months: 0, requests: &[], told: &[], freely: &[] };

const ORDERS: Database =
    Database { id: "orders", kind: Kind::Instance, policy: "daily:2", copied: false, encrypted: false };
const CRM: Database = Database { id: "crm", kind: Kind::Cluster, ..ORDERS };

/// All scenes.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "snapshot-night",
        about: "an instance and a cluster are due; then the oldest of each goes, but what is held and what is a person's",
        starts: "2026-11-17T01:00:00Z",
        databases: &[ORDERS, CRM],
        environment: &[],
        before: &[
            Step::Tick("2026-11-17T02:00:00Z"),
            Step::Tick("2026-11-17T02:15:00Z"),
            Step::Hold("orders"),
            Step::Tick("2026-11-18T02:00:00Z"),
            Step::Person("orders", "before-release"),
            Step::Person("crm", "steward-crm-by-hand"),
            Step::Tick("2026-11-19T02:00:00Z"),
            Step::Tick("2026-11-19T02:15:00Z"),
        ],
        steps: &[
            Step::Tick("2026-11-20T02:00:00Z"),
            Step::Rubbish,
            Step::Tick("2026-11-20T02:15:00Z"),
            Step::Tick("2026-11-20T02:30:00Z"),
        ],
        expected: &[
            Expected {
                database: "orders",
                due: &["2026-11-20"],
                stays: &["2026-11-17", "2026-11-19"],
                goes: &["2026-11-18"],
                ..NOTHING
            },
            Expected {
                database: "crm",
                due: &["2026-11-20"],
                stays: &["2026-11-19"],
                goes: &["2026-11-18"],
                ..NOTHING
            },
        ],
    },
    Scene {
        name: "snapshot-cluster",
        about: "the first nights of a cluster, of which RDS takes a second snapshot while the first is made",
        starts: "2026-11-19T01:00:00Z",
        databases: &[CRM],
        environment: &[],
        before: &[Step::Tick("2026-11-19T02:00:00Z")],
        steps: &[Step::Tick("2026-11-20T02:00:00Z"), Step::Tick("2026-11-20T02:15:00Z")],
        expected: &[Expected { database: "crm", due: &["2026-11-20"], stays: &["2026-11-19"], ..NOTHING }],
    },
    Scene {
        name: "snapshot-prune",
        about: "the oldest goes when the new one is there, and what failed the night before",
        starts: "2026-11-17T01:00:00Z",
        databases: &[ORDERS],
        environment: &[],
        before: &[
            Step::Tick("2026-11-17T02:00:00Z"),
            Step::Tick("2026-11-18T02:00:00Z"),
            Step::Fails("orders"),
            Step::Tick("2026-11-19T02:00:00Z"),
            Step::Tick("2026-11-19T02:15:00Z"),
            Step::Tick("2026-11-19T02:30:00Z"),
        ],
        steps: &[Step::Tick("2026-11-20T02:00:00Z"), Step::Tick("2026-11-20T02:15:00Z")],
        expected: &[Expected {
            database: "orders",
            due: &["2026-11-20"],
            stays: &["2026-11-19"],
            goes: &["2026-11-18"],
            ..NOTHING
        }],
    },
    Scene {
        name: "snapshot-fails",
        about: "the first snapshot of the night fails, and no event tells",
        starts: "2026-11-19T01:00:00Z",
        databases: &[ORDERS],
        environment: &[],
        before: &[Step::Tick("2026-11-19T02:00:00Z"), Step::Fails("orders")],
        steps: &[
            Step::Tick("2026-11-20T02:00:00Z"),
            Step::Tick("2026-11-20T02:15:00Z"),
            Step::Tick("2026-11-20T02:30:00Z"),
        ],
        expected: &[Expected {
            database: "orders",
            due: &["2026-11-20"],
            stays: &["2026-11-19"],
            told: &["snapshot-failed"],
            ..NOTHING
        }],
    },
    Scene {
        name: "snapshot-month",
        about: "a month of which few nights are seen, and not always its first",
        starts: "2026-10-31T01:00:00Z",
        databases: &[Database { policy: "daily:2 monthly:2", ..ORDERS }],
        environment: &[],
        before: &[Step::Tick("2026-10-31T02:00:00Z")],
        steps: &[
            Step::Tick("2026-11-01T02:00:00Z"),
            Step::Tick("2026-11-29T02:00:00Z"),
            Step::Tick("2026-11-30T02:00:00Z"),
            Step::Tick("2026-12-01T02:00:00Z"),
            Step::Tick("2026-12-02T02:00:00Z"),
        ],
        expected: &[Expected {
            database: "orders",
            due: &["2026-12-02"],
            months: 2,
            freely: &["backup-stale"],
            ..NOTHING
        }],
    },
    Scene {
        name: "snapshot-request",
        about: "a snapshot of an instance is asked for, and one of a cluster",
        starts: "2026-11-20T09:59:00Z",
        databases: &[Database { policy: "on-request", ..ORDERS }, Database { policy: "on-request", ..CRM }],
        environment: &[],
        before: &[],
        steps: &[
            Step::Request("orders", "release-1"),
            Step::Until("2026-11-20T10:30:00Z"),
            Step::Request("crm", "release-2"),
            Step::Tick("2026-11-20T10:45:00Z"),
            Step::Tick("2026-11-20T11:00:00Z"),
        ],
        expected: &[
            Expected { database: "orders", requests: &["release-1"], ..NOTHING },
            Expected { database: "crm", requests: &["release-2"], ..NOTHING },
        ],
    },
    Scene {
        name: "snapshot-copy",
        about: "what is taken is copied to another region, and shared; what is encrypted needs a key there",
        starts: "2026-11-19T01:00:00Z",
        databases: &[Database { copied: true, encrypted: true, ..ORDERS }, Database { copied: true, ..CRM }],
        environment: &[("STEWARD_SNAPSHOT_SHARE_ACCOUNTS", PARTNER)],
        before: &[
            Step::Tick("2026-11-19T02:00:00Z"),
            Step::Tick("2026-11-19T02:15:00Z"),
            Step::Tick("2026-11-19T02:30:00Z"),
        ],
        steps: &[
            Step::Tick("2026-11-20T02:00:00Z"),
            Step::Tick("2026-11-20T02:15:00Z"),
            Step::Tick("2026-11-20T02:30:00Z"),
        ],
        expected: &[
            Expected { database: "orders", due: &["2026-11-20"], stays: &["2026-11-19"], ..NOTHING },
            Expected { database: "crm", due: &["2026-11-20"], stays: &["2026-11-19"], ..NOTHING },
        ],
    },
    Scene {
        name: "snapshot-stopped",
        about: "an instance is busy when it is due, a cluster is stopped for the night",
        starts: "2026-11-19T01:00:00Z",
        databases: &[ORDERS, CRM],
        environment: &[],
        before: &[Step::Tick("2026-11-19T02:00:00Z")],
        steps: &[
            Step::Until("2026-11-20T01:59:00Z"),
            Step::Stop("crm"),
            Step::Status("orders", "modifying"),
            Step::Tick("2026-11-20T02:00:00Z"),
            Step::Until("2026-11-20T02:04:00Z"),
            Step::Status("orders", "available"),
            Step::Tick("2026-11-20T02:15:00Z"),
        ],
        expected: &[
            Expected { database: "orders", due: &["2026-11-20"], stays: &["2026-11-19"], ..NOTHING },
            Expected { database: "crm", stays: &["2026-11-19"], ..NOTHING },
        ],
    },
    Scene {
        name: "snapshot-gone",
        about: "the snapshots of databases that are gone, which the operator keeps for a day",
        starts: "2026-11-17T01:00:00Z",
        databases: &[Database { policy: "daily:3", ..ORDERS }, Database { policy: "daily:3", ..CRM }],
        environment: &[("STEWARD_SNAPSHOT_ORPHAN_DAYS", "1")],
        before: &[
            Step::Tick("2026-11-17T02:00:00Z"),
            Step::Tick("2026-11-18T02:00:00Z"),
            Step::Tick("2026-11-19T02:00:00Z"),
            Step::Until("2026-11-19T03:00:00Z"),
            Step::Person("orders", "before-the-end"),
            Step::Gone("orders"),
            Step::Gone("crm"),
        ],
        steps: &[Step::Tick("2026-11-20T12:00:00Z"), Step::Tick("2026-11-20T12:15:00Z")],
        expected: &[
            Expected { database: "orders", stays: &["2026-11-18", "2026-11-19"], goes: &["2026-11-17"], ..NOTHING },
            Expected { database: "crm", stays: &["2026-11-18", "2026-11-19"], goes: &["2026-11-17"], ..NOTHING },
        ],
    },
];

impl Scene {
    /// The scene of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENES.iter().find(|scene| scene.name == name)
    }

    /// Identifiers of what people take.
    pub(super) fn of_people(&self) -> impl Iterator<Item = &'static str> {
        self.before.iter().chain(self.steps).filter_map(|step| match step {
            Step::Person(_, id) => Some(*id),
            _ => None,
        })
    }

    /// Makes the databases.
    pub(super) fn set_up(&self, account: &Account) {
        for Database { id, kind, policy, copied, encrypted } in self.databases {
            let setup = match kind {
                Kind::Instance => account.rds().instance(id),
                Kind::Cluster => account.rds().aurora(id, 0),
            };
            let setup = setup.tag("steward:snapshot", policy);
            let setup = if *copied { setup.tag("steward:copy", FAR) } else { setup };
            let setup = if *encrypted { setup.encrypted(Some(&account.key(REGION, &[]))) } else { setup };
            setup.create();
        }
    }
}

impl Step {
    /// What a person or RDS does; `None` for what the stage does.
    pub(super) fn done(&self, account: &Account, now: Timestamp) -> Option<bool> {
        let rds = account.rds();
        let of = |database: &str| {
            let database = database.to_owned();
            rds.snapshots().into_iter().filter(move |seen| seen.database == database)
        };
        Some(match self {
            // A restored database, and whoever copies tags, brings tags along; the name is another.
            Self::Person(database, id) => {
                let newest = of(database).max_by_key(|seen| seen.created_at);
                let tags = newest.map(|seen| seen.tags).unwrap_or_default();
                let tags: Vec<_> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                rds.put_snapshot(database, id, now, &tags)
            }
            Self::Hold(database) => of(database).all(|seen| rds.hold(&seen.id, "an audit")),
            Self::Fails(database) => rds.next_snapshot(database, Course::FailsAfter(SignedDuration::from_mins(4))),
            Self::Status(database, status) => rds.set_status(database, status),
            Self::Stop(database) => rds.stop(database),
            Self::Gone(database) => rds.delete(database),
            Self::Tick(_) | Self::Until(_) | Self::Request(..) | Self::Rubbish => return None,
        })
    }
}
