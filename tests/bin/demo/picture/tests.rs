use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lab::bus::Mishap;
use lab::sns::Published;
use lab::world::Step;
use roxmltree::{Document, Node};
use serde_json::json;

use super::chronicle::Chronicle;
use super::model::{Act, Clock, Kind, Outcome, Row, Seen, Severity, Stage};
use super::{alerts_in, axis, overview, page};

const START: i64 = 1_800_000_000;

/// So many seconds after the start.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

fn act(number: usize, from: i64, to: i64) -> Act {
    let (title, what) = (format!("Act {number}"), "What comes.".to_owned());
    Act { number, title, what, from: at(from), to: at(to), clock: Clock::Since(at(0)), sweeps: vec![at(from)] }
}

fn row(act: usize, lane: &str, from: i64, to: Option<i64>, kind: Kind) -> Row {
    let (label, words) = ("label".to_owned(), "words".to_owned());
    Row { act, lane: lane.to_owned(), from: at(from), to: to.map(at), kind, label, words }
}

/// An act with one row of each kind, and one that is over in the moment in which it begins.
fn full() -> Seen {
    let mut seen = Seen { acts: vec![act(1, 0, 600), act(2, 600, 600), act(3, 600, 4000)], rows: Vec::new() };
    for (index, kind) in super::marks::ALL.into_iter().enumerate() {
        let from = i64::try_from(index).unwrap() * 10;
        seen.rows.push(row(1, "shop/api", from, kind.is_bar().then_some(from + 25), kind));
        seen.rows.push(row(2, "shop/api", 600, kind.is_bar().then_some(600), kind));
    }
    seen
}

fn parsed(xml: &str) -> Document<'_> {
    Document::parse(xml).unwrap_or_else(|problem| panic!("{problem}\n{xml}"))
}

fn number(node: &Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap_or("0").trim_end_matches('%').parse().unwrap()
}

#[test]
fn page_and_overview_are_well_formed_and_nothing_is_fetched() {
    for xml in [page(&full(), &[]), overview(&full(), &[])] {
        let document = parsed(&xml);
        assert!(
            !document.descendants().any(|node| matches!(node.tag_name().name(), "script" | "link" | "img" | "iframe"))
        );
        assert!(!xml.contains("url(") && !xml.contains("@import") && !xml.contains("src="));
        let outside = document.descendants().filter_map(|node| node.attribute("href"));
        assert_eq!(outside.filter(|href| href.contains("://")).count(), 0);
    }
}

#[test]
fn foreign_text_is_text_wherever_it_stands() {
    let foreign = "<script>alert(\"1\")</script> & \u{1} 'x' \u{ffff}";
    let mut seen = full();
    seen.acts[0].title = foreign.to_owned();
    seen.acts[0].what = foreign.to_owned();
    for row in &mut seen.rows {
        (row.lane, row.label, row.words) = (foreign.to_owned(), foreign.to_owned(), foreign.to_owned());
    }
    for xml in [page(&seen, &[]), overview(&seen, &[])] {
        let document = parsed(&xml);
        assert!(!document.descendants().any(|node| node.tag_name().name() == "script"));
        assert!(
            document.descendants().any(|node| node.text().is_some_and(|text| text.contains("<script>alert(\"1\")")))
        );
    }
}

#[test]
fn every_chart_says_what_it_is_to_a_screen_reader_and_has_its_table() {
    let page = page(&full(), &[]);
    let document = parsed(&page);
    let charts: Vec<Node<'_, '_>> = document.descendants().filter(|node| node.tag_name().name() == "svg").collect();
    assert_eq!(charts.len(), 4);
    for chart in charts {
        assert_eq!(chart.attribute("role"), Some("img"));
        for id in chart.attribute("aria-labelledby").unwrap().split(' ') {
            let named = document.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
            assert!(named.text().is_some_and(|text| text.len() > 5), "{id}");
        }
    }
    let tables: Vec<Node<'_, '_>> = document.descendants().filter(|node| node.tag_name().name() == "tbody").collect();
    let rows: Vec<usize> = tables.iter().map(|table| table.children().filter(Node::is_element).count()).collect();
    assert_eq!(rows, [27, 27, 0]);
}

#[test]
fn nothing_has_a_negative_width_or_lies_outside_of_its_chart() {
    let mut seen = full();
    seen.rows.push(row(1, "shop/api", 500, Some(4000), Kind::Incident));
    seen.rows.push(row(3, "shop/api", 900, Some(800), Kind::Rollout(Outcome::Completed)));
    for xml in [page(&seen, &[]), overview(&seen, &[])] {
        let document = parsed(&xml);
        for chart in document.descendants().filter(|node| node.tag_name().name() == "svg") {
            let size: Vec<f64> = chart.attribute("viewBox").unwrap().split(' ').map(|it| it.parse().unwrap()).collect();
            for bar in chart.descendants().filter(|node| node.tag_name().name() == "rect") {
                let (x, width) = (number(&bar, "x"), number(&bar, "width"));
                assert!(width > 0.0 && number(&bar, "height") > 0.0 && x >= 0.0, "{bar:?}");
                assert!(x + width <= size[2] + 0.1 || bar.attribute("class") == Some("paper"), "{bar:?}");
            }
            for mark in chart.descendants().filter_map(|node| node.attribute("transform")) {
                let place = mark.trim_start_matches("translate(").split(')').next().unwrap();
                let place: Vec<f64> = place.split(',').map(|it| it.parse().unwrap()).collect();
                assert!(place[0] >= 0.0 && place[0] <= size[2] && place[1] >= 0.0 && place[1] <= size[3], "{mark}");
            }
        }
    }
}

#[test]
fn what_lasts_longer_than_its_act_goes_on_in_the_next_and_what_is_a_moment_does_not() {
    let mut seen = Seen { acts: vec![act(1, 0, 600), act(2, 600, 900), act(3, 900, 1200)], rows: Vec::new() };
    seen.rows.push(row(1, "shop/api", 300, Some(700), Kind::Incident));
    seen.rows.push(row(1, "shop/api", 600, None, Kind::Crash));
    let shown = |number: usize| seen.rows.iter().map(|row| seen.acts[number - 1].shows(row)).collect::<Vec<_>>();
    assert_eq!([shown(1), shown(2), shown(3)], [[true, true], [true, false], [false, false]]);
}

#[test]
fn marks_of_one_moment_stand_below_each_other_and_each_is_there() {
    let mut seen = Seen { acts: vec![act(1, 0, 600)], rows: Vec::new() };
    for _ in 0..5 {
        seen.rows.push(row(1, "shop/api", 300, None, Kind::Alert(Severity::Warning)));
    }
    let page = page(&seen, &[]);
    let document = parsed(&page);
    let main = document.descendants().find(|node| node.tag_name().name() == "main").unwrap();
    let mut places: Vec<&str> = main.descendants().filter_map(|node| node.attribute("transform")).collect();
    assert_eq!(alerts_in(&page), 5);
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 5, "no mark hides another");
}

#[test]
fn lanes_stand_in_the_order_of_the_cast_then_by_name_and_alerts_are_last() {
    let lanes = ["zoo", "alerts", "shop/b", "shop/a", "bank"];
    let rows: Vec<Row> = lanes.iter().map(|lane| row(1, lane, 0, None, Kind::Push)).collect();
    let rows: Vec<&Row> = rows.iter().collect();
    assert_eq!(super::lanes::names(&rows, &["shop/a", "shop/b"]), ["shop/a", "shop/b", "bank", "zoo", "alerts"]);
}

#[test]
fn ticks_are_round_times_and_days_begin_at_midnight_when_one_is_an_hour_shorter() {
    #[track_caller]
    fn check(from: Timestamp, seconds: i64, clock: &Clock, expected: &[&str]) {
        let to = from + SignedDuration::from_secs(seconds);
        let act = Act { from, to, clock: clock.clone(), ..act(1, 0, 0) };
        let ticks = axis::Axis::of(&act, 0.0, 100.0).ticks(clock, 6);
        assert_eq!(ticks.iter().map(|(_, words)| words.as_str()).collect::<Vec<_>>(), expected);
        assert!(
            ticks.iter().all(|(x, _)| (0.0..=100.0).contains(x)) && ticks.is_sorted_by(|one, other| one.0 < other.0)
        );
    }
    let since = Clock::Since(at(0));
    check(at(0), 0, &since, &["0:00:00", "0:00:05", "0:00:10", "0:00:15", "0:00:20"]);
    check(at(65), 3600, &since, &["0:10", "0:20", "0:30", "0:40", "0:50", "1:00"]);
    check(at(3700), 600, &since, &["1:02", "1:04", "1:06", "1:08", "1:10"]);
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let evening: Timestamp = "2037-03-27T19:00:00Z".parse().unwrap();
    let dated = Clock::Dated(zone);
    check(evening, 4 * 86_400, &dated, &["28 Mar", "29 Mar", "30 Mar", "31 Mar"]);
    check(
        "2037-03-31T22:00:00Z".parse().unwrap(),
        7200,
        &dated,
        &["1 Apr 00:00", "1 Apr 00:30", "1 Apr 01:00", "1 Apr 01:30", "1 Apr 02:00"],
    );
}

/// A chronicle in its first act.
fn begun() -> Chronicle {
    let mut chronicle = Chronicle::default();
    chronicle.act(at(0), Clock::Since(at(0)), "An act", "Something happens.");
    chronicle
}

fn event(chronicle: &mut Chronicle, seconds: i64, kind: &str, detail: &serde_json::Value) {
    let arn = "arn:aws:ecs:eu-west-1:123456789012:service/shop/backend";
    let event = json!({"source": "aws", "detail-type": kind, "resources": [arn], "detail": detail});
    chronicle.see(at(seconds), &Step::Event { event, mishap: Mishap::None });
}

#[test]
fn a_rollout_that_fails_is_a_bar_and_the_way_back_another() {
    let mut chronicle = begun();
    for (seconds, id, name) in
        [(1, "a", "IN_PROGRESS"), (40, "a", "FAILED"), (40, "b", "IN_PROGRESS"), (70, "b", "COMPLETED")]
    {
        let detail = json!({"eventName": format!("SERVICE_DEPLOYMENT_{name}"), "deploymentId": id, "reason": "why"});
        event(&mut chronicle, seconds, "ECS Deployment State Change", &detail);
    }
    chronicle.pause(at(100));
    let bars: Vec<_> = chronicle.seen().rows.iter().map(|row| (row.kind, row.lasts().unwrap())).collect();
    let expected =
        [(Kind::Rollout(Outcome::Failed), (at(1), at(40))), (Kind::Rollout(Outcome::Back), (at(40), at(70)))];
    assert_eq!(bars, expected);
}

#[test]
fn the_events_of_one_push_are_one_mark_with_all_its_tags() {
    let mut chronicle = begun();
    for tag in ["latest", "2.4.1", "latest"] {
        let detail =
            json!({"repository-name": "shop/backend", "image-digest": "sha256:0123456789abcdef", "image-tag": tag});
        event(&mut chronicle, 5, "ECR Image Action", &detail);
    }
    let rows = &chronicle.seen().rows;
    assert_eq!(
        rows.iter().map(|row| (row.lane.as_str(), row.label.as_str())).collect::<Vec<_>>(),
        [("shop/backend", "latest, 2.4.1")]
    );
}

#[test]
fn a_task_that_was_asked_to_stop_is_no_crash_and_one_that_ends_well_is_nothing() {
    let mut chronicle = begun();
    for (code, exit) in
        [("EssentialContainerExited", 0), ("ServiceSchedulerInitiated", 137), ("ServiceSchedulerInitiated", 0)]
    {
        let containers = json!([{"exitCode": exit}]);
        let detail = json!({"group": "service:backend", "clusterArn": "c/shop", "lastStatus": "STOPPED", "stopCode": code, "containers": containers});
        event(&mut chronicle, 5, "ECS Task State Change", &detail);
    }
    let kinds: Vec<Kind> = chronicle.seen().rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [Kind::Crash, Kind::Stopped]);
}

#[test]
fn a_record_answers_why_it_did_not_roll_and_a_sweep_does_not_repeat_it() {
    let mut chronicle = begun();
    let record = |trigger: &str| json!({"function": "deploy", "trigger": trigger, "subject": "shop/backend", "decision": "held", "reason": "load test"});
    chronicle.decided(at(1), &record("image-pushed"), 9);
    chronicle.decided(at(300), &record("sweep"), 9);
    let [row] = chronicle.seen().rows.as_slice() else { panic!("{:?}", chronicle.seen().rows) };
    assert_eq!((row.kind, row.label.as_str()), (Kind::Decided, "held"));
    assert!(page(chronicle.seen(), &[]).contains("held: load test (woken by image-pushed, 9 AWS calls)"));
}

#[test]
fn a_migration_is_a_bar_for_each_state_and_a_mark_for_its_end() {
    let mut chronicle = begun();
    for (seconds, decision) in [(0, "planning"), (10, "planning"), (40, "migrating"), (90, "failed"), (300, "failed")] {
        let record = json!({"function": "migrate", "subject": "shop/backend", "decision": decision, "run": "r-1", "reason": "so"});
        chronicle.decided(at(seconds), &record, 0);
    }
    let rows: Vec<_> = chronicle.seen().rows.iter().map(|row| (row.kind, row.from, row.to)).collect();
    let bar = |stage, from, to| (Kind::Migration(stage), at(from), Some(at(to)));
    assert_eq!(rows, [bar(Stage::Checking, 0, 40), bar(Stage::Migrating, 40, 90), (Kind::NotMigrated, at(90), None)]);
}

#[test]
fn an_incident_lasts_from_its_first_record_until_people_hear_that_it_is_over() {
    let mut chronicle = begun();
    let end = [(10, "counted", "", "i-1"), (60, "told", "crash-loop", "i-1"), (700, "told", "resolved", "")];
    for (seconds, decision, alert, incident) in end {
        let record = json!({
            "function": "heal", "subject": "shop/backend", "decision": decision, "reason": "so", "incident": incident,
            "class": "app-exit", "alert": alert,
        });
        chronicle.decided(at(seconds), &record, 0);
    }
    let rows: Vec<_> = chronicle.seen().rows.iter().map(|row| (row.kind, row.from, row.to)).collect();
    assert_eq!(rows, [(Kind::Incident, at(10), Some(at(700)))]);
}

#[test]
fn every_alert_is_drawn_with_its_title_and_leads_to_its_runbook() {
    let mut chronicle = begun();
    for (severity, kind) in [("critical", "crash-loop"), ("warning", "held"), ("info", "rolled-out")] {
        let attributes = [("kind", kind), ("severity", severity), ("subject", "shop/backend"), ("function", "heal")];
        let attributes: BTreeMap<String, String> =
            attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let message = format!("shop/backend: about <{kind}>\n\nmore");
        let published = Published { at: at(5), topic: String::new(), subject: None, message, attributes };
        chronicle.see(at(5), &Step::Published(published));
    }
    chronicle.pause(at(60));
    let page = page(chronicle.seen(), &[]);
    assert_eq!((alerts_in(&page), chronicle.alerts()), (3, 3));
    for kind in ["crash-loop", "held", "rolled-out"] {
        assert!(page.contains(&format!("about &lt;{kind}&gt;")), "{kind}");
        assert!(page.contains(&format!("<a href=\"../docs/runbooks/{kind}.md\">")), "{kind}");
    }
}
