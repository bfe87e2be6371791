//! The documents of `heal` against its code: its classes, guards, words, events and figures.

use std::collections::{BTreeMap, BTreeSet};

use crate::docs::{code, is_word, literals, names, pages, quoted, report_of, rows, table, text};

#[test]
fn every_word_of_a_record_is_explained_and_no_other() {
    let files = ["lib", "report", "plan/mod", "plan/news", "plan/life", "plan/conclude"];
    let words = files.iter().flat_map(|file| literals(&code(&format!("functions/heal/src/{file}.rs"))));
    let words = words.chain(["failed".to_owned()]);
    let words: BTreeSet<String> = words.filter(|word| is_word(word)).collect();
    assert!(words.len() > 30, "{words:?}");
    let page = text("docs/heal.md");
    let quoted: BTreeSet<&str> = quoted(&page).into_iter().collect();
    for word in &words {
        assert!(quoted.contains(word.as_str()), "{word}");
    }
    for word in rows(&page, "decision | means").union(&rows(&page, "verdict | means")) {
        assert!(words.contains(word), "{word}");
    }
}

#[test]
fn every_guard_is_explained_and_no_other() {
    let mut names = BTreeSet::new();
    for file in ["guards", "surroundings"] {
        let code = code(&format!("functions/heal/src/plan/{file}.rs"));
        let calls = code.split("guard(").skip(1).chain(code.split("const NAME: &str = ").skip(1));
        let literal = |rest: &str| rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
        names.extend(calls.filter_map(literal));
    }
    assert_eq!(rows(&text("docs/heal.md"), "guard | protects from"), names);
    assert!(text("README.md").contains(&format!("[{} guards]", names.len())), "{}", names.len());
    assert!(text("CHANGELOG.md").contains(&format!(" {} named guards", names.len())), "{}", names.len());
}

/// The classes in an arm's pattern, by their names in the code.
fn classes(pattern: &str) -> impl Iterator<Item = String> {
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    let names = pattern.split("Self::").skip(1);
    names.map(move |name| name.chars().take_while(|c| is_letter(*c)).collect())
}

/// What a function of the class answers for each, by the names in the code.
fn answers(function: &str) -> BTreeMap<String, String> {
    // The list of all classes is for tests only and stands before them: what ends the code elsewhere is no end here.
    let code = text("functions/heal/src/classify/class.rs");
    let body = code.split(&format!("fn {function}(")).nth(1).unwrap().split("\n    }\n").next().unwrap();
    let body = body.split("match self {").nth(1).unwrap();
    let (mut answers, mut default, mut pattern) = (BTreeMap::new(), None, String::new());
    for line in body.lines().map(str::trim) {
        let Some((before, answer)) = line.split_once("=> ") else {
            pattern.push_str(line);
            continue;
        };
        pattern.push_str(before);
        let answer = answer.trim_end_matches(',').to_owned();
        if pattern.trim() == "_" {
            default = Some(answer.clone());
        }
        answers.extend(classes(&pattern).map(|class| (class, answer.clone())));
        pattern.clear();
    }
    if let Some(default) = default {
        for class in self::answers("word").into_keys() {
            answers.entry(class).or_insert_with(|| default.clone());
        }
    }
    answers
}

/// What the table says of a cure.
fn cure(answer: &str) -> String {
    match answer {
        "Cure::None" => "no".to_owned(),
        "Cure::Rollback" => "yes".to_owned(),
        "Cure::RollbackIfSoon" => "if it began within 30 min of the deployment".to_owned(),
        changed => {
            let parts = changed.split(['[', ']']).nth(1).unwrap().split(", ");
            let parts: Vec<String> = parts.map(|part| part.trim_start_matches("Part::").to_lowercase()).collect();
            format!("if {} changed", parts.join(" or "))
        }
    }
}

#[test]
fn every_class_is_explained_with_its_urgency_and_whether_a_rollback_helps() {
    let [words, standings, alone, loops, cures] = ["word", "standing", "single", "in_a_loop", "cure"].map(answers);
    assert!(words.len() > 25, "{words:?}");
    let expected = words.iter().map(|(class, word)| {
        let is_told = !["Standing::Normal", "Standing::HandsOff"].contains(&standings[class].as_str());
        let severity = |answer: &str| answer.replace("Some(", "").replace("Severity::", "").to_lowercase();
        let urgency = |answer: &str| if is_told { severity(answer).replace(')', "") } else { "never".to_owned() };
        [word.trim_matches('"').to_owned(), urgency(&alone[class]), urgency(&loops[class]), cure(&cures[class])]
    });
    let page = text("docs/heal.md");
    let rows = table(&page, "class | means").into_iter();
    let rows = rows.map(|row| [row[0].clone(), row[2].clone(), row[3].clone(), row[4].clone()]);
    assert_eq!(rows.collect::<BTreeSet<_>>(), expected.collect());
    assert!(text("CHANGELOG.md").contains(&format!(" {} classes", words.len())), "{}", words.len());
}

#[test]
fn every_metric_and_every_kind_of_alert_is_named() {
    let page = text("docs/heal.md");
    let quoted: BTreeSet<&str> = quoted(&page).into_iter().collect();
    let metrics = literals(&report_of("heal"));
    let metrics: Vec<&String> = metrics.iter().filter(|name| name.starts_with(char::is_uppercase)).collect();
    assert!(metrics.len() > 12, "{metrics:?}");
    for name in metrics.into_iter().map(String::as_str).chain(heal::ALERT_KINDS) {
        assert!(quoted.contains(name), "{name}");
    }
}

/// Whether it reads like the name of an event: `Rollout Failed`.
fn is_event(text: &str) -> bool {
    let is_name = |word: &str| word.starts_with(char::is_uppercase) && word.chars().skip(1).all(char::is_lowercase);
    text.contains(' ') && text.split(' ').all(is_name)
}

#[test]
fn every_event_of_stewards_own_is_documented_and_no_other() {
    let triggers =
        ["deploy", "heal", "migrate", "snapshot"].map(|function| format!("functions/{function}/src/trigger.rs"));
    let files = triggers.into_iter().chain(["shared/src/event/steward.rs".to_owned()]);
    let events: BTreeSet<String> =
        files.flat_map(|file| literals(&code(&file))).filter(|text| is_event(text)).collect();
    assert!(events.len() >= 13, "{events:?}");
    let page = text("docs/deploy.md") + &text("docs/heal.md") + &text("docs/migrate.md") + &text("docs/snapshot.md");
    for event in &events {
        assert!(page.contains(&format!("`{event}`")), "{event}");
    }
    let ends = [
        "Requested",
        "Failed",
        "Answered",
        "Approved",
        "Resumed",
        "Due",
        "Pushed",
        "Resolved",
        "Succeeded",
        "Available",
    ];
    for (path, page) in pages() {
        for name in quoted(&page).into_iter().filter(|name| is_event(name)) {
            let is_own = name.split(' ').next_back().is_some_and(|end| ends.contains(&end));
            assert!(!is_own || events.contains(name), "{path} names {name}");
        }
    }
}

#[test]
fn every_parameter_that_an_example_sets_exists_and_those_about_healing_are_explained() {
    let listed = text("docs/parameters.md");
    let listed: BTreeSet<&str> =
        listed.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let used = text("docs/install.md") + &text("docs/heal.md");
    for name in ["DryRun", "HealMode", "PassRoleArns", "LogGroupPattern"] {
        assert!(listed.contains(name) && used.contains(&format!("`{name}")), "{name}");
    }
    let mut count = 0;
    // The stacks of examples/ have parameters of their own.
    for (path, page) in pages().into_iter().filter(|(path, _)| !path.starts_with("examples/")) {
        for rest in page.split("--parameter-overrides ").skip(1) {
            let words = rest.split(['`', '\n']).next().unwrap().split(' ');
            for name in words.filter_map(|word| word.split_once('=')).map(|(name, _)| name) {
                assert!(listed.contains(name) || name == "Name", "{path} sets {name}");
                count += 1;
            }
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn heal_has_no_call_by_which_ecs_could_be_changed() {
    let folders = ["", "/observe", "/plan", "/notice", "/classify"].map(|folder| format!("functions/heal/src{folder}"));
    for folder in &folders {
        for name in names(folder, ".rs") {
            let code = code(&format!("{folder}/{name}.rs"));
            for call in ["update_service", "stop_task", "run_task", "register_task", "stop_service", "force_new"] {
                assert!(!code.contains(&format!(".{call}")), "{folder}/{name}.rs has {call}");
            }
        }
    }
}
