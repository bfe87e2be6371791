"""The Terraform module: well formed, no more than the template says, and no less."""

import json
import re
import shutil
import subprocess

import hcl2
import pytest
import sam
import template
import terraform
from conftest import ROOT

MODULE = ROOT / "packaging/terraform"
FILES = sorted(MODULE.glob("*.tf"))


def parsed(path):
    with path.open() as file:
        return hcl2.load(file)


def names(kind, *paths):
    """The names of all blocks of one kind, such as variable."""
    return [name.strip('"') for path in paths or FILES for block in parsed(path).get(kind, []) for name in block]


@pytest.fixture
def program(tmp_path):
    """Runs Terraform itself, in a folder of its own, without a network and without any provider."""
    found = shutil.which("terraform")
    if not found:
        pytest.skip("SKIPPED terraform: there is no terraform on this machine, and no registry of packages has it")

    def run(*arguments):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        return subprocess.run([found, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def test_what_is_generated_is_what_the_template_says():
    for name, contents in terraform.files().items():
        assert (MODULE / name).read_text() == contents, f"{name}: run `make terraform`"


def test_every_parameter_is_a_variable_and_every_output_an_output():
    source = sam.load()
    assert names("variable", MODULE / "variables.tf") == [terraform.snake(name) for name in source["Parameters"]]
    assert names("output") == [terraform.snake(name) for name in source["Outputs"]]
    assert len(set(names("variable"))) == len(names("variable")), "one is declared twice"


def test_every_parameter_of_the_package_is_given_or_has_a_default():
    (stack,) = [it for block in parsed(MODULE / "main.tf")["resource"] for kind, it in block.items() if "stack" in kind]
    given = set(re.findall(r"(\w+) = ", stack['"steward"']["parameters"]))
    assert given == {"ArtifactBucket", "ArtifactPrefix"}
    assert {name for name, it in template.PARAMETERS.items() if "Default" not in it} <= given


def test_a_variable_that_is_read_is_declared():
    text = "\n".join(path.read_text() for path in FILES)
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(names("variable"))


def test_the_example_of_the_page_uses_what_the_module_has():
    (example,) = re.findall(r"(?s)```hcl\n(.*?)```", (MODULE / "README.md").read_text())
    (module,) = [block['"steward"'] for block in hcl2.loads(example)["module"]]
    assert set(module) - {"source", "__is_block__", "__comments__"} <= set(names("variable"))
    assert set(re.findall(r"module\.steward\.(\w+)", example)) <= set(names("output"))
    required = {
        name.strip('"')
        for path in FILES
        for block in parsed(path).get("variable", [])
        for name, it in block.items()
        if "default" not in it
    }
    assert required <= set(module)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RolloutTimeoutMinutes", "rollout_timeout_minutes"), ("DryRun", "dry_run"), ("SnapshotKmsKeyArns", "snapshot_kms_key_arns")],
)
def test_names_are_written_as_terraforms_users_write_them(name, value):
    assert terraform.snake(name) == value


def test_terraform_finds_the_files_well_formed(program):
    done = program("fmt", "-check", "-diff", str(MODULE))
    assert done.returncode == 0, done.stdout + done.stderr


def test_terraform_gives_the_stack_what_was_given_and_nothing_else(program, tmp_path):
    for name in ("variables.tf", "parameters.tf"):
        shutil.copyfile(MODULE / name, tmp_path / name)
    (tmp_path / "probe.tf").write_text("output parameters {\n  value = local.parameters\n}\n")
    assert program("init", "-input=false").returncode == 0

    def planned(**variables):
        arguments = [f"-var={name}={json.dumps(value) if isinstance(value, list) else value}" for name, value in variables.items()]
        done = program("plan", "-input=false", "-out=plan", *arguments)
        if done.returncode:
            return done.stderr
        shown = json.loads(program("show", "-json", "plan").stdout)
        return shown["planned_values"]["outputs"]["parameters"]["value"]

    assert planned() == {}
    assert planned(dry_run="true", memory_size=512, pass_role_arns=["a", "b"]) == {
        "DryRun": "true",
        "MemorySize": "512",
        "PassRoleArns": "a,b",
    }
    assert "dry_run must be one of true, false." in planned(dry_run="maybe")
    assert "memory_size must be from 128 to 3008." in planned(memory_size=1)
