"""A real `sam deploy` of the built template into MiniStack: the stack comes up, an event goes through rule, queue and function,
a changed parameter takes effect, and the state outlives the stack. The tests build on one another, in this order."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest

import ministack
from stack import ROOT

ARCHITECTURE = "arm64" if platform.machine() == "aarch64" else "x86_64"


@pytest.fixture(scope="session")
def aws():
    with ministack.running() as endpoint:
        keys = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}
        session = boto3.Session("123456789012", "test", region_name="eu-west-1")
        yield SimpleNamespace(
            endpoint=endpoint,
            environment=os.environ | keys | {"AWS_ENDPOINT_URL": endpoint, "SAM_CLI_TELEMETRY": "0"},
            client=lambda service: session.client(service, endpoint_url=endpoint),
        )


@pytest.fixture(scope="session")
def template(aws):
    """The built template, with the endpoint and the certificates of a function that runs on this machine."""
    built = (ROOT / ".aws-sam/build/template.yaml").read_text()
    local, changed = re.subn(
        r"( *)SSL_CERT_FILE: .*",
        rf"\1SSL_CERT_FILE: /etc/ssl/certs/ca-certificates.crt\n\1AWS_ENDPOINT_URL: {aws.endpoint}",
        built,
    )
    assert changed, "the built template has no environment to add to"
    path = ROOT / ".aws-sam/build/deployed.yaml"
    path.write_text(local)
    return path


def sam(aws, *arguments):
    program = Path(sys.executable).with_name("sam")
    done = subprocess.run([program, *arguments], cwd=ROOT, env=aws.environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"


def deploy(aws, template, *parameters):
    sam(
        aws,
        *("deploy", "--template", str(template), "--config-file", str(ROOT / "samconfig.toml")),
        *("--no-confirm-changeset", "--no-progressbar", "--parameter-overrides", f"Architecture={ARCHITECTURE}", *parameters),
    )


def outputs(aws):
    (stack,) = aws.client("cloudformation").describe_stacks(StackName="steward")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def waiting(aws, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def runs(aws, group):
    messages = [event["message"] for event in aws.client("logs").filter_log_events(logGroupName=group)["events"]]
    return sum(message.startswith("REPORT ") for message in messages)


def test_the_stack_comes_up_in_dry_run(aws, template):
    deploy(aws, template, "DryRun=true")
    function = aws.client("lambda").get_function_configuration(FunctionName=outputs(aws)["DeployFunction"])
    assert function["Environment"]["Variables"]["STEWARD_DRY_RUN"] == "true"


def test_a_request_reaches_the_function_and_leaves_no_message_behind(aws):
    out = outputs(aws)
    before = runs(aws, out["DeployLogGroup"])
    sample = json.loads((ROOT / "events/deploy-requested-service.json").read_text())
    entry = {"Source": sample["source"], "DetailType": sample["detail-type"], "Detail": json.dumps(sample["detail"])}
    assert aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    for _ in range(100):
        if runs(aws, out["DeployLogGroup"]) > before and not waiting(aws, out["DeployQueueUrl"]):
            break
        time.sleep(0.2)
    assert runs(aws, out["DeployLogGroup"]) == before + 1, "one event, one run"
    assert waiting(aws, out["DeployQueueUrl"]) == 0
    assert waiting(aws, out["DeployDeadLetterQueueUrl"]) == 0
    assert waiting(aws, out["UndeliveredEventsUrl"]) == 0


def test_an_event_that_no_rule_names_wakes_nobody(aws):
    out = outputs(aws)
    before = runs(aws, out["DeployLogGroup"])
    aws.client("events").put_events(Entries=[{"Source": "steward", "DetailType": "Rollout Finished", "Detail": "{}"}])
    time.sleep(2)
    assert runs(aws, out["DeployLogGroup"]) == before


def test_a_parameter_alone_takes_effect(aws, template):
    """With published versions it would not: tests/stack/test_template.py says why."""
    deploy(aws, template, "DryRun=false")
    function = aws.client("lambda").get_function_configuration(FunctionName=outputs(aws)["DeployFunction"])
    assert function["Environment"]["Variables"]["STEWARD_DRY_RUN"] == "false"


def test_the_state_outlives_the_stack(aws):
    table = outputs(aws)["StateTable"]
    sam(aws, "delete", "--stack-name", "steward", "--no-prompts", "--region", "eu-west-1")
    assert table in aws.client("dynamodb").list_tables()["TableNames"]
    assert not aws.client("sqs").list_queues().get("QueueUrls")
