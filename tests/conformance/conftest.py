"""Starts the lab and gives clients of it whose answers are judged."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running():
    """Runs the lab and gives its endpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lab = os.environ.get("LAB_BINARY", ROOT / "target/debug/lab")
    process = subprocess.Popen([lab, "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "the lab ended at once"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="session")
def endpoint():
    with running() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def served():
    """All that the lab answers. One of its own is asked, as it is asked for everything: also for what changes it."""
    from served import operations

    with running() as endpoint:
        yield operations(endpoint)


@pytest.fixture(scope="session")
def asked():
    """What was asked in the tour so far, by whom: operations, and the codes with which they were refused."""
    return SimpleNamespace(by_boto3=set(), by_cli=set(), refused=set())


@pytest.fixture
def judge():
    from shapes import Judge

    return Judge()


@pytest.fixture
def client(endpoint, judge, asked):
    """Gives a watched client by the name of the service; it never tries twice, so that each answer counts once."""

    def make(service, region="eu-west-1"):
        client = boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        judge.watch(client.meta.events)
        return client

    yield make
    asked.by_boto3 |= judge.asked
    asked.refused |= judge.refused
    assert judge.asked, "nothing was asked"
    assert not judge.wrong, "\n".join(judge.wrong)
