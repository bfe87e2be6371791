"""What the two tours came past, against all that the lab serves. Only of a run of the whole folder, after the tours."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "stack"))
from test_permissions import OF_FUNCTIONS, called

# botocore's name of a service where it is not IAM's.
SERVICES = {"tag": "resourcegroupstaggingapi"}


def test_botocore_was_asked_for_all_that_the_lab_serves(served, asked):
    assert len(served) > 80, served
    assert asked.by_boto3 - served == set(), "the lab says that it does not have this"
    assert served - asked.by_boto3 == set()


def test_the_cli_was_asked_for_all_that_the_lab_serves(served, asked):
    assert asked.by_cli - served == set(), "the lab says that it does not have this"
    assert served - asked.by_cli == set()


@pytest.mark.parametrize("role", OF_FUNCTIONS)
def test_the_lab_serves_all_that_a_function_calls(served, role):
    needed = {tuple(action.split(":")) for action in called(role.removesuffix("Role").lower())}
    assert {f"{SERVICES.get(service, service)}:{operation}" for service, operation in needed} <= served
