"""Another version over the first: code that changed, state and queues that stay. Schedules that fire. And `sam delete`."""

import json
import shutil

import pytest
from botocore.exceptions import ClientError

from deployed import BUILD, FUNCTIONS, PATIENCE, sample, until

STATEFUL = ["AWS::DynamoDB::Table", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::Lambda::Function"]


def identities(stack):
    """What CloudFormation must not replace, by logical id."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="steward")
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in resources if it["ResourceType"] in STATEFUL}


def versions(stack):
    """What is installed of each function."""
    client, outputs = stack.client("lambda"), stack.outputs
    return [client.get_function_configuration(FunctionName=outputs[f"{name}Function"])["CodeSha256"] for name in FUNCTIONS]


@pytest.fixture(scope="module")
def other_version(stack):
    """The same functions in other bytes: what stands behind the end of a program is not looked at."""
    for function in FUNCTIONS:
        source, target = BUILD / f"{function}Function", BUILD / f"other-{function}Function"
        shutil.copytree(source, target, dirs_exist_ok=True)
        with open(target / "bootstrap", "ab") as program:
            program.write(b"another version\n")
    text = stack.template().read_text()
    for function in FUNCTIONS:
        text = text.replace(f"CodeUri: {function}Function", f"CodeUri: other-{function}Function")
    path = BUILD / "other.yaml"
    path.write_text(text)
    yield path
    for function in FUNCTIONS:
        shutil.rmtree(BUILD / f"other-{function}Function")


def test_an_upgrade_replaces_the_code_and_nothing_that_holds_state(stack, other_version):
    table, state, before = identities(stack), stack.items(), versions(stack)
    every_minute = ["SweepEnabled=true", 'SweepSchedule="rate(1 minute)"', 'SnapshotSchedule="rate(1 minute)"']
    stack.deploy(*every_minute, template=other_version)
    assert identities(stack) == table
    assert {key: item["data"] for key, item in state.items()} == {key: item["data"] for key, item in stack.items().items()}
    assert state, "there was state to lose"
    assert not set(before) & set(versions(stack)), "each function has other code"


# Without migrate, whose sweep comes every five minutes whatever the parameters say.
@pytest.mark.parametrize("function", ["Deploy", "Heal", "Snapshot"])
def test_a_schedule_reaches_the_new_version_which_puts_aside_what_ministack_did_not_fill_in(stack, function):
    aside = stack.outputs[f"{function}DeadLetterQueueUrl"]
    until(lambda: stack.waiting(aside), "a sweep", 60 + PATIENCE)
    message = stack.client("sqs").receive_message(QueueUrl=aside, MessageAttributeNames=["All"])["Messages"][0]
    body = json.loads(message["Body"])
    assert (body["detail-type"], body["time"]) == ("Sweep", "<aws.scheduler.scheduled-time>")
    assert message["MessageAttributes"]["StewardReason"]["StringValue"]


def test_a_sweep_of_the_new_version_knows_what_the_old_one_did(stack, tmp_path):
    answer = stack.invoke("Deploy", sample("sweep"), tmp_path)
    assert {record["decision"] for record in answer["decisions"]} == {"up-to-date"}, answer
    answer = stack.invoke("Migrate", sample("sweep"), tmp_path)
    assert [record["decision"] for record in answer["decisions"]] == ["migrating"], answer


def test_what_is_left_of_a_deleted_stack_is_its_state(stack):
    outputs = stack.outputs
    items = stack.items()
    stack.sam("delete", "--stack-name", "steward", "--no-prompts", "--region", "eu-west-1")
    with pytest.raises(ClientError, match="does not exist"):
        stack.client("cloudformation").describe_stacks(StackName="steward")
    assert stack.client("dynamodb").list_tables()["TableNames"] == [outputs["StateTable"]]
    assert stack.client("dynamodb").describe_table(TableName=outputs["StateTable"])["Table"]["ItemCount"] >= len(items)
    assert not stack.client("lambda").list_functions()["Functions"]
    assert not stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert not stack.client("events").list_rules()["Rules"]
    assert not stack.client("sns").list_topics()["Topics"]
    assert not stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert [url.split("/")[-1] for url in stack.client("sqs").list_queues()["QueueUrls"]] == ["inbox"]
    groups = stack.client("logs").describe_log_groups()["logGroups"]
    assert not [group for group in groups if group["logGroupName"].startswith("/steward/")]
    roles = [role["RoleName"] for role in stack.client("iam").list_roles()["Roles"]]
    assert not [name for name in roles if name.startswith("steward-")]


def test_what_was_taken_and_started_stays_as_well(stack, account):
    assert stack.client("rds").describe_db_cluster_snapshots(DBClusterIdentifier="crm")["DBClusterSnapshots"]
    assert [account.described(name)["status"] for name in ("api", "web", "job")] == ["ACTIVE"] * 3
