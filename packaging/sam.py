"""Reads template.yaml and has SAM's own translator expand it: what is left is plain CloudFormation."""

import copy
import os
from pathlib import Path

import yaml
from samtranslator.translator.transform import transform

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"

# The translator asks for a region even where nothing is called.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")


class Loader(yaml.SafeLoader):
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


Loader.add_multi_constructor("!", _intrinsic)


class _NoManagedPolicies:
    """The translator would ask IAM for AWS's managed policies. This template uses none."""

    def load(self):
        return {}


def load():
    """template.yaml as written, with every intrinsic function in its long form."""
    return yaml.load(TEMPLATE.read_text(), Loader=Loader)


def functions(template):
    """Logical id of each function, and the name of the binary that it runs."""
    found = {}
    for logical, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            found[logical] = Path(resource["Properties"]["CodeUri"]).name
    return found


def expand(template, parameters=None):
    """`template` after the transform, with values for parameters beside their defaults. The code of each function points at a
    placeholder."""
    template = copy.deepcopy(template)
    for logical in functions(template):
        # The translator takes no local folder.
        template["Resources"][logical]["Properties"]["CodeUri"] = "s3://placeholder/placeholder"
    values = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    return transform(template, values | (parameters or {}), _NoManagedPolicies())
