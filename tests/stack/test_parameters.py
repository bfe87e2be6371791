"""Parameters: each is described, bounded, shown in the console's groups and on the page."""

import pytest

import parameters
from stack import load

PARAMETERS = load()["Parameters"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_has_a_default_a_description_and_bounds(name):
    it = PARAMETERS[name]
    assert "Default" in it and it["Description"].endswith(".")
    assert {"AllowedValues", "AllowedPattern", "MinValue"} & set(it) or it["Type"] == "CommaDelimitedList"
    if it["Type"] == "Number" and "AllowedValues" not in it:
        assert it["MinValue"] <= it["Default"] <= it["MaxValue"]


def test_every_parameter_is_in_one_group():
    groups = load()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(PARAMETERS)


def test_the_page_says_what_the_template_says():
    assert parameters.PAGE.read_text() == parameters.page()
