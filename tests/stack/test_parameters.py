"""Parameters: each is described, bounded, shown in the console's groups and on the page."""

import re

import pytest

import parameters
from resolved import holds
from stack import expand, load, of_type

PARAMETERS = load()["Parameters"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_has_a_default_a_description_and_bounds(name):
    it = PARAMETERS[name]
    assert "Default" in it and it["Description"].endswith(".")
    assert {"AllowedValues", "AllowedPattern", "MinValue"} & set(it) or it["Type"] == "CommaDelimitedList"
    if it["Type"] == "Number" and "AllowedValues" not in it:
        assert it["MinValue"] <= it["Default"] <= it["MaxValue"]


@pytest.mark.parametrize("name", [name for name, it in PARAMETERS.items() if it["Type"] == "String"])
def test_no_text_is_taken_for_something_else_by_yaml(name):
    """To YAML an unquoted off is false."""
    values = [PARAMETERS[name]["Default"], *PARAMETERS[name].get("AllowedValues", [])]
    assert all(isinstance(value, str) for value in values)


@pytest.mark.parametrize("function", of_type(expand(), "AWS::Lambda::Function"))
@pytest.mark.parametrize(
    ("variable", "parameter", "default"),
    [("STEWARD_DRY_RUN", "DryRun", "false"), ("STEWARD_HEAL_MODE", "HealMode", "dry-run")],
)
def test_every_function_is_told_what_it_may_do(function, variable, parameter, default):
    variables = expand()["Resources"][function]["Properties"]["Environment"]["Variables"]
    assert variables[variable] == {"Ref": parameter}
    assert PARAMETERS[parameter]["Default"] == default


ACCOUNT, OTHER = "123456789012", "210987654321"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NO_KEYS = [KEY.replace(ACCOUNT, "*"), KEY.replace("eu-central-1", "*"), KEY.replace("key/", "alias/"), KEY.replace("kms", "rds")]

SERVICE = f"arn:aws:ecs:eu-central-1:{ACCOUNT}:service/prod/api"
NO_SERVICES = [SERVICE.replace("prod/", ""), SERVICE.replace("api", "*"), SERVICE.replace(ACCOUNT, ""), f"{SERVICE}/1"]
NO_SERVICES += [SERVICE.replace("service/", "task/"), SERVICE.replace("ecs", "rds"), f'{SERVICE}","request":"x']

# What CloudFormation takes and refuses.
MATCHED = {
    # Of AWS's own keys nobody can change the policy, and alarms and rules are not let in.
    "KmsKey": (
        ["", "create", KEY, KEY.replace("aws", "aws-us-gov"), KEY.replace("1234abcd", "mrk-1234abcd")],
        ["alias/aws/sns", "alias/steward", "Create", "create ", "1234abcd-12ab-34cd-56ef-1234567890ab", *NO_KEYS, f"{KEY},{KEY}"],
    ),
    "SnapshotSchedule": (["rate(15 minutes)", "cron(0/10 * * * ? *)"], ["", "15 minutes", "rate()", "at(2026-11-20T02:00:00)"]),
    "MigrationSchedule": (
        ["", "rate(1 day)", "cron(0 3 * * ? *)"],
        ["03:00", "rate()", "0 3 * * *", "at(2026-11-20T02:00:00)", " "],
    ),
    "MigrationService": (
        ["", SERVICE, SERVICE.replace("aws", "aws-us-gov"), SERVICE.replace("api", "shop_api-2")],
        ["api", "prod/api", f"{SERVICE} ", f"{SERVICE},{SERVICE}", *NO_SERVICES],
    ),
    "SnapshotTimeZone": (
        ["UTC", "Europe/Vienna", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT", "America/Port-au-Prince"],
        ["", "+02:00", "Europe/", "/Vienna", "Europe/Vienna ", "../../etc/passwd", "Europe/../UTC", "UTC\n"],
    ),
    "SnapshotTime": (["00:00", "02:00", "19:30", "23:59"], ["", "2:00", "24:00", "02:60", "02:00:00", "0200", "2 am"]),
    "SnapshotShareAccounts": (
        ["", ACCOUNT, f"{ACCOUNT},{OTHER}", ",".join([ACCOUNT] * 20)],
        ["all", "ALL", f"{ACCOUNT},all", f"{ACCOUNT}, {OTHER}", f"{ACCOUNT},", "12345678901", ",".join([ACCOUNT] * 21), "*"],
    ),
    "SnapshotKmsKeyArns": (
        ["", KEY, KEY.replace("aws", "aws-us-gov"), KEY.replace("1234abcd", "mrk-1234abcd"), ",".join([KEY] * 10)],
        ["*", "all", *NO_KEYS, f"{KEY}*", "alias/backup", f"{KEY},*", f"{KEY}, {KEY}", ",".join([KEY] * 11)],
    ),
}


@pytest.mark.parametrize("name", MATCHED)
def test_a_text_is_refused_before_anything_is_deployed(name):
    good, bad = MATCHED[name]
    pattern = PARAMETERS[name]["AllowedPattern"]
    assert [value for value in good if not re.fullmatch(pattern, value)] == []
    assert [value for value in bad if re.fullmatch(pattern, value)] == []
    assert re.fullmatch(pattern, PARAMETERS[name]["Default"])
    assert PARAMETERS[name]["ConstraintDescription"].startswith("must be ")


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name.startswith(("Snapshot", "Migration", "Kms"))])
def test_what_is_set_for_snapshots_migrations_and_keys_arrives_somewhere(name):
    """A parameter that nothing refers to is taken, and does nothing."""
    resources = str(load()["Resources"])
    assert f"'Ref': '{name}'" in resources or f"${{{name}}}" in resources


@pytest.mark.parametrize(
    ("schedule", "service", "is_taken"),
    [("", "", True), ("rate(1 day)", SERVICE, True), ("rate(1 day)", "", False), ("", SERVICE, False)],
)
def test_a_migration_by_schedule_is_refused_without_its_service_and_the_other_way_round(schedule, service, is_taken):
    values = {"MigrationSchedule": schedule, "MigrationService": service}
    (rule,) = load()["Rules"].values()
    (assertion,) = rule["Assertions"]
    assert holds(assertion["Assert"], values) == is_taken and "RuleCondition" not in rule
    assert "MigrationSchedule" in assertion["AssertDescription"] and "MigrationService" in assertion["AssertDescription"]
    assert holds(load()["Conditions"]["HasMigrationSchedule"], values) == bool(schedule and service)


def test_every_parameter_is_in_one_group():
    groups = load()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(PARAMETERS)


def test_the_page_says_what_the_template_says():
    assert parameters.PAGE.read_text() == parameters.page()
