"""Writes the parts of the Terraform module that follow from the template: a variable for each parameter, an output for each output.

    python packaging/terraform.py --write
"""

import json
import re
import sys

import sam
import template

MODULE = sam.ROOT / "packaging/terraform"
# The module names the bucket, the prefix and the zips itself.
_OWN = set(template.PARAMETERS)
_HEAD = "# Written by `make terraform` from template.yaml; do not edit by hand.\n"
_TYPES = {"String": "string", "Number": "number", "CommaDelimitedList": "list(string)"}


def snake(name):
    """The name of a parameter or an output as Terraform's users write theirs: PassRoleArns is pass_role_arns."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _string(value):
    """A string of HCL: as JSON writes it, and with nothing that would be filled in."""
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _condition(name, parameter):
    """What Terraform can say of a value before CloudFormation does, or None. Patterns are left to CloudFormation."""
    variable = f"var.{snake(name)}"
    if "AllowedValues" in parameter:
        kind = parameter["Type"]
        values = ", ".join(str(value) if kind == "Number" else _string(str(value)) for value in parameter["AllowedValues"])
        return f"contains([{values}], {variable})", f"{snake(name)} must be one of {values.replace(chr(34), '')}."
    if "MinValue" in parameter:
        low, high = parameter["MinValue"], parameter["MaxValue"]
        return f"{variable} >= {low} && {variable} <= {high}", f"{snake(name)} must be from {low} to {high}."
    return None


def _variable(name, parameter):
    default = str(parameter["Default"])
    said = f"{parameter['Description']} The template's default is {default or 'empty'}."
    lines = [
        f'variable "{snake(name)}" {{',
        f"  description = {_string(said)}",
        f"  type        = {_TYPES[parameter['Type']]}",
        "  default     = null",
    ]
    checked = _condition(name, parameter)
    if checked:
        condition, message = checked
        lines += [
            "",
            "  validation {",
            # Both sides of || are evaluated, null or not; of a conditional only the one that is taken.
            f"    condition     = var.{snake(name)} == null ? true : {condition}",
            f"    error_message = {_string(message)}",
            "  }",
        ]
    return "\n".join([*lines, "}", ""])


def variables(parameters):
    """variables.tf. What is left out keeps the template's default, so that a default is written down in one place."""
    return "\n".join([_HEAD, *(_variable(name, it) for name, it in parameters.items() if name not in _OWN)])


def locals_(parameters):
    """parameters.tf: the variables under the names that the template has for them, without those that were left out."""
    given = {}
    for name, parameter in parameters.items():
        if name not in _OWN:
            variable = f"var.{snake(name)}"
            given[name] = f'{variable} == null ? null : join(",", {variable})' if "List" in parameter["Type"] else variable
    width = max(map(len, given))
    lines = [_HEAD, "locals {", "  given = {"]
    lines += [f"    {name:{width}} = {value}" for name, value in given.items()]
    lines += ["  }", "", "  parameters = { for name, value in local.given : name => tostring(value) if value != null }", "}", ""]
    return "\n".join(lines)


def outputs(declared):
    """outputs.tf"""
    blocks = [
        f'output "{snake(name)}" {{\n  description = {_string(it["Description"])}\n'
        f'  value       = aws_cloudformation_stack.steward.outputs["{name}"]\n}}\n'
        for name, it in declared.items()
    ]
    return "\n".join([_HEAD, *blocks])


def files():
    """Name and contents of each file that is written."""
    source = sam.load()
    return {
        "variables.tf": variables(source["Parameters"]),
        "parameters.tf": locals_(source["Parameters"]),
        "outputs.tf": outputs(source["Outputs"]),
    }


if __name__ == "__main__":
    for name, contents in files().items():
        if "--write" in sys.argv[1:]:
            (MODULE / name).write_text(contents)
        elif (MODULE / name).read_text() != contents:
            sys.exit(f"packaging/terraform/{name} is not what template.yaml says: run `make terraform`")
