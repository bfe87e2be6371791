//! Configuration in two stages: raw strings from the environment, then validated types. Nothing after [`Config::read`]
//! checks again, and all problems are reported at once.

use std::time::Duration;

use crate::arn::AccountId;
use crate::schedule::ScheduleSettings;
use crate::tags::HealLevel;

/// The names of the variables that every function reads, in the order of the documentation.
pub const VARIABLES: [&str; 19] = [
    "STEWARD_ACCOUNT_ID",
    "STEWARD_TABLE",
    "STEWARD_TOPIC_ARN",
    "STEWARD_ALERT_FORMAT",
    "STEWARD_DRY_RUN",
    "STEWARD_ROLLOUT_TIMEOUT_MINUTES",
    "STEWARD_API_BUDGET_PERCENT",
    "STEWARD_MIGRATION_TIMEOUT_MINUTES",
    "STEWARD_DEAD_LETTER_QUEUE_URL",
    "STEWARD_HEAL_MODE",
    "STEWARD_QUEUE_ARN",
    "STEWARD_SCHEDULER_ROLE_ARN",
    "STEWARD_SCHEDULE_GROUP",
    "STEWARD_UNDELIVERED_QUEUE_ARN",
    "STEWARD_CLOCK",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_LAMBDA_FUNCTION_NAME",
];

/// How alerts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertFormat {
    /// Plain text, for e-mail.
    Text,
    /// Custom notification of Amazon Q Developer in chat applications, for Slack and Teams.
    AmazonQ,
}

/// Settings that one function has and the others do not.
pub trait OwnSettings: Sized {
    /// Reads and validates, adding all that is wrong to `problems`. `text` gives a variable that is set and not empty.
    fn read(text: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Option<Self>;
}

impl OwnSettings for () {
    fn read(_: &dyn Fn(&str) -> Option<String>, _: &mut Vec<String>) -> Option<Self> {
        Some(())
    }
}

/// The validated configuration of a function, with settings of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config<S = ()> {
    /// Name of the function, which Lambda says; for commands in alerts.
    pub function: Option<String>,
    /// The account that the stack is in. Events of other accounts are not for us.
    pub account: AccountId,
    /// The region that the stack is in.
    pub region: crate::arn::Region,
    /// Name of the state table.
    pub table: String,
    /// ARN of the alert topic.
    pub topic: String,
    /// How alerts are written.
    pub alert_format: AlertFormat,
    /// Whether everything is only planned, recorded and left.
    pub dry_run: bool,
    /// How long a rollout may take before it is told as one that never finished.
    pub rollout_timeout: Duration,
    /// Share of the account's API rates that Steward may use, 1 to 100.
    pub api_budget_percent: u8,
    /// Where messages go that can never be handled. Without it they fail until the queue gives up on them.
    pub dead_letter_queue: Option<String>,
    /// How far healing may go at most, whatever a service's tags say.
    pub heal_mode: HealLevel,
    /// How one-time schedules are made; for functions that make some.
    pub schedules: Option<ScheduleSettings>,
    /// What only this function has.
    pub own: S,
    /// How long a migration's task may take, where its image says nothing else.
    pub migration_timeout: Duration,
    /// Whether an event's own time is believed however far it is ahead: for simulations, never against AWS itself.
    pub clock_by_event: bool,
    /// Least severe level that is logged.
    pub log_level: tracing::Level,
}

/// All that is wrong with the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is not usable: {}", .0.join("; "))]
pub struct ConfigError(pub Vec<String>);

/// Reads the process's environment. The one place where that is done.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl<S: OwnSettings> Config<S> {
    /// Reads and validates. `variable` gives the value of an environment variable; an empty value counts as absent, as
    /// CloudFormation cannot leave a variable out by condition.
    ///
    /// # Errors
    /// Every variable that is missing or not valid, at once.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let text = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut required = |name: &str| {
            text(name).unwrap_or_else(|| {
                problems.push(format!("{name} is not set"));
                String::new()
            })
        };
        let account = required("STEWARD_ACCOUNT_ID");
        let region = required("AWS_REGION");
        let table = required("STEWARD_TABLE");
        let topic = required("STEWARD_TOPIC_ARN");

        let mut check = |name: &str, default: &str, expected: &str, is_good: &dyn Fn(&str) -> bool| {
            let value = text(name).unwrap_or_else(|| default.to_owned());
            if !is_good(&value) {
                problems.push(format!("{name} is {value:?}, expected {expected}"));
            }
            value
        };
        let one_of = |words: &'static [&'static str]| move |value: &str| words.contains(&value);
        let format = check("STEWARD_ALERT_FORMAT", "text", "text or amazon-q", &one_of(&["text", "amazon-q"]));
        // An unreadable switch must not mean "act".
        let dry_run = check("STEWARD_DRY_RUN", "false", "true or false", &one_of(&["true", "false"]));
        let whole = |value: &str, range: std::ops::RangeInclusive<u64>| value.parse().is_ok_and(|n| range.contains(&n));
        let minutes = check("STEWARD_ROLLOUT_TIMEOUT_MINUTES", "60", "a number of minutes from 5 to 1440", &|value| {
            whole(value, 5..=1440)
        });
        let migration =
            check("STEWARD_MIGRATION_TIMEOUT_MINUTES", "15", "a number of minutes from 1 to 720", &|value| {
                whole(value, 1..=720)
            });
        let percent =
            check("STEWARD_API_BUDGET_PERCENT", "50", "a number from 1 to 100", &|value| whole(value, 1..=100));
        let level = check("AWS_LAMBDA_LOG_LEVEL", "INFO", "TRACE, DEBUG, INFO, WARN, ERROR or FATAL", &|value| {
            log_level(value).is_some()
        });
        // An unreadable switch must not mean "act" here either.
        let heal_mode = check("STEWARD_HEAL_MODE", "dry-run", "off, dry-run, approve or auto", &|value| {
            value.parse::<HealLevel>().is_ok()
        });
        let by_event = check("STEWARD_CLOCK", "system", "system or event", &one_of(&["system", "event"])) == "event";
        let dead_letter_queue = text("STEWARD_DEAD_LETTER_QUEUE_URL");
        let schedule_parts = ["STEWARD_SCHEDULE_GROUP", "STEWARD_SCHEDULER_ROLE_ARN", "STEWARD_QUEUE_ARN"].map(text);
        let undelivered = text("STEWARD_UNDELIVERED_QUEUE_ARN");
        let schedules = match schedule_parts {
            [Some(group), Some(role), Some(queue)] => Some(ScheduleSettings { group, role, queue, undelivered }),
            [None, None, None] => None,
            _ => {
                let together = "STEWARD_SCHEDULE_GROUP, STEWARD_SCHEDULER_ROLE_ARN and STEWARD_QUEUE_ARN go together";
                problems.push(format!("{together}: set all of them or none"));
                None
            }
        };
        let function = text("AWS_LAMBDA_FUNCTION_NAME");
        let is_simulation = text("AWS_ENDPOINT_URL").is_some();
        if by_event && !is_simulation {
            problems.push(
                "STEWARD_CLOCK is event, which is for simulations and needs AWS_ENDPOINT_URL: leave it out".to_owned(),
            );
        }
        let own = S::read(&text, &mut problems);
        if !account.is_empty() && account.parse::<AccountId>().is_err() {
            problems.push(format!("STEWARD_ACCOUNT_ID is {account:?}, expected 12 digits"));
        }
        if !region.is_empty() && region.parse::<crate::arn::Region>().is_err() {
            problems.push(format!("AWS_REGION is {region:?}, expected a region such as eu-west-1"));
        }
        let topic_is_good = |topic: &str| topic.starts_with("arn:aws") && topic.contains(":sns:");
        if !topic.is_empty() && !topic_is_good(&topic) {
            problems.push(format!("STEWARD_TOPIC_ARN is {topic:?}, expected the ARN of an SNS topic"));
        }
        let numbers = minutes.parse::<u64>().ok().zip(migration.parse::<u64>().ok()).zip(percent.parse().ok());
        match (account.parse(), region.parse(), numbers, heal_mode.parse(), log_level(&level), own) {
            (
                Ok(account),
                Ok(region),
                Some(((minutes, migration_minutes), api_budget_percent)),
                Ok(heal_mode),
                Some(log_level),
                Some(own),
            ) if problems.is_empty() => Ok(Self {
                function,
                account,
                region,
                table,
                topic,
                alert_format: if format == "amazon-q" { AlertFormat::AmazonQ } else { AlertFormat::Text },
                dry_run: dry_run == "true",
                rollout_timeout: Duration::from_secs(minutes * 60),
                api_budget_percent,
                dead_letter_queue,
                heal_mode,
                schedules,
                own,
                migration_timeout: Duration::from_secs(migration_minutes * 60),
                clock_by_event: by_event,
                log_level,
            }),
            _ => Err(ConfigError(problems)),
        }
    }
}

/// Lambda's words for levels; it knows FATAL, tracing does not.
fn log_level(text: &str) -> Option<tracing::Level> {
    match text.to_ascii_uppercase().as_str() {
        "FATAL" => Some(tracing::Level::ERROR),
        other => other.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn with(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut variables = BTreeMap::from([
            ("STEWARD_ACCOUNT_ID", "123456789012"),
            ("AWS_REGION", "eu-west-1"),
            ("STEWARD_TABLE", "steward"),
            ("STEWARD_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:steward"),
        ]);
        variables.extend(changes.iter().copied());
        Config::read(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn what_is_left_out_has_a_default_that_is_documented() {
        let config = with(&[]).unwrap();
        assert_eq!(config.alert_format, AlertFormat::Text);
        assert_eq!(config.rollout_timeout, Duration::from_hours(1));
        assert_eq!(config.api_budget_percent, 50);
        assert!(!config.dry_run && config.dead_letter_queue.is_none());
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let error = with(&[
            ("STEWARD_ACCOUNT_ID", "12"),
            ("STEWARD_TABLE", ""),
            ("STEWARD_DRY_RUN", "yes"),
            ("STEWARD_API_BUDGET_PERCENT", "0"),
            ("STEWARD_TOPIC_ARN", "steward"),
        ]);
        let text = error.unwrap_err().to_string();
        for name in [
            "STEWARD_ACCOUNT_ID",
            "STEWARD_TABLE",
            "STEWARD_DRY_RUN",
            "STEWARD_API_BUDGET_PERCENT",
            "STEWARD_TOPIC_ARN",
        ] {
            assert!(text.contains(name), "{name} is missing in: {text}");
        }
    }

    #[test]
    fn an_unreadable_dry_run_switch_never_means_act() {
        for value in ["True", "1", "yes", "no", " false"] {
            assert!(with(&[("STEWARD_DRY_RUN", value)]).is_err(), "{value}");
        }
        assert!(with(&[("STEWARD_DRY_RUN", "true")]).unwrap().dry_run);
    }

    #[test]
    fn the_time_of_events_is_believed_in_simulations_only() {
        let simulation = [("STEWARD_CLOCK", "event"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
        assert!(with(&simulation).unwrap().clock_by_event);
        let error = with(&simulation[..1]).unwrap_err().to_string();
        assert!(error.contains("AWS_ENDPOINT_URL"), "{error}");
        assert!(!with(&[]).unwrap().clock_by_event);
    }

    #[test]
    fn every_variable_that_is_read_is_listed() {
        let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
        let _ = Config::<()>::read(|name| {
            asked.borrow_mut().insert(name.to_owned());
            None
        });
        assert_eq!(asked.into_inner(), VARIABLES.iter().map(|name| (*name).to_owned()).collect());
    }
}
