//! The documents against the code: what they name exists, and what exists is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use shared::config::VARIABLES;
use shared::tags::{DatabaseTags, ServiceTags, TagProblem};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}")).unwrap()
}

/// Files of a folder with this ending, by name without it.
pub(crate) fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

/// Folders in a folder, by name.
pub(crate) fn folders(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Every Markdown page, by its path from the root.
pub(crate) fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let examples = folders("examples").into_iter().map(|name| format!("examples/{name}"));
    for folder in [".", "docs", "docs/adr", "docs/runbooks", "examples"].map(str::to_owned).into_iter().chain(examples)
    {
        for name in names(&folder, ".md") {
            let path = format!("{folder}/{name}.md");
            let page = text(&path);
            pages.insert(path, page);
        }
    }
    assert!(pages.len() > 20, "{:?}", pages.keys());
    pages
}

/// What stands between back quotes, outside of blocks of code.
pub(crate) fn quoted(page: &str) -> Vec<&str> {
    let prose = page.split("```").step_by(2);
    prose.flat_map(|part| part.lines().flat_map(|line| line.split('`').skip(1).step_by(2))).collect()
}

/// The part of a source file that is not its tests.
pub(crate) fn source(path: &str) -> String {
    text(path).split("#[cfg(test)]").next().unwrap().to_owned()
}

/// Words that look like `word` in a page: keys of tags, variables.
fn words_with_prefix<'a>(page: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_:-".contains(c);
    page.split(|c| !is_word(c)).filter(|word| word.starts_with(prefix) && *word != prefix).collect()
}

/// Key and values of each row of the tables of docs/tags.md; a row without a key belongs to the one above.
fn documented_tags() -> Vec<(String, String)> {
    let (page, mut key, mut tags) = (text("docs/tags.md"), String::new(), Vec::new());
    for line in page.lines().filter(|line| line.starts_with("| `steward:") || line.starts_with("| | `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if !cells[1].is_empty() {
            cells[1].trim_matches('`').clone_into(&mut key);
        }
        tags.extend(quoted(cells[2]).into_iter().map(|value| (key.clone(), value.to_owned())));
    }
    assert!(tags.len() > 20, "{tags:?}");
    tags
}

/// Reads one tag as the resource that it belongs to would.
fn problems(key: &str, value: &str) -> Vec<TagProblem> {
    if key == "steward:snapshot" || key == "steward:copy" {
        return DatabaseTags::parse([(key, value)]).err().unwrap_or_default();
    }
    let follow = [("steward:deploy", "follow"), (key, value)];
    let tags = if key == "steward:deploy" { &follow[1..] } else { &follow[..] };
    ServiceTags::parse(tags.iter().copied()).err().unwrap_or_default()
}

#[test]
fn every_tag_that_is_documented_is_read() {
    for (key, value) in documented_tags() {
        assert_eq!(problems(&key, &value), [], "{key} = {value}");
    }
}

#[test]
fn every_key_and_every_word_that_is_read_is_documented() {
    let documented = documented_tags();
    let keys: BTreeSet<&str> = documented.iter().map(|(key, _)| key.as_str()).chain(["steward:hold"]).collect();
    let unknown = [
        ServiceTags::parse([("steward:unknown", "")]).unwrap_err(),
        DatabaseTags::parse([("steward:unknown", "")]).unwrap_err(),
    ];
    let known: BTreeSet<&str> = unknown.iter().flat_map(|p| words_with_prefix(&p[0].problem, "steward:")).collect();
    assert_eq!(keys, known);

    // A value that nobody knows is answered with the words that are known.
    let page = text("docs/tags.md");
    for key in ["steward:mode", "steward:heal", "steward:restore-point"] {
        let problem = problems(key, "?").remove(0).problem;
        let words: BTreeSet<&str> = problem.strip_prefix("expected one of: ").unwrap().split(", ").collect();
        let listed: BTreeSet<&str> = documented.iter().filter(|(k, _)| k == key).map(|(_, v)| v.as_str()).collect();
        assert_eq!(words, listed, "{key}");
    }
    for (key, value) in [("steward:deploy", "?"), ("steward:deploy", "semver:?"), ("steward:snapshot", "?")] {
        let problem = problems(key, value).remove(0).problem;
        let words = problem.split([' ', ',', ';', '"']).filter(|word| match key {
            "steward:deploy" => word.starts_with("semver:") || ["follow", "any", "off", "prefix:TEXT"].contains(word),
            _ => word.ends_with("ly"),
        });
        let words: Vec<&str> = words.filter(|word| !word.contains("RANGE") && !word.contains('?')).collect();
        assert!(words.len() >= 4, "{problem}");
        for word in words {
            assert!(page.contains(&format!("`{}", word.trim_end_matches("TEXT"))), "{word}");
        }
    }
}

#[test]
fn every_variable_is_documented_and_no_other() {
    let page = text("docs/install.md");
    let known: Vec<&str> = VARIABLES.into_iter().chain(snapshot::VARIABLES).collect();
    for name in &known {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
    for (path, page) in pages() {
        for name in words_with_prefix(&page, "STEWARD_") {
            assert!(known.contains(&name), "{path} names {name}");
        }
    }
}

/// Kinds of alerts: of `deploy` the text before each severity in the source, of the others their own lists.
fn kinds() -> BTreeSet<String> {
    let source = source("functions/deploy/src/notice.rs");
    let parts: Vec<&str> = source.split("Severity::").collect();
    let before = parts.iter().take(parts.len() - 1).filter_map(|part| {
        let before = part.trim_end().strip_suffix("\",")?;
        before.rsplit('"').next().map(str::to_owned)
    });
    let mut kinds: BTreeSet<String> = before.collect();
    assert!(kinds.contains("rolled-out") && kinds.len() >= 9, "{kinds:?}");
    kinds.extend(
        heal::ALERT_KINDS.into_iter().chain(migrate::ALERT_KINDS).chain(snapshot::ALERT_KINDS).map(str::to_owned),
    );
    kinds
}

#[test]
fn every_kind_of_alert_and_every_alarm_has_a_runbook_and_no_runbook_is_left_over() {
    let template = text("template.yaml");
    let alarms = template.split("docs/runbooks/").skip(1).map(|rest| rest.split(".md").next().unwrap().to_owned());
    // What nobody is told of, but people have to do.
    let procedures = ["restore".to_owned()];
    let expected: BTreeSet<String> = kinds().into_iter().chain(alarms).chain(procedures).collect();
    let mut pages = names("docs/runbooks", ".md");
    pages.remove("README");
    assert_eq!(pages, expected);
    let list = text("docs/runbooks/README.md");
    for page in pages {
        assert!(list.contains(&format!("[{page}]({page}.md)")), "{page}");
    }
}

/// The cells of the rows of the table of a page whose heading begins so, without back quotes.
pub(crate) fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let table = page.split(&format!("\n| {heading}")).nth(1).unwrap().split("\n\n").next().unwrap();
    let cells = |row: &str| row.split('|').skip(1).map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    let rows: Vec<Vec<String>> = table.lines().skip(2).map(cells).collect();
    assert!(rows.len() > 2, "{heading}: {rows:?}");
    rows
}

/// The first cell of each of these rows.
pub(crate) fn rows(page: &str, heading: &str) -> BTreeSet<String> {
    let table = table(page, heading);
    let rows: BTreeSet<String> = table.iter().map(|row| row[0].clone()).collect();
    assert_eq!(rows.len(), table.len(), "{heading}: a row stands there twice");
    rows
}

/// The code of a file, without its tests, its comments and its attributes.
pub(crate) fn code(path: &str) -> String {
    let source = source(path);
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.filter(|line| !line.trim_start().starts_with("#[")).collect::<Vec<_>>().join("\n")
}

/// The texts between quotes in a piece of code.
pub(crate) fn literals(code: &str) -> BTreeSet<String> {
    code.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether it is a word as records have them.
pub(crate) fn is_word(literal: &str) -> bool {
    literal.split('-').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase()))
}

/// What a function's report is made of: its own, and what all of them have.
pub(crate) fn report_of(function: &str) -> String {
    code(&format!("functions/{function}/src/report.rs")) + &code("shared/src/report.rs")
}

#[test]
fn every_decision_word_is_explained() {
    let code_of = code("functions/deploy/src/report.rs");
    let words = literals(code_of.split("fn word(").nth(1).unwrap().split("\n}").next().unwrap());
    let back = literals(&code("functions/deploy/src/rollback.rs")).into_iter();
    let back = back.filter(|word| is_word(word) && word.contains('-'));
    let known = ["failed", "gave-way", "ignored"].map(str::to_owned);
    let words: BTreeSet<String> = words.into_iter().chain(back).chain(known).collect();
    assert!(words.len() > 24, "{words:?}");
    assert_eq!(rows(&text("docs/deploy.md"), "decision | reason"), words);
}

#[test]
fn every_sample_event_is_named() {
    let page = text("docs/deploy.md") + &text("docs/heal.md") + &text("docs/migrate.md") + &text("docs/snapshot.md");
    for name in names("events", ".json") {
        assert!(page.contains(&format!("`{name}.json`")), "{name}");
    }
}

/// How GitHub makes an anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let pages = pages();
    let mut count = 0;
    for (path, page) in &pages {
        for link in page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { root().join(path) } else { root().join(path).parent().unwrap().join(file) };
            assert!(target.exists(), "{path} links to {link}");
            if !heading.is_empty() {
                let headings = std::fs::read_to_string(&target).unwrap();
                let mut headings = headings.lines().filter(|line| line.starts_with('#'));
                let found = headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
                assert!(found, "{path} links to {link}");
            }
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn every_file_that_a_page_names_in_full_exists() {
    let mut count = 0;
    for (path, page) in pages() {
        for name in quoted(&page) {
            let folder = name.split('/').next().unwrap();
            if ["tests", "shared", "functions", "scripts", "events", "docs"].contains(&folder)
                && name.contains('/')
                && !name.contains([' ', '*', '<'])
            {
                assert!(root().join(name).exists(), "{path} names {name}");
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn the_decision_imports_no_sdk_and_neither_waits_nor_reads_a_clock() {
    for folder in [
        "deploy/src/plan",
        "heal/src/plan",
        "heal/src/classify",
        "heal/src/notice",
        "migrate/src/plan",
        "snapshot/src/plan",
    ] {
        for name in names(&format!("functions/{folder}"), ".rs") {
            let source = source(&format!("functions/{folder}/{name}.rs"));
            let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
            // What a service awaits is a field, and no waiting.
            let code: Vec<String> = code.map(|line| line.replace(".awaits", "")).collect();
            for forbidden in ["aws_sdk", "aws_smithy", "async ", ".await", "Clock", "std::env", "std::fs", "SystemTime"]
            {
                assert!(code.iter().all(|line| !line.contains(forbidden)), "{folder}/{name}.rs has {forbidden}");
            }
        }
    }
}
