"""These tests import what they test from packaging/, and share MiniStack's start with tests/stack."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "packaging"), str(ROOT / "tests/stack"), str(Path(__file__).parent)]
sys.dont_write_bytecode = True


@pytest.fixture(scope="session")
def release():
    """Folder with the four release binaries, as cargo builds them."""
    folder = Path(os.environ["RELEASE_BINARIES"])
    for name in ("deploy", "heal", "migrate", "snapshot"):
        assert (folder / name).is_file(), f"{folder / name} is missing: run `make packaging`"
    return folder


@pytest.fixture(scope="session")
def dist(release, tmp_path_factory):
    """One release of this machine's architecture, packed by the program itself, and in seconds."""
    import package

    built = tmp_path_factory.mktemp("built")
    for name in ("deploy", "heal", "migrate", "snapshot"):
        (built / name).mkdir()
        (built / name / "bootstrap").write_bytes((release / name).read_bytes())
    out = tmp_path_factory.mktemp("dist")
    # These binaries were not built by packaging/build.sh: they name folders of this machine, and may.
    package.pack(built, out, private=[], thorough=False)
    package.papers(out)
    package.seal(out)
    return out
