"""What checkov says of the expanded template: nothing that is not answered in place, and no answer without a question."""

import pytest

import scanner
from resolved import VARIANTS, resolve
from stack import expand, of_type

STACK = expand()
SUPPRESSED = {(name, check): reason for name, it in STACK["Resources"].items() for check, reason in scanner.skips(it)}
# What a parameter is for, and is not asked of everybody: a key costs money, and reserved concurrency is taken from the account.
ANSWERED_BY_PARAMETER = {
    "AWS::DynamoDB::Table": ("CKV_AWS_119", "KmsKey"),
    "AWS::Lambda::Function": ("CKV_AWS_115", "ReservedConcurrency"),
    "AWS::Logs::LogGroup": ("CKV_AWS_158", "KmsKey"),
    "AWS::SNS::Topic": ("CKV_AWS_26", "KmsKey"),
    "AWS::SQS::Queue": ("CKV_AWS_27", "KmsKey"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Failed checks of the template as it is expanded, of the same without what it suppresses, and of stacks of it."""
    templates = {"expanded": STACK, "bare": scanner.bare(STACK)}
    templates |= {name: scanner.bare(resolve(parameters)) for name, parameters in VARIANTS.items()}
    # A queue that is not encrypted, in the place of one that is.
    templates["open"] = resolve(VARIANTS["hardened"])
    del templates["open"]["Resources"]["HealQueue"]["Properties"]["KmsMasterKeyId"]
    return scanner.failures(tmp_path_factory.mktemp("scanned"), templates)


def test_nothing_is_found_in_the_template(found):
    assert found["expanded"] == set()


def test_what_is_suppressed_would_be_found_and_what_would_be_found_is_suppressed(found):
    assert found["bare"] == set(SUPPRESSED)


@pytest.mark.parametrize(("name", "check"), SUPPRESSED)
def test_a_suppression_has_a_reason(name, check):
    assert len(SUPPRESSED[name, check].split()) >= 8


def test_a_stack_with_everything_switched_on_has_no_finding_but_those(found):
    assert found["hardened"] == set(SUPPRESSED)


def test_a_stack_with_nothing_switched_on_has_beside_those_what_a_parameter_is_for(found):
    asked = {(name, check) for kind, (check, _) in ANSWERED_BY_PARAMETER.items() for name in of_type(STACK, kind)}
    assert found["default"] == set(SUPPRESSED) | asked


def test_a_finding_would_be_seen(found):
    assert found["open"] == {("HealQueue", "CKV_AWS_27")}
