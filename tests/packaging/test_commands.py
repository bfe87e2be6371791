"""Every AWS command of the pages is one that the AWS CLI and AWS's own models know, with all that it needs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from commands import PAGES, blocks
from conftest import ROOT

AWS = Path(sys.executable).with_name("aws")
# Commands that the CLI makes up of several calls. They have no model; the ones of a single stack are run by
# test_deployed_package.py as they stand there.
OWN = {("s3", "cp"), ("s3", "mb"), ("cloudformation", "deploy"), ("cloudformation", "wait")}


def commands():
    """Page, and words of each AWS command in it, with the variables that the page sets."""
    for page in PAGES:
        variables = {"region": "eu-west-1"}
        for block in blocks(page):
            for line in block.replace("\\\n", " ").splitlines():
                for name, value in re.findall(r"([A-Z_]+)=(\S+)", line) if line.startswith("export ") else []:
                    variables[name] = value
                if line.strip().startswith("aws "):
                    filled = re.sub(r"\$([A-Za-z_]+)", lambda match: variables[match[1]], line)
                    yield page, shlex.split(filled)[1:]


ALL = list(commands())


def run(words):
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "123456789012",
        "AWS_SECRET_ACCESS_KEY": "test",
        # Nothing listens here: what would call AWS fails, and does not call anybody else.
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    # Asked for a sample of the answer, the CLI checks what it would send and sends nothing.
    return subprocess.run([AWS, *words, "--generate-cli-skeleton", "output"], env=environment, capture_output=True, text=True)


def test_there_are_commands_to_look_at():
    assert len(ALL) >= 14
    assert {tuple(words[:2]) for _, words in ALL} >= OWN | {("cloudformation", "create-stack-set")}


@pytest.mark.parametrize(
    ("page", "words"),
    [(page, words) for page, words in ALL if tuple(words[:2]) not in OWN],
    ids=lambda it: it.parent.name if isinstance(it, Path) else it[1],
)
def test_aws_knows_the_command(page, words):
    done = run(words)
    assert done.returncode == 0, f"{page.relative_to(ROOT)}: aws {shlex.join(words)}\n{done.stderr}"


@pytest.mark.parametrize("spoil", [lambda words: [*words, "--no-such-option"], lambda words: words[:2]])
def test_a_command_that_is_wrong_would_be_seen(spoil):
    """An option that does not exist; and none of those that are required."""
    words = next(words for _, words in ALL if words[1] == "create-stack-instances")
    assert run(words).returncode == 0
    assert run(spoil(words)).returncode != 0


def test_the_buckets_are_deployed_with_the_parameters_that_their_template_has():
    words = next(words for _, words in ALL if "artifacts.yaml" in words)
    given = {word.split("=")[0] for word in words[words.index("--parameter-overrides") + 1 :]}
    declared = re.search(r"(?ms)^Parameters:\n(.*?)^Resources:", (ROOT / "packaging/stackset/artifacts.yaml").read_text())[1]
    assert given == set(re.findall(r"(?m)^  (\w+):$", declared))


def test_the_parameters_of_the_set_are_parameters_of_the_package():
    import sam
    import template

    known = set(sam.load()["Parameters"]) | set(template.PARAMETERS)
    named = {name for _, words in ALL for word in words for name in re.findall(r"ParameterKey=(\w+)", word)}
    assert named and named <= known
    # What has no default has to be given, and kept by an update.
    for words in (words for _, words in ALL if words[1] in ("create-stack-set", "update-stack-set")):
        assert "ArtifactBucket" in str(words), words
