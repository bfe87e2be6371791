"""Writes docs/parameters.md from template.yaml, or says that the two differ.

    python tests/stack/parameters.py --write
"""

import sys

from stack import ROOT, load

PAGE = ROOT / "docs/parameters.md"

HEAD = """# Parameters

Generated from `template.yaml` by `make parameters`; do not edit by hand.
`sam deploy --parameter-overrides Name=value ...` sets them; what is left out keeps its last value.
"""


def allowed(parameter):
    """What a parameter takes, in words."""
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if parameter["Type"] == "Number":
        return f"{parameter['MinValue']} to {parameter['MaxValue']}"
    if "ConstraintDescription" in parameter:
        return parameter["ConstraintDescription"].removeprefix("must be ")
    assert parameter["Type"] == "CommaDelimitedList"
    return "list, separated by commas"


def default(parameter):
    value = str(parameter["Default"])
    return f"`{value}`" if value else "empty"


def page():
    """The whole page, one table for each group of parameters."""
    template = load()
    lines = [HEAD]
    for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        lines += [f"## {group['Label']['default']}", "", "| parameter | default | takes | meaning |", "| --- | --- | --- | --- |"]
        for name in group["Parameters"]:
            it = template["Parameters"][name]
            lines.append(f"| `{name}` | {default(it)} | {allowed(it)} | {it['Description']} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        sys.exit("docs/parameters.md is not what template.yaml says: run `make parameters`")
