//! The rules of `template.yaml` against the samples in `events/`: each sample goes where it should, no near miss does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lab::bus::Bus;
use lab::template::Template;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn template() -> Template {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    Template::read(&text, &BTreeMap::new()).unwrap()
}

/// Samples in a folder, by file name. A file with `Records` is what a function gets, not what the bus gets.
fn samples(folder: &str) -> BTreeMap<String, Value> {
    let mut samples = BTreeMap::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let sample: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            if sample.get("Records").is_none() {
                samples.insert(path.file_name().unwrap().to_string_lossy().into_owned(), sample);
            }
        }
    }
    assert!(!samples.is_empty(), "{folder} has no samples");
    samples
}

/// What a schedule sends, past the bus.
const SCHEDULED: [&str; 4] = ["Sweep", "Verification Due", "Snapshot Due", "Migration Due"];

#[test]
fn every_sample_but_the_scheduled_is_heard_and_by_no_function_twice() {
    let template = template();
    let queue_of = |id: &str| template.rules.iter().find(|rule| rule.id == id).map(|rule| rule.targets[0].arn.clone());
    let bus = Bus::new(template.rules.clone());
    for (name, event) in samples("events") {
        let rules: Vec<String> = bus.route(&event).into_iter().map(|routed| routed.rule).collect();
        let is_scheduled = SCHEDULED.iter().any(|kind| event["detail-type"] == *kind);
        assert_eq!(rules.is_empty(), is_scheduled, "{name}: {rules:?}");
        let queues: BTreeSet<_> = rules.iter().map(|rule| queue_of(rule)).collect();
        assert_eq!(queues.len(), rules.len(), "{name}: {rules:?}");
    }
}

#[test]
fn what_deploy_itself_ignores_reaches_it_by_one_rule() {
    let bus = Bus::new(template().rules);
    for (name, event) in samples("events/ignored") {
        assert_eq!(bus.route(&event).len(), 1, "{name}");
    }
}

#[test]
fn no_near_miss_matches_a_rule() {
    let bus = Bus::new(template().rules);
    for (name, event) in samples("events/near-misses") {
        let rules: Vec<String> = bus.route(&event).into_iter().map(|routed| routed.rule).collect();
        assert!(rules.is_empty(), "{name}: {rules:?}");
    }
}

#[test]
fn every_rule_matches_a_sample() {
    let template = template();
    let events = samples("events");
    for rule in &template.rules {
        assert!(events.values().any(|event| rule.pattern.matches(event)), "{} has no sample", rule.id);
    }
}

#[test]
fn every_target_is_a_queue_of_the_stack_with_a_group_and_a_place_for_the_undelivered() {
    let template = template();
    let rules = template.rules.iter().flat_map(|rule| rule.targets.iter().map(|target| (&rule.id, target)));
    let schedules = template.schedules.iter().map(|schedule| (&schedule.id, &schedule.target));
    for (id, target) in rules.chain(schedules) {
        let queue_of = |arn: &str| template.queues.iter().find(|queue| lab::queues::arn(&queue.name) == arn);
        let queue = queue_of(&target.arn).unwrap_or_else(|| panic!("{id} sends to {}", target.arn));
        assert_eq!(queue.fifo, target.group.is_some(), "{id}");
        assert!(target.dead_letter.as_deref().and_then(queue_of).is_some(), "{id}");
    }
}
