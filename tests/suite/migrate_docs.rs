//! The documents of `migrate` against its code: its states, alerts, words, labels, metrics, figures and permissions.

use std::collections::{BTreeMap, BTreeSet};

use shared::event::steward::{MigrationEnded, MigrationRequested, MigrationResolved, Resolution, RollbackRequested};
use shared::migration::{COMMAND, COMPATIBLE, PLAN, RunId, RunState, TIMEOUT};

use crate::docs::{code, is_word, literals, quoted, report_of, rows, table, text};
use crate::snapshot_docs::{behind, fields, figure, words};

const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/prod/shop";

fn page() -> String {
    text("docs/migrate.md")
}

fn code_of(file: &str) -> String {
    code(&format!("functions/migrate/src/{file}"))
}

/// The part of a page under a heading, up to the next one of any level.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    page.split(&format!("# {heading}\n")).nth(1).unwrap().split("\n#").next().unwrap()
}

/// The words of all states.
fn states() -> BTreeSet<String> {
    let body = code("shared/src/migration.rs");
    let states = literals(body.split("fn as_str(self)").nth(1).unwrap().split("\n    }\n").next().unwrap());
    assert!(states.len() > 10, "{states:?}");
    states
}

#[test]
fn every_state_is_explained_with_what_deploy_makes_of_it() {
    let gate = code("functions/deploy/src/plan/migrate.rs");
    assert!(gate.contains("Some(state @ (RunState::Failed | RunState::Unknown)) =>"), "the gate is another");
    let page = page();
    let documented = table(&page, "state | means").into_iter().map(|row| (row[0].clone(), row[2].clone()));
    let documented: BTreeMap<String, String> = documented.collect();
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), states());
    for (state, then) in documented {
        let expected = match state.as_str() {
            "migrated" => "rolls",
            "failed" | "unknown" => "not-migrated",
            "superseded" => "asks again, where it still wants it",
            _ => "migrating",
        };
        assert_eq!(then, expected, "{state}");
    }
}

#[test]
fn the_diagram_has_every_state_and_only_what_is_over_has_an_end() {
    let page = page();
    let diagram = page.split("stateDiagram-v2").nth(1).unwrap().split("```").next().unwrap();
    let name = |text: &str| if text.trim() == "restore" { "restore-point".to_owned() } else { text.trim().to_owned() };
    let (mut seen, mut ends, mut leaves) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (from, to) in diagram.lines().filter_map(|line| line.split_once("-->")) {
        let (from, to) = (name(from), name(to.split(':').next().unwrap()));
        seen.extend([from.clone(), to.clone()]);
        if to == "[*]" { &mut ends } else { &mut leaves }.insert(from);
    }
    seen.remove("[*]");
    assert_eq!(seen, states());
    for state in &seen {
        let is_over = serde_json::from_value::<RunState>(state.as_str().into()).unwrap().is_over();
        assert!(is_over || leaves.contains(state), "{state}");
        assert!(is_over || !ends.contains(state), "{state}");
    }
}

#[test]
fn every_word_of_a_record_is_explained_and_no_other() {
    let files = ["lib.rs", "report.rs", "trigger.rs", "engine/mod.rs", "engine/begin.rs", "engine/close.rs"];
    let code: String = files.map(code_of).concat();
    let places = [".event(", "Ignored(", "before.is_none() {"];
    let mut expected: BTreeSet<String> = places.iter().flat_map(|place| behind(&code, place)).collect();
    let code = code + &report_of("migrate");
    let records = code.split(".about(").skip(1).filter_map(|rest| rest.split(", ").nth(1));
    expected.extend(records.filter_map(|word| Some(word.strip_prefix('"')?.split('"').next()?.to_owned())));
    assert!(expected.len() > 4 && expected.iter().all(|word| is_word(word)), "{expected:?}");
    expected.extend(states());
    assert_eq!(rows(&page(), "decision | means"), expected);
}

#[test]
fn every_field_of_a_record_and_every_trigger_is_named() {
    let page = page();
    let line = page.split("\nA line has ").nth(1).unwrap().split("\n\n").next().unwrap();
    let fields = behind(&code_of("report.rs"), ".saw(");
    assert!(fields.len() > 6, "{fields:?}");
    for field in fields {
        assert!(line.contains(&format!("`{field}`")), "{field}");
    }
    let triggers = code_of("trigger.rs");
    let mut triggers = literals(triggers.split("fn word(").nth(1).unwrap().split("\n    }\n").next().unwrap());
    assert!(triggers.remove("ignored"));
    let named: BTreeSet<String> = table(&page, "event | sample").iter().map(|row| row[2].clone()).collect();
    assert_eq!(named, triggers);
}

#[test]
fn every_kind_of_alert_stands_in_the_table_with_its_urgency_and_its_runbook() {
    let notice = code_of("notice.rs");
    let expected = migrate::ALERT_KINDS.into_iter().map(|kind| {
        let before = format!("\"{kind}\", Severity::");
        let calls = notice.split(&before).skip(1);
        let word = |rest: &str| rest.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
        let severities: Vec<String> = calls.map(word).collect();
        let severity = match severities.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [one] => one.to_owned(),
            ["warning", "critical"] => "warning; critical when its task does not stop".to_owned(),
            _ => format!("{severities:?}"),
        };
        (format!("[`{kind}`](runbooks/{kind}.md)"), severity)
    });
    let rows = table(&page(), "kind | severity").into_iter().map(|row| (row[0].clone(), row[1].clone()));
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), expected.collect());
}

#[test]
fn every_metric_is_explained_and_the_template_watches_no_other() {
    let metrics = literals(&report_of("migrate")).into_iter();
    let metrics: BTreeSet<String> = metrics.filter(|name| name.starts_with(char::is_uppercase)).collect();
    assert!(metrics.len() > 8, "{metrics:?}");
    assert_eq!(rows(&page(), "metric | counts"), metrics);
    let template = text("template.yaml");
    let watched = template.lines().filter(|line| line.contains("[\"Steward\", ") && line.contains("\"migrate\""));
    let watched: BTreeSet<String> = watched.map(|line| line.split('"').nth(3).unwrap().to_owned()).collect();
    assert!(watched.len() > 4 && watched.is_subset(&metrics), "{watched:?}");
}

#[test]
fn every_figure_is_what_the_code_says_and_none_is_left_out() {
    let files = [
        "plan/mod.rs",
        "plan/job.rs",
        "plan/restore.rs",
        "plan/resolve.rs",
        "engine/mod.rs",
        "engine/begin.rs",
        "engine/close.rs",
        "run.rs",
        "request.rs",
        "command.rs",
        "lock.rs",
        "observe/task.rs",
    ];
    let mut expected = BTreeMap::new();
    for file in files {
        for constant in code_of(file).split("const ").skip(1) {
            let (name, rest) = constant.split_once(": ").unwrap();
            let (kind, rest) = rest.split_once(" = ").unwrap();
            if ["SignedDuration", "usize", "u32", "i32"].contains(&kind) {
                expected.insert((file.to_owned(), name.to_owned()), figure(rest.split(";\n").next().unwrap()));
            }
        }
    }
    assert!(expected.len() > 20, "{expected:?}");
    let rows = table(&page(), "where | figure").into_iter();
    let rows: BTreeMap<_, _> = rows.map(|row| ((row[0].clone(), row[1].clone()), row[2].clone())).collect();
    assert_eq!(rows, expected);
    let patience = code("functions/deploy/src/plan/migrate.rs");
    assert!(patience.contains("PATIENCE: SignedDuration = SignedDuration::from_mins(10)"));
    assert!(page().contains("asks again for a run of which it has found no trace for ten minutes"));
}

#[test]
fn the_exit_codes_of_a_plan_are_those_of_the_code() {
    let job = code_of("plan/job.rs");
    let of = |name: &str| job.split(&format!("const {name}: i32 = ")).nth(1).unwrap().split(';').next().unwrap();
    let expected = [of("NOTHING_PENDING"), of("PENDING"), of("DESTRUCTIVE"), "any other"].map(str::to_owned);
    assert_eq!(rows(&page(), "exit code | means"), BTreeSet::from(expected));
    let classify = code_of("classify.rs");
    assert!(classify.contains("const KILLED: [i32; 2] = [137, 143];") && page().contains("exit code 137 or 143"));
}

#[test]
fn every_field_of_what_is_asked_decided_and_answered_is_explained() {
    let page = page();
    let (service, run): (shared::arn::ServiceArn, RunId) = (SERVICE.parse().unwrap(), "0f".repeat(13).parse().unwrap());
    let by = Some("ana".to_owned());
    let asked = MigrationRequested {
        service: service.clone(),
        request: "nightly".parse().ok(),
        at: "2026-11-20T03:00:00Z".parse().ok(),
        rollout: Some(run.clone()),
        requested_by: by.clone(),
    };
    let ask = section(&page, "On demand and by a schedule");
    assert_eq!(rows(ask, "field | means"), fields(&asked));
    let resolved =
        MigrationResolved { run: run.clone(), outcome: Resolution::Retry, why: "looked".to_owned(), resolved_by: by };
    assert_eq!(rows(section(&page, "When a person decides"), "field | means"), fields(&resolved));
    let ended = MigrationEnded {
        run,
        service: service.clone(),
        image: String::new(),
        database: String::new(),
        state: RunState::Failed,
        reason: String::new(),
    };
    assert_eq!(rows(ask, "detail | means"), fields(&ended));

    let text_of = || Some("x".to_owned());
    let back = RollbackRequested {
        service,
        incident: text_of(),
        deployment: text_of(),
        to: "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7".parse().ok(),
        approved_by: text_of(),
        requested_by: text_of(),
        over_migration: true,
    };
    let deploy = text("docs/deploy.md");
    let named = table(section(&deploy, "A way back"), "field | means").into_iter().flat_map(|row| words(&row[0]));
    assert_eq!(named.collect::<BTreeSet<_>>(), fields(&back));
}

#[test]
fn every_decision_of_a_person_is_explained_with_the_states_that_it_fits() {
    let resolve = code_of("plan/resolve.rs");
    let kebab = |name: &str| {
        let parts = name.char_indices().map(|(at, c)| match c {
            c if c.is_uppercase() && at > 0 => format!("-{}", c.to_ascii_lowercase()),
            c => c.to_ascii_lowercase().to_string(),
        });
        parts.collect::<String>()
    };
    let variants = |text: &str, of: &str| -> BTreeSet<String> {
        let is_letter = |c: &char| c.is_ascii_alphanumeric();
        let names = text.split(of).skip(1).map(|rest| rest.chars().take_while(is_letter).collect::<String>());
        names.map(|name| kebab(&name)).collect()
    };
    let arms =
        resolve.split("(Resolution::").skip(1).map(|rest| format!("(Resolution::{}", rest.split("=>").next().unwrap()));
    let expected: BTreeMap<String, BTreeSet<String>> =
        arms.map(|arm| (variants(&arm, "Resolution::").pop_first().unwrap(), variants(&arm, "RunState::"))).collect();
    assert_eq!(expected.len(), 4, "{expected:?}");
    let rows = table(&page(), "outcome | for").into_iter().map(|row| (row[0].clone(), words(&row[1])));
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), expected);
}

#[test]
fn every_label_is_explained_and_the_task_definition_shown_is_one() {
    let page = page();
    let known = BTreeSet::from([COMMAND, PLAN, TIMEOUT, COMPATIBLE].map(str::to_owned));
    assert_eq!(rows(&page, "docker label | means"), known);
    let shown = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let shown: serde_json::Value = serde_json::from_str(shown).unwrap();
    let labels = shown["containerDefinitions"][0]["dockerLabels"].as_object().unwrap();
    assert!(labels.contains_key(COMMAND) && labels.keys().all(|label| known.contains(label)), "{labels:?}");
    for label in [COMMAND, PLAN] {
        serde_json::from_str::<Vec<String>>(labels[label].as_str().unwrap()).unwrap();
    }
}

/// The labels of each recipe, by its heading, as they are meant: a table needs a backslash before a bar.
pub(crate) fn recipes() -> BTreeMap<String, BTreeMap<String, String>> {
    let page = page();
    let part = page.split("\n## Recipes\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let recipe = |part: &str| {
        let rows = part.lines().filter_map(|line| line.strip_prefix("| `steward.")?.strip_suffix("` |"));
        let labels = rows.map(|row| {
            let (label, value) = row.split_once("` | `").unwrap();
            (format!("steward.{label}"), value.replace("\\|", "|"))
        });
        (part.lines().next().unwrap().to_owned(), labels.collect())
    };
    part.split("\n### ").skip(1).map(recipe).collect()
}

#[test]
fn every_recipe_names_a_command_and_a_plan_that_speaks_the_plans_exit_codes() {
    let recipes = recipes();
    let expected = ["Alembic", "Django", "Ecto release", "Flyway", "Prisma", "Rails"];
    assert_eq!(recipes.keys().collect::<Vec<_>>(), expected);
    for (tool, labels) in recipes {
        assert_eq!(labels.keys().collect::<Vec<_>>(), [COMMAND, PLAN], "{tool}");
        for value in labels.values() {
            if value.starts_with('[') {
                let words: Vec<String> = serde_json::from_str(value).unwrap();
                assert!(words.len() > 2, "{tool}: {value}");
            } else {
                assert!(!value.contains(['&', '|', ';', '>', '<', '`', '"', '\'']), "{tool}: {value} needs a shell");
            }
        }
        let plan = &labels[PLAN];
        let is_own = plan.contains("Shop.Release.plan()");
        assert!(is_own || plan.contains("exit 10"), "{tool}: what is pending has to end with 10");
    }
    assert!(page().contains("System.halt(if pending == [], do: 0, else: 10)"));
}

#[test]
fn everything_that_is_remembered_is_explained_and_nothing_else() {
    let fields_of = |code: &str, name: &str| -> BTreeSet<String> {
        let body = code.split(&format!("struct {name} {{")).nth(1).unwrap().split("\n}").next().unwrap().to_owned();
        let fields = body.lines().filter_map(|line| line.trim().strip_prefix("pub")?.split_once(' '));
        fields.map(|(_, rest)| rest.split(':').next().unwrap().to_owned()).collect()
    };
    let state = text("docs/state.md");
    let part = section(&state, "What migrate remembers");
    let named = table(part, "field | what").into_iter().flat_map(|row| words(&row[0]));
    assert_eq!(named.collect::<BTreeSet<_>>(), fields_of(&code_of("run.rs"), "Run"));
    let prose = part.split("The lock has ").nth(1).unwrap().split("\n\n").next().unwrap();
    let shared = code("shared/src/migration.rs");
    let lock = fields_of(&code_of("lock.rs"), "Lock");
    let known: BTreeSet<String> =
        [lock, fields_of(&shared, "Ledger"), fields_of(&shared, "Entry")].into_iter().flatten().collect();
    assert!(known.len() > 8, "{known:?}");
    let named: BTreeSet<String> = quoted(prose).into_iter().map(str::to_owned).collect();
    assert_eq!(named, known);
}

#[test]
fn every_parameter_is_spoken_of() {
    let (page, install) = (page(), text("docs/install.md"));
    let parameters = text("docs/parameters.md");
    let parameters = parameters.lines().filter_map(|line| line.strip_prefix("| `Migration")?.split('`').next());
    let parameters: Vec<String> = parameters.map(|name| format!("`Migration{name}`")).collect();
    assert_eq!(parameters.len(), 3, "{parameters:?}");
    for name in parameters {
        assert!(install.contains(&name) && page.contains(&name), "{name}");
    }
}

/// The actions in a piece of text, without those that every function's role has alike.
fn actions(part: &str) -> BTreeSet<String> {
    let services = ["ecs", "rds", "iam", "events", "scheduler"];
    let parts = part.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').map(|part| part.trim_end_matches(':'));
    let actions = parts.filter(|part| {
        let called = part.split_once(':').filter(|(service, _)| services.contains(service));
        called.is_some_and(|(_, call)| call.starts_with(char::is_uppercase))
    });
    let conditions = ["ecs:CreateAction", "iam:PassedToService"];
    actions.filter(|action| !conditions.contains(action)).map(str::to_owned).collect()
}

#[test]
fn every_call_that_the_role_allows_is_explained_and_no_other() {
    let template = text("template.yaml");
    let role = template.split("\n  MigrateRole:").nth(1).unwrap().split("\n  MigrateDeadLetterAlarm:").next().unwrap();
    let role: Vec<&str> = role.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let role: Vec<&str> = role.iter().map(|line| line.split("arn:$").next().unwrap()).collect();
    let security = text("SECURITY.md");
    let part = security.split("the role of `migrate` allows").nth(1).unwrap().split("\n- ").next().unwrap();
    assert_eq!(actions(part), actions(&role.join("\n")));
}

#[test]
fn a_refused_rollback_has_its_three_choices_wherever_it_is_spoken_of() {
    let refusal = code("functions/deploy/src/plan/rollback.rs");
    let refusal = refusal.split("Choose: ").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(refusal.split("; or").count(), 3, "{refusal}");
    let choices = text("docs/runbooks/rollback-refused.md");
    assert_eq!(rows(&choices, "choice | when").len(), 3);
    assert!(choices.contains("over-migration") && choices.contains("roll forward"));
    let page = page();
    let part = section(&page, "The ledger and rollbacks");
    assert!(["\n1. ", "\n2. ", "\n3. "].iter().all(|choice| part.contains(choice)) && !part.contains("\n4. "));
}
