"""Reads template.yaml the way CloudFormation does, and expands it with SAM's own translator."""

import copy
import os
from pathlib import Path

import yaml
from samtranslator.translator.transform import transform

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"

# The translator and the linters ask for a region even where nothing is called.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
os.environ.setdefault("SAM_CLI_TELEMETRY", "0")


class _Loader(yaml.SafeLoader):
    """YAML with the short forms of the intrinsic functions."""


def _intrinsic(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _intrinsic)


def load():
    """The template as written, with every intrinsic function in its long form."""
    return yaml.load(TEMPLATE.read_text(), Loader=_Loader)


class _NoManagedPolicies:
    """The translator asks IAM for AWS's managed policies. This template uses none, so that nothing is asked."""

    def load(self):
        return {}


def expand(parameters=None):
    """The template after the SAM transform, as CloudFormation would get it."""
    template = copy.deepcopy(load())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam package` does this; the translator takes no local folder.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    values = {name: str(given["Default"]) for name, given in template["Parameters"].items()}
    values.update({"AWS::Region": "eu-west-1", "AWS::Partition": "aws", "AWS::StackName": "steward"})
    values.update(parameters or {})
    return transform(template, values, _NoManagedPolicies())


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
