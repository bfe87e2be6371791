"""The template as a whole: valid, expandable, and without the traps that are known."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stack import ROOT, TEMPLATE, expand, load, of_type


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
        assert function["Metadata"] == {"BuildMethod": "rust-cargolambda"}, name


def test_partition_region_and_account_are_never_written_out():
    text = TEMPLATE.read_text()
    assert not re.findall(r"arn:aws[a-z-]*:[a-z]", text.replace("arn:[a-z-]+:iam", ""))
    assert not re.findall(r"\b\d{12}\b", text)


def test_state_outlives_the_stack():
    for name, table in of_type(load(), "AWS::DynamoDB::Table").items():
        assert table["DeletionPolicy"] == "Retain", name
        assert table["UpdateReplacePolicy"] == "Retain", name


def test_no_topic_or_queue_uses_a_key_that_alarms_and_rules_may_not_use():
    for resource in load()["Resources"].values():
        key = resource.get("Properties", {}).get("KmsMasterKeyId", "")
        assert not str(key).startswith("alias/aws/"), resource


# Read, and never set in an account: the time is believed to be what an event says, for a simulation of months.
NEVER_DEPLOYED = {"STEWARD_CLOCK"}


def test_environment_and_configuration_name_the_same_variables():
    source = ROOT / "shared/src/config.rs"
    if not source.exists():
        pytest.skip("shared/src/config.rs is not there")
    known = set(re.findall(r"\bSTEWARD_[A-Z_]+\b", source.read_text())) - NEVER_DEPLOYED
    given = set()
    for function in of_type(expand(), "AWS::Lambda::Function").values():
        given |= {name for name in function["Properties"]["Environment"]["Variables"] if name.startswith("STEWARD_")}
    assert given == known


def test_no_function_is_given_an_empty_endpoint():
    """The SDK takes an empty AWS_ENDPOINT_URL for an address."""
    assert not re.search(r"^\s+AWS_ENDPOINT_URL", TEMPLATE.read_text(), re.MULTILINE)
