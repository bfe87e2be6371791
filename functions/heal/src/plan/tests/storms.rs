//! Many services of one cluster fail at once: one digest, no healing, and in the end everything that is still wrong.

use std::collections::BTreeSet;

use super::*;
use crate::classify::Class::AppExit;

/// Services of one cluster, which share a board.
struct Cluster {
    scenes: Vec<Scene>,
    heard: Vec<String>,
}

impl Cluster {
    fn of(names: &[&str]) -> Self {
        Self { scenes: names.iter().map(|name| Scene::of(name)).collect(), heard: Vec::new() }
    }

    fn hear(&mut self, n: usize, minute: i64, news: &News) -> Turn {
        let board = self.scenes.iter().map(|scene| scene.board.clone()).next().unwrap();
        self.scenes[n].board = board;
        let turn = self.scenes[n].hear(minute, news);
        self.share(&self.scenes[n].board.clone());
        self.heard.extend(turn.alerts().map(|alert| alert.kind.clone()));
        turn
    }

    fn share(&mut self, board: &Board) {
        self.scenes.iter_mut().for_each(|scene| scene.board = board.clone());
    }

    fn stop(&mut self, n: usize, task: &str, minute: i64) -> Turn {
        self.hear(n, minute, &News::Stopped(stopped(&format!("{n}-{task}"), AppExit, minute)))
    }

    /// What a sweep does.
    fn sweep(&mut self, minute: i64) {
        let mut done = BTreeSet::new();
        for n in 0..self.scenes.len() {
            self.hear(n, minute, &News::Look);
            if self.scenes[n].watch.incident.is_none() {
                done.insert(self.scenes[n].subject.short());
            }
        }
        let mut board = self.scenes[0].board.clone();
        board_pass(&mut board, &done, &Mutes::default(), "shop", at(minute));
        for sent in board.outbox.drain(..) {
            if let Outgoing::Alert(alert) = sent {
                self.heard.push(format!("{}: {}", alert.kind, alert.title));
            }
        }
        self.share(&board);
    }

    fn storm(&self) -> bool {
        self.scenes[0].board.storm.is_some()
    }
}

#[test]
fn three_services_at_once_are_a_storm_with_one_digest_and_no_alert_of_their_own() {
    let mut cluster = Cluster::of(&["api", "web", "jobs"]);
    cluster.stop(0, "a", 0);
    cluster.stop(1, "a", 1);
    assert!(!cluster.storm());
    let turn = cluster.stop(2, "a", 2);
    let digest = turn.alert();
    assert_eq!((digest.kind.as_str(), digest.title.as_str()), ("storm", "shop: 3 services fail at once"));
    assert_eq!(digest.sections[0].lines, ["shop/api: app-exit", "shop/jobs: app-exit", "shop/web: app-exit"]);
    for minute in 3..6 {
        for n in 0..3 {
            assert_eq!(
                cluster.stop(n, &minute.to_string(), minute).plan.word,
                if minute == 3 { "counted" } else { "held-by-storm" }
            );
        }
    }
    assert_eq!(cluster.heard, ["storm"]);
    assert!(cluster.scenes.iter().all(|scene| scene.watch.heals.is_empty() && scene.incident().looping));
}

#[test]
fn ten_stops_of_two_services_are_a_storm_and_thirty_of_one_are_not() {
    let mut one = Cluster::of(&["api"]);
    (0..30).for_each(|n| drop(one.stop(0, &n.to_string(), 0)));
    assert!(!one.storm());
    let mut two = Cluster::of(&["api", "web"]);
    (0..4).for_each(|n| drop(two.stop(0, &n.to_string(), 0)));
    (0..5).for_each(|n| drop(two.stop(1, &n.to_string(), 1)));
    assert!(!two.storm(), "nine");
    two.stop(1, "tenth", 1);
    assert!(two.storm());
    assert_eq!(two.heard.iter().filter(|kind| *kind == "storm").count(), 1);
}

#[test]
fn services_that_fail_one_after_the_other_are_no_storm() {
    let mut cluster = Cluster::of(&["api", "web", "jobs"]);
    (0..3).for_each(|n| drop(cluster.stop(n, "a", 6 * i64::try_from(n).unwrap())));
    assert!(!cluster.storm());
    let late = News::Stopped(stopped("late", AppExit, -60));
    cluster.hear(0, 12, &late);
    cluster.hear(1, 12, &late);
    assert!(!cluster.storm(), "stops of an hour ago that are heard of now");
}

#[test]
fn a_storm_is_over_after_a_quarter_of_an_hour_and_what_is_still_wrong_is_told_then() {
    let mut cluster = Cluster::of(&["api", "web", "jobs"]);
    for minute in 0..3 {
        (0..3).for_each(|n| drop(cluster.stop(n, &minute.to_string(), minute)));
    }
    cluster.scenes[0].service().running = 1;
    cluster.sweep(5);
    cluster.sweep(15);
    assert_eq!((cluster.heard.as_slice(), cluster.storm()), (["storm".to_owned()].as_slice(), true));
    cluster.sweep(17);
    assert_eq!(cluster.heard[1..], ["rollback-asked", "storm: shop: the storm is over"]);
    assert!(!cluster.storm());
    assert_eq!(cluster.scenes.iter().map(|scene| scene.watch.heals.len()).collect::<Vec<_>>(), [1, 0, 0]);
}

#[test]
fn one_service_that_fails_on_alone_does_not_keep_a_storm_alive() {
    let mut cluster = Cluster::of(&["api", "web", "jobs"]);
    (0..3).for_each(|n| drop(cluster.stop(n, "a", 0)));
    for minute in 1..30 {
        cluster.stop(0, &minute.to_string(), minute);
        if minute % 5 == 0 {
            cluster.sweep(minute);
        }
    }
    assert!(!cluster.storm());
    assert!(cluster.heard.contains(&"rollback-asked".to_owned()), "{:?}", cluster.heard);
}

#[test]
fn a_mute_of_all_silences_the_digest_and_its_end_tells_a_storm_that_goes_on() {
    let mut cluster = Cluster::of(&["api", "web", "jobs"]);
    cluster.scenes.iter_mut().for_each(|scene| scene.mute(&mute(None, 4, Muted::Everything), 0));
    (0..3).for_each(|n| drop(cluster.stop(n, "a", 0)));
    assert!(cluster.storm() && cluster.heard.is_empty());
    cluster.stop(0, "b", 5);
    assert_eq!(cluster.heard, ["storm"]);
}

#[test]
fn a_storm_that_grows_to_ten_services_is_told_again() {
    let names: Vec<String> = (0..12).map(|n| format!("s{n}")).collect();
    let mut cluster = Cluster::of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    (0..12).for_each(|n| drop(cluster.stop(n, "a", 0)));
    assert_eq!(cluster.heard, ["storm", "storm"]);
}
