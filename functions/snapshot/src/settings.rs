//! What only this function reads of its environment. It alone knows time zones: the others do without their database.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use shared::arn::{AccountId, KeyArn};
use shared::config::OwnSettings;

/// The names of the variables that are read, in the order of the documentation.
pub const VARIABLES: [&str; 7] = [
    "STEWARD_STACK",
    "STEWARD_SNAPSHOT_TIME_ZONE",
    "STEWARD_SNAPSHOT_TIME",
    "STEWARD_SNAPSHOT_KEEP_MINIMUM",
    "STEWARD_SNAPSHOT_ORPHAN_DAYS",
    "STEWARD_SNAPSHOT_SHARE_ACCOUNTS",
    "STEWARD_SNAPSHOT_KMS_KEYS",
];

/// Most accounts that RDS shares one snapshot with.
const MOST_ACCOUNTS: usize = 20;

/// How snapshots are taken and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotSettings {
    /// The owner of what is taken: the name of the stack, which stays when the stack is made anew.
    pub owner: String,
    /// The time zone in which days, weeks, months and years begin.
    pub time_zone: TimeZone,
    /// When a day begins, by the clock of that zone.
    pub begins: Time,
    /// Least number of scheduled snapshots of a database that are left, whatever the policy says.
    pub keep_minimum: u16,
    /// After how many days snapshots of a database that is gone are deleted; 0 keeps them for ever.
    pub orphan_days: u16,
    /// Accounts that every scheduled snapshot is shared with.
    pub share_with: Vec<AccountId>,
    /// Customer managed keys: a copy is encrypted with the one of its region.
    pub keys: Vec<KeyArn>,
}

impl OwnSettings for SnapshotSettings {
    fn read(text: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Option<Self> {
        let before = problems.len();
        let check = |name: &str, default: &str, expected: &str| {
            let value = text(name).unwrap_or_else(|| default.to_owned());
            let wrong = format!("{name} is {value:?}, expected {expected}");
            (value, wrong)
        };
        let owner = check("STEWARD_STACK", "steward", "the name of a CloudFormation stack");
        let zone = check("STEWARD_SNAPSHOT_TIME_ZONE", "UTC", "a time zone such as Europe/Berlin");
        let time = check("STEWARD_SNAPSHOT_TIME", "02:00", "a time of day such as 02:00");
        let minimum = check("STEWARD_SNAPSHOT_KEEP_MINIMUM", "2", "a number from 1 to 100");
        let orphans = check("STEWARD_SNAPSHOT_ORPHAN_DAYS", "0", "a number of days from 0 to 3650");
        let share = check(
            "STEWARD_SNAPSHOT_SHARE_ACCOUNTS",
            "",
            "at most 20 account ids (12 digits) with commas between them; all is refused, as it would make snapshots public",
        );
        let keys = check("STEWARD_SNAPSHOT_KMS_KEYS", "", "ARNs of KMS keys with commas between them");
        let mut good = |value: bool, wrong: String| (!value).then(|| problems.push(wrong));

        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        good(owner.0.len() <= 128 && owner.0.bytes().all(word), owner.1);
        let time_zone = TimeZone::get(&zone.0).ok();
        good(time_zone.is_some(), zone.1);
        let begins = Time::strptime("%H:%M", &time.0).ok();
        good(begins.is_some(), time.1);
        let keep_minimum = minimum.0.parse().ok().filter(|n| (1..=100).contains(n));
        good(keep_minimum.is_some(), minimum.1);
        let orphan_days = orphans.0.parse().ok().filter(|n| *n <= 3650);
        good(orphan_days.is_some(), orphans.1);
        let share_with: Option<Vec<AccountId>> =
            list(&share.0).filter(|accounts: &Vec<_>| accounts.len() <= MOST_ACCOUNTS);
        good(share_with.is_some(), share.1);
        let key_arns = list(&keys.0);
        good(key_arns.is_some(), keys.1);
        (problems.len() == before).then_some(())?;
        Some(Self {
            owner: owner.0,
            time_zone: time_zone?,
            begins: begins?,
            keep_minimum: keep_minimum?,
            orphan_days: orphan_days?,
            share_with: share_with?,
            keys: key_arns?,
        })
    }
}

/// Values with commas between them; none when one of them is not what it should be.
fn list<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changes: &[(&str, &str)]) -> Result<SnapshotSettings, Vec<String>> {
        let mut problems = Vec::new();
        let text = |name: &str| changes.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        SnapshotSettings::read(&text, &mut problems).ok_or(problems)
    }

    #[test]
    fn what_is_left_out_has_a_default_that_loses_nothing() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.keep_minimum, settings.orphan_days), (2, 0));
        assert!(settings.share_with.is_empty() && settings.keys.is_empty());
        assert_eq!(settings.begins, jiff::civil::time(2, 0, 0, 0));
    }

    #[test]
    fn the_whole_world_and_the_word_none_are_no_account_and_no_key() {
        for (name, value) in [
            ("STEWARD_SNAPSHOT_SHARE_ACCOUNTS", "all"),
            ("STEWARD_SNAPSHOT_SHARE_ACCOUNTS", "123456789012,all"),
            ("STEWARD_SNAPSHOT_KMS_KEYS", "None"),
            ("STEWARD_SNAPSHOT_TIME_ZONE", "Berlin"),
            ("STEWARD_SNAPSHOT_TIME", "2am"),
            ("STEWARD_SNAPSHOT_KEEP_MINIMUM", "0"),
            ("STEWARD_SNAPSHOT_ORPHAN_DAYS", "-1"),
        ] {
            let problems = read(&[(name, value)]).unwrap_err();
            assert!(problems.len() == 1 && problems[0].contains(name), "{problems:?}");
        }
    }

    #[test]
    fn lists_are_read_with_spaces_and_empty_ends() {
        let settings = read(&[("STEWARD_SNAPSHOT_SHARE_ACCOUNTS", "123456789012, 210987654321,")]).unwrap();
        assert_eq!(settings.share_with.len(), 2);
    }

    #[test]
    fn every_variable_that_is_read_is_listed() {
        let asked = std::cell::RefCell::new(Vec::new());
        let note = |name: &str| {
            asked.borrow_mut().push(name.to_owned());
            None
        };
        SnapshotSettings::read(&note, &mut Vec::new()).unwrap();
        assert_eq!(asked.into_inner(), VARIABLES);
    }
}
