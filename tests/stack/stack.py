"""Reads template.yaml the way CloudFormation does, and expands it with SAM's own translator."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"

# The linters ask for a region even where nothing is called.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
os.environ.setdefault("SAM_CLI_TELEMETRY", "0")

# Last: where two modules have one name, the tests mean their own.
sys.path.append(str(ROOT / "packaging"))
import sam  # noqa: E402
from sam import Loader, load  # noqa: E402

__all__ = ["Loader", "load"]


def expand(parameters=None):
    """The template after the SAM transform, as CloudFormation would get it."""
    values = {"AWS::Region": "eu-west-1", "AWS::Partition": "aws", "AWS::StackName": "steward"}
    return sam.expand(load(), values | (parameters or {}))


def of_type(template, kind):
    """Logical id and resource of each resource of the type `kind`."""
    return {name: it for name, it in template["Resources"].items() if it["Type"] == kind}


def arn_of(name):
    """How a template points at the ARN of the resource `name`."""
    return {"Fn::GetAtt": [name, "Arn"]}


def statements(resource):
    """(condition or None, policy name, statement) of each inline policy statement of a role."""
    for policy in resource["Properties"].get("Policies", []):
        condition = None
        if "Fn::If" in policy:
            condition, policy, otherwise = policy["Fn::If"]
            assert otherwise == {"Ref": "AWS::NoValue"}, otherwise
        for statement in policy["PolicyDocument"]["Statement"]:
            yield condition, policy["PolicyName"], statement


def attached(template, role):
    """(condition, policy name, statement) of each policy of its own that names the role `role`."""
    for policy in of_type(template, "AWS::IAM::Policy").values():
        properties = policy["Properties"]
        if {"Ref": role} in properties["Roles"]:
            for statement in properties["PolicyDocument"]["Statement"]:
                yield policy.get("Condition"), properties["PolicyName"], statement


def as_list(value):
    """One or many: IAM takes both."""
    return value if isinstance(value, list) else [value]
