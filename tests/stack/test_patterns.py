"""Each rule's pattern against each sample, judged by MiniStack's TestEventPattern: an emulator that follows EventBridge's own
matcher, error texts included, and that nobody here wrote. The lab's matcher is held to the same samples in Rust."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

import ministack
from stack import ROOT, load, of_type

RULES = of_type(load(), "AWS::Events::Rule")
SAMPLES = sorted(path for path in (ROOT / "events").rglob("*.json") if path.name != "sqs-batch.json")

# Which rule hears which sample. The sweep comes from a schedule, and near misses are heard by none.
HEARD = {
    "deploy-requested-release-pin.json": "DeployRequestedRule",
    "deploy-requested-service.json": "DeployRequestedRule",
    "deploy-requested.json": "DeployRequestedRule",
    "ecr-image-pushed.json": "DeployImagePushedRule",
    "ecs-deployment-completed.json": "DeployDeploymentChangedRule",
    "ecs-deployment-failed.json": "DeployDeploymentChangedRule",
    "image-pushed.json": "DeployRequestedRule",
    "sweep.json": None,
}


@pytest.fixture(scope="session")
def events():
    """A client of EventBridge in MiniStack, which runs for the length of the session."""
    if not ministack.PROGRAM.exists():
        pytest.skip("no MiniStack: `make judges` installs it")
    with ministack.running() as endpoint:
        yield boto3.client(
            "events",
            endpoint_url=endpoint,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


def pattern(rule):
    """The rule's pattern as EventBridge gets it, in the account of the samples."""

    def resolve(value):
        if value == {"Ref": "AWS::AccountId"}:
            return "123456789012"
        if isinstance(value, dict):
            return {key: resolve(inner) for key, inner in value.items()}
        return [resolve(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(resolve(RULES[rule]["Properties"]["EventPattern"]))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_heard_by_its_rule_and_by_no_other(events, path):
    expected = {"near-misses": None, "ignored": "DeployImagePushedRule"}.get(path.parent.name, HEARD.get(path.name))
    heard = [rule for rule in RULES if events.test_event_pattern(EventPattern=pattern(rule), Event=path.read_text())["Result"]]
    assert heard == ([expected] if expected else [])


def test_every_rule_hears_something():
    assert set(HEARD.values()) - {None} == set(RULES)


def test_the_judge_refuses_what_eventbridge_refuses(events):
    with pytest.raises(ClientError, match="InvalidEventPattern"):
        events.test_event_pattern(
            EventPattern='{"detail":{"image-tag":[{"anything-but":{"prefix":[""]}}]}}',
            Event=(ROOT / "events/ecr-image-pushed.json").read_text(),
        )
