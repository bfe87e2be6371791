"""Moto, for all that it judges: one server for each file of tests, and before it a recorder for each function. Parts of it are for
MiniStack as well, which `test_ministack.py` puts in moto's place."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "stack")]
sys.dont_write_bytecode = True
from recorder import Recorder
from runtime import Runtime

ROOT = Path(__file__).resolve().parents[2]
MOTO = ROOT / ".venv-judges/bin/python"
REGION, ACCOUNT = "eu-west-1", "123456789012"


def pytest_addoption(parser):
    parser.addoption("--write-page", action="store_true", help="write docs/conformance.md anew")


@pytest.fixture(scope="session")
def calls():
    """What each function called so far, by judge and function: what was answered well, and what something stood in for."""
    return SimpleNamespace(answered=defaultdict(set), stood_in=defaultdict(set))


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
        yield SimpleNamespace(judge="moto", key="test", endpoint=endpoint, set_clock=set_clock, client=client)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def tasks_that_run(aws):
    """A task runs until it is stopped: moto would end it after some looks."""
    transition = {"model_name": "ecs::task", "transition": {"progression": "manual", "times": 10_000}}
    place = f"{aws.endpoint}/moto-api/state-manager/set-transition"
    request = urllib.request.Request(place, json.dumps(transition).encode(), {"Content-Type": "application/json"})
    assert urllib.request.urlopen(request, timeout=20).status < 300


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


@pytest.fixture(scope="module")
def stack(aws, table):
    """What a stack gives its functions beside the table: topic with a reader, dead letters, a group of schedules, all of moto."""
    sns, sqs, scheduler = aws.client("sns"), aws.client("sqs"), aws.client("scheduler")
    topic = sns.create_topic(Name="steward")["TopicArn"]
    alerts = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    dead = sqs.create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:alerts")
    scheduler.create_schedule_group(Name="steward-later")
    variables = {
        "STEWARD_ACCOUNT_ID": ACCOUNT,
        "STEWARD_TABLE": table,
        "STEWARD_TOPIC_ARN": topic,
        "STEWARD_STACK": "steward",
        "STEWARD_DEAD_LETTER_QUEUE_URL": dead,
        "STEWARD_SCHEDULE_GROUP": "steward-later",
        "STEWARD_SCHEDULER_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/steward-later",
        "STEWARD_QUEUE_ARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:steward.fifo",
    }

    def read(queue):
        found = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            found += [message["Body"] for message in messages]
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    return SimpleNamespace(topic=topic, variables=variables, alerts=lambda: read(alerts), dead=lambda: read(dead), scheduler=scheduler)


@pytest.fixture(scope="module")
def start(aws, stack, calls):
    """Starts a function's binary before moto: gives its Lambda runtime, with the `recorder` of its calls."""
    started = []

    def run(function, stand_ins=None, **variables):
        binary = Path(os.environ.get("BINARIES", ROOT / "target/debug")) / function
        recorder = Recorder(aws.endpoint, stand_ins)
        of_lambda = {
            "AWS_LAMBDA_FUNCTION_NAME": f"steward-{function}",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_ACCESS_KEY_ID": aws.key,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": recorder.endpoint,
            "STEWARD_CLOCK": "event",
        }
        runtime = Runtime(binary, of_lambda | stack.variables | variables)
        runtime.recorder = recorder
        started.append((function, runtime))
        return runtime

    yield run
    for function, runtime in started:
        calls.answered[aws.judge, function] |= runtime.recorder.answered()
        calls.stood_in[aws.judge, function] |= runtime.recorder.stood_in
        runtime.stop()
        runtime.recorder.stop()
