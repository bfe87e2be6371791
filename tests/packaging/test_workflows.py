"""The workflows on GitHub: nothing that moves under them, no right that they do not need, no run without an end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit
import yaml
from conftest import ROOT

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def load(path):
    return yaml.safe_load(path.read_text())


def program(name, *arguments):
    return subprocess.run([Path(sys.executable).with_name(name), *arguments], cwd=ROOT, capture_output=True, text=True)


def loose(text):
    """The lines that use an action by a name that can be moved."""
    return [line.strip() for line in text.splitlines() if re.search(r"\buses:", line) and not PINNED.search(line)]


def test_there_are_the_two_workflows():
    assert [path.name for path in WORKFLOWS] == ["release.yml", "test.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_and_says_its_version(path):
    assert "uses:" in path.read_text()
    assert loose(path.read_text()) == []


@pytest.mark.parametrize("line", ["- uses: actions/checkout@v4", "uses: a/b@9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0", "uses: a/b@main # v1.2.3"])
def test_an_action_that_is_not_pinned_would_be_seen(line):
    assert loose(line)


def test_one_action_has_one_version_everywhere():
    used = {}
    for path in WORKFLOWS:
        for action, pin in re.findall(r"uses: ([\w./-]+)@(.*)", path.read_text()):
            used.setdefault(action, set()).add(pin)
    assert used and all(len(pins) == 1 for pins in used.values()), used


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_is_permitted_but_job_by_job_and_every_job_ends(path):
    workflow = load(path)
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow
    for name, job in workflow["jobs"].items():
        assert job["permissions"], name
        assert 0 < job["timeout-minutes"] <= 90, name


def test_only_the_job_that_publishes_writes_and_it_builds_nothing():
    writers = {}
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            if "write" in job["permissions"].values():
                writers[name] = " ".join(step.get("run", "") for step in job["steps"])
    assert set(writers) == {"publish"}
    assert "cargo" not in writers["publish"] and "make package" not in writers["publish"] and "make reproducible" not in writers["publish"]


def test_the_release_waits_for_two_equal_builds_of_both_architectures():
    jobs = load(FOLDER / "release.yml")["jobs"]
    assert jobs["publish"]["needs"] == "build"
    runners = {it["architecture"]: it["runner"] for it in jobs["build"]["strategy"]["matrix"]["include"]}
    assert runners == {"x86_64": "ubuntu-24.04", "arm64": "ubuntu-24.04-arm"}
    assert any(step.get("run") == "make reproducible" for step in jobs["build"]["steps"])


def test_targets_that_the_workflows_make_are_there():
    makefile = (ROOT / "Makefile").read_text()
    made = {target for path in WORKFLOWS for target in re.findall(r"(?m)run: make (\S+)", path.read_text())}
    assert made == {"advisories", "reproducible", "dist"}
    for target in made:
        assert re.search(rf"(?m)^{target}:", makefile), target


def test_zizmor_finds_no_way_in():
    done = program("zizmor", "--offline", "--no-progress", "--persona", "pedantic", str(ROOT / ".github"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_would_find_one(tmp_path):
    text = (FOLDER / "test.yml").read_text().replace("bash .ci/run", "echo ${{ github.event.pull_request.title }}")
    (tmp_path / "bad.yml").write_text(text)
    assert "template-injection" in program("zizmor", "--offline", "--no-progress", str(tmp_path / "bad.yml")).stdout


def test_they_are_written_as_github_defines_them():
    for schema, paths in (("vendor.github-workflows", WORKFLOWS), ("vendor.dependabot", [ROOT / ".github/dependabot.yml"])):
        done = program("check-jsonschema", "--builtin-schema", schema, *map(str, paths))
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_profile_leaves_nothing_for_cargo_lambda_to_choose():
    """Where the profile is silent cargo-lambda chooses, and so does `sam build`: a panic would abort (docs/adr/0002)."""
    profile = tomlkit.parse((ROOT / "Cargo.toml").read_text())["profile"]["release"]
    assert {"strip", "lto", "codegen-units"} <= set(profile)
    assert profile["panic"] == "unwind"
