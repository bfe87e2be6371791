"""Every function and every queue is watched, and every alarm says what to do."""

import json
import re

import pytest

import records
from stack import ROOT, expand, of_type

STACK = expand()
ALARMS = of_type(STACK, "AWS::CloudWatch::Alarm")
FUNCTIONS = of_type(STACK, "AWS::Lambda::Function")


def alarms(metric, dimension, value):
    return [
        alarm["Properties"]
        for alarm in ALARMS.values()
        if alarm["Properties"]["MetricName"] == metric
        and alarm["Properties"]["Dimensions"] == [{"Name": dimension, "Value": value}]
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_a_function_has_an_alarm_for(function, metric):
    assert len(alarms(metric, "FunctionName", {"Ref": function})) == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_without_a_completed_sweep_is_an_alarm(function):
    (alarm,) = alarms("SweepCompleted", "Function", function.removesuffix("Function").lower())
    assert alarm["Namespace"] == "Steward"
    assert alarm["TreatMissingData"] == "breaching"


# What heal did in vain is for a person at once; what it could not do is, when trying again has not mended it.
@pytest.mark.parametrize(("metric", "seconds"), [("HealsFailed", 300), ("Failures", 1800)])
def test_what_heal_cannot_mend_is_an_alarm(metric, seconds):
    (alarm,) = alarms(metric, "Function", "heal")
    assert alarm["Namespace"] == "Steward" and alarm["Statistic"] == "Sum"
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarm["Period"] * alarm["EvaluationPeriods"] == seconds
    assert alarm["TreatMissingData"] == "notBreaching"


# A database without a fresh snapshot, or nobody who looks; and the quota, while something can be done about it.
@pytest.mark.parametrize(
    ("metric", "comparison", "threshold", "missing", "runbook"),
    [
        ("BackupAgeRatio", "GreaterThanThreshold", 1.5, "breaching", "backup-stale"),
        ("ManualSnapshotQuotaPercent", "GreaterThanOrEqualToThreshold", 80, "ignore", "quota-near"),
    ],
)
def test_what_snapshot_must_not_miss_is_an_alarm(metric, comparison, threshold, missing, runbook):
    (alarm,) = alarms(metric, "Function", "snapshot")
    assert alarm["Namespace"] == "Steward" and alarm["Statistic"] == "Maximum"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (comparison, threshold)
    assert alarm["TreatMissingData"] == missing and alarm["EvaluationPeriods"] == 2
    # Each period has a look in it at the pace that SnapshotSchedule has unless it is changed.
    assert STACK["Parameters"]["SnapshotSchedule"]["Default"] == "rate(15 minutes)" and alarm["Period"] >= 2 * 15 * 60
    assert alarm["AlarmDescription"].endswith(f"docs/runbooks/{runbook}.md")


def test_what_deploy_cannot_mend_is_an_alarm():
    (alarm,) = alarms("Failures", "Function", "deploy")
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 1800 and alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmDescription"].endswith("docs/runbooks/failed.md")


# What only a person can end, what nothing ends, and what trying again has not mended.
@pytest.mark.parametrize(
    ("metric", "statistic", "comparison", "threshold", "seconds", "missing", "runbook"),
    [
        ("MigrationsUnknown", "Sum", "GreaterThanThreshold", 0, 300, "notBreaching", "migration-unknown"),
        ("OldestRunMinutes", "Maximum", "GreaterThanThreshold", 360, 1800, "ignore", "migration-waiting"),
        ("Failures", "Sum", "GreaterThanOrEqualToThreshold", 1, 1800, "notBreaching", "failed"),
    ],
)
def test_what_migrate_cannot_mend_is_an_alarm(metric, statistic, comparison, threshold, seconds, missing, runbook):
    (alarm,) = alarms(metric, "Function", "migrate")
    assert (alarm["Namespace"], alarm["Statistic"]) == ("Steward", statistic)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (comparison, threshold)
    assert alarm["Period"] * alarm["EvaluationPeriods"] == seconds
    assert alarm["TreatMissingData"] == missing
    assert alarm["AlarmDescription"].endswith(f"docs/runbooks/{runbook}.md")


@pytest.mark.parametrize("name", ALARMS)
def test_without_sweeps_no_alarm_waits_for_what_only_sweeps_count(name):
    is_silence_an_alarm = ALARMS[name]["Properties"]["TreatMissingData"] == "breaching"
    assert (ALARMS[name].get("Condition") == "SweepIsEnabled") == is_silence_an_alarm


@pytest.mark.parametrize(
    ("function", "minutes", "schedule"),
    [
        ("deploy", "SweepAlarmMinutes", "SweepSchedule"),
        ("heal", "SweepAlarmMinutes", "SweepSchedule"),
        ("snapshot", "SnapshotAlarmMinutes", "SnapshotSchedule"),
    ],
)
def test_one_late_sweep_is_no_alarm(function, minutes, schedule):
    (alarm,) = alarms("SweepCompleted", "Function", function)
    assert alarm["EvaluationPeriods"] == {"Ref": minutes} and alarm["Period"] == 60
    pace = int(re.fullmatch(r"rate\((\d+) minutes\)", STACK["Parameters"][schedule]["Default"])[1])
    assert STACK["Parameters"][minutes]["Default"] > 2 * pace


def test_one_late_sweep_of_migrate_is_no_alarm():
    """Its pace is no parameter, nor is the time after which its silence is one."""
    (alarm,) = alarms("SweepCompleted", "Function", "migrate")
    expression = STACK["Resources"]["MigrateSweepSchedule"]["Properties"]["ScheduleExpression"]
    pace = int(re.fullmatch(r"rate\((\d+) minutes\)", expression)[1])
    assert alarm["EvaluationPeriods"] > 2 * pace and alarm["Period"] == 60


def watched():
    """(function, metric) of each of Steward's own metrics in an alarm or on the dashboard."""
    for alarm in ALARMS.values():
        if alarm["Properties"]["Namespace"] == "Steward":
            (dimension,) = alarm["Properties"]["Dimensions"]
            yield dimension["Value"], alarm["Properties"]["MetricName"]
    for widget in widgets():
        for metric in widget["properties"].get("metrics", []):
            if metric[0] == "Steward":
                yield metric[3], metric[1]
            elif isinstance(metric[0], dict):
                # One for each database, whatever their names are.
                (name,) = re.findall(r'SEARCH\(.\{Steward,Function,Database\} MetricName="(\w+)"', metric[0]["expression"])
                yield "snapshot", name


def widgets(with_sweeps=True):
    (board,) = of_type(STACK, "AWS::CloudWatch::Dashboard").values()
    text, given = board["Properties"]["DashboardBody"]["Fn::Sub"]
    ((name, value),) = given.items()
    condition, yes, no = value["Fn::If"]
    assert condition == "SweepIsEnabled"
    return json.loads(text.replace(f"${{{name}}}", yes["Fn::Sub"] if with_sweeps else no))["widgets"]


def counted():
    """(function, metric) of each metric that the binaries have written, in the embedded metric format."""
    for line in records.LINES.read_text().splitlines():
        row = json.loads(line.partition(" ")[2])
        for described in row.get("_aws", {}).get("CloudWatchMetrics", []):
            assert described["Namespace"] == "Steward"
            for metric in described["Metrics"]:
                assert isinstance(row[metric["Name"]], (int, float))
                yield row["Function"], metric["Name"]


COUNTED = set(counted())
# What does not happen in the demo, from which the samples are. Their lines in the code are looked at instead.
NOT_IN_THE_SAMPLES = {
    ("deploy", "Deferred"),
    ("deploy", "SweepStoppedEarly"),
    ("heal", "EventsUnknown"),
    ("heal", "GuardBlocked"),
    ("heal", "HealsFailed"),
    ("snapshot", "CopiesFailed"),
    ("snapshot", "SweepStoppedEarly"),
}
# Counted, and shown nowhere: how much was looked at.
NOT_WATCHED = {("deploy", "ServicesSeen")}


@pytest.mark.parametrize(("function", "metric"), sorted(set(watched()) - NOT_IN_THE_SAMPLES))
def test_a_metric_that_is_watched_is_one_that_the_function_writes(function, metric):
    assert (function, metric) in COUNTED


@pytest.mark.parametrize(("function", "metric"), sorted(NOT_IN_THE_SAMPLES))
def test_a_metric_of_what_seldom_happens_is_counted_in_the_code(function, metric):
    files = (f"functions/{function}/src/report.rs", "shared/src/report.rs")
    code = "".join((ROOT / file).read_text().split("#[cfg(test)]")[0] for file in files)
    assert re.search(rf'count\([^;]*"{metric}"|^\s*\("{metric}", ', code, re.MULTILINE)
    assert (function, metric) not in COUNTED and (function, metric) in set(watched())


def test_what_is_counted_is_watched():
    assert COUNTED - set(watched()) == NOT_WATCHED


@pytest.mark.parametrize("name", ALARMS)
@pytest.mark.parametrize("with_sweeps", [True, False])
def test_the_dashboard_shows_each_alarm_that_there_is(name, with_sweeps):
    (shown,) = [widget["properties"]["alarms"] for widget in widgets(with_sweeps) if widget["type"] == "alarm"]
    is_there = with_sweeps or "Condition" not in ALARMS[name]
    assert shown.count(f"${{{name}.Arn}}") == is_there


@pytest.mark.parametrize("function", ["deploy", "heal", "migrate", "snapshot"])
def test_the_first_row_has_a_glance_at(function):
    (tile,) = [it for it in widgets() if it["y"] == 0 and it["properties"]["title"] == function]
    assert tile["properties"]["view"] == "singleValue" and len(tile["properties"]["metrics"]) == 4
    assert {metric[3] for metric in tile["properties"]["metrics"]} == {function}
    # A gauge is no sum: of twelve sweeps an hour that see one open incident, it would make twelve.
    for metric in tile["properties"]["metrics"]:
        is_gauge = metric[1] in ("BlockedServices", "OpenIncidents", "OpenRuns", "StaleDatabases", "ManualSnapshotQuotaPercent")
        assert metric[4].get("stat") == ("Maximum" if is_gauge else None)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_logs_json_into_its_own_group_for_a_limited_time(function):
    logging = FUNCTIONS[function]["Properties"]["LoggingConfig"]
    group = STACK["Resources"][logging["LogGroup"]["Ref"]]
    assert logging["LogFormat"] == "JSON"
    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_no_log_level_silences_decisions_and_metrics():
    """The platform drops lines below the level; a metric line has level INFO."""
    assert STACK["Parameters"]["LogLevel"]["AllowedValues"] == ["DEBUG", "INFO"]


@pytest.mark.parametrize("queue", of_type(STACK, "AWS::SQS::Queue"))
def test_a_queue_has_an_alarm(queue):
    waits_for_a_function = "RedrivePolicy" in STACK["Resources"][queue]["Properties"]
    metric = "ApproximateAgeOfOldestMessage" if waits_for_a_function else "ApproximateNumberOfMessagesVisible"
    (alarm,) = alarms(metric, "QueueName", {"Fn::GetAtt": [queue, "QueueName"]})
    if not waits_for_a_function:
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_reaches_the_topic_and_names_its_runbook(name):
    alarm = ALARMS[name]["Properties"]
    assert alarm["AlarmActions"] == [{"Ref": "AlertTopic"}]
    (runbook,) = re.findall(r"Runbook: (docs/runbooks/[a-z-]+\.md)$", alarm["AlarmDescription"])
    assert (ROOT / runbook).exists()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_kind_of_alert_has_a_runbook(function):
    source = ROOT / "functions" / function.removesuffix("Function").lower() / "src"
    code = "".join(path.read_text() for path in source.rglob("*.rs"))
    kinds = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)",\s*Severity::', code))
    for listed in re.findall(r"const KINDS: [^=]*= \[([^]]*)\]", code):
        kinds |= set(re.findall(r'"([a-z-]+)"', listed))
    assert kinds, "no alert was found in the code"
    assert not [kind for kind in sorted(kinds) if not (ROOT / f"docs/runbooks/{kind}.md").exists()]


def test_the_list_of_runbooks_is_complete():
    listed = set(re.findall(r"\(([a-z-]+\.md)\)", (ROOT / "docs/runbooks/README.md").read_text()))
    assert listed == {path.name for path in (ROOT / "docs/runbooks").glob("*.md")} - {"README.md"}


def test_the_topic_lets_alarms_of_this_account_in():
    (policy,) = of_type(STACK, "AWS::SNS::TopicPolicy").values()
    allowed = [it for it in policy["Properties"]["PolicyDocument"]["Statement"] if it["Effect"] == "Allow"]
    assert [it["Principal"] for it in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]
    assert allowed[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_dashboard_shows(function):
    name = function.removesuffix("Function")
    shown = json.dumps(widgets())
    for what in (function, f"{name}Queue.QueueName", f"{name}DeadLetterQueue.QueueName", f"{name}LogGroup"):
        assert f"${{{what}}}" in shown, what


def test_no_widget_lies_on_another():
    tiles = [(x, y) for w in widgets() for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])]
    assert len(tiles) == len(set(tiles)) and max(x for x, _ in tiles) < 24
