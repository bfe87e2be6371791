"""An emulator that nobody here wrote makes the stack with a key, and takes the key away again."""

import json

import boto3
import pytest

import ministack
from stack import expand, of_type

# Without what the emulator does not know, and without functions: they are judged in tests/deployed.
LEFT_OUT = (
    "AWS::CloudWatch::Dashboard",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Logs::QueryDefinition",
)


def deployable():
    template = expand({"KmsKey": "create"})
    gone = {name for kind in LEFT_OUT for name in of_type(template, kind)}

    def stays(it):
        return not any(json.dumps(name) in json.dumps(it) for name in gone)

    for part in ("Resources", "Outputs"):
        template[part] = {name: it for name, it in template[part].items() if name not in gone and stays(it)}
    return {name: it for name, it in template.items() if name not in ("Metadata", "Rules")}


@pytest.fixture(scope="module")
def aws():
    if not ministack.PROGRAM.exists():
        pytest.skip("no MiniStack: `make judges` installs it")
    with ministack.running() as endpoint:
        session = boto3.Session("123456789012", "test", region_name="eu-west-1")

        def client(service):
            return session.client(service, endpoint_url=endpoint)

        client("s3").create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        client("s3").put_object(Bucket="templates", Key="template.json", Body=json.dumps(deployable()))
        client.url = f"{endpoint}/templates/template.json"
        yield client


def deploy(aws, verb, key):
    stacks = aws("cloudformation")
    getattr(stacks, f"{verb}_stack")(
        StackName="steward",
        TemplateURL=aws.url,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": "KmsKey", "ParameterValue": key},
            {"ParameterKey": "AlertEmail", "ParameterValue": "ops@acme.example"},
        ],
    )
    stacks.get_waiter(f"stack_{verb}_complete").wait(StackName="steward", WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    (stack,) = stacks.describe_stacks(StackName="steward")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def encryption(aws, outputs):
    """How each queue is encrypted that an output names."""
    for name in (name for name in outputs if name.endswith("Url")):
        attributes = aws("sqs").get_queue_attributes(QueueUrl=outputs[name], AttributeNames=["All"])["Attributes"]
        yield {key: it for key, it in attributes.items() if key in ("KmsMasterKeyId", "SqsManagedSseEnabled")}


def test_a_key_is_made_and_used_and_outlives_its_use(aws):
    with_key = deploy(aws, "create", "create")
    key = with_key["KeyArn"]
    queues = list(encryption(aws, with_key))
    assert len(queues) == 9 and all(queue == {"KmsMasterKeyId": key} for queue in queues)
    groups = aws("logs").describe_log_groups(logGroupNamePrefix="/steward/steward/")["logGroups"]
    assert [group["kmsKeyId"] for group in groups] == [key] * 4
    policy = json.loads(aws("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    services = {statement["Principal"].get("Service") for statement in policy["Statement"]} - {None}
    assert services == {"cloudwatch.amazonaws.com", "events.amazonaws.com", "logs.eu-west-1.amazonaws.com", "sns.amazonaws.com"}

    without = deploy(aws, "update", "")
    assert "KeyArn" not in without
    assert all(queue == {"SqsManagedSseEnabled": "true"} for queue in encryption(aws, without))
    assert aws("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled", "what is in the table needs it still"
