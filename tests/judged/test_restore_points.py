"""The real binaries of `migrate` and `snapshot` against moto, together: restore points of an instance and of a cluster before a
migration, the last lines of one that hangs, a call that never arrived. Moto takes what is put on the bus and delivers nothing:
the test carries it from one function to the other.

What moto does not do is in `test_migrate.py` and `deviations.py`.
"""

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from events import ACCOUNT, REGION, batch, event

BEGIN = datetime(2037, 3, 6, 9, 0, tzinfo=timezone.utc)
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop@sha256:{'0f' * 32}"
KINDS = {"orders": "RDS DB Snapshot Event", "records": "RDS DB Cluster Snapshot Event"}


@pytest.fixture(scope="module")
def account(aws, tasks_that_run):
    """Three services that migrate: before a snapshot of an instance, before one of a cluster, and before nothing."""
    ecs, rds, logs = aws.client("ecs"), aws.client("rds"), aws.client("logs")
    common = {"MasterUsername": "root", "MasterUserPassword": "not-a-secret"}
    common |= {"Tags": [{"Key": "steward:snapshot", "Value": "on-request"}]}
    instance = {"DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20, "Engine": "postgres"}
    rds.create_db_instance(DBInstanceIdentifier="orders", **instance, **common)
    rds.create_db_cluster(DBClusterIdentifier="records", Engine="aurora-postgresql", **common)
    ecs.create_cluster(clusterName="prod")
    subnet = aws.client("ec2").describe_subnets()["Subnets"][0]
    vpc = {"awsvpcConfiguration": {"subnets": [subnet["SubnetId"]], "securityGroups": [], "assignPublicIp": "DISABLED"}}
    fargate = {"networkMode": "awsvpc", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"]}
    options = {"awslogs-group": "/prod/shop", "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}
    container = {"name": "api", "image": IMAGE, "essential": True, "memory": 128}
    container |= {"dockerLabels": {"steward.migrate": '["up"]', "steward.migrate-timeout": "5"}}
    container |= {"logConfiguration": {"logDriver": "awslogs", "options": options}}
    services = {}
    for name in ("orders", "records", "plain"):
        tags = {"migrate": "api"} if name == "plain" else {"migrate": "api", "database": name, "restore-point": "snapshot"}
        ecs.register_task_definition(family=name, containerDefinitions=[container], **fargate)
        made = ecs.create_service(
            cluster="prod",
            serviceName=name,
            taskDefinition=name,
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration=vpc,
            tags=[{"key": f"steward:{key}", "value": value} for key, value in tags.items()],
        )
        services[name] = made["service"]["serviceArn"]
    logs.create_log_group(logGroupName="/prod/shop")

    def log(task, line):
        stream = {"logGroupName": "/prod/shop", "logStreamName": f"ecs/api/{task}"}
        logs.create_log_stream(**stream)
        # Of moto's own clock: lines of tomorrow are not taken.
        at = int(datetime.now(timezone.utc).timestamp() * 1000)
        logs.put_log_events(**stream, logEvents=[{"timestamp": at, "message": line}])

    return SimpleNamespace(ecs=ecs, services=services, log=log)


def subjects(records):
    return {record["subject"].removeprefix("prod/"): record for record in records}


@pytest.fixture(scope="module")
def story(aws, account, stack, start):
    migrate, snapshot, told = start("migrate"), start("snapshot"), SimpleNamespace()

    def wake(function, minutes, kind, source="steward", resources=(), **detail):
        at = BEGIN + timedelta(minutes=minutes)
        aws.set_clock(at)
        return event(at, source, kind, detail, resources), function

    def asked(name):
        return {"service": account.services[name], "request": "nightly", "requested-by": "ana"}

    def do(*arguments, **detail):
        what, function = wake(*arguments, **detail)
        return function.invoke(what)["decisions"]

    told.asked = subjects([it for name in KINDS for it in do(migrate, 0, "Migration Requested", **asked(name))])
    told.running_at_first = account.ecs.list_tasks(cluster="prod")["taskArns"]
    # From migrate to snapshot, from RDS to snapshot, from snapshot to migrate.
    told.requests = list(migrate.recorder.told)
    told.taken = [do(snapshot, 1, kind, **detail)[0] for kind, detail in told.requests]
    for taken in told.taken:
        name = taken["taken"]
        of = {"SourceIdentifier": name, "SourceType": "SNAPSHOT", "EventCategories": ["creation"], "Date": "2037-03-06T09:02:00Z"}
        is_cluster = taken["subject"] == "records"
        of |= {"EventID": "RDS-EVENT-0075" if is_cluster else "RDS-EVENT-0042", "Message": "Manual snapshot created"}
        of |= {"SourceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:{'cluster-snapshot' if is_cluster else 'snapshot'}:{name}"}
        do(snapshot, 2, KINDS[taken["subject"]], "aws.rds", [of["SourceArn"]], **of)
    told.announced = list(snapshot.recorder.told)
    told.begun = subjects([it for kind, detail in told.announced for it in do(migrate, 3, kind, **detail)])
    told.running = account.ecs.describe_tasks(cluster="prod", tasks=account.ecs.list_tasks(cluster="prod")["taskArns"])["tasks"]
    for task in told.running:
        account.log(task["taskArn"].rsplit("/")[-1], "waiting for a lock")
    told.late, told.over = subjects(do(migrate, 10, "Sweep")), subjects(do(migrate, 14, "Sweep"))
    told.alerts = stack.alerts()
    # A call that does not arrive, three times over; whether it did can only be found by looking.
    migrate.recorder.out_of_order.add("ecs:RunTask")
    what, _ = wake(migrate, 16, "Migration Requested", **asked("plain"))
    told.lost = migrate.fails(what)
    migrate.recorder.out_of_order.clear()
    told.looked_for = subjects(do(migrate, 62, "Sweep"))
    told.unreadable, told.dead = migrate.invoke(batch("{ not json")), stack.dead()
    told.calls, told.refused = migrate.recorder.answered(), migrate.recorder.refused()
    return told


def test_nothing_is_migrated_before_the_restore_point_is_there(story):
    assert [story.asked[name]["decision"] for name in KINDS] == ["restore-point"] * 2
    assert story.running_at_first == []


def test_migrate_asks_in_words_that_snapshot_understands_and_is_answered(story):
    assert [kind for kind, _ in story.requests] == ["Snapshot Requested"] * 2
    assert [taken["subject"] for taken in story.taken] == list(KINDS)
    assert [kind for kind, _ in story.announced] == ["Snapshot Available"] * 2
    assert [detail["request"] for _, detail in story.announced] == [detail["request"] for _, detail in story.requests]


@pytest.mark.parametrize("name", KINDS)
def test_with_the_restore_point_one_task_runs_for_each(story, name):
    record = story.begun[name]
    assert record["decision"] == "migrating", record
    ours = [task["taskArn"] for task in story.running if record["run"] in task["startedBy"]]
    assert [arn.rsplit("/")[-1] for arn in ours] == [record["task"]]


@pytest.mark.parametrize("name", KINDS)
def test_what_hangs_is_stopped_and_its_last_lines_and_restore_point_are_told(story, name):
    assert [story.late[name]["decision"], story.over[name]["decision"]] == ["stopping", "failed"]
    told = [json.loads(alert)["Message"] for alert in story.alerts]
    (told,) = [text for text in told if text.startswith(f"prod/{name}:")]
    assert "| waiting for a lock" in told and f"snapshot steward-{name}-req-" in told


def test_a_call_that_never_arrived_is_looked_for_and_not_made_again(story):
    assert story.lost.startswith("ecs:RunTask on steward-migrate-plain failed")
    assert "ecs:ListTasks" in story.calls
    assert story.looked_for["plain"]["decision"] == "unknown", story.looked_for


def test_what_nobody_can_read_goes_to_the_dead_letters(story):
    assert story.unreadable == {"batchItemFailures": []} and story.dead == ["{ not json"]


def test_moto_refuses_only_what_is_not_there(story):
    """An instance is asked for before a cluster of that name; schedules have names that say what they are for."""
    not_there = {("rds:DescribeDBInstances", "DBInstanceNotFound"), ("scheduler:CreateSchedule", "ConflictException")}
    assert story.refused <= not_there
