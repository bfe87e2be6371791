//! Tags on an ECS service.

use serde::{Deserialize, Serialize};

use super::{Reader, TagProblem, word};
use crate::arn::is_database_identifier;
use crate::policy::Policy;

/// `steward:mode`: how a service is rolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A new deployment of the same revision; ECS resolves the tag anew.
    Force,
    /// A new revision that names the image by digest.
    Pin,
    /// Nothing: only say what would be done.
    Plan,
}

/// `steward:heal`: how far healing may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealLevel {
    /// Neither heal nor tell: only a rollout that failed is told.
    Off,
    /// Say what would be done.
    DryRun,
    /// Ask a person.
    Approve,
    /// Do it.
    Auto,
}

impl HealLevel {
    /// All levels with their words, the least first.
    const WORDS: [(&'static str, Self); 4] =
        [("off", Self::Off), ("dry-run", Self::DryRun), ("approve", Self::Approve), ("auto", Self::Auto)];

    /// The word of the grammar.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::DryRun => "dry-run",
            Self::Approve => "approve",
            Self::Auto => "auto",
        }
    }
}

impl std::str::FromStr for HealLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        word(text, &Self::WORDS)
    }
}

/// `steward:restore-point`: what is taken before a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestorePoint {
    /// Nothing.
    None,
    /// The time is written down, for point-in-time recovery.
    Mark,
    /// A snapshot.
    Snapshot,
}

/// What a service says about migrations. The command itself is a docker label in the task definition, on purpose: tags
/// may be written by people who may not run code with the service's roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrateTags {
    /// `steward:migrate`: the container whose image and labels migrate.
    pub container: String,
    /// `steward:database`: what is locked, and what is snapshotted.
    pub database: Option<String>,
    /// `steward:restore-point`; default `none`.
    pub restore_point: RestorePoint,
}

/// All that the tags of an ECS service say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTags {
    /// `steward:deploy`; absent is `off`.
    pub policy: Policy,
    /// `steward:mode`; `None` is the default, which the policy and the registry decide.
    pub mode: Option<Mode>,
    /// `steward:container`: the containers that are meant; empty means each whose image is from the pushed repository.
    pub containers: Vec<String>,
    /// `steward:hold`: do not touch, for this reason.
    pub hold: Option<String>,
    /// `steward:heal`; default `dry-run`.
    pub heal: HealLevel,
    /// `steward:migrate` and what belongs to it.
    pub migrate: Option<MigrateTags>,
    /// `steward:runbook`: shown in alerts.
    pub runbook: Option<String>,
}

/// Every key that a service may carry.
const KEYS: [&str; 9] = [
    "steward:deploy",
    "steward:mode",
    "steward:container",
    "steward:hold",
    "steward:heal",
    "steward:migrate",
    "steward:database",
    "steward:restore-point",
    "steward:runbook",
];

fn container_name(value: &str) -> Result<String, String> {
    let good =
        (1..=255).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if good { Ok(value.to_owned()) } else { Err("expected a container's name".to_owned()) }
}

fn containers(value: &str) -> Result<Vec<String>, String> {
    let names: Result<Vec<String>, String> = value.split(' ').map(container_name).collect();
    names.map_err(|_| "expected container names with one space between them".to_owned())
}

fn database_identifier(value: &str) -> Result<String, String> {
    let good = is_database_identifier(value);
    // RDS keeps identifiers in small letters: two spellings are one database, and one lock.
    if good {
        Ok(value.to_ascii_lowercase())
    } else {
        Err("expected the identifier of an RDS instance or cluster".to_owned())
    }
}

fn url(value: &str) -> Result<String, String> {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !value.contains(char::is_whitespace) => Ok(value.to_owned()),
        _ => Err("expected a URL that begins with https://".to_owned()),
    }
}

impl ServiceTags {
    /// Reads a service's tags from keys and values.
    ///
    /// # Errors
    /// As [`ServiceTags::parse`].
    pub fn of(tags: &[(String, String)]) -> Result<Self, Vec<TagProblem>> {
        Self::parse(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }

    /// Reads a service's tags. Keys without Steward's prefix are none of its business.
    ///
    /// # Errors
    /// Every tag that is not in the grammar. A service with a problem is left alone.
    pub fn parse<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<TagProblem>> {
        let mut reader = Reader::new(tags, &KEYS, &[]);
        let policy = reader.read("steward:deploy", str::parse);
        let words = [("force", Mode::Force), ("pin", Mode::Pin), ("plan", Mode::Plan)];
        let mode = reader.read("steward:mode", |value| word(value, &words));
        let heal = reader.read("steward:heal", str::parse);
        let points = [("none", RestorePoint::None), ("mark", RestorePoint::Mark), ("snapshot", RestorePoint::Snapshot)];
        let restore_point = reader.read("steward:restore-point", |value| word(value, &points));
        let containers = reader.read("steward:container", containers);
        let migrate = reader.read("steward:migrate", container_name);
        let database = reader.read("steward:database", database_identifier);
        let runbook = reader.read("steward:runbook", url);
        let hold = reader.text("steward:hold").map(|text| match text.trim() {
            "" => "no reason given".to_owned(),
            text => text.to_owned(),
        });
        // `force` starts the same revision again, so it can only follow the tag that this revision names.
        if mode == Some(Mode::Force) && policy.as_ref().is_some_and(|p| !matches!(p, Policy::Follow | Policy::Off)) {
            let problem = "force starts the same task definition again and so goes with steward:deploy = follow only; use pin or leave the tag out";
            let tag = TagProblem { key: "steward:mode".into(), value: "force".into(), problem: problem.into() };
            reader.problems.push(tag);
        }
        // What is migrated is one digest, and what is rolled must be the same; a tag may move in between.
        if mode == Some(Mode::Force) && migrate.is_some() {
            let problem = "force starts whatever the tag names by then, which may not be what was migrated; use pin or leave the tag out";
            let tag = TagProblem { key: "steward:mode".into(), value: "force".into(), problem: problem.into() };
            reader.problems.push(tag);
        }
        let is_taken = restore_point.is_some_and(|point| point != RestorePoint::None);
        if is_taken && migrate.is_some() && database.is_none() && reader.problems.is_empty() {
            let value = if restore_point == Some(RestorePoint::Mark) { "mark" } else { "snapshot" };
            let problem = "what is to be gone back to is a database's: name it with steward:database";
            let tag = TagProblem { key: "steward:restore-point".into(), value: value.into(), problem: problem.into() };
            reader.problems.push(tag);
        }
        reader.finish(Self {
            policy: policy.unwrap_or(Policy::Off),
            mode,
            containers: containers.unwrap_or_default(),
            hold,
            heal: heal.unwrap_or(HealLevel::DryRun),
            migrate: migrate.map(|container| MigrateTags {
                container,
                database,
                restore_point: restore_point.unwrap_or(RestorePoint::None),
            }),
            runbook,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn good(tags: &[(&str, &str)]) -> ServiceTags {
        ServiceTags::parse(tags.iter().copied()).unwrap()
    }

    #[track_caller]
    fn bad(tags: &[(&str, &str)], keys: &[&str]) {
        let problems = ServiceTags::parse(tags.iter().copied()).unwrap_err();
        assert_eq!(problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), keys, "{problems:?}");
    }

    #[test]
    fn a_service_without_our_tags_is_off_and_its_other_tags_are_not_read() {
        let tags = good(&[("team", "shop"), ("stewardship", "x"), ("aws:ecs:clusterName", "shop")]);
        assert_eq!(tags.policy, Policy::Off);
        assert_eq!(tags.heal, HealLevel::DryRun);
    }

    #[test]
    fn every_tag_of_the_grammar_is_read() {
        let tags = good(&[
            ("steward:deploy", "semver:minor"),
            ("steward:mode", "pin"),
            ("steward:container", "api worker"),
            ("steward:hold", "load test until Friday"),
            ("steward:heal", "auto"),
            ("steward:migrate", "api"),
            ("steward:database", "shop-db"),
            ("steward:restore-point", "snapshot"),
            ("steward:runbook", "https://wiki.example.com/shop"),
        ]);
        assert_eq!(tags.policy.to_string(), "semver:minor");
        assert_eq!(tags.mode, Some(Mode::Pin));
        assert_eq!(tags.containers, ["api", "worker"]);
        assert_eq!(tags.hold.as_deref(), Some("load test until Friday"));
        assert_eq!(tags.heal, HealLevel::Auto);
        let migrate = tags.migrate.unwrap();
        assert_eq!((migrate.container.as_str(), migrate.database.as_deref()), ("api", Some("shop-db")));
        assert_eq!(migrate.restore_point, RestorePoint::Snapshot);
        assert_eq!(tags.runbook.as_deref(), Some("https://wiki.example.com/shop"));
    }

    #[test]
    fn a_hold_holds_even_without_a_text() {
        assert_eq!(good(&[("steward:deploy", "any"), ("steward:hold", "")]).hold.as_deref(), Some("no reason given"));
    }

    #[test]
    fn what_is_not_in_the_grammar_is_a_problem_and_never_a_default() {
        bad(&[("steward:deploy", "latest")], &["steward:deploy"]);
        bad(&[("steward:deploy", "")], &["steward:deploy"]);
        bad(&[("steward:deploy", "follow"), ("steward:mode", "Force")], &["steward:mode"]);
        bad(&[("steward:deploy", "follow"), ("steward:container", "")], &["steward:container"]);
        bad(&[("steward:deploy", "follow"), ("steward:container", "api,worker")], &["steward:container"]);
        bad(&[("steward:deploy", "follow"), ("steward:heal", "yes")], &["steward:heal"]);
        bad(&[("steward:deploy", "follow"), ("steward:polcy", "x")], &["steward:polcy"]);
        bad(&[("steward:database", "-db")], &["steward:database"]);
        bad(&[("steward:runbook", "wiki")], &["steward:runbook"]);
        bad(&[("steward:deploy", "any"), ("steward:mode", "force")], &["steward:mode"]);
        bad(&[("steward:deploy", "follow"), ("steward:mode", "force"), ("steward:migrate", "api")], &["steward:mode"]);
        bad(&[("steward:migrate", "api"), ("steward:restore-point", "mark")], &["steward:restore-point"]);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        bad(
            &[("steward:deploy", "x"), ("steward:mode", "x"), ("steward:heal", "x")],
            &["steward:deploy", "steward:heal", "steward:mode"],
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn no_text_whatever_makes_the_grammar_panic_or_act_by_default(key in "steward:[a-z-]{0,12}|steward:deploy|steward:mode", value in any::<String>()) {
            if let Ok(tags) = ServiceTags::parse([(key.as_str(), value.as_str())])
                && tags.policy != Policy::Off
            {
                prop_assert_eq!(tags.policy.to_string(), value, "a policy that acts is written out in full");
            }
        }
    }
}
