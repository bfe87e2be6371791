"""The real binary of `migrate` against moto, an emulator that nobody here wrote: its ECS, DynamoDB, EventBridge and SNS parse
what the SDK sends, and the SDK parses what they answer.

What moto does not do, so that nothing is shown of it here (`deviations.py` holds it to that):
- `clientToken`: asked twice it starts two tasks. That the function asks once is shown; that a lost answer starts no second
  task is for the lab.
- A task that ends: it has exit code 0 from its start and never a stop code. So none is ever proven, which is shown as such.
- Service revisions, lifecycle hooks, `failures[]`, events of its own, permissions.

Restore points are in `test_restore_points.py`.
"""

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

ACCOUNT, REGION = "123456789012", "eu-west-1"
BEGIN = datetime(2037, 3, 6, 9, 0, tzinfo=timezone.utc)
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop@sha256:{'0f' * 32}"
COMMAND = ["/app/bin/shop", "eval", "Shop.Release.migrate()"]
FAMILY = "steward-migrate-shop"


@pytest.fixture(scope="module")
def account(aws, tasks_that_run):
    """Two services that migrate one database, in subnets that exist, and what the function needs."""
    ecs, ec2 = aws.client("ecs"), aws.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    group = ec2.create_security_group(GroupName="tasks", Description="tasks", VpcId=subnet["VpcId"])["GroupId"]
    ecs.create_cluster(clusterName="prod")
    labels = {"steward.migrate": json.dumps(COMMAND), "steward.migrate-timeout": "10"}
    containers = [
        {"name": "api", "image": IMAGE, "essential": True, "dockerLabels": labels, "memory": 128},
        {"name": "proxy", "image": "proxy:1", "essential": True, "memory": 64},
    ]
    ecs.register_task_definition(
        family="shop",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=containers,
        tags=[{"key": "team", "value": "shop"}],
    )
    services = {}
    for name in ("shop", "worker"):
        vpc = {"subnets": [subnet["SubnetId"]], "securityGroups": [group], "assignPublicIp": "DISABLED"}
        created = ecs.create_service(
            cluster="prod",
            serviceName=name,
            taskDefinition="shop",
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": vpc},
            tags=[{"key": "steward:migrate", "value": "api"}, {"key": "steward:database", "value": "shop-db"}],
        )
        services[name] = created["service"]["serviceArn"]
    return SimpleNamespace(ecs=ecs, services=services, subnet=subnet["SubnetId"], group=group)


@pytest.fixture(scope="module")
def invoke(account, start):
    """Wakes the function with an event, so many minutes after the beginning."""
    function = start("migrate")

    def wake(minutes, kind, **detail):
        time = (BEGIN + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {"version": "0", "id": f"{kind}-{time}", "source": "steward", "detail-type": kind, "account": ACCOUNT}
        event |= {"region": REGION, "time": time, "resources": [], "detail": detail}
        return function.invoke(event)["decisions"]

    return wake


def tasks(account):
    """All tasks of migrations that moto knows, in order of their `startedBy`."""
    arns = account.ecs.list_tasks(cluster="prod", family=FAMILY)["taskArns"]
    found = account.ecs.describe_tasks(cluster="prod", tasks=arns)["tasks"] if arns else []
    return sorted(found, key=lambda task: task["startedBy"])


def only(decisions):
    assert len(decisions) == 1, decisions
    return decisions[0]


@pytest.fixture(scope="module")
def story(invoke, account):
    """One run that hangs and is stopped while another waits; the other's end, which moto cannot prove; a decision."""
    told = SimpleNamespace()
    asked = {"service": account.services["shop"], "request": "nightly", "at": "2037-03-06T09:00:00Z"}
    told.asked = only(invoke(0, "Migration Requested", **asked))
    told.first = tasks(account)
    told.again = invoke(1, "Migration Requested", **asked)
    told.other = only(invoke(2, "Migration Requested", service=account.services["worker"], request="by-hand"))
    told.while_it_runs = tasks(account)
    told.late = invoke(11, "Sweep")
    told.stopped = tasks(account)
    told.after = invoke(14, "Sweep")
    told.second = tasks(account)
    # The other's ends by itself as moto has it: STOPPED, with exit code 0, and without a word why.
    running = [task for task in told.second if task["lastStatus"] != "STOPPED"]
    for task in running:
        account.ecs.stop_task(cluster="prod", task=task["taskArn"])
    told.unproven = invoke(16, "Sweep")
    run = told.other["run"]
    why = {"run": run, "outcome": "migrated", "why": "moto says nothing, the table of versions does"}
    told.decided = only(invoke(18, "Migration Resolved", **why)[-1:])
    told.quiet = invoke(20, "Sweep")
    return told


def test_the_task_is_the_services_own_in_a_family_of_its_own(story, account):
    assert story.asked["decision"] == "migrating" and len(story.first) == 1, story.asked
    task = story.first[0]
    definition = account.ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"], include=["TAGS"])
    assert definition["tags"] == [{"key": "team", "value": "shop"}]
    definition = definition["taskDefinition"]
    assert definition["family"] == FAMILY and definition["networkMode"] == "awsvpc"
    containers = {it["name"]: it for it in definition["containerDefinitions"]}
    assert containers["api"]["essential"] is True and containers["proxy"]["essential"] is False
    assert containers["api"]["image"] == IMAGE
    network = {it["name"]: it["value"] for it in task["attachments"][0]["details"]}
    assert network["subnetId"] == account.subnet and task["launchType"] == "FARGATE"


def test_the_command_is_all_that_is_overridden_and_the_task_says_whose_it_is(story):
    task = story.first[0]
    assert task["overrides"]["containerOverrides"] == [{"name": "api", "command": COMMAND}]
    run = story.asked["run"]
    assert task["startedBy"] == f"steward/m/{run}/m1" and len(run) == 26


def test_asked_twice_and_beside_it_one_task_runs_on_the_database(story):
    assert [record["decision"] for record in story.again] == ["migrating"]
    assert story.other["decision"] == "waiting"
    assert len(story.while_it_runs) == 1, story.while_it_runs


def test_what_takes_too_long_is_stopped_and_over_only_then(story):
    words = {record["run"]: record["decision"] for record in story.late}
    assert words == {story.asked["run"]: "stopping", story.other["run"]: "waiting"}, story.late
    assert [task["lastStatus"] for task in story.stopped] == ["STOPPED"]
    assert story.asked["run"] in story.stopped[0]["stoppedReason"]
    words = {record["run"]: record["decision"] for record in story.after}
    assert words[story.asked["run"]] == "failed", story.after


def test_the_next_begins_when_the_first_is_over(story):
    ours = [task["startedBy"] for task in story.second if story.other["run"] in task["startedBy"]]
    assert ours == [f"steward/m/{story.other['run']}/m1"], story.second


def test_exit_code_0_without_a_stop_code_is_no_proof_and_a_person_decides(story):
    assert only(story.unproven)["decision"] == "unknown", story.unproven
    assert story.decided["decision"] == "migrated" and story.decided["run"] == story.other["run"]
    assert story.quiet == [], "nothing is left to do"


def test_nothing_fails(story):
    everything = [story.asked, *story.again, story.other, *story.late, *story.after, *story.unproven, story.decided]
    failed = [record for record in everything if record["decision"] == "failed" and "run" not in record]
    assert failed == []
