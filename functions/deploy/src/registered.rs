//! Revisions that were registered a moment ago, for the services of this turn and of those that follow it: one base image under a
//! thousand services is one registration for each of their task definitions.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use shared::arn::TaskDefinitionArn;

use crate::plan::Roll;

/// What makes two registrations the same: the base, and each container's image.
type Registration = (TaskDefinitionArn, BTreeMap<String, String>);

/// Each registration's revision, and when it was last used.
#[derive(Debug, Default)]
pub(crate) struct Registered(HashMap<Registration, (TaskDefinitionArn, Timestamp)>);

impl Registered {
    /// How long a revision is used again after it was last: somebody may deregister it.
    const FRESH: SignedDuration = SignedDuration::from_mins(15);
    /// Most revisions that are kept.
    const MOST: usize = 256;

    /// The revision that the roll would register.
    pub(crate) fn find(&self, roll: &Roll, now: Timestamp) -> Option<&TaskDefinitionArn> {
        let (revision, at) = self.0.get(&registration(roll))?;
        (now.duration_since(*at) < Self::FRESH).then_some(revision)
    }

    /// Keeps what the roll registered, or used once more.
    pub(crate) fn keep(&mut self, roll: &Roll, revision: TaskDefinitionArn, now: Timestamp) {
        self.0.retain(|_, (_, at)| now.duration_since(*at) < Self::FRESH);
        let registration = registration(roll);
        if self.0.len() < Self::MOST || self.0.contains_key(&registration) {
            self.0.insert(registration, (revision, now));
        }
    }
}

fn registration(roll: &Roll) -> Registration {
    (roll.base.clone(), roll.references())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::By;

    fn revision(number: usize) -> TaskDefinitionArn {
        format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/family:{number}").parse().unwrap()
    }

    fn roll(number: usize) -> Roll {
        Roll { base: revision(number), by: By::Pin, images: BTreeMap::new() }
    }

    fn minute(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[test]
    fn a_revision_is_known_for_a_quarter_of_an_hour_after_it_was_last_used() {
        let mut registered = Registered::default();
        registered.keep(&roll(1), revision(2), minute(0));
        assert_eq!(registered.find(&roll(1), minute(14)), Some(&revision(2)));
        assert_eq!(registered.find(&roll(2), minute(14)), None);
        registered.keep(&roll(1), revision(2), minute(14));
        assert_eq!(registered.find(&roll(1), minute(28)), Some(&revision(2)));
        assert_eq!(registered.find(&roll(1), minute(29)), None);
    }

    #[test]
    fn where_no_more_are_kept_those_that_are_stay_known_while_they_are_used() {
        let mut registered = Registered::default();
        for number in 0..=Registered::MOST {
            registered.keep(&roll(number), revision(number), minute(0));
        }
        assert_eq!(registered.find(&roll(Registered::MOST), minute(0)), None);
        registered.keep(&roll(7), revision(7), minute(10));
        assert_eq!(registered.find(&roll(7), minute(20)), Some(&revision(7)));
        registered.keep(&roll(Registered::MOST), revision(8), minute(20));
        assert_eq!(registered.0.len(), 2);
    }
}
