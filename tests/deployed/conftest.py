"""One MiniStack for all of these tests, and in it the stack, deployed by `sam deploy`. They build on one another: test_deployed
(in dry run), test_doing (no longer), test_not_done, test_upgraded (and deleted at its end)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stack"))
sys.dont_write_bytecode = True

import ministack
from account import furnish
from deployed import Stack


@pytest.fixture(scope="session")
def stack():
    assert ministack.PROGRAM.exists(), "no MiniStack: `make judges` installs it"
    with ministack.running() as endpoint:
        stack = Stack(endpoint)
        # A role that the functions may hand to ECS, as every parameter stays what it was from one deploy to the next.
        # Without sweeps at first, so that the tests know who runs a function.
        stack.deploy("DryRun=true", "SweepEnabled=false", "PassRoleArns=arn:aws:iam::123456789012:role/task")
        yield stack


@pytest.fixture(scope="session")
def account(stack):
    return furnish(stack)
