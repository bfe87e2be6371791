"""The saved queries, tried on log lines that the functions' binaries have written."""

import json
import re

import pytest

import insights
import queries
import records
from stack import ROOT, load, of_type

QUERIES = {name: it["Properties"] for name, it in of_type(load(), "AWS::Logs::QueryDefinition").items()}
FUNCTIONS = {"deploy", "heal", "migrate", "snapshot"}
LINES = insights.read(records.LINES.read_text().splitlines())
# What CloudWatch adds to each line.
ADDED = {"@log", "@message", "@timestamp"}
# Only of a run that a person asked for by hand, of which the demo has none.
RARE = {"requested_by"}


def ask(name):
    query = load()["Resources"][name]
    return insights.run(query["Properties"]["QueryString"], queries.rows(query))


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_has_an_answer(name):
    answer, _ = ask(name)
    assert answer and len(answer) < 150, "a query that answers nothing, or everything"


@pytest.mark.parametrize("name", QUERIES)
def test_every_field_that_a_query_reads_is_in_some_line_of_its_log_groups(name):
    _, read = ask(name)
    there = {field for row in queries.rows(load()["Resources"][name]) for field in row}
    assert read - ADDED - RARE <= there


@pytest.mark.parametrize("field", sorted(RARE))
def test_a_field_that_no_sample_has_is_one_that_the_code_writes(field):
    reports = "".join((ROOT / f"functions/{function}/src/report.rs").read_text() for function in FUNCTIONS)
    assert f'.saw("{field}"' in reports and not any(field in row for row in LINES)


def text_in(name, pattern):
    """Values in lists of a query after `pattern`."""
    return [json.loads(f"[{found}]") for found in re.findall(rf"{pattern} \[([^\]]*)\]", QUERIES[name]["QueryString"])]


@pytest.mark.parametrize("name", QUERIES)
def test_every_decision_that_a_query_names_is_one_that_the_functions_make(name):
    code = "".join(
        path.read_text() for folder in ("functions", "shared") for path in (ROOT / folder).rglob("*.rs") if "tests" not in path.parts
    )
    for words in text_in(name, "decision (?:not )?in"):
        assert [word for word in words if f'"{word}"' not in code] == []


def test_every_question_has_its_words_and_every_query_its_question():
    assert set(queries.QUESTIONS) == set(QUERIES)
    titles = [it["Name"]["Fn::Sub"] for it in QUERIES.values()]
    assert all(title.startswith("${AWS::StackName}/") for title in titles) and len(titles) == len(set(titles))


def test_together_the_queries_look_into_every_log_group():
    seen = {group["Ref"] for it in QUERIES.values() for group in it["LogGroupNames"]}
    assert seen == set(of_type(load(), "AWS::Logs::LogGroup"))


def test_the_page_says_what_the_template_says():
    assert queries.PAGE.read_text() == queries.page()


# ---- Each question, with the answer that a person would look for -------------------------------------------------------


def decisions(name):
    return {row.get("decision") for row in ask(name)[0]}


def test_what_did_not_roll_is_shown_with_its_reason_and_what_rolled_is_not():
    answer, _ = ask("WhyNotRolledQuery")
    assert {"held", "pinned", "refused", "migrating", "not-migrated"} <= decisions("WhyNotRolledQuery")
    assert not {"roll", "up-to-date", "no-container"} & decisions("WhyNotRolledQuery")
    assert all(row["reason"] and "/" in row["subject"] for row in answer)


def test_a_dry_run_has_changed_nothing_and_is_found_by_its_own_query():
    planned = [row for row in LINES if row.get("decision") == "would-roll"]
    assert planned and all(row["dry_run"] is True for row in planned)
    assert {"would-roll"} <= decisions("DryRunQuery") and "would-roll" not in decisions("WhatChangedQuery")
    assert {"roll", "take", "delete", "migrating", "roll-back"} <= decisions("WhatChangedQuery")
    assert any(row.get("verdict") == "asked" for row in ask("WhatChangedQuery")[0])
    assert any(row.get("verdict") == "would-have-asked" for row in ask("DryRunQuery")[0])


def test_an_alert_is_shown_beside_what_was_held_back():
    answer, _ = ask("WhyAlertQuery")
    assert {"rolled-out", "crash-loop", "storm", "migration-failed", "backup-stale"} <= {row.get("kind") for row in answer}
    assert {"counted", "not-counted", "held-by-storm", "told", "told-already"} <= decisions("WhyAlertQuery")


@pytest.mark.parametrize("name", ["OptedInQuery", "BackupsQuery"])
def test_a_service_or_database_is_listed_once_by_what_was_said_last(name):
    answer, _ = ask(name)
    subjects = [row["subject"] for row in answer]
    assert len(subjects) == len(set(subjects)) >= 3
    for row in answer:
        same = [it for it in LINES if it.get("subject") == row["subject"] and it.get("trigger") == "sweep"]
        assert row["@timestamp"] == max(it["@timestamp"] for it in same if it["@log"] == row["@log"])


def test_a_snapshot_that_is_kept_taken_deleted_or_given_up_has_its_reason():
    answer, _ = ask("SnapshotsQuery")
    assert {"take", "delete", "given-up"} <= decisions("SnapshotsQuery")
    kept = [row for row in answer if row.get("verdict") == "Keep"]
    assert kept and all(row["snapshot"] and row["why"] for row in kept)


def test_a_migration_is_told_from_its_wait_to_its_end_in_order():
    answer, _ = ask("MigrationQuery")
    assert {"waiting", "planning", "restore-point", "migrating", "verifying", "migrated", "failed"} <= decisions("MigrationQuery")
    assert [row["@timestamp"] for row in answer] == sorted(row["@timestamp"] for row in answer)


def test_a_throttled_call_is_told_by_its_name_and_a_failed_migration_is_not_taken_for_one():
    answer, _ = ask("FailedCallsQuery")
    codes = {(row["call"], row["code"]) for row in answer}
    assert ("dynamodb:GetItem", "ThrottlingException") in codes
    assert not any("exit code" in row["last"] for row in answer)


def test_cold_starts_are_counted_from_the_platforms_reports_which_the_log_level_lets_through():
    (row,) = ask("ColdStartsQuery")[0]
    assert (row["runs"], row["cold_starts"], row["slowest_start_ms"], row["most_memory_mb"]) == (2, 1, 40.1, 25)
    # At WARN the platform writes no report of a run that went well.
    assert load()["Globals"]["Function"]["LoggingConfig"]["SystemLogLevel"] == "INFO"


# ---- The samples themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_the_samples_are_not_older_than_the_code(function):
    """A field that is not in the code any more, or not yet in a sample: `make records`."""
    code = (ROOT / f"functions/{function}/src/report.rs").read_text()
    written = set(re.findall(r'\.saw\("(\w+)"', code))
    always = {"decision", "detail_type", "dry_run", "event_id", "function", "level", "message", "reason", "requestId"}
    always |= {"subject", "timestamp", "trigger", "xrayTraceId"} | ADDED
    seen = {name for row in LINES if row.get("function") == function and "decision" in row for name in row}
    assert written - RARE == seen - always


def test_the_reader_of_queries_refuses_what_it_does_not_know():
    for query in ("fields a | pattern b", "filter a ~ 1", 'filter a = "x" b', "filter strlen(a) > 1", "display a"):
        with pytest.raises(AssertionError):
            insights.run("\n|".join(query.split(" | ")), [])


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ('a = "x" and b != 2', True),
        ('a = "x" and not (b = 1 or c = 3)', False),
        ('a in ["x", "y"] and b not in [2]', True),
        ("a like /^x$/ and ispresent(b)", True),
        ("a not like /x/ or ispresent(c)", False),
        ('c != "x" or c not in ["x"] or c not like /x/', False),
    ],
)
def test_the_reader_of_queries_reads_a_filter(expression, holds):
    answer, _ = insights.run(f"filter {expression}", [{"a": "x", "b": 1}])
    assert bool(answer) == holds
