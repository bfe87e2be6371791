"""Every `aws` command of every page, read by the AWS CLI itself, up to the point at which it would send its request."""

import contextlib
import io
import os
import re
import shlex

import jmespath
import pytest
from awscli.clidriver import create_clidriver

from stack import ROOT

# What stands where the reader puts something in.
PLACED = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
DRIVER = create_clidriver()
# Nothing listens there: a command that gets so far is one that the CLI understood.
NOWHERE = "http://127.0.0.1:9"
ENDS = {"|", "||", "&&", ";", "&", "(", ")", "{", "}", ">", ">>", "<", "2>", "do", "done", "then"}


def pages():
    found = [page for page in ROOT.glob("*.md")]
    for folder in ("docs", "examples", "packaging"):
        found += (ROOT / folder).rglob("*.md")
    return sorted(found)


def simple_commands(text):
    """The words of each `aws` command in a piece of shell, those within `$(...)` too."""
    text = re.sub(r"<[A-Za-z0-9 ._-]*>", PLACED, text)
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words = []
    for word in [*lexer, ";"]:
        for inner in re.findall(r"\$\((aws .*?)\)", word):
            yield from simple_commands(inner)
        if word in ENDS or set(word) <= set("|&;()<>"):
            if "aws" in words:
                yield words[words.index("aws") + 1 :]
            words = []
        else:
            words.append(word)


def commands():
    """Page, words, and whether the command stands there whole: within a sentence it may be a part of one."""
    for page in pages():
        text = page.read_text()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            # A quoted argument may go over lines: only those line ends that are outside of quotes end a command.
            for words in simple_commands(lines_end(block)):
                yield page, words, True
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for quoted in re.findall(r"`(aws [^`]*)`", prose):
            for words in simple_commands(quoted):
                yield page, words, False


def lines_end(block):
    """The block with `;` at each end of a line that is outside quotes and not continued."""
    result, quote = [], None
    for index, char in enumerate(block):
        if quote:
            quote = None if char == quote and block[index - 1] != "\\" else quote
        elif char in "'\"":
            quote = char
        elif char == "\n":
            if block[index - 1] == "\\":
                result.pop()
                char = " "
            else:
                char = "\n;"
        result.append(char)
    return "".join(result)


def filled(word):
    """A word with what the reader puts in put in."""
    return re.sub(r"\$\(.*?\)|\$\{.*?\}|\$[A-Za-z_]+", PLACED, word)


def complaint(words, whole=True):
    """What the CLI has against a command; None where it would have sent it."""
    words = [filled(word) for word in words]
    if "--cli-binary-format" in words:
        # Of version 2 only, which is not on PyPI.
        at = words.index("--cli-binary-format")
        words = words[:at] + words[at + 2 :]
    if not whole or words[:2] in (["cloudformation", "deploy"], ["cloudformation", "package"]) or words[0] == "s3":
        return options_complaint(words, whole)
    if "--query" in words:
        jmespath.compile(words[words.index("--query") + 1])
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = DRIVER.main([*words, "--endpoint-url", NOWHERE])
        except SystemExit as left:
            code = left.code
    said = errors.getvalue()
    return None if code == 0 or "Could not connect to the endpoint URL" in said else said.strip()[-600:]


def options_complaint(words, whole):
    """The same of parts of commands, and of those that are more than one request: their options are known, and the required ones there."""
    operation = DRIVER._get_command_table()[words[0]]._get_command_table().get(words[1])
    if operation is None:
        return "no such command"
    known = operation.arg_table
    given = {word[2:].split("=")[0] for word in words if word.startswith("--")}
    unknown = given - set(known) - set(DRIVER._get_argument_table())
    missing = {name for name, argument in known.items() if argument.required and not argument.positional_arg} - given
    return f"unknown {sorted(unknown)}, missing {sorted(missing)}" if unknown or (missing and whole) else None


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """Credentials of nobody, and one attempt."""
    values = {
        "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_MAX_ATTEMPTS": "1", "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_PAGER": "",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")


def test_the_cli_understands_every_command():
    seen, wrong = set(), []
    for page, words, whole in commands():
        if tuple(words) in seen:
            continue
        seen.add(tuple(words))
        said = complaint(words, whole)
        if said:
            wrong.append(f"{page.relative_to(ROOT)}: aws {shlex.join(words)}\n    {said}")
    assert not wrong, "\n".join(wrong)
    assert len(seen) > 60, len(seen)


def test_no_page_has_values_saved_that_a_later_deploy_would_bring_back():
    """`sam deploy --guided` writes today's parameters into samconfig.toml: a later `sam deploy` would set DryRun=true again."""
    for page in pages():
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            assert "--guided" not in block, page
    assert "parameter_overrides" not in (ROOT / "samconfig.toml").read_text()


@pytest.mark.parametrize(
    "command",
    [
        "ecs tag-resources --resource-arn a --tags key=a,value=b",
        "ecs tag-resource --resource-arn a",
        "ecs tag-resource --resource-arn a --tags key=a,wert=b",
        "events put-events --entries '[{\"Source\":1}]'",
        "cloudformation deploy --stack-name a --template a.yaml",
    ],
)
def test_a_command_that_is_wrong_is_found(command):
    assert complaint(shlex.split(command))
