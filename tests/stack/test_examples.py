"""The stacks of examples/: their templates, the commands on their pages, and what a Terraform user is told."""

import re
import shlex

import hcl2
import pytest
import yaml

from stack import ROOT, Loader
from test_template import run

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/template.yaml"))
each = pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)


def load(folder):
    return yaml.load((folder / "template.yaml").read_text(), Loader=Loader)


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def deploys(folder):
    """The parameters of each `aws cloudformation deploy` on the page."""
    for block in blocks((folder / "README.md").read_text(), "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if "cloudformation deploy" in line:
                words = shlex.split(line)
                assert words[words.index("--template-file") + 1] == f"examples/{folder.name}/template.yaml"
                yield dict(word.split("=", 1) for word in words[words.index("--parameter-overrides") + 1 :])


def test_there_is_one_for_each_kind_of_team():
    assert len(EXAMPLES) == 5


@each
def test_cfn_lint_finds_nothing_to_say(folder):
    run("cfn-lint", "--", str(folder / "template.yaml"))


@each
def test_it_fits_into_a_request_and_has_what_cloudformation_takes(folder):
    """`aws cloudformation deploy` sends a template of up to 51,200 bytes without a bucket."""
    text = (folder / "template.yaml").read_text()
    assert len(text.encode()) < 51_200
    assert not [token for token in yaml.scan(text) if isinstance(token, (yaml.AnchorToken, yaml.AliasToken))]
    assert "arn:aws:" not in text


@each
def test_its_page_gives_every_parameter_that_is_needed_and_values_that_are_allowed(folder):
    declared = load(folder)["Parameters"]
    needed = {name for name, parameter in declared.items() if "Default" not in parameter}
    given = list(deploys(folder))
    assert given
    for parameters in given:
        assert needed <= set(parameters) <= set(declared)
        for name, value in parameters.items():
            # A loop over environments stands in a shell variable.
            values = declared[name].get("AllowedValues", [value]) if value.startswith("$") else [value]
            for value in values:
                assert re.fullmatch(declared[name].get("AllowedPattern", ".*"), value), (name, value)
                assert value in declared[name].get("AllowedValues", [value]), (name, value)


@each
def test_roles_that_it_makes_are_acknowledged(folder):
    named = any("RoleName" in role.get("Properties", {}) for role in load(folder)["Resources"].values())
    assert not named, "a role with a name needs CAPABILITY_NAMED_IAM"
    assert "--capabilities CAPABILITY_IAM" in (folder / "README.md").read_text()


@each
def test_what_a_terraform_user_adds_is_terraform(folder):
    code = blocks((folder / "README.md").read_text(), "hcl")
    assert len(code) == 1
    resources = [kind.strip('"') for block in hcl2.loads(code[0])["resource"] for kind in block]
    assert "aws_ecs_service" in resources
    with pytest.raises(Exception):
        hcl2.loads(code[0].replace("}", "", 1))
