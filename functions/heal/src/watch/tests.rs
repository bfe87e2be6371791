//! What is remembered, what is forgotten, and what reading it back gives.

use proptest::prelude::*;
use serde_json::json;
use shared::event::steward::RollbackRequested;

use super::*;
use crate::classify::Finding;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
}

fn stopped(n: i64, minute: i64) -> StoppedTask {
    StoppedTask {
        task: format!("arn:aws:ecs:eu-west-1:123456789012:task/shop/t{n}").parse().unwrap(),
        deployment: Some("ecs-svc/1".into()),
        at: at(minute),
        finding: Finding { class: Class::AppExit, cause: "x".into(), container: None },
        said: String::new(),
    }
}

fn alert(n: usize) -> Outgoing {
    let alert = json!({
        "function": "heal", "kind": n.to_string(), "severity": "info", "title": "t", "subject": "s", "resource": "r",
        "body": "b", "next_steps": [], "facts": [], "thread": "t", "runbook": null,
    });
    Outgoing::Alert(serde_json::from_value(alert).unwrap())
}

#[test]
fn a_stop_counts_once_in_its_place_and_not_when_it_is_a_day_old() {
    let mut watch = Watch::default();
    for (n, minute, counts) in [(1, 10, true), (2, 5, true), (1, 10, false), (3, 20, true), (4, -24 * 60, false)] {
        assert_eq!(watch.count(&stopped(n, minute), at(21)), counts, "{n}");
    }
    assert_eq!(watch.stops.iter().map(|stop| stop.task.as_str()).collect::<Vec<_>>(), ["t2", "t1", "t3"]);
    watch.tidy(at(24 * 60 + 6));
    assert_eq!(watch.stops.len(), 2, "the oldest is more than a day old");
}

#[test]
fn what_was_forgotten_for_want_of_room_is_not_counted_again() {
    let mut watch = Watch::default();
    for n in 0..200 {
        watch.count(&stopped(n, n), at(200));
    }
    watch.tidy(at(200));
    assert_eq!((watch.stops.len(), watch.horizon), (STOPS_LIMIT, Some(at(71))));
    assert!(!watch.count(&stopped(3, 3), at(200)) && !watch.count(&stopped(71, 71), at(200)));
    assert!(watch.count(&stopped(999, 72), at(200)), "a stop after the horizon may come late");
    assert!(!watch.count(&stopped(150, 150), at(200)));
}

#[test]
fn a_full_outbox_drops_the_oldest_alerts_and_never_a_request() {
    let service = "arn:aws:ecs:eu-west-1:123456789012:service/shop/api".parse().unwrap();
    let request = RollbackRequested {
        service,
        incident: None,
        deployment: None,
        to: None,
        approved_by: None,
        requested_by: None,
        over_migration: false,
    };
    let request = Outgoing::Event(OwnEvent::RollbackRequested(request));
    let mut watch = Watch { outbox: vec![request.clone()], ..Watch::default() };
    watch.outbox.extend((0..30).map(alert));
    watch.tidy(at(0));
    assert_eq!((watch.outbox.len(), &watch.outbox[0], &watch.outbox[1]), (OUTBOX_LIMIT, &request, &alert(11)));
}

#[test]
fn history_is_kept_for_a_week_and_only_the_newest_of_it() {
    let past = |n: i64| Past { id: format!("i-{n}"), deployment: None, class: Class::Oom, ended: at(n * 60) };
    let mut watch = Watch { past: (0..30).map(past).collect(), ..Watch::default() };
    watch.tidy(at(30 * 60));
    assert_eq!((watch.past.len(), watch.past[0].id.as_str()), (HISTORY_LIMIT, "i-10"));
    watch.tidy(at(7 * 24 * 60 + 29 * 60));
    assert_eq!(watch.past.len(), 1);
}

#[test]
fn an_item_of_another_version_is_read_with_what_it_has() {
    let past = json!({ "id": "i-1", "class": "oom", "ended": "2026-11-21T12:00:00Z", "later": 1 });
    let watch: Watch = serde_json::from_value(json!({ "past": [past], "unknown": true })).unwrap();
    assert_eq!((watch.past.len(), watch.past[0].deployment.as_ref(), watch.stops.len()), (1, None, 0));
}

#[test]
fn what_came_of_a_heal_is_noted_with_the_last_of_its_incident() {
    let heal = |incident: &str| Heal {
        incident: incident.into(),
        class: Class::Oom,
        at: at(0),
        from: None,
        to: "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:1".parse().unwrap(),
        outcome: HealOutcome::Asked,
    };
    let mut watch = Watch { heals: vec![heal("a"), heal("b"), heal("a"), heal("b")], ..Watch::default() };
    watch.conclude_heal("a", HealOutcome::Failed);
    watch.conclude_heal("c", HealOutcome::Failed);
    let outcomes: Vec<bool> = watch.heals.iter().map(|heal| heal.outcome == HealOutcome::Failed).collect();
    assert_eq!(outcomes, [false, false, true, false]);
}

proptest! {
    #[test]
    fn stops_are_in_order_within_the_limit_and_read_back_as_they_were(stops in prop::collection::vec((0..300_i64, -1_500..60_i64), 0..250)) {
        let mut watch = Watch::default();
        for (n, minute) in stops {
            watch.count(&stopped(n, minute), at(0));
            watch.tidy(at(0));
        }
        prop_assert!(watch.stops.is_sorted_by_key(|stop| stop.at) && watch.stops.len() <= STOPS_LIMIT);
        let tasks: std::collections::BTreeSet<&str> = watch.stops.iter().map(|stop| stop.task.as_str()).collect();
        prop_assert_eq!(tasks.len(), watch.stops.len());
        prop_assert_eq!(&serde_json::from_value::<Watch>(serde_json::to_value(&watch).unwrap()).unwrap(), &watch);
    }
}
