"""The page of the package, followed to the letter in MiniStack: a bucket, the zips, plain CloudFormation, an update, the end.

MiniStack was not written here and runs the real binaries. The tests build on one another, in this order.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import boto3
import ministack
import package
import pytest
from commands import blocks
from conftest import ROOT

PAGE = ROOT / "packaging/README.md"
BUCKET = "example-steward-artifacts"


@pytest.fixture(scope="module")
def aws():
    with ministack.running() as endpoint:
        keys = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": endpoint}
        session = boto3.Session("123456789012", "test", region_name="eu-west-1")
        yield SimpleNamespace(
            endpoint=endpoint,
            environment=os.environ | keys | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            client=lambda service: session.client(service, endpoint_url=endpoint),
        )


@pytest.fixture(scope="module")
def here(dist, aws, tmp_path_factory):
    """The files of a release, with a template whose functions call MiniStack and have the certificates of this machine."""
    folder = tmp_path_factory.mktemp("release") / "files"
    shutil.copytree(dist, folder)
    path = folder / package.TEMPLATE
    template = json.loads(path.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Environment"]["Variables"] |= {
                "AWS_ENDPOINT_URL": aws.endpoint,
                "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
            }
    path.write_text(json.dumps(template, indent=1))
    return folder


def page_says(aws, here, beginning):
    """Runs the one block of the page that begins with `beginning`, after the names that the page sets."""
    names = next(block for block in blocks(PAGE) if block.startswith("export "))
    (block,) = [block for block in blocks(PAGE) if block.startswith(beginning)]
    if block != names:
        exports = "\n".join(line for line in names.splitlines() if line.startswith("export "))
        block = f"{exports}\n{block}"
    done = subprocess.run(["bash", "-euc", block], cwd=here, env=aws.environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def outputs(aws):
    (stack,) = aws.client("cloudformation").describe_stacks(StackName="steward")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def dry_run(aws):
    configuration = aws.client("lambda").get_function_configuration(FunctionName=outputs(aws)["DeployFunction"])
    return configuration["Environment"]["Variables"]["STEWARD_DRY_RUN"]


def runs(aws, group):
    events = aws.client("logs").filter_log_events(logGroupName=group)["events"]
    return sum(event["message"].startswith("REPORT ") for event in events)


def waiting(aws, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def test_the_bucket_is_made(aws, here):
    page_says(aws, here, "export ")
    assert [it["Name"] for it in aws.client("s3").list_buckets()["Buckets"]] == [BUCKET]


def test_the_stack_comes_up_in_dry_run(aws, here):
    page_says(aws, here, "aws s3 cp")
    assert dry_run(aws) == "true"


def test_the_functions_run_the_zips_of_the_release(aws, here):
    known = {hashlib.sha256(path.read_bytes()).digest() for path in here.glob("*.zip")}
    told = set()
    for name in ("DeployFunction", "HealFunction", "MigrateFunction", "SnapshotFunction"):
        found = aws.client("lambda").get_function(FunctionName=outputs(aws)[name])
        told.add(base64.b64decode(found["Configuration"]["CodeSha256"]))
        assert found["Configuration"]["Runtime"] == "provided.al2023"
    assert told == known


def test_a_request_reaches_the_function_and_leaves_no_message_behind(aws):
    out = outputs(aws)
    before = runs(aws, out["DeployLogGroup"])
    sample = json.loads((ROOT / "events/deploy-requested-service.json").read_text())
    entry = {"Source": sample["source"], "DetailType": sample["detail-type"], "Detail": json.dumps(sample["detail"])}
    assert aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    for _ in range(150):
        if runs(aws, out["DeployLogGroup"]) > before and not waiting(aws, out["DeployQueueUrl"]):
            break
        time.sleep(0.2)
    assert runs(aws, out["DeployLogGroup"]) == before + 1, "one event, one run"
    assert waiting(aws, out["DeployQueueUrl"]) == 0
    assert waiting(aws, out["DeployDeadLetterQueueUrl"]) == 0


def test_a_parameter_is_changed_and_the_others_keep_their_values(aws, here):
    page_says(aws, here, "aws cloudformation deploy")
    assert dry_run(aws) == "false"
    (stack,) = aws.client("cloudformation").describe_stacks(StackName="steward")["Stacks"]
    kept = {it["ParameterKey"]: it["ParameterValue"] for it in stack["Parameters"]}
    assert (kept["ArtifactBucket"], kept["ArtifactPrefix"]) == (BUCKET, "steward/")


def test_a_bucket_for_each_region_is_found_by_its_name(aws, here):
    """What a stack set relies on, tried with a single stack."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="regional-eu-west-1", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for path in here.glob("*.zip"):
        s3.put_object(Bucket="regional-eu-west-1", Key=path.name, Body=path.read_bytes())
    s3.put_object(Bucket="regional-eu-west-1", Key="t.json", Body=(here / package.TEMPLATE).read_bytes())
    cloudformation = aws.client("cloudformation")
    parameters = {"ArtifactBucket": "regional", "ArtifactBucketPerRegion": "true"}
    cloudformation.create_stack(
        StackName="regional",
        TemplateURL=f"{aws.endpoint}/regional-eu-west-1/t.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="regional", WaiterConfig={"Delay": 1})
    cloudformation.delete_stack(StackName="regional")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="regional", WaiterConfig={"Delay": 1})


def test_the_stack_goes_and_its_state_stays(aws, here):
    table = outputs(aws)["StateTable"]
    page_says(aws, here, "aws cloudformation delete-stack")
    assert table in aws.client("dynamodb").list_tables()["TableNames"]
    assert not aws.client("sqs").list_queues().get("QueueUrls")
