//! When stops are a loop, how often people are told, and how long quiet must last to be trusted. All of it is counted over
//! what was seen, and none of it is reset by one task that ran for a moment.

use jiff::{SignedDuration, Timestamp};

/// So many stops within [`FAST_WINDOW`] are a loop.
const FAST: usize = 3;
const FAST_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// So many within [`SLOW_WINDOW`] are one too.
const SLOW: usize = 5;
pub(super) const SLOW_WINDOW: SignedDuration = SignedDuration::from_mins(60);
/// Least and longest time without a stop after which an incident is over.
pub(super) const QUIET: SignedDuration = SignedDuration::from_mins(10);
/// Counts at which people are told again.
const TIERS: [usize; 3] = [3, 10, 50];

/// Whether stops at these times, in order, are a loop.
pub(super) fn is_loop(stops: &[Timestamp]) -> bool {
    let within = |count: usize, window: SignedDuration| {
        stops.windows(count).any(|run| match run {
            [first, .., last] => last.duration_since(*first) <= window,
            _ => false,
        })
    };
    within(FAST, FAST_WINDOW) || within(SLOW, SLOW_WINDOW)
}

/// The highest tier that a count has reached; 0 below the first.
pub(super) fn tier(count: usize) -> usize {
    TIERS.into_iter().rfind(|tier| count >= *tier).unwrap_or_default()
}

/// How long there must be no stop before it is believed that it is over: three times the longest pause between the last
/// five, as something that ends every quarter of an hour is not well after ten minutes.
pub(super) fn quiet_needed(stops: &[Timestamp]) -> SignedDuration {
    let last = stops.get(stops.len().saturating_sub(SLOW)..).unwrap_or_default();
    let pauses = last.windows(2).filter_map(|pair| match pair {
        [before, after] => Some(after.duration_since(*before)),
        _ => None,
    });
    let longest = pauses.filter(|pause| *pause <= SLOW_WINDOW).max().unwrap_or_default();
    (longest * 3).clamp(QUIET, SLOW_WINDOW)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minutes: &[i64]) -> Vec<Timestamp> {
        minutes.iter().map(|minute| Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()).collect()
    }

    #[test]
    fn three_in_ten_minutes_or_five_in_an_hour_are_a_loop_and_less_is_none() {
        for (minutes, expected) in [
            (&[0, 5][..], false),
            (&[0, 5, 10], true),
            (&[0, 5, 11], false),
            (&[0, 15, 30, 45, 60], true),
            (&[0, 15, 30, 46, 61], false),
            (&[0, 100, 200, 203, 206], true),
        ] {
            assert_eq!(is_loop(&at(minutes)), expected, "{minutes:?}");
        }
    }

    #[test]
    fn people_are_told_again_at_three_ten_and_fifty() {
        assert_eq!([0, 2, 3, 9, 10, 49, 50, 10_000].map(tier), [0, 0, 3, 3, 10, 10, 50, 50]);
    }

    #[test]
    fn what_ends_every_quarter_of_an_hour_is_not_over_after_ten_minutes() {
        assert_eq!(quiet_needed(&at(&[0, 1, 2])), QUIET);
        assert_eq!(quiet_needed(&at(&[0, 15, 30, 45])), SignedDuration::from_mins(45));
        assert_eq!(quiet_needed(&at(&[7])), QUIET);
    }

    proptest! {
        #[test]
        fn more_stops_never_make_a_loop_undone(mut minutes in prop::collection::vec(0_i64..600, 0..20), more in 0_i64..600) {
            minutes.sort_unstable();
            let before = is_loop(&at(&minutes));
            minutes.push(more);
            minutes.sort_unstable();
            prop_assert!(!before || is_loop(&at(&minutes)));
        }
    }
}
