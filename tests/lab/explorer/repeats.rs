//! What was done twice, and whether that is excused.
//!
//! Nothing that a function does outside of its table can be done exactly once. It is done again, and rightly so, where its
//! caller cannot know that it was done: the call got no answer (its caller was killed after it or while it was under way,
//! or the reply was lost), or no write of the same invocation took effect after it. Anything else that is done twice is
//! a mistake.

use super::properties::arrives;
use super::schedule::Played;
use crate::account::CallRecord;
use crate::faults::Fault;

/// Whether all of these calls, by their places among the calls, are excused but one. `is_note` says of a later call whether
/// it writes down what they did.
pub(super) fn are_excused(played: &Played, places: &[usize], is_note: impl Fn(&CallRecord) -> bool) -> bool {
    places.split_last().is_none_or(|(_, before)| before.iter().all(|place| is_unknown(played, *place, &is_note)))
}

/// Whether whoever made this call cannot know that it took effect.
pub(super) fn is_unknown(played: &Played, place: usize, is_note: impl Fn(&CallRecord) -> bool) -> bool {
    let Some(record) = played.calls.get(place) else { return false };
    let is_unanswered =
        matches!(record.fault, Fault::CrashAfter | Fault::LostReply | Fault::LostReplyOnce | Fault::LateEffect(_));
    let maker = |record: &CallRecord| played.made_by.get(&record.call.invocation).copied();
    let later = played.calls.iter().skip(place + 1).filter(|later| maker(later) == maker(record));
    is_unanswered || !later.into_iter().any(|later| is_note(later) && arrives(later))
}

/// Whether a call writes to a table.
pub(super) fn writes_down(record: &CallRecord) -> bool {
    record.call.operation == "PutItem"
}
