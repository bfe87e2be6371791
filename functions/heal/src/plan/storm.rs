//! Many failures at once: one digest instead of many alerts, and no healing until it is over.

use std::collections::BTreeSet;

use jiff::Timestamp;
use shared::mute::Mutes;

use super::loops;
use crate::board::Board;
use crate::notice;
use crate::watch::Outgoing;

/// Puts the digest into the board's outbox when it is due: at first, and when the storm has grown to the next tier.
pub(super) fn tell_storm(board: &mut Board, mutes: &Mutes, cluster: &str, now: Timestamp) {
    // Which services, is for later mutes to hide; that many fail at once is hidden only by a mute of all.
    if mutes.of_alerts(None, now).is_some() {
        return;
    }
    let Some(storm) = &mut board.storm else {
        return;
    };
    let count = storm.subjects.len();
    let grown = loops::tier(count) > loops::tier(storm.told);
    if storm.told == 0 || grown {
        storm.told = count.max(1);
        let alert = notice::storm(cluster, storm, now);
        board.outbox.push(Outgoing::Alert(Box::new(alert)));
    }
}

/// What the sweep does to a board: takes off what is done with, and ends a storm that is over.
pub(crate) fn board_pass(board: &mut Board, done: &BTreeSet<String>, mutes: &Mutes, cluster: &str, now: Timestamp) {
    board.open.retain(|name, _| !done.contains(name));
    if board.storm.is_some() && board.storm(now).is_none() {
        let storm = board.storm.take();
        board.recent.clear();
        if let Some(storm) = storm.filter(|storm| storm.told > 0 && mutes.of_alerts(None, now).is_none()) {
            let alert = notice::storm_over(cluster, &storm, &board.open, now);
            board.outbox.push(Outgoing::Alert(Box::new(alert)));
        }
    }
    tell_storm(board, mutes, cluster, now);
}
