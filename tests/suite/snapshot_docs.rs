//! The documents of `snapshot` against its code: its alerts, words, states, metrics and figures.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use shared::event::steward::{SnapshotAvailable, SnapshotFailed, SnapshotRequested};
use shared::tags::on_snapshot;

use crate::docs::{code, is_word, literals, names, quoted, report_of, rows, table, text};

fn page() -> String {
    text("docs/snapshot.md")
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Files of the decision without their tests, by path below the function's sources.
fn plan() -> Vec<String> {
    let files = names("functions/snapshot/src/plan", ".rs").into_iter();
    files
        .filter(|name| !["tests", "documented"].contains(&name.as_str()))
        .map(|name| format!("plan/{name}.rs"))
        .collect()
}

fn code_of(file: &str) -> String {
    code(&format!("functions/snapshot/src/{file}"))
}

/// The texts that stand right behind a piece of code.
pub(crate) fn behind(code: &str, before: &str) -> Vec<String> {
    let literal = |rest: &str| rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
    code.split(before).skip(1).filter_map(literal).collect()
}

/// The words between back quotes in a cell of a table.
pub(crate) fn words(cell: &str) -> BTreeSet<String> {
    cell.split(['`', ' ', ',', '|']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn every_word_of_a_record_is_explained_and_no_other() {
    let files = plan().into_iter().chain(["lib.rs", "report.rs", "trigger.rs"].map(str::to_owned));
    let code: String = files.map(|file| code_of(&file)).collect();
    let places = ["decide(", ".event(", "Ignored(", "word: "];
    let mut words: BTreeSet<String> = places.iter().flat_map(|place| behind(&code, place)).collect();
    let code = code + &report_of("snapshot");
    let records = code.split(".about(").skip(1).filter_map(|rest| rest.split(", ").nth(1));
    words.extend(records.filter_map(|word| Some(word.strip_prefix('"')?.split('"').next()?.to_owned())));
    assert!(words.len() > 15 && words.iter().all(|word| is_word(word)), "{words:?}");
    assert_eq!(rows(&page(), "decision | means"), words);
}

#[test]
fn every_field_of_a_record_every_trigger_and_every_verdict_is_named() {
    let (page, report) = (page(), code_of("report.rs"));
    let line = page.split("\nA line has ").nth(1).unwrap().split("\n\n").next().unwrap();
    let fields: BTreeSet<String> = behind(&report, ".saw(").into_iter().collect();
    assert!(fields.len() > 6, "{fields:?}");
    for field in fields.iter().filter(|field| !["database", "region", "moment"].contains(&field.as_str())) {
        assert!(line.contains(&format!("`{field}`")), "{field}");
    }
    let triggers = code_of("trigger.rs");
    let triggers = literals(triggers.split("fn word(").nth(1).unwrap().split("\n    }\n").next().unwrap());
    let named: BTreeSet<String> = table(&page, "event | sample").iter().map(|row| row[2].clone()).collect();
    assert_eq!(named, triggers);
    let plan = code_of("plan/mod.rs");
    let verdicts = plan.split("pub enum Verdict {").nth(1).unwrap().split('}').next().unwrap();
    let verdicts = verdicts.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty());
    assert_eq!(rows(&page, "verdict | means"), verdicts.collect());
}

#[test]
fn every_kind_of_alert_stands_in_the_table_with_its_urgency_and_its_runbook() {
    let notice = code_of("notice.rs");
    let expected = snapshot::ALERT_KINDS.into_iter().map(|kind| {
        let rest = notice.rsplit(&format!("\"{kind}\"")).next().unwrap();
        let severity = if rest.starts_with(", severity,") {
            "warning; critical when broken".to_owned()
        } else {
            let word = rest.split("Severity::").nth(1).unwrap();
            word.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
        };
        (format!("[`{kind}`](runbooks/{kind}.md)"), severity)
    });
    let rows = table(&page(), "kind | severity").into_iter().map(|row| (row[0].clone(), row[1].clone()));
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), expected.collect());
}

#[test]
fn every_status_of_a_database_and_of_a_snapshot_is_explained() {
    let model = code_of("observe/model.rs");
    let body = model.split("fn readiness(").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut patterns = body.split("=> Readiness::");
    let mut pattern = patterns.next().unwrap();
    for rest in patterns {
        let state: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
        let statuses = literals(pattern).into_iter();
        let statuses = statuses.map(|status| if status.ends_with('-') { format!("{status}...") } else { status });
        expected.entry(state.to_lowercase()).or_default().extend(statuses);
        pattern = rest;
    }
    let page = page();
    let mut documented: BTreeMap<String, BTreeSet<String>> =
        table(&page, "state | statuses").into_iter().map(|row| (row[0].clone(), words(&row[1]))).collect();
    // All others: no list could be complete.
    assert!(documented.remove("busy").unwrap().contains("any"));
    assert!(expected.remove("busy").unwrap().is_empty());
    assert_eq!(documented, expected);

    let line = page.split("\nAnd of a snapshot: ").nth(1).unwrap().split("\n\n").next().unwrap();
    let named: BTreeSet<String> = quoted(line).into_iter().map(str::to_owned).collect();
    let read = model.split("fn read(text").nth(1).unwrap().split("\n    }\n").next().unwrap();
    assert_eq!(named, literals(read));
}

#[test]
fn every_metric_is_explained_and_the_template_watches_no_other() {
    let metrics: BTreeSet<String> =
        literals(&report_of("snapshot")).into_iter().filter(|name| name.starts_with(char::is_uppercase)).collect();
    let metrics: BTreeSet<String> = metrics.difference(&set(&["None", "Database"])).cloned().collect();
    assert!(metrics.len() > 12, "{metrics:?}");
    assert_eq!(rows(&page(), "metric | counts"), metrics);
    let template = text("template.yaml");
    let watched = template.lines().filter(|line| line.contains("[\"Steward\", ") && line.contains("\"snapshot\""));
    let watched: BTreeSet<String> = watched.map(|line| line.split('"').nth(3).unwrap().to_owned()).collect();
    assert!(watched.len() > 8 && watched.is_subset(&metrics), "{:?}", watched.difference(&metrics));
}

/// What `60`, `24 * 60`, `[5, 10]` or a duration is, as the table of figures says it.
pub(crate) fn figure(value: &str) -> String {
    let product = |text: &str| -> u64 { text.split('*').map(|part| part.trim().parse::<u64>().unwrap()).product() };
    let inner = |text: &str, end: char| text.split(end).next().unwrap().to_owned();
    match (value.split_once('('), value.strip_prefix('[')) {
        (Some(("SignedDuration::from_hours", rest)), _) => format!("{} h", product(&inner(rest, ')'))),
        (Some(("SignedDuration::from_mins", rest)), _) => format!("{} min", product(&inner(rest, ')'))),
        (_, Some(list)) => inner(list, ']'),
        _ => product(value).to_string(),
    }
}

#[test]
fn every_figure_is_what_the_code_says_and_none_is_left_out() {
    let types = ["SignedDuration", "usize", "u8", "u32", "u64", "i64", "[i64; 5]"];
    let mut expected = BTreeMap::new();
    let files = ["apply/mod.rs", "memory.rs", "own.rs", "notice.rs"].map(str::to_owned);
    for file in plan().into_iter().chain(files) {
        for constant in code_of(&file).split("const ").skip(1) {
            let (name, rest) = constant.split_once(": ").unwrap();
            let (kind, rest) = rest.split_once(" = ").unwrap();
            if types.contains(&kind) && name != "MINUTES_OF_DAY" {
                expected.insert((file.clone(), name.to_owned()), figure(rest.split(";\n").next().unwrap()));
            }
        }
    }
    assert!(expected.len() > 20, "{expected:?}");
    let rows = table(&page(), "where | figure").into_iter();
    let rows: BTreeMap<_, _> = rows.map(|row| ((row[0].clone(), row[1].clone()), row[2].clone())).collect();
    assert_eq!(rows, expected);
}

pub(crate) fn fields(detail: &impl Serialize) -> BTreeSet<String> {
    serde_json::to_value(detail).unwrap().as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_field_of_a_request_and_of_its_answers_is_explained() {
    let page = page();
    let request: shared::event::steward::RequestName = "release-142".parse().unwrap();
    let (database, arn) = ("orders".to_owned(), "arn:aws:rds:eu-west-1:123456789012:db:orders");
    let by = Some("ana".to_owned());
    let asked = SnapshotRequested { database: database.clone(), request: request.clone(), requested_by: by };
    assert_eq!(rows(&page, "field | means"), fields(&asked));
    let available = SnapshotAvailable {
        request: request.clone(),
        database: arn.parse().unwrap(),
        snapshot: arn.to_owned(),
        identifier: database.clone(),
        created: Some("2026-11-20T09:15:02Z".parse().unwrap()),
    };
    let failed = SnapshotFailed { request, database, reason: "stopped".to_owned() };
    let expected = [("Snapshot Available", fields(&available)), ("Snapshot Failed", fields(&failed))];
    let answers = page.split("\n| event | detail |").nth(1).unwrap().split("\n\n").next().unwrap();
    for (event, fields) in expected {
        let row = answers.lines().find(|line| line.starts_with(&format!("| `{event}` |"))).unwrap();
        let named: BTreeSet<String> = quoted(row).into_iter().skip(1).map(str::to_owned).collect();
        assert_eq!(named, fields, "{event}");
    }
}

#[test]
fn everything_that_is_remembered_is_explained_and_nothing_else() {
    let memory = code_of("memory.rs");
    let body = memory.split("struct Memory {").nth(1).unwrap().split("\n}").next().unwrap();
    let fields = body.lines().filter_map(|line| line.trim().strip_prefix("pub(crate) ")?.split(':').next());
    let fields: BTreeSet<String> = fields.map(|field| field.replace('_', "-")).collect();
    let state = text("docs/state.md");
    let section = state.split("## What snapshot remembers").nth(1).unwrap();
    let named = table(section, "field | what").into_iter().flat_map(|row| words(&row[0]));
    assert_eq!(named.collect::<BTreeSet<_>>(), fields);
}

#[test]
fn every_tag_of_a_snapshot_and_every_parameter_is_named() {
    let (page, tags, install) = (page(), text("docs/tags.md"), text("docs/install.md"));
    for key in on_snapshot::KEYS {
        assert!(tags.contains(&format!("`{key}`")) && page.contains(&format!("`{key}`")), "{key}");
    }
    let parameters = text("docs/parameters.md");
    let parameters = parameters.lines().filter_map(|line| line.strip_prefix("| `Snapshot")?.split('`').next());
    let parameters: Vec<String> = parameters.map(|name| format!("`Snapshot{name}`")).collect();
    assert_eq!(parameters.len(), 8, "{parameters:?}");
    for name in parameters {
        assert!(install.contains(&name) && page.contains(&name), "{name}");
    }
}

#[test]
fn every_call_on_rds_that_the_role_allows_is_explained_and_no_other() {
    let template = text("template.yaml");
    let role = template.split("\n  SnapshotRole:").nth(1).unwrap().split("\n  # ----").next().unwrap();
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    let calls = role.split("rds:").skip(1).map(|rest| rest.chars().take_while(|c| is_letter(*c)).collect::<String>());
    let calls: BTreeSet<String> = calls.filter(|call| call.starts_with(char::is_uppercase)).collect();
    let security = text("SECURITY.md");
    let section = security.split("the role of `snapshot` allows").nth(1).unwrap().split("\n- ").next().unwrap();
    let lines = section.lines().filter(|line| line.contains("| `rds:"));
    let named = lines
        .flat_map(|line| quoted(line.split('|').nth(1).unwrap()).into_iter().map(str::to_owned).collect::<Vec<_>>());
    let named =
        named.map(|name| name.trim_start_matches("rds:").to_owned()).filter(|name| !name.starts_with("Snapshot"));
    assert_eq!(named.collect::<BTreeSet<_>>(), calls);
}
