"""Each rule's pattern against each sample, judged by MiniStack's TestEventPattern: an emulator that follows EventBridge's own
matcher, error texts included, and that nobody here wrote. The lab's matcher is held to the same samples in Rust."""

import copy
import json

import boto3
import pytest
from botocore.exceptions import ClientError

import ministack
from stack import ROOT, load, of_type

RULES = of_type(load(), "AWS::Events::Rule")
SAMPLES = sorted(path for path in (ROOT / "events").rglob("*.json") if path.name != "sqs-batch.json")

# Which rules hear which sample. What a schedule sends comes past the rules, and near misses are heard by none.
HEARD = {
    "DeployDeploymentChangedRule": ["ecs-deployment-completed", "ecs-deployment-failed"],
    "DeployImagePushedRule": ["ecr-image-pushed"],
    "DeployRequestedRule": [
        "deploy-requested",
        "deploy-requested-release-pin",
        "deploy-requested-service",
        "image-pushed",
        "migration-failed",
        "migration-succeeded",
        "rollback-requested",
        "rollback-requested-by-person",
        "sweep-continued",
    ],
    "HealAskedRule": [
        "healing-resumed",
        "mute-requested",
        "mute-requested-all",
        "rollback-answered",
        "rollback-approved",
        "rollout-failed",
    ],
    "HealServiceChangedRule": [
        "ecs-daemon-start-impaired",
        "ecs-deployment-completed",
        "ecs-deployment-failed",
        "ecs-deployment-in-progress",
        "ecs-rollback-in-progress",
        "ecs-service-placement-failure",
        "ecs-service-start-impaired",
    ],
    "HealTaskStoppedRule": [
        "ecs-task-stopped-app-exit",
        "ecs-task-stopped-cannot-pull",
        "ecs-task-stopped-elb-health",
        "ecs-task-stopped-out-of-memory",
        "ecs-task-stopped-scale-in",
        "ecs-task-stopped-secret",
        "ecs-task-stopped-spot",
    ],
    "MigrationHookRule": ["ecs-hook-awaiting-action"],
    "MigrationRequestedRule": [
        "migration-requested",
        "migration-requested-person",
        "migration-requested-schedule",
        "migration-resolved",
    ],
    "MigrationSnapshotRule": ["snapshot-available", "snapshot-failed"],
    "MigrationTaskRule": ["ecs-migration-task-stopped"],
    "SnapshotCompletedRule": [
        "rds-cluster-snapshot-created",
        "rds-snapshot-copied",
        "rds-snapshot-created",
        "rds-snapshot-deleted",
    ],
    "SnapshotRequestedRule": ["snapshot-requested"],
}
SCHEDULED = ["migration-due", "snapshot-due", "sweep", "verification-due"]


def expected(path):
    if path.parent.name == "near-misses":
        return []
    if path.parent.name == "ignored":
        return ["DeployImagePushedRule"]
    return sorted(rule for rule, samples in HEARD.items() if path.stem in samples)


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


def heard(events, event):
    """The rules whose pattern matches the event. EventBridge takes no event without these, which heal's own has not."""
    event = {"account": "123456789012", "region": "eu-west-1", "resources": []} | event
    answers = {rule: events.test_event_pattern(EventPattern=pattern(rule), Event=json.dumps(event)) for rule in RULES}
    return sorted(rule for rule, answer in answers.items() if answer["Result"])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_heard_by_its_rules_and_by_no_other(events, path):
    assert heard(events, json.loads(path.read_text())) == expected(path)


def test_every_sample_and_every_rule_has_its_place():
    named = {sample for samples in HEARD.values() for sample in samples} | set(SCHEDULED)
    assert named == {path.stem for path in SAMPLES if path.parent.name == "events"}
    assert set(HEARD) == set(RULES)


def test_no_event_reaches_one_function_twice():
    for path in SAMPLES:
        queues = [RULES[rule]["Properties"]["Targets"][0]["Arn"]["Fn::GetAtt"] for rule in expected(path)]
        assert len(queues) == len({tuple(queue) for queue in queues}), path.name


# What ECS might say one day: a type of event that nobody knows, with and without the member that the rule looks at; a name
# of an event that nobody knows; and, of a type that nobody knows, a steady state.
FUTURE = [
    ("ECS Container Instance Health Change", {"status": "IMPAIRED"}, True),
    ("ECS Something Else State Change", {"eventName": "SERVICE_SOMETHING_ELSE"}, True),
    ("ECS Service Action", {"eventName": "SERVICE_SOMETHING_ELSE"}, True),
    ("ECS Something Else Action", {"eventName": "SERVICE_STEADY_STATE"}, False),
    ("AWS Service Event via CloudTrail", {"eventName": "UpdateService"}, False),
]


@pytest.mark.parametrize(("detail_type", "detail", "is_heard"), FUTURE)
def test_heal_hears_what_ecs_does_not_say_yet(events, detail_type, detail, is_heard):
    event = json.loads((ROOT / "events/ecs-service-start-impaired.json").read_text())
    event |= {"detail-type": detail_type, "detail": detail}
    assert heard(events, event) == (["HealServiceChangedRule"] if is_heard else [])


STATES = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "DELETED"]


@pytest.mark.parametrize("status", STATES)
def test_of_the_states_of_a_task_only_stopped_is_heard(events, status):
    stopped = json.loads((ROOT / "events/ecs-task-stopped-app-exit.json").read_text())
    other = copy.deepcopy(stopped)
    other["detail"]["lastStatus"] = status
    assert heard(events, other) == [] and heard(events, stopped) == ["HealTaskStoppedRule"]


# Who started a task, and who hears of its end: the prefix is that of Steward's own tasks, and one of those migrates.
STARTED_BY = [
    ("steward/m/4b1f0c93a7de52866e01d3f9ab/p1", "MigrationTaskRule"),
    ("steward/m/", "MigrationTaskRule"),
    ("steward/x/4b1f0c93a7de52866e01d3f9ab/m1", None),
    ("steward/M/4b1f0c93a7de52866e01d3f9ab/m1", None),
    ("steward/m", None),
    ("steward", "HealTaskStoppedRule"),
    ("stewardship/m/1", "HealTaskStoppedRule"),
    ("my-steward/m/1", "HealTaskStoppedRule"),
    ("Steward/m/1", "HealTaskStoppedRule"),
    ("ecs-svc/9223370521498765432", "HealTaskStoppedRule"),
    ("", "HealTaskStoppedRule"),
    (None, "HealTaskStoppedRule"),
]


@pytest.mark.parametrize("sample", ["ecs-migration-task-stopped", "ecs-task-stopped-app-exit"])
@pytest.mark.parametrize(("started_by", "rule"), STARTED_BY)
def test_a_task_is_told_of_by_heal_or_by_migrate_and_never_by_both(events, sample, started_by, rule):
    event = json.loads((ROOT / f"events/{sample}.json").read_text())
    event["detail"]["startedBy"] = started_by
    assert heard(events, event) == ([rule] if rule else [])
    if started_by is None:
        del event["detail"]["startedBy"]
        assert heard(events, event) == [rule]


@pytest.mark.parametrize("status", STATES)
def test_of_the_states_of_a_migration_only_stopped_is_heard(events, status):
    stopped = json.loads((ROOT / "events/ecs-migration-task-stopped.json").read_text())
    other = copy.deepcopy(stopped)
    other["detail"]["lastStatus"] = status
    assert heard(events, other) == [] and heard(events, stopped) == ["MigrationTaskRule"]


@pytest.mark.parametrize("sample", ["snapshot-available", "snapshot-failed"])
@pytest.mark.parametrize("request_name", ["release-142", "mig", "my-mig-1", "MIG-1", "", None])
def test_an_answer_to_another_request_than_one_of_migrate_is_not_heard(events, sample, request_name):
    event = json.loads((ROOT / f"events/{sample}.json").read_text())
    assert heard(events, event) == ["MigrationSnapshotRule"]
    event["detail"]["request"] = request_name
    assert heard(events, event) == []


@pytest.mark.parametrize("name", ["HOOK_IN_PROGRESS", "HOOK_SUCCEEDED", "HOOK_FAILED", "HOOK_TIMED_OUT", "HOOK_SOMETHING_ELSE"])
def test_a_hook_is_heard_of_only_while_it_waits_for_somebody(events, name):
    event = json.loads((ROOT / "events/ecs-hook-awaiting-action.json").read_text())
    assert heard(events, event) == ["MigrationHookRule"]
    event["detail"]["eventName"] = name
    assert heard(events, event) == []


OF_INSTANCES = ["0041", "0042", "0060", "0061", "0190", "0196", "0197"]
NOT_HEARD = ["0001", "0002", "0040", "0059", "0074", "0090", "0091", "0159", "0168", "0169"]


@pytest.mark.parametrize("number", OF_INSTANCES + NOT_HEARD)
def test_of_the_events_of_a_snapshot_those_are_heard_that_change_what_is_there(events, number):
    event = json.loads((ROOT / "events/rds-snapshot-created.json").read_text())
    event["detail"]["EventID"] = f"RDS-EVENT-{number}"
    # RDS may give an event another category one day; the number is what it is documented by.
    event["detail"]["EventCategories"] = ["something else"]
    assert heard(events, event) == (["SnapshotCompletedRule"] if number in OF_INSTANCES else [])


NOT_OURS = ["orders", "my-steward-orders", "Steward-orders", "rds:steward-orders-2026-11-20-03-07", "steward", ""]


@pytest.mark.parametrize("name", NOT_OURS)
def test_a_snapshot_that_is_not_called_as_ours_are_wakes_nobody(events, name):
    event = json.loads((ROOT / "events/rds-snapshot-created.json").read_text())
    event["detail"]["SourceIdentifier"] = name
    assert heard(events, event) == []


# Patterns that are met elsewhere and never match what RDS sends: the end of a backup as an event of the snapshot, the
# category of instances for a cluster, the ARN of the database, members of the detail beside it.
NEVER_HEARD = [
    {"detail-type": ["RDS DB Snapshot Event"], "detail": {"EventID": ["RDS-EVENT-0002"]}},
    {"detail-type": ["RDS DB Cluster Snapshot Event"], "detail": {"EventCategories": ["creation"]}},
    {
        "detail-type": ["RDS DB Cluster Snapshot Event"],
        "detail": {"SourceArn": [{"prefix": "arn:aws:rds:eu-west-1:123456789012:cluster:"}]},
    },
    {"detail-type": ["RDS DB Snapshot Event"], "EventID": ["RDS-EVENT-0042"]},
    {"detail-type": ["RDS DB Instance Event"], "detail": {"EventID": ["RDS-EVENT-0042"]}},
]


@pytest.mark.parametrize("wrong", NEVER_HEARD, ids=json.dumps)
def test_the_samples_are_not_heard_by_patterns_that_hear_nothing_of_rds(events, wrong):
    wrong_pattern = json.dumps({"source": ["aws.rds"]} | wrong)
    for name in HEARD["SnapshotCompletedRule"]:
        event = (ROOT / f"events/{name}.json").read_text()
        assert not events.test_event_pattern(EventPattern=wrong_pattern, Event=event)["Result"], name


def test_the_judge_refuses_what_eventbridge_refuses(events):
    with pytest.raises(ClientError, match="InvalidEventPattern"):
        events.test_event_pattern(
            EventPattern='{"detail":{"image-tag":[{"anything-but":{"prefix":[""]}}]}}',
            Event=(ROOT / "events/ecr-image-pushed.json").read_text(),
        )
