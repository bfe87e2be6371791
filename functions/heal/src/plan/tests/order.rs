//! Events come twice, late and out of order. What people hear and what is remembered is the same.

use proptest::prelude::*;

use super::*;
use crate::classify::Class::{AppExit, Oom};

/// Kinds of the alerts in order, count, beginning, end and class of what is open, and the tasks that were counted.
type Outcome = (Vec<String>, Option<(usize, Timestamp, Timestamp, Class)>, Vec<String>);

fn outcome(stops: &[StoppedTask]) -> Outcome {
    let mut scene = Scene::watched();
    scene.service().running = 1;
    for stop in stops {
        scene.hear(60, &News::Stopped(stop.clone()));
    }
    let mut tasks: Vec<String> = scene.watch.stops.iter().map(|stop| stop.task.clone()).collect();
    assert!(scene.watch.stops.is_sorted_by_key(|stop| stop.at));
    tasks.sort();
    let open = scene.watch.incident.map(|open| (open.count, open.since, open.last, open.class));
    (scene.heard, open, tasks)
}

/// Stops of one class within an hour, and the same with copies, in any order.
fn stops_and_deliveries() -> impl Strategy<Value = (Vec<StoppedTask>, Vec<StoppedTask>)> {
    let class = prop::sample::select(vec![AppExit, Oom]);
    let stops = (class, prop::collection::vec(0_i64..60, 1..25)).prop_map(|(class, mut minutes)| {
        minutes.sort_unstable();
        let stop = |(n, minute): (usize, i64)| stopped(&format!("t-{n}"), class, minute);
        minutes.into_iter().enumerate().map(stop).collect::<Vec<_>>()
    });
    stops.prop_flat_map(|stops| {
        let copies = prop::collection::vec(prop::sample::select(stops.clone()), 0..10);
        let deliveries = copies.prop_flat_map({
            let stops = stops.clone();
            move |copies| Just([stops.clone(), copies].concat()).prop_shuffle()
        });
        (Just(stops), deliveries)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn copies_and_another_order_of_stops_change_nothing((stops, deliveries) in stops_and_deliveries()) {
        prop_assert_eq!(outcome(&stops), outcome(&deliveries));
    }

    #[test]
    fn whatever_happens_one_incident_asks_once_and_every_request_is_in_the_ledger(
        news in prop::collection::vec((0..9_u8, 0..4_i64), 1..60),
    ) {
        let mut scene = Scene::new();
        let (mut minute, mut asked) = (0, Vec::new());
        for (n, (what, pause)) in news.into_iter().enumerate() {
            minute += pause;
            let incident = scene.watch.incident.as_ref().map_or_else(String::new, |open| open.id.clone());
            let answer = |outcome| RollbackAnswered { service: arn("api"), incident: incident.clone(), outcome, reason: "x".into(), deployment: None };
            let task = stopped(&format!("t-{n}"), AppExit, minute);
            let turn = match what {
                0..=3 => scene.hear(minute, &News::Stopped(task)),
                4 => scene.hear(minute, &News::Answered(answer(RollbackOutcome::Started))),
                5 => scene.hear(minute, &News::Answered(answer(RollbackOutcome::Refused))),
                6 => scene.hear(minute, &News::Impaired),
                7 => scene.hear(minute, &News::Resumed(None)),
                _ => scene.look(minute),
            };
            let requests = turn.requests();
            prop_assert!(requests.is_empty() || turn.failing().is_empty());
            asked.extend(requests.into_iter().filter_map(|request| request.incident.clone()));
        }
        let mut once = asked.clone();
        once.dedup();
        prop_assert_eq!(&asked, &once);
        prop_assert!(asked.iter().all(|id| scene.ledger.asked.contains_key(id)));
    }
}
