"""The stack comes up, and each hop works: bus, rule, queue, mapping, binary, dead-letter queue. All of it in dry run."""

import json
import time
from collections import Counter

import pytest

from deployed import FUNCTIONS, batch, sample, until
from stack import expand

# A sample that somebody may put on the bus, and the detail type by which its function's log knows it.
ASKED = {
    "Deploy": "deploy-requested-service",
    "Heal": "mute-requested",
    "Migrate": "migration-requested-person",
    "Snapshot": "snapshot-requested",
}


def test_every_resource_of_the_template_is_there(stack):
    resources = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="steward")
    resources = [resource for page in resources for resource in page["StackResourceSummaries"]]
    assert {resource["ResourceStatus"] for resource in resources} == {"CREATE_COMPLETE"}
    # No condition holds: no mail, no schedule of a migration, no sweep whose absence an alarm would tell.
    types = Counter(it["Type"] for it in expand()["Resources"].values() if "Condition" not in it)
    wanted = {kind: count for kind, count in types.items() if kind != "AWS::Logs::QueryDefinition"}
    assert Counter(resource["ResourceType"] for resource in resources) == wanted


def test_each_queue_is_drained_by_its_function_one_message_at_a_time(stack):
    outputs = stack.outputs
    mappings = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    drained = {
        (mapping["FunctionArn"].split(":")[-1], mapping["EventSourceArn"].split(":")[-1], mapping["BatchSize"]) for mapping in mappings
    }
    assert drained == {
        (outputs[f"{function}Function"], outputs[f"{function}QueueUrl"].split("/")[-1], 1) for function in FUNCTIONS
    }
    assert all(mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for mapping in mappings)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_answers_when_it_is_invoked_by_hand(stack, function, tmp_path):
    assert stack.environment_of(function)["STEWARD_DRY_RUN"] == "true"
    answer = stack.invoke(function, sample("sweep"), tmp_path)
    assert (answer["trigger"], answer["dry_run"], answer["stopped_early"]) == ("sweep", True, False), answer
    assert not [record for record in answer["decisions"] if record["decision"] == "failed"], answer


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_asked_on_the_bus_reaches_its_function_once_and_no_other(stack, function):
    before = {name: stack.runs(name) for name in FUNCTIONS}
    assert "ErrorCode" not in stack.put(ASKED[function])
    until(lambda: stack.runs(function) > before[function] and stack.is_idle(function), "a run and an empty queue")
    after = {name: stack.runs(name) for name in FUNCTIONS}
    assert after == before | {function: before[function] + 1}
    record = stack.decisions(function)[-1]
    assert record["detail_type"] == sample(ASKED[function])["detail-type"], record
    assert record["dry_run"] and stack.undelivered() == {}


def test_nobody_may_put_events_of_aws_on_the_bus(stack):
    """AWS refuses it as well: who forges a push or a broken task would have to be AWS."""
    for name in ("ecr-image-pushed", "ecs-task-stopped-app-exit", "rds-snapshot-created"):
        assert stack.put(name)["ErrorCode"] == "NotAuthorizedForSourceException"


def test_an_event_that_no_rule_names_wakes_nobody(stack):
    before = {name: stack.runs(name) for name in FUNCTIONS}
    entries = [
        {"Source": "steward", "DetailType": "Rollout Finished", "Detail": "{}"},
        {"Source": "stewardess", "DetailType": "Deploy Requested", "Detail": "{}"},
    ]
    assert stack.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    time.sleep(2)
    assert {name: stack.runs(name) for name in FUNCTIONS} == before


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_message_that_can_never_be_handled_is_put_aside_with_its_reason(stack, function):
    sqs, outputs = stack.client("sqs"), stack.outputs
    queue, aside = outputs[f"{function}QueueUrl"], outputs[f"{function}DeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="no event", MessageGroupId=function)
    until(lambda: stack.waiting(aside) and stack.is_idle(function), "a message in the dead-letter queue")
    (message,) = sqs.receive_message(QueueUrl=aside, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == "no event"
    assert "not JSON" in message["MessageAttributes"]["StewardReason"]["StringValue"]
    sqs.delete_message(QueueUrl=aside, ReceiptHandle=message["ReceiptHandle"])
    assert stack.undelivered() == {}


def test_what_the_queue_hands_over_is_answered_with_what_to_deliver_again(stack, tmp_path):
    answer = stack.invoke("Heal", batch(sample("ecs-service-placement-failure")), tmp_path)
    assert answer == {"batchItemFailures": []}


def test_a_parameter_alone_takes_effect(stack, tmp_path):
    """With published versions it would not: tests/stack/test_template.py says why."""
    stack.deploy("DryRun=false")
    assert {stack.environment_of(function)["STEWARD_DRY_RUN"] for function in FUNCTIONS} == {"false"}
    answer = stack.invoke("Deploy", sample("sweep"), tmp_path)
    assert answer["dry_run"] is False, json.dumps(answer)
    assert stack.environment_of("Deploy")["STEWARD_API_BUDGET_PERCENT"] == "50"
