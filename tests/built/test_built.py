"""What `sam build` left in .aws-sam: one binary for each function, for the architecture that the template names, that starts on
Amazon Linux 2023. And that its settings never hand out what was built of an earlier state of shared/."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".aws-sam/build"
FUNCTIONS = ["DeployFunction", "HealFunction", "MigrateFunction", "SnapshotFunction"]
# Amazon Linux 2023 has this version of the C library, and keeps it for its whole life.
NEWEST_GLIBC = (2, 34)
MACHINES = {62: "x86_64", 183: "arm64"}


def glibc(binary):
    """The versions of the C library that a binary asks for, from the names in its dynamic string table."""
    names = re.findall(rb"\0GLIBC_([0-9]+(?:\.[0-9]+)+)(?=\0)", binary)
    return sorted({tuple(map(int, name.split(b"."))) for name in names})


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_binary_needs_no_newer_c_library_than_lambda_has(function):
    wanted = glibc((BUILD / function / "bootstrap").read_bytes())
    # A binary that asks for none was linked in another way than is looked at here.
    assert wanted and wanted[-1] <= NEWEST_GLIBC, wanted


def test_the_look_at_the_c_library_sees_what_this_machines_own_programs_need():
    """`python` is built on this machine's C library: if nothing is found in it, nothing is found anywhere."""
    assert glibc(Path(sys.executable).resolve().read_bytes() + b"\0GLIBC_2.99\0")[-1] == (2, 99)
    assert glibc(Path("/bin/ls").read_bytes())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_binary_is_of_this_machine_which_runs_it_in_the_tests(function):
    header = (BUILD / function / "bootstrap").read_bytes()[:20]
    assert header[:4] == b"\x7fELF"
    assert MACHINES[int.from_bytes(header[18:20], "little")] == {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_binary_starts_without_pointers_that_are_to_be_written_first(function):
    """docs/adr/0009-cold-start.md: an executable at a fixed address (ET_EXEC)."""
    assert int.from_bytes((BUILD / function / "bootstrap").read_bytes()[16:18], "little") == 2


def test_only_the_function_that_knows_time_zones_carries_their_database():
    """docs/adr/0009-cold-start.md. Built together with it, the others would have it too."""
    have = [function for function in FUNCTIONS if b"Europe/Berlin" in (BUILD / function / "bootstrap").read_bytes()]
    assert have == ["SnapshotFunction"]


def test_each_function_has_a_binary_and_nothing_else_is_deployed():
    assert sorted(path.name for path in BUILD.iterdir() if path.is_dir()) == FUNCTIONS
    for function in FUNCTIONS:
        assert [path.name for path in (BUILD / function).iterdir()] == ["bootstrap"]


def test_the_functions_share_one_target_folder():
    """Before version 1.66 of its builders SAM had one target folder for each function, and compiled the SDK four times."""
    assert tuple(map(int, version("aws_lambda_builders").split(".")[:2])) >= (1, 66)
    assert not list(ROOT.glob("functions/*/target"))


# ---- A change beside a function's own folder -------------------------------------------------------------------------

# A workspace like this one: a function and a library beside it.
FILES = {
    "Cargo.toml": '[workspace]\nmembers = ["shared", "functions/tiny"]\nresolver = "3"\n',
    "shared/Cargo.toml": '[package]\nname = "shared"\nversion = "0.1.0"\nedition = "2024"\n',
    "shared/src/lib.rs": 'pub const SAID: &str = "first";\n',
    "functions/tiny/Cargo.toml": (
        '[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\nshared = { path = "../../shared" }\n'
    ),
    "functions/tiny/src/main.rs": 'fn main() {\n    println!("{}", shared::SAID);\n}\n',
}


@pytest.fixture
def workspace(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    architecture = MACHINES[int.from_bytes(Path(sys.executable).resolve().read_bytes()[18:20], "little")]
    properties = {"CodeUri": "functions/tiny", "Handler": "bootstrap", "Runtime": "provided.al2023"}
    tiny = {"Type": "AWS::Serverless::Function", "Metadata": {"BuildMethod": "rust-cargolambda"}}
    tiny["Properties"] = properties | {"Architectures": [architecture]}
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Tiny": tiny}}
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(template))
    shutil.copy(ROOT / "samconfig.toml", tmp_path)
    return tmp_path


def said_after_a_change_of_shared(workspace, *more):
    """What the built function says, built once before and once after a change of shared/."""
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}

    def build():
        command = [Path(sys.executable).with_name("sam"), "build", *more]
        done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        bootstrap = workspace / ".aws-sam/build/Tiny/bootstrap"
        return subprocess.run([bootstrap], capture_output=True, text=True, check=True).stdout.strip()

    first = build()
    library = workspace / "shared/src/lib.rs"
    library.write_text(library.read_text().replace("first", "second"))
    return first, build()


def test_a_change_in_shared_is_built_into_the_functions(workspace):
    assert said_after_a_change_of_shared(workspace) == ("first", "second")


def test_with_the_cache_of_sam_it_would_not_be_or_the_setting_is_not_needed_any_more(workspace):
    assert said_after_a_change_of_shared(workspace, "--cached") == ("first", "first")
