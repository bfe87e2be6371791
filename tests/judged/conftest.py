"""Moto, for all that it judges: one server for each file of tests."""

import socket
import subprocess
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
MOTO = ROOT / ".venv-judges/bin/python"
REGION = "eu-west-1"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """Moto, with clients of it and its clock."""
    assert MOTO.exists(), "no moto: `make judges` installs it"
    clock = tmp_path_factory.mktemp("moto") / "clock"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def set_clock(at):
        # Moto's datetimes have no zone.
        clock.with_suffix(".new").write_text(at.replace(tzinfo=None).isoformat())
        clock.with_suffix(".new").rename(clock)

    set_clock(datetime(2037, 3, 5, 2, 0))
    program = [MOTO, ROOT / "tests/judged/moto_server.py", str(port), clock]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "moto ended at once"
                time.sleep(0.2)
        session = boto3.Session("test", "test", region_name=REGION)
        config = Config(retries={"total_max_attempts": 1})
        client = partial(session.client, endpoint_url=endpoint, config=config)
        yield SimpleNamespace(endpoint=endpoint, set_clock=set_clock, client=client)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def table(aws):
    """The state table."""
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    aws.client("dynamodb").create_table(
        TableName="steward",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
    )
    return "steward"
