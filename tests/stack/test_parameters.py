"""Parameters: each is described, bounded, shown in the console's groups and on the page."""

import pytest

import parameters
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


def test_every_parameter_is_in_one_group():
    groups = load()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(PARAMETERS)


def test_the_page_says_what_the_template_says():
    assert parameters.PAGE.read_text() == parameters.page()
