"""The template as a whole: valid, expandable, and without the traps that are known."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from resolved import VARIANTS, resolve
from stack import ROOT, TEMPLATE, attached as attached_to, expand, load, of_type


def run(program, *arguments):
    """Runs a program that is installed beside this Python."""
    command = [Path(sys.executable).with_name(program), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_sam_finds_nothing_to_say():
    run("sam", "validate", "--lint", "--template", str(TEMPLATE))


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_the_expanded_template_is_clean(tmp_path, architecture):
    expanded = tmp_path / "expanded.json"
    expanded.write_text(json.dumps(expand({"Architecture": architecture})))
    run("cfn-lint", "--", str(expanded))


def test_cloudformation_would_take_this_yaml():
    """CloudFormation knows neither anchors nor aliases. Of a template in S3, where `sam deploy` puts it, it takes 1 MB."""
    tokens = list(yaml.scan(TEMPLATE.read_text()))
    assert not [token for token in tokens if isinstance(token, (yaml.AnchorToken, yaml.AliasToken))]
    assert len(TEMPLATE.read_bytes()) < 1_000_000
    assert "\nresolve_s3 = true\n" in (ROOT / "samconfig.toml").read_text()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_stack_stays_far_below_the_limits_of_cloudformation(variant):
    """500 resources, 200 parameters, 200 outputs, 1 MB of template in S3. Half of each is left for what is to come."""
    template = resolve(VARIANTS[variant])
    assert len(template["Resources"]) <= 250
    assert len(template["Parameters"]) <= 100 and len(template["Outputs"]) <= 100
    assert len(json.dumps(template)) <= 500_000
    for name, role in of_type(template, "AWS::IAM::Role").items():
        # IAM counts all inline policies of a role together, without white space. References become longer: an ARN has 100 or so.
        attached = [it for _, _, it in attached_to(template, name)]
        inline = json.dumps([role["Properties"]["Policies"], attached], separators=(",", ":"))
        assert len(inline) < 10_240, name


def test_a_template_of_this_size_needs_a_bucket_and_the_page_says_so():
    """CloudFormation takes 51,200 bytes in a call."""
    assert len(TEMPLATE.read_bytes()) > 51_200
    assert "51,200" in (ROOT / "docs/install.md").read_text()


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_either_architecture_is_expanded_to_the_same_stack(architecture):
    """What differs is the value of the parameter, and nothing that is expanded from it."""
    assert architecture in load()["Parameters"]["Architecture"]["AllowedValues"]
    assert resolve({"Architecture": architecture}) == resolve()


def test_no_function_hides_behind_a_published_version():
    """With AutoPublishAlias an update of a parameter alone publishes no version and changes nothing."""
    for name, function in of_type(load(), "AWS::Serverless::Function").items():
        assert "AutoPublishAlias" not in function["Properties"], name
    assert "AutoPublishAlias" not in load()["Globals"]["Function"]
    assert not of_type(expand(), "AWS::Lambda::Version")
    assert not of_type(expand(), "AWS::Lambda::Alias")


def test_the_architecture_is_a_parameter_of_every_function():
    for name, function in of_type(expand(), "AWS::Lambda::Function").items():
        assert function["Properties"]["Architectures"] == [{"Ref": "Architecture"}], name


def test_every_function_is_built_from_its_own_package():
    for name, function in of_type(load(), "AWS::Serverless::Function").items():
        folder = ROOT / function["Properties"]["CodeUri"]
        assert (folder / "Cargo.toml").exists(), name
        assert function["Metadata"]["BuildMethod"] == "rust-cargolambda", name


def test_partition_region_and_account_are_never_written_out():
    text = TEMPLATE.read_text()
    assert not re.findall(r"arn:aws[a-z-]*:[a-z]", text.replace("arn:[a-z-]+:iam", ""))
    assert not re.findall(r"\b\d{12}\b", text)


def test_state_outlives_the_stack():
    for name, table in of_type(load(), "AWS::DynamoDB::Table").items():
        assert table["DeletionPolicy"] == "Retain", name
        assert table["UpdateReplacePolicy"] == "Retain", name


# Read, and never set in an account: the time is believed to be what an event says, for a simulation of months.
NEVER_DEPLOYED = {"STEWARD_CLOCK"}


def named_in(source):
    return set(re.findall(r"\bSTEWARD_[A-Z_]+\b", (ROOT / source).read_text()))


def test_environment_and_configuration_name_the_same_variables():
    shared, own = named_in("shared/src/config.rs") - NEVER_DEPLOYED, named_in("functions/snapshot/src/settings.rs")
    assert len(own) > 5 and not shared & own
    given = {}
    for name, function in of_type(expand(), "AWS::Lambda::Function").items():
        variables = function["Properties"]["Environment"]["Variables"]
        given[name] = {variable for variable in variables if variable.startswith("STEWARD_")}
    assert set().union(*given.values()) == shared | own
    # What one function alone reads is given to it and to no other.
    assert [name for name, variables in given.items() if variables & own] == ["SnapshotFunction"]


def test_no_function_is_given_an_empty_endpoint():
    """The SDK takes an empty AWS_ENDPOINT_URL for an address."""
    assert not re.search(r"^\s+AWS_ENDPOINT_URL", TEMPLATE.read_text(), re.MULTILINE)
