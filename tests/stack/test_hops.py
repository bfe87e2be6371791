"""Every hop of a message has somewhere to put what it cannot deliver, and somebody looks there."""

import re

import pytest

from resolved import VARIANTS, resolve
from stack import ROOT, arn_of, of_type, statements

STACK = resolve(VARIANTS["hardened"])
RESOURCES = STACK["Resources"]


def logical(arn):
    return arn["Fn::GetAtt"][0]


def hops():
    """(from, to, where what is not delivered goes) of each hop of the expanded template."""
    for name, rule in of_type(STACK, "AWS::Events::Rule").items():
        for target in rule["Properties"]["Targets"]:
            yield name, logical(target["Arn"]), logical(target["DeadLetterConfig"]["Arn"])
    for name, schedule in of_type(STACK, "AWS::Scheduler::Schedule").items():
        target = schedule["Properties"]["Target"]
        yield name, logical(target["Arn"]), logical(target["DeadLetterConfig"]["Arn"])
    for name, mapping in of_type(STACK, "AWS::Lambda::EventSourceMapping").items():
        queue = logical(mapping["Properties"]["EventSourceArn"])
        dead = logical(RESOURCES[queue]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"])
        yield queue, mapping["Properties"]["FunctionName"]["Ref"], dead
    for name, subscription in of_type(STACK, "AWS::SNS::Subscription").items():
        properties = subscription["Properties"]
        yield properties["TopicArn"]["Ref"], name, logical(properties["RedrivePolicy"]["deadLetterTargetArn"])


HOPS = sorted(hops())
# Resources that deliver or are delivered to. Whoever adds a kind has to say above what becomes of what it cannot deliver.
DELIVERING = {
    "AWS::Events::Rule",
    "AWS::Lambda::EventSourceMapping",
    "AWS::SNS::Subscription",
    "AWS::Scheduler::Schedule",
}
KNOWN = DELIVERING | {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::Table",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::Logs::QueryDefinition",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::ScheduleGroup",
}


def test_no_kind_of_resource_delivers_that_is_not_walked_here():
    assert {it["Type"] for it in RESOURCES.values()} == KNOWN


@pytest.mark.parametrize(("source", "to", "dead"), HOPS)
def test_what_a_hop_cannot_deliver_is_kept_for_long_and_is_an_alarm(source, to, dead):
    queue = RESOURCES[dead]
    assert queue["Type"] == "AWS::SQS::Queue" and dead != to
    assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert "RedrivePolicy" not in queue["Properties"], "from here nothing goes on"
    watched = [it["Properties"]["Dimensions"][0]["Value"] for it in of_type(STACK, "AWS::CloudWatch::Alarm").values()]
    assert {"Fn::GetAtt": [dead, "QueueName"]} in watched


def test_every_queue_is_at_one_end_of_a_hop():
    reached = {to for _, to, _ in HOPS} | {dead for *_, dead in HOPS}
    assert reached >= set(of_type(STACK, "AWS::SQS::Queue"))


def test_no_function_is_invoked_but_by_its_queue():
    """What is invoked asynchronously would need a destination of its own for what fails."""
    assert not of_type(STACK, "AWS::Lambda::Permission")
    assert sorted(to for _, to, _ in HOPS if to in of_type(STACK, "AWS::Lambda::Function")) == sorted(
        of_type(STACK, "AWS::Lambda::Function")
    )


def test_undelivered_mail_is_let_into_the_queue_that_keeps_it():
    (policy,) = [
        it for it in of_type(STACK, "AWS::SQS::QueuePolicy").values() if it["Properties"]["Queues"] == [{"Ref": "UndeliveredEvents"}]
    ]
    (statement,) = [
        it for it in policy["Properties"]["PolicyDocument"]["Statement"] if it["Principal"] == {"Service": "sns.amazonaws.com"}
    ]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "AlertTopic"}}}
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", arn_of("UndeliveredEvents"))


ONE_TIME = ["HealScheduleRole", "MigrateScheduleRole", "SnapshotScheduleRole"]


@pytest.mark.parametrize("role", [*ONE_TIME, "SweepScheduleRole"])
def test_the_role_of_a_schedule_may_put_aside_what_it_cannot_deliver(role):
    ((_, _, statement),) = statements(RESOURCES[role])
    assert arn_of("UndeliveredEvents") in statement["Resource"]


# The schedules that the functions make are not in the template. Their targets have no dead-letter queue yet: what one of them
# cannot deliver is lost, and the next sweep does the same work.
WITHOUT_DEAD_LETTERS = {"shared/src/schedule.rs"}


@pytest.mark.parametrize("path", ["shared/src/schedule.rs"])
def test_one_time_schedules_have_dead_letters_or_are_listed_as_without(path):
    code = (ROOT / path).read_text().split("#[cfg(test)]")[0]
    assert "Target::builder()" in code
    assert bool(re.search(r"\.dead_letter_config\(", code)) == (path not in WITHOUT_DEAD_LETTERS)
