"""From event to function: nothing gets lost without a trace. What the rules hear is judged in test_patterns.py."""

import hashlib
import json

import pytest

from stack import ROOT, arn_of, as_list, expand, of_type, statements

STACK = expand()
RULES = of_type(STACK, "AWS::Events::Rule")
SCHEDULES = of_type(STACK, "AWS::Scheduler::Schedule")
FUNCTIONS = of_type(STACK, "AWS::Lambda::Function")
SOURCES = of_type(STACK, "AWS::Lambda::EventSourceMapping")


def queue_of(function):
    """Logical id and properties of the queue that wakes `function`."""
    (mapping,) = [it["Properties"] for it in SOURCES.values() if it["Properties"]["FunctionName"] == {"Ref": function}]
    name = mapping["EventSourceArn"]["Fn::GetAtt"][0]
    return name, STACK["Resources"][name]["Properties"], mapping


def senders(queue, service):
    """Source ARNs that `service` may send from to `queue`."""
    for policy in of_type(STACK, "AWS::SQS::QueuePolicy").values():
        if policy["Properties"]["Queues"] != [{"Ref": queue}]:
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": service}:
                assert statement["Action"] == "sqs:SendMessage"
                yield from as_list(statement["Condition"]["ArnEquals"]["aws:SourceArn"])


def targets():
    for name, rule in RULES.items():
        for target in rule["Properties"]["Targets"]:
            yield pytest.param(name, target, id=name)
    for name, schedule in SCHEDULES.items():
        yield pytest.param(name, schedule["Properties"]["Target"], id=name)


@pytest.mark.parametrize(("name", "target"), targets())
def test_what_cannot_be_delivered_is_kept(name, target):
    assert target["DeadLetterConfig"] == {"Arn": arn_of("UndeliveredEvents")}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 60
    assert "FifoQueue" not in STACK["Resources"]["UndeliveredEvents"]["Properties"]


@pytest.mark.parametrize(("name", "target"), targets())
def test_a_target_is_a_fifo_queue_with_the_group_of_its_function(name, target):
    queue = target["Arn"]["Fn::GetAtt"][0]
    assert STACK["Resources"][queue]["Properties"]["FifoQueue"] is True
    group = target["SqsParameters"]["MessageGroupId"]
    # The rules of migrate are called after migrations.
    assert queue.lower() == f"{group}queue" and name.lower().startswith((group, "migration" if group == "migrate" else group))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_hears_its_own_account_only_and_passes_the_event_as_it_is(name):
    rule = RULES[name]["Properties"]
    assert rule["EventPattern"]["account"] == [{"Ref": "AWS::AccountId"}]
    assert rule["EventPattern"]["source"] and rule["EventPattern"]["detail-type"]
    for target in rule["Targets"]:
        assert not {"Input", "InputPath", "InputTransformer"} & set(target)


@pytest.mark.parametrize("name", RULES)
def test_the_queues_let_the_rule_in(name):
    for target in RULES[name]["Properties"]["Targets"]:
        assert arn_of(name) in list(senders(target["Arn"]["Fn::GetAtt"][0], "events.amazonaws.com"))
        assert arn_of(name) in list(senders("UndeliveredEvents", "events.amazonaws.com"))


def test_the_queues_let_nobody_else_in():
    rules = [arn_of(name) for name in RULES]
    for queue in of_type(STACK, "AWS::SQS::Queue"):
        assert all(sender in rules for sender in senders(queue, "events.amazonaws.com")), queue
    for policy in of_type(STACK, "AWS::SQS::QueuePolicy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            allowed = statement["Effect"] == "Deny" or statement["Principal"]["Service"] in ("events.amazonaws.com", "sns.amazonaws.com")
            assert allowed, statement["Sid"]


@pytest.mark.parametrize("queue", of_type(STACK, "AWS::SQS::Queue"))
def test_every_queue_is_encrypted_on_the_way(queue):
    denials = [
        statement
        for policy in of_type(STACK, "AWS::SQS::QueuePolicy").values()
        if policy["Properties"]["Queues"] == [{"Ref": queue}]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert len(denials) == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_failing_message_goes_aside_before_the_next_sweep(function):
    _, queue, mapping = queue_of(function)
    timeout = FUNCTIONS[function]["Properties"]["Timeout"]
    visibility, receives = queue["VisibilityTimeout"], queue["RedrivePolicy"]["maxReceiveCount"]
    assert visibility > timeout, "Lambda refuses a source whose visibility timeout is below the function's"
    assert visibility * receives < 300
    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_one_group_deduplication_and_a_fifo_dead_letter_queue(function):
    name, queue, _ = queue_of(function)
    assert queue["FifoQueue"] is True and queue["ContentBasedDeduplication"] is True
    dead = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert dead == name.replace("Queue", "DeadLetterQueue")
    properties = STACK["Resources"][dead]["Properties"]
    assert properties["FifoQueue"] is True
    assert properties["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
    environment = FUNCTIONS[function]["Properties"]["Environment"]["Variables"]
    assert environment["STEWARD_DEAD_LETTER_QUEUE_URL"] == {"Ref": dead}


SWEEPS = {
    "DeploySweepSchedule": {"Ref": "SweepSchedule"},
    "HealSweepSchedule": {"Ref": "SweepSchedule"},
    "MigrateSweepSchedule": "rate(5 minutes)",
    "SnapshotSweepSchedule": {"Ref": "SnapshotSchedule"},
}


@pytest.mark.parametrize(("schedule", "expression"), SWEEPS.items())
def test_a_sweep_has_its_pace_and_rests_when_sweeps_do(schedule, expression):
    properties = SCHEDULES[schedule]["Properties"]
    assert properties["ScheduleExpression"] == expression
    assert properties["State"] == {"Fn::If": ["SweepIsEnabled", "ENABLED", "DISABLED"]}
    assert "Condition" not in SCHEDULES[schedule]


def test_each_function_is_swept_once():
    queues = [SCHEDULES[schedule]["Properties"]["Target"]["Arn"] for schedule in SWEEPS]
    assert sorted(map(str, queues)) == sorted(str(arn_of(queue_of(function)[0])) for function in FUNCTIONS)
    assert set(SCHEDULES) == {*SWEEPS, "MigrateRequestSchedule"}


def test_the_role_of_the_schedules_sends_to_every_queue_that_a_schedule_goes_to():
    (role,) = {it["Properties"]["Target"]["RoleArn"]["Fn::GetAtt"][0] for it in SCHEDULES.values()}
    ((_, _, statement),) = statements(STACK["Resources"][role])
    queues = {str(it["Properties"]["Target"]["Arn"]) for it in SCHEDULES.values()}
    assert sorted(map(str, statement["Resource"])) == sorted([*queues, str(arn_of("UndeliveredEvents"))])


def test_a_migration_by_schedule_is_there_when_it_is_set_and_does_not_rest_with_the_sweeps():
    schedule = SCHEDULES["MigrateRequestSchedule"]
    assert schedule["Condition"] == "HasMigrationSchedule"
    assert schedule["Properties"]["ScheduleExpression"] == {"Ref": "MigrationSchedule"}
    assert "State" not in schedule["Properties"] and "ScheduleExpressionTimezone" not in schedule["Properties"]


def test_a_migration_by_schedule_asks_as_a_schedule_of_a_users_own_does():
    text = SCHEDULES["MigrateRequestSchedule"]["Properties"]["Target"]["Input"]["Fn::Sub"]
    sample = json.loads((ROOT / "events/migration-requested-schedule.json").read_text())
    message = json.loads(text.replace("${MigrationService}", sample["detail"]["service"]))
    assert set(message) == set(sample)
    for field in ("version", "source", "detail-type"):
        assert message[field] == sample[field], field
    # Fired twice for one time, it is one request: of all that makes one, only the time is the scheduler's.
    assert message["detail"].pop("at") == message["time"] == "<aws.scheduler.scheduled-time>"
    assert message["detail"].pop("requested-by")
    assert message["detail"] == {"service": sample["detail"]["service"], "request": "schedule"}
    assert message["id"] == "<aws.scheduler.execution-id>"


@pytest.mark.parametrize("name", SWEEPS)
def test_a_scheduled_message_is_the_sweep_event_of_events(name):
    target = SCHEDULES[name]["Properties"]["Target"]
    message = json.loads(target["Input"]["Fn::Sub"])
    sample = json.loads((ROOT / "events/sweep.json").read_text())
    assert set(message) == set(sample)
    for field in ("version", "source", "detail-type", "resources", "detail"):
        assert message[field] == sample[field], field
    assert message["id"] == "<aws.scheduler.execution-id>", "without an id of its own a sweep is a duplicate"


def test_only_schedules_of_this_stack_may_use_the_role_of_the_schedules():
    for schedule in SCHEDULES.values():
        role = schedule["Properties"]["Target"]["RoleArn"]["Fn::GetAtt"][0]
        (trust,) = STACK["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        group = schedule["Properties"]["GroupName"]["Ref"]
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert trust["Condition"]["ArnEquals"] == {"aws:SourceArn": arn_of(group)}


# Those that make one-time schedules.
SCHEDULING = [name for name, it in FUNCTIONS.items() if "STEWARD_QUEUE_ARN" in it["Properties"]["Environment"]["Variables"]]


def test_heal_migrate_and_snapshot_make_schedules_each_in_a_group_and_by_a_role_of_its_own():
    assert sorted(SCHEDULING) == ["HealFunction", "MigrateFunction", "SnapshotFunction"]
    variables = [FUNCTIONS[function]["Properties"]["Environment"]["Variables"] for function in SCHEDULING]
    for variable in ("STEWARD_SCHEDULE_GROUP", "STEWARD_SCHEDULER_ROLE_ARN", "STEWARD_QUEUE_ARN"):
        assert len({json.dumps(each[variable]) for each in variables}) == len(SCHEDULING), variable


@pytest.mark.parametrize("function", SCHEDULING)
def test_what_a_function_schedules_comes_back_to_its_own_queue_and_nowhere_else(function):
    variables = FUNCTIONS[function]["Properties"]["Environment"]["Variables"]
    queue, _, _ = queue_of(function)
    role = variables["STEWARD_SCHEDULER_ROLE_ARN"]["Fn::GetAtt"][0]
    (trust,) = STACK["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert trust["Condition"]["ArnEquals"] == {"aws:SourceArn": arn_of(variables["STEWARD_SCHEDULE_GROUP"]["Ref"])}
    ((_, _, statement),) = statements(STACK["Resources"][role])
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", [arn_of(queue), arn_of("UndeliveredEvents")])
    assert variables["STEWARD_QUEUE_ARN"] == arn_of(queue)
    # A sweep in this group would share the role's trust, and go when the one-time schedules are cleared away.
    assert all(it["Properties"]["GroupName"] != variables["STEWARD_SCHEDULE_GROUP"] for it in SCHEDULES.values())


# What a function wakes itself with.
DUE = ("Migration Due", "Snapshot Due", "Verification Due")


@pytest.mark.parametrize("path", sorted((ROOT / "events").rglob("*.json")), ids=lambda path: path.name)
def test_a_sample_has_the_shape_of_what_it_stands_for(path):
    sample = json.loads(path.read_text())
    if "Records" in sample:
        for record in sample["Records"]:
            assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
            assert record["attributes"]["MessageDeduplicationId"] == hashlib.sha256(record["body"].encode()).hexdigest()
        events = [json.loads(record["body"]) for record in sample["Records"]]
    else:
        events = [sample]
    for event in events:
        envelope = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
        if path.stem == "rds-snapshot-keys-outside-detail":
            envelope |= {"EventID", "SourceIdentifier"}
        # No bus has these in its hands: a function writes into the schedule what it will read.
        own = {"id", "detail-type", "source", "time", "detail"}
        assert set(event) == (own if event["detail-type"] in DUE else envelope)


@pytest.mark.parametrize("name", RULES)
def test_every_detail_type_of_a_rule_has_a_sample(name):
    pattern = RULES[name]["Properties"]["EventPattern"]
    samples = [json.loads(path.read_text()) for path in (ROOT / "events").glob("*.json")]
    seen = {(sample.get("source"), sample.get("detail-type")) for sample in samples}
    named = [detail_type for detail_type in pattern["detail-type"] if isinstance(detail_type, str)]
    for detail_type in named:
        assert {(source, detail_type) for source in pattern["source"]} <= seen
